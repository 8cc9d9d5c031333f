"""
What a report says of the work of a layer: its kind, and how many elements it handles.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import Conv2DOp, ConvolutionOp

KIND = "tinyml.kind"
"""The kind of a kernel's layer, on its function."""
ELEMENTS = "tinyml.elements"
"""The elements of a layer, on its call."""

FEW_CHANNELS = 4
"""Convolutions of fewer channels are a kind of their own: words hold several pixels."""


def layer_kind(op: LayerOp) -> str:
    """Layers of a kind do like work: `conv2d 3x3`, `conv2d 3x3 s2 of 3`, `add`."""
    kind = op.name.removeprefix("tinyml.")
    if not isinstance(op, ConvolutionOp):
        return kind
    kernels, strides = zip(*((a.kernel, a.stride) for a in op.window.axes), strict=True)
    kind += f" {times(kernels)}"
    if strides[0] != strides[1]:
        kind += f" s{times(strides)}"
    elif strides[0] > 1:
        kind += f" s{strides[0]}"
    channels = shape(op.input)[3]
    few = isinstance(op, Conv2DOp) and channels < FEW_CHANNELS
    return f"{kind} of {channels}" if few else kind


def times(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def layer_elements(op: LayerOp) -> int:
    """Elements of the layer's largest input or of its output."""
    return max(prod(shape(value)) for value in op.operands)
