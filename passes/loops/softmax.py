"""
TFLite's integer softmax as loops: gemmlowp's exponential, read from a table of the 256
possible differences, and its reciprocal by three Newton steps.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.layer import shape
from tinyml.dialects.tinyml import SoftmaxOp
from tinyml.interp.fixed_point import softmax_exp_table
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands, Tables
from tinyml.passes.loops.requantize import rdbpot, srdhm

ACCUMULATOR_INTEGER_BITS = 12


def lower_softmax(k: Kernel, op: SoftmaxOp, operands: Operands) -> None:
    depth = shape(op.input)[-1]
    rows = prod(shape(op.input)) // depth
    x = k.reshape(operands["input"], [rows, depth])
    y = k.reshape(operands["output"], [rows, depth])

    def row(r: SSAValue, _: Carried) -> None:
        def largest(c: SSAValue, carried: Carried) -> Carried:
            return (k.max(carried[0], k.load_i32(x, r, c)),)

        (top,) = k.loop(0, depth, largest, (k.i32(-128),), "c", ["top"])

        def exponential(c: SSAValue) -> SSAValue:
            below = k.to_index(k.sub(top, k.load_i32(x, r, c), "below"))
            return k.load(operands["exp"], below)

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
            k.store(k.clamp(k.sub(share, k.i32(128)), -128, 127), y, r, c)

        k.loop(0, depth, output, hint="c")

    k.loop(0, rows, row, hint="r")


def reciprocal(k: Kernel, total: SSAValue) -> tuple[SSAValue, SSAValue]:
    """
    `(scale, exponent)` of a sum in Q12.19: with `e` in Q0.31,
    `round(scale * e / 2^exponent)` is the share of `e` in 256ths (`GetReciprocal`).
    """

    def leading_zero(bit: SSAValue, carried: Carried) -> Carried:
        above = k.shr(total, k.to_i32(bit))
        is_zero = k.compare("eq", above, k.i32(0))
        return (k.add(carried[0], k.extend_unsigned(is_zero, i32)),)

    zero = (k.i32(0),)
    (headroom,) = k.loop(0, 32, leading_zero, zero, "bit", ["headroom"])
    # x - 1 for the sum scaled to x in [1, 2), in Q0.31: the top bit wraps away.
    fraction = k.add(k.shl(total, headroom), k.i32(-(1 << 31)), wrap=True)
    # (x - 1 + 1) / 2 in Q0.31, rounded up.
    sum = k.add(k.extend(fraction, i64), k.i64(1 << 31))
    half = k.truncate(k.shr(sum, k.i64(1)), i32)
    # Newton-Raphson from 48/17 - 32/17 * half, in Q2.29.
    estimate = k.add(srdhm(k, half, k.i32(-1010580540)), k.i32(1515870810))
    for _ in range(3):
        error = k.sub(k.i32(1 << 29), srdhm(k, half, estimate))
        step = saturating_shl(k, srdhm(k, estimate, error), 2)
        estimate = k.add(estimate, step, "estimate", wrap=True)
    scale = saturating_shl(k, estimate, 1)
    bits_over_unit = k.sub(k.i32(ACCUMULATOR_INTEGER_BITS), headroom)
    return scale, k.add(bits_over_unit, k.i32(31 - 8))


def saturating_shl(k: Kernel, x: SSAValue, bits: int) -> SSAValue:
    wide = k.mul(k.extend(x, i64), k.i64(1 << bits))
    return k.truncate(k.clamp(wide, -(1 << 31), (1 << 31) - 1), i32)


def softmax_tables(op: SoftmaxOp) -> dict[str, np.ndarray]:
    requant = op.requant
    return {"exp": softmax_exp_table(requant.multiplier.data, requant.shift.data)}


LOWERINGS: Lowerings = {SoftmaxOp: lower_softmax}
TABLES: Tables = {SoftmaxOp: softmax_tables}
