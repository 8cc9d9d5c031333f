"""
Gives the values of `thumb` functions registers: r0 to r12 and lr, and s0 to s15.

Expects `thumb` functions whose values have no register, or the one they must have.
Guarantees one for every value.

Values that an instruction overwrites in place, or that a loop carries around, share a
register; where they cannot, because one is needed longer, a copy is inserted. Then
`thumb_coloring` finds registers. Nothing is spilled: a function that needs more than
there are is erased, with a remark on the function of loops that does the same
(`tinyml-select-thumb`), or refused if there is none. What a caller wants back is
pushed, and popped on return.

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

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.backend.register_type import RegisterType
from xdsl.context import Context
from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerAttr,
    ModuleOp,
    SymbolRefAttr,
    i32,
)
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.thumb_alu import (
    MovOp,
    VmovFpuOp,
    VmovPairFromFpuOp,
    VmovPairToFpuOp,
)
from tinyml.dialects.thumb_control import FuncOp, LoopOp, PushOp, RepeatNeOp
from tinyml.dialects.thumb_memory import LdmOp, LdrSpOp, StmOp
from tinyml.dialects.thumb_registers import (
    CORE_INDICES,
    FPU_INDICES,
    SAVED_REGISTERS,
    CoreRegisterType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Accumulate
from tinyml.passes.remarks import remark
from tinyml.passes.select_thumb import THUMB
from tinyml.passes.thumb_code import Code, Line, form, read_code, write_code
from tinyml.passes.thumb_coloring import NoRegister, Row, Web, color
from tinyml.passes.thumb_copies import Webs, insert_copies
from tinyml.passes.thumb_liveness import overlap

CORE = ("r0", "r1", "r2", "r3", "r12", *SAVED_REGISTERS)
"""Registers in the order in which they are taken: first those that cost no saving."""
FPU = tuple(f"s{index}" for index in range(16))
INDICES = CORE_INDICES | FPU_INDICES

Registers = dict[int, str]
"""By value."""


class NoRegisters(PassFailedException):
    """Raised where registers are missing."""

    def __init__(self, message: str, place: int):
        super().__init__(message)
        self.place = place


def hints(code: Code, line: Line) -> Iterator[tuple[int, int]]:
    """Which result would like which operand's register."""
    if line.kind in (LoopOp, RepeatNeOp) or not line.writes or form(line.kind).tied:
        return
    result = line.writes[0]
    for value in line.reads[2:] if issubclass(line.kind, Accumulate) else line.reads:
        if type(code.types[value]) is type(code.types[result]):
            yield result, value


def row_of(line: Line) -> tuple[int, ...]:
    """Values that want ascending registers."""
    if line.kind is LdmOp or line.kind is StmOp:
        return (line.writes if line.kind is LdmOp else line.reads)[1:]
    if line.kind is VmovPairToFpuOp or line.kind is VmovPairFromFpuOp:
        return line.writes if line.kind is VmovPairToFpuOp else line.reads
    return ()


def is_dense(line: Line) -> bool:
    """Whether the registers of the row have to be one behind the other."""
    return line.kind is VmovPairToFpuOp or line.kind is VmovPairFromFpuOp


