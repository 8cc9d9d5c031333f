"""
A described network as layers of the compiler, all of whose weights are 0: for what
depends on the architecture alone, such as geometry, work and memory. No PyTorch here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr, WindowAttr
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.tinyml import (
    AddOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    FullyConnectedOp,
    MeanOp,
)
from tinyml.frontend.builder import NetworkBuilder
from tinyml.frontend.zoo.netcfg import Block, NetConfig

ONE = RequantAttr(1 << 30, 1)
CLAMP = (-128, 127)
ROUNDING = Rounding.DOUBLE


def network_layers(config: NetConfig, name: str = "network") -> ModuleOp:
    """
    The int8 network of a description. Layers are called `stem`, `block 1 expand`,
    `block 1 depthwise`, `block 1 project`, `block 1 add`, ..., `mix`, `mean` and
    `linear`, as far as there are such.
    """
    builder = NetworkBuilder(name)
    size = config.resolution, config.resolution
    image = TensorAttr.get("image", 1.0)
    x = builder.input((1, *size, config.first.inputs), i8, image)
    layers = Layers(builder)
    first, mix = config.first, config.mix
    x = layers.conv("stem", x, first.outputs, first.kernel, first.stride)
    for number, block in enumerate(config.blocks, 1):
        x = layers.block(f"block {number}", x, block)
    if mix is not None:
        x = layers.conv("mix", x, mix.outputs, mix.kernel, mix.stride)
    if config.classes is not None:
        x = layers.classifier(x, config.classes)
    return builder.finish([(x, TensorAttr.get("output", 1.0))])


@dataclass
class Layers:
    """Each method appends layers that read `x`, and returns what they write."""

    builder: NetworkBuilder

    def block(self, name: str, x: SSAValue, block: Block) -> SSAValue:
        y = x
        if block.expand:
            y = self.conv(f"{name} expand", y, block.middle)
        if block.kernel:
            y = self.depthwise(f"{name} depthwise", y, block.kernel, block.stride)
        y = self.conv(f"{name} project", y, block.outputs)
        return self.add(f"{name} add", y, x) if block.shortcut else y

    def conv(
        self, name: str, x: SSAValue, outputs: int, kernel: int = 1, stride: int = 1
    ) -> SSAValue:
        weights = (outputs, kernel, kernel, shape(x)[3])
        return self.window(Conv2DOp, name, x, weights, outputs, kernel, stride)

    def depthwise(self, name: str, x: SSAValue, kernel: int, stride: int) -> SSAValue:
        channels = shape(x)[3]
        weights = (kernel, kernel, channels)
        return self.window(
            DepthwiseConv2DOp, name, x, weights, channels, kernel, stride
        )

    def window(
        self,
        layer: Callable[..., LayerOp],
        name: str,
        x: SSAValue,
        weights: Sequence[int],
        outputs: int,
        kernel: int,
        stride: int,
    ) -> SSAValue:
        """A convolution that pads by half its kernel on every side."""
        window = WindowAttr.get([kernel] * 2, [stride] * 2, pad=[kernel // 2] * 4)
        batch, *size, _ = shape(x)
        size = [axis.output_size(n) for axis, n in zip(window.axes, size, strict=True)]
        y = self.builder.buffer((batch, *size, outputs), i8)
        constants = self.constants(name, weights, outputs)
        return self.append(
            name, layer(x, y, *constants, window, [0] * 2, CLAMP, ROUNDING)
        )

    def add(self, name: str, x: SSAValue, other: SSAValue) -> SSAValue:
        y = self.builder.buffer(shape(x), i8)
        return self.append(
            name, AddOp(x, other, y, [ONE] * 3, [0] * 3, CLAMP, ROUNDING)
        )

    def classifier(self, x: SSAValue, classes: int) -> SSAValue:
        batch, _, _, channels = shape(x)
        mean = self.builder.buffer((batch, channels), i8)
        self.append("mean", MeanOp(x, mean, [1, 2], ONE, [0] * 2, ROUNDING))
        y = self.builder.buffer((batch, classes), i8)
        constants = self.constants("linear", (classes, channels), classes)
        return self.append(
            "linear", FullyConnectedOp(mean, y, *constants, [0] * 2, CLAMP, ROUNDING)
        )

    def constants(
        self, name: str, weights: Sequence[int], outputs: int
    ) -> tuple[str, None, str]:
        """Weights, no bias, and factors."""
        symbol, one = name.replace(" ", "_"), (1 << 30, 1)
        return (
            self.builder.constant(f"{symbol}_weights", np.zeros(weights, np.int8)),
            None,
            self.builder.constant(
                f"{symbol}_requant", np.full((outputs, 2), one, np.int32)
            ),
        )

    def append(self, name: str, layer: LayerOp) -> SSAValue:
        self.builder.layer(layer, name)
        return layer.layer_output
