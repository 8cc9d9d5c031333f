"""
Thumb machine code as `Instruction` values: what the cycle model and the stack analysis
need to know, and no more. The only module that touches capstone, which has no types.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import capstone


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction; registers are lower-case names, flags are `cpsr`."""

    address: int
    size: int
    """Bytes: 2 or 4."""
    name: str
    """Mnemonic without condition, width or flag suffix: `bne.w` is `b`."""
    text: str
    reads: frozenset[str]
    writes: frozenset[str]
    operands: tuple[str, ...] = ()
    """The operands in order: a register's name, `#value`, or `mem`."""
    words: int = 0
    """Words moved by a transfer of several registers."""
    base: str | None = None
    """Base register of a memory access."""
    register_offset: bool = False
    """True if the address has an index register."""


LOADS_SEVERAL = frozenset({"ldm", "ldmdb", "pop", "vldmia", "vldmdb", "vpop", "ldrd"})
STORES_SEVERAL = frozenset(
    {"stm", "stmdb", "push", "vstmia", "vstmdb", "vpush", "strd"}
)
SEVERAL = LOADS_SEVERAL | STORES_SEVERAL


@functools.cache
def _decoder() -> Any:
    decoder = capstone.Cs(
        capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
    )
    decoder.detail = True
    return decoder


def _words(name: str, operands: tuple[str, ...]) -> int:
    if name not in SEVERAL:
        return 0
    if name in ("ldrd", "strd"):
        return 2
    registers = [item for item in operands if item[0] not in "#" and item != "mem"]
    if not name.endswith(("push", "pop")):
        registers = registers[1:]
    return sum(2 if item.startswith("d") else 1 for item in registers)


def _convert(raw: Any) -> Instruction:
    name: str = raw.insn_name()
    read, written = raw.regs_access()
    operands: list[str] = []
    base: str | None = None
    register_offset = False
    for operand in raw.operands:
        if operand.type == capstone.arm.ARM_OP_MEM:
            operands.append("mem")
            base = raw.reg_name(operand.mem.base) if operand.mem.base else None
            register_offset = operand.mem.index != 0
        elif operand.type == capstone.arm.ARM_OP_REG:
            operands.append(raw.reg_name(operand.reg))
        else:
            operands.append(f"#{operand.imm}")
    if base is None and name in SEVERAL:
        base = "sp" if name.endswith(("push", "pop")) else operands[0]
    return Instruction(
        address=raw.address,
        size=raw.size,
        name=name,
        text=f"{raw.mnemonic} {raw.op_str}".strip(),
        reads=frozenset(raw.reg_name(register) for register in read),
        writes=frozenset(raw.reg_name(register) for register in written),
        operands=tuple(operands),
        words=_words(name, tuple(operands)),
        base=base,
        register_offset=register_offset,
    )


def disassemble(code: bytes, address: int) -> list[Instruction]:
    """Decode up to the end or the first bytes that are no instruction."""
    return [_convert(raw) for raw in _decoder().disasm(code, address)]


def disassemble_all(code: bytes, address: int) -> list[Instruction]:
    """Decode all of `code`, skipping constants two bytes at a time."""
    found: list[Instruction] = []
    start = 0
    while start + 2 <= len(code):
        part = disassemble(code[start:], address + start)
        found += part
        start += sum(item.size for item in part) + 2
    return found


def branch_target(instruction: Instruction) -> int | None:
    """Where a direct jump (not a call) goes."""
    if instruction.name not in ("b", "cbz", "cbnz"):
        return None
    last = instruction.operands[-1]
    return int(last[1:]) if last.startswith("#") else None


def _stack_change(instruction: Instruction) -> int:
    """Bytes by which an instruction makes the stack deeper."""
    name, operands = instruction.name, instruction.operands
    if name in ("push", "vpush"):
        return 4 * instruction.words
    if name in ("pop", "vpop"):
        return -4 * instruction.words
    if "sp" not in instruction.writes:
        return 0
    if name in ("stmdb", "vstmdb") and instruction.base == "sp":
        return 4 * instruction.words
    if name in ("ldm", "vldmia") and instruction.base == "sp":
        return -4 * instruction.words
    if name in ("sub", "add", "subw", "addw") and operands[-1].startswith("#"):
        change = int(operands[-1][1:])
        return change if name.startswith("sub") else -change
    if name in ("str", "strd") and "]!" in instruction.text:
        return -int(instruction.text.rpartition("#")[2].rstrip("]!"), 0)
    return 0


def frame_bytes(code: bytes) -> int:
    """
    The deepest the stack gets in a function's own code, in bytes.

    Follows the code in order; after a return the frame counts as still there, because
    what follows was jumped to from within it. Exact for a function that sets up its
    frame at the start, an upper bound otherwise.
    """
    depth = deepest = 0
    for instruction in disassemble_all(code, 0):
        depth = max(0, depth + _stack_change(instruction))
        deepest = max(deepest, depth)
        if "pc" in instruction.writes:
            depth = deepest
    return deepest
