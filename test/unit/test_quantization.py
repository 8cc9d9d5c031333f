"""From real scales to integer factors: answers worked out by hand, then exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import RequantAttr
from tinyml.frontend.quantization import (
    add_multipliers,
    mean_multiplier,
    quantize_multiplier,
    quantize_value,
    requant_table,
    round_half_away,
    same_padding,
    softmax_multiplier,
)

HALF = 1 << 30
"""A multiplier of one half; multipliers are in [1/2, 1)."""


def numbers(attr: RequantAttr) -> tuple[int, int]:
    return attr.multiplier.data, attr.shift.data


def value(attr: RequantAttr) -> Fraction:
    """The factor that multiplier and shift stand for."""
    multiplier, shift = numbers(attr)
    return Fraction(multiplier) * Fraction(2) ** (shift - 31)


@pytest.mark.parametrize(
    "real, multiplier, shift",
    [
        (0.0, 0, 0),
        (1.0, HALF, 1),
        (0.5, HALF, 0),
        (0.75, 3 << 29, 0),
        (3.0, 3 << 29, 2),
        (-1.0, -HALF, 1),
        (-0.75, -(3 << 29), 0),
        (2.0**29, HALF, 30),
        (2.0**-32, HALF, -31),
        # One bit smaller, the factor is nothing.
        (2.0**-33, 0, 0),
        (1e-300, 0, 0),
        (5e-324, 0, 0),
        # 1/3 = 0.666... * 2^-1; 2/3 * 2^31 = 1431655765.33
        (1 / 3, 1431655765, -1),
        # Rounds up to 2^31, which becomes 2^30 and one more bit of shift.
        (1 - 2.0**-40, HALF, 1),
        (-(1 - 2.0**-40), -HALF, 1),
        (2.0**-32 * (1 - 2.0**-40), HALF, -31),
        # Ties go away from zero: (2^30 + 1/2) / 2^31.
        ((HALF + 0.5) / (1 << 31), HALF + 1, 0),
        (-(HALF + 0.5) / (1 << 31), -HALF - 1, 0),
    ],
)
def test_quantize_multiplier(real: float, multiplier: int, shift: int):
    assert numbers(quantize_multiplier(real)) == (multiplier, shift)


@pytest.mark.parametrize("real", [2.0**30, 1e30, -1e30, 2.0**30 * (1 - 2.0**-40)])
def test_factor_that_is_too_large(real: float):
    with pytest.raises(DiagnosticException, match="too large"):
        quantize_multiplier(real)


@pytest.mark.parametrize("real", [math.inf, -math.inf, math.nan])
def test_factor_that_is_no_number(real: float):
    with pytest.raises(DiagnosticException, match="not a finite number"):
        quantize_multiplier(real)


@given(st.floats(2.0**-32, 2.0**29), st.sampled_from([1, -1]))
def test_quantize_multiplier_is_nearest(real: float, sign: int):
    """Within half a unit of the 31-bit multiplier, and symmetric."""
    attr = quantize_multiplier(sign * real)
    multiplier, shift = numbers(attr)
    assert HALF <= abs(multiplier) < 1 << 31
    assert -31 <= shift <= 30
    unit = Fraction(2) ** (shift - 31)
    assert abs(value(attr) - sign * Fraction(real)) <= unit / 2
    assert numbers(quantize_multiplier(-sign * real)) == (-multiplier, shift)


def test_requant_table():
    table = requant_table(np.array([1.0, -0.75, 0.0]))
    assert table.dtype == np.int32
    assert table.tolist() == [[HALF, 1], [-(3 << 29), 0], [0, 0]]
    assert requant_table([0.5] * 3).tolist() == [[HALF, 0]] * 3


@pytest.mark.parametrize(
    "real, count, multiplier, shift",
    [
        (1.0, 1, HALF, 1),
        # Two bits of 4 go into the multiplier and come off again.
        (1.0, 4, HALF, -1),
        # floor(2^30 * 2 / 3), and one bit off the shift.
        (1.0, 3, (2 << 30) // 3, 0),
        (0.75, 49, (3 << 29 << 5) // 49, -5),
        # No more bits than the shift has above -31.
        (2.0**-30, 16, HALF * 4 // 16, -31),
    ],
)
def test_mean_multiplier(real: float, count: int, multiplier: int, shift: int):
    assert numbers(mean_multiplier(real, count)) == (multiplier, shift)


@given(st.floats(2.0**-12, 2.0**12), st.integers(1, 1 << 16))
def test_mean_multiplier_is_close(real: float, count: int):
    attr = mean_multiplier(real, count)
    multiplier, shift = numbers(attr)
    assert 0 < multiplier < 1 << 31
    assert -31 <= shift <= 30
    # The multiplier is cut off, after that of the real factor was rounded.
    unit = Fraction(2) ** (shift - 31)
    assert abs(value(attr) - Fraction(real) / count) <= 2 * unit


@pytest.mark.parametrize(
    "beta, scale, multiplier, shift",
    [
        (1.0, 2.0**-4, HALF, 23),
        (1.0, 0.75, 3 << 29, 26),
        (0.5, 2.0**-4, HALF, 22),
    ],
)
def test_softmax_multiplier(beta: float, scale: float, multiplier: int, shift: int):
    assert numbers(softmax_multiplier(beta, scale)) == (multiplier, shift)


def test_softmax_of_steps_that_are_too_large():
    """From 16 on a step leaves Q5.26, whose exponential is nothing anyway."""
    with pytest.raises(DiagnosticException, match="too large"):
        softmax_multiplier(1.0, 2.0**10)


def test_add_multipliers():
    """Relative to twice the larger scale, then to the output with 20 bits of headroom."""
    lhs, rhs, total = add_multipliers(0.5, 0.25, 1.0)
    assert numbers(lhs) == (HALF, 0)
    assert numbers(rhs) == (HALF, -1)
    # 2 * 0.5 / 2^20
    assert numbers(total) == (HALF, -19)
    lhs, rhs, total = add_multipliers(0.25, 0.75, 0.375)
    assert numbers(lhs) == numbers(quantize_multiplier(1 / 6))
    assert numbers(rhs) == (HALF, 0)
    # 1.5 / 0.375 / 2^20 = 2^-18
    assert numbers(total) == (HALF, -17)


@given(*[st.floats(2.0**-10, 2.0**3)] * 3)
def test_add_multipliers_give_the_sum(lhs: float, rhs: float, output: float):
    a, b, total = map(value, add_multipliers(lhs, rhs, output))
    for factor, scale in ((a, lhs), (b, rhs)):
        product = factor * total * (1 << 20)
        exact = Fraction(scale) / Fraction(output)
        assert abs(product - exact) <= exact * Fraction(1, 1 << 29)


@pytest.mark.parametrize(
    "real, scale, zero_point, expected",
    [
        (0.0, 0.1, -7, -7),
        (6.0, 0.05, -128, -8),
        (6.0, 0.0235294122248888, -128, 127),
        (-1.0, 0.5, 3, 1),
        (0.25, 0.5, 0, 1),
        (-0.25, 0.5, 0, -1),
        (0.75, 0.5, 10, 12),
        # In doubles 0.3 / 0.1 rounds down, here it does not matter.
        (0.3, 0.1, 0, 3),
    ],
)
def test_quantize_value(real: float, scale: float, zero_point: int, expected: int):
    assert quantize_value(real, scale, zero_point) == expected


@pytest.mark.parametrize(
    "real, expected",
    [
        (0.5, 1),
        (-0.5, -1),
        (1.5, 2),
        (-1.5, -2),
        (2.5, 3),
        (0.49, 0),
        (-0.0, 0),
        (7, 7),
    ],
)
def test_round_half_away(real: float, expected: int):
    assert round_half_away(real) == expected


@given(st.fractions(-(1 << 20), 1 << 20, max_denominator=64))
def test_round_half_away_of_fractions(real: Fraction):
    rounded = round_half_away(float(real))
    assert abs(rounded - real) <= Fraction(1, 2)
    if abs(rounded - real) == Fraction(1, 2):
        assert abs(rounded) > abs(real)


@pytest.mark.parametrize(
    "size, extent, stride, expected",
    [
        (5, 3, 1, (1, 1)),
        (5, 3, 2, (1, 1)),
        (6, 3, 2, (0, 1)),
        (224, 3, 2, (0, 1)),
        (5, 2, 1, (0, 1)),
        (4, 2, 2, (0, 0)),
        (4, 1, 3, (0, 0)),
        (1, 7, 1, (3, 3)),
        (1, 1, 5, (0, 0)),
        (49, 10, 2, (4, 5)),
    ],
)
def test_same_padding(size: int, extent: int, stride: int, expected: tuple[int, int]):
    assert same_padding(size, extent, stride) == expected


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 8))
def test_same_padding_gives_the_outputs(size: int, extent: int, stride: int):
    """ceil(size / stride) outputs, padding no more than they need, more of it behind."""
    before, after = same_padding(size, extent, stride)
    outputs = math.ceil(Fraction(size, stride))
    assert after - before in (0, 1)
    assert (size + before + after - extent) // stride + 1 >= outputs
    if before + after:
        assert (outputs - 1) * stride + extent == size + before + after
