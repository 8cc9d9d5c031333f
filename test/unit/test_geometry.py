"""Tiles, halos and rings, by hand and by brute force over every output."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE, Limits, add_max_pool, add_resize, append
from xdsl.dialects.builtin import ModuleOp, i8

from tinyml.dialects import tinyml
from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.layer import shape
from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.window import WindowOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.geometry import (
    Range,
    ReceptiveField,
    StageGraph,
    StageLayer,
    TableReach,
    clipped,
    grid_work,
    hull,
    largest_tiles,
    needed,
    receptive_field,
    tiles,
    whole_work,
)
from tinyml.passes.stage_graph import stage_graph

POINT = AxisAccess()
SAME = AxisAccess(kernel=3, pad_before=1, pad_after=1)
HALF = AxisAccess(kernel=3, stride=2, pad_before=0, pad_after=1)


def chain(size: int, *axes: AxisAccess, work: int = 1) -> StageGraph:
    """Layers one after the other, the same along both axes; buffer 0 is the input."""
    sizes = {0: (size, size)}
    layers: list[StageLayer] = []
    for number, axis in enumerate(axes):
        size = axis.output_size(size)
        sizes[number + 1] = (size, size)
        layers.append(StageLayer(number + 1, ((number, (axis, axis)),), work))
    return StageGraph(tuple(layers), sizes)


def residual(size: int) -> StageGraph:
    """`3 = add(0, 2)`, where 2 is a 3x3 window after a pointwise layer of 0."""
    sizes = {buffer: (size, size) for buffer in range(4)}
    layers = (
        StageLayer(1, ((0, (POINT, POINT)),), 2),
        StageLayer(2, ((1, (SAME, SAME)),), 9),
        StageLayer(3, ((0, (POINT, POINT)), (2, (POINT, POINT)))),
    )
    return StageGraph(layers, sizes)


def test_ranges():
    assert clipped((-2, 3), 8) == (0, 3)
    assert clipped((6, 12), 8) == (6, 8)
    assert clipped((9, 12), 8) == (0, 0)
    assert hull((2, 4), (7, 9)) == (2, 9)
    assert hull((0, 0), (7, 9)) == (7, 9)
    assert tiles(10, 4) == [(0, 2), (2, 5), (5, 7), (7, 10)]
    assert tiles(3, 1) == [(0, 3)]


@pytest.mark.parametrize(
    "outputs, expected",
    [
        ((0, 1), {0: (0, 7), 1: (0, 3), 2: (0, 2), 3: (0, 1)}),
        ((1, 2), {0: (0, 9), 1: (0, 4), 2: (0, 3), 3: (1, 2)}),
        ((3, 5), {0: (2, 15), 1: (1, 7), 2: (2, 6), 3: (3, 5)}),
        ((7, 8), {0: (10, 16), 1: (5, 8), 2: (6, 8), 3: (7, 8)}),
    ],
)
def test_needed_of_a_chain(outputs: Range, expected: dict[int, Range]):
    """A stride of 2 and two windows of 3: one output in the middle sees 11 inputs."""
    assert needed(chain(16, HALF, SAME, SAME), 0, outputs) == expected


def test_receptive_field():
    graph = chain(64, HALF, SAME, SAME)
    assert receptive_field(graph, 0, 0) == ReceptiveField(11, 2, -4)
    assert receptive_field(graph, 0, 2).halo == 2
    assert receptive_field(residual(8), 1, 0).size == 3


def test_a_residual_needs_the_hull():
    assert needed(residual(8), 1, (3, 4)) == {
        0: (2, 5),
        1: (2, 5),
        2: (3, 4),
        3: (3, 4),
    }


def test_a_change_of_resolution():
    """Rows 0, 0, 1, 1, 2, 2 of the input."""
    twice = TableReach([0, 0, 1, 1, 2, 2], [1, 1, 2, 2, 3, 3])
    layer = StageLayer(1, ((0, (twice, twice)),))
    graph = StageGraph((layer,), {0: (3, 3), 1: (6, 6)})
    assert needed(graph, 0, (1, 3))[0] == (0, 2)


def test_work_of_patches():
    """Two halves of 8 columns: the window's input overlaps by 2 of 8."""
    graph = chain(8, POINT, SAME)
    assert whole_work(graph) == 2 * 64
    assert grid_work(graph, (1, 1)) == whole_work(graph)
    assert grid_work(graph, (1, 2)) == 8 * (5 + 5) + 64
    assert grid_work(graph, (2, 2)) == 10 * 10 + 64
    assert largest_tiles(graph, (2, 2)) == {0: (5, 5), 1: (5, 5), 2: (4, 4)}


@st.composite
def axes(draw: st.DrawFn) -> AxisAccess:
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    pads = st.integers(0, min(3, (kernel - 1) * dilation))
    stride = draw(st.integers(1, 3))
    return AxisAccess(kernel, stride, dilation, draw(pads), draw(pads))


