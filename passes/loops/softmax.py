"""
Softmax as loops, with exponentials from a table of the 256 possible differences.

TFLite's integer softmax has gemmlowp's exponential and multiplies with the sum's
reciprocal, found by three Newton steps. The other one divides digit by digit.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.layer import buffer_type, integers
from tinyml.dialects.softmax import SoftmaxLookupOp, SoftmaxOp
from tinyml.interp.fixed_point import softmax_exp_table
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands, Tables
from tinyml.passes.loops.requantize import rdbpot, srdhm

ACCUMULATOR_INTEGER_BITS = 12


class Rows:
    """Input and output of a softmax as rows, and a table of distances within one."""

    def __init__(self, k: Kernel, input: SSAValue, output: SSAValue, table: SSAValue):
        size = buffer_type(input).get_shape()
        self.k, self.table = k, table
        self.depth, self.count = size[-1], prod(size[:-1])
        self.x = k.reshape(input, [self.count, self.depth])
        self.y = k.reshape(output, [self.count, self.depth])

    def top(self, r: SSAValue) -> SSAValue:
        """The largest number of a row."""
        k = self.k

        def largest(c: SSAValue, carried: Carried) -> Carried:
            return (k.max(carried[0], k.load_i32(self.x, r, c)),)

        return k.loop(0, self.depth, largest, (k.i32(-128),), "c", ["top"])[0]

    def looked_up(self, top: SSAValue, r: SSAValue, c: SSAValue) -> SSAValue:
        """The table's entry for an element's distance below the largest one."""
        k = self.k
        below = k.to_index(k.sub(top, k.load_i32(self.x, r, c), "below"))
        return k.load(self.table, below)


def lower_softmax(k: Kernel, op: SoftmaxOp, operands: Operands) -> None:
    rows = Rows(k, operands["input"], operands["output"], operands["exp"])
    depth = rows.depth

    def row(r: SSAValue, _: Carried) -> None:
        top = rows.top(r)

        def exponential(c: SSAValue) -> SSAValue:
            return rows.looked_up(top, r, c)

        def add(c: SSAValue, carried: Carried) -> Carried:
            bits = k.i32(ACCUMULATOR_INTEGER_BITS)
            return (k.add(carried[0], rdbpot(k, exponential(c), bits, 12)),)

        (total,) = k.loop(0, depth, add, (k.i32(0),), "c", ["total"])
        scale, exponent = reciprocal(k, total)
        # An exponent above 31 leaves nothing; shift the excess away beforehand.
        excess = k.max(k.sub(exponent, k.i32(31)), k.i32(0))
        exponent = k.min(exponent, k.i32(31), "exponent")

        def output(c: SSAValue, _: Carried) -> None:
            product = k.shr(srdhm(k, scale, exponential(c)), excess)
            share = rdbpot(k, product, exponent, 23)
            k.store(k.clamp(k.sub(share, k.i32(128)), -128, 127), rows.y, r, c)

        k.loop(0, depth, output, hint="c")

    k.loop(0, rows.count, row, hint="r")


def lower_softmax_lookup(k: Kernel, op: SoftmaxLookupOp, operands: Operands) -> None:
    table = operands["exponentials"]
    rows = Rows(k, operands["input"], operands["output"], table)
    factor, shift = op.requant.multiplier.data, op.requant.shift.data
    (zero,) = integers(op.zero_points)

    def row(r: SSAValue, _: Carried) -> None:
        top = rows.top(r)

        def add(c: SSAValue, carried: Carried) -> Carried:
            return (k.add(carried[0], k.extend(rows.looked_up(top, r, c), i64)),)

        (total,) = k.loop(0, rows.depth, add, (k.i64(0),), "c", ["total"])
        divisor = k.shl(total, k.i64(31 - shift))

        def output(c: SSAValue, _: Carried) -> None:
            exponential = k.extend(rows.looked_up(top, r, c), i64)
            dividend = k.mul(exponential, k.i64(factor))
            share = divide_to_even(k, dividend, divisor, shift + 1)
            shifted = k.clamp(k.add(share, k.i64(zero)), -128, 127)
            k.store(k.truncate(shifted, i32), rows.y, r, c)

        k.loop(0, rows.depth, output, hint="c")

    k.loop(0, rows.count, row, hint="r")


def divide_to_even(k: Kernel, a: SSAValue, b: SSAValue, bits: int) -> SSAValue:
    """
    The quotient of i64 numbers that are not negative to nearest, ties to even, for a
    quotient of so many bits; one after the other, since cores of 32 bits have no
    instruction for it.
    """
    zero, one = k.i64(0), k.i64(1)
    dividend, divisor = k.add(k.shl(a, one), b), k.shl(b, one)

    def digit(place: SSAValue, carried: Carried) -> Carried:
        rest, quotient = carried
        bit = k.sub(k.i64(bits - 1), k.extend(k.to_i32(place), i64))
        fits = k.compare("sge", k.shr(rest, bit), divisor)
        taken = k.shl(k.select(fits, divisor, zero), bit)
        double = k.shl(quotient, one)
        return k.sub(rest, taken), k.add(double, k.extend_unsigned(fits, i64))

    names = ["rest", "quotient"]
    rest, quotient = k.loop(0, bits, digit, (dividend, zero), "place", names)
    odd = k.bit_and(quotient, one)
    return k.sub(quotient, k.select(k.compare("eq", rest, zero), odd, zero))


def reciprocal(k: Kernel, total: SSAValue) -> tuple[SSAValue, SSAValue]:
    """
    `(scale, exponent)` of a sum in Q12.19: with `e` in Q0.31,
    `round(scale * e / 2^exponent)` is the share of `e` in 256ths (`GetReciprocal`).
    """

    headroom = leading_zeros(k, total)
    # x - 1 for the sum scaled to x in [1, 2), in Q0.31: the top bit wraps away.
    fraction = k.add(k.shl(total, headroom), k.i32(-(1 << 31)), wrap=True)
    scale = one_over_one_plus_x(k, fraction)
    bits_over_unit = k.sub(k.i32(ACCUMULATOR_INTEGER_BITS), headroom)
    return scale, k.add(bits_over_unit, k.i32(31 - 8))


def leading_zeros(k: Kernel, x: SSAValue) -> SSAValue:
    """The leading zeros of an i32 that is not negative."""

    def leading_zero(bit: SSAValue, carried: Carried) -> Carried:
        above = k.shr(x, k.to_i32(bit))
        is_zero = k.compare("eq", above, k.i32(0))
        return (k.add(carried[0], k.extend_unsigned(is_zero, i32)),)

    zero = (k.i32(0),)
    return k.loop(0, 32, leading_zero, zero, "bit", ["headroom"])[0]


def one_over_one_plus_x(k: Kernel, fraction: SSAValue) -> SSAValue:
    """`1 / (1 + x)` for x in [0, 1), both Q0.31."""
    # (x + 1) / 2, rounded up.
    sum = k.add(k.extend(fraction, i64), k.i64(1 << 31))
    half = k.truncate(k.shr(sum, k.i64(1)), i32)
    # Newton-Raphson from 48/17 - 32/17 * half, in Q2.29.
    estimate = k.add(srdhm(k, half, k.i32(-1010580540)), k.i32(1515870810))
    for _ in range(3):
        error = k.sub(k.i32(1 << 29), srdhm(k, half, estimate))
        step = saturating_shl(k, srdhm(k, estimate, error), 2)
        estimate = k.add(estimate, step, "estimate", wrap=True)
    return saturating_shl(k, estimate, 1)


def saturating_shl(k: Kernel, x: SSAValue, bits: int | SSAValue) -> SSAValue:
    """`x * 2^bits`, saturated; if `bits` is a value, `x` is not negative."""
    wide = k.extend(x, i64)
    if isinstance(bits, int):
        wide = k.mul(wide, k.i64(1 << bits))
    else:
        wide = k.shl(wide, k.extend(bits, i64))
    return k.truncate(k.clamp(wide, -(1 << 31), (1 << 31) - 1), i32)


def softmax_tables(op: SoftmaxOp) -> dict[str, np.ndarray]:
    requant = op.requant
    return {"exp": softmax_exp_table(requant.multiplier.data, requant.shift.data)}


LOWERINGS: Lowerings = {
    SoftmaxLookupOp: lower_softmax_lookup,
    SoftmaxOp: lower_softmax,
}
TABLES: Tables = {SoftmaxOp: softmax_tables}
