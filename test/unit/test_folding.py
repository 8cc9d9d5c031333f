"""
Passes that fold layers change no output: random networks of what they look for, before
and after, on random and extreme inputs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    IMAGE_LAYERS,
    ONE,
    STABLE,
    AddLayer,
    Limits,
    add_add,
    add_avg_pool,
    add_concat,
    add_conv2d,
    add_depthwise,
    add_extremum,
    add_lookup,
    add_max_pool,
    add_mul,
    add_pad,
    add_prelu,
    add_resize,
    add_slice,
    append,
    lower,
    random_clamp,
    random_factor,
    random_inputs,
    random_network,
    random_zero_point,
    seeds,
)
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.constants import UI8, constant_global, global_array
from tinyml.dialects.layer import buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import ConvolutionOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.arena import live_bytes
from tinyml.passes.byte_functions import byte_function, value_range
from tinyml.passes.fold_lookups import compose
from tinyml.passes.fuse_activation import as_clamp
from tinyml.passes.live_ranges import live_ranges

SMALL = Limits(size=6, channels=4, kernel=3)
TINY = Limits(size=4, channels=2, kernel=2)


def assert_same(before: ModuleOp, after: ModuleOp, r: random.Random, count: int = 3):
    """The outputs for the same inputs are equal."""
    for _ in range(count):
        inputs = random_inputs(r, before)
        pairs = zip(run_network(before, inputs), run_network(after, inputs))
        for expected, found in pairs:
            np.testing.assert_array_equal(found, expected, strict=True)


def size(module: ModuleOp) -> int:
    """Layers and the bytes that they write."""
    found = [op.layer_output for op in layers(network_function(module))]
    return sum(1 + buffer_bytes(buffer_type(value)) for value in found)


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


def add_byte_function(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A function of one byte, of any kind; most do not do much."""
    size, limit = shape(x), r.randint(-128, 127)
    name = f"c{len(b.globals)}_table"
    signed = np.arange(-128, 128)
    match r.choice(
        ["clamp", "clamp", "table", "same", "pool", "scale", "prelu", "max"]
    ):
        case "clamp":
            low, high = sorted([limit, r.choice([-128, 0, 127])])
            table = np.clip(signed, low, high)
        case "table":
            table = np.array([r.randint(-128, 127) for _ in range(256)])
        case "same":
            table = signed
        case "pool":
            window, y = WindowAttr.get((1, 1)), b.buffer(size, i8)
            return append(b, tinyml.MaxPool2DOp(x, y, window, random_clamp(r)))
        case "scale":
            return append(b, rescaled(b, r, x))
        case "prelu":
            alpha = b.constant(name, np.full(size[-1], limit, np.int8))
            factors = [random_factor(r, 1.0), random_factor(r, 1 / 100)]
            points = [random_zero_point(r) for _ in range(3)]
            y = b.buffer(size, i8)
            op = tinyml.PReluOp(x, y, alpha, factors, points, Rounding.DOUBLE)
            return append(b, op)
        case _:
            other = b.constant_buffer(
                name, np.full(r.choice([(), (1,)]), limit, np.int8)
            )
            return append(b, tinyml.MaximumOp(x, other, b.buffer(size, i8)))
    symbol = b.constant(name, table.astype(np.int8))
    return append(b, tinyml.LookupOp(x, b.buffer(size, i8), symbol))


def rescaled(b: NetworkBuilder, r: random.Random, x: SSAValue) -> tinyml.RequantizeOp:
    """A change of scale, maybe to unsigned bytes and back."""
    type, factor = r.choice([i8, i8, UI8]), r.choice([ONE, random_factor(r, 1.0)])
    points = [random_zero_point(r), random_zero_point(r, type)]
    y = b.buffer(shape(x), type)
    op = tinyml.RequantizeOp(x, y, factor, points, Rounding.EVEN)
    if type == i8:
        return op
    append(b, op)
    back, points = b.buffer(shape(x), i8), points[::-1]
    return tinyml.RequantizeOp(y, back, factor, points, Rounding.SINGLE)


