"""
The pieces that the zoo's networks are made of. Importing this imports PyTorch.

PyTorch is `Any` here: the type checker runs where it is not installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from xdsl.utils.exceptions import DiagnosticException

torch: Any = import_module("torch")
nn: Any = import_module("torch.nn")


def on_meta_device() -> Any:
    """A context in which tensors have shapes but no elements."""
    return torch.device("meta")


class Network(nn.Sequential):
    """Parts in order, by name, and the shape of what the first of them takes."""

    def __init__(self, input_shape: tuple[int, ...], **parts: Any):
        super().__init__()  # pyright: ignore[reportUnknownMemberType] # base is Any
        if min(input_shape) < 1:
            raise DiagnosticException(
                f"an input of shape {list(input_shape)} has no elements"
            )
        self.input_shape = input_shape
        for name, part in parts.items():
            self.add_module(name, part)


class Residual(nn.Module):
    """`body(x) + shortcut(x)`; the shortcut is `x` itself if there is none."""

    def __init__(self, body: Any, shortcut: Any = None):
        super().__init__()  # pyright: ignore[reportUnknownMemberType] # base is Any
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Any) -> Any:
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


def sequence(**parts: Any) -> Any:
    """A `torch.nn.Sequential` of named parts."""
    result = nn.Sequential()
    for name, part in parts.items():
        result.add_module(name, part)
    return result


def normalized_conv(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: Any = None,
) -> Any:
    """
    A convolution without bias, batch normalization, an activation. It pads by half the
    kernel on every side: `[N, inputs, H, W]` to `[N, outputs, ceil(H / stride),
    ceil(W / stride)]` for odd kernels.
    """
    parts = {
        "conv": nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        ),
        "norm": nn.BatchNorm2d(outputs),
    }
    if activation is not None:
        parts["activation"] = activation
    return sequence(**parts)


def inverted_bottleneck(
    inputs: int,
    middle: int,
    outputs: int,
    kernel: int,
    stride: int,
    *,
    expand: bool,
    shortcut: bool,
) -> Any:
    """
    MobileNetV2's block: 1x1 to `middle` channels unless `expand` is false, depthwise
    unless `kernel` is 0, 1x1 to `outputs` without activation; `shortcut` adds the
    input.
    """
    parts: dict[str, Any] = {}
    if expand:
        parts["expand"] = normalized_conv(inputs, middle, activation=nn.ReLU6())
    if kernel:
        parts["depthwise"] = normalized_conv(
            middle, middle, kernel, stride=stride, groups=middle, activation=nn.ReLU6()
        )
    parts["project"] = normalized_conv(middle, outputs)
    body = sequence(**parts)
    return Residual(body) if shortcut else body


def keras_conv(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int],
    size: tuple[int, int],
    *,
    stride: int = 1,
    groups: int = 1,
) -> Any:
    """
    A convolution with bias, padded as Keras does ("same"): of an odd number of rows or
    columns, the larger half goes to the bottom and the right. `[N, inputs, *size]` to
    `[N, outputs, ceil(H / stride), ceil(W / stride)]`.
    """
    top, bottom = same_padding(size[0], kernel[0], stride)
    left, right = same_padding(size[1], kernel[1], stride)
    if (top, left) == (bottom, right):
        return nn.Conv2d(inputs, outputs, kernel, stride, (top, left), groups=groups)
    return sequence(
        pad=nn.ZeroPad2d((left, right, top, bottom)),
        conv=nn.Conv2d(inputs, outputs, kernel, stride, groups=groups),
    )


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Elements before and after, so that `ceil(size / stride)` windows fit."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def classifier(channels: int, classes: int) -> Any:
    """Mean of each channel, then a linear layer: `[N, C, H, W]` to `[N, classes]`."""
    return sequence(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(channels, classes),
    )
