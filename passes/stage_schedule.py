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

import numpy as np

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.stage import Passing
from tinyml.passes.geometry import (
    EMPTY,
    Range,
    Reach,
    StageGraph,
    StageLayer,
    clipped,
    needed,
    tiles,
)

NEVER = -1
"""The time of what does not happen."""


class StageProblem(Exception):
    """Why a stage cannot run as it was decided, in words."""


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

        def made(tiles: Sequence[Ranges], buffer: int) -> int:
            return sum(tile[buffer][1] - tile[buffer][0] for tile in tiles)

        return [
            layer.work
            * made(self.rows, layer.output)
            * made(self.columns, layer.output)
            for layer in self.graph.layers
        ]


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

    def read(
        self,
        axis: int,
        buffer: int,
        reach: tuple[Reach, Reach] | None,
        place: int,
        block: int,
    ) -> Range:
        """What a layer reads of a buffer for `block` places of its output."""
        size = self.graph.sizes[buffer][axis]
        if reach is None:
            return 0, size
        return clipped(reach[axis].input_range(place, place + block), size)

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
