"""
MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, arXiv:1801.04381, table 2. Padding and rounding of widths as in torchvision.
"""

from __future__ import annotations

from typing import Any

from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.zoo.modules import (
    Network,
    classifier,
    inverted_bottleneck,
    nn,
    normalized_conv,
)

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, and stride of the first block."""


def mobilenetv2(
    width: float = 1.0,
    resolution: int = 224,
    classes: int = 1000,
    channels: int = 3,
    narrow_head: bool = False,
) -> Any:
    """
    `[1, channels, resolution, resolution]` to `[1, classes]`.

    Widths below 1 do not scale the last convolution; with `narrow_head` they do, as in
    the networks that MCUNet compares with (mbv2-w0.35 in its model zoo).

    | width | resolution | head | MACs | parameters |
    |---|---|---|---|---|
    | 1.0 | 224 | 1280 | 300,774,272 | 3,504,872 |
    | 0.35 | 224 | 1280 | 59,285,808 | 1,677,128 |
    | 0.35 | 144 | 1280 | 26,660,752 | 1,677,128 |
    | 0.35 | 144 | 448, narrow | 23,499,152 | 750,280 |
    """
    if width <= 0:
        raise DiagnosticException(f"mobilenetv2: width is {width}, expected above 0")
    stem, last = (
        scaled(32, width),
        scaled(1280, width if narrow_head else max(width, 1)),
    )
    blocks, outputs = bottlenecks(stem, width)
    return Network(
        (1, channels, resolution, resolution),
        stem=normalized_conv(channels, stem, 3, stride=2, activation=nn.ReLU6()),
        blocks=blocks,
        mix=normalized_conv(outputs, last, activation=nn.ReLU6()),
        head=classifier(last, classes),
    )


def bottlenecks(inputs: int, width: float) -> tuple[Any, int]:
    """All blocks, and how many channels come out."""
    blocks: list[Any] = []
    for expansion, channels, count, first_stride in STAGES:
        outputs = scaled(channels, width)
        for i in range(count):
            stride = first_stride if i == 0 else 1
            blocks.append(
                inverted_bottleneck(
                    inputs,
                    inputs * expansion,
                    outputs,
                    3,
                    stride,
                    expand=expansion > 1,
                    shortcut=stride == 1 and inputs == outputs,
                )
            )
            inputs = outputs
    return nn.Sequential(*blocks), inputs


def scaled(channels: int, width: float) -> int:
    """A number of channels times the width multiplier."""
    return make_divisible(channels * width)


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor` that is not below 90 % of `value`, nor 0."""
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor
