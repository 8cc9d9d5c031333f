"""
Puts the instructions of `thumb` functions into an order that suits a core.

Straight code between loops is scheduled by itself, before registers are allocated and
only as far as registers are found for it behind that (docs/decisions/thumb.md). Stores
keep their place among loads and stores. What is overwritten in place or carried by a
loop is copied first if it is needed later (`thumb_copies`), and otherwise stays behind
whatever reads it. Values in registers already
keep their order too, so that the pass may also come behind the allocation.

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
```

becomes, as two loads in a row cost one cycle less,

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
```
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import PassFailedException

from tinyml.backend.disassembly import SEVERAL
from tinyml.backend.disassembly import Instruction as Machine
from tinyml.backend.target_machine import Core
from tinyml.dialects.thumb_control import FuncOp, LoopOp
from tinyml.dialects.thumb_memory import StmOp
from tinyml.dialects.thumb_registers import CoreRegisterType, FlagsType
from tinyml.dialects.thumb_shapes import Instruction, register_name
from tinyml.passes.thumb_allocate import allocate_function
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_list_schedule import list_schedule
from tinyml.passes.thumb_liveness import number

LIMITS = (14, 13, 12, 11)
"""Values that may be alive: as many as there are registers, or fewer."""
MEMORY, FLAGS = "memory", "flags"


class Names:
    """What the scheduler calls values: equal names are one register."""

    def __init__(self, function: FuncOp):
        self.names: dict[SSAValue, str] = {}
        self.core: set[str] = set()
        self.name_block(function.body.block)

    def name(self, value: SSAValue, name: str | None = None) -> str:
        if value not in self.names:
            fresh = register_name(value) or name or f"%{len(self.names)}"
            self.names[value] = FLAGS if isinstance(value.type, FlagsType) else fresh
        if isinstance(value.type, CoreRegisterType):
            self.core.add(self.names[value])
        return self.names[value]

    def name_block(self, block: Block) -> None:
        for argument in block.args:
            self.name(argument)
        if isinstance(loop := block.parent_op(), LoopOp):
            for argument, value in zip(block.args, loop.repeat.values, strict=True):
                if value.owner is not block and follows_all_reads(value, argument):
                    self.name(value, self.names[argument])
        for op in block.ops:
            tied = (
                dict((b, a) for a, b in op.tied())
                if isinstance(op, Instruction)
                else {}
            )
            for result in op.results:
                partner = tied.get(result)
                same = partner is not None and follows_all_reads(result, partner)
                self.name(result, self.names[partner] if partner and same else None)
            for region in op.regions:
                self.name_block(region.block)


def follows_all_reads(value: SSAValue, earlier: SSAValue) -> bool:
    """Whether all that reads `earlier`, in its block, stands before `value` is made."""
    owner = value.owner
    if isinstance(owner, Block):
        return False
    block = owner.parent
    readers = [use.operation for use in earlier.uses]
    return all(
        reader is owner or (reader.parent is block and reader.is_before_in_block(owner))
        for reader in readers
    )


def machine(op: Instruction, names: Names) -> Machine:
    """An instruction as the cycle model knows it."""
    reads = {names.names[value] for value in op.operands}
    writes = {names.names[value] for value in op.results}
    if op.has_trait(MemoryWriteEffect()):
        writes.add(MEMORY)
    elif op.has_trait(MemoryReadEffect()):
        reads.add(MEMORY)
    if isinstance(op, StmOp):
        # Words that do not lie in a row are copied first.
        copies = {f"{op.name} {names.names[op.base]} {i}" for i in range(len(op.words))}
        names.core |= copies
        writes |= copies
    name = op.mnemonic.partition(".")[0]
    operands = [
        item if isinstance(item, str) else names.names[item]
        for item in op.assembly_operands()
    ]
    words = max(len(op.operands), len(op.results)) - 1 if name in ("ldm", "stm") else 2
    return Machine(
        address=0,
        size=4,
        name=name,
        text=op.name,
        reads=frozenset(reads),
        writes=frozenset(writes),
        operands=tuple(operands),
        words=words if name in SEVERAL else 0,
    )


def straight_runs(block: Block) -> Iterator[list[Instruction]]:
    """The instructions between loops, in order."""
    run: list[Instruction] = []
    for op in block.ops:
        if isinstance(op, Instruction):
            run.append(op)
        else:
            yield run
            run = []
    yield run


class Run:
    """Instructions without a loop between them."""

    def __init__(self, ops: Sequence[Instruction]):
        self.ops = ops
        block, anchor = ops[-1].parent, ops[-1].next_op
        assert block is not None
        assert anchor is not None
        self.block, self.anchor = block, anchor

    def reorder(self, order: Sequence[int]) -> None:
        for index in order:
            self.ops[index].detach()
            self.block.insert_op_before(self.ops[index], self.anchor)


def fits(function: FuncOp) -> bool:
    """Whether registers are found for a function as it is."""
    try:
        allocate_function(function.clone())
    except PassFailedException:
        return False
    return True


def schedule_function(function: FuncOp, core: Core) -> None:
    """Schedules with as many registers as do not leave the allocator without any."""
    insert_copies(function)
    runs = [
        Run(ops)
        for block in blocks(function.body.block)
        for ops in straight_runs(block)
        if len(ops) > 1
    ]
    for limit in LIMITS:
        orders = find_orders(function, runs, core, limit)
        for run, order in zip(runs, orders, strict=True):
            run.reorder(order)
        if fits(function):
            return
        for run in runs:
            run.reorder(range(len(run.ops)))


def find_orders(
    function: FuncOp, runs: Sequence[Run], core: Core, limit: int
) -> list[list[int]]:
    """An order for each run, computed from the order in which all stand."""
    numbering, names = number(function), Names(function)
    lives = [(names.names[v], numbering.span(v)) for v in names.names]
    found: list[list[int]] = []
    for run in runs:
        # The last one writes at this number; what is read behind it is kept.
        end = 2 * numbering.places[run.ops[-1]] + 1
        kept = {name for name, (birth, death) in lives if birth <= end < death - 1}
        code = [machine(op, names) for op in run.ops]
        found.append(list_schedule(core, code, names.core, kept, limit))
    return found


def blocks(block: Block) -> Iterator[Block]:
    yield block
    for op in block.ops:
        for region in op.regions:
            yield from blocks(region.block)


@dataclass(frozen=True)
class ThumbSchedulePass(ModulePass):
    """Puts the instructions of `thumb` functions into an order that suits a core."""

    name = "tinyml-thumb-schedule"

    core: Literal["cortex-m4", "cortex-m7"] = "cortex-m4"
    """The core to suit."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                schedule_function(function, self.core)
