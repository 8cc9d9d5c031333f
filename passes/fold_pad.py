"""
Folds a pad of rows and columns into the windows that read it.

Expects a network of layers. Guarantees that every output bit stays.

A convolution, whose padding is its input's zero point, takes pads of that value. A
`max_pool2d`, in whose windows padding takes no part, takes a pad that its result never
is: of a value not above the pool's clamp, or not above anything that the padded layer
writes. All readers have to take it, so that the padded copy is gone.

Before:

    tinyml.pad ins(%x : memref<1x8x8x3xi8>) outs(%p : memref<1x9x9x3xi8>)
      low [0, 0, 0, 0] high [0, 1, 1, 0] value -1
    tinyml.conv2d ins(%p : ...) ...
      window <[3, 3], strides = [2, 2]> zero_points [-1, 4]

After:

    tinyml.conv2d ins(%x : ...) ...
      window <[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]> zero_points [-1, 4]

Not handled: other readers, `avg_pool2d` among them, which counts what is padded; pads
as large as the window; windows of a pool that would hold padding only; outputs of the
network. A remark on the pad says which. A pad by nothing is a reshape
(`tinyml-fold-reshape`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import WindowAttr
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.moving import PadOp
from tinyml.dialects.network import layer_name, layers, network_function, readers
from tinyml.dialects.pooling import MaxPool2DOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import views
from tinyml.dialects.weighted import ConvolutionOp
from tinyml.dialects.window import WindowOp
from tinyml.passes.byte_functions import value_range
from tinyml.passes.remarks import remark


def padded_window(window: WindowAttr, pad: Sequence[int]) -> WindowAttr | None:
    """The window with so much more padding, if a window may have that."""
    more = [a + b for a, b in zip(integers(window.pad), pad, strict=True)]
    try:
        return WindowAttr.get(
            integers(window.kernel),
            integers(window.strides),
            integers(window.dilations),
            more,
        )
    except VerifyException:
        return None


def reads_input_everywhere(
    axes: Sequence[AxisAccess], source: Sequence[int], result: Sequence[int]
) -> bool:
    """Whether no window holds nothing but padding."""
    return all(
        axis.first_empty(size, count) is None
        for axis, size, count in zip(axes, source, result, strict=True)
    )


def taken(op: Operation, pad: PadOp) -> WindowAttr | None:
    """The window of a reader that pads its input itself, if it computes the same."""
    if not isinstance(op, WindowOp) or op.layer_inputs[0] is not pad.output:
        return None
    (_, top, left, _), (_, bottom, right, _) = integers(pad.low), integers(pad.high)
    window = padded_window(op.window, (top, bottom, left, right))
    if window is None:
        return None
    value = pad.value.value.data
    match op:
        case ConvolutionOp():
            return window if value == integers(op.zero_points)[0] else None
        case MaxPool2DOp():
            least = max(integers(op.clamp)[0], value_range(pad.input)[0])
            source, result = shape(pad.input)[1:3], shape(op.output)[1:3]
            everywhere = reads_input_everywhere(window.axes, source, result)
            return window if value <= least and everywhere else None
        case _:
            return None


def fold(pad: PadOp) -> str | None:
    """Folds a pad into all its readers, or leaves it and says why."""
    low, high, alloc = integers(pad.low), integers(pad.high), pad.output.owner
    if not isinstance(alloc, AllocOp):
        return "not folded: it writes an output of the network"
    if any(views(pad.output)):
        return "not folded: what it writes is read under another shape"
    if len(low) != 4 or any((low[0], low[3], high[0], high[3])):
        return "not folded: it pads more than rows and columns"
    windows = [(op, taken(op, pad)) for op in readers(pad.output)]
    others = [op for op, window in windows if window is None]
    if others:
        return f"not folded: {layer_name(others[0])} cannot pad by itself like this"
    for op, window in windows:
        assert window is not None
        op.properties["window"] = window
    source = pad.input
    Rewriter.erase_op(pad)
    alloc.buffer.replace_all_uses_with(source)
    Rewriter.erase_op(alloc)
    return None


@dataclass(frozen=True)
class FoldPadPass(ModulePass):
    """Folds a pad of rows and columns into the windows that read it."""

    name = "tinyml-fold-pad"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        # Backwards: a pad that another one reads is read by windows once that is gone.
        for layer in reversed(layers(network_function(op))):
            if isinstance(layer, PadOp) and (reason := fold(layer)) is not None:
                remark(layer, self.name, reason)
