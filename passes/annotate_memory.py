"""
Annotates a network with the life of its buffers and its memory peak.

Expects a network of layers, with a plan or without.

Each buffer's life is the range of layers that need it, counted from 0. Guarantees
`tinyml.live = array<i64: first, last>` on every `tinyml.alloc`, on every layer
`tinyml.live_bytes` and, if its kernel has scratch memory, `tinyml.scratch_bytes`, which
are a part of the former; on the function `tinyml.peak_bytes`, and `tinyml.peak_layer`
and `tinyml.peak_name`, the first layer of that many bytes. Nothing else changes.

Bytes are alive where a buffer that is still needed, or scratch memory, has its place.
After `tinyml-plan-memory` the places are known, and bytes that an input and an output
share count once. Before, the numbers are the least that a plan can reach, given what
`tinyml-overlap` allows. Inputs and outputs count like any buffer, a view with the
buffer that it views.

Before: `tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)`
After: the same with `{tinyml.live_bytes = 8 : i64}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    i64,
)
from xdsl.passes import ModulePass

from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.arena import live_bytes
from tinyml.passes.kernel_scratch import kernel_scratch
from tinyml.passes.memory_demand import memory_demand, planned_offsets

LIVE_BYTES = "tinyml.live_bytes"
SCRATCH_BYTES = "tinyml.scratch_bytes"


@dataclass(frozen=True)
class AnnotateMemoryPass(ModulePass):
    """Annotates a network with the life of its buffers and its memory peak."""

    name = "tinyml-annotate-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function, order = network_function(op), layers(network_function(op))
        demand = memory_demand(function)
        for value, number in demand.buffers.items():
            if isinstance(alloc := value.owner, AllocOp):
                life = demand.ranges[number]
                alloc.attributes["tinyml.live"] = DenseArrayBase.from_list(
                    i64, [life.first, life.last]
                )
        offsets = planned_offsets(function, demand)
        live = live_bytes(demand.ranges, len(order), demand.allowances, offsets)
        for layer, size in zip(order, live, strict=True):
            layer.attributes[LIVE_BYTES] = IntegerAttr(size, i64)
            layer.attributes.pop(SCRATCH_BYTES, None)
            if scratch := kernel_scratch(layer):
                layer.attributes[SCRATCH_BYTES] = IntegerAttr(scratch, i64)
        peak = max(live, default=0)
        function.attributes["tinyml.peak_bytes"] = IntegerAttr(peak, i64)
        if live:
            position = live.index(peak)
            function.attributes["tinyml.peak_layer"] = IntegerAttr(position, i64)
            peak_name = StringAttr(layer_name(order[position]))
            function.attributes["tinyml.peak_name"] = peak_name
