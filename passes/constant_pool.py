"""
Constants that passes make, and constants that nobody names any more.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Operation
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import constant_global
from tinyml.dialects.layer import LayerOp


def globals_of(module: ModuleOp) -> dict[str, memref.GlobalOp]:
    """The constants of a module by name."""
    found = [op for op in module.ops if isinstance(op, memref.GlobalOp)]
    return {op.sym_name.data: op for op in found}


def add_constant(network: func.FuncOp, name: str, array: np.ndarray) -> str:
    """
    Adds a constant in front of a network. Returns its symbol: `name`, or if that is
    taken one with a number before its last part, which says what it is.
    """
    module = network.parent_op()
    assert isinstance(module, ModuleOp)
    taken, symbol, count = globals_of(module), name, 0
    while symbol in taken:
        count += 1
        stem, _, kind = name.rpartition("_")
        symbol = f"{stem}_{count}_{kind}" if stem else f"{name}_{count}"
    Rewriter.insert_op(constant_global(symbol, array), InsertPoint.before(network))
    return symbol


def names(op: Operation) -> list[str]:
    """The symbols that an op names."""
    found = [a for a in op.properties.values() if isinstance(a, SymbolRefAttr)]
    return [attr.string_value() for attr in found]


def set_constant(
    network: func.FuncOp, op: LayerOp, key: str, name: str, array: np.ndarray
) -> None:
    """
    Changes a constant that a layer names in its property `key`, and nobody else's: in
    its place if no other op names it. Where the layer has none yet, it gets one called
    `name` or like it.
    """
    module = network.parent_op()
    assert isinstance(module, ModuleOp)
    if isinstance(old := op.properties.get(key), SymbolRefAttr):
        name = old.string_value()
        if [name for user in network.walk() for name in names(user)].count(name) == 1:
            Rewriter.replace_op(globals_of(module)[name], constant_global(name, array))
            return
    op.properties[key] = SymbolRefAttr(add_constant(network, name, array))


def erase_unused_constants(module: ModuleOp) -> None:
    """Erases the constants that no op names or uses."""
    for op in list(module.walk()):
        if isinstance(op, memref.GetGlobalOp) and not op.memref.uses:
            Rewriter.erase_op(op)
    used = {name for op in module.walk() for name in names(op)}
    for name, op in globals_of(module).items():
        if name not in used:
            Rewriter.erase_op(op)
