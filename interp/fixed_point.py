"""
Fixed-point arithmetic on NumPy arrays: the rounding contracts, gemmlowp's functions.

Everything is exact on integers: accumulators are int32 values held in int64 arrays,
wrapping where 32-bit hardware wraps. Source: gemmlowp `fixedpoint/fixedpoint.h` and
`kernels/internal/common.h` of TFLite Micro.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml.dialects.attributes import Rounding

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

SATURATION = 1 << 30
"""
Where one exact rounding saturates (at plus and minus): far beyond any byte, and with
room for a zero point in an int32.
"""

F32_LIMIT = 1 << 20
"""Where `rounding f32` saturates: a float below it has room for its fraction."""

Ints = np.ndarray | np.integer[Any] | int
"""An int64 array, or what broadcasts with one."""


Floats = np.ndarray | np.floating[Any]
"""A float array, or what broadcasts with one."""


def wrap32(x: Ints) -> np.ndarray:
    """The int32 with the same low 32 bits."""
    return np.asarray(x, np.int64).astype(np.int32).astype(np.int64)


def srdhm(a: Ints, b: Ints) -> np.ndarray:
    """Saturating rounding doubling high multiply: `round(a * b / 2^31)`, ties up."""
    high = (np.asarray(a, np.int64) * b + (1 << 30)) >> 31
    return np.minimum(high, INT32_MAX)


def rdbpot(x: Ints, exponent: Ints) -> np.ndarray:
    """Rounding divide by a power of two, ties away from zero; exponent in [0, 31]."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def shift_right_even(x: Ints, shift: Ints) -> np.ndarray:
    """`x / 2^shift` rounded to nearest, ties to even; shift in [1, 62]."""
    x, shift = np.asarray(x, np.int64), np.asarray(shift, np.int64)
    odd = (x >> shift) & 1
    return (x + (np.int64(1) << (shift - 1)) - 1 + odd) >> shift


def saturated(x: Ints) -> np.ndarray:
    return np.clip(np.asarray(x), -SATURATION, SATURATION)


def requantize(
    acc: Ints, multiplier: Ints, shift: Ints, rounding: Rounding
) -> np.ndarray:
    """
    `acc * multiplier * 2^(shift - 31)` under a rounding contract. `acc` is an int32,
    `shift` in [-31, 30], left if positive. All arguments broadcast. Double rounding
    wraps where gemmlowp's left shift does, the others saturate.
    """
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    match rounding:
        case Rounding.DOUBLE:
            left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
            return rdbpot(srdhm(wrap32(acc << left), multiplier), right)
        case Rounding.SINGLE:
            product, total = acc * multiplier, 31 - shift
            return saturated((product + (np.int64(1) << (total - 1))) >> total)
        case Rounding.EVEN:
            return saturated(shift_right_even(acc * multiplier, 31 - shift))
        case Rounding.AWAY:
            raise ValueError("rounding away is not defined for accumulators")
        case Rounding.F32:
            raise ValueError("rounding f32 takes float factors: requantize_f32")


def requantize_f32(acc: Ints, factor: Floats) -> np.ndarray:
    """`acc * factor` in single precision, rounded to nearest, ties to even."""
    product = np.asarray(acc).astype(np.float32) * factor
    limit = np.float32(F32_LIMIT)
    return np.rint(np.clip(product, -limit, limit)).astype(np.int64)


def single_precision(multiplier: int, shift: int) -> np.float32:
    """The factor `multiplier * 2^(shift - 31)` of at most 24 bits as a float."""
    return np.ldexp(np.float32(multiplier), shift - 31)


def fma_f32(a: Floats, b: Floats, c: Floats) -> np.ndarray:
    """
    `a * b + c` of floats, rounded once. The sum in double precision is rounded to odd,
    which keeps what the second rounding has to know (Boldo and Melquiond, 2008).
    """
    product, addend = np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    even = (total.view(np.int64) & 1) == 0
    beyond = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & even, beyond, total).astype(np.float32)


def sum_offset(
    a: Floats, a_zero: int, b: Floats, b_zero: int, y_zero: int
) -> np.float32:
    """What the sum of two bytes times floats lacks, as onnxruntime computes it."""
    other = b * np.float32(b_zero)
    centred = fma_f32(a, np.float32(a_zero), other)
    return np.float32(y_zero) - np.float32(centred)


