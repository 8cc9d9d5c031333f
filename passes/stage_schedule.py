"""
When each layer of a stage runs, and how much of each buffer is there at a time.

A stage runs tile by tile. Within a tile its layers form *sweeps*, one after the other:
a sweep goes over the rows once, and each of its layers makes a row whenever its clock
says so, delayed by just as much as the rows need that it reads. Within a row the layers
of a sweep form *groups*: a group goes over the columns once, and its layers make a few
columns at a time, delayed in the same way. How a buffer is passed on decides what runs
together: by `tile`, its readers start when all of it is there; by `rows`, they share a
sweep with its writer; by `pixels`, a group.

So a buffer needs no more memory than lies between the pixel that is being written and
the oldest that is still to be read: a ring of pixels in the order of rows. Everything
here is a pure function on integers; times are exact, not estimated.

Source: the layers' schedule is loop fusion with shifts, as in line-buffered image
pipelines; rings of rows are StreamNet's (Zheng et al., 2023), blocks of pixels those of
TinyEngine's and vMCU's fused kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd, lcm

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.stage import Passing
from tinyml.passes.geometry import (
    EMPTY,
    Range,
    Reach,
    StageGraph,
    StageLayer,
    needed,
    tiles,
)
from tinyml.passes.ring_memory import Course, ring_capacity
from tinyml.passes.stage_clocks import Clock, Line, wait


class StageProblem(Exception):
    """Why a stage cannot run as it was decided, in words."""


@dataclass(frozen=True)
class Turn:
    """When a layer runs: its sweep, its group in that, its clocks, its block."""

    sweep: int
    group: int
    rows: Clock
    columns: Clock
    block: int
    """Columns that it makes at a time."""


@dataclass(frozen=True)
class Ring:
    """
    The memory of a buffer, in pixels. Pixel (y, x) of a tile that begins at row `y0`
    and column `x0` has the number `(y - y0) * pitch + x - x0`, and lies at that number
    modulo `capacity`. The first `mirror` pixels stand behind the last once more, so
    that no window has to be read in two pieces.
    """

    pitch: int
    capacity: int
    mirror: int = 0

    @property
    def pixels(self) -> int:
        """All that it takes."""
        return self.capacity + self.mirror


Ranges = Mapping[int, Range]
"""By buffer: the rows or columns that a tile holds of it."""


@dataclass(frozen=True)
class StageSchedule:
    """
    How a stage runs. `rows` and `columns` hold what the tiles along that axis need of
    each buffer; `sweeps` the layers of each group of each sweep, in order; `rings` the
    memory of the buffers that no one outside sees.
    """

    graph: StageGraph
    rows: tuple[Ranges, ...]
    columns: tuple[Ranges, ...]
    sweeps: tuple[tuple[tuple[int, ...], ...], ...]
    turns: tuple[Turn, ...]
    rings: Mapping[int, Ring]
    steps: Mapping[tuple[int, int], int]
    """By sweep and group: how far the time along the columns goes at once."""

    def row_times(self, tile: Ranges, sweep: int) -> Range:
        """The times `[first, end)` along the rows in which a sweep does something."""
        layers = (layer for group in self.sweeps[sweep] for layer in group)
        return self._times((self.turns[i].rows, tile, i, 1) for i in layers)

    def column_times(self, tile: Ranges, sweep: int, group: int) -> Range:
        """The same of a group, along the columns."""
        layers = self.sweeps[sweep][group]
        turns = self.turns
        return self._times((turns[i].columns, tile, i, turns[i].block) for i in layers)

    def _times(self, parts: Iterable[tuple[Clock, Ranges, int, int]]) -> Range:
        first: list[int] = []
        last: list[int] = []
        for clock, tile, layer, block in parts:
            low, high = tile[self.graph.layers[layer].output]
            if low < high:
                first.append(clock.time(low))
                last.append(clock.time(high - block))
        return (min(first), max(last) + 1) if first else EMPTY

    @cached_property
    def work(self) -> list[int]:
        """Multiply-accumulates of each layer, what is made more than once included."""
        return [
            layer.work * self.pixels_made(layer.output) for layer in self.graph.layers
        ]

    def pixels_made(self, buffer: int) -> int:
        """Pixels of a buffer that are computed, those made more than once included."""

        def made(tiles: Sequence[Ranges]) -> int:
            return sum(tile[buffer][1] - tile[buffer][0] for tile in tiles)

        return made(self.rows) * made(self.columns)


def inner_buffers(graph: StageGraph) -> list[int]:
    """The buffers that are written and read within the stage."""
    return [layer.output for layer in graph.layers if layer.output != graph.output]


def stage_schedule(
    graph: StageGraph,
    grid: tuple[int, int],
    passing: Mapping[int, Passing],
    block: int = 1,
) -> StageSchedule:
    """
    The schedule of a stage in a grid of tiles, whose inner buffers are passed on as
    `passing` says; layers of a group make up to `block` columns at a time. Raises
    StageProblem where layers cannot run like that.
    """
    return _stage_schedule(
        graph.layers,
        tuple(graph.sizes.items()),
        grid,
        tuple(passing.items()),
        block,
    )


@lru_cache(maxsize=256)
def _stage_schedule(
    layers: tuple[StageLayer, ...],
    sizes: tuple[tuple[int, tuple[int, int]], ...],
    grid: tuple[int, int],
    passing: tuple[tuple[int, Passing], ...],
    block: int,
) -> StageSchedule:
    return Scheduler(StageGraph(layers, dict(sizes)), grid, dict(passing), block).run()


@dataclass(frozen=True)
class Scheduler:
    """Finds the schedule of one stage."""

    graph: StageGraph
    grid: tuple[int, int]
    passing: Mapping[int, Passing]
    block: int

    @cached_property
    def writer(self) -> dict[int, int]:
        return {layer.output: i for i, layer in enumerate(self.graph.layers)}

    @cached_property
    def readers(self) -> dict[int, list[tuple[int, tuple[Reach, Reach] | None]]]:
        found: dict[int, list[tuple[int, tuple[Reach, Reach] | None]]] = {}
        for i, layer in enumerate(self.graph.layers):
            for buffer, reach in layer.inputs:
                found.setdefault(buffer, []).append((i, reach))
        return found

    @cached_property
    def tiles(self) -> tuple[tuple[Ranges, ...], tuple[Ranges, ...]]:
        """What each tile along the rows, and along the columns, needs."""
        output = self.graph.sizes[self.graph.output]
        rows, columns = (
            tuple(needed(self.graph, axis, part) for part in tiles(output[axis], parts))
            for axis, parts in enumerate(self.grid)
        )
        return rows, columns

    def run(self) -> StageSchedule:
        everything = range(len(self.graph.layers))
        sweeps = self.partition(everything, {Passing.ROWS, Passing.PIXELS})
        parts = [self.partition(sweep, {Passing.PIXELS}) for sweep in sweeps]
        turns: dict[int, Turn] = {}
        steps: dict[tuple[int, int], int] = {}
        for number, (sweep, groups) in enumerate(zip(sweeps, parts, strict=True)):
            rows, _ = self.clocks(0, sweep, dict.fromkeys(sweep, 1))
            for place, group in enumerate(groups):
                blocks = self.blocks(group)
                columns, steps[number, place] = self.clocks(1, group, blocks)
                for i in group:
                    turns[i] = Turn(number, place, rows[i], columns[i], blocks[i])
        in_order = tuple(turns[i] for i in everything)
        rings = {
            buffer: self.ring(buffer, in_order) for buffer in inner_buffers(self.graph)
        }
        return StageSchedule(
            self.graph,
            *self.tiles,
            tuple(tuple(tuple(group) for group in groups) for groups in parts),
            in_order,
            rings,
            steps,
        )

    # What runs together

    def partition(
        self, layers: Sequence[int], together: set[Passing]
    ) -> list[list[int]]:
        """
        Parts of some layers, in the order in which they can run: writer and readers of
        a buffer that is passed on in one of the ways `together` are in one part.
        """
        parent = {i: i for i in layers}

        def find(i: int) -> int:
            while parent[i] != i:
                i = parent[i]
            return i

        edges = [
            (self.writer[buffer], reader, buffer)
            for buffer in inner_buffers(self.graph)
            for reader, _ in self.readers.get(buffer, [])
            if self.writer[buffer] in parent and reader in parent
        ]
        for writer, reader, buffer in edges:
            if self.passing[buffer] in together:
                a, b = sorted((find(writer), find(reader)))
                parent[b] = a
        before: dict[int, set[int]] = {find(i): set() for i in layers}
        for writer, reader, _ in edges:
            if find(writer) != find(reader):
                before[find(reader)].add(find(writer))
        order: list[int] = []
        while len(order) < len(before):
            ready = [p for p in sorted(before) if p not in order]
            ready = [p for p in ready if before[p] <= set(order)]
            if not ready:
                raise StageProblem(
                    "some layers that run together wait for others that wait for them"
                )
            order.append(ready[0])
        return [[i for i in layers if find(i) == part] for part in order]

    # Clocks

    def periods(self, axis: int, layers: Sequence[int]) -> dict[int, int]:
        """How often each layer makes a row (column), from the strides between them."""
        found: dict[int, Fraction] = {layers[0]: Fraction(1)}
        links: list[tuple[int, int, Fraction]] = []
        for i in layers:
            for buffer, reach in self.graph.layers[i].inputs:
                writer = self.writer.get(buffer)
                if writer in layers and writer is not None:
                    stride = self.stride(axis, buffer, i, reach)
                    links.append((writer, i, stride))
        while len(found) < len(layers):
            for writer, reader, stride in links:
                if writer in found and reader not in found:
                    found[reader] = found[writer] * stride
                elif reader in found and writer not in found:
                    found[writer] = found[reader] / stride
        for writer, reader, stride in links:
            if found[reader] != found[writer] * stride:
                raise StageProblem("two ways between layers differ in their strides")
        scale = lcm(*(period.denominator for period in found.values()))
        whole = {i: int(period * scale) for i, period in found.items()}
        common = gcd(*whole.values())
        return {i: period // common for i, period in whole.items()}

    def stride(
        self, axis: int, buffer: int, reader: int, reach: tuple[Reach, Reach] | None
    ) -> Fraction:
        along = None if reach is None else reach[axis]
        if isinstance(along, AxisAccess) and along.stride:
            return Fraction(along.stride)
        size = self.graph.sizes[buffer][axis]
        result = self.graph.sizes[self.graph.layers[reader].output][axis]
        if isinstance(along, AxisAccess) or along is None:
            if size == 1 and result == 1:
                return Fraction(1)
            raise StageProblem("a layer that needs all of a buffer at once reads it")
        if result % size:
            raise StageProblem(f"{size} rows or columns become {result}")
        return Fraction(size, result)

    def blocks(self, group: Sequence[int]) -> dict[int, int]:
        """Columns that each layer makes at a time: they divide all of its tiles."""
        found: dict[int, int] = {}
        for i in group:
            output = self.graph.layers[i].output
            widths = (tile[output][1] - tile[output][0] for tile in self.tiles[1])
            most = self.block if len(group) > 1 else 0
            found[i] = max(gcd(most, *widths), 1)
        return found

    def clocks(
        self, axis: int, layers: Sequence[int], blocks: Mapping[int, int]
    ) -> tuple[dict[int, Clock], int]:
        """
        The clock of each layer, as early as its inputs allow, and how far the time may
        go at once: the first times of all layers are a multiple of that apart.
        """
        periods = self.periods(axis, layers)
        step = self.step(axis, layers, periods, blocks)
        found: dict[int, Clock] = {}
        start: int | None = None
        for i in layers:
            layer, period, delay = self.graph.layers[i], periods[i], 0
            for buffer, reach in layer.inputs:
                writer = self.writer.get(buffer)
                if writer is None or writer not in found:
                    continue
                size = self.graph.sizes[buffer][axis]
                late = wait(
                    Line(found[writer].period, blocks[writer], self.held(axis, buffer)),
                    Line(period, blocks[i], self.held(axis, layer.output)),
                    None if reach is None else reach[axis],
                    size,
                )
                if late is not None:
                    delay = max(delay, found[writer].delay + late)
            begin = period * self.tiles[axis][0][layer.output][0]
            start = begin + delay if start is None else start
            found[i] = Clock(period, delay + (start - begin - delay) % step)
        return found, step

    def held(self, axis: int, buffer: int) -> tuple[Range, ...]:
        """What the tiles along an axis need of a buffer."""
        return tuple(tile[buffer] for tile in self.tiles[axis])

    def step(
        self,
        axis: int,
        layers: Sequence[int],
        periods: Mapping[int, int],
        blocks: Mapping[int, int],
    ) -> int:
        """The largest step of time with which no layer's block is missed."""
        step, moved = 0, list[int]()
        for i in layers:
            output = self.graph.layers[i].output
            starts = [periods[i] * tile[output][0] for tile in self.tiles[axis]]
            # From one tile to the next all layers have to stay in step.
            moves = [start - starts[0] for start in starts]
            moved = moved or moves
            apart = (a - b for a, b in zip(moves, moved, strict=True))
            step = gcd(step, periods[i] * blocks[i], *apart)
        return step

    # Memory

    def course(self, layer: int, turn: Turn, since: Turn) -> Course:
        """When a layer runs, seen from the first turn of the layer `since`."""
        output = self.graph.layers[layer].output
        same_sweep = turn.sweep == since.sweep
        same_group = same_sweep and turn.group == since.group
        still = Clock(0, 0)
        return Course(
            int(not same_sweep),
            turn.rows.after(since.rows) if same_sweep else still,
            self.held(0, output),
            int(not same_group),
            turn.columns.after(since.columns) if same_group else still,
            self.held(1, output),
            turn.block,
        )

    def ring(self, buffer: int, turns: Sequence[Turn]) -> Ring:
        """The least memory that holds what is still to be read of a buffer."""
        writer = turns[self.writer[buffer]]
        readers = tuple(
            (self.course(i, turns[i], writer), reach)
            for i, reach in self.readers.get(buffer, [])
        )
        course = self.course(self.writer[buffer], writer, writer)
        most = ring_capacity(course, readers, self.graph.sizes[buffer])
        heights, widths = (
            [end - first for first, end in self.held(axis, buffer)] for axis in (0, 1)
        )
        pitch = max(widths)
        whole = pitch * max(heights)
        if most >= whole:
            return Ring(pitch, whole)
        by_rows = -(-most // pitch) * pitch
        unit, mirror = writer.block, 0
        for reader, reach in self.readers[buffer]:
            width = self.window(reach, turns[reader].block)
            together = width == writer.block and self.in_step(buffer, reader, turns)
            if not together:
                mirror = max(mirror, width - 1)
        mirror = -(-mirror // unit) * unit
        capacity = -(-most // unit) * unit
        if capacity % pitch == 0 or by_rows <= capacity + mirror:
            return Ring(pitch, by_rows)
        return Ring(pitch, capacity, mirror)

    @staticmethod
    def window(reach: tuple[Reach, Reach] | None, block: int) -> int:
        """Columns that a layer reads at most for one block."""
        if reach is None:
            return 1
        first, end = reach[1].input_range(0, block)
        return max(end - first, 1)

    def in_step(self, buffer: int, reader: int, turns: Sequence[Turn]) -> bool:
        """Whether a reader takes just the blocks in which a buffer is written."""
        access = next(r for i, r in self.readers[buffer] if i == reader)
        along = None if access is None else access[1]
        same = isinstance(along, AxisAccess) and along == AxisAccess()
        output = self.graph.layers[reader].output
        block = turns[reader].block
        starts = [(tile[buffer][0], tile[output][0]) for tile in self.tiles[1]]
        return same and all((a - b) % block == 0 for a, b in starts)
