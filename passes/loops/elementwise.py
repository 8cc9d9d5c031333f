"""Elementwise layers as one loop over all elements."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import f32, i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.constants import is_unsigned
from tinyml.dialects.layer import (
    LayerOp,
    buffer_type,
    integer_range,
    integers,
    shape,
)
from tinyml.dialects.tinyml import (
    AddOp,
    DequantizeOp,
    MulOp,
    QuantizeOp,
    RequantizeOp,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.requantize import (
    constant_factor,
    double_rounding,
    may_wrap,
    requantize,
    single_rounding,
)

CENTRED_BITS = 8
PRODUCT_BITS = 16
SUM_BITS = 40
"""
Powers of two that a byte less its zero point, the product of two such, and the sum of
two such times multipliers do not exceed.
"""


def map_elements(
    k: Kernel,
    op: LayerOp,
    inputs: list[SSAValue],
    output: SSAValue,
    function: Callable[..., SSAValue],
) -> None:
    """`output[i] = function(inputs[0][i], ...)` over all elements."""
    sources, target = [k.flat(value) for value in inputs], k.flat(output)

    def element(i: SSAValue, _: Carried) -> None:
        k.store(function(*(k.load(source, i) for source in sources)), target, i)

    k.loop(0, prod(shape(op.layer_output)), element)


def centred(k: Kernel, byte: SSAValue, zero_point: int, unsigned: bool) -> SSAValue:
    """A byte as i32, less its zero point."""
    wide = k.extend_unsigned(byte, i32) if unsigned else k.extend(byte, i32)
    return k.sub(wide, k.i32(zero_point))


def element_unsigned(value: SSAValue) -> bool:
    return is_unsigned(buffer_type(value).element_type)


def lower_add(k: Kernel, op: AddOp, operands: Operands) -> None:
    a_zero, b_zero, y_zero = integers(op.zero_points)
    a_factor, b_factor, y_factor = (constant_factor(k, r) for r in op.requant)

    def double(left: SSAValue, right: SSAValue) -> SSAValue:
        headroom = k.i32(20)
        total = k.add(
            double_rounding(k, k.shl(left, headroom), a_factor),
            double_rounding(k, k.shl(right, headroom), b_factor),
            wrap=max(a_factor.greatest_shift, b_factor.greatest_shift) > 1,
        )
        return double_rounding(k, total, y_factor)

    def single(left: SSAValue, right: SSAValue) -> SSAValue:
        total = k.add(
            k.mul(k.extend(left, i64), k.extend(a_factor.multiplier, i64)),
            k.mul(k.extend(right, i64), k.extend(b_factor.multiplier, i64)),
        )
        return single_rounding(k, total, a_factor, op.rounding.data, SUM_BITS)

    scale = double if op.rounding.data is Rounding.DOUBLE else single

    def add(a: SSAValue, b: SSAValue) -> SSAValue:
        total = scale(centred(k, a, a_zero, False), centred(k, b, b_zero, False))
        total = k.add(total, k.i32(y_zero), wrap=may_wrap(y_factor, op.rounding.data))
        return k.clamp(total, *integers(op.clamp))

    inputs = [operands["lhs"], operands["rhs"]]
    map_elements(k, op, inputs, operands["output"], add)


def lower_mul(k: Kernel, op: MulOp, operands: Operands) -> None:
    a_zero, b_zero, y_zero = integers(op.zero_points)
    factor = constant_factor(k, op.requant)

    def multiply(a: SSAValue, b: SSAValue) -> SSAValue:
        left, right = centred(k, a, a_zero, False), centred(k, b, b_zero, False)
        product = k.mul(left, right)
        scaled = requantize(k, product, factor, op.rounding.data, PRODUCT_BITS)
        wrap = may_wrap(factor, op.rounding.data)
        return k.clamp(k.add(scaled, k.i32(y_zero), wrap=wrap), *integers(op.clamp))

    inputs = [operands["lhs"], operands["rhs"]]
    map_elements(k, op, inputs, operands["output"], multiply)


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
    # Far beyond any byte, yet exact in single precision and in i32.
    limit = float(1 << 20)

    def convert(x: SSAValue) -> SSAValue:
        ratio = k.insert(arith.DivfOp(x, k.f32(op.scale.value.data)))
        ratio = clamp_float(k, ratio, limit)
        whole = k.insert(arith.FPToSIOp(ratio, i32))
        rest = k.insert(arith.SubfOp(ratio, k.insert(arith.SIToFPOp(whole, f32))))
        up, down = beyond_half(k, rest, whole, op.rounding.data)
        rounded = k.sub(
            k.add(whole, k.extend_unsigned(up, i32)), k.extend_unsigned(down, i32)
        )
        return k.clamp(k.add(rounded, k.i32(zero_point)), low, high)

    map_elements(k, op, [operands["input"]], operands["output"], convert)


def clamp_float(k: Kernel, x: SSAValue, limit: float) -> SSAValue:
    """x in [-limit, limit]; not-a-number becomes -limit."""
    above = k.insert(arith.CmpfOp(x, k.f32(-limit), "ogt"))
    x = k.select(above, x, k.f32(-limit))
    below = k.insert(arith.CmpfOp(x, k.f32(limit), "olt"))
    return k.select(below, x, k.f32(limit))


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
