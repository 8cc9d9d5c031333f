"""
Annotates a network with the life of its buffers and its memory peak.

Each buffer's life is the range of layers that need it, counted from 0. Guarantees
`tinyml.live = array<i64: first, last>` on every `tinyml.alloc`, `tinyml.live_bytes` on
every layer, and `tinyml.peak_bytes` and `tinyml.peak_layer` on the function. Inputs
and outputs count like any buffer. Nothing else changes.

Before: `tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)`
After: the same with `{tinyml.live_bytes = 8 : i64}`

Not handled: buffers shared by overlap or in place, which count in full.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from tinyml.dialects.network import layers, network_function
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.live_ranges import live_bytes, live_ranges


@dataclass(frozen=True)
class AnnotateMemoryPass(ModulePass):
    """Annotates a network with the life of its buffers and its memory peak."""

    name = "tinyml-annotate-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        ranges = live_ranges(function)
        for item in ranges:
            if isinstance(alloc := item.value.owner, AllocOp):
                life = DenseArrayBase.from_list(i64, [item.first, item.last])
                alloc.attributes["tinyml.live"] = life
        order = layers(function)
        live = live_bytes(ranges, len(order))
        for layer, size in zip(order, live, strict=True):
            layer.attributes["tinyml.live_bytes"] = IntegerAttr(size, i64)
        peak = max(live, default=0)
        function.attributes["tinyml.peak_bytes"] = IntegerAttr(peak, i64)
        if live:
            position = live.index(peak)
            function.attributes["tinyml.peak_layer"] = IntegerAttr(position, i64)
