"""
Makes one function of kernels that are equal but for their names.

Expects a lowered network. Guarantees that no two private kernels are equal, and that
what is computed stays.

Layers of one shape have equal kernels where only weights and tables differ, which are
arguments. Functions are compared callees first, so kernels are equal too that call
kernels which have become one. The first stays; calls of the others become calls of it
and keep what they say of their layers. The hints of values' names do not count.

Before:

    func.func private @layer_01_add(...)
    func.func private @layer_03_add(...)
    func.call @layer_01_add(%a, %b, %c) {tinyml.index = 1 : i64, ...}
    func.call @layer_03_add(%c, %d, %e) {tinyml.index = 3 : i64, ...}

After:

    func.func private @layer_01_add(...)
    func.call @layer_01_add(%a, %b, %c) {tinyml.index = 1 : i64, ...}
    func.call @layer_01_add(%c, %d, %e) {tinyml.index = 3 : i64, ...}

Not handled: functions that differ in constants such as zero points; functions that are
declared only, or that are not private.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tinyml.passes.mark_readonly import calls_first


def head(function: func.FuncOp) -> dict[str, Attribute]:
    """What a function says of itself but for its name."""
    named = {**function.properties, **function.attributes}
    del named["sym_name"]
    return named


def outline(function: func.FuncOp) -> Hashable:
    """Equal functions have equal ones; quick to compare."""
    return function.function_type, tuple(op.name for op in function.walk())


def are_equal(a: func.FuncOp, b: func.FuncOp) -> bool:
    return head(a) == head(b) and a.body.is_structurally_equivalent(b.body)


def rename_calls(function: func.FuncOp, names: dict[str, str]) -> None:
    for op in function.walk():
        if isinstance(op, func.CallOp):
            name = op.callee.string_value()
            if name in names:
                op.properties["callee"] = SymbolRefAttr(names[name])


@dataclass(frozen=True)
class MergeKernelsPass(ModulePass):
    """Makes one function of kernels that are equal but for their names."""

    name = "tinyml-merge-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        kept: dict[Hashable, list[func.FuncOp]] = {}
        names: dict[str, str] = {}
        for function in calls_first(functions):
            rename_calls(function, names)
            visibility = function.sym_visibility
            if (
                function.is_declaration
                or not visibility
                or visibility.data != "private"
            ):
                continue
            alike = kept.setdefault(outline(function), [])
            same = next((other for other in alike if are_equal(other, function)), None)
            if same is None:
                alike.append(function)
            else:
                names[function.sym_name.data] = same.sym_name.data
                Rewriter.erase_op(function)
