"""
Kernels of words: convolutions of random shapes equal the interpreter in C, alone, in
networks whose buffers share bytes, and in stages.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from networks import (
    Limits,
    add_add,
    add_conv2d,
    add_depthwise,
    add_max_pool,
    lower,
    random_inputs,
    random_layer,
    random_network,
    seeds,
)
from test_stages import staged_network
from xdsl.dialects.builtin import ModuleOp, i8

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.kernel import Method, kernel_of
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import LOWERING

DOT = "tinyml-select-kernels{words=all}"
KERNELS = {
    "all": DOT,
    "free": "tinyml-select-kernels{words=free}",
    "small": "tinyml-select-kernels{words=all unroll=4}",
    "shared": "tinyml-select-kernels{words=all shared=true}",
}
PLANNING = f"tinyml-overlap,tinyml-plan-memory{{alignment=1}},{LOWERING}"
WIDE = Limits(size=9, channels=13, kernel=5)


def has_dot(module: ModuleOp) -> bool:
    chosen = lower(module, DOT)
    order = layers(network_function(chosen))
    return any(kernel_of(layer).method is not Method.PLAIN for layer in order)


def check(
    modules: dict[str, tuple[ModuleOp, ModuleOp]], tmp_path: Path, words: str = "all"
):
    """Each module, lowered, against the first of its pair in the interpreter."""
    pipeline = f"tinyml-count-macs,{KERNELS[words]},{PLANNING}"
    lowered = {name: lower(staged, pipeline) for name, (_, staged) in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, (module, _) in modules.items():
        for seed in range(2):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected, before = run_network(module, inputs), library.counted
            for a, b in zip(library.run(name, inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b, f"{name} {seed}", strict=True)
            assert library.counted - before == library.infos[name].macs


@pytest.mark.parametrize(
    "kind, words",
    [("conv2d", "all"), ("conv2d", "small"), ("conv2d", "free"), ("depthwise", "all")],
)
def test_layers(kind: str, words: str, tmp_path: Path):
    modules: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for seed in seeds(160):
        module, _ = random_layer(random.Random(seed), kind, WIDE)
        if has_dot(module):
            modules[f"{kind}_{seed}"] = module, module
    assert len(modules) > 50
    check(modules, tmp_path, words)


def test_narrow_images(tmp_path: Path):
    """Pixels of a map of one column are taken together, too."""
    modules: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for height, depth in ((7, 5), (4, 8), (1, 9)):
        builder = NetworkBuilder("main")
        x = builder.input([1, height, 1, depth], i8, TensorAttr.get("x", 0.5, 1))
        limits = Limits(size=9, channels=9, kernel=1)
        y = add_conv2d(builder, random.Random(height), x, limits)
        module = builder.finish([(y, TensorAttr.get("y", 0.5, 1))])
        modules[f"narrow_{height}"] = module, module
    check(modules, tmp_path)


@pytest.mark.parametrize("words", ["all", "free"])
def test_many_channels(words: str, tmp_path: Path):
    """Sums of several turns, and of what is left over behind them."""
    limits = Limits(size=3, channels=90, kernel=2)
    modules: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for seed in seeds(30):
        module, _ = random_layer(random.Random(seed), "conv2d", limits)
        modules[f"wide_{seed}"] = module, module
    check(modules, tmp_path, words)


@pytest.mark.parametrize("words", KERNELS)
@pytest.mark.parametrize("kind", ["conv2d", "depthwise", "fully_connected"])
def test_all_sizes(kind: str, words: str, tmp_path: Path):
    """Kernels of 1 to 11 rows and columns, 1 to 40 channels, strides of 1 to 3."""
    limits = Limits(size=14, channels=40, kernel=11)
    modules: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for seed in seeds(16):
        module, _ = random_layer(random.Random(f"{kind} {seed}"), kind, limits)
        modules[f"sized_{seed}"] = module, module
    check(modules, tmp_path, words)


@pytest.mark.parametrize("words", ["all", "free"])
def test_networks(words: str, tmp_path: Path):
    kinds = [add_conv2d, add_conv2d, add_depthwise, add_max_pool, add_add]
    modules = {
        f"net_{seed}": random_network(random.Random(seed), 6, WIDE, kinds)
        for seed in seeds(40)
    }
    pairs = {name: (module, module) for name, module in modules.items()}
    check(pairs, tmp_path, words)


@pytest.mark.parametrize("words", ["all", "free"])
def test_stages(words: str, tmp_path: Path):
    pairs = {
        f"staged_{seed}": staged_network(random.Random(seed), 6, WIDE)
        for seed in seeds(60)
    }
    found = {name: pair for name, pair in pairs.items() if pair is not None}
    check(found, tmp_path, words)
