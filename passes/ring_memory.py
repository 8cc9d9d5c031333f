"""
How much of a buffer has to be there at a time: the capacity of its ring.

Times are exact. What a writer and its readers do is seen from the writer, so that rings
between equal neighbours are found once, wherever they stand in a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tinyml.passes.geometry import Range, Reach
from tinyml.passes.stage_clocks import NEVER, Clock, last_places


@dataclass(frozen=True)
class Course:
    """When a layer runs, seen from another one: its clocks, tiles and block."""

    sweep: int
    rows: Clock
    row_tiles: tuple[Range, ...]
    group: int
    columns: Clock
    column_tiles: tuple[Range, ...]
    block: int

    def at(
        self, y: np.ndarray, x: np.ndarray, ends: tuple[int, int], rank: int
    ) -> np.ndarray:
        """
        When it makes rows `y` and the blocks of columns that begin at `x`, where no
        time along the rows or columns reaches `ends` or lies as far before 0.
        """
        row = self.rows.period * y + self.rows.delay + ends[0]
        column = self.columns.period * x + self.columns.delay + ends[1]
        time = (self.sweep * 2 * ends[0] + row) * 2 + self.group
        return (time[:, None] * 2 * ends[1] + column) * 2 + rank

    def ends(self) -> tuple[int, int]:
        rows, columns = self.row_tiles[-1][1], self.column_tiles[-1][1]
        return (
            abs(self.rows.delay) + self.rows.period * rows + 1,
            abs(self.columns.delay) + self.columns.period * columns + 1,
        )


@lru_cache(maxsize=1 << 14)
def ring_capacity(
    writer: Course,
    readers: tuple[tuple[Course, tuple[Reach, Reach] | None], ...],
    sizes: tuple[int, int],
) -> int:
    """
    The least number `n` of pixels such that each pixel may take the place of the one
    `n` before it: that one is read for the last time before it is written.
    """
    courses = [writer, *(course for course, _ in readers)]
    ends = (
        max(course.ends()[0] for course in courses),
        max(course.ends()[1] for course in courses),
    )
    pitch = max(end - first for first, end in writer.column_tiles)
    most = 1
    for i, rows in enumerate(writer.row_tiles):
        for j, columns in enumerate(writer.column_tiles):
            y, x = np.arange(*rows), np.arange(*columns)
            block = columns[0] + (x - columns[0]) // writer.block * writer.block
            made = writer.at(y, block, ends, 0)
            read = np.full(made.shape, NEVER, np.int64)
            for course, reach in readers:
                down = last_places(
                    None if reach is None else reach[0],
                    course.row_tiles[i],
                    1,
                    rows,
                    sizes[0],
                )
                across = last_places(
                    None if reach is None else reach[1],
                    course.column_tiles[j],
                    course.block,
                    columns,
                    sizes[1],
                )
                times = course.at(down, across, ends, 1)
                unread = (down == NEVER)[:, None] | (across == NEVER)
                read = np.maximum(read, np.where(unread, NEVER, times))
            most = max(most, least_capacity(made, read, pitch))
    return most


def least_capacity(made: np.ndarray, read: np.ndarray, pitch: int) -> int:
    """The same for the times of the pixels of one tile, in rows `pitch` apart."""
    padding = ((0, 0), (0, pitch - made.shape[1]))
    dead = np.pad(read, padding, constant_values=NEVER).reshape(-1)
    born = np.pad(made, padding, constant_values=NEVER).reshape(-1)
    free = np.searchsorted(np.maximum.accumulate(dead), born, "left")
    distance = np.arange(len(born)) + 1 - free
    return int(distance[born > NEVER].max(initial=1))
