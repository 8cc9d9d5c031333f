"""
Lets kernels count the multiply-accumulates that they execute, for tests of the rest.

Expects a network of layers. Guarantees `tinyml.count_macs` on its function, and that
lowering calls the hook of that name after every sum that a convolution or a fully
connected layer makes, with the number of its terms, those on padding included. The hook
is a C macro that does nothing unless its user defines it. The counts come from the
loops as they run, and from nothing that planning knows.

Before: `func.func @main(...)`
After: `func.func @main(...) attributes {tinyml.count_macs}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, UnitAttr, i32
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.network import network_function
from tinyml.passes.loops.kernel import COUNTER

COUNTING = "tinyml.count_macs"
"""The attribute of a network's function that asks for it."""


def counter(network: func.FuncOp) -> str | None:
    """The hook that the kernels of a network call, if there is one."""
    return COUNTER if COUNTING in network.attributes else None


@dataclass(frozen=True)
class CountMacsPass(ModulePass):
    """Lets kernels count the multiply-accumulates that they execute."""

    name = "tinyml-count-macs"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        if COUNTING in network.attributes:
            return
        network.attributes[COUNTING] = UnitAttr()
        hook = func.FuncOp.external(COUNTER, [i32], [])
        hook.attributes["tinyml.hook"] = UnitAttr()
        Rewriter.insert_op(hook, InsertPoint.at_start(op.body.block))