def allocate(code: Code, webs: Webs, kind: type[RegisterType]) -> Registers:
    """Registers of one kind for all values of that kind."""
    heads = [value for value in sorted(webs.members) if code.is_kind(value, kind)]
    index = {value: number for number, value in enumerate(heads)}
    like: dict[int, list[int]] = {}
    follows: dict[int, list[int]] = {}
    rows: list[Row] = []
    for line in code.lines:
        for result, operand in hints(code, line):
            if code.is_kind(result, kind):
                a, b = index[webs.head[result]], index[webs.head[operand]]
                like.setdefault(a, []).append(b)
                like.setdefault(b, []).append(a)
                if line.kind not in (MovOp, VmovFpuOp):
                    follows.setdefault(a, []).append(b)
        row = row_of(line)
        if row and code.is_kind(row[0], kind):
            numbers = tuple(index[webs.head[value]] for value in row)
            rows.append(Row(numbers, is_dense(line)))
    problem = [
        Web(
            tuple(webs.spans[value]),
            webs.fixed[value] or None,
            tuple(like.get(number, ())),
            tuple(follows.get(number, ())),
        )
        for number, value in enumerate(heads)
    ]
    core = kind is CoreRegisterType
    names, order = (CORE, CORE_INDICES) if core else (FPU, FPU_INDICES)
    try:
        found = color(problem, names, order, rows)
    except NoRegister as failure:
        message = no_register(code, problem, failure.web, names)
        raise NoRegisters(message, problem[failure.web].birth // 2) from None
    return {
        value: name
        for head, name in zip(heads, found, strict=True)
        for value in webs.members[head]
    }


def no_register(
    code: Code, problem: Sequence[Web], web: int, names: Sequence[str]
) -> str:
    """What to say of a web that no register is left for."""
    birth = problem[web].birth
    alive = sum(overlap(other.spans, [(birth, birth + 1)]) for other in problem)
    where = code.lines[birth // 2].kind.name if birth >= 0 else "the arguments"
    wanted = problem[web].fixed or "a register"
    return (
        f"@{code.name}: {wanted} is not free at {where}: {alive} values are alive "
        f"there, registers are {len(names)}"
    )


def join(code: Code, webs: Webs) -> None:
    """
    Lets results take over the register of what ends where they begin. It is in use for
    as long as before, but has no holes that something else could be stuck in.
    """
    for line in code.lines:
        if line.kind in (MovOp, VmovFpuOp):
            continue
        for result, operand in hints(code, line):
            if webs.lives[operand][1] == webs.lives[result][0]:
                if webs.merge(operand, result):
                    break


def allocate_all(code: Code) -> Registers:
    webs = insert_copies(code)
    join(code, webs)
    core = allocate(code, webs, CoreRegisterType)
    return core | allocate(code, webs, FpuRegisterType)


def out_of_row(code: Code, registers: Registers) -> list[int]:
    """Lines whose registers should ascend and do not, the last one first."""
    found: list[int] = []
    for place, line in enumerate(code.lines):
        numbers = [INDICES[registers[value]] for value in row_of(line)]
        steps = [b - a for a, b in pairwise(numbers)]
        if any(step != 1 if is_dense(line) else step < 1 for step in steps):
            found.append(place)
    return found[::-1]


def copy_row(code: Code, place: int) -> None:
    """Puts copies between a line and the values that it wants in a row."""
    line = code.lines[place]
    for value in row_of(line):
        if value in line.writes:
            copy = code.insert_copy(place + 1, value, line.location)
            code.rename({value: copy}, start=place + 2)
        else:
            copy = code.insert_copy(place, value, line.location)
            place += 1
            line = line.reading(line.reads.index(value), copy)
            code.lines[place] = line


def find_registers(code: Code) -> Registers:
    """Registers for all values, with copies where it takes some."""
    return_in_r0(code)
    registers = allocate_all(code)
    copied: set[tuple[int, ...]] = set()
    while places := out_of_row(code, registers):
        for place in places:
            line = code.lines[place]
            if line.writes in copied:
                raise NoRegisters(
                    f"@{code.name}: no row of registers is free for {line.kind.name}",
                    place,
                )
            copied.add(line.writes)
            copy_row(code, place)
        registers = allocate_all(code)
    return registers


def short_of_registers(code: Code) -> int | None:
    """The place of a line that no registers are found for; None if all have some."""
    try:
        find_registers(code.copy())
    except NoRegisters as failure:
        return failure.place
    return None


def assign(code: Code, registers: Registers) -> None:
    """Writes registers into the types, and drops copies to the same register."""
    types = {name: CoreRegisterType.from_name(name) for name in CORE_INDICES}
    types |= {name: FpuRegisterType.from_name(name) for name in FPU}
    for value, name in registers.items():
        code.types[value] = types[name]
    same: dict[int, int] = {}
    lines: list[Line] = []
    for line in code.lines:
        if line.kind in (MovOp, VmovFpuOp):
            source, copy = line.reads[0], line.writes[0]
            if registers[source] == registers[copy]:
                same[copy] = same.get(source, source)
                continue
        lines.append(line)
    code.lines = lines
    code.rename(same)


def save_registers(code: Code) -> None:
    """Pushes and pops what the function writes and its caller wants back."""
    written = {code.register(value) for line in code.lines for value in line.writes}
    saved = [name for name in SAVED_REGISTERS if name in written]
    if not saved:
        return
    if "lr" not in saved:
        saved.append("lr")
    registers = ArrayAttr([CoreRegisterType.from_name(name) for name in saved])
    for place, line in enumerate(code.lines):
        if line.kind is LdrSpOp:
            offset = line.properties["offset"]
            assert isinstance(offset, IntegerAttr)
            raised = IntegerAttr(offset.value.data + 4 * len(saved), i32)
            code.lines[place] = line.with_properties(offset=raised)
    code.lines[-1] = code.lines[-1].with_properties(registers=registers)
    push = Line(PushOp, (), (), code.lines[0].location, {"registers": registers})
    code.lines.insert(0, push)


def return_in_r0(code: Code) -> None:
    ret = code.lines[-1]
    if not ret.reads or code.register(ret.reads[0]) == "r0":
        return
    copy = code.insert_copy(len(code.lines) - 1, ret.reads[0], ret.location)
    code.types[copy] = CoreRegisterType.from_name("r0")
    code.lines[-1] = ret.reading(0, copy)


def keep_other(module: ModuleOp, function: FuncOp, reason: str) -> bool:
    """Erases a function of instructions if there is one of loops that does the same."""
    others = [
        op
        for op in module.ops
        if op.attributes.get(THUMB) == SymbolRefAttr(function.sym_name.data)
    ]
    for other in others:
        del other.attributes[THUMB]
        remark(other, ThumbAllocatePass.name, f"stays loops: {reason}")
    if others:
        Rewriter.erase_op(function)
    return bool(others)


@dataclass(frozen=True)
class ThumbAllocatePass(ModulePass):
    """Gives the values of `thumb` functions registers."""

    name = "tinyml-thumb-allocate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known: dict[Hashable, Registers] = {}
        for function in list(op.ops):
            if not isinstance(function, FuncOp):
                continue
            code = read_code(function)
            if any(line.kind is PushOp for line in code.lines):
                continue
            shape, count = code.shape(), len(code.lines)
            try:
                registers = known.get(shape) or find_registers(code)
            except NoRegisters as failure:
                if not keep_other(op, function, str(failure)):
                    raise
                continue
            if len(code.lines) == count:
                known[shape] = registers
            assign(code, registers)
            save_registers(code)
            write_code(code, function)
