"""
The `thumb` dialect against the world: what a compiler assembles and capstone reads, and
what a simulated core makes of random programs that were scheduled and allocated.
"""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from thumb_core import compiled, run_on_core
from thumb_programs import BYTES, Program, sample
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.disassembly import Instruction, disassemble
from tinyml.backend.elf_image import read_function
from tinyml.backend.target_machine import Core
from tinyml.backend.thumb_printer import instruction_line
from tinyml.backend.toolchain import find_toolchain
from tinyml.dialects import thumb_shapes as shapes
from tinyml.dialects.thumb import instructions
from tinyml.interp.thumb import run_thumb
from tinyml.passes.thumb_allocate import ThumbAllocatePass
from tinyml.passes.thumb_schedule import ThumbSchedulePass
from tinyml.passes.thumb_spill import ThumbSpillPass

BUFFER = 0x2000_0000
SAMPLES = 12
CAPSTONE = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12"}
"""What it calls some registers."""


def spelled(text: str) -> str:
    """An instruction as both the printer and capstone would spell it."""
    text = re.sub(r"\b(sb|sl|fp|ip)\b", lambda m: CAPSTONE[m[0]], text)
    name, _, operands = text.partition(" ")
    name = name.removesuffix(".w")
    found: list[str] = []
    for operand in operands.replace(",", " , ").replace("]", " ]").split():
        if operand.startswith("#"):
            operand = f"#{int(operand[1:], 0) & 0xFFFFFFFF}"
        found.append(operand)
    if name == "add" and len(found) == 5 and found[0] in (found[2], found[4]):
        # The short form names the register that it writes once.
        other = found[4] if found[0] == found[2] else found[2]
        found = [found[0], ",", other]
    return " ".join([name, *found]).replace(" , #0 ]", " ]")


def test_every_instruction_assembles(tmp_path: Path):
    rng = random.Random(1)
    ops = [sample(rng, kind) for kind in instructions() for _ in range(SAMPLES)]
    for op in ops:
        op.verify()
    lines = [instruction_line(op) for op in ops]
    body = "".join(f'"{line}\\n"\n' for line in lines)
    source = tmp_path / "all.c"
    source.write_text(
        f'__attribute__((naked, used)) void all(void) {{ __asm__(".syntax unified\\n"'
        f'\n{body}"bx lr\\n"); }}'
    )
    (built,) = find_toolchain(None, "cortex-m4").compile([source], tmp_path)
    code = disassemble(read_function(built.path, "all"), 0)
    assert len(code) > len(lines)
    for line, op, found in zip(lines, ops, code, strict=False):
        assert spelled(line) == spelled(found.text), op.name
        check_registers(op, found)


def check_registers(op: shapes.Instruction, found: Instruction):
    """What capstone says is read and written is what the op says."""
    reads = {shapes.register_name(value) for value in op.operands}
    writes = {shapes.register_name(value) for value in op.results} - {""}
    read, written = (
        {CAPSTONE.get(name, name) for name in names - {"sp", "cpsr"}}
        for names in (found.reads, found.writes)
    )
    assert writes == written, found.text
    assert read <= reads, found.text  # it does not know of all that are rotated


def run_both(
    before: ModuleOp, after: ModuleOp, code: bytes, words: list[int], data: bytes
) -> None:
    """A program in the interpreter, before and after passes, and on a core."""
    results: list[tuple[int | None, bytes]] = []
    for module in (before, after):
        memory = {BUFFER: bytearray(data)}
        results.append((run_thumb(module, "f", words, memory), bytes(memory[BUFFER])))
    memory = {BUFFER: bytearray(data)}
    results.append((run_on_core(code, words, memory), bytes(memory[BUFFER])))
    assert results[0] == results[1], "the interpreter sees a difference"
    assert results[0] == results[2], "the core sees a difference"


def check_program(
    directory: Path, seed: int, core: Core | None, length: int, loops: int
) -> None:
    before = ModuleOp([Program(seed).function("f", length, loops)])
    before.verify()
    after = before.clone()
    if seed % 2 or core is not None:
        ThumbSpillPass(9 if seed % 2 else 14, core).apply(Context(), after)
        after.verify()
    if core is not None:
        ThumbSchedulePass(core).apply(Context(), after)
        after.verify()
    ThumbAllocatePass().apply(Context(), after)
    after.verify()
    code = compiled(after, directory)["f"]
    rng = random.Random(seed)
    for _ in range(3):
        words = [BUFFER, *(rng.getrandbits(32) for _ in range(5))]
        run_both(before, after, code, words, rng.randbytes(BYTES))


@pytest.mark.parametrize("core", [None, "cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("seed", range(8))
def test_straight_code(tmp_path: Path, seed: int, core: Core | None):
    check_program(tmp_path, seed, core, length=200, loops=0)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("seed", range(100, 106))
def test_loops(tmp_path: Path, seed: int, core: Core):
    check_program(tmp_path, seed, core, length=30, loops=3)


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not installed",
)
def test_compilers_agree(tmp_path: Path):
    module = ModuleOp([Program(7).function("f", 300, 2)])
    ThumbAllocatePass().apply(Context(), module)
    clang = compiled(module, tmp_path)["f"]
    gcc = compiled(module, tmp_path, "arm-none-eabi-gcc")["f"]
    length = min(len(clang), len(gcc))
    assert clang[:length] == gcc[:length]
    assert abs(len(clang) - len(gcc)) <= 4  # what stands behind the return
