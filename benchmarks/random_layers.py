"""Networks of random layers that have nothing to do with one another."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr, WindowAttr
from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, Traversal, kernel_of
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import NetworkBuilder
from tinyml.passes.loops.depthwise_plan import PlanarPlan
from tinyml.passes.loops.winograd_plan import has_winograd

TOGETHER = 12
"""Layers of a network."""


def random_network(family: str, seed: int) -> ModuleOp:
    """A network of layers of a family."""
    network, (_, adders) = RandomLayers(seed), FAMILIES[family]
    for number in range(TOGETHER):
        adders[(seed * TOGETHER + number) % len(adders)](network)
    module = network.finish()
    for layer in layers(network_function(module)):
        winograd = kernel_of(layer).method is Method.WINOGRAD
        if winograd and not has_winograd(layer):
            dot = KernelAttr.get(Traversal.EITHER, method=Method.DOT)
            layer.attributes[KERNEL] = dot
    return module


class RandomLayers:
    """Appends layers to a network, each with inputs of its own."""

    def __init__(self, seed: int):
        self.r = random.Random(seed)
        self.b = NetworkBuilder("main")
        self.outputs: list[SSAValue] = []
        self.chosen: Rounding | None = None

    def finish(self) -> ModuleOp:
        ports = [
            (value, TensorAttr.get(f"output {i}", 0.5, 0))
            for i, value in enumerate(self.outputs)
        ]
        return self.b.finish(ports)

    def add(self, op: LayerOp, kernel: KernelAttr | None = None) -> None:
        self.b.layer(op, f"layer {len(self.outputs)}")
        if kernel is not None:
            op.attributes[KERNEL] = kernel
        self.outputs.append(op.layer_output)

    def input(self, *size: int) -> SSAValue:
        label = f"input {len(self.b.inputs)}"
        return self.b.input(size, i8, TensorAttr.get(label, 0.5, 0))

    def buffer(self, *size: int) -> SSAValue:
        return self.b.buffer(size, i8)

    def array(self, array: np.ndarray) -> str:
        return self.b.constant(f"c{len(self.b.globals)}", array)

    def size(self, most: int) -> int:
        """Small ones are as likely as twice as large ones."""
        return round(2 ** self.r.uniform(0, np.log2(most)))

    def channels(self, most: int = 96) -> int:
        r = self.r
        found = self.size(most)
        return max(4, found // 4 * 4) if r.random() < 0.7 else found

    def image(self, depth: int, kernel: int, most: int = 24000) -> tuple[int, int]:
        """Rows and columns of an image of so many channels."""
        side = int(sqrt(most / depth))
        rows, columns = (
            max(kernel, 2, min(40, self.r.randint(1, max(1, side)))) for _ in range(2)
        )
        return rows, columns

    def factor(self, gain: float) -> RequantAttr:
        shift = round(np.log2(gain)) + self.r.randint(-1, 1)
        return RequantAttr(self.r.randint(1 << 30, (1 << 31) - 1), shift)

    def weighted(
        self, weights: Sequence[int], channels: int, rounding: Rounding
    ) -> dict[str, Any]:
        """The constants of a layer, and its numbers."""
        r = self.r
        generator = np.random.default_rng(r.getrandbits(32))
        terms = prod(weights) // channels
        gains = [self.factor(1 / (sqrt(terms) * 80)) for _ in range(channels)]
        pairs = [(g.multiplier.data, min(-2, g.shift.data)) for g in gains]
        bias = generator.integers(-5000, 5000, channels, np.int32)
        zero_point = r.choice([-128, r.randint(-128, 127)])
        factors = np.array(pairs, np.int32)
        return {
            "weights": self.array(generator.integers(-127, 128, weights, np.int8)),
            "bias": self.array(bias),
            "requant": self.array(factors),
            "zero_points": (r.randint(-128, 127), zero_point),
            "clamp": (-128, 127),
            "rounding": rounding,
        }

    def portable(self, add: AddLayer) -> None:
        """A layer that is not requantized by high products."""
        self.chosen = Rounding.SINGLE
        add(self)
        self.chosen = None

    def rounding(self) -> Rounding:
        if self.chosen is not None:
            return self.chosen
        return self.r.choice([Rounding.DOUBLE] * 5 + [Rounding.SINGLE])

    def window(self, kernel: tuple[int, int]) -> WindowAttr:
        """Of this size, most of them with padding that keeps sizes."""
        r = self.r
        stride = r.choice([1, 1, 2])
        pad = [0, 0, 0, 0]
        if r.random() < 0.8:
            pad = [(k - 1 + e) // 2 for k in kernel for e in (0, 1)]
            pad = pad if stride == 1 else [0, pad[1], 0, pad[3]]
        return WindowAttr.get(kernel, (stride, stride), pad=pad)

    def output_size(self, window: WindowAttr, x: SSAValue) -> list[int]:
        _, *sizes, _ = shape(x)
        return [a.output_size(n) for a, n in zip(window.axes, sizes, strict=True)]

    def kernel_size(self, most: int) -> tuple[int, int]:
        r = self.r
        n = r.choice([k for k in (1, 1, 2, 3, 3, 3, 3, 4, 5, 7, 9, 11) if k <= most])
        return (n, r.choice([n, n, n, r.choice([1, 3, 4, 5])]))

    # Layers

    def conv2d(self, method: Method, kernel: tuple[int, int] | None = None) -> None:
        kernel = kernel or self.kernel_size(7)
        few = kernel[0] > 1 and self.r.random() < 0.25
        depth = self.r.randint(1, 3) if few else self.channels()
        channels = self.channels(128 // max(kernel) if max(kernel) > 1 else 96)
        most = min(24000, 3_000_000 // (prod(kernel) * channels))
        x = self.input(1, *self.image(depth, max(kernel), max(most, depth)), depth)
        if method is Method.WINOGRAD:
            pad = self.r.choice([0, 1, 1])
            window = WindowAttr.get(kernel, pad=(pad,) * 4)
        else:
            window = self.window(kernel)
        y = self.buffer(1, *self.output_size(window, x), channels)
        rounding = Rounding.DOUBLE if method is Method.DIRECT else self.rounding()
        c = self.weighted((channels, *kernel, depth), channels, rounding)
        op = tinyml.Conv2DOp(x, y, window=window, **c)
        self.add(op, KernelAttr.get(Traversal.EITHER, method=method))

    def depthwise(self, method: Method) -> None:
        kernel, depth = self.kernel_size(7), self.channels()
        most = max(1, 400_000 // prod(kernel))
        x = self.input(1, *self.image(depth, max(kernel), max(most, depth)), depth)
        window = self.window(kernel)
        y = self.buffer(1, *self.output_size(window, x), depth)
        planar = method is Method.PLANAR
        high = planar or method is Method.DIRECT
        rounding = Rounding.DOUBLE if high else self.rounding()
        c = self.weighted((*kernel, depth), depth, rounding)
        op = tinyml.DepthwiseConv2DOp(x, y, window=window, **c)
        attr = KernelAttr.get(Traversal.EITHER, method=method)
        if planar:
            lanes = PlanarPlan.of(op).lanes
            attr = KernelAttr.get(Traversal.CHANNELS, lanes, method)
        self.add(op, attr)

    def fully_connected(self, method: Method) -> None:
        rows = self.r.choice([1, 1, 1, self.size(8)])
        depth, channels = self.channels(1024), self.channels(256)
        x, y = self.input(rows, depth), self.buffer(rows, channels)
        rounding = Rounding.DOUBLE if method is Method.DIRECT else self.rounding()
        c = self.weighted((channels, depth), channels, rounding)
        op = tinyml.FullyConnectedOp(x, y, **c)
        self.add(op, KernelAttr.get(Traversal.EITHER, method=method))

    def numbers(self, count: int) -> list[int]:
        return [self.r.randint(-100, 100) for _ in range(count)]

    def feature_map(self, most: int = 12000) -> tuple[int, ...]:
        depth = self.channels()
        return (1, *self.image(depth, 1, max(most, depth)), depth)

    def pair(self) -> tuple[SSAValue, SSAValue, SSAValue]:
        size = self.feature_map()
        other = self.r.choice([size, size, size, (1, 1, 1, size[3]), (1, 1, 1, 1)])
        return self.input(*size), self.input(*other), self.buffer(*size)

    def sum(self, layer: type[tinyml.AddOp | tinyml.SubOp]) -> None:
        rounding = self.rounding()
        if rounding is Rounding.DOUBLE:
            factors = [self.factor(0.3), self.factor(0.3), self.factor(2.0**-19)]
        else:
            a, b = self.factor(0.6), self.factor(0.6)
            one = RequantAttr(1 << 30, 1)
            factors = [a, RequantAttr(b.multiplier, a.shift), one]
        op = layer(*self.pair(), factors, self.numbers(3), (-128, 127), rounding)
        self.add(op)

    def mul(self) -> None:
        factor = self.factor(1 / 200)
        numbers = self.numbers(3)
        op = tinyml.MulOp(*self.pair(), factor, numbers, (-128, 127), self.rounding())
        self.add(op)

    def extremum(self, layer: type[tinyml.MaximumOp | tinyml.MinimumOp]) -> None:
        self.add(layer(*self.pair()))

    def lookup(self) -> None:
        size = self.feature_map()
        table = self.array(np.arange(-128, 128).astype(np.int8))
        self.add(tinyml.LookupOp(self.input(*size), self.buffer(*size), table))

    def prelu(self) -> None:
        size = self.feature_map(4000)
        alpha = self.array(np.arange(size[3]).astype(np.int8))
        factors = [self.factor(1.0), self.factor(1 / 100)]
        x, y = self.input(*size), self.buffer(*size)
        rounding = Rounding.DOUBLE
        self.add(tinyml.PReluOp(x, y, alpha, factors, self.numbers(3), rounding))

    def pool(self, layer: type[tinyml.AvgPool2DOp | tinyml.MaxPool2DOp]) -> None:
        size = self.feature_map()
        kernel = self.r.choice([(2, 2), (2, 2), (3, 3), (5, 5), size[1:3], size[1:3]])
        kernel = tuple(min(k, n) for k, n in zip(kernel, size[1:3], strict=True))
        stride = self.r.choice([(1, 1), (2, 2), kernel])
        pad = [0, 0, 0, 0]
        if min(kernel) > 1 and self.r.random() < 0.3:
            pad = [1, 1, 1, 1]
        window = WindowAttr.get(kernel, stride, pad=pad)
        x = self.input(*size)
        y = self.buffer(1, *self.output_size(window, x), size[3])
        self.add(layer(x, y, window, (-128, 127)))

    def mean(self) -> None:
        size = self.feature_map()
        y = self.buffer(1, size[3])
        factor = self.factor(1 / (size[1] * size[2]))
        numbers, rounding = self.numbers(2), Rounding.DOUBLE
        self.add(tinyml.MeanOp(self.input(*size), y, [1, 2], factor, numbers, rounding))

    def softmax(self, layer: type[tinyml.SoftmaxOp | tinyml.LogSoftmaxOp]) -> None:
        size = (self.size(16), self.size(200))
        factor, rounding = self.factor(2.0**22), Rounding.DOUBLE
        x, y = self.input(*size), self.buffer(*size)
        self.add(layer(x, y, factor, rounding))

    def requantize(self) -> None:
        size = self.feature_map()
        x, y = self.input(*size), self.buffer(*size)
        numbers, rounding = self.numbers(2), Rounding.DOUBLE
        self.add(tinyml.RequantizeOp(x, y, self.factor(0.8), numbers, rounding))

    def resize(
        self, layer: type[tinyml.ResizeNearestOp | tinyml.ResizeBilinearOp]
    ) -> None:
        batch, rows, columns, depth = self.feature_map(3000)
        times = self.r.choice([1, 2, 2, 3])
        y = self.buffer(batch, rows * times, columns * times, depth)
        self.add(layer(self.input(batch, rows, columns, depth), y, False, True))

    def pad(self) -> None:
        size = self.feature_map()
        low, high = ([0, self.r.randint(0, 2), self.r.randint(0, 2), 0] for _ in "ab")
        grown = [n + a + b for n, a, b in zip(size, low, high, strict=True)]
        self.add(tinyml.PadOp(self.input(*size), self.buffer(*grown), low, high, -5))

    def concat(self) -> None:
        batch, rows, columns, depth = self.feature_map(6000)
        more = self.channels()
        parts = [self.input(batch, rows, columns, n) for n in (depth, more)]
        y = self.buffer(batch, rows, columns, depth + more)
        self.add(tinyml.ConcatOp(parts, y, 3))

    def slice(self) -> None:
        size = self.feature_map()
        taken = [1, *(self.r.randint(1, n) for n in size[1:])]
        offsets = [n - m for n, m in zip(size, taken, strict=True)]
        x, y = self.input(*size), self.buffer(*taken)
        self.add(tinyml.SliceOp(x, y, offsets, [1, 1, 1, 1]))

    def reshape(self) -> None:
        size = self.feature_map()
        self.add(tinyml.ReshapeOp(self.input(*size), self.buffer(prod(size))))

    def transpose(self) -> None:
        size = self.feature_map()
        order = self.r.choice([(0, 3, 1, 2), (0, 2, 3, 1), (0, 2, 1, 3)])
        y = self.buffer(*(size[i] for i in order))
        self.add(tinyml.TransposeOp(self.input(*size), y, order))


AddLayer = Callable[[RandomLayers], None]

FAMILIES: dict[str, tuple[int, list[AddLayer]]] = {
    "pixels dot": (2, [lambda n: n.conv2d(Method.DOT, (1, 1))]),
    "pixels direct": (1, [lambda n: n.conv2d(Method.DIRECT, (1, 1))]),
    "conv2d dot": (3, [lambda n: n.conv2d(Method.DOT)]),
    "conv2d plain": (1, [lambda n: n.conv2d(Method.PLAIN)]),
    "winograd": (3, [lambda n: n.conv2d(Method.WINOGRAD, (3, 3))]),
    "depthwise planar": (2, [lambda n: n.depthwise(Method.PLANAR)]),
    "depthwise direct": (1, [lambda n: n.depthwise(Method.DIRECT)]),
    "depthwise dot": (1, [lambda n: n.depthwise(Method.DOT)]),
    "depthwise plain": (1, [lambda n: n.depthwise(Method.PLAIN)]),
    "fully connected": (
        1,
        [
            lambda n: n.fully_connected(Method.DOT),
            lambda n: n.fully_connected(Method.DIRECT),
        ],
    ),
    "portable": (
        2,
        [
            lambda n: n.portable(lambda n: n.conv2d(Method.DOT)),
            lambda n: n.portable(lambda n: n.conv2d(Method.WINOGRAD, (3, 3))),
            lambda n: n.portable(lambda n: n.conv2d(Method.PLAIN)),
            lambda n: n.portable(lambda n: n.depthwise(Method.DOT)),
            lambda n: n.portable(lambda n: n.depthwise(Method.PLAIN)),
            lambda n: n.portable(lambda n: n.fully_connected(Method.DOT)),
        ],
    ),
    "fully connected plain": (1, [lambda n: n.fully_connected(Method.PLAIN)]),
    "elementwise": (
        2,
        [
            lambda n: n.sum(tinyml.AddOp),
            lambda n: n.sum(tinyml.SubOp),
            lambda n: n.mul(),
        ],
    ),
    "others": (
        4,
        [
            lambda n: n.pool(tinyml.AvgPool2DOp),
            lambda n: n.pool(tinyml.MaxPool2DOp),
            lambda n: n.mean(),
            lambda n: n.softmax(tinyml.SoftmaxOp),
            lambda n: n.softmax(tinyml.LogSoftmaxOp),
            lambda n: n.requantize(),
            lambda n: n.resize(tinyml.ResizeNearestOp),
            lambda n: n.resize(tinyml.ResizeBilinearOp),
            lambda n: n.pad(),
            lambda n: n.concat(),
            lambda n: n.slice(),
            lambda n: n.reshape(),
            lambda n: n.transpose(),
            lambda n: n.extremum(tinyml.MaximumOp),
            lambda n: n.extremum(tinyml.MinimumOp),
            lambda n: n.lookup(),
            lambda n: n.prelu(),
        ],
    ),
}
"""Programs of a family, and what their layers are, in turn."""
