"""Means and pools in words equal the interpreter, in C and on simulated cores."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from core_networks import check_on_core
from host_library import HostLibrary
from networks import (
    Limits,
    add_add,
    add_avg_pool,
    add_max_pool,
    append,
    lower,
    random_clamp,
    random_inputs,
    random_layer,
    random_network,
    random_zero_point,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp, i8

from tinyml.dialects.attributes import (
    RequantAttr,
    Rounding,
    TensorAttr,
    WindowAttr,
)
from tinyml.dialects.layer import integers
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.pooling import AvgPool2DOp, MaxPool2DOp, MeanOp, PoolOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.loops.sums import Line, joined, mean_sums, sum_form, sums_of


def usual_mean(
    r: random.Random, size: tuple[int, ...], axes: list[int], rounding: Rounding
) -> ModuleOp:
    """A mean with a factor such as frameworks make."""
    b = NetworkBuilder("main")
    x = b.input(size, i8, TensorAttr.get("x"))
    kept = [1 if axis in axes else n for axis, n in enumerate(size)]
    y = b.buffer(kept, i8)
    count = int(np.prod([size[axis] for axis in axes]))
    mantissa, exponent = np.frexp(r.uniform(0.5, 2) / count)
    multiplier = round(mantissa * (1 << 24)) << 7
    if multiplier == 1 << 31:
        multiplier, exponent = 1 << 30, exponent + 1
    factor = RequantAttr(multiplier, int(exponent))
    zeros = random_zero_point(r), random_zero_point(r)
    append(b, MeanOp(x, y, axes, factor, zeros, rounding))
    return b.finish([(y, TensorAttr.get("y"))])


def usual_pool(
    layer: type[PoolOp],
    clamp: tuple[int, int],
    size: tuple[int, ...],
    kernel: int,
    stride: int,
    pad: int = 0,
) -> ModuleOp:
    b = NetworkBuilder("main")
    x = b.input(size, i8, TensorAttr.get("x"))
    window = WindowAttr.get((kernel, kernel), (stride, stride), (1, 1), (pad,) * 4)
    batch, height, width, channels = size
    outputs = [(n + 2 * pad - kernel) // stride + 1 for n in (height, width)]
    y = b.buffer((batch, *outputs, channels), i8)
    append(b, layer(x, y, window, clamp))
    return b.finish([(y, TensorAttr.get("y"))])


def usual_modules() -> dict[str, ModuleOp]:
    r = random.Random(0)
    means = [
        ((1, 7, 7, 18), [1, 2]),
        ((1, 28, 3, 8), [1]),
        ((2, 5, 9, 7), [2]),
        ((1, 33, 8, 4), [1, 2]),
        ((1, 17, 31, 5), [1, 2]),
        ((3, 4, 5, 9), [3]),
        ((2, 49), [1]),
        ((1, 6, 1, 12), [2]),
    ]
    found = {
        f"mean_{i}_{rounding}": usual_mean(r, size, axes, rounding)
        for i, (size, axes) in enumerate(means)
        for rounding in (Rounding.DOUBLE, Rounding.SINGLE, Rounding.F32)
    }
    pools = [((1, 8, 8, 9), 8, 1), ((2, 9, 7, 4), 3, 2), ((1, 5, 5, 6), 2, 1)]
    for i, (size, kernel, stride) in enumerate(pools):
        clamp = random_clamp(r)
        found[f"pool_{i}"] = usual_pool(AvgPool2DOp, clamp, size, kernel, stride)
    return found


def max_pools() -> dict[str, ModuleOp]:
    """With and without borders, of sixteen channels, of four, and of single ones."""
    cases = [
        ((1, 8, 8, 37), 2, 2, 0),
        ((2, 9, 7, 20), 3, 1, 0),
        ((1, 5, 5, 3), 3, 2, 1),
        ((1, 6, 6, 23), 5, 1, 2),
        ((1, 6, 9, 16), 6, 1, 0),
    ]
    return {
        f"max_{i}": usual_pool(MaxPool2DOp, (-128, 127), *case)
        for i, case in enumerate(cases)
    }


def check(modules: dict[str, ModuleOp], pipeline: str, tmp_path: Path):
    lowered = {name: lower(module, pipeline) for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(3):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected = run_network(module, inputs)
            for a, b in zip(library.run(name, inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b, f"{name} {seed}", strict=True)


def test_usual_layers_have_forms(tmp_path: Path):
    modules = usual_modules()
    for name, module in modules.items():
        (layer,) = layers(network_function(module))
        assert isinstance(layer, MeanOp | AvgPool2DOp)
        sums = sums_of(layer)
        assert sums is not None, name
        assert sum_form(layer, sums.count) is not None, name
    check(modules, "@default", tmp_path)


def test_max_pools(tmp_path: Path):
    check(max_pools(), "@default", tmp_path)


@pytest.mark.parametrize("name", max_pools())
def test_max_pools_on_the_core(name: str, tmp_path: Path):
    module = max_pools()[name]
    (layer,) = layers(network_function(module))
    assert isinstance(layer, MaxPool2DOp)
    count = check_on_core(module, tmp_path)
    assert count or any(integers(layer.window.pad))


@pytest.mark.parametrize("kind", ["mean", "avg_pool", "max_pool"])
def test_layers(kind: str, tmp_path: Path):
    limits = Limits(size=9, channels=11, kernel=4)
    modules = {
        f"{kind}_{seed}": random_layer(random.Random(f"{seed} {kind}"), kind, limits)[0]
        for seed in seeds(60)
    }
    check(modules, "@default", tmp_path)


@pytest.mark.parametrize("number", range(4))
def test_on_the_core(number: int, tmp_path: Path):
    names = [*usual_modules()][number::4]
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        assert check_on_core(usual_modules()[name], folder), name


def test_networks_that_share_bytes(tmp_path: Path):
    kinds = [add_avg_pool, add_max_pool, add_add]
    modules = {
        f"net_{seed}": random_network(
            random.Random(f"sums {seed}"), 5, Limits(size=7, channels=6), kinds
        )
        for seed in seeds(30)
    }
    check(modules, "@ram", tmp_path)


def test_lines():
    assert joined([Line(3, 40), Line(4, 10), Line(1, 99)]) == (Line(12, 10),)
    assert joined([Line(3, 50), Line(4, 10)]) == (Line(3, 50), Line(4, 10))
    assert joined([Line(1, 5)]) == ()


def test_means_of_dimensions_apart():
    r = random.Random(0)
    module = usual_mean(r, (2, 3, 4, 5), [1, 3], Rounding.DOUBLE)
    (layer,) = layers(network_function(module))
    assert isinstance(layer, MeanOp)
    assert mean_sums(layer) is None
