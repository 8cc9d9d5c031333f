"""
When values of a `thumb` function are alive, as ranges of numbers.

Line number i reads at 2 i and writes at 2 i + 1: a value that dies where another one is
born leaves its register to it. A value from outside of a loop that is used in it lives
to the loop's end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyml.dialects.thumb_control import LoopOp, RepeatNeOp
from tinyml.passes.thumb_code import Code, ends_of_loops

TURNS = 8
"""How often a loop is taken to run."""

Span = tuple[int, int]
"""From its first number up to, and without, its last."""


def lives(code: Code) -> list[Span]:
    """When each value is alive; what nobody reads is so where it is written."""
    ends = ends_of_loops(code.lines)
    around: list[int] = []
    spans: list[Span] = [(0, 0)] * len(code.types)
    homes = [0] * len(code.types)
    """How many loops are around where a value is written."""
    for value in code.arguments:
        spans[value] = -1, 0
    for place, line in enumerate(code.lines):
        depth = len(around)
        for value in line.reads:
            home = homes[value]
            death = 2 * (place if home == depth else around[home]) + 1
            birth, last = spans[value]
            if death > last:
                spans[value] = birth, death
        if line.kind is LoopOp:
            around.append(ends[place])
        elif line.kind is RepeatNeOp:
            around.pop()
        birth, depth = 2 * place + 1, len(around)
        for value in line.writes:
            spans[value], homes[value] = (birth, birth + 1), depth
    return spans


def depths(code: Code) -> list[int]:
    """How many loops are around each line; a loop's begin is outside of it."""
    found: list[int] = []
    depth = 0
    for line in code.lines:
        found.append(depth)
        if line.kind is LoopOp:
            depth += 1
        elif line.kind is RepeatNeOp:
            depth -= 1
    return found


def overlap(a: Sequence[Span], b: Sequence[Span]) -> bool:
    """Whether spans have a number in common with others; both are in order."""
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i][1] <= b[j][0]:
            i += 1
        elif b[j][1] <= a[i][0]:
            j += 1
        else:
            return True
    return False


def alive(spans: Iterable[Span], length: int) -> list[int]:
    """How many spans each number from -1 up to, and without, `length` is in."""
    changes = [0] * (length + 2)
    for start, end in spans:
        changes[start + 1] += 1
        changes[end + 1] -= 1
    total = 0
    counts: list[int] = []
    for change in changes[:-1]:
        total += change
        counts.append(total)
    return counts
