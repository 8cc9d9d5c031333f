"""
Elementwise changes between real numbers and quantized ones.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IntegerType,
    MemRefType,
    f32,
    i8,
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
    INTEGER_ROUNDINGS,
    RequantAttr,
    Rounding,
    RoundingAttr,
    verify_scale,
)
from tinyml.dialects.constants import UI8
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    buffer_type,
    verify_same_shape,
    verify_zero_points,
)
from tinyml.dialects.layer_format import (
    INS,
    POINTWISE,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)


class ScaleOp(LayerOp, ABC):
    """An elementwise change between numbers and their quantized form."""

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess]:
        return POINTWISE


@irdl_op_definition
class QuantizeOp(ScaleOp):
    """
    `round(x / scale) + zero_point`, saturated, in single precision.

    ```mlir
    tinyml.quantize ins(%x : memref<1x8xf32>) outs(%y : memref<1x8xi8>)
      scale 5.000000e-01 zero_points [-1] rounding away
    ```
    """

    name = "tinyml.quantize"

    input = operand_def(MemRefType[Float32Type])
    output = operand_def(MemRefType[IntegerType])
    scale = prop_def(FloatAttr[Float32Type])
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    assembly_format = f"{INS} `scale` $scale{ZERO_POINTS}{ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        scale: float,
        zero_point: int,
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "scale": FloatAttr(scale, f32),
                "zero_points": integer_array([zero_point]),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_scale(self.scale)
        verify_byte(self.output)
        verify_zero_points(self.zero_points, self.output)
        if self.rounding.data not in (Rounding.AWAY, Rounding.EVEN):
            raise VerifyException(
                f"rounding {self.rounding.data} is not defined for floats, expected "
                "away or even"
            )


@irdl_op_definition
class DequantizeOp(ScaleOp):
    """
    `scale * (x - zero_point)` in single precision.

    ```mlir
    tinyml.dequantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xf32>)
      scale 5.000000e-01 zero_points [-1]
    ```
    """

    name = "tinyml.dequantize"

    input = operand_def(MemRefType[IntegerType])
    output = operand_def(MemRefType[Float32Type])
    scale = prop_def(FloatAttr[Float32Type])
    zero_points = prop_def(DenseArrayBase[I64])

    assembly_format = f"{INS} `scale` $scale{ZERO_POINTS} attr-dict"

    def __init__(
        self, input: SSAValue, output: SSAValue, scale: float, zero_point: int
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "scale": FloatAttr(scale, f32),
                "zero_points": integer_array([zero_point]),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_scale(self.scale)
        verify_byte(self.input)
        verify_zero_points(self.zero_points, self.input)


@irdl_op_definition
class RequantizeOp(ScaleOp):
    """
    From one scale and zero point to another; also between signed and unsigned bytes.

    ```mlir
    tinyml.requantize ins(%x : memref<1x8xui8>) outs(%y : memref<1x8xi8>)
      requant <1073741824, 1> zero_points [127, -1] rounding double
    ```
    """

    name = "tinyml.requantize"

    input = operand_def(MemRefType[IntegerType])
    output = operand_def(MemRefType[IntegerType])
    requant = prop_def(RequantAttr)
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    assembly_format = f"{INS} `requant` $requant{ZERO_POINTS}{ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        zero_points: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "requant": requant,
                "zero_points": integer_array(zero_points),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_byte(self.input)
        verify_byte(self.output)
        verify_zero_points(self.zero_points, self.input, self.output)
        self.rounding.verify_is_one_of(INTEGER_ROUNDINGS, "integers")


def verify_byte(value: SSAValue) -> None:
    element = buffer_type(value).element_type
    if element not in (i8, UI8):
        raise VerifyException(f"elements are {element}, expected i8 or ui8")
