"""
The interpreter's fixed-point arithmetic against gemmlowp's formulas on Python ints and
against exact fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scalar_reference as scalar
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml.dialects.attributes import Rounding
from tinyml.interp.fixed_point import (
    F32_LIMIT,
    INT32_MAX,
    INT32_MIN,
    SATURATION,
    divide_half_away,
    exp_on_negative_values,
    fma_f32,
    rdbpot,
    reciprocal_of_sum,
    requantize,
    requantize_f32,
    shift_right_even,
    softmax_exp_table,
    srdhm,
    wrap32,
)

STABLE = settings(deadline=None, derandomize=True, max_examples=200)

EXTREMES = [INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX]
int32s = st.one_of(st.sampled_from(EXTREMES), st.integers(INT32_MIN, INT32_MAX))
multipliers = st.one_of(
    st.sampled_from([1 << 30, -(1 << 30), INT32_MAX, -INT32_MAX, 0]),
    st.integers(1 << 30, INT32_MAX),
    st.integers(-INT32_MAX, INT32_MAX),
)
shifts = st.integers(-31, 30)
roundings = st.sampled_from([Rounding.DOUBLE, Rounding.SINGLE, Rounding.EVEN])


def saturated(x: int) -> int:
    return max(-SATURATION, min(SATURATION, x))


@pytest.mark.parametrize(
    "x, exponent, expected",
    [
        (5, 0, 5),
        (5, 1, 3),
        (-5, 1, -3),
        (4, 1, 2),
        (1, 2, 0),
        (2, 2, 1),
        (-2, 2, -1),
        (-1, 2, 0),
        (-3, 2, -1),
        (1 << 30, 31, 1),
        ((1 << 30) - 1, 31, 0),
        (-(1 << 30), 31, -1),
        (INT32_MIN, 31, -1),
        (INT32_MAX, 31, 1),
    ],
)
def test_divide_by_power_of_two(x: int, exponent: int, expected: int):
    assert rdbpot(x, exponent) == expected


@pytest.mark.parametrize(
    "a, b, expected",
    [
        (1 << 30, 1 << 30, 1 << 29),
        # 1.5 and -1.5: ties go up.
        (3, 1 << 30, 2),
        (-3, 1 << 30, -1),
        (INT32_MIN, INT32_MIN, INT32_MAX),
        (INT32_MIN, INT32_MAX, -INT32_MAX),
        (INT32_MAX, INT32_MAX, INT32_MAX - 1),
    ],
)
def test_high_multiply(a: int, b: int, expected: int):
    assert srdhm(a, b) == expected


@pytest.mark.parametrize(
    "acc, shift, double, single, even",
    [
        # The multiplier is one half: 2.5 and -2.5.
        (5, 0, 3, 3, 2),
        (-5, 0, -2, -2, -2),
        # 1.5, 2.5, -2.5: the second rounding of `double` sends ties away from zero.
        (6, -1, 2, 2, 2),
        (10, -1, 3, 3, 2),
        (-10, -1, -3, -2, -2),
        # 1.25 becomes 1.5 in the first rounding and 2 in the second.
        (5, -1, 2, 1, 1),
        (7, 1, 7, 7, 7),
        (7, 4, 56, 56, 56),
        # Beyond 32 bits gemmlowp's shift wraps: 2^30 << 2 is 0.
        (1 << 30, 2, 0, SATURATION, SATURATION),
        (-(1 << 30), 2, 0, -SATURATION, -SATURATION),
    ],
)
def test_requantize_by_hand(acc: int, shift: int, double: int, single: int, even: int):
    half = 1 << 30
    assert requantize(acc, half, shift, Rounding.DOUBLE) == double
    assert requantize(acc, half, shift, Rounding.SINGLE) == single
    assert requantize(acc, half, shift, Rounding.EVEN) == even


@STABLE
@given(int32s, int32s)
def test_high_multiply_is_gemmlowps(a: int, b: int):
    expected = scalar.saturating_rounding_doubling_high_mul(a, b)
    assert srdhm(a, b) == expected
    exact = math.floor(Fraction(a * b, 1 << 31) + Fraction(1, 2))
    assert expected == min(exact, INT32_MAX)


@STABLE
@given(int32s, st.integers(0, 31))
def test_divide_by_power_of_two_is_gemmlowps(x: int, exponent: int):
    expected = scalar.rounding_divide_by_pot(x, exponent)
    assert rdbpot(x, exponent) == expected
    assert expected == scalar.nearest(Fraction(x, 1 << exponent), Rounding.AWAY)


def test_ties_of_every_exponent():
    for exponent in range(1, 32):
        wholes = [n for n in range(-5, 5) if n << exponent >= INT32_MIN]
        ties = [(n << exponent) + (1 << (exponent - 1)) for n in wholes]
        ties = [x for x in ties if x <= INT32_MAX]
        for x in (x + nudge for x in ties for nudge in (-1, 0, 1)):
            real = Fraction(x, 1 << exponent)
            assert rdbpot(x, exponent) == scalar.nearest(real, Rounding.AWAY)
            assert shift_right_even(x, exponent) == scalar.nearest(real, Rounding.EVEN)


@STABLE
@given(int32s, multipliers, shifts, roundings)
def test_requantize(acc: int, multiplier: int, shift: int, rounding: Rounding):
    expected = scalar.requantize(acc, multiplier, shift, rounding)
    if rounding is not Rounding.DOUBLE:
        expected = saturated(expected)
    assert requantize(acc, multiplier, shift, rounding) == expected


@STABLE
@given(
    st.integers(-40, 40), st.sampled_from([1, -1, 3]), st.integers(-31, 0), roundings
)
def test_requantize_ties(odd: int, sign: int, shift: int, rounding: Rounding):
    # acc * 2^30 * 2^(shift - 31) with an odd number of halves.
    acc = scalar.int32((2 * odd + 1) * sign << -shift)
    expected = scalar.requantize(acc, 1 << 30, shift, rounding)
    if rounding is not Rounding.DOUBLE:
        expected = saturated(expected)
    assert requantize(acc, 1 << 30, shift, rounding) == expected


@STABLE
@given(
    st.lists(st.tuples(int32s, multipliers, shifts), min_size=1, max_size=8), roundings
)
def test_requantize_broadcasts(rows: list[tuple[int, int, int]], rounding: Rounding):
    acc, multiplier, shift = (np.array(column) for column in zip(*rows, strict=True))
    together = requantize(acc, multiplier, shift, rounding)
    alone = [requantize(*row, rounding) for row in rows]
    assert together.tolist() == [int(number) for number in alone]


def test_away_needs_an_exact_value():
    with pytest.raises(ValueError, match="not defined for accumulators"):
        requantize(1, 1, 0, Rounding.AWAY)


@STABLE
@given(st.integers(-(1 << 62), 1 << 62))
def test_wrap(x: int):
    assert wrap32(x) == scalar.int32(x)


@STABLE
@given(st.integers(-(1 << 20), 1 << 20), st.integers(1, 2000))
def test_divide_half_away(total: int, count: int):
    expected = scalar.nearest(Fraction(total, count), Rounding.AWAY)
    assert divide_half_away(total, count) == expected


@STABLE
@given(st.one_of(st.integers(INT32_MIN, 0), st.integers(-(1 << 26), 0)))
def test_exponential(a: int):
    result = exp_on_negative_values(a)
    assert result == scalar.exp_on_negative_values(a)
    assert abs(int(result) / 2.0**31 - math.exp(a / 2.0**26)) < 2.0**-21


@pytest.mark.parametrize(
    "a",
    [0, -1, -(1 << 24), 1 - (1 << 24), -(1 << 24) - 1, -(1 << 26), INT32_MIN],
)
def test_exponential_at_corners(a: int):
    assert exp_on_negative_values(a) == scalar.exp_on_negative_values(a)


@STABLE
@given(st.integers(1 << 19, INT32_MAX))
def test_reciprocal(total: int):
    scale, bits = reciprocal_of_sum(total)
    assert (int(scale), int(bits)) == scalar.get_reciprocal(total, 12)
    exact = Fraction(1 << 19, total)
    approximate = Fraction(int(scale), 1 << 31) / Fraction(2) ** int(bits)
    assert abs(approximate / exact - 1) < Fraction(1, 1 << 24)


@pytest.mark.parametrize("exponent", range(19, 31))
def test_reciprocal_at_powers_of_two(exponent: int):
    for total in (
        (1 << exponent) - (exponent > 19),
        1 << exponent,
        (1 << exponent) + 1,
    ):
        scale, bits = reciprocal_of_sum(total)
        assert (int(scale), int(bits)) == scalar.get_reciprocal(total, 12)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(1 << 30, INT32_MAX), st.integers(0, 30))
def test_softmax_table(multiplier: int, shift: int):
    table = softmax_exp_table(multiplier, shift)
    least = -math.floor(31.0 * (1 << 26) / (1 << shift))
    for difference in range(256):
        scaled = scalar.multiply_by_quantized_multiplier(-difference, multiplier, shift)
        expected = 0
        if -difference >= least:
            expected = scalar.exp_on_negative_values(scaled)
        assert table[difference] == expected


@given(
    a=st.floats(-1e6, 1e6, width=32),
    b=st.floats(-1e6, 1e6, width=32),
    c=st.floats(-1e6, 1e6, width=32),
)
def test_fma_f32(a: float, b: float, c: float):
    """Rounded once, also where double precision cannot hold the sum."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    tiny = Fraction(2) ** -126
    if exact == 0 or abs(exact) >= tiny:
        found = fma_f32(np.float32(a), np.float32(b), np.float32(c))
        assert Fraction(float(found)) == scalar.rounded_float(exact)


def test_fma_f32_does_not_round_twice():
    """The product is half a unit less 2^-50, which a double loses beside 2^20."""
    a, b, c = 1 + 2**-23, (1 - 2**-23) / 16, 2**20 + 1 / 8
    assert np.float32(a * b + c) == 2**20 + 1 / 4
    assert fma_f32(np.float32(a), np.float32(b), np.float32(c)) == 2**20 + 1 / 8


@given(
    acc=st.integers(-(1 << 31), (1 << 31) - 1),
    factor=st.floats(2**-40, 2**-8, width=32),
)
def test_requantize_f32(acc: int, factor: float):
    found = requantize_f32(acc, np.float32(factor))
    wanted = scalar.scaled_float(acc, Fraction(factor))
    assert found == max(-F32_LIMIT, min(F32_LIMIT, wanted))
