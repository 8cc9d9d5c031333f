"""
Scratch memory of kernels, in the arena and alive during one layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.stage import StageOp
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.stage_plan import planned_stage

SCRATCH_AT = "tinyml.scratch_at"
"""The offset of a layer's scratch memory in the arena, once planned."""

SCRATCH_ALIGNMENT = 4
"""Bytes: scratch memory may hold words."""


def kernel_scratch(op: LayerOp) -> int:
    """Bytes of scratch memory that a layer needs: its kernel, or a stage's rings."""
    return planned_stage(op).scratch if isinstance(op, StageOp) else layer_scratch(op)


def with_scratch(layers: Sequence[LayerOp]) -> list[LayerOp]:
    return [layer for layer in layers if kernel_scratch(layer)]
