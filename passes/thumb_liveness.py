"""
When values of a `thumb` function are alive, as ranges of numbers.

Instruction number i reads at 2 i and writes at 2 i + 1: a value that dies where another
one is born leaves its register to it. A value from outside of a loop that is used in it
lives to the loop's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from tinyml.dialects.thumb_control import FuncOp, LoopOp

Span = tuple[int, int]
"""From its first number up to, and without, its last."""


@dataclass
class Numbering:
    """The instructions of a function in the order in which they stand."""

    places: dict[Operation, int] = field(default_factory=dict[Operation, int])
    ops: list[Operation] = field(default_factory=list[Operation])

    def add(self, block: Block) -> None:
        for op in block.ops:
            self.places[op] = len(self.ops)
            self.ops.append(op)
            if isinstance(op, LoopOp):
                self.add(op.body.block)

    def birth(self, value: SSAValue) -> int:
        owner = value.owner
        if isinstance(owner, LoopOp):
            return 2 * self.places[owner.repeat] + 1
        if isinstance(owner, Block):
            parent = owner.parent_op()
            return 2 * self.places[parent] + 1 if isinstance(parent, LoopOp) else -1
        return 2 * self.places[owner] + 1

    def last_read(self, value: SSAValue) -> int:
        """Where a value is read for the last time; -1 if nowhere."""
        home = value.owner if isinstance(value, BlockArgument) else value.owner.parent
        last = -1
        for use in value.uses:
            user, inside = use.operation, False
            while user.parent is not home:
                parent = user.parent_op()
                assert parent is not None
                user, inside = parent, True
            if inside and isinstance(user, LoopOp):
                last = max(last, self.places[user.repeat])
            else:
                last = max(last, self.places[user])
        return 2 * last if last >= 0 else -1

    def span(self, value: SSAValue) -> Span:
        birth = self.birth(value)
        return birth, max(self.last_read(value), birth) + 1


def number(function: FuncOp) -> Numbering:
    numbering = Numbering()
    numbering.add(function.body.block)
    return numbering


def values_of(block: Block) -> Iterable[SSAValue]:
    """All values of a block and of the loops in it, in order."""
    yield from block.args
    for op in block.ops:
        if isinstance(op, LoopOp):
            yield from values_of(op.body.block)
        yield from op.results


def overlap(a: Iterable[Span], b: Iterable[Span]) -> bool:
    """Whether any of these spans has a number in common with any of those."""
    others = list(b)
    return any(
        start < other_end and other_start < end
        for start, end in a
        for other_start, other_end in others
    )
