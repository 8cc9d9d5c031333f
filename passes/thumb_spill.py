"""
Keeps values of `thumb` functions in the FPU where more are alive than fit.

Where too many core values are alive at once, some move to registers of the FPU, and are
copied back in front of their uses: what is alive through a loop but not used in it, and
what is rarely read. A cycle for each copy, taking a loop to run 8 times, decides which;
a constant is made again instead. Functions that fit are left alone. A function with too
many values and nothing left to move stays as it is, and is refused by
`tinyml-thumb-allocate`. Expects functions without registers, in any order that suits
its reader; `tinyml-thumb-schedule` comes behind.

Before, if there were two registers:

```mlir
%end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
%sum = thumb.ldr %x, 0 : (!thumb.reg<r0>) -> !thumb.reg
%more = thumb.add_imm %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
thumb.str %sum, %more, 0 : !thumb.reg, !thumb.reg
thumb.str %end, %end, 0 : !thumb.reg, !thumb.reg
```

After:

```mlir
%end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
%end_1 = thumb.vmov_to_fpu %end : (!thumb.reg) -> !thumb.freg
...
%end_2 = thumb.vmov_from_fpu %end_1 : (!thumb.freg) -> !thumb.reg
thumb.str %end_2, %end_2, 0 : !thumb.reg, !thumb.reg
```
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from xdsl.backend.register_type import RegisterType
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue, Use
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.thumb_alu import Constant, MovOp, VmovFromFpuOp, VmovToFpuOp
from tinyml.dialects.thumb_control import FuncOp, LoopOp
from tinyml.dialects.thumb_registers import CoreRegisterType, FpuRegisterType
from tinyml.passes.thumb_allocate import FPU
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_liveness import Numbering, Span, number, values_of
from tinyml.passes.thumb_schedule import fits
from tinyml.passes.thumb_spill_policy import (
    Candidate,
    Crowd,
    Inside,
    Plan,
    Read,
    alive,
    choose,
    crowd,
)

SPARED = 4
"""Values alive are fewer than registers by less than that, if need be."""


AT_HAND = (Constant, VmovFromFpuOp)
"""What makes values that another such instruction makes as well."""
MOVES = (*AT_HAND, VmovToFpuOp)


class Lives:
    """When the values of a function are alive."""

    def __init__(self, function: FuncOp):
        self.numbering = number(function)
        self.length = 2 * len(self.numbering.ops)
        self.values = list(values_of(function.body.block))
        self.spans = {v: self.numbering.span(v) for v in self.values}

    def alive(self, kind: type[RegisterType]) -> list[int]:
        """How many values of a kind are alive at each number from -1 on."""
        spans = [self.spans[v] for v in self.values if isinstance(v.type, kind)]
        return alive(spans, self.length)

    def crowd(self, limit: int) -> Crowd:
        """
        Where more core values are alive than so many. What is alive at an instruction
        that only brings a value, or takes one away, is so at others next to it, too.
        """
        counts = self.alive(CoreRegisterType)
        for place, op in enumerate(self.numbering.ops):
            if isinstance(op, MOVES):
                counts[2 * place + 1] = counts[2 * place + 2] = 0
        return crowd(counts, limit)


def depth_of(block: Block | None) -> int:
    """Loops around the ops of a block."""
    depth = 0
    while block is not None and isinstance(block.parent_op(), LoopOp):
        depth, block = depth + 1, block.parent_block()
    return depth


def home_of(value: SSAValue) -> Block:
    block = value.owner if isinstance(value.owner, Block) else value.owner.parent
    assert block is not None
    return block


def reads_of(
    uses: Iterable[Use], block: Block | None, numbering: Numbering
) -> tuple[Read, ...]:
    """What reads a value in a block and in the loops in it, in order."""
    found: set[int] = set()
    inside: dict[LoopOp, list[Use]] = {}
    for use in uses:
        op = use.operation
        while op.parent is not block:
            parent = op.parent_op()
            assert parent is not None
            op = parent
        if op is use.operation:
            found.add(numbering.places[op])
        else:
            assert isinstance(op, LoopOp)
            inside.setdefault(op, []).append(use)
    reads: list[tuple[int, int, Read]] = [(place, 0, place) for place in found]
    for loop, deeper in inside.items():
        first, last = numbering.places[loop], numbering.places[loop.repeat]
        below = reads_of(deeper, loop.body.block, numbering)
        reads.append((first, 1, Inside(first, last, below)))
    return tuple(read for *_, read in sorted(reads, key=lambda item: item[:2]))


def candidate(value: SSAValue, lives: Lives) -> Candidate:
    home = home_of(value)
    return Candidate(
        lives.spans[value],
        depth_of(home),
        reads_of(value.uses, home, lives.numbering),
        isinstance(value.owner, AT_HAND),
    )


def has_room(value: SSAValue, lives: Lives, counts: Sequence[int]) -> bool:
    """Whether a register of the FPU is free for all of a value's life."""
    if isinstance(value.owner, Constant):
        return True
    start, end = lives.spans[value]
    own: Span = (end, end)
    if isinstance(value.owner, VmovFromFpuOp):
        own = lives.spans[value.owner.m]
    return all(
        counts[place + 1] - (own[0] <= place < own[1]) < len(FPU)
        for place in range(start, end)
    )


