"""
Convolutions by Winograd's minimal filtering: transforms and packed weights by hand, then
kernels that equal the interpreter in loops, in C, in shared memory and on cores.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from core_networks import check_on_core
from depthwise_layers import random_requant
from host_library import HostLibrary
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    STABLE,
    AddLayer,
    Limits,
    add_add,
    add_conv2d,
    add_max_pool,
    append,
    lower,
    random_bytes,
    random_inputs,
    random_network,
    random_weighted,
    seeds,
)
from test_overlap import cases_of, failures
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, Traversal
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import Conv2DOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass
from tinyml.passes.loops.high_products import high_factors
from tinyml.passes.loops.winograd_plan import WinogradPlan, has_winograd
from tinyml.passes.pipelines import LOWERING
from tinyml.passes.winograd_packing import (
    DATA,
    FILTER,
    MOST_WORDS,
    RESULT,
    ROWS,
    SCALE,
    Turns,
    fits,
    transformed,
    winograd_stream,
)

PIPELINE = f"tinyml-overlap,tinyml-plan-memory{{alignment=1}},{LOWERING}"


# Transforms


def filtered(tiles: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Outputs [2, 2, outputs] of tiles [4, 4, inputs] by filters [outputs, 3, 3, ...]."""
    wide = tiles.astype(np.int64), filters.astype(np.int64)
    windows = [[wide[0][y : y + 3, x : x + 3] for x in range(2)] for y in range(2)]
    return np.einsum("abyxc,oyxc->abo", np.array(windows), wide[1])


@pytest.mark.parametrize("seed", range(20))
def test_transforms(seed: int):
    r = random.Random(seed)
    tile, filters = random_bytes(r, (4, 4, 5), i8), random_bytes(r, (3, 3, 3, 5), i8)
    data = np.einsum("iy,jx,yxc->ijc", DATA, DATA, tile.astype(np.int64))
    sums = np.einsum("ijc,ijoc->ijo", data, transformed(filters))
    results = np.einsum("yi,xj,ijo->yxo", RESULT, RESULT, sums)
    np.testing.assert_array_equal(results, SCALE * filtered(tile, filters))


def extremes(rows: np.ndarray) -> tuple[int, int]:
    """Of what a transform makes of bytes: each place is a sum of them with signs."""
    places = np.einsum("iy,jx->ijyx", rows, rows).reshape(len(rows) ** 2, -1)
    ends = np.stack([places * -128, places * 127])
    return int(ends.min(0).sum(1).min()), int(ends.max(0).sum(1).max())


def test_ranges():
    """Both factors of a product fit into 16 bits."""
    assert extremes(DATA) == (-512, 510)
    low, high = extremes(FILTER)
    assert -(1 << 15) <= low
    assert high < 1 << 15
    assert (low, high) == (-1152, 1147)


def words_of(quads: np.ndarray) -> np.ndarray:
    """Bytes or halves [..., 4 n] as pairs [..., 2 n, 2] in the order of words."""
    four = quads.reshape(*quads.shape[:-1], -1, 2, 2)
    pairs = np.moveaxis(four, -1, -2)
    return pairs.reshape(*quads.shape[:-1], -1, 2)


@pytest.mark.parametrize("inputs", [1, 3, 4, 16, 22, 37, 70])
def test_stream(inputs: int):
    """Products with words of the stream, modulo 2^32, give what the kernel needs."""
    r = random.Random(inputs)
    outputs, factors = 6, np.array([[c, -c] for c in range(6)], np.int32)
    filters = random_bytes(r, (outputs, 3, 3, inputs), i8)
    start = np.array([r.randint(-(1 << 30), 1 << 30) for _ in range(outputs)])
    made = winograd_stream(filters, start, factors)
    turns = made.turns
    assert turns.words <= MOST_WORDS
    tile = random_bytes(r, (4, 4, inputs), i8)
    data = np.einsum("iy,jx,yxc->ijc", DATA, DATA, tile.astype(np.int64))
    data = np.pad(data, ((0, 0), (0, 0), (0, turns.channels - inputs)))
    pairs = words_of(data).reshape(4, 4, turns.count, turns.words, 2)
    expected = filtered(tile, filters)
    for o in range(outputs):
        group, c = divmod(o, 4)
        words = made.words[group]
        sums = np.zeros((4, 4), np.int64)
        for column in range(4):
            for number, row in enumerate(ROWS):
                for turn in range(turns.count):
                    for word in range(turns.words):
                        w = int(words[made.weight_at(column, number, turn, word) + c])
                        low, high = (w & 0xFFFF ^ 0x8000) - 0x8000, w >> 16
                        x = pairs[row, column, turn, word]
                        sums[row, column] += int(x[0]) * low + int(x[1]) * high
        sums[3] *= -1
        results = RESULT @ sums @ RESULT.T
        np.testing.assert_array_equal(results, SCALE * expected[:, :, o])
        at = made.start_at(c)
        assert words[at : at + 3].tolist() == [start[o], o, -o]


