"""Factors that round as the real ones do, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from tinyml.dialects.attributes import RequantAttr
from tinyml.frontend.even_factors import even_multiplier, even_sum_factors, even_table
from tinyml.frontend.quantization import multiplier_and_shift, quantize_multiplier

REACH = 1 << 20
"""The accumulators of these tests: those of some hundred products."""

NEEDY = 0.0008749123315094236
"""A real factor whose nearest integer factor takes an accumulator across a tie."""


def factor(requant: RequantAttr) -> Fraction:
    return requant.multiplier.data * Fraction(2) ** (requant.shift.data - 31)


def reals(count: int) -> np.ndarray:
    """Quotients of scales in single precision, as models have them."""
    generator = np.random.default_rng(1)
    exponents = generator.uniform([[-5], [-6], [-4]], [[-3], [-5], [-3]], (3, count))
    a, b, c = np.exp(exponents).astype(np.float32).astype(np.float64)
    return a * b / c


def differences(real: float, taken: Fraction, zero_point: int) -> list[int]:
    """The accumulators around ties that become another byte than they should."""
    exact = Fraction(real)
    sums = {
        floor((number - zero_point + Fraction(1, 2)) / exact) + i
        for number in range(-128, 127)
        for i in (0, 1)
    }
    # Python rounds ties to even.
    return [
        acc
        for acc in sorted(sums)
        if abs(acc) <= REACH and round(acc * exact) != round(acc * taken)
    ]


@pytest.mark.parametrize("zero_point", [-128, 3])
def test_every_accumulator_is_rounded_as_by_the_real_factor(zero_point: int):
    factors = np.append(reals(150), NEEDY)
    table = even_table(factors, zero_point, np.full(len(factors), REACH))
    changed = 0
    for real, (multiplier, shift) in zip(factors.tolist(), table.tolist(), strict=True):
        taken = multiplier * Fraction(2) ** (shift - 31)
        assert differences(real, taken, zero_point) == []
        if (multiplier, shift) != multiplier_and_shift(real):
            nearest = factor(quantize_multiplier(real))
            assert differences(real, nearest, zero_point)
            changed += 1
    assert changed


@pytest.mark.parametrize("real", [1.0, 0.5, 0.25, 1 / 3, 2.0**-40, 3e-12, 200.0])
def test_the_nearest_factor_stays(real: float):
    """Exact ones, one that no factor serves, those of no or of few accumulators."""
    assert even_multiplier(real, 5) == quantize_multiplier(real)


def test_every_sum_is_rounded_as_that_of_the_reals():
    generator = np.random.default_rng(2)
    scales = np.exp(generator.uniform(-5, -3, (3, 40))).astype(np.float32)
    for a, b, c in scales.T.astype(np.float64).tolist():
        zero_points = tuple(generator.integers(-128, 128, 3).tolist())
        left, right = even_sum_factors((a / c, b / c), zero_points)
        assert left.shift == right.shift
        # In units of 2^-70 all is whole.
        x = np.arange(-128, 128, dtype=object)
        exact = np.add.outer(
            (x - zero_points[0]) * int(Fraction(a / c) * 2**70),
            (x - zero_points[1]) * int(Fraction(b / c) * 2**70),
        )
        taken = np.add.outer(
            (x - zero_points[0]) * int(factor(left) * 2**70),
            (x - zero_points[1]) * int(factor(right) * 2**70),
        )
        assert (
            bytes_of(exact, zero_points[2]) == bytes_of(taken, zero_points[2])
        ).all()


def bytes_of(sums: np.ndarray, zero_point: int) -> np.ndarray:
    """Sums in units of 2^-70, rounded to even and saturated."""
    down, rest = sums >> 70, sums & (2**70 - 1)
    up = (rest > 2**69) | ((rest == 2**69) & (down & 1 == 1))
    return np.clip(down + up + zero_point, -128, 127)
