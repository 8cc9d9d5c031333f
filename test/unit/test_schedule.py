"""Orders of layers: by hand, against all orders there are, and on networks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    STABLE,
    Limits,
    lower,
    random_inputs,
    random_network,
    seeds,
)
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr

from tinyml.dialects.network import layers, network_function
from tinyml.interp.run import run_network
from tinyml.passes.schedule import graph_of
from tinyml.passes.schedule_order import (
    Graph,
    Layer,
    Ordering,
    Search,
    best_order,
    greedy_order,
)

PLANNING = "tinyml-select-kernels,tinyml-inplace,tinyml-overlap"

# Two branches that grow and shrink: x -> a -> c, x -> b -> d, then c + d.
BRANCHES = Graph(
    [1, 8, 8, 2, 2, 1],
    [
        Layer((0,), 1),
        Layer((0,), 2),
        Layer((1,), 3),
        Layer((2,), 4),
        Layer((3, 4), 5),
    ],
    frozenset({5}),
)


def test_branches_run_one_after_the_other():
    ordering = Ordering(BRANCHES)
    # x, a and b; then a, b and c.
    assert ordering.peak([0, 1, 2, 3, 4]) == 18
    assert ordering.peak([0, 2, 1, 3, 4]) == 12
    assert ordering.unavoidable() == 10
    found = best_order(BRANCHES, 100)
    assert (found.order, found.peak, found.is_optimal) == ([0, 2, 1, 3, 4], 12, True)
    assert greedy_order(ordering) == found.order


def test_no_choice_is_given_up_too_early():
    """
    From the start, layers 0, 1 and 2 lead to as few bytes as there were; but 1 and 2
    alone lead to fewer, and only from there layer 3 fits.
    """
    nodes = [
        Layer((1,), 3),
        Layer((0, 1), 4),
        Layer((1, 2), 5),
        Layer((4, 5), 6, 8),
        Layer((1, 3), 7, 8),
    ]
    graph = Graph([12, 4, 6, 5, 10, 1, 10, 10], nodes)
    found = best_order(graph, 100)
    assert (found.order, found.peak, found.is_optimal) == ([1, 2, 3, 0, 4], 33, True)


def test_sharing_and_scratch_count():
    """An output takes the place of an input where that dies."""
    layers = [Layer((0,), 1, 0, ((0, 3),)), Layer((0, 1), 2, 5, ((0, 4), (1, 3)))]
    ordering = Ordering(Graph([4, 4, 4], layers, frozenset({2})))
    assert ordering.step(0, 4, 0) == (8, 8)
    # No byte of the output is shared twice.
    assert ordering.step(1, 8, 1) == (8 + 4 + 5 - 4, 4)


def test_buffers_that_nobody_reads_count_at_the_first_layer():
    graph = Graph([1, 10, 2, 3], [Layer((0,), 2), Layer((0,), 3)], frozenset({3}))
    ordering = Ordering(graph)
    assert ordering.peak([0, 1]) == 1 + 10 + 2
    assert ordering.peak([1, 0]) == 1 + 10 + 3


def test_no_layers():
    found = best_order(Graph([3], []), 10)
    assert (found.order, found.peak, found.is_optimal) == ([], 0, True)


def test_cut_short():
    """What was not searched is not called optimal, and nothing gets worse."""
    found = best_order(BRANCHES, 1)
    assert (found.order, found.peak, found.is_optimal) == ([0, 2, 1, 3, 4], 12, False)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    number, chosen = st.integers, st.booleans()
    given, count = draw(number(1, 2)), draw(number(1, 7))
    # Few values, so that there are ties, and wide ones, so that there are hills.
    size = draw(st.sampled_from([number(1, 3), number(1, 30)]))
    sizes = [draw(size) for _ in range(given + count)]
    nodes: list[Layer] = []
    for output in range(given, given + count):
        sources = st.lists(number(0, output - 1), min_size=1, max_size=3, unique=True)
        inputs = tuple(draw(sources))
        shared = tuple(
            (buffer, draw(number(0, min(sizes[buffer], sizes[output]))))
            for buffer in inputs
            if draw(chosen)
        )
        scratch = draw(number(0, 3)) if draw(chosen) else 0
        nodes.append(Layer(inputs, output, scratch, shared))
    kept = [buffer for buffer in range(given + count) if draw(number(0, 4)) == 0]
    return Graph(sizes, nodes, frozenset(kept))


def all_orders(ordering: Ordering, done: int = 0) -> Iterator[list[int]]:
    if done == ordering.all:
        yield []
    for number, needed in enumerate(ordering.needs):
        if not done >> number & 1 and not needed & ~done:
            for rest in all_orders(ordering, done | 1 << number):
                yield [number, *rest]


@settings(STABLE, max_examples=400)
@given(graphs())
def test_best_of_all_orders(graph: Graph):
    ordering = Ordering(graph)
    peaks = [ordering.peak(order) for order in all_orders(ordering)]
    found = best_order(graph, 10_000)
    assert found.is_optimal
    assert found.peak == ordering.peak(found.order) == min(peaks)
    assert ordering.unavoidable() <= found.peak
    given = list(range(len(graph.layers)))
    assert (found.order == given) == (ordering.peak(given) == found.peak)


@settings(STABLE, max_examples=200)
@given(graphs(), st.integers(0, 60), st.integers(1, 4))
def test_attempts(graph: Graph, limit: int, states: int):
    """An attempt finds an order if there is one, and else the next peak to try."""
    ordering = Ordering(graph)
    peaks = [ordering.peak(order) for order in all_orders(ordering)]
    search = Search(ordering, limit, 10_000)
    order = search.find()
    assert (order is not None) == (min(peaks) <= limit)
    if order is None:
        assert limit < search.refused <= min(peaks)
    else:
        assert ordering.peak(order) <= limit
    assert best_order(graph, states).peak <= peaks[0]


# Networks


def number(module: ModuleOp, name: str) -> int:
    attr = network_function(module).attributes[name]
    assert isinstance(attr, IntegerAttr)
    return attr.value.data


def kinds(module: ModuleOp) -> list[str]:
    return [str(layer.location) for layer in layers(network_function(module))]


def test_networks_compute_the_same():
    improved = 0
    for seed in seeds(60):
        module = random_network(random.Random(seed), 9, Limits(size=6))
        module = lower(module, f"tinyml-fold-reshape,{PLANNING}")
        scheduled = lower(module, "tinyml-schedule")
        inputs = random_inputs(random.Random(seed), module)
        assert_same(run_network(scheduled, inputs), run_network(module, inputs))
        before, after = (lower(m, "tinyml-plan-memory") for m in (module, scheduled))
        bounds = (
            number(before, "tinyml.lower_bound"),
            number(after, "tinyml.lower_bound"),
        )
        # What the schedule counts is what the plan says.
        for each, bound in zip((module, scheduled), bounds, strict=True):
            graph = graph_of(network_function(each))
            assert Ordering(graph).peak(range(len(graph.layers))) == bound
        improved += bounds[1] < bounds[0]
        assert bounds[1] <= bounds[0]
        assert sorted(kinds(scheduled)) == sorted(kinds(module))
        if bounds[0] == bounds[1]:
            assert kinds(scheduled) == kinds(module)
        # An order that was found is found again.
        assert str(lower(scheduled, "tinyml-schedule")) == str(scheduled)
        attr = network_function(scheduled).attributes["tinyml.schedule"]
        assert attr == StringAttr("optimal")
    assert improved > 5


def assert_same(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("pipeline", ["", "tinyml-fold-reshape"])
def test_data_by_index_follows_the_layers(pipeline: str):
    """What each layer writes is the same, whenever it runs."""
    moved = 0
    for seed in seeds(20):
        module = random_network(random.Random(seed), 8, Limits(size=5))
        module = lower(module, pipeline)
        for position, layer in enumerate(layers(network_function(module))):
            layer.attributes["tinyml.index"] = IntegerAttr(position, 64)
        scheduled = lower(module, "tinyml-schedule")
        inputs = random_inputs(random.Random(seed), module)
        expected, found = written(module, inputs), written(scheduled, inputs)
        moved += list(expected) != list(found)
        assert expected.keys() == found.keys()
        for index, array in expected.items():
            np.testing.assert_array_equal(found[index], array, strict=True)
    assert moved


def written(module: ModuleOp, inputs: list[np.ndarray]) -> dict[int, np.ndarray]:
    seen: dict[int, np.ndarray] = {}
    run_network(
        module,
        inputs,
        lambda op, y: seen.update({op.attributes["tinyml.index"].value.data: y.copy()}),
    )
    return seen
