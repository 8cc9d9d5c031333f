"""
From a tile of a stage's output back to what each buffer has to hold of it.

Pure functions on integers. A stage is a graph of layers over feature maps; along each
axis a layer says which inputs a range of outputs needs (`Reach`), so one axis at a time
is enough, and a tile is the product of a range of rows and a range of columns. Ranges
are half-open, `(first, end)`, and clipped at the borders: padding is held by nobody.

Source: Lin et al., MCUNetV2 (2021), for patches and their halos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

Range = tuple[int, int]
EMPTY: Range = (0, 0)


class Reach(Protocol):
    """Along one axis, the inputs that a range of outputs needs, not yet clipped."""

    def input_range(self, first: int, last: int) -> Range: ...


@dataclass(frozen=True)
class TableReach:
    """A reach that follows no rule, as of a change of resolution, by output."""

    first: Sequence[int]
    end: Sequence[int]

    def input_range(self, first: int, last: int) -> Range:
        return min(self.first[first:last]), max(self.end[first:last])


@dataclass(frozen=True)
class StageLayer:
    """
    A layer of a stage: its output buffer, and each input buffer with its reach along
    rows and columns; None where every output needs all of the input. `work` is the
    multiply-accumulates of one output pixel.
    """

    output: int
    inputs: tuple[tuple[int, tuple[Reach, Reach] | None], ...]
    work: int = 0


@dataclass(frozen=True)
class StageGraph:
    """Layers in the order of execution, over buffers of `sizes` (rows, columns)."""

    layers: tuple[StageLayer, ...]
    sizes: Mapping[int, tuple[int, int]]

    @property
    def output(self) -> int:
        return self.layers[-1].output


def clipped(wanted: Range, size: int) -> Range:
    """The part of a range that lies in [0, size)."""
    first, end = max(wanted[0], 0), min(wanted[1], size)
    return (first, end) if first < end else EMPTY


def hull(a: Range, b: Range) -> Range:
    """The least range that holds both."""
    if a[0] == a[1]:
        return b
    if b[0] == b[1]:
        return a
    return min(a[0], b[0]), max(a[1], b[1])


def tiles(size: int, parts: int) -> list[Range]:
    """An axis in as many parts, none of which is more than one longer than another."""
    return [(size * i // parts, size * (i + 1) // parts) for i in range(parts)]


def needed(graph: StageGraph, axis: int, outputs: Range) -> dict[int, Range]:
    """
    What each buffer has to hold along an axis (0: rows, 1: columns) for a range of the
    stage's output; several readers of a buffer need the hull.
    """
    held = {buffer: EMPTY for buffer in graph.sizes}
    held[graph.output] = outputs
    for layer in reversed(graph.layers):
        first, end = held[layer.output]
        if first == end:
            continue
        for buffer, reach in layer.inputs:
            size = graph.sizes[buffer][axis]
            wanted = (0, size)
            if reach is not None:
                wanted = clipped(reach[axis].input_range(first, end), size)
            held[buffer] = hull(held[buffer], wanted)
    return held


def layer_grid_work(graph: StageGraph, grid: tuple[int, int]) -> list[int]:
    """
    Multiply-accumulates of each layer in a grid of tiles that share nothing
    (recompute).
    """
    lengths: list[list[dict[int, int]]] = []
    for axis, parts in enumerate(grid):
        ranges = tiles(graph.sizes[graph.output][axis], parts)
        held = [needed(graph, axis, part) for part in ranges]
        lengths.append([{b: r[1] - r[0] for b, r in h.items()} for h in held])
    rows, columns = lengths
    return [
        layer.work
        * sum(tile[layer.output] for tile in rows)
        * sum(tile[layer.output] for tile in columns)
        for layer in graph.layers
    ]


def grid_work(graph: StageGraph, grid: tuple[int, int]) -> int:
    """Multiply-accumulates of a grid of tiles that share nothing (recompute)."""
    return sum(layer_grid_work(graph, grid))


def whole_work(graph: StageGraph) -> int:
    """Multiply-accumulates of the stage's layers, one after the other."""
    return sum(layer.work * prod(graph.sizes[layer.output]) for layer in graph.layers)


def largest_tiles(
    graph: StageGraph, grid: tuple[int, int]
) -> dict[int, tuple[int, int]]:
    """The most rows and the most columns that each buffer holds of any tile."""
    most: list[dict[int, int]] = []
    for axis, parts in enumerate(grid):
        held = [
            needed(graph, axis, part)
            for part in tiles(graph.sizes[graph.output][axis], parts)
        ]
        most.append({b: max(h[b][1] - h[b][0] for h in held) for b in graph.sizes})
    return {buffer: (most[0][buffer], most[1][buffer]) for buffer in graph.sizes}


@dataclass(frozen=True)
class ReceptiveField:
    """
    Along one axis: the inputs that one output sees, borders left aside, how far the
    inputs of neighbouring outputs are apart, and where those of output 0 start.
    """

    size: int
    step: int
    start: int

    @property
    def halo(self) -> int:
        """Inputs that an output shares with the one before it."""
        return self.size - self.step


def receptive_field(graph: StageGraph, axis: int, buffer: int) -> ReceptiveField:
    """The receptive field of the stage's output in one of its buffers."""
    fields: dict[int, tuple[Range, Range]] = {graph.output: ((0, 1), (1, 2))}
    for layer in reversed(graph.layers):
        if layer.output not in fields:
            continue
        for source, reach in layer.inputs:
            if reach is None:
                continue
            pair = tuple(reach[axis].input_range(*o) for o in fields[layer.output])
            old = fields.get(source)
            zero, one = pair if old is None else map(hull, old, pair)
            fields[source] = zero, one
    if buffer not in fields:
        return ReceptiveField(0, 0, 0)
    zero, one = fields[buffer]
    return ReceptiveField(zero[1] - zero[0], one[0] - zero[0], zero[0])
