"""
Marks the buffer arguments that a function never writes as `llvm.readonly`.

Expects functions of loops. Guarantees that nothing but this attribute changes.

A buffer is written by a store, by `memref.copy` into it, or by a call that passes it
(or a view of it) to an argument that is not read-only itself. Functions are visited
callees first, so one walk is enough; recursion is not handled.

Before: `func.func private @sum(%x: memref<4xi8>)`
After:  `func.func private @sum(%x: memref<4xi8> {llvm.readonly})`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    MemRefType,
    ModuleOp,
    UnitAttr,
)
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tinyml.dialects import acle

READONLY = "llvm.readonly"


def is_readonly(function: func.FuncOp, index: int) -> bool:
    if function.arg_attrs is None:
        return False
    return READONLY in function.arg_attrs.data[index].data


def is_written(value: SSAValue, functions: dict[str, func.FuncOp]) -> bool:
    """Whether a buffer, or a view of it, may be written."""
    for use in value.uses:
        match op := use.operation:
            case memref.LoadOp() | acle.LoadOp():
                continue
            case memref.ViewOp() | memref.SubviewOp() | memref.ReinterpretCastOp():
                if is_written(op.results[0], functions):
                    return True
            case memref.CopyOp() if use.index == 0:
                continue
            case func.CallOp():
                callee = functions.get(op.callee.string_value())
                if callee is None or not is_readonly(callee, use.index):
                    return True
            case _:
                return True
    return False


def calls_first(functions: dict[str, func.FuncOp]) -> list[func.FuncOp]:
    """The functions in an order where callees come before their callers."""
    done: dict[str, func.FuncOp] = {}

    def visit(function: func.FuncOp) -> None:
        if function.sym_name.data in done:
            return
        for op in function.walk():
            if isinstance(op, func.CallOp):
                callee = functions.get(op.callee.string_value())
                if callee is not None and callee is not function:
                    visit(callee)
        done[function.sym_name.data] = function

    for function in functions.values():
        visit(function)
    return list(done.values())


@dataclass(frozen=True)
class MarkReadonlyPass(ModulePass):
    """Marks the buffer arguments that a function never writes as `llvm.readonly`."""

    name = "tinyml-mark-readonly"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, func.FuncOp)}
        for function in calls_first(functions):
            if function.is_declaration:
                continue
            arguments = function.body.block.args
            old = function.arg_attrs or [DictionaryAttr({}) for _ in arguments]
            attributes = [dict(a.data) for a in old]
            for argument, data in zip(arguments, attributes, strict=True):
                if isinstance(argument.type, MemRefType) and not is_written(
                    argument, functions
                ):
                    data[READONLY] = UnitAttr()
            if any(attributes):
                function.arg_attrs = ArrayAttr(DictionaryAttr(a) for a in attributes)