def test_turns():
    assert Turns.of(3) == Turns(2, 1)
    assert Turns.of(16) == Turns(8, 1)
    assert Turns.of(32) == Turns(16, 1)
    assert Turns.of(64) == Turns(16, 2)
    assert Turns.of(48) == Turns(12, 2)
    for channels in range(1, 200):
        turns = Turns.of(channels)
        assert turns.channels >= channels
        assert turns.channels - channels < 4 * turns.count


def test_fits():
    """Sums of the worst weights fit up to a number of channels."""
    assert fits(np.full((2, 9 * 3640), -128, np.int8))
    assert not fits(np.full((2, 9 * 3641), -128, np.int8))
    assert fits(np.full((2, 9 * 3641), 127, np.int8))


# Layers


def add_winograd(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A 3x3 convolution of stride 1, with any padding, mostly of usual factors."""
    batch, rows, columns, depth = shape(x)
    pads = [r.choice([0, 1, 1, 1, 2]) for _ in range(4)]
    if rows + sum(pads[:2]) < 4:
        pads[:2] = 2, 2
    if columns + sum(pads[2:]) < 4:
        pads[2:] = 2, 2
    size = rows + sum(pads[:2]) - 2, columns + sum(pads[2:]) - 2
    channels = r.randint(1, limits.channels)
    c = random_weighted(b, r, (channels, 3, 3, depth), channels)
    requant, rounding = c.requant, c.rounding
    if r.random() < 0.7:
        table = random_requant(r, channels, 9 * depth)
        requant = b.constant(f"c{len(b.globals)}_requant", table)
        rounding = Rounding.DOUBLE
    window = WindowAttr.get((3, 3), (1, 1), (1, 1), (pads[0], pads[1], *pads[2:]))
    y = b.buffer((batch, *size, channels), i8)
    quantization = c.zero_points, c.clamp, rounding
    op = Conv2DOp(x, y, c.weights, c.bias, requant, window, *quantization)
    return append(b, op)


def random_winograd(r: random.Random, size: int = 9, channels: int = 21) -> ModuleOp:
    """A network of one such layer."""
    b = NetworkBuilder("main")
    shape = [r.choice([1, 1, 2]), r.randint(1, size), r.randint(1, size)]
    x = b.input([*shape, r.randint(1, channels)], i8, TensorAttr.get("x", 1.0, 0))
    y = add_winograd(b, r, x, Limits(channels=channels))
    module = b.finish([(y, TensorAttr.get("y", 1.0, 0))])
    module.verify()
    return module


def winograd(module: ModuleOp) -> ModuleOp:
    """The network with this kernel wherever there is one."""
    module = module.clone()
    for layer in layers(network_function(module)):
        if has_winograd(layer):
            kernel = KernelAttr.get(Traversal.EITHER, method=Method.WINOGRAD)
            layer.attributes[KERNEL] = kernel
    return module


def layer_of(module: ModuleOp) -> Conv2DOp:
    (layer,) = layers(network_function(module))
    assert isinstance(layer, Conv2DOp)
    assert has_winograd(layer)
    return layer


def check(modules: dict[str, ModuleOp], tmp_path: Path, sets: int = 3) -> None:
    pipeline = f"tinyml-select-kernels{{words=all}},{PIPELINE}"
    lowered = {name: lower(winograd(m), pipeline) for name, m in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(sets):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected = run_network(module, inputs)
            for a, b in zip(library.run(name, inputs), expected, strict=True):
                np.testing.assert_array_equal(a, b, f"{name} {seed}", strict=True)


@settings(STABLE, max_examples=12)
@given(r=st.randoms(use_true_random=False))
def test_loops(r: random.Random):
    module = random_winograd(r, 5, 6)
    layer_of(module)
    inputs = random_inputs(r, module)
    (expected,) = run_network(module, inputs)
    lowered = lower(winograd(module), ConvertLayersToLoopsPass.name)
    (found,) = run_network(lowered, inputs)
    np.testing.assert_array_equal(found, expected, strict=True)


def test_kernels(tmp_path: Path):
    """In C, in an arena that the output may share with the input."""
    modules = {f"layer_{s}": random_winograd(random.Random(s)) for s in seeds(16)}
    ops = [layer_of(module) for module in modules.values()]
    assert {WinogradPlan.of(op).tiles for op in ops} == {1, 2}
    assert sum(high_factors(op) is not None for op in ops) > 8
    check(modules, tmp_path)


def test_turns_of_channels(tmp_path: Path):
    """More channels than a turn takes, all numbers extreme."""
    modules = {
        f"layer_{depth}": random_winograd(random.Random(depth), 4, depth)
        for depth in (36, 52, 70)
    }
    assert any(WinogradPlan.of(layer_of(m)).turns.count > 1 for m in modules.values())
    check(modules, tmp_path)


def test_networks(tmp_path: Path):
    kinds: list[AddLayer] = [add_winograd, add_winograd, add_conv2d]
    kinds += [add_max_pool, add_add]
    limits = Limits(size=8, channels=6)
    modules = {
        f"net_{seed}": random_network(random.Random(seed), 6, limits, kinds)
        for seed in seeds(8)
    }
    check(modules, tmp_path)


def test_one_element_nearer_fails(tmp_path: Path):
    """An output comes as near to its input as is right, and no nearer."""
    cases = {
        f"layer_{seed}_{number}": (case, module)
        for seed in seeds(6)
        for module in [random_winograd(random.Random(seed), 6, 4)]
        for number, case in enumerate(
            cases_of("winograd", module, layer_of(module), Method.WINOGRAD)
        )
    }
    seen = failures(cases, tmp_path)["winograd"]
    assert sum(seen) >= 0.5 * len(seen) > 2


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("channels", [7, 40])
def test_on_a_core(target: str, channels: int, tmp_path: Path):
    """Copies, transforms and products are functions of instructions."""
    r = random.Random(channels)
    while True:
        module = random_winograd(r, 7, channels)
        if high_factors(layer_of(module)) is not None:
            break
    assert check_on_core(winograd(module), tmp_path, target) >= 4


# Where there is no such kernel


@pytest.mark.parametrize(
    "size, kernel, strides, dilations",
    [
        ((9, 9), (3, 3), (2, 1), (1, 1)),
        ((9, 9), (3, 3), (1, 1), (1, 2)),
        ((9, 9), (3, 1), (1, 1), (1, 1)),
        ((9, 9), (5, 5), (1, 1), (1, 1)),
        ((3, 9), (3, 3), (1, 1), (1, 1)),
        ((9, 3), (3, 3), (1, 1), (1, 1)),
    ],
)
def test_other_windows(
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
):
    b = NetworkBuilder("main")
    x = b.input([1, *size, 2], i8, TensorAttr.get("x", 1.0, 0))
    window = WindowAttr.get(kernel, strides, dilations, (0, 0, 0, 0))
    rows, columns = (
        axis.output_size(n) for axis, n in zip(window.axes, size, strict=True)
    )
    c = random_weighted(b, random.Random(0), (4, *kernel, 2), 4)
    quantization = c.zero_points, c.clamp, c.rounding
    y = b.buffer((1, rows, columns, 4), i8)
    op = Conv2DOp(x, y, c.weights, c.bias, c.requant, window, *quantization)
    append(b, op)
    b.finish([(y, TensorAttr.get("y", 1.0, 0))]).verify()
    assert not has_winograd(op)


# What is spent on it


def test_flash_is_spent(tmp_path: Path):
    """What a budget leaves, and nothing without one or for less code."""
    b = NetworkBuilder("main")
    x = b.input([1, 12, 12, 8], i8, TensorAttr.get("x", 1.0, 0))
    y = add_winograd(b, random.Random(5), x, Limits(channels=8))
    module = b.finish([(y, TensorAttr.get("y", 1.0, 0))])
    assert high_factors(layer_of(module)) is not None
    model = tmp_path / "net.mlir"
    model.write_text(str(module))

    def compiled(flash: int | None, objective: str = "cycles") -> tuple[int, bool]:
        options = CompileOptions(flash=flash, objective=objective)
        found = compile_model(model, options)
        size = found.report["flash"]["total"]
        return size, "SSUB16" in found.files["net.c"]

    plain, spent = compiled(None)
    assert not spent
    assert compiled(plain) == (plain, False)
    assert compiled(1 << 20, "size")[1] is False
    most, spent = compiled(1 << 20)
    assert spent
    assert plain < most <= 1 << 20
    assert compiled(most) == (most, True)
    assert compiled(most - 1) == (plain, False)
