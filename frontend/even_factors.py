"""
Integer factors that round as the real ones do (`rounding even`).

The integer factor nearest to a real one is off by up to 2^-32 of it. That takes an
accumulator whose scaled value lies within 10^-7 of a tie to the other side. There are
only 255 ties between the numbers of a byte, and one or two accumulators next to each:
they are all tried, and where one is rounded as the real factor does not round it, a
neighbour of the nearest factor serves: for about one output channel in 400.

The real factors are doubles. None is found, and the nearest stays, where a real factor
reaches ties exactly and no integer factor does, as a third does: these differ anyway.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from tinyml.dialects.attributes import RequantAttr, Rounding
from tinyml.frontend.quantization import quantize_multiplier, requant_table
from tinyml.interp.fixed_point import INT32_MAX, requantize, shift_right_even

CLOSE = 1e-6
"""Of a step, farther than which no factor of 31 bits moves what becomes a byte."""

STEPS = (0, -1, 1, -2, 2, -3, 3)
"""How far from the nearest factor others are tried, in this order."""


def even_table(reals: np.ndarray, zero_point: int, largest: np.ndarray) -> np.ndarray:
    """
    Rows of (multiplier, shift) of positive factors per output channel, for an output
    with this zero point. No accumulator is beyond plus or minus `largest`.
    """
    table = requant_table(reals)
    sums = next_to_ties(reals, zero_point, largest)
    values = sums * reals[:, None]
    close = np.abs(values - np.floor(values) - 0.5) < CLOSE
    for row in np.nonzero(close.any(1))[0]:
        multiplier, shift = table[row].tolist()
        table[row, 0] = even_neighbour(multiplier, shift, reals[row], sums[row])
    return table


def even_multiplier(real: float, zero_point: int) -> RequantAttr:
    """One positive factor, as an attribute."""
    table = even_table(np.array([real]), zero_point, np.array([INT32_MAX]))
    multiplier, shift = table[0].tolist()
    return RequantAttr(multiplier, shift)


def next_to_ties(reals: np.ndarray, zero_point: int, largest: np.ndarray) -> np.ndarray:
    """For each factor, the accumulators that it scales next to ties."""
    ties = np.arange(-128, 127) - zero_point + 0.5
    below = np.floor(ties / reals[:, None])
    sums = np.concatenate([below, below + 1], 1)
    return np.clip(sums, -largest[:, None], largest[:, None]).astype(np.int64)


def even_neighbour(multiplier: int, shift: int, real: float, sums: np.ndarray) -> int:
    """The first multiplier around this one that rounds all sums right, or this one."""
    expected = np.rint(sums * real)
    for step in STEPS:
        near = multiplier + step
        found = requantize(sums, near, shift, Rounding.EVEN)
        if is_factor(near) and np.array_equal(found, expected):
            return near
    return multiplier


def is_factor(multiplier: int) -> bool:
    """Whether it has 31 bits, as the multipliers of most precision have."""
    return 1 << 30 <= multiplier <= INT32_MAX


def even_sum_factors(
    reals: tuple[float, float], zero_points: tuple[int, int, int]
) -> tuple[RequantAttr, RequantAttr]:
    """
    Factors of one shift for two summands. The sum of every two bytes is rounded as that
    of the reals is, if such factors are found.
    """
    bytes_ = np.arange(-128, 128)
    left, right = (bytes_ - zero for zero in zero_points[:2])
    low, high = -128 - zero_points[2], 127 - zero_points[2]

    def limited(sums: np.ndarray) -> np.ndarray:
        return np.clip(sums, low, high)

    expected = limited(np.rint(np.add.outer(left * reals[0], right * reals[1])))
    nearest = [quantize_multiplier(real) for real in reals]
    shift = max(factor.shift.data for factor in nearest)
    a, b = (
        round(factor.multiplier.data / 2 ** (shift - factor.shift.data))
        for factor in nearest
    )
    for m, n in product(STEPS, STEPS):
        m, n = a + m, b + n
        found = shift_right_even(np.add.outer(left * m, right * n), 31 - shift)
        fits = 0 <= min(m, n) and is_factor(max(m, n))
        if fits and np.array_equal(limited(found), expected):
            a, b = m, n
            break
    return RequantAttr(a, shift), RequantAttr(b, shift)
