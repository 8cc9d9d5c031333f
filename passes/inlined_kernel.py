"""
A kernel with the functions that it calls inlined: a copy, to read memory accesses from.

A kernel that calls others (`tinyml-lower-stages`) hands them its buffers and parts of
them. A `memref.view` at a constant place that it hands on is a buffer of its own, as
the views of a network are, and becomes an argument of the copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import SymbolTable

from tinyml.dialects import acle
from tinyml.dialects.constants import find_global, global_array
from tinyml.dialects.reading import READS_INPUT
from tinyml.passes.index_arithmetic import UnknownNumber
from tinyml.passes.loop_dependence import buffers_behind
from tinyml.passes.loop_turns import KernelProblem
from tinyml.passes.loop_values import LoopValues
from tinyml.passes.memory_accesses import HANDING_ON


@dataclass(frozen=True)
class PartOfArgument:
    """Which argument of a kernel a buffer is a part of, and from which byte on."""

    argument: BlockArgument
    start: int


@dataclass(frozen=True)
class InlinedKernel:
    """What `inlined` makes."""

    function: func.FuncOp
    """Its first arguments are the kernel's, the others are `parts` of them."""
    constants: dict[SSAValue, np.ndarray]
    """The content of the constants that are named inside."""
    parts: dict[SSAValue, PartOfArgument]

    def stored_arguments(self) -> Iterator[BlockArgument]:
        """The arguments that the kernel may write to, parts of them included."""
        for op in self.function.walk():
            if isinstance(op, (*HANDING_ON, memref.LoadOp, acle.LoadOp)):
                continue
            for value in op.operands:
                if not isinstance(value.type, MemRefType):
                    continue
                for buffer in buffers_behind(value):
                    if isinstance(buffer, BlockArgument):
                        part = self.parts.get(buffer)
                        yield buffer if part is None else part.argument


def callee_of(call: func.CallOp, user: Operation) -> func.FuncOp | None:
    """The function that is called, looked up from where `user` stands."""
    found = SymbolTable.lookup_symbol(user, call.callee)
    return found if isinstance(found, func.FuncOp) else None


def calls(function: func.FuncOp) -> list[func.CallOp]:
    return [op for op in function.walk() if isinstance(op, func.CallOp)]


def inlined(kernel: func.FuncOp) -> InlinedKernel:
    """
    A kernel that calls nothing but hooks, and functions that fill a buffer. Raises
    KernelProblem for one that calls itself.
    """
    parts: dict[SSAValue, PartOfArgument] = {}
    if kernel.is_declaration:
        function = caller(kernel)
    elif calls(kernel):
        function = kernel.clone()
        parts = separate_parts(function, kernel)
    else:
        function = kernel
    inline_calls(function, kernel, [])
    constants: dict[SSAValue, np.ndarray] = {}
    for op in function.walk():
        if isinstance(op, memref.GetGlobalOp):
            constant = find_global(kernel, op.name_)
            assert constant is not None
            constants[op.memref] = global_array(constant)
    return InlinedKernel(function, constants, parts)


def caller(declared: func.FuncOp) -> func.FuncOp:
    """A function that does nothing but call another one."""
    types = declared.function_type
    block = Block(arg_types=types.inputs)
    block.add_op(func.CallOp(declared.sym_name.data, block.args, types.outputs.data))
    block.add_op(func.ReturnOp())
    return func.FuncOp("caller", (types.inputs.data, []), Region(block))


def inline_calls(
    function: func.FuncOp, user: func.FuncOp, around: Sequence[func.FuncOp]
) -> None:
    for call in calls(function):
        callee = callee_of(call, user)
        # What a call says of itself does not count.
        call.attributes.pop(READS_INPUT, None)
        if callee is None or callee.is_declaration:
            if callee is not None and READS_INPUT in callee.attributes:
                call.attributes[READS_INPUT] = callee.attributes[READS_INPUT]
            continue
        if callee in (user, *around):
            raise KernelProblem(f"@{callee.sym_name.data} calls itself")
        body = callee.clone()
        inline_calls(body, callee, [user, *around])
        Rewriter.inline_block(body.body.block, InsertPoint.before(call), call.operands)
        end = call.prev_op
        assert isinstance(end, func.ReturnOp)
        Rewriter.replace_op(call, [], end.operands)
        Rewriter.erase_op(end)


def separate_parts(
    function: func.FuncOp, user: func.FuncOp
) -> dict[SSAValue, PartOfArgument]:
    """Makes arguments of the views that a function hands on; returns what they are."""
    block, found = function.body.block, dict[SSAValue, PartOfArgument]()
    values = LoopValues({}, {})
    for view in [op for op in block.ops if isinstance(op, memref.ViewOp)]:
        if not any(is_handed_on(use.operation, user) for use in view.result.uses):
            continue
        try:
            place = values.place(view.result)
        except UnknownNumber:
            continue
        if not isinstance(place.buffer, BlockArgument) or place.buffer in found:
            continue
        argument = block.insert_arg(view.result.type, len(block.args))
        argument.name_hint = view.result.name_hint
        view.result.replace_all_uses_with(argument)
        found[argument] = PartOfArgument(place.buffer, int(place.offset))
    return found


def is_handed_on(use: Operation, user: func.FuncOp) -> bool:
    """Whether an op calls a function that has a body."""
    callee = callee_of(use, user) if isinstance(use, func.CallOp) else None
    return callee is not None and not callee.is_declaration
