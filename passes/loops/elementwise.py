"""Elementwise layers of bytes as loops over all elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from tinyml.interp.tinyml import constant_array
from tinyml.passes.byte_forms import (
    BYTES,
    SLOPE_BITS,
    HighForm,
    NumberForm,
    high_form,
    number_form,
    pair_form,
    pair_table,
    prelu_table,
    slopes_form,
)
from tinyml.passes.loops.elements import (
    clamped_shift,
    hot_nest,
    number_value,
    over_elements,
    pair_value,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands, Tables
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


@dataclass(frozen=True)
class Run:
    """
    Dimensions of a broadcast layer that follow one another and are alike: how many
    elements they have together, and how far apart those are in each input.
    """

    size: int
    strides: tuple[int, ...]
    """0 where an input repeats its elements."""


def runs(op: BroadcastOp) -> list[Run]:
    """The dimensions of a layer, as few as possible."""
    found: list[Run] = []
    strides = [1, 1]
    for axis in reversed(range(len(whole := shape(op.output)))):
        sizes = [op.aligned_shape(index)[axis] for index in range(2)]
        if whole[axis] == 1:
            continue
        steps = tuple(0 if size == 1 else step for size, step in zip(sizes, strides))
        strides = [step * size for size, step in zip(sizes, strides)]
        last = found[-1] if found else None
        if last is not None and steps == tuple(s * last.size for s in last.strides):
            found[-1] = Run(last.size * whole[axis], last.strides)
        else:
            found.append(Run(whole[axis], steps))
    return found[::-1] or [Run(1, (1, 1))]


Pairs = Callable[[SSAValue, SSAValue], SSAValue]


def map_pairs(k: Kernel, op: BroadcastOp, operands: Operands, function: Pairs) -> None:
    """`output[i] = function(lhs[i], rhs[i])`, inputs broadcast to the output."""
    inputs = [k.flat(operands[name]) for name in ("lhs", "rhs")]
    output, nest = k.flat(operands["output"]), runs(op)

    def element(at: tuple[SSAValue, ...]) -> None:
        values = [k.load(x, place(k, nest, at, i)) for i, x in enumerate(inputs)]
        k.store(function(*values), output, place(k, nest, at))

    k.nest([run.size for run in nest], element)


def place(
    k: Kernel, nest: list[Run], at: Sequence[SSAValue], index: int | None = None
) -> SSAValue:
    """Where an element of an input is, or of the output, by its places in runs."""
    total = k.index(0)
    for i, (run, position) in enumerate(zip(nest, at)):
        stride = prod(later.size for later in nest[i + 1 :])
        stride = stride if index is None else run.strides[index]
        total = k.add(total, k.mul(position, k.index(stride)))
    return total


def map_pairs_in_words(
    k: Kernel,
    op: BroadcastOp,
    operands: Operands,
    function: Pairs,
    prepare: Sequence[Callable[[SSAValue], SSAValue]] = (),
) -> None:
    """
    The same for a function that instructions can be selected for, of what `prepare`
    makes of each of the two.
    """
    prepare = prepare or (lambda x: x, lambda x: x)
    inputs = [k.flat(operands[name]) for name in ("lhs", "rhs")]
    output, nest = k.flat(operands["output"]), runs(op)
    *outer, inner = nest

    def line(at: tuple[SSAValue, ...]) -> None:
        firsts = [place(k, outer, at, i) for i in range(2)]
        target = place(k, nest, at)
        repeated = [
            None if stride else ready(k.load(x, first))
            for x, first, stride, ready in zip(
                inputs, firsts, inner.strides, prepare, strict=True
            )
        ]

        def group(places: Sequence[SSAValue]) -> None:
            values = [
                [
                    k.load(x, k.add(first, i)) if once is None else once
                    for x, first, once in zip(inputs, firsts, repeated, strict=True)
                ]
                for i in places
            ]
            for i, pair in zip(places, values, strict=True):
                a, b = (
                    x if once is not None else ready(x)
                    for x, once, ready in zip(pair, repeated, prepare, strict=True)
                )
                k.store(function(a, b), output, k.add(target, i))

        over_elements(k, inner.size, group, hot=not outer)

    hot_nest(k, [run.size for run in outer], line)


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


def sum_slopes(op: SumOp) -> tuple[float, float]:
    """By how much the result grows with each byte, but for rounding."""
    a, b, y = (r.multiplier.data * 2.0 ** (r.shift.data - 31) for r in op.requant)
    if op.rounding.data is Rounding.DOUBLE:
        a, b = a * y * 2.0**20, b * y * 2.0**20
    return a, -b if isinstance(op, SubOp) else b


def lower_sum(k: Kernel, op: SumOp, operands: Operands) -> None:
    low, high = integers(op.clamp)
    form = pair_form(pair_table(op), sum_slopes(op), (low, high))
    if form is None:
        return lower_rounded_sum(k, op, operands)

    def add(a: SSAValue, b: SSAValue) -> SSAValue:
        return pair_value(k, form, a, b, (low, high))

    map_pairs_in_words(k, op, operands, add)


def lower_rounded_sum(k: Kernel, op: SumOp, operands: Operands) -> None:
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

    x, y = k.flat(operands["input"]), k.flat(operands["output"])

    def group(places: Sequence[SSAValue]) -> None:
        found = [k.load(x, place) for place in places]
        for place, value in zip(places, map(look_up, found), strict=True):
            k.store(value, y, place)

    over_elements(k, prod(shape(op.output)), group)


def prelu_tables(op: PReluOp) -> dict[str, np.ndarray]:
    """
    The form of the layer as words: zero point, slope, offset, and what each channel's
    slope and offset are more below zero. Nothing if it has no form.
    """
    alpha = constant_array(op, op.alpha).astype(np.int64)
    x_zero, alpha_zero, _ = integers(op.zero_points)
    up, down = (r.multiplier.data * 2.0 ** (r.shift.data - 31) for r in op.requant)
    slopes = (alpha - alpha_zero).reshape(-1) * down
    form = slopes_form(prelu_table(op), x_zero, up, slopes)
    if form is None:
        return {}
    words = [x_zero, form.slope, form.offset]
    words += [n for pair in zip(form.slopes, form.offsets, strict=True) for n in pair]
    return {"slopes": np.array(words, np.int64).astype(np.int32)}


def lower_prelu(k: Kernel, op: PReluOp, operands: Operands) -> None:
    if "slopes" in operands:
        lower_prelu_by_slopes(k, op, operands)
    else:
        lower_rounded_prelu(k, op, operands)


def lower_prelu_by_slopes(k: Kernel, op: PReluOp, operands: Operands) -> None:
    source, y = k.flat(operands["input"]), k.flat(operands["output"])
    words, channels = operands["slopes"], shape(op.output)[-1]
    pixels = prod(shape(op.output)) // channels

    def all(_: SSAValue, __: Carried) -> None:
        zero, slope, offset = (
            k.load(words, k.index(i), hint=hint)
            for i, hint in enumerate(("zero", "slope", "offset"))
        )

        def pixel(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(pixels - 1), i, "i")
            first = k.mul(i, k.index(channels))

            def group(places: Sequence[SSAValue]) -> None:
                found = [k.add(first, c) for c in places]
                bytes = [k.load_i32(source, place) for place in found]
                more = [
                    [k.load(words, k.add(at, k.index(3 + i))) for i in range(2)]
                    for at in (k.mul(c, k.index(2)) for c in places)
                ]
                for place, byte, below in zip(found, bytes, more, strict=True):
                    x = k.sub(byte, zero, "centred")
                    total, rest = (
                        k.add(k.mul(x, a, wrap=True), b, "total", wrap=True)
                        for a, b in ((slope, offset), below)
                    )
                    rest = k.bit_and(rest, k.shr(x, k.i32(31)))
                    total = k.add(total, rest, "total", wrap=True)
                    value = clamped_shift(k, total, SLOPE_BITS, (-128, 127))
                    k.store(value, y, place)

            over_elements(k, channels, group, together=2)

        k.loop(0, pixels, pixel)

    k.loop(0, 1, all, hint="once", hot=True)


def lower_rounded_prelu(k: Kernel, op: PReluOp, operands: Operands) -> None:
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


def product_form(op: MulOp) -> NumberForm | HighForm | None:
    """The layer as a function of the product of two centred bytes."""
    a_zero, b_zero, _ = integers(op.zero_points)
    products = ((BYTES - a_zero)[:, None] * (BYTES - b_zero)).reshape(-1)
    numbers, first = np.unique(products, return_index=True)
    low, high = integers(op.clamp)
    slope = op.requant.multiplier.data * 2.0 ** (op.requant.shift.data - 31)
    results = pair_table(op).reshape(-1)[first]
    form = number_form(numbers, results, slope, (low, high))
    if form is None and op.rounding.data is Rounding.DOUBLE:
        return high_form(op.requant, 0, integers(op.zero_points)[2], (low, high))
    return form


def lower_mul(k: Kernel, op: MulOp, operands: Operands) -> None:
    a_zero, b_zero, _ = integers(op.zero_points)
    low, high = integers(op.clamp)
    form = product_form(op)
    if form is None:
        return lower_rounded_mul(k, op, operands)

    def shifted(b: SSAValue) -> SSAValue:
        value = centred(k, b, b_zero, False)
        return k.shl(value, k.i32(form.left)) if isinstance(form, NumberForm) else value

    def multiply(a: SSAValue, b: SSAValue) -> SSAValue:
        return number_value(k, form, k.mul(a, b), (low, high), shifted=True)

    def unshifted(a: SSAValue) -> SSAValue:
        return centred(k, a, a_zero, False)

    map_pairs_in_words(k, op, operands, multiply, (unshifted, shifted))


def lower_rounded_mul(k: Kernel, op: MulOp, operands: Operands) -> None:
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
TABLES: Tables = {PReluOp: prelu_tables}
