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
    var_operand_def,
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
    POINTWISE,
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
class ConcatOp(LayerOp):
    """
    Tensors behind one another along a dimension; they are quantized alike.

    ```mlir
    tinyml.concat ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x2xi8>)
      outs(%y : memref<1x4x4x10xi8>) axis 3
    ```
    """

    name = "tinyml.concat"

    inputs = var_operand_def(MemRefType)
    output = operand_def(MemRefType)
    axis = prop_def(IntegerAttr[I64])

    traits = traits_def(LayerMemoryEffect())
    assembly_format = (
        "`ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $output `:` type($output)"
        " `)` `axis` $axis attr-dict"
    )

    def __init__(self, inputs: Sequence[SSAValue], output: SSAValue, axis: int):
        super().__init__(
            operands=[inputs, output], properties={"axis": IntegerAttr(axis, i64)}
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        if len(shape(self.output)) != 4 or self.axis.value.data in (1, 2):
            return None
        return POINTWISE

    def verify_layer(self) -> None:
        if not self.inputs:
            raise VerifyException("there is nothing to concatenate")
        axis, whole = self.axis.value.data, shape(self.output)
        if not 0 <= axis < len(whole):
            raise VerifyException(f"axis {axis} is not in [0, {len(whole) - 1}]")
        for value in self.inputs:
            verify_same_elements(value, self.output)
            part = shape(value)
            if len(part) != len(whole) or any(
                part[i] != whole[i] for i in range(len(whole)) if i != axis
            ):
                raise VerifyException(f"{part} is no part of {whole} along axis {axis}")
        total = sum(shape(value)[axis] for value in self.inputs)
        if total != whole[axis]:
            raise VerifyException(
                f"the inputs have {total} along axis {axis}, the output {whole[axis]}"
            )


@irdl_op_definition
class SliceOp(MoveOp):
    """
    The elements `offsets + i * strides` of a tensor; strides may be negative.

    ```mlir
    tinyml.slice ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x8x2xi8>)
      offsets [0, 1, 0, 2] strides [1, 2, 1, 1]
    ```
    """

    name = "tinyml.slice"

    offsets = prop_def(DenseArrayBase[I64])
    strides = prop_def(DenseArrayBase[I64])

    assembly_format = (
        f"{INS} `offsets` custom<Integers>($offsets)"
        " `strides` custom<Integers>($strides) attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        offsets: Sequence[int],
        strides: Sequence[int],
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "offsets": integer_array(offsets),
                "strides": integer_array(strides),
            },
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        offsets, strides = integers(self.offsets), integers(self.strides)
        if len(offsets) != 4 or min(strides[1:3]) < 1:
            return None
        return (
            AxisAccess(stride=strides[1], pad_before=-offsets[1]),
            AxisAccess(stride=strides[2], pad_before=-offsets[2]),
        )

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        source, result = shape(self.input), shape(self.output)
        offsets, strides = integers(self.offsets), integers(self.strides)
        if not len(source) == len(result) == len(offsets) == len(strides):
            raise VerifyException(
                f"{len(offsets)} offsets and {len(strides)} strides for {source} to "
                f"{result}"
            )
        for start, step, size, limit in zip(
            offsets, strides, result, source, strict=True
        ):
            last = start + (size - 1) * step
            if step == 0 or not (0 <= start < limit and 0 <= last < limit):
                raise VerifyException(
                    f"{size} elements from {start} by {step} are not all in "
                    f"[0, {limit - 1}]"
                )


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
