"""
Convolutions by Winograd's minimal filtering: random shapes and extremes equal the
interpreter in C, alone and in networks whose buffers share bytes.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from host_library import HostLibrary
from networks import (
    AddLayer,
    Limits,
    add_add,
    add_conv2d,
    add_max_pool,
    append,
    lower,
    random_inputs,
    random_network,
    random_weighted,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import TensorAttr, WindowAttr
from tinyml.dialects.kernel import Method, kernel_of
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import LOWERING

SELECT = "tinyml-select-kernels{words=all winograd=100000000}"
PIPELINE = f"{SELECT},tinyml-overlap,tinyml-plan-memory{{alignment=1}},{LOWERING}"
LIMITS = Limits(size=11, channels=21)


def add_winograd(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A 3x3 convolution of stride 1, with any padding."""
    batch, rows, columns, depth = shape(x)
    pads = [r.choice([0, 1, 1, 1, 2]) for _ in range(4)]
    if rows + sum(pads[:2]) < 4 or columns + sum(pads[2:]) < 4:
        pads = [1, 2, 1, 2] if min(rows, columns) > 1 else [2, 2, 2, 2]
    size = rows + sum(pads[:2]) - 2, columns + sum(pads[2:]) - 2
    channels = r.randint(1, limits.channels)
    c = random_weighted(b, r, (channels, 3, 3, depth), channels)
    quantization = c.zero_points, c.clamp, c.rounding
    window = WindowAttr.get((3, 3), (1, 1), (1, 1), tuple(pads))
    y = b.buffer((batch, *size, channels), i8)
    op = tinyml.Conv2DOp(x, y, c.weights, c.bias, c.requant, window, *quantization)
    return append(b, op)


def random_winograd(r: random.Random, limits: Limits = LIMITS) -> ModuleOp:
    """A network of one such layer."""
    size = [r.choice([1, 1, 2]), r.randint(2, limits.size), r.randint(2, limits.size)]
    b = NetworkBuilder("main")
    x = b.input([*size, r.randint(1, limits.channels)], i8, TensorAttr.get("x", 1.0, 0))
    y = add_winograd(b, r, x, limits)
    module = b.finish([(y, TensorAttr.get("y", 1.0, 0))])
    module.verify()
    return module


def methods(module: ModuleOp) -> list[Method]:
    chosen = lower(module, SELECT)
    return [kernel_of(layer).method for layer in layers(network_function(chosen))]


def check(modules: dict[str, ModuleOp], tmp_path: Path) -> None:
    lowered = {name: lower(module, PIPELINE) for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(3):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected = run_network(module, inputs)
            for a, b in zip(library.run(name, inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b, f"{name} {seed}", strict=True)


def test_layers(tmp_path: Path):
    modules = {
        f"conv_{seed}": random_winograd(random.Random(seed)) for seed in seeds(60)
    }
    for module in modules.values():
        assert methods(module) == [Method.WINOGRAD]
    check(modules, tmp_path)


def test_networks(tmp_path: Path):
    kinds: list[AddLayer] = [
        add_winograd,
        add_winograd,
        add_conv2d,
        add_max_pool,
        add_add,
    ]
    limits = Limits(size=9, channels=9)
    modules = {
        f"net_{seed}": random_network(random.Random(seed), 6, limits, kinds)
        for seed in seeds(40)
    }
    check(modules, tmp_path)
