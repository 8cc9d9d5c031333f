"""
Passes that fold layers change no output: random networks of what they look for, before
and after, on random and extreme inputs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    IMAGE_LAYERS,
    STABLE,
    AddLayer,
    Limits,
    add_avg_pool,
    add_conv2d,
    add_depthwise,
    add_max_pool,
    append,
    lower,
    random_inputs,
    random_network,
    random_zero_point,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import ConvolutionOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.live_ranges import live_bytes, live_ranges

SMALL = Limits(size=6, channels=4, kernel=3)
TINY = Limits(size=4, channels=2, kernel=2)


def assert_same(before: ModuleOp, after: ModuleOp, r: random.Random, count: int = 3):
    """The outputs for the same inputs are equal."""
    for _ in range(count):
        inputs = random_inputs(r, before)
        pairs = zip(run_network(before, inputs), run_network(after, inputs))
        for expected, found in pairs:
            np.testing.assert_array_equal(found, expected, strict=True)


def kinds_of(module: ModuleOp) -> Counter[str]:
    names = [op.name for op in layers(network_function(module))]
    return Counter(name.removeprefix("tinyml.") for name in names)


def peak(module: ModuleOp) -> int:
    function = network_function(module)
    return max(live_bytes(live_ranges(function), len(layers(function))), default=0)


# Networks of what a pass looks for


def add_moved(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """An image, copied once or twice into another shape."""
    batch, height, width, depth = shape(x)
    if r.random() < 0.5:
        x = append(b, tinyml.ReshapeOp(x, b.buffer([prod(shape(x))], i8)))
    turned = b.buffer([batch, width, height, depth], i8)
    return append(b, tinyml.ReshapeOp(x, turned))


def add_padded(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A pad of rows and columns, and one or two layers that mostly can take it."""
    value = r.choice([-128, 3, random_zero_point(r)])
    low, high = ([0, r.randint(0, 1), r.randint(0, 1), 0] for _ in range(2))
    size = [n + a + c for n, a, c in zip(shape(x), low, high, strict=True)]
    x = append(b, tinyml.PadOp(x, b.buffer(size, i8), low, high, value))
    ends = [padded_reader(b, r, x, value, limits) for _ in range(r.choice([1, 1, 2]))]
    return ends[-1]


def padded_reader(
    b: NetworkBuilder, r: random.Random, x: SSAValue, value: int, limits: Limits
) -> SSAValue:
    """A layer with a window, which if it is a convolution mostly pads with `value`."""
    kinds = [add_conv2d, add_depthwise, add_max_pool, add_avg_pool, add_conv2d]
    y = r.choice(kinds)(b, r, x, limits)
    op = next(op for op in b.block.ops if y in op.operands)
    if isinstance(op, ConvolutionOp) and r.random() < 0.9:
        _, point = integers(op.zero_points)
        op.properties["zero_points"] = integer_array([value, point])
    return y


KINDS: dict[str, Sequence[AddLayer]] = {
    "tinyml-fold-pad": [*IMAGE_LAYERS, *[add_padded] * 12],
    "tinyml-fold-reshape": [*IMAGE_LAYERS, *[add_moved] * 12],
}
"""The layers that the networks for a pass are made of."""


@pytest.mark.parametrize("name", KINDS)
@settings(STABLE, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_outputs_are_the_same(name: str, r: random.Random):
    module = random_network(r, 6, SMALL, KINDS[name])
    folded = lower(module, name)
    assert_same(module, folded, r)
    assert peak(folded) <= peak(module)
    # What is folded is folded at once.
    assert str(lower(folded, name)) == str(folded)


@pytest.mark.parametrize("name", KINDS)
def test_there_is_less_to_do(name: str):
    """The networks above do have what the pass folds."""
    fewer = 0
    for seed in seeds(20):
        module = random_network(random.Random(seed), 6, SMALL, KINDS[name])
        before, after = kinds_of(module), kinds_of(lower(module, name))
        fewer += sum(after.values()) < sum(before.values())
    assert fewer >= 8


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", seeds(3))
def test_folded_networks_compile(name: str, seed: int):
    module = random_network(random.Random(seed), 5, TINY, KINDS[name])
    lowered = lower(lower(module, name), "@default")
    assert_same(module, lowered, random.Random(seed), 1)
