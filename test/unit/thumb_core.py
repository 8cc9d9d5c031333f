"""Functions of the `thumb` dialect on a simulated Cortex-M4, without any harness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, arm_const
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.c_printer import print_code
from tinyml.backend.elf_image import read_function
from tinyml.backend.toolchain import find_toolchain
from tinyml.backend.unicorn_hooks import new_engine
from tinyml.dialects.thumb_control import FuncOp

CODE, STACK, STACK_BYTES = 0x1000, 0x2010_0000, 0x1000
RETURN = 0x100
"""Where a function returns to; nothing is there."""

ARGUMENTS = (
    arm_const.UC_ARM_REG_R0,
    arm_const.UC_ARM_REG_R1,
    arm_const.UC_ARM_REG_R2,
    arm_const.UC_ARM_REG_R3,
)
SAVED = tuple(getattr(arm_const, f"UC_ARM_REG_R{index}") for index in range(4, 12))


def compiled(
    module: ModuleOp, directory: Path, toolchain: str | None = None
) -> dict[str, bytes]:
    """The machine code of each function of a module."""
    text = StringIO("#include <stdint.h>\n")
    text.seek(0, 2)
    print_code(text, module)
    source = directory / "thumb.c"
    source.write_text(text.getvalue())
    tools = find_toolchain(toolchain, "cortex-m4")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    (built,) = tools.compile([source], directory, extra_flags=flags)
    names = [op.sym_name.data for op in module.ops if isinstance(op, FuncOp)]
    return {name: read_function(built.path, name) for name in names}


def run_on_core(
    code: bytes,
    arguments: Sequence[int],
    memory: Mapping[int, bytearray],
) -> int:
    """
    Calls a function; the memory is what it leaves. What r0 holds behind it. Whatever a
    function has to preserve is checked.
    """
    engine = new_engine(UC_ARCH_ARM, UC_MODE_THUMB)
    engine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    engine.mem_map(0, 0x10_0000)
    engine.mem_map(0x2000_0000, 0x20_0000)
    engine.mem_map(0xE000_E000, 0x1000)
    engine.mem_write(0xE000_ED88, (0xF << 20).to_bytes(4, "little"))  # FPU on
    engine.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)
    engine.mem_write(CODE, code)
    for address, data in memory.items():
        engine.mem_write(address, bytes(data))
    stack = STACK - 4 * max(len(arguments) - 4, 0)
    for index, word in enumerate(arguments[4:]):
        engine.mem_write(stack + 4 * index, (word & 0xFFFF_FFFF).to_bytes(4, "little"))
    for register, word in zip(ARGUMENTS, arguments, strict=False):
        engine.reg_write(register, word & 0xFFFF_FFFF)
    for index, register in enumerate(SAVED):
        engine.reg_write(register, 0xCAFE_0000 + index)
    engine.reg_write(arm_const.UC_ARM_REG_SP, stack)
    engine.reg_write(arm_const.UC_ARM_REG_LR, RETURN | 1)
    engine.emu_start(CODE | 1, RETURN, 0, 10_000_000)
    assert engine.reg_read(arm_const.UC_ARM_REG_PC) == RETURN
    assert engine.reg_read(arm_const.UC_ARM_REG_SP) == stack
    for index, register in enumerate(SAVED):
        assert engine.reg_read(register) == 0xCAFE_0000 + index, f"r{index + 4} is lost"
    for address, data in memory.items():
        data[:] = engine.mem_read(address, len(data))
    return engine.reg_read(arm_const.UC_ARM_REG_R0)
