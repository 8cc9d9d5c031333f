"""
Scratch memory of kernels, in the arena and alive during one layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.dialects.kernel import Traversal, kernel_of
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.stage import StageOp
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.stage_plan import planned_stage

SCRATCH_AT = "tinyml.scratch_at"
"""The offset of a layer's scratch memory in the arena, once planned."""

SCRATCH_ALIGNMENT = 4
"""Bytes: scratch memory may hold words."""


def delayed_rows(op: DepthwiseConv2DOp) -> int:
    """Rows of output that wait until the input row in their place has been read."""
    return op.window.axes[0].pad_before + 1


def kernel_scratch(op: LayerOp) -> int:
    """Bytes of scratch memory that the layer's kernel needs."""
    if isinstance(op, StageOp):
        return planned_stage(op).scratch
    kernel = kernel_of(op)
    if kernel.traversal is not Traversal.CHANNELS:
        return 0
    assert isinstance(op, DepthwiseConv2DOp)
    return delayed_rows(op) * shape(op.output)[2] * kernel.channels


def with_scratch(layers: Sequence[LayerOp]) -> list[LayerOp]:
    return [layer for layer in layers if kernel_scratch(layer)]
