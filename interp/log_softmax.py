"""
NumPy semantics of `tinyml.log_softmax`: TFLite's logarithm in fixed point.

Source: `log_softmax.h` and `log_x_for_x_greater_than_or_equal_to_1_impl` (`common.h`)
of TFLite Micro's reference kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)

from tinyml.dialects.softmax import LogSoftmaxOp
from tinyml.interp.fixed_point import (
    INT32_MAX,
    Ints,
    rdbpot,
    reciprocal_of_sum,
    softmax_exp_table,
    srdhm,
    wrap32,
)

LOG_2, SQRT_HALF, SQRT_SQRT_HALF = 1488522236, 1518500250, 1805811301
ALPHA_N, ALPHA_D, ALPHA_I, ALPHA_F = 117049297, 127690142, 1057819769, 638450708
"""
log(2), roots of a half, and the coefficients of a rational approximation, as Q0.31.
"""

FAR_BELOW = -(17 << 26)
"""A difference in Q5.26 whose result is the lowest number, with room for a sum."""


def headroom(x: np.ndarray) -> np.ndarray:
    """Leading zeros of positive int32 numbers, but for the sign's."""
    return 30 - np.floor(np.log2(x.astype(np.float64))).astype(np.int64)


def log_of_sum(total: Ints) -> np.ndarray:
    """The logarithm of a sum in Q12.19 from 1 on, as Q5.26."""
    total = np.asarray(total, np.int64)
    quarter = 1 << 23
    # Twice the mantissa and the exponent: rounded down, and of the number times
    # sqrt(1/2). The right one lies in [sqrt(1/2), 1).
    room = headroom(total)
    rounded_down = np.minimum(srdhm(total << room, SQRT_HALF) << 1, INT32_MAX)
    scaled_room = headroom(srdhm(total, SQRT_HALF))
    scaled = np.minimum(total << scaled_room, INT32_MAX)
    mantissa = np.minimum(rounded_down, scaled)
    exponent = np.maximum(
        ((11 - room) << 25) + quarter, ((12 - scaled_room) << 25) - quarter
    )
    p = (mantissa + SQRT_SQRT_HALF + 1) >> 1
    q = 2 * (mantissa - SQRT_SQRT_HALF)
    square = srdhm(q, q)
    numerator = srdhm(q, mantissa) + srdhm(srdhm(q, square), ALPHA_N)
    # One less than it is.
    denominator = srdhm(p, ALPHA_I + q + srdhm(ALPHA_D, square)) + srdhm(ALPHA_F, q)
    one_over_it, _ = reciprocal_of_sum((1 << 31) + denominator)
    quotient = srdhm(rdbpot(numerator, 6), one_over_it)
    return (srdhm(exponent, LOG_2) + quotient) << 1


def log_softmax_tables(multiplier: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """
    For the input differences 0, -1, ..., -255 their exponentials as Q0.31 and, no less
    than `FAR_BELOW`, themselves as Q5.26; both int32.
    """
    exponentials = softmax_exp_table(multiplier, shift)
    differences = -np.arange(256, dtype=np.int64)
    least = -((31 << 26) // (1 << shift))
    scaled = srdhm(wrap32(np.maximum(differences, least) << shift), multiplier)
    scaled = np.where(differences >= least, scaled, FAR_BELOW)
    return exponentials, np.maximum(scaled, FAR_BELOW).astype(np.int32)


@register_impls
class LogSoftmaxFunctions(InterpreterFunctions):
    @impl(LogSoftmaxOp)
    def run_log_softmax(
        self, interpreter: Interpreter, op: LogSoftmaxOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        factor = op.requant.multiplier.data, op.requant.shift.data
        exponentials, scaled = log_softmax_tables(*factor)
        below = x.max(axis=-1, keepdims=True).astype(np.int64) - x
        exps = rdbpot(exponentials[below].astype(np.int64), 12)
        logarithm = log_of_sum(exps.sum(axis=-1, keepdims=True))
        steps = rdbpot(scaled[below].astype(np.int64) - logarithm, 22) + 127
        y[...] = np.clip(steps, -128, 127)
        return ()
