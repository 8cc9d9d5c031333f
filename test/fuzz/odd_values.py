"""Numbers that readers of files trip over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

INTEGERS = (
    *(0, 1, -1, 2, 3, 7, 16, 100, 127, 128, -128, -129, 255, 256, 1 << 12),
    *(1 << 15, 1 << 16, 1 << 20, 1 << 24, 1 << 30, (1 << 31) - 1, -(1 << 31), 1 << 31),
    *((1 << 32) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, -(1 << 63)),
)
REALS = (
    *(0.0, -0.0, 1e-45, 1e-39, 1e-20, 1e-6, 0.1, 0.5, 1.0, -0.5, 6.0, 1e6, 1e20, 3e38),
    *(math.inf, -math.inf, math.nan),
)
STRINGS = ("", "nowhere", "a\nb", "\x00\x1b[31m", "ä€😀\u2028", '"', "x" * 5000)


def edits(random: Random) -> int:
    """How many things are wrong with a model: mostly one, which is the hardest to see."""
    return random.choice((1, 1, 1, 2, 3))


def odd_integer(random: Random, now: int) -> int:
    """A neighbour of the number, or one of the odd ones."""
    near = (now + 1, now - 1, -now, 2 * now, now // 2)
    return random.choice(near if random.random() < 0.3 else INTEGERS)


def odd_real(random: Random, now: float) -> float:
    """A relative of the number, or one of the odd ones."""
    return random.choice((2 * now, -now, *REALS))


def wrapped(number: int, bits: int, signed: bool) -> int:
    """The integer of so many bits that is equal to `number` modulo 2^bits."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if signed and number >> (bits - 1) else number


def one_of_groups(random: Random, groups: dict[str, list[T]]) -> T:
    """Any member of any group, rare kinds as often as frequent ones."""
    return random.choice(groups[random.choice(sorted(groups))])


def swap_two(random: Random, values: Sequence[T]) -> list[T]:
    """The list with two of its members exchanged."""
    copy = list(values)
    a, b = random.randrange(len(copy)), random.randrange(len(copy))
    copy[a], copy[b] = copy[b], copy[a]
    return copy
