"""
Layers that move elements and change none.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    MemRefType,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    buffer_type,
    integers,
    shape,
    verify_in_range,
    verify_same_elements,
)
from tinyml.dialects.layer_format import (
    INS,
    integer_array,
)


class MoveOp(LayerOp, ABC):
    """A layer that moves elements and changes none."""

    input = operand_def(MemRefType)
    output = operand_def(MemRefType)

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)


@irdl_op_definition
class PadOp(MoveOp):
    """
    Surrounds a tensor with `value`: `low` elements before, `high` after, per dimension.

    ```mlir
    tinyml.pad ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x10x10x3xi8>)
      low [0, 1, 1, 0] high [0, 1, 1, 0] value -128
    ```
    """

    name = "tinyml.pad"

    low = prop_def(DenseArrayBase[I64])
    high = prop_def(DenseArrayBase[I64])
    value = prop_def(IntegerAttr[I64])

    assembly_format = (
        f"{INS} `low` custom<Integers>($low) `high` custom<Integers>($high)"
        " `value` $value attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        low: Sequence[int],
        high: Sequence[int],
        value: int,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "low": integer_array(low),
                "high": integer_array(high),
                "value": IntegerAttr(value, i64),
            },
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        low, high = integers(self.low), integers(self.high)
        if len(low) != 4:
            return None
        return (
            AxisAccess(pad_before=low[1], pad_after=high[1]),
            AxisAccess(pad_before=low[2], pad_after=high[2]),
        )

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        source, low, high = (
            shape(self.input),
            integers(self.low),
            integers(self.high),
        )
        if not len(source) == len(low) == len(high):
            raise VerifyException(
                f"{len(low)} low and {len(high)} high pads for {len(source)} dimensions"
            )
        if any(count < 0 for count in (*low, *high)):
            raise VerifyException("a pad is negative")
        expected = tuple(a + b + c for a, b, c in zip(source, low, high, strict=True))
        if shape(self.output) != expected:
            raise VerifyException(
                f"padded shape is {expected}, output is {shape(self.output)}"
            )
        element = buffer_type(self.output).element_type
        if not isinstance(element, IntegerType):
            raise VerifyException(f"cannot pad elements of type {element}")
        verify_in_range("value", self.value.value.data, self.output)


@irdl_op_definition
class ReshapeOp(MoveOp):
    """
    The same elements in the same order, in another shape.

    ```mlir
    tinyml.reshape ins(%x : memref<1x1x1x10xi8>) outs(%y : memref<1x10xi8>)
    ```
    """

    name = "tinyml.reshape"

    assembly_format = f"{INS} attr-dict"

    def __init__(self, input: SSAValue, output: SSAValue):
        super().__init__(operands=[input, output])

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        if prod(shape(self.input)) != prod(shape(self.output)):
            raise VerifyException(
                f"{shape(self.input)} and {shape(self.output)} differ in size"
            )


@irdl_op_definition
class TransposeOp(MoveOp):
    """
    Dimension `i` of the output is dimension `permutation[i]` of the input.

    ```mlir
    tinyml.transpose ins(%x : memref<1x3x3x8xi8>) outs(%y : memref<1x8x3x3xi8>)
      permutation [0, 3, 1, 2]
    ```
    """

    name = "tinyml.transpose"

    permutation = prop_def(DenseArrayBase[I64])

    assembly_format = f"{INS} `permutation` custom<Integers>($permutation) attr-dict"

    def __init__(self, input: SSAValue, output: SSAValue, permutation: Sequence[int]):
        super().__init__(
            operands=[input, output],
            properties={"permutation": integer_array(permutation)},
        )

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        order, source = integers(self.permutation), shape(self.input)
        if sorted(order) != list(range(len(source))):
            raise VerifyException(
                f"{list(order)} does not permute {len(source)} dimensions"
            )
        expected = tuple(source[i] for i in order)
        if shape(self.output) != expected:
            raise VerifyException(
                f"permuted shape is {expected}, output is {shape(self.output)}"
            )
