"""
Elementwise layers of two inputs, and softmax.
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
    verify_has_dimensions,
    verify_same_shape,
    verify_zero_points,
)
from tinyml.dialects.layer_format import (
    CLAMP,
    INS,
    INS_2,
    ONE,
    POINTWISE,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)


class BinaryOp(LayerOp, ABC):
    """An elementwise layer of two inputs of one shape."""

    lhs = operand_def(MemRefType[I8])
    rhs = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    zero_points = prop_def(DenseArrayBase[I64])
    clamp = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess]:
        return POINTWISE

    def verify_layer(self) -> None:
        verify_same_shape(self.lhs, self.output)
        verify_same_shape(self.rhs, self.output)
        verify_zero_points(self.zero_points, self.lhs, self.rhs, self.output)
        verify_clamp(self.clamp, self.output)
        if self.rounding.data is Rounding.AWAY:
            raise VerifyException("rounding away is not defined for sums and products")


@irdl_op_definition
class AddOp(BinaryOp):
    """
    The sum of two tensors of different scales; factors for lhs, rhs and the sum.

    With `rounding double` (TFLite) `a = (lhs - zp) << 20` and `b` likewise are
    requantized one by one, then their sum is. With another contract the two products
    are added exactly and rounded once; both shifts then have to be equal, and the
    third factor has to be `<1073741824, 1>`, which is one.

    ```mlir
    tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
      requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>,
               #tinyml.requant<1968490240, -19>]
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.add"

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
        if len(self.requant) != 3:
            raise VerifyException(
                f"{len(self.requant)} requant factors, expected 3 (lhs, rhs, sum)"
            )
        if self.rounding.data is Rounding.DOUBLE:
            return
        lhs, rhs, total = self.requant
        if lhs.shift != rhs.shift or total != ONE:
            raise VerifyException(
                f"rounding {self.rounding.data} needs equal shifts of lhs and rhs and "
                "the factor one for the sum"
            )


@irdl_op_definition
class MulOp(BinaryOp):
    """
    The product of two tensors, elementwise: `(lhs - zp) * (rhs - zp)`, scaled.

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


@irdl_op_definition
class SoftmaxOp(LayerOp):
    """
    Softmax along the last dimension; the output's scale is 1/256, its zero point -128.

    `requant` takes a difference of inputs to Q5.26, the argument of the fixed-point
    exponential of gemmlowp (`rounding double`, TFLite's integer softmax).

    ```mlir
    tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
      requant <1381073408, 24> rounding double
    ```
    """

    name = "tinyml.softmax"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    requant = prop_def(RequantAttr)
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect())
    assembly_format = f"{INS} `requant` $requant{ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={"requant": requant, "rounding": RoundingAttr(rounding)},
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        return POINTWISE if len(shape(self.input)) == 4 else None

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_has_dimensions(self.input)
        if self.requant.shift.data < 0:
            raise VerifyException(
                f"requant shift {self.requant.shift.data} is negative, the factor has "
                "to be at least one half"
            )
        if shape(self.input)[-1] >= 1 << 12:
            raise VerifyException(
                f"{shape(self.input)[-1]} classes overflow the sum, at most 4095"
            )
        if self.rounding.data is not Rounding.DOUBLE:
            raise VerifyException("softmax is defined with rounding double only")
