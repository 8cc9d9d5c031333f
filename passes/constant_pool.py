"""
Constants that passes make, and constants that nobody names any more.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import constant_global


def globals_of(module: ModuleOp) -> dict[str, memref.GlobalOp]:
    """The constants of a module by name."""
    found = [op for op in module.ops if isinstance(op, memref.GlobalOp)]
    return {op.sym_name.data: op for op in found}


def add_constant(network: func.FuncOp, name: str, array: np.ndarray) -> str:
    """Adds a constant in front of a network; returns its symbol, `name` or like it."""
    module = network.parent_op()
    assert isinstance(module, ModuleOp)
    taken, symbol, count = globals_of(module), name, 0
    while symbol in taken:
        count += 1
        symbol = f"{name}_{count}"
    Rewriter.insert_op(constant_global(symbol, array), InsertPoint.before(network))
    return symbol


def erase_unused_constants(module: ModuleOp) -> None:
    """Erases the constants that no op names or uses."""
    for op in list(module.walk()):
        if isinstance(op, memref.GetGlobalOp) and not op.memref.uses:
            Rewriter.erase_op(op)
    used = {
        attr.string_value()
        for op in module.walk()
        for attr in op.properties.values()
        if isinstance(attr, SymbolRefAttr)
    }
    for name, op in globals_of(module).items():
        if name not in used:
            Rewriter.erase_op(op)