@st.composite
def graphs(draw: st.DrawFn) -> StageGraph:
    """Chains with, now and then, a sum with an older buffer of the same size."""
    size = draw(st.integers(6, 20))
    sizes, layers = {0: (size, size)}, list[StageLayer]()
    for number in range(1, draw(st.integers(2, 6))):
        source = number - 1
        same = [b for b in range(source) if sizes[b] == sizes[source]]
        if same and draw(st.booleans()):
            other = draw(st.sampled_from(same))
            inputs = ((source, (POINT, POINT)), (other, (POINT, POINT)))
            sizes[number] = sizes[source]
        else:
            rows, columns = draw(axes()), draw(axes())
            result = (
                rows.output_size(sizes[source][0]),
                columns.output_size(sizes[source][1]),
            )
            if min(result) < 1:
                break
            inputs, sizes[number] = ((source, (rows, columns)),), result
        layers.append(StageLayer(number, inputs, draw(st.integers(1, 5))))
    if not layers:
        layers, sizes[1] = [StageLayer(1, ((0, (POINT, POINT)),), 1)], sizes[0]
    return StageGraph(tuple(layers), sizes)


def seen(graph: StageGraph, axis: int, output: int) -> dict[int, set[int]]:
    """By brute force, the elements of each buffer that one output depends on."""
    found: dict[int, set[int]] = {buffer: set() for buffer in graph.sizes}
    found[graph.output] = {output}
    for layer in reversed(graph.layers):
        for place in found[layer.output]:
            for buffer, reach in layer.inputs:
                assert reach is not None
                access = reach[axis]
                assert isinstance(access, AxisAccess)
                taps = (
                    place * access.stride - access.pad_before + k * access.dilation
                    for k in range(access.kernel)
                )
                size = graph.sizes[buffer][axis]
                found[buffer] |= {tap for tap in taps if 0 <= tap < size}
    return found


@given(graph=graphs(), data=st.data())
def test_needed_covers_what_outputs_see(graph: StageGraph, data: st.DataObject):
    """All that is seen is held, and the ends of what is held are seen."""
    axis = data.draw(st.integers(0, 1))
    size = graph.sizes[graph.output][axis]
    first = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(first + 1, size))
    held = needed(graph, axis, (first, end))
    together: dict[int, set[int]] = {buffer: set() for buffer in graph.sizes}
    for output in range(first, end):
        for buffer, places in seen(graph, axis, output).items():
            together[buffer] |= places
    for buffer, places in together.items():
        low, high = held[buffer]
        assert places <= set(range(low, high))


@given(graph=graphs(), grid=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_work_counts_every_tile(graph: StageGraph, grid: tuple[int, int]):
    total = 0
    for row, column in product(
        *(tiles(graph.sizes[graph.output][a], grid[a]) for a in (0, 1))
    ):
        held = needed(graph, 0, row), needed(graph, 1, column)
        for layer in graph.layers:
            (top, bottom), (left, right) = (h[layer.output] for h in held)
            total += layer.work * (bottom - top) * (right - left)
    assert grid_work(graph, grid) == total
    assert grid_work(graph, (1, 1)) <= whole_work(graph)


# By looking at what matters


def maxima(r: random.Random) -> ModuleOp:
    """Windows that take the largest element, changes of resolution, a join."""
    builder = NetworkBuilder("main")
    limits = Limits(size=9, kernel=3)
    size = (1, r.randint(4, 9), r.randint(4, 9), 1)
    x = builder.input(size, i8, TensorAttr.get("x", 0.5, 0))
    older = [x]
    for _ in range(r.randint(1, 4)):
        partners = [v for v in older if shape(v) == shape(x)]
        kind = r.random()
        if kind < 0.3:
            y = builder.buffer(shape(x), i8)
            x = append(builder, tinyml.MaximumOp(x, r.choice(partners), y))
        else:
            x = (add_resize if kind < 0.5 else add_max_pool)(builder, r, x, limits)
        older.append(x)
    module = builder.finish([(x, TensorAttr.get("y", 0.5, 0))])
    for layer in layers(network_function(module)):
        if "clamp" in layer.properties:
            layer.properties["clamp"] = integer_array((-128, 127))
    return module


@settings(STABLE, max_examples=25)
@given(st.randoms(use_true_random=False))
def test_what_matters_is_what_is_needed(r: random.Random):
    """A pixel that is raised matters to an output if a window holds it."""
    module = maxima(r)
    order = layers(network_function(module))
    if any(isinstance(layer, tinyml.ResizeBilinearOp) for layer in order):
        return  # A blend may round a difference away.
    graph, numbers = stage_graph(order)
    source = numbers[network_function(module).body.block.args[0]]
    rows, columns = graph.sizes[graph.output]
    place = r.randrange(rows), r.randrange(columns)
    height, width = graph.sizes[source]
    seen: list[tuple[int, int]] = []
    still = np.zeros((1, height, width, 1), np.int8)
    (before,) = run_network(module, [still])
    for pixel in product(range(height), range(width)):
        raised = still.copy()
        raised[0, *pixel] = 100
        (after,) = run_network(module, [raised])
        if after[0, *place, 0] != before[0, *place, 0]:
            seen.append(pixel)
    held = [needed(graph, axis, (p, p + 1))[source] for axis, p in enumerate(place)]
    windows = [
        axis for op in order if isinstance(op, WindowOp) for axis in op.access(0)
    ]
    gaps = any(window.dilation > 1 for window in windows)
    for axis, (first, end) in enumerate(held):
        least, most = (f(pixel[axis] for pixel in seen) for f in (min, max))
        # What lies between the taps of a window is held, though it does not matter.
        assert first <= least <= most < end
        assert gaps or (first, end) == (least, most + 1)
