"""Faster kernels where they need no more memory: no plan grows, no result changes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from host_library import HostLibrary
from networks import Limits, lower, random_inputs, random_network, seeds
from xdsl.dialects.builtin import IntegerAttr, ModuleOp

from tinyml.dialects.kernel import kernel_of
from tinyml.dialects.network import layers, network_function
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import LOWERING

SMALL = "tinyml-select-kernels{words=free},tinyml-overlap,tinyml-inplace,tinyml-overlap"
FILL = f"{SMALL},tinyml-fill-memory"
PLAN = "tinyml-plan-memory{strategy=optimal}"


def arena_bytes(module: ModuleOp) -> int:
    attr = network_function(module).attributes["tinyml.arena_bytes"]
    assert isinstance(attr, IntegerAttr)
    return attr.value.data


def kernels(module: ModuleOp) -> list[str]:
    return [str(kernel_of(layer).way) for layer in layers(network_function(module))]


def test_networks(tmp_path: Path):
    modules = {
        f"net_{seed}": random_network(
            random.Random(seed), 6, Limits(size=8, channels=9, kernel=4)
        )
        for seed in seeds(30)
    }
    faster = 0
    for module in modules.values():
        before, after = (lower(module, f"{p},{PLAN}") for p in (SMALL, FILL))
        assert arena_bytes(after) <= arena_bytes(before)
        pairs = zip(kernels(before), kernels(after), strict=True)
        faster += sum(a != b for a, b in pairs)
    assert faster > 20
    pipeline = f"{FILL},{PLAN},{LOWERING}"
    library = HostLibrary(
        {name: lower(module, pipeline) for name, module in modules.items()}, tmp_path
    )
    for name, module in modules.items():
        inputs = random_inputs(random.Random(name), module)
        expected = run_network(module, inputs)
        for a, b in zip(library.run(name, inputs), expected, strict=True):
            np.testing.assert_array_equal(a, b, name, strict=True)
