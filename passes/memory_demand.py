"""
What a network asks of its arena: lives, scratch memory, and which bytes may be shared.

Pure reading of IR: no pass state, no change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Attribute, SSAValue

from tinyml.dialects.kernel import reuses_of
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_outputs
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root
from tinyml.passes.arena import Allowance, Allowances
from tinyml.passes.kernel_scratch import (
    SCRATCH_ALIGNMENT,
    SCRATCH_AT,
    kernel_scratch,
    with_scratch,
)
from tinyml.passes.live_ranges import LiveRange, live_ranges


@dataclass(frozen=True)
class MemoryDemand:
    """
    The lives of all buffers and of the scratch memory of kernels. Buffers, layers with
    scratch memory and allowances name a life by its position in `ranges`.
    """

    ranges: Sequence[LiveRange]
    buffers: Mapping[SSAValue, int]
    scratch: Mapping[LayerOp, int]
    allowances: Allowances


def memory_demand(function: func.FuncOp) -> MemoryDemand:
    """Raises DiagnosticException as `live_ranges` does."""
    ranges, order = live_ranges(function), layers(function)
    buffers = {r.value: number for number, r in enumerate(ranges)}
    scratch = {layer: len(ranges) + i for i, layer in enumerate(with_scratch(order))}
    # What the network's user reads is read after the last layer.
    kept = {buffers[port.value] for port in network_outputs(function)}
    allowed = {
        (source, result): allowance
        for (source, result), allowance in allowances(ranges, order, buffers).items()
        if source not in kept
    }
    ranges += [scratch_range(layer, order.index(layer)) for layer in scratch]
    return MemoryDemand(ranges, buffers, scratch, allowed)


def scratch_range(layer: LayerOp, position: int) -> LiveRange:
    size, unit = kernel_scratch(layer), SCRATCH_ALIGNMENT
    return LiveRange(layer.layer_output, size, position, position, unit)


def allowances(
    ranges: Sequence[LiveRange], order: Sequence[LayerOp], places: dict[SSAValue, int]
) -> Allowances:
    """What the layers' `tinyml.reuse` allows for inputs that nobody reads later."""
    found: dict[tuple[int, int], Allowance] = {}
    for position, layer in enumerate(order):
        result = places[root(layer.layer_output)]
        for reuse in reuses_of(layer):
            value = root(layer.operands[reuse.index.data])
            source = places.get(value)
            if source is None or ranges[source].last != position:
                continue
            if sum(root(v) is value for v in layer.layer_inputs) > 1:
                continue
            found[source, result] = Allowance(reuse.below, reuse.above, reuse.in_place)
    return found


def planned_offsets(function: func.FuncOp, demand: MemoryDemand) -> list[int] | None:
    """The offset of each life in the arena; None where any of them has none."""
    at: list[Attribute | None] = [None] * len(demand.ranges)
    for argument, attributes in zip(function.body.block.args, function.arg_attrs or ()):
        at[demand.buffers[argument]] = attributes.data.get("tinyml.at")
    for value, number in demand.buffers.items():
        if isinstance(alloc := value.owner, AllocOp):
            at[number] = alloc.at
    for layer, number in demand.scratch.items():
        at[number] = layer.attributes.get(SCRATCH_AT)
    offsets = [attr.value.data for attr in at if isinstance(attr, IntegerAttr)]
    return offsets if len(offsets) == len(at) else None
