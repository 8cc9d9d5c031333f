"""
Gives the values of `thumb` functions registers: r0 to r12 and lr, and s0 to s15.

Values that an instruction overwrites in place, or that a loop carries around, share a
register; where they cannot, because one is needed longer, a copy is inserted. Then
`thumb_coloring` finds registers. Nothing is spilled: a function that needs more than
there are is refused. What a caller wants back is pushed, and popped on return.

Before:

```mlir
%w, %p = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
%s = thumb.add %w, %p : (!thumb.reg, !thumb.reg) -> !thumb.reg
thumb.ret %s : !thumb.reg
```

After:

```mlir
%w, %p = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg<r1>, !thumb.reg<r0>)
%s = thumb.add %w, %p : (!thumb.reg<r1>, !thumb.reg<r0>) -> !thumb.reg<r0>
thumb.ret %s : !thumb.reg<r0>
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from xdsl.backend.register_type import RegisterType
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, i32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.thumb_alu import (
    MovOp,
    VmovPairFromFpuOp,
    VmovPairToFpuOp,
)
from tinyml.dialects.thumb_control import FuncOp, PushOp, RetOp
from tinyml.dialects.thumb_memory import LdmOp, LdrSpOp, StmOp
from tinyml.dialects.thumb_registers import (
    CORE_INDICES,
    FPU_INDICES,
    SAVED_REGISTERS,
    CoreRegisterType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Accumulate, Instruction, register_name
from tinyml.passes.thumb_coloring import NoRegister, Row, Web, color
from tinyml.passes.thumb_copies import COPIES, Webs, copy_of, insert_copies, name_of
from tinyml.passes.thumb_liveness import overlap, values_of

CORE = ("r0", "r1", "r2", "r3", "r12", *SAVED_REGISTERS)
"""Registers in the order in which they are taken: first those that cost no saving."""
FPU = tuple(f"s{index}" for index in range(16))


def hints(op: Operation) -> Iterator[tuple[SSAValue, SSAValue]]:
    """Which result would like which operand's register."""
    if not isinstance(op, Instruction) or not op.results or op.TIED:
        return
    operands = [op.a] if isinstance(op, Accumulate) else op.operands
    for operand in operands:
        if type(operand.type) is type(op.results[0].type):
            yield op.results[0], operand


def rows_of(op: Operation) -> Iterator[tuple[tuple[SSAValue, ...], bool]]:
    """Values that want ascending registers."""
    match op:
        case LdmOp() | StmOp():
            yield tuple(op.words), False
        case VmovPairToFpuOp():
            yield (op.d, op.e), True
        case VmovPairFromFpuOp():
            yield (op.m, op.n), True
        case _:
            return


def allocate(
    function: FuncOp, webs: Webs, kind: type[RegisterType]
) -> dict[SSAValue, str]:
    """Registers of one kind for all values of that kind."""
    heads = [v for v in webs.values if webs.head[v] is v and isinstance(v.type, kind)]
    index = {value: number for number, value in enumerate(heads)}
    like: dict[int, list[int]] = {}
    follows: dict[int, list[int]] = {}
    rows: list[Row] = []
    for op in webs.numbering.ops:
        for result, operand in hints(op):
            if isinstance(result.type, kind):
                a, b = index[webs.head[result]], index[webs.head[operand]]
                like.setdefault(a, []).append(b)
                like.setdefault(b, []).append(a)
                if not isinstance(op, COPIES):
                    follows.setdefault(a, []).append(b)
        for row, dense in rows_of(op):
            if isinstance(row[0].type, kind):
                rows.append(Row(tuple(index[webs.head[v]] for v in row), dense))
    problem = [
        Web(
            tuple(webs.spans[v]),
            webs.fixed[v] or None,
            tuple(like.get(number, ())),
            tuple(follows.get(number, ())),
        )
        for number, v in enumerate(heads)
    ]
    core = kind is CoreRegisterType
    names, order = (CORE, CORE_INDICES) if core else (FPU, FPU_INDICES)
    try:
        found = color(problem, names, order, rows)
    except NoRegister as failure:
        raise PassFailedException(
            no_register(function, webs, problem, failure.web, names)
        ) from None
    return {v: found[index[webs.head[v]]] for v in webs.values if webs.head[v] in index}