def divide_half_away(total: Ints, count: Ints) -> np.ndarray:
    """`total / count` rounded to nearest, ties away from zero; count >= 1."""
    magnitude = (np.abs(total) + count // 2) // count
    return np.sign(total) * magnitude


def _multiply_by_pot(x: Ints, exponent: int) -> np.ndarray:
    """`x * 2^exponent` with saturation (`SaturatingRoundingMultiplyByPOT`)."""
    return np.clip(np.asarray(x, np.int64) << exponent, INT32_MIN, INT32_MAX)


def _exp_on_interval(a: Ints) -> np.ndarray:
    """exp(a) for a in [-1/4, 0) in Q0.31, as Q0.31."""
    constant_term, one_third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = srdhm(x, x)
    x3 = srdhm(x2, x)
    x4 = srdhm(x2, x2)
    x4_over_4 = rdbpot(x4, 2)
    sum_over_2 = rdbpot(srdhm(x4_over_4 + x3, one_third) + x2, 1)
    return constant_term + srdhm(constant_term, x + sum_over_2)


def exp_on_negative_values(a: Ints, integer_bits: int = 5) -> np.ndarray:
    """
    exp(a) for a <= 0 with so many integer bits, as Q0.31 (`exp_on_negative_values`).
    """
    a = np.asarray(a, np.int64)
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (a & (quarter - 1)) - quarter
    result = _exp_on_interval(_multiply_by_pot(remainder, integer_bits))
    steps = remainder - a
    for exponent, factor in (
        (-2, 1672461947),
        (-1, 1302514674),
        (0, 790015084),
        (1, 290630308),
        (2, 39332535),
        (3, 720401),
        (4, 242),
    ):
        if exponent < integer_bits:
            bit = 1 << (fraction_bits + exponent)
            result = np.where(steps & bit, srdhm(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def softmax_exp_table(multiplier: int, shift: int) -> np.ndarray:
    """
    exp of the input differences 0, -1, ..., -255 as Q0.31, int32; 0 where TFLite
    leaves a difference out because its scaled value does not fit Q5.26.
    """
    differences = -np.arange(256, dtype=np.int64)
    least = -(((1 << 5) - 1) * (1 << 26) // (1 << shift))
    scaled = srdhm(wrap32(np.maximum(differences, least) << shift), multiplier)
    return np.where(differences >= least, exp_on_negative_values(scaled), 0).astype(
        np.int32
    )


def divide_to_even(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The quotients of numbers that are not negative to nearest, ties to even."""
    quotient, rest = np.divmod(2 * a + b, 2 * b)
    return quotient - ((rest == 0) & (quotient % 2 == 1))


def _half_denominator_reciprocal(a: np.ndarray) -> np.ndarray:
    """2 / (1 + a) for a in [0, 1) in Q0.31, as Q2.29: three Newton steps."""
    half_denominator = (a + INT32_MAX + 1) >> 1
    x = 1515870810 + srdhm(half_denominator, -1010580540)
    for _ in range(3):
        one_minus = (1 << 29) - srdhm(half_denominator, x)
        x = x + _multiply_by_pot(srdhm(x, one_minus), 2)
    return x


def reciprocal_of_sum(total: Ints) -> tuple[np.ndarray, np.ndarray]:
    """
    `(scale, bits)` with `1 / total = scale * 2^-bits` for a sum in Q12.19, `scale` in
    Q0.31 (`GetReciprocal`, `one_over_one_plus_x_for_x_in_0_1`).
    """
    total = np.asarray(total, np.int64)
    headroom = 31 - np.floor(np.log2(total.astype(np.float64))).astype(np.int64)
    shifted = wrap32((total << headroom) - (1 << 31))
    return _multiply_by_pot(_half_denominator_reciprocal(shifted), 1), 12 - headroom


def logistic(a: Ints, integer_bits: int) -> np.ndarray:
    """1 / (1 + exp(-a)) for a with so many integer bits, as Q0.31 (`logistic`)."""
    a = np.asarray(a, np.int64)
    exp = exp_on_negative_values(-np.abs(a), integer_bits)
    positive = _multiply_by_pot(_half_denominator_reciprocal(exp), 1)
    result = np.where(a > 0, positive, INT32_MAX - positive)
    return np.where(a == 0, 1 << 30, result)


def tanh(a: Ints, integer_bits: int) -> np.ndarray:
    """tanh(a) for a with so many integer bits, as Q0.31 (`tanh`)."""
    a = np.asarray(a, np.int64)
    # The same number with one integer bit more is twice as large.
    exp = exp_on_negative_values(-np.abs(a), integer_bits + 1)
    x = _half_denominator_reciprocal(exp)
    magnitude = _multiply_by_pot(x - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a < 0, -magnitude, magnitude))
