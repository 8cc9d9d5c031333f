"""Changes between real numbers and quantized ones as loops over all elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import f32, i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, StoreWordOp
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.constants import is_unsigned
from tinyml.dialects.layer import buffer_type, integer_range, integers, shape
from tinyml.dialects.scaling import DequantizeOp, QuantizeOp, RequantizeOp
from tinyml.interp.fixed_point import F32_LIMIT
from tinyml.passes.byte_forms import line_form
from tinyml.passes.byte_functions import all_bytes, evaluate
from tinyml.passes.loops.elements import line_value, over_elements
from tinyml.passes.loops.elementwise import CENTRED_BITS, centred, map_elements
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import constant_factor, may_wrap, requantize


def element_unsigned(value: SSAValue) -> bool:
    return is_unsigned(buffer_type(value).element_type)


def lower_requantize(k: Kernel, op: RequantizeOp, operands: Operands) -> None:
    """By a form if there is one; by words if it only turns over the upper bits."""
    x, results = all_bytes(op.input), evaluate(op, op.input).table
    low, high = integer_range(buffer_type(op.output).element_type)
    if (results.view(np.uint8) == x.view(np.uint8) ^ 0x80).all():
        lower_flipped(k, op, operands)
        return
    slope = op.requant.multiplier.data * 2.0 ** (op.requant.shift.data - 31)
    numbers, unsigned = x.astype(np.int64), element_unsigned(op.input)
    form = line_form(numbers, results.astype(np.int64), slope, (low, high))
    if form is None:
        lower_rounded_requantize(k, op, operands)
        return
    source, target = k.flat(operands["input"]), k.flat(operands["output"])

    def group(places: Sequence[SSAValue]) -> None:
        bytes = [k.load_i32(source, place, unsigned=unsigned) for place in places]
        for place, byte in zip(places, bytes, strict=True):
            k.store(line_value(k, form, byte, (low, high)), target, place)

    over_elements(k, prod(shape(op.output)), group, hot=True)


def lower_flipped(k: Kernel, op: RequantizeOp, operands: Operands) -> None:
    """Signed bytes of unsigned ones, or the other way round, of the same scale."""
    x, y = k.flat(operands["input"]), k.flat(operands["output"])
    count = prod(shape(op.output))

    def words(places: Sequence[SSAValue]) -> None:
        bytes = [k.mul(place, k.index(4)) for place in places]
        for word, byte in [(k.insert(LoadWordOp(x, byte)), byte) for byte in bytes]:
            flipped = k.insert(arith.XOrIOp(word, k.i32(-0x7F7F7F80)))
            k.builder.insert(StoreWordOp(flipped, y, byte))

    def rest(places: Sequence[SSAValue]) -> None:
        for place in places:
            at = k.add(place, k.index(count // 4 * 4))
            flipped = arith.XOrIOp(k.load_i32(x, at), k.i32(-128))
            k.store(k.insert(flipped), y, at)

    parts = [(count // 4, words, True), (count % 4, rest, False)]
    for number, body, hot in reversed(parts) if k.backward else parts:
        if number:
            over_elements(k, number, body, hot=hot)


def lower_rounded_requantize(k: Kernel, op: RequantizeOp, operands: Operands) -> None:
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
