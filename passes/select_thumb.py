"""
Selects instructions of Cortex-M4 and M7 for hot functions.

Expects the functions of `tinyml-outline-hot-loops`. Each gets a `thumb` function beside
it that computes the same, in virtual registers, and names it as `tinyml.thumb`; what
has an op without an instruction gets none, and stays what the C compiler makes of it.
Guarantees that nothing else of them changes.

- An `acle` op is one instruction; shifts by constants become part of what adds or packs
  them, a product that is added becomes `mla`, a clamp `ssat` or `usat`.
- Pointers are those of `thumb_pointers`: the first access at a pointer moves it if it
  can, else an addition at the end of the turn does.
- A loop ends when a pointer has come to its end, or counts down where none moves.

Before:

    func.func private @hot_0(%x: memref<8xi8, strided<[1], offset: ?>>) {tinyml.hot}

After, besides:

    thumb.func @hot_0_thumb(%x : !thumb.reg<r0>)
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.passes.loops.kernel import HOT
from tinyml.passes.thumb_selection import Selector, Unselectable

THUMB = "tinyml.thumb"
"""Names the function of instructions that computes what a hot function does."""


@dataclass(frozen=True)
class SelectThumbPass(ModulePass):
    """Selects instructions of Cortex-M4 and M7 for hot functions."""

    name = "tinyml-select-thumb"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.ops):
            if not isinstance(function, func.FuncOp) or HOT not in function.attributes:
                continue
            name = f"{function.sym_name.data}_thumb"
            try:
                selected = Selector(function).select(name)
            except Unselectable:
                continue
            Rewriter.insert_op(selected, InsertPoint.before(function))
            function.attributes[THUMB] = SymbolRefAttr(name)
