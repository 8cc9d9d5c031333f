"""
The logarithm of softmax as loops, in fixed point (`interp/log_softmax.py`).

Exponentials and scaled differences are tables of the 256 possible differences.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import SSAValue

from tinyml.dialects.softmax import LogSoftmaxOp
from tinyml.interp.log_softmax import (
    ALPHA_D,
    ALPHA_F,
    ALPHA_I,
    ALPHA_N,
    LOG_2,
    SQRT_HALF,
    SQRT_SQRT_HALF,
    log_softmax_tables,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands, Tables
from tinyml.passes.loops.requantize import rdbpot, srdhm
from tinyml.passes.loops.softmax import (
    ACCUMULATOR_INTEGER_BITS,
    Rows,
    leading_zeros,
    one_over_one_plus_x,
    saturating_shl,
)


def lower_log_softmax(k: Kernel, op: LogSoftmaxOp, operands: Operands) -> None:
    rows = Rows(k, operands["input"], operands["output"], operands["exp"])
    differences = Rows(k, operands["input"], operands["output"], operands["scaled"])

    def row(r: SSAValue, _: Carried) -> None:
        top = rows.top(r)

        def add(c: SSAValue, carried: Carried) -> Carried:
            bits = k.i32(ACCUMULATOR_INTEGER_BITS)
            return (k.add(carried[0], rdbpot(k, rows.looked_up(top, r, c), bits, 12)),)

        (total,) = k.loop(0, rows.depth, add, (k.i32(0),), "c", ["total"])
        logarithm = log_of_sum(k, total)

        def output(c: SSAValue, _: Carried) -> None:
            fine = k.sub(differences.looked_up(top, r, c), logarithm)
            steps = k.add(rdbpot(k, fine, k.i32(22), 22), k.i32(127))
            k.store(k.clamp(steps, -128, 127), rows.y, r, c)

        k.loop(0, rows.depth, output, hint="c")

    k.loop(0, rows.count, row, hint="r")


def log_of_sum(k: Kernel, total: SSAValue) -> SSAValue:
    """The logarithm of a sum in Q12.19 from 1 on, as Q5.26."""
    one, sqrt_half = k.i32(1), k.i32(SQRT_HALF)
    integer_bits, quarter = k.i32(ACCUMULATOR_INTEGER_BITS), k.i32(1 << 23)
    zeros = leading_zeros(k, total)
    normalized = k.shl(total, k.sub(zeros, one))
    rounded_down = saturating_shl(k, srdhm(k, normalized, sqrt_half), 1)
    scaled_zeros = leading_zeros(k, srdhm(k, total, sqrt_half))
    scaled_room = k.sub(scaled_zeros, one)
    scaled = saturating_shl(k, total, scaled_room)
    mantissa = k.min(rounded_down, scaled, "mantissa")

    def exponent_of(bits: SSAValue) -> SSAValue:
        return k.mul(k.sub(integer_bits, bits), k.i32(1 << 25))

    exponent = k.max(
        k.add(exponent_of(zeros), quarter),
        k.sub(exponent_of(scaled_room), quarter),
        "exponent",
    )
    return add_fraction(k, mantissa, srdhm(k, exponent, k.i32(LOG_2)))


def add_fraction(k: Kernel, mantissa: SSAValue, whole: SSAValue) -> SSAValue:
    """`whole` in Q6.25 plus log(mantissa / sqrt(sqrt(1/2))), as Q5.26."""
    root = k.i32(SQRT_SQRT_HALF)
    sum = k.add(k.extend(mantissa, i64), k.i64(SQRT_SQRT_HALF + 1))
    p = k.truncate(k.shr(sum, k.i64(1)), i32, "p")
    q = k.mul(k.sub(mantissa, root), k.i32(2), "q")
    square = srdhm(k, q, q)
    cubic = srdhm(k, srdhm(k, q, square), k.i32(ALPHA_N))
    numerator = k.add(srdhm(k, q, mantissa), cubic, "numerator")
    inner = k.add(k.add(q, k.i32(ALPHA_I)), srdhm(k, square, k.i32(ALPHA_D)))
    linear = srdhm(k, q, k.i32(ALPHA_F))
    denominator = k.add(srdhm(k, p, inner), linear, "denominator")
    fraction = srdhm(
        k, rdbpot(k, numerator, k.i32(6), 6), one_over_one_plus_x(k, denominator)
    )
    return k.mul(k.add(whole, fraction), k.i32(2), "logarithm")


def log_softmax_constants(op: LogSoftmaxOp) -> dict[str, np.ndarray]:
    requant = op.requant
    exponentials, scaled = log_softmax_tables(
        requant.multiplier.data, requant.shift.data
    )
    return {"exp": exponentials, "scaled": scaled}


LOWERINGS: Lowerings = {LogSoftmaxOp: lower_log_softmax}
TABLES: Tables = {LogSoftmaxOp: log_softmax_constants}
