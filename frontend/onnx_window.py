"""
The windows of ONNX convolutions and pools, as numbers.

ONNX spells padding in four ways (`pads`, three kinds of `auto_pad`) and rounds output
sizes down or up; the compiler knows rows and columns of padding only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import WindowAttr
from tinyml.frontend.qdq_graph import Node, Shape

LARGEST_NUMBER = (1 << 31) - 1
ATTRIBUTES = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")


@dataclass(frozen=True)
class Window:
    """The access along the height and the width."""

    height: AxisAccess
    width: AxisAccess

    @property
    def axes(self) -> tuple[AxisAccess, AxisAccess]:
        return self.height, self.width

    @property
    def pad(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right."""
        return (
            self.height.pad_before,
            self.height.pad_after,
            self.width.pad_before,
            self.width.pad_after,
        )

    @property
    def attribute(self) -> WindowAttr:
        return WindowAttr.get(
            [axis.kernel for axis in self.axes],
            [axis.stride for axis in self.axes],
            [axis.dilation for axis in self.axes],
            self.pad,
        )

    def output(self, batch: int, sizes: Shape, channels: int) -> Shape:
        """The NHWC shape of the output for an input of these two sizes."""
        height, width = (
            axis.output_size(size) for axis, size in zip(self.axes, sizes, strict=True)
        )
        return batch, height, width, channels


def lift(node: Node) -> Node:
    """A convolution or pool of one dimension as one of two: the width of one row."""
    attributes = dict(node.attributes)
    for name in ("kernel_shape", "strides", "dilations"):
        if isinstance(value := attributes.get(name), tuple):
            attributes[name] = (1, *value)
    if isinstance(pads := attributes.get("pads"), tuple) and len(pads) == 2:
        attributes["pads"] = (0, pads[0], 0, pads[1])
    return replace(node, attributes=attributes)


def with_row(shape: Shape) -> Shape:
    """The shape [n, c, w] as [n, c, 1, w]."""
    return *shape[:2], 1, *shape[2:]


def without_row(shape: Shape) -> Shape:
    """The shape [n, c, 1, w] as [n, c, w]."""
    return *shape[:2], *shape[3:]


def read_window(node: Node, kernel: Shape, sizes: Shape) -> Window:
    """The window of a node on an input of these two spatial sizes."""
    kernel = node.integers("kernel_shape", kernel)
    strides = node.integers("strides", (1, 1))
    dilations = node.integers("dilations", (1, 1))
    pads = node.integers("pads", (0, 0, 0, 0))
    if not len(kernel) == len(strides) == len(dilations) == len(sizes) == 2:
        raise node.refuse(
            f"kernel {list(kernel)}, strides {list(strides)}, dilations "
            f"{list(dilations)} do not fit an input of two dimensions"
        )
    if len(pads) != 4 or min(pads) < 0:
        raise node.refuse(f"pads {list(pads)} are not four numbers >= 0")
    if min(*kernel, *strides, *dilations) < 1:
        raise node.refuse("a kernel size, stride or dilation is below 1")
    if max(*kernel, *strides, *dilations, *pads) > LARGEST_NUMBER:
        raise node.refuse(
            f"a kernel size, stride, dilation or pad is above {LARGEST_NUMBER}"
        )
    axes: list[AxisAccess] = []
    for i in (0, 1):
        axis = AxisAccess(kernel[i], strides[i], dilations[i], pads[i], pads[i + 2])
        before, after = padding(node, axis, sizes[i])
        axis = AxisAccess(kernel[i], strides[i], dilations[i], before, after)
        if axis.output_size(sizes[i]) < 1:
            raise node.refuse(
                f"a window of {axis.extent} does not fit into {sizes[i]} with pads "
                f"[{before}, {after}]"
            )
        axes.append(axis)
    return Window(*axes)


def padding(node: Node, axis: AxisAccess, size: int) -> tuple[int, int]:
    """Padding before and after along one axis; `axis` holds that of `pads`."""
    match auto_pad := node.text("auto_pad", "NOTSET"):
        case "NOTSET":
            before, after = axis.pad_before, axis.pad_after
        case "VALID":
            before, after = 0, 0
        case "SAME_UPPER" | "SAME_LOWER":
            outputs = -(-size // axis.stride)
            total = max((outputs - 1) * axis.stride + axis.extent - size, 0)
            small, large = total // 2, total - total // 2
            upper = auto_pad == "SAME_UPPER"
            return (small, large) if upper else (large, small)
        case _:
            raise node.refuse(f"auto_pad {auto_pad} is not known")
    if not node.integer("ceil_mode", 0):
        return before, after
    # Rounding up adds a last window, provided that it starts before the padding after.
    room = size + before + after - axis.extent
    outputs = -(-room // axis.stride) + 1
    if (outputs - 1) * axis.stride >= size + before:
        outputs -= 1
    needed = (outputs - 1) * axis.stride + axis.extent - size - before
    return before, max(after, needed)