def no_register(
    function: FuncOp, webs: Webs, problem: list[Web], web: int, names: tuple[str, ...]
) -> str:
    """What to say of a web that no register is left for."""
    birth = problem[web].birth
    alive = sum(overlap(other.spans, [(birth, birth + 1)]) for other in problem)
    where = webs.numbering.ops[birth // 2].name if birth >= 0 else "the arguments"
    wanted = problem[web].fixed or "a register"
    return (
        f"{name_of(function)}: {wanted} is not free at {where}: {alive} values are "
        f"alive there, registers are {len(names)}"
    )


def assign(function: FuncOp, registers: dict[SSAValue, str]) -> None:
    """Writes registers into the types, and drops copies to the same register."""
    for value, name in registers.items():
        kind = type(value.type)
        assert issubclass(kind, RegisterType)
        Rewriter.replace_value_with_new_type(value, kind.from_name(name))
    for op in list(function.walk()):
        if isinstance(op, COPIES) and op.d.type == op.m.type:
            op.d.replace_all_uses_with(op.m)
            op.detach()
            op.erase()


def save_registers(function: FuncOp) -> None:
    """Pushes and pops what the function writes and its caller wants back."""
    written = {
        register_name(value)
        for value in values_of(function.body.block)
        if isinstance(value.type, CoreRegisterType)
    }
    saved = [name for name in SAVED_REGISTERS if name in written]
    if not saved:
        return
    if "lr" not in saved:
        saved.append("lr")
    registers = [CoreRegisterType.from_name(name) for name in saved]
    block = function.body.block
    Rewriter.insert_op(PushOp(registers), InsertPoint.at_start(block))
    ret = block.last_op
    assert isinstance(ret, RetOp)
    ret.registers = ArrayAttr(registers)
    for op in function.walk():
        if isinstance(op, LdrSpOp):
            offset = op.offset.value.data + 4 * len(saved)
            op.offset = IntegerAttr(offset, i32)


def return_in_r0(function: FuncOp) -> None:
    ret = function.body.block.last_op
    assert isinstance(ret, RetOp)
    if ret.value is None or register_name(ret.value) == "r0":
        return
    copy = MovOp(ret.value, CoreRegisterType.from_name("r0"))
    Rewriter.insert_op(copy, InsertPoint.before(ret))
    ret.operands[0] = copy.d


@dataclass(frozen=True)
class ThumbAllocatePass(ModulePass):
    """Gives the values of `thumb` functions registers."""

    name = "tinyml-thumb-allocate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in list(op.ops):
            if isinstance(function, FuncOp):
                allocate_function(function)


def allocate_function(function: FuncOp) -> None:
    if any(isinstance(op, PushOp) for op in function.body.block.ops):
        return
    return_in_r0(function)
    registers = allocate_all(function)
    copied: set[Operation] = set()
    while apart := out_of_row(function, registers):
        for op in apart:
            if op in copied:
                raise PassFailedException(
                    f"{name_of(function)}: no row of registers is free for {op.name}"
                )
            copy_row(op)
            copied.add(op)
        registers = allocate_all(function)
    assign(function, registers)
    save_registers(function)


def allocate_all(function: FuncOp) -> dict[SSAValue, str]:
    webs = insert_copies(function)
    core = allocate(function, webs, CoreRegisterType)
    return core | allocate(function, webs, FpuRegisterType)


def out_of_row(function: FuncOp, registers: dict[SSAValue, str]) -> list[Operation]:
    """Instructions whose registers should ascend and do not."""
    order = CORE_INDICES | FPU_INDICES
    found: list[Operation] = []
    for op in function.walk():
        for row, dense in rows_of(op):
            numbers = [order[registers[value]] for value in row]
            steps = [b - a for a, b in pairwise(numbers)]
            if any(step != 1 if dense else step < 1 for step in steps):
                found.append(op)
    return found


def copy_row(op: Operation) -> None:
    """Puts copies between an instruction and the values that it wants in a row."""
    for row, _ in rows_of(op):
        for value in row:
            copy = copy_of(value)
            copy.location = op.location
            if value.owner is op:
                value.replace_all_uses_with(copy.results[0])
                copy.operands[0] = value
                Rewriter.insert_op(copy, InsertPoint.after(op))
                continue
            place = InsertPoint.before(op)
            Rewriter.insert_op(copy, place)
            op.operands[op.operands.index(value)] = copy.results[0]
