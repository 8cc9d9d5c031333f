"""
Which value to keep in the FPU, and where to read it from there. Pure.

Numbers are those of `thumb_liveness`: instruction i reads at 2 i and writes at 2 i + 1.
Where more values are alive than there are registers is *crowded*. A value that is kept
elsewhere is in a register only around its uses: from one use to the next, and through
loops that use it, as long as nothing in between is crowded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import gt
from typing import NamedTuple

from tinyml.passes.thumb_liveness import TURNS, Span


@dataclass(frozen=True)
class Inside:
    """A loop in which a value is read that comes from outside."""

    first: int
    """The loop's own number among the instructions."""
    last: int
    """The number of the instruction that ends its body."""
    reads: tuple[Read, ...]


Read = int | Inside
"""An instruction that reads a value, by its number, or a loop."""


class Stay(NamedTuple):
    """Instructions between which a value stays in a register."""

    first: int
    last: int
    depth: int
    """Loops around it."""
    from_birth: bool = False
    """Whether it is still where it was written, and need not be read from elsewhere."""


class Crowd:
    """The numbers, of those from -1 on, at which too many values are alive."""

    def __init__(self, crowded: Iterable[bool]):
        self.sums = list(accumulate(map(int, crowded), initial=0))
        """How many of the first numbers are crowded; of none, one, two, ..."""

    @property
    def total(self) -> int:
        return self.sums[-1]

    def count(self, span: Span) -> int:
        start, end = span
        return self.sums[end + 1] - self.sums[start + 1] if start < end else 0

    def is_between(self, a: int, b: int) -> bool:
        """Whether any of the numbers lies between two others."""
        return b > a + 1 and self.sums[b + 1] > self.sums[a + 2]


def crowd(counts: Sequence[int], limits: Sequence[int]) -> Crowd:
    """Where the counts that `alive` gives are above limits."""
    return Crowd(map(gt, counts, limits))


def stays(
    reads: Sequence[Read], crowded: Crowd, depth: int, birth: int | None = None
) -> Iterator[Stay]:
    """
    Where a value is in a register if it is kept elsewhere. If `birth` is where it is
    written, the first stay begins there, and may be nothing but that.
    """
    stay = None
    if birth is not None:
        stay = Stay(birth // 2, birth // 2, depth, True)
    end = birth
    for read in reads:
        if isinstance(read, Inside):
            start, stop = 2 * read.first + 1, 2 * read.last
            if crowded.count((start, stop + 1)):
                if stay is not None:
                    yield stay
                yield from stays(read.reads, crowded, depth + 1)
                stay = end = None
                continue
            first, last = read.first, read.last
        else:
            start = stop = 2 * read
            first = last = read
        if stay is None or end is None or crowded.is_between(end, start):
            if stay is not None:
                yield stay
            stay = Stay(first, last, depth)
        else:
            stay = Stay(stay.first, last, depth, stay.from_birth)
        end = stop
    if stay is not None:
        yield stay


@dataclass(frozen=True)
class Candidate:
    """A value that could be kept elsewhere."""

    span: Span
    depth: int
    """Loops around where it is written."""
    reads: tuple[Read, ...]
    is_free: bool = False
    """Whether it is there already: it was read from there, or is a constant."""


@dataclass(frozen=True)
class Plan:
    """Where a value is in a register, and what keeping it elsewhere costs in cycles."""

    stays: tuple[Stay, ...]
    cost: int
    relief: int
    """Crowded numbers at which it is no longer in a register."""


def plan(candidate: Candidate, crowded: Crowd) -> Plan | None:
    """How to keep a value elsewhere; None if that would not help."""
    birth, death = candidate.span
    relief = crowded.count(candidate.span)
    if not relief or not candidate.reads:
        return None
    found = tuple(stays(candidate.reads, crowded, candidate.depth, birth))
    for stay in found:
        start = birth if stay.from_birth else 2 * stay.first
        end = max(2 * stay.last, birth) if stay.from_birth else 2 * stay.last
        relief -= crowded.count((start, min(end + 1, death)))
    if relief <= 0:
        return None
    cost = sum(TURNS**stay.depth for stay in found if not stay.from_birth)
    if not candidate.is_free:
        cost += TURNS**candidate.depth
    return Plan(found, cost, relief)


def choose(plans: Mapping[int, Plan]) -> int | None:
    """The value that helps most for what it costs; None if there is none."""
    best: int | None = None
    for value, found in plans.items():
        if best is None or (
            found.cost * plans[best].relief < plans[best].cost * found.relief
        ):
            best = value
    return best