def copied_to_fpu(value: SSAValue) -> SSAValue:
    """A copy of a value, made where the value is."""
    copy = VmovToFpuOp(value)
    copy.d.name_hint = value.name_hint
    owner = value.owner
    at_start = isinstance(owner, Block)
    place = InsertPoint.at_start(owner) if at_start else InsertPoint.after(owner)
    Rewriter.insert_op(copy, place)
    return copy.d


def keep_elsewhere(value: SSAValue, found: Plan, lives: Lives) -> None:
    """Copies a value to the FPU, unless it is there, and back where it is read."""
    numbering, owner = lives.numbering, value.owner
    uses = [(numbering.places[use.operation], use) for use in value.uses]
    at_hand = isinstance(owner, AT_HAND)
    bring = owner.clone if at_hand else partial(VmovFromFpuOp, copied_to_fpu(value))
    for stay in found.stays:
        if stay.from_birth:
            continue
        before = numbering.ops[stay.first]
        again = bring()
        again.location = before.location
        again.results[0].name_hint = value.name_hint
        Rewriter.insert_op(again, InsertPoint.before(before))
        for place, use in uses:
            if stay.first <= place <= stay.last:
                use.operation.operands[use.index] = again.results[0]
    if at_hand and not value.uses:
        owner.detach()
        owner.erase()


def relieve(function: FuncOp, limit: int) -> None:
    """Moves values until no more of them than so many are alive, as far as it can."""
    while True:
        lives = Lives(function)
        crowded = lives.crowd(limit)
        if not crowded.numbers:
            return
        kept = lives.alive(FpuRegisterType)
        values = [
            value
            for value in lives.values
            if isinstance(value.type, CoreRegisterType)
            and crowded.count(lives.spans[value])
            and has_room(value, lives, kept)
        ]
        found = choose([candidate(value, lives) for value in values], crowded)
        if found is None:
            return
        index, plan = found
        keep_elsewhere(values[index], plan, lives)


def drop_copies(function: FuncOp, copies: Sequence[MovOp]) -> list[MovOp]:
    """Drops copies of what nobody needs any more behind them; those that stay."""
    kept: list[MovOp] = []
    for copy in copies:
        numbering = number(function)
        if numbering.last_read(copy.m) != 2 * numbering.places[copy]:
            kept.append(copy)
            continue
        copy.d.replace_all_uses_with(copy.m)
        copy.detach()
        copy.erase()
    return kept


def spill_function(function: FuncOp, registers: int) -> None:
    """Moves as few values as it takes for the allocator to find registers."""
    trial = function.clone()
    insert_copies(trial)
    if not Lives(trial).crowd(registers).numbers and fits(trial):
        return
    known = set(function.walk())
    insert_copies(function)
    copies = [op for op in function.walk() if isinstance(op, MovOp) and op not in known]
    for limit in range(registers, registers - SPARED, -1):
        relieve(function, limit)
        copies = drop_copies(function, copies)
        if fits(function):
            return


@dataclass(frozen=True)
class ThumbSpillPass(ModulePass):
    """Keeps values of `thumb` functions in the FPU where more are alive than fit."""

    name = "tinyml-thumb-spill"

    registers: int = 14
    """Core values that may be alive at once."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                spill_function(function, self.registers)
