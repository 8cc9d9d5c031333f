"""
Calls a hook after every layer's kernel, for profiling and layer-by-layer comparison.

Expects layers as calls (`tinyml-convert-layers-to-loops`). Guarantees a declaration of
the hook; what is computed stays. The hook is declared with `tinyml.hook`, gets the
position of the layer as i32, and becomes a C macro that does nothing unless its user
defines it.

Before: `func.call @layer_00_add(%a, %b, %y) {tinyml.op = "tinyml.add", ...}`
After:  the same, then `func.call @layer_end(%c0) : (i32) -> ()`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import ModuleOp, UnitAttr, i32
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.network import layer_calls


@dataclass(frozen=True)
class InsertLayerHooksPass(ModulePass):
    """Calls a hook after every layer's kernel."""

    name = "tinyml-insert-layer-hooks"

    symbol: str = "layer_end"
    """The name of the hook."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        calls = layer_calls(op)
        if not calls:
            return
        hook = func.FuncOp.external(self.symbol, [i32], [])
        hook.attributes["tinyml.hook"] = UnitAttr()
        Rewriter.insert_op(hook, InsertPoint.at_start(op.body.block))
        for position, call in enumerate(calls):
            index = arith.ConstantOp.from_int_and_width(position, 32)
            index.result.name_hint = f"c{position}_i32"
            hooked = func.CallOp(self.symbol, [index], [])
            hooked.location = call.location
            Rewriter.insert_op([index, hooked], InsertPoint.after(call))
