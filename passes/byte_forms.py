"""
Layers of bytes as a sum of products with constants, shifted once.

A sum of two bytes with scales of their own is, as frameworks define it, several
roundings of 64-bit products. As a function of its 65,536 pairs of bytes it is nearly
always the same as `(a * p + b * q + r) >> n` with factors of 24 bits, which is three
instructions: errors of a factor have to be smaller than the least distance of any pair
from where its rounding changes. Whether they are is found out by trying all pairs, so
what is found is exact, whatever the rounding, and else nothing is. Likewise a function
of one number, as of a product of two bytes or of the sum of a window, is tried on all
numbers.

Pure functions on arrays; what layers compute they ask the interpreter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from tinyml.dialects.activation import PReluOp
from tinyml.dialects.attributes import RequantAttr
from tinyml.dialects.elementwise import BroadcastOp
from tinyml.dialects.layer import shape
from tinyml.interp.tinyml import TinyMLFunctions

WORD_LOW, WORD_END = -(1 << 31), 1 << 31

BYTES = np.arange(-128, 128, dtype=np.int64)

MOST_BITS, LEAST_BITS = 23, 18
"""Bits of a result below its ones that are tried."""

SLOPE_BITS = 19
"""Bits of a result with two slopes below its ones."""

STEEPEST = 16
"""What slopes stay below, so that multiples of a byte are words."""

NEAR = 3
"""How far factors are tried from the nearest to the real ones."""


@dataclass(frozen=True)
class PairForm:
    """`(a * first + b * second + offset) >> bits`, in words, before it is clamped."""

    first: int
    second: int
    offset: int
    bits: int


@dataclass(frozen=True)
class LineForm:
    """`(x * factor + offset) >> bits`, in words, before it is clamped."""

    factor: int
    offset: int
    bits: int


@dataclass(frozen=True)
class NumberForm:
    """
    `(high + offset) >> bits` with the high word `high` of `(x << left) * factor`,
    before it is clamped.
    """

    left: int
    factor: int
    offset: int
    bits: int


@dataclass(frozen=True)
class HighForm:
    """
    Double rounding of `x + start` by the high words of two products, for any word. With
    `q = high(x * first) + x`, rounded, the result is `zero + high(p * second)`, rounded
    too, where `p` is `q`, and one less if that is negative and `signed`.
    """

    start: int
    first: int
    second: int
    zero: int
    signed: bool
    """Whether negative results are more than one."""


def high_form(
    requant: RequantAttr, start: int, zero: int, clamp: tuple[int, int]
) -> HighForm | None:
    """
    The form of a factor of usual multiplier and shift.

    Source: gemmlowp's rounding; the identities are those of `loops/high_products.py`.
    """
    multiplier, right = requant.multiplier.data, -requant.shift.data
    if multiplier < 1 << 30 or not 2 <= right <= 30:
        return None
    first, second = 2 * multiplier - (1 << 32), 1 << (32 - right)
    return HighForm(start, first, second, zero, clamp[0] < zero)


def pair_table(op: BroadcastOp) -> np.ndarray:
    """What a layer makes of each byte of `lhs` (rows) and each of `rhs`. int64."""
    a = BYTES.astype(np.int8)
    y = np.empty((256, 256), np.int8)
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(TinyMLFunctions())
    interpreter.run_op(op, (a[:, None], a[None, :], y))
    return y.astype(np.int64)


def prelu_table(op: PReluOp) -> np.ndarray:
    """What a layer makes of each byte, [channels, 256]. int64."""
    channels = shape(op.input)[-1]
    x = np.repeat(BYTES.astype(np.int8).reshape(1, 256, 1, 1), channels, axis=3)
    y = np.empty(x.shape, np.int8)
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(TinyMLFunctions())
    interpreter.run_op(op, (x, y))
    return y[0, :, 0].T.astype(np.int64)


def limits(
    results: np.ndarray, clamp: tuple[int, int], bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """The least words that a shift and the clamp make the results of, and the ends."""
    low, high = clamp
    least = np.where(results > low, results << bits, WORD_LOW)
    end = np.where(results < high, (results + 1) << bits, WORD_END)
    return least, end


def middle_offset(
    words: np.ndarray, limits: tuple[np.ndarray, np.ndarray]
) -> int | None:
    """What added to words brings all of them within limits, if anything does."""
    least, end = limits
    low, high = int((least - words).max()), int((end - words).min()) - 1
    inside = WORD_LOW <= low <= high < WORD_END
    return (low + high) // 2 if inside else None


def near(center: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Numbers around others, the nearest first."""
    steps = product(range(-NEAR, NEAR + 1), repeat=len(center))
    for step in sorted(steps, key=lambda step: sum(map(abs, step))):
        yield tuple(a + b for a, b in zip(center, step, strict=True))


