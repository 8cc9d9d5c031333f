"""Changes between real numbers and quantized ones as loops over all elements."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import f32, i32
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.constants import is_unsigned
from tinyml.dialects.layer import buffer_type, integer_range, integers
from tinyml.dialects.scaling import DequantizeOp, QuantizeOp, RequantizeOp
from tinyml.interp.fixed_point import F32_LIMIT
from tinyml.passes.loops.elementwise import CENTRED_BITS, centred, map_elements
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import constant_factor, may_wrap, requantize


def element_unsigned(value: SSAValue) -> bool:
    return is_unsigned(buffer_type(value).element_type)


def lower_requantize(k: Kernel, op: RequantizeOp, operands: Operands) -> None:
    x_zero, y_zero = integers(op.zero_points)
    factor = constant_factor(k, op.requant)
    low, high = integer_range(buffer_type(op.output).element_type)
    unsigned = element_unsigned(op.input)

    def convert(x: SSAValue) -> SSAValue:
        wide = centred(k, x, x_zero, unsigned)
        scaled = requantize(k, wide, factor, op.rounding.data, CENTRED_BITS)
        wrap = may_wrap(factor, op.rounding.data)
        return k.clamp(k.add(scaled, k.i32(y_zero), wrap=wrap), low, high)

    map_elements(k, op, [operands["input"]], operands["output"], convert)


def lower_quantize(k: Kernel, op: QuantizeOp, operands: Operands) -> None:
    low, high = integer_range(buffer_type(op.output).element_type)
    (zero_point,) = integers(op.zero_points)

    def convert(x: SSAValue) -> SSAValue:
        ratio = k.insert(arith.DivfOp(x, k.f32(op.scale.value.data)))
        ratio = k.clamp_float(ratio, F32_LIMIT)
        whole = k.insert(arith.FPToSIOp(ratio, i32))
        rest = k.insert(arith.SubfOp(ratio, k.insert(arith.SIToFPOp(whole, f32))))
        up, down = beyond_half(k, rest, whole, op.rounding.data)
        rounded = k.sub(
            k.add(whole, k.extend_unsigned(up, i32)), k.extend_unsigned(down, i32)
        )
        return k.clamp(k.add(rounded, k.i32(zero_point)), low, high)

    map_elements(k, op, [operands["input"]], operands["output"], convert)


def beyond_half(
    k: Kernel, rest: SSAValue, whole: SSAValue, rounding: Rounding
) -> tuple[SSAValue, SSAValue]:
    """Whether `rest`, the fraction that truncation lost, rounds up or down (i1)."""
    half, minus_half = k.f32(0.5), k.f32(-0.5)
    if rounding is Rounding.AWAY:
        up = k.insert(arith.CmpfOp(rest, half, "oge"))
        return up, k.insert(arith.CmpfOp(rest, minus_half, "ole"))
    odd = k.compare("ne", k.bit_and(whole, k.i32(1)), k.i32(0))

    def past(limit: SSAValue, beyond: str) -> SSAValue:
        tie = k.bit_and(k.insert(arith.CmpfOp(rest, limit, "oeq")), odd)
        return k.insert(arith.OrIOp(k.insert(arith.CmpfOp(rest, limit, beyond)), tie))

    return past(half, "ogt"), past(minus_half, "olt")


def lower_dequantize(k: Kernel, op: DequantizeOp, operands: Operands) -> None:
    (zero_point,) = integers(op.zero_points)
    unsigned = element_unsigned(op.input)

    def convert(x: SSAValue) -> SSAValue:
        wide = centred(k, x, zero_point, unsigned)
        real = k.insert(arith.SIToFPOp(wide, f32))
        return k.insert(arith.MulfOp(real, k.f32(op.scale.value.data)))

    map_elements(k, op, [operands["input"]], operands["output"], convert)


LOWERINGS: Lowerings = {
    DequantizeOp: lower_dequantize,
    QuantizeOp: lower_quantize,
    RequantizeOp: lower_requantize,
}
