"""
Which part of each map inside a stage is in memory while its middle output is made.

Pure: what a ring holds are the last pixels that were written, as many as fit.
"""

from __future__ import annotations

from collections.abc import Iterator

from tinyml.dialects.stage import Passing, StageOp
from tinyml.passes.geometry import Range, needed, tiles
from tinyml.passes.stage_plan import PlannedStage

Piece = tuple[Range, Range]
"""Rows and columns of a part of a map."""


def held_pieces(stage: StageOp, plan: PlannedStage) -> dict[int, list[Piece]]:
    """By buffer inside, what is held, as rectangles from the first pixel on."""
    schedule = plan.schedule
    graph = schedule.graph
    middle = [(size - 1) // 2 for size in graph.sizes[graph.output]]
    down, across = (needed(graph, axis, (m, m + 1)) for axis, m in enumerate(middle))
    rows, columns = (
        around[part_of(size, len(around), m)]
        for around, size, m in zip(
            (schedule.rows, schedule.columns),
            graph.sizes[graph.output],
            middle,
            strict=True,
        )
    )
    found: dict[int, list[Piece]] = {}
    for layer in list(stage.layers)[:-1]:
        number = plan.numbers[layer.layer_output]
        if (ring := schedule.rings.get(number)) is None:
            continue
        (y, y_end), (x, x_end) = rows[number], columns[number]
        last_y, last_x = y_end, x_end
        way = stage.passing(layer.layer_output)
        if way is not Passing.TILE:
            last_y = down[number][1]
        if way is Passing.PIXELS:
            last_x = across[number][1]
        if last_y <= y or last_x <= x:
            continue
        end = (last_y - 1 - y) * ring.pitch + last_x - x
        start = max(end - ring.capacity, 0)
        found[number] = [
            ((y + top, y + bottom), (x + left, min(x + right, x_end)))
            for (top, bottom), (left, right) in pieces(start, end, ring.pitch)
        ]
    return found


def part_of(size: int, parts: int, place: int) -> int:
    """The tile along an axis that a place of the output is in."""
    ends = [end for _, end in tiles(size, parts)]
    return next(number for number, end in enumerate(ends) if place < end)


def pieces(start: int, end: int, pitch: int) -> Iterator[Piece]:
    """Pixels `[start, end)` in the order of rows of `pitch` pixels, as rectangles."""
    while start < end:
        row, column = divmod(start, pitch)
        # Whole rows are one piece.
        count = (end - start) // pitch if column == 0 else 0
        right = pitch if count else min(pitch, column + end - start)
        yield (row, row + max(count, 1)), (column, right)
        start += count * pitch or right - column
