"""
Depthwise convolutions on planar rows: products, plans, and kernels that equal the
interpreter.
"""

from __future__ import annotations

import random
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest
from depthwise_layers import random_depthwise
from host_library import HostLibrary
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE, lower, random_inputs, seeds
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, Traversal
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.interp.run import run_network
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass
from tinyml.passes.loops import depthwise_plan
from tinyml.passes.loops.depthwise_plan import LANES, PlanarPlan
from tinyml.passes.loops.depthwise_planar import has_planar
from tinyml.passes.loops.depthwise_taps import row_products
from tinyml.passes.pipelines import LOWERING

PLAN = "tinyml-overlap,tinyml-plan-memory{alignment=1}"


@pytest.mark.parametrize("taps", range(1, 12))
@pytest.mark.parametrize("stride", range(1, 4))
@pytest.mark.parametrize("dilation", range(1, 4))
def test_products(taps: int, stride: int, dilation: int):
    rng = np.random.default_rng(taps)
    for outputs, of in product(range(1, 5), (2, 4)):
        found = row_products(taps, stride, dilation, outputs, of)
        x = rng.integers(-128, 128, 64)
        w = rng.integers(-128, 128, taps)
        sums = [0] * outputs
        for each in found.products:
            pair = x[2 * each.word : 2 * each.word + 2]
            low, high = found.weights[each.weight]
            weights = [w[low], 0 if high is None else w[high]]
            for a, b in [(0, 0), (1, 1)] if each.halves is None else [each.halves]:
                sums[each.output] += pair[a] * weights[b]
        for u, total in enumerate(sums):
            assert total == sum(
                x[u * stride + k * dilation] * w[k] for k in range(taps)
            )


def test_weights_of_a_row():
    """Pairs for windows at even and odd places; a tap alone takes half of a pair."""
    assert row_products(3, 1, 1, 4, 4).weights == ((0, 1), (1, 2))
    assert row_products(3, 2, 1, 4, 4).weights == ((0, 1), (2, None))
    assert row_products(3, 1, 2, 4, 4).weights == ((0, 1), (2, None))
    assert len(row_products(7, 1, 1, 4, 4).products) == 16


def random_planar(r: random.Random, *limits: int) -> ModuleOp:
    """A layer that has the kernel."""
    while True:
        module = random_depthwise(r, *limits)
        if has_planar(next(iter(layers(network_function(module))))):
            return module


def planar(module: ModuleOp) -> ModuleOp:
    """The network with the kernel on planar rows."""
    module = module.clone()
    (layer,) = layers(network_function(module))
    layer.attributes[KERNEL] = KernelAttr.get(Traversal.CHANNELS, LANES, Method.PLANAR)
    return module


@settings(STABLE, max_examples=60)
@given(seed=st.integers(0, 1 << 32), enough=st.sampled_from([0, 2048]))
def test_loops(seed: int, enough: int):
    r = random.Random(seed)
    module = random_planar(r, 7, 6, 5)
    inputs = random_inputs(r, module)
    (expected,) = run_network(module, inputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depthwise_plan, "ENOUGH", enough)
        lowered = lower(planar(module), ConvertLayersToLoopsPass.name)
    (found,) = run_network(lowered, inputs)
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("enough", [0, 2048])
def test_kernels(enough: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In C, in an arena where the output takes the input's place if it may."""
    monkeypatch.setattr(depthwise_plan, "ENOUGH", enough)
    modules: dict[str, ModuleOp] = {}
    most: dict[str, int] = {}
    parts: list[bool] = []
    for seed in seeds(50):
        module, name = random_planar(random.Random(seed)), f"layer_{seed}"
        (layer,) = layers(network_function(module))
        assert isinstance(layer, DepthwiseConv2DOp)
        plan = PlanarPlan.of(layer)
        parts.append(not plan.is_whole)
        sizes = prod(shape(layer.input)), prod(shape(layer.output))
        most[name] = plan.scratch + 3
        most[name] += max(sizes) if plan.fits_in_place else sum(sizes)
        modules[name] = module
    assert sum(parts) > 10 or enough
    pipeline = f"{PLAN},{LOWERING}"
    lowered = {name: lower(planar(m), pipeline) for name, m in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        assert library.infos[name].arena_bytes <= most[name]
        for seed in range(2):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            (expected,) = run_network(module, inputs)
            (found,) = library.run(name, inputs)
            np.testing.assert_array_equal(found, expected, f"{name} {seed}")
