"""
Kernels of words of fully connected layers equal the interpreter in C: alone, and in
networks whose buffers share bytes.
"""

from __future__ import annotations

import random
from math import prod
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from networks import (
    Limits,
    add_add,
    add_conv2d,
    append,
    lower,
    random_inputs,
    random_layer,
    random_network,
    random_weighted,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding, TensorAttr
from tinyml.dialects.kernel import Method, kernel_of
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.tinyml import FullyConnectedOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.dot_stream import Form
from tinyml.passes.loops.fully_connected_dot import blocks
from tinyml.passes.loops.high_products import high_factors
from tinyml.passes.pipelines import LOWERING

METHODS = {"all": Method.DOT, "free": Method.DIRECT}
LIMITS = Limits(size=4, channels=22)


def selection(words: str) -> str:
    return f"tinyml-select-kernels{{words={words}}}"


def check(modules: dict[str, ModuleOp], words: str, tmp_path: Path):
    """Each module, lowered, against the interpreter."""
    plan = "tinyml-overlap,tinyml-plan-memory{alignment=1}"
    pipeline = f"tinyml-count-macs,{selection(words)},{plan},{LOWERING}"
    lowered = {name: lower(module, pipeline) for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(3):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected, before = run_network(module, inputs), library.counted
            for a, b in zip(library.run(name, inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b, f"{name} {seed}", strict=True)
            assert library.counted - before == library.infos[name].macs


@pytest.mark.parametrize("words", METHODS)
def test_layers(words: str, tmp_path: Path):
    modules: dict[str, ModuleOp] = {}
    for seed in seeds(24):
        r = random.Random(f"fully connected {seed}")
        modules[f"layer_{seed}"], _ = random_layer(r, "fully_connected", LIMITS)
    chosen = lower(next(iter(modules.values())), selection(words))
    (layer,) = layers(network_function(chosen))
    assert kernel_of(layer).method is METHODS[words]
    check(modules, words, tmp_path)


def add_row(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A fully connected layer that makes pixels, which convolutions take."""
    batch = shape(x)[0]
    depth, channels = prod(shape(x)) // batch, r.randint(1, limits.channels)
    y = b.buffer((batch, 1, 1, channels), i8)
    c = random_weighted(b, r, (channels, depth), channels)
    quantization = c.zero_points, c.clamp, c.rounding
    op = FullyConnectedOp(x, y, c.weights, c.bias, c.requant, *quantization)
    return append(b, op)


@pytest.mark.parametrize("words", METHODS)
def test_networks(words: str, tmp_path: Path):
    kinds = [add_row, add_row, add_conv2d, add_add]
    limits = Limits(size=3, channels=20, kernel=2)
    modules = {
        f"net_{seed}": random_network(random.Random(f"rows {seed}"), 6, limits, kinds)
        for seed in seeds(12)
    }
    check(modules, words, tmp_path)


def extreme_layer(depth: int, channels: int, bias: int, weights: int) -> ModuleOp:
    """Weights and biases at the ends of what they can be, most of them alike."""
    b = NetworkBuilder("main")
    x = b.input([2, depth], i8, TensorAttr.get("x"))
    y = b.buffer([2, channels], i8)
    filters = np.full((channels, depth), weights, np.int8)
    filters[1::3] = -1 - filters[1::3]
    biases = np.full(channels, bias, np.int32)
    biases[::5] = -biases[::5]
    biases[::4] >>= 12
    shifts = [-8, -16, -24]
    rows = [((1 << 30) + 12345 * c, shifts[c % 3]) for c in range(channels)]
    op = FullyConnectedOp(
        x,
        y,
        b.constant("w", filters),
        b.constant("b", biases),
        b.constant("rq", np.array(rows, np.int32)),
        (-128, 3),
        (-128, 127),
        Rounding.DOUBLE,
    )
    b.layer(op, "y")
    return b.finish([(y, TensorAttr.get("y"))])


@pytest.mark.parametrize("words", METHODS)
def test_extremes(words: str, tmp_path: Path):
    cases = {
        f"extreme_{depth}_{channels}_{i}": extreme_layer(depth, channels, bias, weights)
        for depth in (3, 31, 260)
        for channels in (5, 20)
        for i, (bias, weights) in enumerate(
            [(0, 127), (0, -128), ((1 << 31) - 1, 127), (1 << 23, -127)]
        )
    }
    forms = set[Form]()
    for module in cases.values():
        (layer,) = layers(network_function(module))
        assert isinstance(layer, FullyConnectedOp)
        assert high_factors(layer) is not None
        forms |= {form for block in blocks(layer) for form in block.made.forms}
    assert forms == set(Form)
    check(cases, words, tmp_path)
