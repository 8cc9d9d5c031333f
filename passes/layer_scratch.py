"""
Scratch memory that the kernel of one layer works in.
"""

from __future__ import annotations

from tinyml.dialects.kernel import Method, Traversal, kernel_of
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp
from tinyml.passes.loops.depthwise_plan import PlanarPlan
from tinyml.passes.loops.dot import dot_scratch
from tinyml.passes.loops.fully_connected_dot import row_scratch
from tinyml.passes.loops.winograd_plan import winograd_scratch


def delayed_rows(op: DepthwiseConv2DOp) -> int:
    """Rows of output that wait until the input row in their place has been read."""
    return op.window.axes[0].pad_before + 1


def layer_scratch(op: LayerOp, columns: int | None = None) -> int:
    """
    Bytes of scratch memory that the layer's kernel needs; in a stage one that makes so
    many columns at a time.
    """
    kernel = kernel_of(op)
    if kernel.method is Method.DOT and isinstance(op, Conv2DOp):
        return dot_scratch(op, columns)
    if kernel.method is Method.DOT and isinstance(op, FullyConnectedOp):
        return row_scratch(op)
    if kernel.method is Method.WINOGRAD:
        assert isinstance(op, Conv2DOp)
        return winograd_scratch(op)
    if kernel.traversal is not Traversal.CHANNELS:
        return 0
    assert isinstance(op, DepthwiseConv2DOp)
    if kernel.method is Method.PLANAR:
        return 0 if columns else PlanarPlan.of(op).scratch
    return delayed_rows(op) * shape(op.output)[2] * kernel.channels