def add_sparse(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A convolution of which some filters, or all weights of some channels, are zero."""
    y = r.choice([add_conv2d, add_conv2d, add_depthwise])(b, r, x, limits)
    op = next(op for op in b.block.ops if y in op.operands)
    assert isinstance(op, ConvolutionOp)
    name = op.weights.string_value()
    (number,) = (i for i, g in enumerate(b.globals) if g.sym_name.data == name)
    weights = global_array(b.globals[number]).copy()
    for axis in (0, -1):
        zero = [i for i in range(weights.shape[axis]) if r.random() < 0.4]
        if isinstance(op, tinyml.Conv2DOp) or axis == -1:
            np.moveaxis(weights, axis, 0)[zero] = 0
    b.globals[number] = constant_global(name, weights)
    return y


def add_channelwise(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A layer that keeps channels apart, some by moving them elsewhere."""
    kinds = [add_max_pool, add_avg_pool, add_pad, add_resize, add_slice, add_concat]
    kinds += [add_lookup, add_prelu, add_mul, add_add, add_extremum, add_turned]
    return r.choice(kinds)(b, r, x, limits)


def add_turned(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    batch, height, width, depth = shape(x)
    y = b.buffer([batch, width, height, depth], i8)
    return append(b, tinyml.TransposeOp(x, y, [0, 2, 1, 3]))


KINDS: dict[str, Sequence[AddLayer]] = {
    "tinyml-fold-dead-channels": [*[add_sparse] * 3, add_channelwise],
    "tinyml-fold-lookups": [*IMAGE_LAYERS, *[add_byte_function] * 20],
    "tinyml-fuse-activation": [*IMAGE_LAYERS, *[add_byte_function] * 20],
    "tinyml-fold-pad": [*IMAGE_LAYERS, *[add_padded] * 12],
    "tinyml-fold-reshape": [*IMAGE_LAYERS, *[add_moved] * 12],
}
"""The layers that the networks for a pass are made of."""


@pytest.mark.parametrize("name", KINDS)
@settings(STABLE, max_examples=30)
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
    modules = [
        random_network(random.Random(seed), 6, SMALL, KINDS[name]) for seed in seeds(20)
    ]
    assert sum(size(lower(m, name)) < size(m) for m in modules) >= 5


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", seeds(3))
def test_folded_networks_compile(name: str, seed: int):
    module = random_network(random.Random(seed), 5, TINY, KINDS[name])
    lowered = lower(lower(module, name), "@reference")
    assert_same(module, lowered, random.Random(seed), 1)


# Functions of one byte


@pytest.mark.parametrize(
    "values, results, expected",
    [
        ([-2, -1, 0, 1], [-2, -1, 0, 1], (-2, 1)),
        ([-2, -1, 0, 1], [-1, -1, 0, 0], (-1, 0)),
        ([-2, -1, 0, 1], [-5, -5, -5, -5], (-5, -5)),
        ([-2, -1, 0, 1], [3, 3, 3, 3], (3, 3)),
        ([-2, -1, 0, 1], [-1, -1, -1, 0], None),
        ([-2, -1, 0, 1], [1, 0, -1, -2], None),
        ([-2, -1, 0, 1], [-3, -1, 0, 1], None),
    ],
)
def test_as_clamp(
    values: list[int], results: list[int], expected: tuple[int, int] | None
):
    assert as_clamp(np.array(values), np.array(results)) == expected


def test_compose():
    signed, unsigned = np.arange(-128, 128), np.arange(256)
    negative, back = (-1 - signed).astype(np.int8), (unsigned - 128).astype(np.int8)
    assert np.array_equal(compose(negative, negative, -128), signed)
    assert np.array_equal(compose(unsigned.astype(np.uint8), back, 0), signed)


@settings(STABLE, max_examples=100)
@given(st.randoms(use_true_random=False))
def test_byte_functions_are_what_layers_do(r: random.Random):
    """A table has what the layer makes of its input, and the range its values are in."""
    b = NetworkBuilder("main")
    x = b.input([1, 8, 16, 2], i8, TensorAttr.get("x"))
    y = add_byte_function(b, r, x, SMALL)
    module = b.finish([(y, TensorAttr.get("y"))])
    (x,), layer = b.block.args[:1], layers(network_function(module))[-1]
    bytes = np.arange(-128, 128).astype(np.int8).reshape(1, 8, 16, 2)
    (found,) = run_network(module, [bytes])
    low, high = value_range(layer.layer_output)
    assert low <= found.min() <= found.max() <= high
    function = byte_function(layer)
    assert function is not None
    if function.input is x:
        assert np.array_equal(function.table, found.reshape(-1))


def test_what_is_no_byte_function():
    b = NetworkBuilder("main")
    x = b.input([1, 2, 2, 2], i8, TensorAttr.get("x"))
    alpha = b.constant("alpha", np.array([1, 2], np.int8))
    pair = b.constant_buffer("pair", np.array([1, 2], np.int8))
    y, z = b.buffer([1, 2, 2, 2], i8), b.buffer([1, 2, 2, 2], i8)
    prelu = tinyml.PReluOp(x, y, alpha, [ONE, ONE], [0, 0, 0], Rounding.EVEN)
    append(b, prelu)
    append(b, extremum := tinyml.MaximumOp(y, pair, z))
    pool = tinyml.MaxPool2DOp(z, y, WindowAttr.get((1, 2), pad=(0, 0, 0, 1)), (0, 1))
    append(b, both := tinyml.MaximumOp(y, z, b.buffer([1, 2, 2, 2], i8)))
    b.finish([(both.output, TensorAttr.get("y"))])
    assert [byte_function(op) for op in (prelu, extremum, pool, both)] == [None] * 4
