"""Depthwise convolutions of random shapes and extreme numbers, for tests of kernels."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from networks import random_axis, random_bytes, random_clamp, random_zero_point
from xdsl.dialects.builtin import ModuleOp, i8

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.tinyml import DepthwiseConv2DOp
from tinyml.frontend.builder import NetworkBuilder


def random_start(r: random.Random, channels: int) -> np.ndarray:
    limit = r.choice([0, 1 << 10, 1 << 20, (1 << 31) - 1])
    return np.array([r.randint(-limit, limit) for _ in range(channels)], np.int32)


def random_requant(r: random.Random, channels: int, taps: int) -> np.ndarray:
    """
    Factors that two high products can be, mostly: usual ones, extreme ones, ones for
    many ties, and ones that need wide products.
    """
    usual = 6 + taps.bit_length() // 2
    low, high = 1 << 30, (1 << 31) - 1
    match r.choice(["usual", "usual", "extreme", "ties", "wide"]):
        case "extreme":
            multipliers = [r.choice([low, high]) for _ in range(channels)]
            shifts = [-r.choice([2, 30, usual]) for _ in range(channels)]
        case "ties":
            multipliers, shifts = [low] * channels, [-r.randint(2, usual)] * channels
        case "wide":
            least = r.choice([0, 1, 1 << 29, -low])
            multipliers = [r.randint(least, high) for _ in range(channels)]
            shifts = [r.choice([-31, -usual, -1, 0, 1, 2]) for _ in range(channels)]
        case _:
            multipliers = [r.randint(low, high) for _ in range(channels)]
            shifts = [-r.randint(max(2, usual - 3), usual) for _ in range(channels)]
    return np.stack([multipliers, shifts], 1).astype(np.int32)


def depthwise_module(
    r: random.Random,
    size: Sequence[int],
    axes: tuple[AxisAccess, AxisAccess],
    multiplier: int = 1,
    factor: tuple[int, int] | None = None,
) -> ModuleOp:
    """
    A network of one depthwise convolution of an input of `size`, with random factors
    for requantization or one for all channels.
    """
    batch, height, width, depth = size
    h, w = axes
    channels = depth * multiplier
    kernel = h.kernel, w.kernel
    b = NetworkBuilder("main")
    zero_points = random_zero_point(r), random_zero_point(r)
    x = b.input(size, i8, TensorAttr.get("x", 0.5, zero_points[0]))
    y = b.buffer((batch, h.output_size(height), w.output_size(width), channels), i8)
    bias = random_start(r, channels)
    requant = random_requant(r, channels, h.kernel * w.kernel)
    if factor is not None:
        requant, bias = np.full((channels, 2), factor, np.int32), bias >> 12
    op = DepthwiseConv2DOp(
        x,
        y,
        b.constant("weights", random_bytes(r, (*kernel, channels), i8)),
        b.constant("bias", bias) if r.random() < 0.8 else None,
        b.constant("requant", requant),
        WindowAttr.get(
            kernel,
            (h.stride, w.stride),
            (h.dilation, w.dilation),
            (h.pad_before, h.pad_after, w.pad_before, w.pad_after),
        ),
        zero_points,
        random_clamp(r),
        Rounding.DOUBLE,
    )
    b.layer(op, "depthwise")
    module = b.finish([(y, TensorAttr.get("y", 0.5, 1))])
    module.verify()
    return module


def random_depthwise(
    r: random.Random, most: int = 14, channels: int = 40, kernel: int = 11
) -> ModuleOp:
    """Any shape up to some sizes; every second one keeps it, as most layers do."""
    height, width = r.randint(1, most), r.randint(1, most)
    multiplier = r.choice([1, 1, 1, 2, 3])
    depth = r.randint(1, channels // multiplier)
    batch = r.choice([1, 1, 2])
    kernels = range(1, kernel + 1)
    if r.random() < 0.5:
        size = r.choice([1, 2, 3, 3, 3, 5, 7, r.choice(kernels)])
        pads = (size - 1) // 2, size // 2
        same = AxisAccess(size, 1, 1, *pads)
        axes = same, same
    else:
        axes = random_axis(r, height, kernels), random_axis(r, width, kernels)
    return depthwise_module(r, (batch, height, width, depth), axes, multiplier)
