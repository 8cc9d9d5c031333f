"""
What the kernel of a layer does, as a few counts: products, outputs, words that are
widened, turns of loops. Pure; `kernel_costs.py` has what each takes.

A kernel's counts follow its loops (`passes/loops`), and those that take about as long
are one count. Layers in stages are not told apart from whole ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml.dialects.elementwise import BroadcastOp
from tinyml.dialects.kernel import KernelAttr, Method, Traversal
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.dialects.pooling import AvgPool2DOp, MaxPool2DOp, MeanOp
from tinyml.dialects.resizing import ResizeNearestOp
from tinyml.dialects.weighted import (
    Conv2DOp,
    DepthwiseConv2DOp,
    FullyConnectedOp,
    WeightedOp,
)
from tinyml.passes.element_work import (
    broadcast_counts,
    broadcast_kind,
    element_counts,
    move_counts,
    pool_counts,
    repeat_counts,
    sum_counts,
)
from tinyml.passes.loops.dot import is_pointwise
from tinyml.passes.loops.fully_connected_dot import is_row
from tinyml.passes.loops.high_products import high_factors
from tinyml.passes.loops.sums import sum_form, sums_of
from tinyml.passes.weighted_work import (
    dot_counts,
    plain_counts,
    planar_counts,
    row_counts,
    window_counts,
    winograd_counts,
)
from tinyml.passes.window_taps import Counts


@dataclass(frozen=True)
class Work:
    """What a kernel does: kernels of a kind take as long for each of their counts."""

    kind: str
    counts: Counts


def kernel_work(op: LayerOp, kernel: KernelAttr) -> Work:
    """What a kernel of a layer does."""
    name, method = op.name.removeprefix("tinyml."), kernel.method
    if isinstance(op, WeightedOp):
        if high_factors(op) is None:
            name += " portable"
        if method is Method.PLAIN:
            name += " channels" if kernel.traversal is Traversal.CHANNELS else ""
            return Work(f"{name} plain", plain_counts(op))
        if is_row(op) and (isinstance(op, FullyConnectedOp) or method is Method.DIRECT):
            return Work(f"row{name.removeprefix(op.name[7:])} {method}", row_counts(op))
        if isinstance(op, DepthwiseConv2DOp):
            if method is Method.PLANAR:
                return Work(f"{name} planar", planar_counts(op))
            return Work(f"{name} {method}", window_counts(op, method))
        if isinstance(op, Conv2DOp):
            if method is Method.WINOGRAD:
                return Work(f"{name} winograd", winograd_counts(op))
            if is_pointwise(op):
                return Work(f"{name} pixels {method}", dot_counts(op, method))
            return Work(f"{name} {method}", dot_counts(op, method))
    if isinstance(op, BroadcastOp):
        return Work(broadcast_kind(op), broadcast_counts(op))
    if isinstance(op, (AvgPool2DOp, MeanOp)):
        sums = sums_of(op)
        if sums is not None and sum_form(op, sums.count) is not None:
            return Work("sums", sum_counts(sums))
    if isinstance(op, (AvgPool2DOp, MaxPool2DOp)):
        return Work(name, pool_counts(op))
    if isinstance(op, (ReshapeOp, ConcatOp, PadOp, SliceOp, TransposeOp)):
        return Work(name, move_counts(op))
    if isinstance(op, ResizeNearestOp):
        return Work(name, repeat_counts(op))
    return Work(name, element_counts(op))
