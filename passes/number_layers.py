"""
Numbers the layers of a network as the model has them.

Expects a network of layers, as imported.

Guarantees `tinyml.position`, counted from 0, on every layer. It says which layer's
output this is, all of it, whatever later passes do: one that moves layers leaves it,
one that fuses two gives it to the one that stays, and one that makes a layer write
something else drops it. What is compared with the imported network layer by layer is
found by it.

Before: `tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)`
After: the same with `{tinyml.position = 0 : i64}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from tinyml.dialects.network import layers, network_function


@dataclass(frozen=True)
class NumberLayersPass(ModulePass):
    """Numbers the layers of a network as the model has them."""

    name = "tinyml-number-layers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for position, layer in enumerate(layers(network_function(op))):
            layer.attributes["tinyml.position"] = IntegerAttr(position, i64)
