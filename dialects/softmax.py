"""
Softmax: TFLite's and its logarithm in fixed point, and one that rounds once.
"""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import (
    I8,
    I64,
    DenseArrayBase,
    MemRefType,
    SymbolRefAttr,
    i32,
)
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import RequantAttr, Rounding, RoundingAttr
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    LayerSymbolUses,
    integers,
    shape,
    verify_has_dimensions,
    verify_same_shape,
)
from tinyml.dialects.layer_format import (
    INS,
    POINTWISE,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)


class FixedPointSoftmaxOp(LayerOp, ABC):
    """
    A function of rows whose grid is given. `requant` takes a difference of inputs to
    Q5.26, the argument of the fixed-point exponential of gemmlowp (`rounding double`).
    """

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
        multiplier, shift = self.requant.multiplier.data, self.requant.shift.data
        if multiplier < 1 << 30 or shift < 0:
            raise VerifyException(f"requant <{multiplier}, {shift}> is below one half")
        verify_classes(self.input)
        if self.rounding.data is not Rounding.DOUBLE:
            raise VerifyException("softmax is defined with rounding double only")


@irdl_op_definition
class SoftmaxOp(FixedPointSoftmaxOp):
    """
    Softmax along the last dimension (TFLite's integer softmax); the output's scale is
    1/256, its zero point -128.

    ```mlir
    tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
      requant <1381073408, 24> rounding double
    ```
    """

    name = "tinyml.softmax"


@irdl_op_definition
class LogSoftmaxOp(FixedPointSoftmaxOp):
    """
    The logarithm of softmax along the last dimension (TFLite's integer LOG_SOFTMAX);
    the output's scale is 1/16, its zero point 127.

    ```mlir
    tinyml.log_softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
      requant <1381073408, 24> rounding double
    ```
    """

    name = "tinyml.log_softmax"


@irdl_op_definition
class SoftmaxLookupOp(LayerOp):
    """
    Softmax along the last dimension with exponentials from a table, onto any grid:

        y = round(factor * e / sum(e)) + zero_point,  e = exponentials[max(x) - x]

    with one rounding, ties to even. `exponentials` are at most 2^26 and not negative,
    the first one is not zero. `requant` is the factor, the inverse of the output's
    scale, from 128 to 2^30.

    ```mlir
    tinyml.softmax_lookup ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
      exponentials @exp requant <2139095040, 8> zero_points [-128]
    ```
    """

    name = "tinyml.softmax_lookup"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    exponentials = prop_def(SymbolRefAttr)
    requant = prop_def(RequantAttr)
    zero_points = prop_def(DenseArrayBase[I64])

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    custom_directives = (Integers,)
    assembly_format = (
        f"{INS} `exponentials` $exponentials `requant` $requant{ZERO_POINTS} attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        exponentials: str,
        requant: RequantAttr,
        zero_point: int,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "exponentials": SymbolRefAttr(exponentials),
                "requant": requant,
                "zero_points": integer_array([zero_point]),
            },
        )

    def constants(self) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
        return {"exponentials": (self.exponentials, MemRefType(i32, [256]))}

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        return POINTWISE if len(shape(self.input)) == 4 else None

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_has_dimensions(self.input)
        verify_classes(self.input)
        multiplier, shift = self.requant.multiplier.data, self.requant.shift.data
        if multiplier < 1 << 30 or not 8 <= shift <= 30:
            raise VerifyException(
                f"requant <{multiplier}, {shift}> is not from 128 to 2^30"
            )
        points = integers(self.zero_points)
        if len(points) != 1 or not -128 <= points[0] <= 127:
            raise VerifyException(f"zero points {list(points)} are not one byte")


def verify_classes(input: SSAValue) -> None:
    """The sum over a row of exponentials of at most 1 has 12 bits before the point."""
    if (classes := shape(input)[-1]) >= 1 << 12:
        raise VerifyException(f"{classes} classes overflow the sum, at most 4095")
