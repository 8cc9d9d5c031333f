"""
MobileNetV2 and its variant for patches as descriptions (`netcfg.NetConfig`). No PyTorch
here. Where they come from: `mobilenetv2.py`.
"""

from __future__ import annotations

from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.zoo.netcfg import Block, Convolution, NetConfig

Stages = tuple[tuple[int, int, int, int, int], ...]
"""Expansion, channels, blocks, stride of the first block, and kernel."""

STAGES: Stages = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)

REDISTRIBUTED: Stages = (
    (1, 16, 1, 1, 0),
    (6, 24, 1, 2, 3),
    (6, 32, 4, 2, 3),
    (6, 64, 5, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)


def mobilenetv2_config(
    width: float = 1.0,
    resolution: int = 224,
    classes: int = 1000,
    channels: int = 3,
    narrow_head: bool = False,
    stages: Stages = STAGES,
) -> NetConfig:
    """
    Widths below 1 do not scale the last convolution, unless with `narrow_head`.

    Raises DiagnosticException for a width that is not above 0.
    """
    if width <= 0:
        raise DiagnosticException(f"mobilenetv2: width is {width}, expected above 0")
    stem = scaled(32, width)
    last = scaled(1280, width if narrow_head else max(width, 1))
    blocks = bottlenecks(stem, width, stages)
    return NetConfig(
        resolution,
        first=Convolution(channels, stem, 3, 2),
        blocks=blocks,
        mix=Convolution(blocks[-1].outputs, last, 1, 1),
        classes=classes,
    )


def bottlenecks(inputs: int, width: float, stages: Stages) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for expansion, channels, count, first_stride, kernel in stages:
        outputs = scaled(channels, width)
        for i in range(count):
            stride = first_stride if i == 0 else 1
            shortcut = stride == 1 and inputs == outputs
            sizes = inputs, inputs * expansion, outputs
            blocks.append(Block(*sizes, kernel, stride, expansion > 1, shortcut))
            inputs = outputs
    return tuple(blocks)


def scaled(channels: int, width: float) -> int:
    """A number of channels times the width multiplier."""
    return make_divisible(channels * width)


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor` that is not below 90 % of `value`, nor 0."""
    nearest = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * value else nearest + divisor
