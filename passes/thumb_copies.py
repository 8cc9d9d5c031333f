"""
Copies of values that are needed longer than the register that they are in.

What an instruction overwrites in place, and what a loop carries around, has to share a
register with what comes of it. Where another use comes later, a copy is overwritten or
carried instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.backend.register_type import RegisterType
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.thumb_alu import MovOp, VmovFpuOp
from tinyml.dialects.thumb_control import FuncOp, LoopOp
from tinyml.dialects.thumb_registers import FpuRegisterType
from tinyml.dialects.thumb_shapes import Instruction, register_name
from tinyml.passes.thumb_liveness import Numbering, Span, number, overlap, values_of

COPIES = (MovOp, VmovFpuOp)


@dataclass(frozen=True)
class Tie:
    """Two values that have to be in one register; a copy of operand `index` helps."""

    operand: SSAValue
    partner: SSAValue
    user: Operation
    index: int


def ties(numbering: Numbering) -> Iterator[Tie]:
    """What has to be in one register; a loop's partners are its arguments."""
    for op in numbering.ops:
        if isinstance(op, Instruction):
            for a, b in op.TIED:
                yield Tie(op.operands[a], op.results[b], op, a)
        if isinstance(op, LoopOp):
            repeat = op.repeat
            for index, argument in enumerate(op.body.block.args):
                yield Tie(op.ends[index], argument, op, -1)
                yield Tie(op.starts[index], argument, op, index)
                yield Tie(repeat.values[index], argument, repeat, index + 1)


class Webs:
    """Values that share a register, as far as they can."""

    def __init__(self, function: FuncOp):
        self.numbering = number(function)
        block = function.body.block
        self.values = [v for v in values_of(block) if isinstance(v.type, RegisterType)]
        self.head: dict[SSAValue, SSAValue] = {v: v for v in self.values}
        self.spans: dict[SSAValue, list[Span]] = {
            v: [self.numbering.span(v)] for v in self.values
        }
        self.fixed = {v: register_name(v) for v in self.values}

    def merge(self, a: SSAValue, b: SSAValue) -> bool:
        """Puts two values into one web unless they are in each other's way."""
        a, b = self.head[a], self.head[b]
        if a is b:
            return True
        names = {self.fixed[a], self.fixed[b]} - {""}
        if len(names) > 1 or overlap(self.spans[a], self.spans[b]):
            return False
        if len(self.spans[a]) < len(self.spans[b]):
            a, b = b, a
        self.spans[a] = sorted(self.spans[a] + self.spans.pop(b))
        self.fixed[a] = next(iter(names), "")
        for value, head in self.head.items():
            if head is b:
                self.head[value] = a
        return True


def name_of(function: FuncOp) -> str:
    return f"@{function.sym_name.data}"


def copy_of(value: SSAValue) -> Operation:
    """An op that copies a value."""
    copy = VmovFpuOp(value) if isinstance(value.type, FpuRegisterType) else MovOp(value)
    copy.results[0].name_hint = value.name_hint
    return copy


def insert_copies(function: FuncOp) -> Webs:
    """Copies what is needed beyond its place, until everything tied can share one."""
    copied: set[Operation] = set()
    while True:
        webs = Webs(function)
        changed = False
        for tie in ties(webs.numbering):
            if webs.merge(tie.operand, tie.partner):
                continue
            if tie.index < 0 or tie.operand.owner in copied:
                raise PassFailedException(
                    f"{name_of(function)}: {tie.user.name} carries values that change "
                    "places; unroll it"
                )
            copy = copy_of(tie.operand)
            copy.location = tie.user.location
            Rewriter.insert_op(copy, InsertPoint.before(tie.user))
            tie.user.operands[tie.index] = copy.results[0]
            copied.add(copy)
            changed = True
            break
        if not changed:
            return webs
