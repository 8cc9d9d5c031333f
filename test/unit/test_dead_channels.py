"""Known channels, groups of buffers and biases, with numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from networks import lower
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.interp.tinyml import constant, constant_array
from tinyml.passes.channel_links import Link, channel_groups, link
from tinyml.passes.dead_channels import plan_channels
from tinyml.passes.known_channels import known_channels

ONE = [1 << 30, 1]
FULL = (-128, 127)


class Net(NetworkBuilder):
    """Layers with the factor one; each method appends one and returns its output."""

    def __init__(self) -> None:
        super().__init__("main")

    def image(self, *size: int) -> SSAValue:
        return self.input(size, i8, TensorAttr.get("x"))

    def add(self, op: LayerOp) -> SSAValue:
        self.layer(op, f"layer {len(list(self.block.ops))}")
        return op.layer_output

    def conv(
        self,
        x: SSAValue,
        weights: Sequence[Sequence[int]],
        bias: Sequence[int],
        zero_points: Sequence[int] = (0, 0),
    ) -> SSAValue:
        """A 1x1 convolution; weights [outputs, inputs]."""
        y = self.buffer([*shape(x)[:3], len(weights)], i8)
        filter = np.array(weights, np.int8)[:, None, None]
        names = self.constants(filter, bias)
        window = WindowAttr.get((1, 1))
        return self.add(
            tinyml.Conv2DOp(x, y, *names, window, zero_points, FULL, Rounding.EVEN)
        )

    def row(
        self,
        x: SSAValue,
        weights: Sequence[Sequence[int]],
        bias: Sequence[int],
        zero_points: Sequence[int] = (0, 0),
        clamp: Sequence[int] = FULL,
    ) -> SSAValue:
        """A depthwise convolution of [taps, channels], padded to keep the width."""
        taps, channels = len(weights), len(weights[0])
        pad = (0, 0, taps // 2, taps // 2)
        y = self.buffer([*shape(x)[:3], channels], i8)
        names = self.constants(np.array(weights, np.int8)[None], bias)
        window = WindowAttr.get((1, taps), pad=pad)
        op = tinyml.DepthwiseConv2DOp
        return self.add(op(x, y, *names, window, zero_points, clamp, Rounding.EVEN))

    def dense(
        self, x: SSAValue, weights: Sequence[Sequence[int]], bias: Sequence[int]
    ) -> SSAValue:
        y = self.buffer([1, len(weights)], i8)
        names = self.constants(np.array(weights, np.int8), bias)
        op = tinyml.FullyConnectedOp(x, y, *names, (0, 0), FULL, Rounding.EVEN)
        return self.add(op)

    def constants(
        self, weights: np.ndarray, bias: Sequence[int]
    ) -> tuple[str, str, str]:
        name = f"c{len(self.globals)}"
        return (
            self.constant(f"{name}_weights", weights),
            self.constant(f"{name}_bias", np.array(bias, np.int32)),
            self.constant(f"{name}_requant", np.array([ONE] * len(bias), np.int32)),
        )

    def done(self, *outputs: SSAValue) -> ModuleOp:
        return self.finish([(y, TensorAttr.get("y")) for y in outputs])


def folded(module: ModuleOp) -> ModuleOp:
    """The module without dead channels, which computes the same."""
    after = lower(module, "tinyml-fold-dead-channels")
    generator = np.random.default_rng(0)
    (x, *_) = network_function(module).body.block.args
    for _ in range(4):
        image = generator.integers(-128, 128, shape(x), np.int8)
        before = run_network(module, [image])
        for a, b in zip(before, run_network(after, [image]), strict=True):
            assert np.array_equal(a, b)
    return after


def depths(module: ModuleOp) -> list[int]:
    """The channels that each layer writes."""
    ops = layers(network_function(module))
    return [shape(op.layer_output)[-1] for op in ops]


def border_network(net: Net, clamp: tuple[int, int]) -> SSAValue:
    """
    A channel that is 5 everywhere, then 5 * (taps inside): 10, 15, 15, 10, and one
    that is not known.
    """
    a = net.conv(net.image(1, 1, 4, 1), [[1], [0]], [0, 5])
    return net.row(a, [[1, 1], [1, 1], [1, 1]], [0, 0], clamp=clamp)


def test_known_values():
    net = Net()
    b = border_network(net, FULL)
    y = net.conv(b, [[0, 2], [1, 0]], [1, 0])
    function = network_function(net.done(y))
    first, second, third = [op.layer_output for op in layers(function)]
    known = known_channels(function)
    assert known[first].mask.tolist() == [False, True]
    assert known[first].values[0, 0, :, 1].tolist() == [5] * 4
    assert known[second].values[0, 0, :, 1].tolist() == [10, 15, 15, 10]
    # A sum of known channels only is known.
    assert known[third].mask.tolist() == [True, False]
    assert known[third].values[0, 0, :, 0].tolist() == [21, 31, 31, 21]


def test_what_varies_at_the_border_stays():
    net = Net()
    y = net.conv(border_network(net, FULL), [[3, 2]], [1])
    assert depths(folded(net.done(y))) == [2, 2, 1]


def test_what_the_clamp_makes_equal_goes():
    """10, 15, 15, 10 are all 9 at most; 1 + 2 * 9 is the new bias."""
    net = Net()
    y = net.conv(border_network(net, (-128, 9)), [[3, 2]], [1])
    after = folded(net.done(y))
    assert depths(after) == [1, 1, 1]
    last = layers(network_function(after))[-1]
    assert isinstance(last, tinyml.Conv2DOp)
    assert constant(last, "bias") == [19]
    assert constant(last, "weights") == [[[[3]]]]


def test_one_position_takes_anything():
    """10 + 2 * 15 + 3 * 15 + 4 * 10 at the only output."""
    net = Net()
    y = net.dense(border_network(net, FULL), [[9, 1, 8, 2, 7, 3, 6, 4]], [0])
    after = folded(net.done(y))
    assert depths(after) == [1, 1, 1]
    last = layers(network_function(after))[-1]
    assert isinstance(last, tinyml.FullyConnectedOp)
    assert constant(last, "bias") == [125]
    assert np.array_equal(constant_array(last, last.weights), [[9, 8, 7, 6]])


def test_padding_with_what_the_channel_holds():
    """With zero point 5 taps of padding are as those inside."""
    net = Net()
    a = net.conv(net.image(1, 1, 4, 1), [[1], [0]], [0, 5])
    b = net.row(a, [[1, 1], [1, 1], [1, 1]], [0, 4], zero_points=(5, 0))
    after = folded(net.done(net.conv(b, [[3, 2]], [1])))
    assert depths(after) == [1, 1, 1]


def test_channels_that_nobody_weighs():
    """Backwards, through two layers; the last channel of all stays."""
    net = Net()
    a = net.conv(net.image(1, 1, 4, 1), [[1], [2], [3]], [0, 5, 6])
    b = net.conv(a, [[1, 0, 1], [0, 1, 1]], [0, 0])
    after = folded(net.done(net.conv(b, [[2, 0]], [0])))
    assert depths(after) == [2, 1, 1]
    net = Net()
    a = net.conv(net.image(1, 1, 4, 1), [[1], [2]], [0, 5])
    after = folded(net.done(net.conv(a, [[0, 0]], [7])))
    assert depths(after) == [1, 1]


@pytest.mark.parametrize("joined", [False, True])
def test_sums_lose_channels_together(joined: bool):
    """Channel 1 of both sides is weighed by nobody but, if joined, by one layer."""
    net = Net()
    x = net.image(1, 1, 4, 1)
    a = net.conv(x, [[1], [2]], [0, 5])
    b = net.conv(x, [[3], [4]], [0, 5])
    c = net.add(tinyml.MaximumOp(a, b, net.buffer(shape(a), i8)))
    ends = [net.conv(c, [[2, 0]], [0])]
    if joined:
        ends.append(net.conv(b, [[2, 1]], [0]))
    module = net.done(*ends)
    groups = channel_groups(network_function(module))
    assert [len(group) for group in groups] == [3]
    assert depths(folded(module))[:3] == ([2, 2, 2] if joined else [1, 1, 1])


def test_biases_do_not_overflow():
    net = Net()
    a = net.conv(net.image(1, 1, 4, 1), [[1], [0]], [0, 5])
    y = net.conv(a, [[3, 1], [0, 0]], [(1 << 31) - 5, 0])
    z = net.conv(a, [[3, 1], [0, 0]], [(1 << 31) - 6, 0])
    plan = plan_channels(network_function(net.done(y, z)))
    assert not plan.kept
    net = Net()
    a = net.conv(net.image(1, 1, 4, 1), [[1], [0]], [0, 5])
    z = net.conv(a, [[3, 1], [0, 0]], [(1 << 31) - 6, 0])
    (bias,) = plan_channels(network_function(net.done(z))).biases.values()
    assert bias.tolist() == [(1 << 31) - 1, 0]


def test_links():
    net = Net()
    x = net.image(1, 2, 2, 2)
    a = net.conv(x, [[1, 0], [2, 0]], [0, 0])
    b = net.row(a, [[1, 1]], [0, 0])
    wide = net.row(b, [[1, 1, 1, 1]], [0] * 4)
    half = net.buffer([1, 2, 2, 1], i8)
    part = net.add(tinyml.SliceOp(b, half, [0, 0, 0, 1], [1, 1, 1, 1]))
    sum = net.add(tinyml.MaximumOp(b, part, net.buffer([1, 2, 2, 2], i8)))
    back = net.buffer([1, 2, 2, 2], i8)
    turned = net.add(tinyml.SliceOp(sum, back, [0, 0, 0, 1], [1, 1, 1, -1]))
    both = net.buffer([1, 2, 2, 4], i8)
    joined = net.add(tinyml.ConcatOp([sum, turned], both, 3))
    stacked = net.add(tinyml.ConcatOp([joined, wide], net.buffer([1, 2, 4, 4], i8), 2))
    y = net.dense(stacked, [[1] * 32], [0])
    function = network_function(net.done(y))
    each, made, other = Link.EACH, Link.MADE, Link.OTHER
    assert [
        [link(op, i) for i in range(len(op.operands))] for op in layers(function)
    ] == [
        [Link.SUM, made],
        [each, each],
        [other, other],
        [other, other],
        [each, other, each],
        [other, other],
        [other, other, other],
        [each, each, each],
        [Link.SUM, made],
    ]
