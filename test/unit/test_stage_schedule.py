"""
Schedules of stages, by hand and by brute force: a run of the loops that lowering makes,
in which every slot of every ring knows what pixel it holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.stage import Passing
from tinyml.passes.geometry import Range, Reach, StageGraph, StageLayer, TableReach
from tinyml.passes.stage_overlap import least_below
from tinyml.passes.stage_schedule import (
    Ring,
    StageProblem,
    StageSchedule,
    inner_buffers,
    stage_schedule,
)

POINT = AxisAccess()
SAME = AxisAccess(kernel=3, pad_before=1, pad_after=1)
HALF = AxisAccess(kernel=3, stride=2, pad_before=0, pad_after=1)


def chain(size: int, *axes: AxisAccess) -> StageGraph:
    """Layers one after the other, the same along both axes; buffer 0 is the input."""
    sizes = {0: (size, size)}
    layers: list[StageLayer] = []
    for number, axis in enumerate(axes):
        size = axis.output_size(size)
        sizes[number + 1] = (size, size)
        layers.append(StageLayer(number + 1, ((number, (axis, axis)),), 1))
    return StageGraph(tuple(layers), sizes)


def passed(graph: StageGraph, way: Passing) -> dict[int, Passing]:
    return {buffer: way for buffer in inner_buffers(graph)}


# By hand


@pytest.mark.parametrize(
    ("way", "block", "ring"),
    [
        # All of the map.
        (Passing.TILE, 1, Ring(8, 64)),
        # The row that is made and two before it.
        (Passing.ROWS, 1, Ring(8, 24)),
        # Two rows and three pixels, two of which are there twice.
        (Passing.PIXELS, 1, Ring(8, 19, 2)),
        # A block of two needs four columns, and they begin at any place.
        (Passing.PIXELS, 2, Ring(8, 24)),
    ],
)
def test_ring_of_a_window(way: Passing, block: int, ring: Ring):
    graph = chain(8, POINT, SAME)
    found = stage_schedule(graph, (1, 1), passed(graph, way), block)
    assert found.rings == {1: ring}


def test_pixels_of_a_pointwise_layer():
    graph = chain(8, SAME, POINT)
    for block in (1, 2, 4):
        found = stage_schedule(graph, (1, 1), passed(graph, Passing.PIXELS), block)
        assert found.rings == {1: Ring(8, block)}


def test_strips_hold_their_halos():
    graph = chain(8, POINT, SAME)
    found = stage_schedule(graph, (1, 2), passed(graph, Passing.ROWS))
    assert [tile[1] for tile in found.columns] == [(0, 5), (3, 8)]
    assert found.rings == {1: Ring(5, 15)}
    assert found.work == [80, 64]


def test_clocks_follow_strides():
    graph = chain(16, POINT, HALF, HALF, POINT)
    found = stage_schedule(graph, (1, 1), passed(graph, Passing.ROWS))
    assert [turn.rows.period for turn in found.turns] == [1, 2, 4, 4]
    # Row 0 of a layer needs rows 0 to 2 of the one before it.
    assert [turn.rows.delay for turn in found.turns] == [0, 2, 6, 6]
    assert found.row_times(found.rows[0], 0) == (0, 19)


def test_layers_that_wait_for_each_other():
    # 4 shares the columns of 1 with 2, but needs all that 3 makes of all that 2 makes.
    layers = (
        StageLayer(1, ((0, (POINT, POINT)),)),
        StageLayer(2, ((1, (POINT, POINT)),)),
        StageLayer(3, ((2, (POINT, POINT)),)),
        StageLayer(4, ((1, (POINT, POINT)), (3, (POINT, POINT)))),
    )
    graph = StageGraph(layers, {buffer: (4, 4) for buffer in range(5)})
    ways = {1: Passing.PIXELS, 2: Passing.TILE, 3: Passing.TILE}
    with pytest.raises(StageProblem, match="wait for others"):
        stage_schedule(graph, (1, 1), ways)
    ways = {1: Passing.TILE, 2: Passing.PIXELS, 3: Passing.ROWS}
    found = stage_schedule(graph, (1, 1), ways)
    assert found.sweeps == (((0,),), ((1, 2), (3,)))


# By brute force


@dataclass
class Run:
    """
    A stage that runs as it will when it is lowered; what it finds is noted: whether a
    ring lost a pixel, how often each pixel was made, and in what order input was read.
    """

    schedule: StageSchedule
    rings: Mapping[int, Ring]
    slots: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    written: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    reads: list[tuple[int, set[tuple[int, int]]]] = field(default_factory=list)
    made: list[tuple[int, int]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """Of each pixel of the output; a turn of a layer takes one unit of time."""
    now: int = 0
    lost: int | None = None

    def all(self) -> Run:
        s = self.schedule
        for rows in s.rows:
            for columns in s.columns:
                for layer, y, x in turns(s, rows, columns):
                    self.turn(layer, y, x, rows, columns)
        return self

    def turn(
        self,
        layer: int,
        y: int,
        x: int,
        rows: Mapping[int, Range],
        columns: Mapping[int, Range],
    ) -> None:
        self.now += 1
        node, block = (
            self.schedule.graph.layers[layer],
            self.schedule.turns[layer].block,
        )
        for buffer, reach in node.inputs:
            height, width = self.schedule.graph.sizes[buffer]
            seen = {
                (iy, ix)
                for iy in within(reach and reach[0], y, 1, height)
                for ix in within(reach and reach[1], x, block, width)
            }
            if buffer not in self.rings:
                self.reads.append((self.now, seen))
                continue
            tile = rows[buffer], columns[buffer]
            if any(self.slots.get(self.slot(buffer, tile, p)) != p for p in seen):
                self.lost = buffer if self.lost is None else self.lost
        output = node.output
        for ix in range(x, x + block):
            self.written.setdefault(output, []).append((y, ix))
            if output in self.rings:
                tile = rows[output], columns[output]
                self.slots[self.slot(output, tile, (y, ix))] = y, ix
            else:
                self.made.append((y, ix))
                self.times.append(self.now)

    def slot(
        self, buffer: int, tile: tuple[Range, Range], pixel: tuple[int, int]
    ) -> tuple[int, int]:
        """Where a ring has a pixel of a tile."""
        ring, (y0, _), (x0, _) = self.rings[buffer], *tile
        number = (pixel[0] - y0) * ring.pitch + pixel[1] - x0
        return buffer, number % ring.capacity


def within(reach: Reach | None, place: int, block: int, size: int) -> range:
    low, high = (0, size) if reach is None else reach.input_range(place, place + block)
    return range(max(low, 0), min(high, size))


def turns(
    s: StageSchedule, rows: Mapping[int, Range], columns: Mapping[int, Range]
) -> Iterator[tuple[int, int, int]]:
    """The loops of a tile: each layer's rows and blocks, in the order of time."""
    for sweep, groups in enumerate(s.sweeps):
        for t in range(*s.row_times(rows, sweep)):
            for number, group in enumerate(groups):
                times = range(*s.column_times(columns, sweep, number))
                for u in times[:: s.steps[sweep, number]]:
                    for i in group:
                        turn, output = s.turns[i], s.graph.layers[i].output
                        y, late = divmod(t - turn.rows.delay, turn.rows.period)
                        x, later = divmod(u - turn.columns.delay, turn.columns.period)
                        low, high = columns[output]
                        if late or later or not (low <= x < high):
                            continue
                        if (x - low) % turn.block or y not in range(*rows[output]):
                            continue
                        yield i, y, x


