"""Functions as lines and numbers: what they are read from, they are written as."""

from __future__ import annotations

import random

import pytest
from thumb_programs import Program
from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

from tinyml.backend.cycle_model import (
    M7Pipeline,
    m4_block_cycles,
    m4_cycles,
    m7_block_cycles,
)
from tinyml.backend.target_machine import Core
from tinyml.dialects import thumb_alu as alu
from tinyml.dialects import thumb_memory as mem
from tinyml.dialects.thumb_control import FuncOp, RepeatNeOp, RetOp, make_loop
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.passes.thumb_allocate import ThumbAllocatePass
from tinyml.passes.thumb_code import read_code, write_code
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_list_schedule import cycles, fewest_cycles
from tinyml.passes.thumb_liveness import depths, lives
from tinyml.passes.thumb_runs import find_runs, segments
from tinyml.passes.thumb_schedule import Schedule


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("allocated", [False, True])
def test_round_trip(seed: int, allocated: bool):
    function = Program(seed).function("f", 40, 2)
    module = ModuleOp([function])
    if allocated:
        ThumbAllocatePass().apply(Context(), module)
    before = str(module)
    write_code(read_code(function), function)
    module.verify()
    assert str(module) == before


def walking(offset: int) -> FuncOp:
    """Adds up words; what is loaded first is added last."""
    registers = [CoreRegisterType.from_name(name) for name in ("r0", "r1")]
    block = Block(arg_types=registers)
    x, end = block.args
    with ImplicitBuilder(block):
        zero = alu.MovImmOp(0).d
        loop, body = make_loop([x, zero])
        with ImplicitBuilder(body):
            at, total = body.args
            late = mem.LdrOp(at, offset)
            word = mem.LdrPostOp(at, 4)
            total = alu.AddOp(alu.AddOp(total, word.d).d, late.d).d
            flags = alu.CmpOp(word.base, end).flags
            RepeatNeOp(flags, [word.base, total])
        RetOp(loop.ends[1])
    return FuncOp("f", Region(block))


def test_lives():
    code = read_code(walking(8))
    kinds = [line.kind.name.removeprefix("thumb.") for line in code.lines]
    assert kinds == "mov_imm loop ldr ldr_post add add cmp repeat_ne ret".split()
    assert depths(code) == [0, 0, 1, 1, 1, 1, 1, 1, 0]
    assert segments(code.lines) == [0, 0, 1, 1, 1, 1, 1, 1, 2]
    x, end, zero, at, total, late, word, base, sum1, sum2, flags, last, result = lives(
        code
    )
    assert (x, zero) == ((-1, 3), (1, 3))  # up to the loop
    assert end == (-1, 15)  # read in the loop: to its end
    assert (at, total) == ((3, 7), (3, 9))
    assert (late, word, base) == ((5, 11), (7, 9), (7, 15))
    assert (sum1, sum2, flags) == ((9, 11), (11, 15), (13, 15))
    assert (last, result) == ((15, 16), (15, 17))


def test_runs_differ_in_names_only():
    """What goes around in a loop keeps its name; offsets do not matter."""
    runs = [find_runs(read_code(walking(offset))) for offset in (8, 12)]
    assert runs[0] == runs[1]
    ((places, run),) = runs[0]
    assert places == range(2, 7)
    assert run.reads == ((0,), (0,), (3, 2), (4, 1), (0, 5))
    assert run.writes == ((1,), (2, 0), (4,), (3,), (6,))
    assert run.core == {0, 1, 2, 3, 4, 5}
    assert (run.kept, run.through) == ({0, 3, 5}, 0)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("seed", range(4))
def test_cycles_add_up(seed: int, core: Core):
    """Of a block, and of one instruction after the other, in a schedule, too."""
    code = read_code(Program(seed).function("f", 60, 1))
    insert_copies(code)
    schedule = Schedule(code, core)
    rng = random.Random(seed)
    for (_, run), (_, cost, bound) in zip(
        schedule.runs, schedule.estimates(), strict=True
    ):
        block = run.instructions()
        assert fewest_cycles(core, block) <= cycles(core, block)
        assert bound <= cost
        rng.shuffle(block)
        assert fewest_cycles(core, block) <= cycles(core, block)
        pipeline, total = M7Pipeline(), 0
        for instruction in block:
            total += pipeline.cost(instruction)
            pipeline.issue(instruction)
        assert m7_block_cycles(block) == total + 1
        steps = map(m4_cycles, block, [None, *block])
        assert m4_block_cycles(block) == sum(steps)
