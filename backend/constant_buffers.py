"""
Which buffers of a function are pointers to `const` in C.

Constants are, and arguments marked `llvm.readonly`; so is every view of them, and
every value that a loop or a branch may make of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import func, memref, scf
from xdsl.ir import SSAValue, Use

from tinyml.passes.mark_readonly import is_readonly


def constant_buffers(function: func.FuncOp) -> set[SSAValue]:
    """The buffers of a function that are only read."""
    pending: list[SSAValue] = [
        argument
        for index, argument in enumerate(function.body.block.args)
        if is_readonly(function, index)
    ]
    pending += [
        op.memref for op in function.walk() if isinstance(op, memref.GetGlobalOp)
    ]
    found: set[SSAValue] = set()
    while pending:
        value = pending.pop()
        if value in found:
            continue
        found.add(value)
        for use in value.uses:
            pending += same_buffer(use)
    return found


def same_buffer(use: Use) -> Sequence[SSAValue]:
    """The values that may be the used buffer, or lie in it, by this use."""
    match op := use.operation:
        case memref.ViewOp() | memref.SubviewOp() | memref.ReinterpretCastOp():
            return op.results
        case scf.ForOp():
            return carried(op, use.index - 3)
        case scf.YieldOp() if isinstance(loop := op.parent_op(), scf.ForOp):
            return carried(loop, use.index)
        case scf.YieldOp() if isinstance(branch := op.parent_op(), scf.IfOp):
            return [branch.results[use.index]]
        case _:
            return []


def carried(loop: scf.ForOp, position: int) -> Sequence[SSAValue]:
    """What a loop calls the value that it carries at a position."""
    return [loop.results[position], loop.body.block.args[position + 1]]
