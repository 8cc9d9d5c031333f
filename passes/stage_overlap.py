"""
How near the output of a stage may come to an input that it consumes.

Pure functions on a schedule: the stage's one time, in which every pixel of an input is
read for the last time and every pixel of the output is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml.passes.stage_clocks import NEVER, last_places
from tinyml.passes.stage_schedule import StageSchedule, Turn


def least_below(
    schedule: StageSchedule, buffer: int, input_size: int, output_size: int
) -> int | None:
    """
    How many bytes below an input of the stage its output has to start at least, for
    pixels of so many bytes, that no byte of the input is overwritten which is still to
    be read; negative: so far above it may. None if there is no such byte.
    """
    graph, turns = schedule.graph, schedule.turns
    last = len(graph.layers) - 1
    readers = [
        (i, reach)
        for i, layer in enumerate(graph.layers)
        for source, reach in layer.inputs
        if source == buffer
    ]
    clock = StageClock.of(schedule)
    sizes = graph.sizes[buffer]
    read = np.full(sizes, NEVER, np.int64)
    made = np.full(graph.sizes[graph.output], NEVER, np.int64)
    tile = 0
    for rows in schedule.rows:
        for columns in schedule.columns:
            part = tuple(slice(*held[buffer]) for held in (rows, columns))
            for i, reach in readers:
                output, block = graph.layers[i].output, turns[i].block
                down, across = (
                    last_places(
                        None if reach is None else reach[axis],
                        held[output],
                        step,
                        held[buffer],
                        sizes[axis],
                    )
                    for axis, (held, step) in enumerate(((rows, 1), (columns, block)))
                )
                unread = (down == NEVER)[:, None] | (across == NEVER)
                times = np.where(unread, NEVER, clock.at(i, down, across, tile))
                read[part] = np.maximum(read[part], times)
            (top, bottom), (left, right) = rows[graph.output], columns[graph.output]
            x, block = np.arange(left, right), turns[last].block
            starts = left + (x - left) // block * block
            times = clock.at(last, np.arange(top, bottom), starts, tile)
            made[top:bottom, left:right] = times
            tile += 1
    latest = np.maximum.accumulate(read.reshape(-1))
    needed = np.searchsorted(latest, made.reshape(-1), "left")
    ends = (np.arange(made.size) + 1) * output_size
    waiting = needed < read.size
    if not waiting.any():
        return None
    return int((ends - needed * input_size)[waiting].max())


@dataclass(frozen=True)
class StageClock:
    """The one time of everything that a stage does, in order."""

    turns: tuple[Turn, ...]
    sweeps: int
    rows: int
    groups: int
    columns: int

    @classmethod
    def of(cls, schedule: StageSchedule) -> StageClock:
        """Of a stage, with room for all times along the rows and columns."""
        layers, sizes = schedule.graph.layers, schedule.graph.sizes
        turns = schedule.turns
        ends = [
            (
                turn.rows.time(sizes[layer.output][0]),
                turn.columns.time(sizes[layer.output][1]),
            )
            for turn, layer in zip(turns, layers, strict=True)
        ]
        return cls(
            turns,
            1 + max(turn.sweep for turn in turns),
            1 + max(row for row, _ in ends),
            1 + max(turn.group for turn in turns),
            1 + max(column for _, column in ends),
        )

    def at(self, layer: int, y: np.ndarray, x: np.ndarray, tile: int) -> np.ndarray:
        """When a layer makes rows `y` and the blocks of columns that begin at `x`."""
        turn = self.turns[layer]
        row = turn.rows.period * y + turn.rows.delay
        column = turn.columns.period * x + turn.columns.delay
        time = (tile * self.sweeps + turn.sweep) * self.rows + row
        time = (time * self.groups + turn.group)[:, None] * self.columns + column
        return time * len(self.turns) + layer
