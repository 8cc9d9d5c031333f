"""
MobileNetV2: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, arXiv:1801.04381, table 2. Padding and rounding of widths as in torchvision.

MbV2-RD: Lin et al., "MCUNetV2: Memory-Efficient Patch-based Inference for Tiny Deep
Learning", NeurIPS 2021, arXiv:2110.15352, section 3.2: smaller kernels and fewer blocks
where patches run, more blocks behind.
"""

from __future__ import annotations

from typing import Any

from tinyml.frontend.zoo.mcunet import network
from tinyml.frontend.zoo.mobilenetv2_config import REDISTRIBUTED, mobilenetv2_config


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
    return network(
        mobilenetv2_config(width, resolution, classes, channels, narrow_head)
    )


def mobilenetv2_rd(
    width: float = 1.0,
    resolution: int = 224,
    classes: int = 1000,
    channels: int = 3,
    narrow_head: bool = False,
) -> Any:
    """
    MobileNetV2 with its receptive field redistributed; at 224, with 1280 channels
    before the classifier, 292,721,024 MACs and 3,564,808 parameters.

    The paper shows the layers in a picture only; these are inferred from its table 1.
    The first block is its projection alone, the second block of 24 channels is gone,
    and there is one block more of 32 and one of 64 channels. In 4x4 patches of the
    layers up to 28x28 pixels:

    | | published | here |
    |---|---|---|
    | input patch | 63x63 | 63x63 |
    | patch stage, every patch counted as the largest | 73M, +18 % | 73.25M, +18.3 % |
    | network, patches clipped at the borders | 301M, +3 % | 301.11M, +2.9 % |

    No other network with 1x1 kernels, fewer depthwise layers or fewer blocks in the
    patches, and up to four more blocks in each stage behind them, has these numbers,
    counted either way (test/unit/test_mcunetv2.py). Kernels above 3x3 behind the
    patches were not tried. That the two rows are counted differently is inferred too;
    for MobileNetV2 the first is exact (130M, +42 %), the second 328.7M, +9.3 %, where
    the paper has 330M, +10 %.
    """
    return network(
        mobilenetv2_config(
            width, resolution, classes, channels, narrow_head, REDISTRIBUTED
        )
    )
