"""
Runs functions of instructions on a simulated core, once they have registers.

Nothing but the function is there: its code, its arguments in registers and on the
stack, and the memory that they point to. It has to return with the stack and the
registers that belong to its caller as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, arm_const
from xdsl.utils.exceptions import DiagnosticException, InterpretationError

from tinyml.backend.c_printer import print_only_thumb
from tinyml.backend.elf_image import read_function
from tinyml.backend.thumb_printer import PRELUDE
from tinyml.backend.toolchain import find_toolchain
from tinyml.backend.unicorn_hooks import Engine, UcError, new_engine
from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp

CORE = "cortex-m4"
PAGE = 0x1000
CODE, RETURN = 0x0800_0000, 0x0700_0000
STACK, STACK_BYTES = 0x1000_0000, 0x1_0000
SECONDS = 60

KEPT: dict[str, int] = {
    name: getattr(arm_const, f"UC_ARM_REG_{name.upper()}")
    for name in [f"r{n}" for n in range(4, 12)] + [f"d{n}" for n in range(8, 16)]
}
"""Registers that a function leaves to its caller as they were."""


def code_of(functions: Sequence[ThumbFuncOp], folder: Path) -> dict[str, bytes]:
    """
    The code of functions, by their names; those that have no registers yet have none.
    Raises ToolchainError if there is no assembler.
    """
    text = StringIO()
    text.write(f"#include <stdint.h>\n{PRELUDE}")
    names: list[str] = []
    for function in functions:
        part = StringIO()
        try:
            print_only_thumb(part, function)
        except DiagnosticException:
            continue
        names.append(function.sym_name.data)
        text.write(part.getvalue())
    if not names:
        return {}
    source = folder / "instructions.c"
    source.write_text(text.getvalue(), "utf-8")
    (found,) = find_toolchain(None, CORE).compile([source], folder)
    return {name: read_function(found.path, name) for name in names}


def pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def run_code(
    code: bytes, arguments: Sequence[int], memory: Mapping[int, bytearray]
) -> None:
    """
    Calls a function with words for arguments, which may change the memory given. Raises
    InterpretationError if it goes astray.
    """
    engine: Engine = new_engine(UC_ARCH_ARM, UC_MODE_THUMB)
    engine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    for address, data in ((CODE, code), (RETURN, b""), *memory.items()):
        start = address // PAGE * PAGE
        engine.mem_map(start, pages(address + len(data) - start + 1))
        engine.mem_write(address, bytes(data))
    engine.mem_map(STACK, STACK_BYTES)
    words = b"".join(
        (word & 0xFFFF_FFFF).to_bytes(4, "little") for word in arguments[4:]
    )
    top = (STACK + STACK_BYTES - len(words)) // 8 * 8
    engine.mem_write(top, words)
    for number, word in enumerate(arguments[:4]):
        engine.reg_write(arm_const.UC_ARM_REG_R0 + number, word & 0xFFFF_FFFF)
    for number, register in enumerate(KEPT.values()):
        engine.reg_write(register, 0xC0DE_0000 + number)
    engine.reg_write(arm_const.UC_ARM_REG_SP, top)
    engine.reg_write(arm_const.UC_ARM_REG_LR, RETURN | 1)
    try:
        engine.emu_start(CODE | 1, RETURN, timeout=SECONDS * 1_000_000)
    except UcError as error:
        raise InterpretationError(f"stops on a core: {error}") from error
    if engine.reg_read(arm_const.UC_ARM_REG_PC) != RETURN:
        raise InterpretationError(f"does not return within {SECONDS} s")
    if engine.reg_read(arm_const.UC_ARM_REG_SP) != top:
        raise InterpretationError("returns with another stack pointer")
    for number, (name, register) in enumerate(KEPT.items()):
        if engine.reg_read(register) != 0xC0DE_0000 + number:
            raise InterpretationError(f"does not restore {name}")
    for address, data in memory.items():
        data[:] = engine.mem_read(address, len(data))
