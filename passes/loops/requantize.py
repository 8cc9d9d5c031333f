"""
The rounding contracts as loop IR; `interp/fixed_point.py` says what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import f32, i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import RequantAttr, Rounding
from tinyml.interp.fixed_point import F32_LIMIT, SATURATION, single_precision
from tinyml.passes.loops.kernel import Kernel


@dataclass(frozen=True)
class Factor:
    """
    A requantization factor: constants, or values loaded from a table, and the range of
    its shift, which decides what code is needed.
    """

    multiplier: SSAValue
    shift: SSAValue
    least_shift: int
    greatest_shift: int


@dataclass(frozen=True)
class FloatFactor:
    """A requantization factor of `rounding f32`."""

    value: SSAValue


def float_factor(kernel: Kernel, requant: RequantAttr) -> FloatFactor:
    factor = single_precision(requant.multiplier.data, requant.shift.data)
    return FloatFactor(kernel.f32(float(factor)))


def constant_factor(kernel: Kernel, requant: RequantAttr) -> Factor:
    multiplier, shift = requant.multiplier.data, requant.shift.data
    return Factor(kernel.i32(multiplier), kernel.i32(shift), shift, shift)


def table_factor(
    kernel: Kernel, buffer: SSAValue, channel: SSAValue, table: np.ndarray
) -> Factor | FloatFactor:
    """
    Row `channel` of a table [channels, 2] whose content is `table`, or of floats. What
    is the same for all channels is a constant.
    """
    if table.dtype == np.float32:
        return FloatFactor(kernel.load(buffer, channel, hint="factor"))
    least, greatest = int(table[:, 1].min()), int(table[:, 1].max())
    multiplier = kernel.load(buffer, channel, kernel.index(0), hint="multiplier")
    if least == greatest:
        return Factor(multiplier, kernel.i32(least), least, greatest)
    shift = kernel.load(buffer, channel, kernel.index(1), hint="shift")
    return Factor(multiplier, shift, least, greatest)


def srdhm(k: Kernel, a: SSAValue, b: SSAValue) -> SSAValue:
    """
    `round(a * b / 2^31)`, ties upwards: gemmlowp's saturating rounding doubling high
    multiply, but for -2^31 * -2^31, which verified factors exclude.
    """
    product = k.mul(k.extend(a, i64), k.extend(b, i64), "product")
    rounded = k.add(product, k.i64(1 << 30), "product")
    return k.truncate(k.shr(rounded, k.i64(31)), i32, "high")


def rdbpot(k: Kernel, x: SSAValue, exponent: SSAValue, least: int) -> SSAValue:
    """
    `x / 2^exponent`, ties away from zero, for an exponent in [least, 31].

    From 1 on, the bit below the result rounds it, after one was taken from negatives.
    """
    if least >= 1:
        toward_zero = k.add(x, k.shr(x, k.i32(31)), "nudged")
        last_bit = k.shr(toward_zero, k.sub(exponent, k.i32(1)))
        carry = k.bit_and(last_bit, k.i32(1))
        return k.add(k.shr(toward_zero, exponent), carry, "scaled")
    if k.known(exponent) == 0:
        return x
    mask = k.sub(k.shl(k.i32(1), exponent), k.i32(1), "mask", wrap=True)
    negative = k.bit_and(k.shr(x, k.i32(31)), k.i32(1))
    threshold = k.add(k.shr(mask, k.i32(1)), negative, "threshold")
    above = k.compare("sgt", k.bit_and(x, mask), threshold)
    return k.add(k.shr(x, exponent), k.extend_unsigned(above, i32), "scaled")


def may_wrap(by: Factor | FloatFactor, rounding: Rounding) -> bool:
    """Whether a zero point may carry a requantized accumulator out of 32 bits."""
    if isinstance(by, FloatFactor):
        return False
    return rounding is Rounding.DOUBLE and by.greatest_shift >= 0


def requantize(
    k: Kernel,
    acc: SSAValue,
    by: Factor | FloatFactor,
    rounding: Rounding,
    bits: int = 31,
) -> SSAValue:
    """`acc * factor` as i32 under a contract; `acc` is an i32 in [-2^bits, 2^bits]."""
    if isinstance(by, FloatFactor):
        return single_precision_product(k, acc, by.value)
    if rounding is Rounding.DOUBLE:
        return double_rounding(k, acc, by)
    product = k.mul(k.extend(acc, i64), k.extend(by.multiplier, i64))
    return single_rounding(k, product, by, rounding, bits + 31)


def single_precision_product(k: Kernel, acc: SSAValue, factor: SSAValue) -> SSAValue:
    """`acc * factor` in single precision, to nearest, ties to even, as i32."""
    real = k.insert(arith.SIToFPOp(acc, f32), "real")
    return round_float(k, k.insert(arith.MulfOp(real, factor)))


def round_float(k: Kernel, real: SSAValue) -> SSAValue:
    """The nearest integer, ties to even, as i32; saturates at 2^20."""
    product = k.clamp_float(real, F32_LIMIT)
    # The sum has no bits left for a fraction, so the addition rounds.
    shift = k.f32(3 << 22)
    rounded = k.insert(arith.SubfOp(k.insert(arith.AddfOp(product, shift)), shift))
    return k.insert(arith.FPToSIOp(rounded, i32), "scaled")


def double_rounding(k: Kernel, acc: SSAValue, by: Factor) -> SSAValue:
    if by.least_shift == by.greatest_shift:
        left = k.i32(max(by.least_shift, 0))
        right = k.i32(max(-by.least_shift, 0))
    elif by.greatest_shift <= 0:
        left, right = k.i32(0), k.sub(k.i32(0), by.shift, "right")
    else:
        left = k.max(by.shift, k.i32(0), "left")
        right = k.max(k.sub(k.i32(0), by.shift), k.i32(0), "right")
    high = srdhm(k, k.shl(acc, left), by.multiplier)
    return rdbpot(k, high, right, max(-by.greatest_shift, 0))


def single_rounding(
    k: Kernel, product: SSAValue, by: Factor, rounding: Rounding, bits: int
) -> SSAValue:
    """
    `product * 2^(shift - 31)` of an i64 in [-2^bits, 2^bits], rounded once, saturated
    to an i32 that has room for a zero point.
    """
    number = k.known(by.shift)
    if number is not None:
        right, below = k.i64(31 - number), k.i64(30 - number)
    else:
        right = k.sub(k.i64(31), k.extend(by.shift, i64))
        below = k.sub(right, k.i64(1))
    total = k.add(product, k.shl(k.i64(1), below))
    if rounding is Rounding.EVEN:
        odd = k.bit_and(k.shr(product, right), k.i64(1))
        total = k.sub(k.add(total, odd), k.i64(1))
    result = k.shr(total, right)
    if 1 << max(bits - 31 + by.greatest_shift, 0) > SATURATION:
        result = k.clamp(result, -SATURATION, SATURATION)
    return k.truncate(result, i32)