def random_graph(r: random.Random) -> StageGraph:
    """Windows, changes of resolution, and joins with what came before."""
    sizes = {0: (r.randint(3, 12), r.randint(3, 12))}
    layers: list[StageLayer] = []
    for number in range(1, r.randint(2, 6)):
        source = number - 1
        height, width = sizes[source]
        partners = [b for b in range(source) if sizes[b] == sizes[source]]
        kind = r.random()
        inputs: list[tuple[int, tuple[Reach, Reach]]]
        if partners and kind < 0.4:
            inputs = [(source, (POINT, POINT)), (r.choice(partners), (POINT, POINT))]
            size = height, width
        elif kind < 0.5:
            inputs = [(source, (twice(height), twice(width)))]
            size = 2 * height, 2 * width
        else:
            axes = random_axis(r, height), random_axis(r, width)
            inputs = [(source, axes)]
            size = axes[0].output_size(height), axes[1].output_size(width)
        sizes[number] = size
        layers.append(StageLayer(number, tuple(inputs), 1))
    return StageGraph(tuple(layers), sizes)


def twice(size: int) -> TableReach:
    places = [place // 2 for place in range(2 * size)]
    return TableReach(tuple(places), tuple(place + 1 for place in places))


def random_axis(r: random.Random, size: int) -> AxisAccess:
    for _ in range(8):
        kernel, dilation = r.randint(1, 4), r.choice([1, 1, 2])
        pads = [r.randint(0, (kernel - 1) * dilation) for _ in range(2)]
        axis = AxisAccess(kernel, r.choice([1, 1, 2, 3]), dilation, *pads)
        if (
            axis.output_size(size) >= 1
            and axis.first_empty(size, axis.output_size(size)) is None
        ):
            return axis
    return POINT


def random_schedule(r: random.Random) -> StageSchedule | None:
    graph = random_graph(r)
    way = r.choice(list(Passing))
    passing = {
        buffer: way if r.random() < 0.7 else r.choice(list(Passing))
        for buffer in inner_buffers(graph)
    }
    grid = tuple(r.randint(1, min(size, 3)) for size in graph.sizes[graph.output])
    try:
        return stage_schedule(graph, (grid[0], grid[1]), passing, r.randint(1, 3))
    except StageProblem:
        return None


@settings(STABLE, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_every_pixel_is_there_when_it_is_read(r: random.Random):
    schedule = random_schedule(r)
    if schedule is None:
        return
    run = Run(schedule, schedule.rings).all()
    assert run.lost is None
    for layer, work in zip(schedule.graph.layers, schedule.work, strict=True):
        assert len(run.written.get(layer.output, [])) == work
    assert sorted(run.made) == [
        (y, x)
        for y in range(schedule.graph.sizes[schedule.graph.output][0])
        for x in range(schedule.graph.sizes[schedule.graph.output][1])
    ]


@settings(STABLE, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_no_ring_is_larger_than_it_has_to_be(r: random.Random):
    schedule = random_schedule(r)
    if schedule is None:
        return
    for buffer, ring in schedule.rings.items():
        unit = schedule.turns[buffer - 1].block
        for step in (unit, ring.pitch):
            smaller = ring.capacity - step
            if smaller < 1 or (step == unit) != (ring.capacity % ring.pitch != 0):
                continue
            rings = {**schedule.rings, buffer: replace(ring, capacity=smaller)}
            # A ring of whole rows may be there to save the mirror.
            saved = step == ring.pitch and step > unit and ring.mirror == 0
            assert Run(schedule, rings).all().lost == buffer or saved


@settings(STABLE, max_examples=100)
@given(st.randoms(use_true_random=False))
def test_least_distance_of_input_and_output(r: random.Random):
    schedule = random_schedule(r)
    if schedule is None:
        return
    depths = r.randint(1, 3), r.randint(1, 3)
    found = least_below(schedule, 0, *depths)
    graph = schedule.graph
    run = Run(schedule, schedule.rings).all()
    readers = [b for layer in graph.layers for b, _ in layer.inputs if b == 0]
    if found is None or len(run.reads) == 0 or not readers:
        return
    # The first byte that is still to be read when so many pixels have been made.
    least: int | None = None
    width = graph.sizes[0][1]
    for time, (y, x) in zip(run.times, run.made, strict=True):
        # A kernel may write all of its block before it reads for the last time.
        later = [
            (iy * width + ix) * depths[0]
            for when, seen in run.reads
            if when >= time
            for iy, ix in seen
        ]
        if later:
            end = (y * graph.sizes[graph.output][1] + x + 1) * depths[1]
            distance = end - min(later)
            least = distance if least is None else max(least, distance)
    assert found == least
