"""
Computes depthwise convolutions in place where that lowers the network's peak.

A depthwise convolution of stride 1 that keeps its shape may take its input's place: a
few channels at a time, with rows that wait in scratch memory (`#tinyml.kernel<channels,
4>`). It costs time, so only layers are chosen that would otherwise stand above the
lowest peak that all layers can reach. Elementwise layers, pointwise convolutions and
pools need no choice: `tinyml-overlap` finds that they may run in place, or nearly so.

Expects `tinyml.kernel` (`tinyml-select-kernels`). Guarantees that the kernel is
`channels` where it is chosen, and a remark with the reason on each depthwise
convolution at that peak that cannot run in place.

Before: `tinyml.depthwise_conv2d ... {tinyml.kernel = #tinyml.kernel<either>}`
After: the same with `tinyml.kernel = #tinyml.kernel<channels, 4>`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tinyml.dialects.kernel import KERNEL, KernelAttr, Traversal
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.network import (
    layer_name,
    layers,
    network_function,
    network_outputs,
)
from tinyml.dialects.views import root
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.arena import Allowance
from tinyml.passes.kernel_scratch import kernel_scratch
from tinyml.passes.layer_scratch import delayed_rows
from tinyml.passes.live_ranges import LiveRange, live_ranges
from tinyml.passes.overlap import reuses
from tinyml.passes.remarks import remark

BLOCKS = (4, 2, 1)
"""Channels at a time, in the order of preference."""


Ranges = dict[SSAValue, LiveRange]


@dataclass(frozen=True)
class Candidate:
    """What a layer needs, its neighbours in time included, and what in place. Bytes."""

    layer: LayerOp
    bytes: int
    in_place: tuple[tuple[int, int], ...]
    """(channels at a time, bytes), best first; empty where it cannot be."""


def least_bytes(
    layer: LayerOp, position: int, ranges: dict[SSAValue, LiveRange]
) -> int:
    """Bytes alive at a layer, less the most that its output shares with one input."""
    alive = [r for r in ranges.values() if r.first <= position <= r.last]
    total, saved = sum(r.size for r in alive) + kernel_scratch(layer), 0
    result = ranges[root(layer.layer_output)]
    for reuse in reuses(layer):
        source = ranges.get(root(layer.operands[reuse.index.data]))
        if source is None or source.last != position:
            continue
        allowed = Allowance(reuse.below, reuse.above, reuse.in_place)
        pair = source.size, result.size
        saved = max(saved, sum(pair) - allowed.span(*pair))
    return total - saved


def refusal(layer: DepthwiseConv2DOp, function: func.FuncOp) -> str | None:
    """Why a depthwise convolution cannot run in place, or None if it can."""
    source = root(layer.input)
    along_h, along_w = layer.window.axes
    if along_h.stride != 1 or along_w.stride != 1:
        return f"stride [{along_h.stride}, {along_w.stride}]"
    if shape(layer.input) != shape(layer.output):
        return f"{shape(layer.input)} becomes {shape(layer.output)}"
    if isinstance(source.owner, memref.GetGlobalOp):
        return "the input is a constant"
    if any(port.value is source for port in network_outputs(function)):
        return "the input is an output of the network"
    readers = [
        op
        for op in layers(function)
        if op is not layer and any(root(value) is source for value in op.layer_inputs)
    ]
    if readers:
        return f"second use at {layer_name(readers[-1])}"
    return None


def candidate(
    layer: LayerOp,
    position: int,
    function: func.FuncOp,
    ranges: dict[SSAValue, LiveRange],
) -> Candidate:
    needed = least_bytes(layer, position, ranges)
    if not isinstance(layer, DepthwiseConv2DOp) or refusal(layer, function):
        return Candidate(layer, needed, ())
    _, _, columns, depth = shape(layer.output)
    size = ranges[root(layer.input)].size
    alive = sum(r.size for r in ranges.values() if r.first <= position <= r.last)
    options = [
        (block, alive - size + delayed_rows(layer) * columns * block)
        for block in BLOCKS
        if depth % block == 0
    ]
    return Candidate(layer, needed, tuple(o for o in options if o[1] < needed))


@dataclass(frozen=True)
class InplacePass(ModulePass):
    """Computes depthwise convolutions in place where that lowers the network's peak."""

    name = "tinyml-inplace"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        ranges = {r.value: r for r in live_ranges(function)}
        found = [
            candidate(layer, position, function, ranges)
            for position, layer in enumerate(layers(function))
        ]
        peak = max(
            (min([c.bytes, *(size for _, size in c.in_place)]) for c in found),
            default=0,
        )
        for each in found:
            if each.bytes <= peak:
                continue
            fitting = [block for block, size in each.in_place if size <= peak]
            each.layer.attributes[KERNEL] = KernelAttr.get(
                Traversal.CHANNELS, fitting[0]
            )
        for each in found:
            if isinstance(each.layer, DepthwiseConv2DOp):
                at_peak = each.bytes == peak
                reason = refusal(each.layer, function) if at_peak else None
                remark(each.layer, self.name, reason and f"not in place: {reason}")
