"""
The search for stages: its bounds hold, and it finds what looking at all stages finds.
"""

from __future__ import annotations

import random

import pytest
from networks import (
    AddLayer,
    Limits,
    add_add,
    add_avg_pool,
    add_concat,
    add_conv2d,
    add_depthwise,
    add_lookup,
    add_max_pool,
    add_resize,
    lower,
    random_network,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.network import layers, network_function
from tinyml.passes.network_stages import NetworkStages
from tinyml.passes.plan_stages import front_of
from tinyml.passes.stage_search import (
    STRIPS,
    Options,
    Segment,
    StagePlan,
    all_plans,
    cheapest,
    pareto_front,
)

LAYERS: list[AddLayer] = [
    *(add_conv2d, add_depthwise) * 2,
    add_max_pool,
    add_avg_pool,
    add_add,
    add_add,
    add_concat,
    add_lookup,
    add_resize,
]
LIMITS = Limits(size=40, channels=6, kernel=4)


def network(seed: int) -> ModuleOp:
    r = random.Random(seed)
    module = random_network(r, r.randint(4, 9), LIMITS, LAYERS)
    asked = "tinyml-read-input," if r.random() < 0.5 else ""
    return lower(module, f"{asked}tinyml-select-kernels,tinyml-overlap")


@pytest.mark.parametrize("seed", seeds(40))
def test_bounds_hold(seed: int):
    """No stage needs less than its bound; the work done more than once is exact."""
    stages = NetworkStages(network_function(network(seed)))
    for block in (1, 3):
        options = stages.options(STRIPS, block)
        for bound in options.bounds:
            options.look(bound)
            stage = options.found[bound.key]
            if stage is not None:
                assert bound.bytes <= stage.bytes, stage
                assert bound.extra == stage.extra, stage


@pytest.mark.parametrize("seed", seeds(40))
def test_front_of_all_stages(seed: int):
    """Bounds change nothing: looking at every stage finds the same front."""
    function = network_function(network(seed))
    order = layers(function)
    work = sum(layer.macs() for layer in order)
    options = NetworkStages(function).options(STRIPS, 2)
    found = all_plans(options, work)
    for bound in options.bounds:
        options.look(bound)
    stages = [
        stage
        for stage in options.found.values()
        # Without work, strips would cost nothing; they are not tried.
        if stage is not None and (work > 0 or stage.strips == 1)
    ]
    segments = [*options.layers, *stages]
    front = pareto_front(len(order), segments, work)
    assert [(p.bytes, p.extra) for p in found] == [(p.bytes, p.extra) for p in front]
    for plan in found:
        best = cheapest(len(order), segments, plan.bytes)
        assert best is not None
        assert staged(plan) == staged(best)


def staged(plan: StagePlan) -> int:
    return sum(stage.end - stage.first for stage in plan.stages)


def test_wider_blocks_cost_no_bytes():
    """Of the same stages, as many columns at a time as the plan's bytes allow."""
    for seed in seeds(20):
        function = network_function(network(seed))
        work = sum(layer.macs() for layer in layers(function))
        narrow = front_of(function, 1, work)
        wide = front_of(function, 0, work)
        for a, b in zip(narrow, wide, strict=True):
            assert (a.bytes, a.extra) == (b.bytes, b.extra)
            assert [s.key for s in a.stages] == [s.key for s in b.stages]
            assert all(stage.bytes <= b.bytes for stage in b.stages)


def test_few_stages_are_looked_at():
    """A chain of layers that each need 10 bytes; stages of three need 4 or 6."""
    looked: list[tuple[int, int, int]] = []

    def costs(first: int, end: int, strips: int) -> Segment | None:
        looked.append((first, end, strips))
        # What needed least by its bound cannot be.
        return None if end - first == 2 else Segment(first, end, strips, 6, strips - 1)

    chain = [Segment(i, i + 1, 0, 10) for i in range(6)]
    bounds = [
        Segment(first, end, strips, 4 if end - first < 4 else 8, strips - 1)
        for strips in (1, 2)
        for first in range(6)
        for end in range(first + 2, 7)
    ]
    (plan,) = all_plans(Options(chain, bounds, costs), 5)
    assert (plan.bytes, plan.extra) == (6, 0)
    assert [stage.key for stage in plan.stages] == [(0, 3, 1), (3, 6, 1)]
    assert all(end - first < 4 for first, end, _ in looked)
