"""
Tiles and receptive fields of a stage as a picture: what it reads at the left, cut into
tiles, its output at the right, and what positions of the output see.

`stage_drawing` is a function from a graph of layers to shapes; `svg.py` spells them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from tinyml.backend.report_rings import Piece
from tinyml.backend.svg import Box, Drawing, Line, Shape, Text
from tinyml.passes.geometry import Range, StageGraph, needed, receptive_field, tiles

WIDTH, TOP = 1200.0, 52.0
LEFT, RIGHT = 92.0, 1064.0
"""Of the drawing and its maps, in pixels."""
SIDE, INNER_SIDE = 236.0, 176.0
"""Of the first and the last map, and of those between, at most."""
LEAST_GAP = 34.0
MOST_INNER = 4
"""So many maps are drawn between the first and the last."""
THINNEST = 10.0
"""Pixels of a map's shorter side, however few rows or columns it has."""
SAMPLES = 3
"""Positions of the output whose receptive fields are drawn, at most."""
SMALLEST = 5.0
"""Pixels of what such a position sees, however little that is."""


@dataclass(frozen=True)
class Map:
    """Where a feature map is drawn, at most `side` wide and high."""

    x: float
    y: float
    rows: int
    columns: int
    side: float

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of a row and of a column."""
        each = self.side / max(self.rows, self.columns)
        return max(each, THINNEST / self.rows), max(each, THINNEST / self.columns)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        row, column = self.scale
        return self.columns * column, self.rows * row

    def box(self, rows: Range, columns: Range, look: str, title: str = "") -> Box:
        row, column = self.scale
        return Box(
            self.x + columns[0] * column,
            self.y + rows[0] * row,
            (columns[1] - columns[0]) * column,
            (rows[1] - rows[0]) * row,
            look,
            title,
        )


@dataclass(frozen=True)
class Seen:
    """
    A graph of layers, the buffer that its tiles are cut of, and what each tile along
    the height and along the width needs of that.
    """

    graph: StageGraph
    source: int
    rows: Sequence[Range]
    columns: Sequence[Range]
    held: Mapping[int, Sequence[Piece]] = field(
        default_factory=dict[int, Sequence[Piece]]
    )
    """By buffer, what is in memory while the middle output is made."""

    @property
    def count(self) -> int:
        """Of the tiles."""
        return len(self.rows) * len(self.columns)

    @cached_property
    def drawn(self) -> list[int]:
        """The source, some buffers between, the output."""
        inner = [layer.output for layer in self.graph.layers[:-1]]
        inner = [buffer for buffer in inner if buffer != self.source]
        count = min(len(inner), MOST_INNER)
        shown = [inner[len(inner) * n // count] for n in range(count)]
        return [self.source, *shown, self.graph.output]

    @cached_property
    def maps(self) -> list[Map]:
        """Where these are, from left to right, their middles level."""
        between = len(self.drawn) - 2
        room = RIGHT - LEFT - 2 * SIDE - (between + 1) * LEAST_GAP
        inner = min(INNER_SIDE, room / max(between, 1))
        sides = [SIDE, *[inner] * between, SIDE]
        gap = (RIGHT - LEFT - sum(sides)) / (between + 1)
        found: list[Map] = []
        x = LEFT
        for buffer, side in zip(self.drawn, sides, strict=True):
            drawn = Map(x, 0, *self.graph.sizes[buffer], side)
            width, height = drawn.size
            left = x + (side - width) / 2 if buffer != self.source else x
            found.append(replace(drawn, x=left, y=TOP + (SIDE - height) / 2))
            x += side + gap
        return found


def stage_drawing(seen: Seen, title: str, streams: bool) -> Drawing:
    """`streams`: rows come one after the other, which an arrow says."""
    source, output = seen.maps[0], seen.maps[-1]
    shapes: list[Shape] = [
        *(each.box((0, each.rows), (0, each.columns), "map") for each in seen.maps),
        *tile_boxes(seen, source),
        *halo_boxes(seen, source),
        *output_tiles(seen, output),
        *held_boxes(seen),
        *samples(seen),
        *map_names(seen),
        *([stream_arrow(source)] if streams else []),
    ]
    return Drawing(
        WIDTH,
        TOP + SIDE + 44,
        f"{title}: tiles and receptive fields",
        f"{seen.count} tiles on an input of {source.rows} by {source.columns} pixels, "
        f"and what positions of the output, {output.rows} by "
        f"{output.columns}, see of it.",
        "",
        (),
        shapes,
    )


def tile_boxes(seen: Seen, source: Map) -> Iterator[Shape]:
    if seen.count == 1:
        return
    for i, rows in enumerate(seen.rows):
        for j, columns in enumerate(seen.columns):
            title = (
                f"tile {i}, {j}: rows {rows[0]} to {rows[1] - 1}, columns "
                f"{columns[0]} to {columns[1] - 1}"
            )
            yield source.box(rows, columns, tile_look(i, j), title)


def tile_look(i: int, j: int) -> str:
    """Neighbours differ."""
    return "tile odd" if (i + j) % 2 else "tile even"


def shared(tiles: Sequence[Range]) -> Iterator[Range]:
    """What neighbours both need."""
    for (_, end), (first, _) in pairwise(tiles):
        if first < end:
            yield first, end


def halo_boxes(seen: Seen, source: Map) -> Iterator[Shape]:
    for rows in shared(seen.rows):
        title = f"rows {rows[0]} to {rows[1] - 1}: of two tiles"
        yield source.box(rows, (0, source.columns), "halo", title)
    for columns in shared(seen.columns):
        title = f"columns {columns[0]} to {columns[1] - 1}: of two tiles"
        yield source.box((0, source.rows), columns, "halo", title)


def output_tiles(seen: Seen, output: Map) -> Iterator[Shape]:
    """The grid of tiles on the output, which they share without overlap."""
    if seen.count == 1:
        return
    for i, rows in enumerate(tiles(output.rows, len(seen.rows))):
        for j, columns in enumerate(tiles(output.columns, len(seen.columns))):
            yield output.box(rows, columns, tile_look(i, j))


def held_boxes(seen: Seen) -> Iterator[Shape]:
    for buffer, drawn in zip(seen.drawn, seen.maps, strict=True):
        pieces = seen.held.get(buffer, ())
        pixels = sum((r[1] - r[0]) * (c[1] - c[0]) for r, c in pieces)
        title = f"held: {pixels:,} of {drawn.rows * drawn.columns:,} pixels"
        for rows, columns in pieces:
            yield drawn.box(rows, columns, "held", title)


def samples(seen: Seen) -> Iterator[Shape]:
    """Positions along the diagonal, and what they see of each map before."""
    rows, columns = seen.graph.sizes[seen.graph.output]
    places = [
        ((rows - 1) * n // (SAMPLES - 1), (columns - 1) * n // (SAMPLES - 1))
        for n in range(SAMPLES)
    ]
    for number, (row, column) in enumerate(dict.fromkeys(places)):
        down = needed(seen.graph, 0, (row, row + 1))
        across = needed(seen.graph, 1, (column, column + 1))
        look, fields = f"sample{number}", list[Box]()
        for buffer, drawn in zip(seen.drawn, seen.maps, strict=True):
            title = (
                f"output ({row}, {column}) sees rows {down[buffer][0]} to "
                f"{down[buffer][1] - 1}, columns {across[buffer][0]} to "
                f"{across[buffer][1] - 1}"
            )
            box = drawn.box(down[buffer], across[buffer], f"field {look}", title)
            fields.append(visible(box))
        yield from rays(fields, look)
        yield from fields


def visible(box: Box) -> Box:
    """A box that is at least a few pixels wide and high."""
    width, height = max(box.width, SMALLEST), max(box.height, SMALLEST)
    x, y = box.x - (width - box.width) / 2, box.y - (height - box.height) / 2
    return replace(box, x=x, y=y, width=width, height=height)


def rays(fields: Sequence[Box], look: str) -> Iterator[Shape]:
    """From what is seen of a map to what is seen of the next."""
    for a, b in pairwise(fields):
        for share in (0, 1):
            start = a.x + a.width, a.y + share * a.height
            yield Line((start, (b.x, b.y + share * b.height)), f"ray {look}")


def map_names(seen: Seen) -> Iterator[Shape]:
    down, across = (receptive_field(seen.graph, axis, seen.source) for axis in (0, 1))
    last = len(seen.maps) - 1
    for number, drawn in enumerate(seen.maps):
        name = {0: "input, ", last: "output, "}.get(number, "")
        look = "strong" if name else ""
        text = f"{name}{drawn.rows}x{drawn.columns}"
        x, y = drawn.x + drawn.size[0] / 2, drawn.y - 10
        if not name:
            y = drawn.y + drawn.size[1] + 18
        yield Text(x, y, text, look, "middle")
    text = (
        f"receptive field {down.size}x{across.size}, step {down.step}x{across.step}: "
        f"neighbours share {max(down.halo, 0)} rows and {max(across.halo, 0)} columns"
    )
    yield Text(LEFT, TOP + SIDE + 30, text, "")


def stream_arrow(source: Map) -> Shape:
    """Rows come from the top down."""
    x, top, bottom = source.x - 22, source.y, source.y + source.size[1]
    head = ((x - 5, bottom - 9), (x, bottom), (x + 5, bottom - 9), (x, bottom))
    return Line(((x, top), (x, bottom), *head), "arrow")
