"""
Clocks along one axis: when layers make rows or columns, and which of them others need.

Pure functions on integers; a stage is the product of its two axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tinyml.passes.geometry import Range, Reach, clipped

NEVER = -1
"""The time, or the place, of what does not happen."""


@dataclass(frozen=True)
class Clock:
    """Along one axis: place `p` is made at the time `period * p + delay`."""

    period: int
    delay: int

    def time(self, place: int) -> int:
        return self.period * place + self.delay

    def after(self, other: Clock) -> Clock:
        """The same clock, its times seen from the delay of another one."""
        return Clock(self.period, self.delay - other.delay)


@dataclass(frozen=True)
class Line:
    """The blocks that a layer makes along one axis, in each tile."""

    period: int
    block: int
    tiles: tuple[Range, ...]


@lru_cache(maxsize=1 << 14)
def wait(writer: Line, reader: Line, reach: Reach | None, size: int) -> int | None:
    """
    How much later than its writer a reader has to be, that all it needs is there; None
    if it needs nothing.
    """
    latest: int | None = None
    for held, part in zip(writer.tiles, reader.tiles, strict=True):
        first = held[0]
        for place in range(*part, reader.block):
            end = read_range(reach, place, reader.block, size)[1]
            if end > first:
                made = first + (end - 1 - first) // writer.block * writer.block
                late = writer.period * made - reader.period * place
                latest = late if latest is None else max(latest, late)
    return latest


def read_range(reach: Reach | None, place: int, block: int, size: int) -> Range:
    """What a layer reads along an axis for `block` places of its output."""
    if reach is None:
        return 0, size
    return clipped(reach.input_range(place, place + block), size)


@lru_cache(maxsize=1 << 12)
def last_places(
    reach: Reach | None, part: Range, block: int, held: Range, size: int
) -> np.ndarray:
    """For each place in `held` the start of the last block that reads it, or NEVER."""
    low, high = held
    latest = np.full(high - low, NEVER, np.int64)
    for place in range(*part, block):
        a, b = read_range(reach, place, block, size)
        latest[max(a - low, 0) : max(b - low, 0)] = place
    return latest
