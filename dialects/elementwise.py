"""
Elementwise layers of two inputs.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I8,
    I64,
    ArrayAttr,
    DenseArrayBase,
    MemRefType,
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
from tinyml.dialects.attributes import (
    SUM_ROUNDINGS,
    RequantAttr,
    Rounding,
    RoundingAttr,
)
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    shape,
    verify_clamp,
    verify_zero_points,
)
from tinyml.dialects.layer_format import (
    CLAMP,
    INS_2,
    ONE,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)


class BroadcastOp(LayerOp, ABC):
    """
    An elementwise layer of two inputs that are broadcast to the output's shape, as in
    NumPy: dimensions are aligned at the last one, and a size of 1 is repeated.
    """

    lhs = operand_def(MemRefType[I8])
    rhs = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)

    def aligned_shape(self, index: int) -> tuple[int, ...]:
        """The shape of an input with as many dimensions as the output has."""
        found, rank = shape(self.operands[index]), len(shape(self.output))
        return (1,) * (rank - len(found)) + found

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        if len(shape(self.output)) != 4:
            return None
        sizes = zip(self.aligned_shape(index), shape(self.output), strict=True)
        _, height, width, _ = (
            AxisAccess(stride=0 if size < whole else 1) for size, whole in sizes
        )
        return height, width

    def verify_layer(self) -> None:
        whole = shape(self.output)
        for value in (self.lhs, self.rhs):
            if len(shape(value)) > len(whole):
                raise VerifyException(
                    f"{shape(value)} has more dimensions than the output {whole}"
                )
        pairs = [self.aligned_shape(0), self.aligned_shape(1)]
        expected = tuple(max(sizes) for sizes in zip(*pairs, strict=True))
        if expected != whole or any(
            size not in (1, top)
            for sizes in pairs
            for size, top in zip(sizes, expected, strict=True)
        ):
            raise VerifyException(
                f"shapes {shape(self.lhs)} and {shape(self.rhs)} do not broadcast to "
                f"{whole}"
            )


class BinaryOp(BroadcastOp, ABC):
    """A sum or product: inputs and output have scales of their own."""

    zero_points = prop_def(DenseArrayBase[I64])
    clamp = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    def verify_layer(self) -> None:
        super().verify_layer()
        verify_zero_points(self.zero_points, self.lhs, self.rhs, self.output)
        verify_clamp(self.clamp, self.output)


class SumOp(BinaryOp, ABC):
    """
    A sum or difference; `requant` has the factors for lhs, rhs and the result.

    With `rounding double` (TFLite) `a = (lhs - zp) << 20` and `b` likewise are
    requantized one by one, then their sum is. With another contract the two products
    are added exactly and rounded once; both shifts then have to be equal, and the
    third factor has to be `<1073741824, 1>`, which is one. `rounding f32` adds the
    zero points' share of the result to `factor * rhs`, that to `factor * lhs`, each
    time rounding to a float as a fused multiply-add does.
    """

    requant = prop_def(ArrayAttr[RequantAttr])

    assembly_format = (
        f"{INS_2} `requant` $requant{ZERO_POINTS}{CLAMP}{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        output: SSAValue,
        requant: Sequence[RequantAttr],
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[lhs, rhs, output],
            properties={
                "requant": ArrayAttr(requant),
                "zero_points": integer_array(zero_points),
                "clamp": integer_array(clamp),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        super().verify_layer()
        self.rounding.verify_is_one_of(SUM_ROUNDINGS, "sums")
        if len(self.requant) != 3:
            raise VerifyException(
                f"{len(self.requant)} requant factors, expected 3 (lhs, rhs, sum)"
            )
        if self.rounding.data is Rounding.DOUBLE:
            return
        lhs, rhs, total = self.requant
        if self.rounding.data is Rounding.F32:
            lhs.verify_is_float()
            rhs.verify_is_float()
            if total != ONE:
                raise VerifyException("rounding f32 needs the factor one for the sum")
            return
        if lhs.shift != rhs.shift or total != ONE:
            raise VerifyException(
                f"rounding {self.rounding.data} needs equal shifts of lhs and rhs and "
                "the factor one for the sum"
            )


@irdl_op_definition
class AddOp(SumOp):
    """
    The sum of two tensors of different scales (see `SumOp`).

    ```mlir
    tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
      requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>,
               #tinyml.requant<1968490240, -19>]
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.add"


@irdl_op_definition
class SubOp(SumOp):
    """
    The difference of two tensors of different scales, lhs - rhs (see `SumOp`).

    ```mlir
    tinyml.sub ins(%a, %b : memref<1x4x4x8xi8>, memref<8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
      requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>,
               #tinyml.requant<1968490240, -19>]
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.sub"


class ExtremumOp(BroadcastOp, ABC):
    """The larger or smaller of two elements of one quantization."""

    assembly_format = f"{INS_2} attr-dict"

    def __init__(self, lhs: SSAValue, rhs: SSAValue, output: SSAValue):
        super().__init__(operands=[lhs, rhs, output])


@irdl_op_definition
class MaximumOp(ExtremumOp):
    """
    The larger of two elements.

    ```mlir
    tinyml.maximum ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
    ```
    """

    name = "tinyml.maximum"


@irdl_op_definition
class MinimumOp(ExtremumOp):
    """
    The smaller of two elements.

    ```mlir
    tinyml.minimum ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
    ```
    """

    name = "tinyml.minimum"


@irdl_op_definition
class MulOp(BinaryOp):
    """
    The product of two tensors, elementwise: `(lhs - zp) * (rhs - zp)`, scaled. With
    `rounding f32` the output's zero point is added before the rounding.

    ```mlir
    tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>) requant <1717986918, -7>
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.mul"

    requant = prop_def(RequantAttr)

    assembly_format = (
        f"{INS_2} `requant` $requant{ZERO_POINTS}{CLAMP}{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[lhs, rhs, output],
            properties={
                "requant": requant,
                "zero_points": integer_array(zero_points),
                "clamp": integer_array(clamp),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        super().verify_layer()
        self.rounding.verify_is_one_of(SUM_ROUNDINGS, "products")
        if self.rounding.data is Rounding.F32:
            self.requant.verify_is_float()
