"""
What stages of a network need at least, without their schedules.

Pure functions on numbers. A stage that ends at some layer in some strips is followed
backwards, one layer at a time: so what its buffers hold, the work that is done more
than once, and the least of its rings are found for all stages of the same end at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinyml.passes.geometry import (
    EMPTY,
    Range,
    Reach,
    StageLayer,
    clipped,
    hull,
    tiles,
)


@dataclass(frozen=True)
class StageBound:
    """
    Of a stage: pixels of each ring at least, the rows that are held of each buffer,
    work that is done more than once, and the columns of its output that are there
    before its last strip begins.
    """

    first: int
    rings: Mapping[int, int]
    rows: Mapping[int, Range]
    extra: int
    before_last: int


@dataclass
class Held:
    """What the tiles along an axis hold of each buffer, so far."""

    sizes: Mapping[int, int]
    tiles: list[dict[int, Range]]

    def add(self, layer: StageLayer, axis: int) -> None:
        """What a layer needs for what is held of its output."""
        for tile in self.tiles:
            first, end = tile.get(layer.output, EMPTY)
            if first == end:
                continue
            for buffer, reach in layer.inputs:
                along = None if reach is None else reach[axis]
                wanted = wanted_range(along, first, end, self.sizes[buffer])
                tile[buffer] = hull(tile.get(buffer, EMPTY), wanted)

    def lengths(self, buffer: int) -> list[int]:
        held = (tile.get(buffer, EMPTY) for tile in self.tiles)
        return [end - first for first, end in held]


def wanted_range(along: Reach | None, first: int, end: int, size: int) -> Range:
    if along is None:
        return 0, size
    return clipped(along.input_range(first, end), size)


@dataclass
class WindowRows:
    """The most rows that one row of a layer's output reads of an input."""

    found: dict[tuple[int, int], int] = field(
        default_factory=dict[tuple[int, int], int]
    )

    def of(self, layer: StageLayer, buffer: int, rows: int, size: int) -> int:
        """For an input of `size` rows and an output of `rows`, all of them made."""
        key = layer.output, buffer
        if key not in self.found:
            reaches = [reach for source, reach in layer.inputs if source == buffer]
            ranges = (
                wanted_range(reach[0], y, y + 1, size)
                for reach in reaches
                if reach is not None
                for y in range(rows)
            )
            self.found[key] = max((end - first for first, end in ranges), default=1)
        return self.found[key]


def stage_bounds(
    layers: Sequence[StageLayer],
    sizes: Mapping[int, tuple[int, int]],
    strips: int,
    windows: WindowRows,
) -> Iterator[StageBound]:
    """
    Of the stages in strips that end with the last of some layers, by their first layer,
    from the last one down.

    Where a layer reads some rows of a buffer at once, all pixels between the first and
    the last of them are in its ring.
    """
    last = layers[-1]
    height, width = sizes[last.output]
    parts = tiles(width, strips)
    rows = Held({b: s[0] for b, s in sizes.items()}, [{last.output: (0, height)}])
    columns = Held(
        {b: s[1] for b, s in sizes.items()}, [{last.output: part} for part in parts]
    )
    rings: dict[int, int] = {}
    at_once: dict[int, int] = {}
    extra = 0
    for first in range(len(layers) - 1, -1, -1):
        layer = layers[first]
        made, widths = sum(rows.lengths(layer.output)), columns.lengths(layer.output)
        size = sizes[layer.output]
        extra += layer.work * (made * sum(widths) - size[0] * size[1])
        if layer is not last and layer.output in at_once:
            rings[layer.output] = (at_once[layer.output] - 1) * max(widths) + 1
        rows.add(layer, 0)
        columns.add(layer, 1)
        for buffer, _ in layer.inputs:
            found = 1
            if made == size[0]:
                found = windows.of(layer, buffer, made, sizes[buffer][0])
            at_once[buffer] = max(at_once.get(buffer, 1), found)
        held = dict(rows.tiles[0])
        yield StageBound(first, dict(rings), held, max(extra, 0), parts[-1][0])
