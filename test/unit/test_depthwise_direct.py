"""Depthwise convolutions of the buffers as they are equal the interpreter."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from depthwise_layers import random_depthwise
from host_library import HostLibrary
from hypothesis import given
from hypothesis import strategies as st
from networks import STABLE, lower, random_inputs, seeds
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, Traversal
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.interp.run import run_network
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass
from tinyml.passes.loops.depthwise_direct import has_direct
from tinyml.passes.pipelines import LOWERING

PIPELINE = (
    f"tinyml-count-macs,tinyml-overlap,tinyml-plan-memory{{alignment=1}},{LOWERING}"
)


def layer_of(module: ModuleOp) -> DepthwiseConv2DOp:
    (layer,) = layers(network_function(module))
    assert isinstance(layer, DepthwiseConv2DOp)
    return layer


def random_direct(r: random.Random, *limits: int) -> ModuleOp:
    """A layer that has the kernel, in a direction or either."""
    while True:
        module = random_depthwise(r, *limits)
        if has_direct(layer_of(module)):
            break
    orders = Traversal.FORWARD, Traversal.BACKWARD, Traversal.EITHER
    kernel = KernelAttr.get(r.choice(orders), method=Method.DIRECT)
    layer_of(module).attributes[KERNEL] = kernel
    return module


@STABLE
@given(seed=st.integers(0, 1 << 32))
def test_loops(seed: int):
    r = random.Random(seed)
    module = random_direct(r, 6, 9, 5)
    inputs = random_inputs(r, module)
    (expected,) = run_network(module, inputs)
    (found,) = run_network(lower(module, ConvertLayersToLoopsPass.name), inputs)
    np.testing.assert_array_equal(found, expected, strict=True)


def test_kernels(tmp_path: Path):
    """In C, in an arena where the output lies as near to the input as it may."""
    modules = {
        f"layer_{seed}": random_direct(random.Random(seed)) for seed in seeds(60)
    }
    lowered = {name: lower(module, PIPELINE) for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(2):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            (expected,) = run_network(module, inputs)
            before = library.counted
            (found,) = library.run(name, inputs)
            np.testing.assert_array_equal(found, expected, f"{name} {seed}")
            assert library.counted - before == library.infos[name].macs