def pair_form(
    results: np.ndarray, slopes: tuple[float, float], clamp: tuple[int, int]
) -> PairForm | None:
    """
    A form of a function of two bytes, int64 [256, 256], which is about a sum with these
    slopes, rounded and clamped.
    """
    for bits in range(MOST_BITS, LEAST_BITS - 1, -1):
        inside = limits(results, clamp, bits)
        center = tuple(round(slope * (1 << bits)) for slope in slopes)
        if max(map(abs, center)) >= 1 << 24:
            continue
        for first, second in near(center):
            words = (BYTES * first)[:, None] + BYTES * second
            offset = middle_offset(words, inside)
            if offset is not None:
                return PairForm(first, second, offset, bits)
    return None


def line_form(
    numbers: np.ndarray,
    results: np.ndarray,
    slope: float,
    clamp: tuple[int, int],
    all_bits: Sequence[int] = range(MOST_BITS, LEAST_BITS - 1, -1),
) -> LineForm | None:
    """A form of a function of small numbers, as `pair_form` finds one of two bytes."""
    for bits in all_bits:
        center = round(slope * (1 << bits))
        if abs(center) >= 1 << 24:
            continue
        inside = limits(results, clamp, bits)
        for (factor,) in near((center,)):
            offset = middle_offset(numbers * factor, inside)
            if offset is not None:
                return LineForm(factor, offset, bits)
    return None


def number_form(
    numbers: np.ndarray, results: np.ndarray, slope: float, clamp: tuple[int, int]
) -> NumberForm | None:
    """
    A form of a function of numbers, both int64, which is about a multiple, rounded and
    clamped.
    """
    largest = int(np.abs(numbers).max())
    left = 30 - largest.bit_length()
    if left < 0 or slope == 0:
        return None
    for bits in range(MOST_BITS, LEAST_BITS - 1, -1):
        center = round(slope * 2.0 ** (bits + 32 - left))
        if not 1 << 20 <= abs(center) < WORD_END - NEAR:
            continue
        inside = limits(results, clamp, bits)
        for (factor,) in near((center,)):
            words = (numbers << left) * factor >> 32
            offset = middle_offset(words, inside)
            if offset is not None:
                return NumberForm(left, factor, offset, bits)
    return None


@dataclass(frozen=True)
class SlopesForm:
    """
    `(x * slope + offset) >> SLOPE_BITS` for a byte less its zero point, before it is
    clamped. Where that is negative, `x * slopes[c] + offsets[c]` is added before.
    """

    slope: int
    offset: int
    slopes: tuple[int, ...]
    offsets: tuple[int, ...]


def slopes_form(
    results: np.ndarray, zero: int, positive: float, negative: np.ndarray
) -> SlopesForm | None:
    """
    A form of functions of a byte, int64 [channels, 256], that are about multiples by
    `positive` above a zero point, and below it by `negative`, one for each channel.
    """
    if max(abs(positive), float(np.abs(negative).max())) >= STEEPEST:
        return None
    x = BYTES - zero
    above, below = x >= 0, x < 0

    def line(slope: float, channel: int, part: np.ndarray) -> LineForm | None:
        if not part.any():
            return LineForm(0, 0, SLOPE_BITS)
        function = x[part], results[channel, part]
        return line_form(*function, slope, (-128, 127), [SLOPE_BITS])

    up = line(positive, 0, above)
    lines = [line(slope, c, below) for c, slope in enumerate(negative.tolist())]
    down = [found for found in lines if found is not None]
    if up is None or len(down) < len(lines):
        return None
    return SlopesForm(
        up.factor,
        up.offset,
        tuple(found.factor - up.factor for found in down),
        tuple(found.offset - up.offset for found in down),
    )
