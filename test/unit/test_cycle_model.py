"""The cycle model against costs worked out by hand from its own rules."""

from __future__ import annotations

import pytest

from tinyml.backend.cycle_model import (
    block_cycles,
    ends_in_jump,
    m4_block_cycles,
    m7_block_cycles,
)
from tinyml.backend.disassembly import (
    Instruction,
    branch_target,
    disassemble,
    disassemble_all,
    frame_bytes,
)
from tinyml.backend.elf_image import read_function
from tinyml.backend.toolchain import find_toolchain

# name: (assembly, cycles on M4, cycles on M7); loops and blocks end before a jump.
BLOCKS = {
    "one_add": ("adds r0, r0, r1", 1, 1),
    "two_adds_pair_on_m7": ("adds r0, r0, #1; add r2, r2, #1", 2, 1),
    "dependent_adds": ("add r0, r0, r1; add r0, r0, r2", 2, 2),
    "load": ("ldr r0, [r1]", 2, 1),
    "loads_pipeline": ("ldr r0, [r1]; ldr r2, [r3]; ldr r4, [r5]", 2 + 1 + 1, 3),
    "load_of_loaded_address": ("ldr r0, [r1]; ldr r2, [r0]", 2 + 2, 3),
    "load_after_store": ("str r0, [r1]; ldr r2, [r3]", 1 + 1, 2),
    "load_then_use": ("ldr r0, [r1]; add r0, r0, r2", 2 + 1, 3),
    "write_back_counts_as_dependent": ("ldr r0, [r1], #4; ldr r2, [r1], #4", 4, 3),
    "store": ("strb r0, [r1]", 1, 1),
    "store_indexed": ("str r0, [r1, r2]", 2, 1),
    "vstr": ("vstr s0, [r1]", 2, 1),
    "ldm_of_4": ("ldm r0!, {r1-r4}", 1 + 4, 2),
    "push_of_3": ("push {r4, r5, lr}", 1 + 3, 2),
    "ldrd": ("ldrd r0, r1, [r2]", 1 + 2, 1),
    "vldm_of_two_doubles": ("vldmia r0!, {d0-d1}", 1 + 4, 2),
    "divide": ("sdiv r0, r1, r2", 7, 1),
    "divide_then_use": ("sdiv r0, r1, r2; add r0, r0, #1", 8, 8),
    "vdiv": ("vdiv.f32 s0, s1, s2", 14, 1),
    "vfma": ("vfma.f32 s0, s1, s2", 3, 1),
    "vadd_then_use": ("vadd.f32 s0, s1, s2; vmul.f32 s0, s0, s3", 1 + 1 + 1, 4),
    "vmov_one_core_register": ("vmov s0, r0", 1, 1),
    "vmov_two_core_registers": ("vmov r0, r1, s0, s1", 2, 1),
    "smlad_chain_forwards": ("smlad r0, r1, r2, r0; smlad r0, r3, r4, r0", 2, 2),
    "smlad_result_to_alu": ("smlad r0, r1, r2, r0; add r0, r0, #1", 2, 3),
    "mac_next_to_shifter": ("smlad r0, r1, r2, r0; sxtb16 r3, r4", 2, 1),
    "two_shifters": ("sxtb16 r0, r1; sxtb16 r2, r3", 2, 2),
    "compare_and_it": ("cmp r0, r1; it eq; moveq r2, #1", 3, 2),
}

JUMPS = {
    "branch_back": "1: subs r0, r0, #1; bne 1b",
    "return_by_pop": "pop {r4, pc}",
    "call": "bl jump_branch_back",
    "no_jump": "adds r0, r0, #1",
}

FRAMES = {
    "pushes_and_locals": ("push {r4-r11, lr}; sub sp, #20; add sp, #20", 36 + 20),
    "doubles": ("push {r4, lr}; vpush {d8-d9}; vpop {d8-d9}; pop {r4, pc}", 8 + 16),
    "two_exits": (
        "push {r4, lr}; cbz r0, 1f; pop {r4, pc}; 1: push {r5}; pop {r5}; pop {r4, pc}",
        12,
    ),
    "pre_indexed_store": ("str lr, [sp, #-8]!; ldr pc, [sp], #8", 8),
    "none": ("bx lr", 0),
}


def _naked(name: str, assembly: str) -> str:
    text = assembly.replace("; ", "\\n")
    return (
        f"__attribute__((naked, used)) void {name}(void) "
        f'{{ __asm__ volatile("{text}"); }}\n'
    )


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The code of each snippet, by prefixed name."""
    directory = tmp_path_factory.mktemp("cycles")
    source = directory / "blocks.c"
    source.write_text(
        "".join(_naked(f"block_{n}", b[0]) for n, b in BLOCKS.items())
        + "".join(_naked(f"jump_{n}", b) for n, b in JUMPS.items())
        + "".join(_naked(f"frame_{n}", b[0]) for n, b in FRAMES.items())
    )
    (built,) = find_toolchain(None, "cortex-m4").compile([source], directory)
    return {name: read_function(built.path, name) for name in built.stack_usage}


def _block(code: bytes) -> list[Instruction]:
    block = disassemble(code, 0)
    # zig puts a trap or a return behind naked code; it is no part of the snippet.
    while block and block[-1].name in ("udf", "trap"):
        block.pop()
    return block


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks(assembled: dict[str, bytes], name: str):
    _, m4, m7 = BLOCKS[name]
    block = _block(assembled[f"block_{name}"])
    assert (m4_block_cycles(block), m7_block_cycles(block)) == (m4, m7)


def test_taken_jumps(assembled: dict[str, bytes]):
    loop = _block(assembled["jump_branch_back"])
    assert ends_in_jump(loop)
    assert branch_target(loop[-1]) == 0
    # 10 times round: 9 taken, 1 falls through; 2 cycles each, 2 more if taken.
    assert block_cycles("cortex-m4", loop, 10, 1) == 10 * 2 + 9 * 2
    # The two pair; the one time that it falls through it is mispredicted.
    assert block_cycles("cortex-m7", loop, 10, 1) == 10 * 1 + 1 * 8


def test_which_blocks_jump(assembled: dict[str, bytes]):
    assert ends_in_jump(_block(assembled["jump_return_by_pop"]))
    assert ends_in_jump(_block(assembled["jump_call"]))
    assert branch_target(_block(assembled["jump_call"])[-1]) is None
    straight = _block(assembled["jump_no_jump"])
    assert not ends_in_jump(straight)
    assert block_cycles("cortex-m4", straight, 5, 0) == 5
    assert block_cycles("cortex-m7", straight, 5, 0) == 5


@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_assembly(assembled: dict[str, bytes], name: str):
    assert frame_bytes(assembled[f"frame_{name}"]) == FRAMES[name][1]


def test_constants_between_code_are_skipped():
    # bx lr; a word that is no instruction; adds r0, r0, r1
    code = bytes.fromhex("7047 00b8 00b8 4018")
    assert [item.name for item in disassemble_all(code, 0)] == ["bx", "add"]


def test_instruction_facts():
    (load,) = disassemble(bytes.fromhex("51f82320"), 0x100)  # ldr.w r2, [r1, r3, lsl 2]
    assert load.name == "ldr"
    assert load.base == "r1"
    assert load.register_offset
    assert load.reads == {"r1", "r3"}
    assert load.writes == {"r2"}
    (pop,) = disassemble(bytes.fromhex("f0bd"), 0)  # pop {r4-r7, pc}
    assert (pop.words, pop.base) == (5, "sp")
