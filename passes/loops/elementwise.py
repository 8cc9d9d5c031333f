"""Elementwise layers of bytes as loops over all elements."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import f32, i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.activation import LookupOp, PReluOp
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.elementwise import (
    AddOp,
    BroadcastOp,
    ExtremumOp,
    MaximumOp,
    MinimumOp,
    MulOp,
    SubOp,
    SumOp,
)
from tinyml.dialects.layer import (
    LayerOp,
    integers,
    shape,
)
from tinyml.interp.fixed_point import single_precision, sum_offset
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import (
    constant_factor,
    double_rounding,
    may_wrap,
    requantize,
    round_float,
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

    def element(at: tuple[SSAValue, ...]) -> None:
        k.store(function(*(k.load(source, *at) for source in sources)), target, *at)

    k.nest([prod(shape(op.layer_output))], element)


def centred(k: Kernel, byte: SSAValue, zero_point: int, unsigned: bool) -> SSAValue:
    """A byte as i32, less its zero point."""
    wide = k.extend_unsigned(byte, i32) if unsigned else k.extend(byte, i32)
    return k.sub(wide, k.i32(zero_point))


def map_pairs(
    k: Kernel,
    op: BroadcastOp,
    operands: Operands,
    function: Callable[[SSAValue, SSAValue], SSAValue],
) -> None:
    """`output[i] = function(lhs[i], rhs[i])`, inputs broadcast to the output."""
    inputs, output = [operands["lhs"], operands["rhs"]], operands["output"]
    whole = shape(op.output)
    aligned = [op.aligned_shape(0), op.aligned_shape(1)]
    if aligned == [whole, whole]:
        map_elements(k, op, inputs, output, function)
        return
    sources = [
        k.reshape(value, sizes) for value, sizes in zip(inputs, aligned, strict=True)
    ]

    def element(at: tuple[SSAValue, ...]) -> None:
        values = [
            k.load(
                source,
                *(k.index(0) if n == 1 else i for i, n in zip(at, sizes, strict=True)),
            )
            for source, sizes in zip(sources, aligned, strict=True)
        ]
        k.store(function(*values), output, *at)

    k.nest(whole, element)


def lower_sum_f32(k: Kernel, op: SumOp, operands: Operands) -> None:
    a_zero, b_zero, y_zero = integers(op.zero_points)
    a_scale, b_scale = (
        single_precision(r.multiplier.data, r.shift.data) for r in op.requant.data[:2]
    )
    if isinstance(op, SubOp):
        b_scale = -b_scale
    offset = k.f32(float(sum_offset(a_scale, a_zero, b_scale, b_zero, y_zero)))

    def scaled(byte: SSAValue, scale: np.float32, more: SSAValue) -> SSAValue:
        real = k.insert(arith.SIToFPOp(k.extend(byte, i32), f32))
        return k.insert(math.FmaOp(real, k.f32(float(scale)), more))

    def add(a: SSAValue, b: SSAValue) -> SSAValue:
        total = scaled(a, a_scale, scaled(b, b_scale, offset))
        return k.clamp(round_float(k, total), *integers(op.clamp))

    map_pairs(k, op, operands, add)


def lower_sum(k: Kernel, op: SumOp, operands: Operands) -> None:
    if op.rounding.data is Rounding.F32:
        return lower_sum_f32(k, op, operands)
    combine = k.add if isinstance(op, AddOp) else k.sub
    a_zero, b_zero, y_zero = integers(op.zero_points)
    a_factor, b_factor, y_factor = (constant_factor(k, r) for r in op.requant)

    def double(left: SSAValue, right: SSAValue) -> SSAValue:
        headroom = k.i32(20)
        total = combine(
            double_rounding(k, k.shl(left, headroom), a_factor),
            double_rounding(k, k.shl(right, headroom), b_factor),
            wrap=max(a_factor.greatest_shift, b_factor.greatest_shift) > 1,
        )
        return double_rounding(k, total, y_factor)

    def single(left: SSAValue, right: SSAValue) -> SSAValue:
        total = combine(
            k.mul(k.extend(left, i64), k.extend(a_factor.multiplier, i64)),
            k.mul(k.extend(right, i64), k.extend(b_factor.multiplier, i64)),
        )
        return single_rounding(k, total, a_factor, op.rounding.data, SUM_BITS)

    scale = double if op.rounding.data is Rounding.DOUBLE else single

    def add(a: SSAValue, b: SSAValue) -> SSAValue:
        total = scale(centred(k, a, a_zero, False), centred(k, b, b_zero, False))
        total = k.add(total, k.i32(y_zero), wrap=may_wrap(y_factor, op.rounding.data))
        return k.clamp(total, *integers(op.clamp))

    map_pairs(k, op, operands, add)


def lower_extremum(k: Kernel, op: ExtremumOp, operands: Operands) -> None:
    choose = k.max if isinstance(op, MaximumOp) else k.min

    def extremum(a: SSAValue, b: SSAValue) -> SSAValue:
        return choose(k.extend(a, i32), k.extend(b, i32))

    map_pairs(k, op, operands, extremum)


def lower_lookup(k: Kernel, op: LookupOp, operands: Operands) -> None:
    def look_up(x: SSAValue) -> SSAValue:
        place = k.add(k.extend(x, i32), k.i32(128))
        return k.load(operands["table"], k.to_index(place))

    map_elements(k, op, [operands["input"]], operands["output"], look_up)


def lower_prelu(k: Kernel, op: PReluOp, operands: Operands) -> None:
    x_zero, alpha_zero, y_zero = integers(op.zero_points)
    positive, negative = (constant_factor(k, r) for r in op.requant)
    x, y, alpha = operands["input"], operands["output"], operands["alpha"]
    rounding = op.rounding.data
    wrap = may_wrap(positive, rounding) or may_wrap(negative, rounding)

    def element(at: tuple[SSAValue, ...]) -> None:
        wide = centred(k, k.load(x, *at), x_zero, False)
        slope = centred(k, k.load(alpha, at[-1]), alpha_zero, False)
        up = requantize(k, wide, positive, rounding, CENTRED_BITS)
        product = k.mul(wide, slope)
        down = requantize(k, product, negative, rounding, PRODUCT_BITS)
        chosen = k.select(k.compare("sge", wide, k.i32(0)), up, down)
        k.store(k.clamp(k.add(chosen, k.i32(y_zero), wrap=wrap), -128, 127), y, *at)

    k.nest(shape(op.output), element)


def lower_mul(k: Kernel, op: MulOp, operands: Operands) -> None:
    a_zero, b_zero, y_zero = integers(op.zero_points)
    factor = constant_factor(k, op.requant)

    def multiply(a: SSAValue, b: SSAValue) -> SSAValue:
        left, right = centred(k, a, a_zero, False), centred(k, b, b_zero, False)
        product = k.mul(left, right)
        if op.rounding.data is Rounding.F32:
            scale = single_precision(op.requant.multiplier.data, op.requant.shift.data)
            single = k.insert(arith.SIToFPOp(product, f32))
            real = k.insert(arith.MulfOp(single, k.f32(float(scale))))
            real = k.insert(arith.AddfOp(real, k.f32(y_zero)))
            return k.clamp(round_float(k, real), *integers(op.clamp))
        scaled = requantize(k, product, factor, op.rounding.data, PRODUCT_BITS)
        wrap = may_wrap(factor, op.rounding.data)
        return k.clamp(k.add(scaled, k.i32(y_zero), wrap=wrap), *integers(op.clamp))

    map_pairs(k, op, operands, multiply)


LOWERINGS: Lowerings = {
    AddOp: lower_sum,
    LookupOp: lower_lookup,
    MaximumOp: lower_extremum,
    MinimumOp: lower_extremum,
    MulOp: lower_mul,
    PReluOp: lower_prelu,
    SubOp: lower_sum,
}
