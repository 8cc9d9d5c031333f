"""
Values in the FPU: which ones, in worked-out cases, and that programs with more values
than registers compute what they did.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_thumb import BUFFER, run_both
from thumb_core import compiled
from thumb_programs import BYTES, Program, arithmetic
from xdsl.builder import ImplicitBuilder
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from tinyml.backend.target_machine import Core
from tinyml.dialects import thumb_alu as alu
from tinyml.dialects import thumb_memory as mem
from tinyml.dialects.thumb_control import FuncOp, RepeatNeOp, RetOp, make_loop
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.interp.thumb import run_thumb
from tinyml.passes.thumb_allocate import ThumbAllocatePass
from tinyml.passes.thumb_code import read_code
from tinyml.passes.thumb_liveness import alive
from tinyml.passes.thumb_schedule import ThumbSchedulePass
from tinyml.passes.thumb_spill import ThumbSpillPass
from tinyml.passes.thumb_spill_policy import (
    Candidate,
    Crowd,
    Inside,
    Plan,
    Read,
    Stay,
    choose,
    crowd,
    plan,
    stays,
)
from tinyml.passes.thumb_values import Values


def test_alive():
    assert alive([(-1, 2), (1, 4)], 4) == [1, 1, 2, 1, 1]
    crowded = crowd([1, 1, 2, 1, 1], [1, 0, 1, 2, 1])
    assert [n for n in range(-1, 4) if crowded.count((n, n + 1))] == [0, 1]
    crowded = crowd([1, 1, 2, 1, 1], [1] * 5)
    assert crowded.total == 1
    assert [crowded.count(span) for span in ((0, 2), (2, 4), (3, 1))] == [1, 0, 0]
    assert crowded.is_between(0, 2)
    assert not crowded.is_between(1, 2)
    assert not crowded.is_between(0, 1)


def crowded_at(*numbers: int) -> Crowd:
    return Crowd(number in numbers for number in range(-1, 200))


LOOP = Inside(4, 9, (6, 8))


@pytest.mark.parametrize(
    "reads, crowded, expected",
    [
        # Nothing is crowded where it matters: it stays where it was written.
        ((2, 3), [], [Stay(0, 3, 1, True)]),
        ((2, 3), [4, 6], [Stay(0, 3, 1, True)]),
        # Crowded before the first, and between the two.
        ((2, 3), [3], [Stay(0, 0, 1, True), Stay(2, 3, 1)]),
        ((2, 3), [5], [Stay(0, 2, 1, True), Stay(3, 3, 1)]),
        # A loop that is not crowded is one of the reads.
        ((2, LOOP, 10), [5], [Stay(0, 2, 1, True), Stay(4, 10, 1)]),
        # One that is reads for itself, once or more.
        (
            (2, LOOP, 10),
            [11],
            [Stay(0, 2, 1, True), Stay(6, 8, 2), Stay(10, 10, 1)],
        ),
        (
            (2, LOOP, 10),
            [14],
            [Stay(0, 2, 1, True), Stay(6, 6, 2), Stay(8, 8, 2), Stay(10, 10, 1)],
        ),
    ],
)
def test_stays(reads: tuple[Read, ...], crowded: list[int], expected: list[Stay]):
    assert list(stays(reads, crowded_at(*crowded), 1, birth=1)) == expected


def test_plan():
    """Written outside of a loop, read in it where there is room, and behind it."""
    value = Candidate((1, 21), 0, (Inside(4, 9, (6,)), 10))
    assert plan(value, crowded_at()) is None
    assert plan(value, crowded_at(12)) is None  # just where it is read
    found = plan(value, crowded_at(9, 10, 12, 14))
    stay = (Stay(0, 0, 0, True), Stay(6, 6, 1), Stay(10, 10, 0))
    assert found == Plan(stay, cost=1 + 8 + 1, relief=3)
    again = Candidate(value.span, 0, value.reads, is_free=True)
    assert plan(again, crowded_at(9, 10, 12, 14)) == Plan(stay, 8 + 1, 3)


def test_choose():
    """What a loop does not use before what it does."""
    used = Candidate((1, 19), 0, (Inside(4, 9, (6,)),))
    unused = Candidate((3, 21), 0, (10,))
    crowded = crowded_at(*range(9, 18))
    found = [plan(value, crowded) or pytest.fail("none") for value in (used, unused)]
    assert (found[1].cost, found[1].relief) == (2, 9)
    assert choose(dict(enumerate(found))) == 1
    assert plan(Candidate((1, 3), 0, (1,)), crowded) is None
    assert choose({}) is None


def flat(reads: tuple[Read, ...]) -> Iterator[int]:
    for read in reads:
        if isinstance(read, Inside):
            yield from flat(read.reads)
        else:
            yield read


@st.composite
def nested(draw: st.DrawFn, start: int = 1, depth: int = 0) -> tuple[Read, ...]:
    """Reads in order, with loops among them."""
    found: list[Read] = []
    for _ in range(draw(st.integers(1, 4))):
        start += draw(st.integers(1, 3))
        if depth < 2 and draw(st.booleans()):
            reads = draw(nested(start, depth + 1))
            last = max(flat(reads)) + draw(st.integers(1, 2))
            last = max(last, *(r.last for r in reads if isinstance(r, Inside)), 0) + 1
            found.append(Inside(start, last, reads))
            start = last
        else:
            found.append(start)
    return tuple(found)


@given(nested(), st.sets(st.integers(1, 120)))
def test_all_reads_are_served(reads: tuple[Read, ...], numbers: set[int]):
    """Each read is in one stay, which is crowded where something is read at most."""
    crowded = crowded_at(*numbers)
    found = list(stays(reads, crowded, 0, birth=1))
    assert found[0].from_birth
    assert not any(stay.from_birth for stay in found[1:])
    for read in flat(reads):
        assert sum(stay.first <= read <= stay.last for stay in found) == 1
    at_reads = {2 * read for read in flat(reads)}
    for stay in found:
        start = 1 if stay.from_birth else 2 * stay.first
        inner = set(range(start + 1, 2 * stay.last))
        assert not numbers & inner - at_reads


class Crowded(Program):
    """Makes functions whose values are all stored at the end, some used in loops."""

    def crowded_function(self, name: str, values: int, loops: int) -> FuncOp:
        types = [CoreRegisterType.from_name(f"r{index}") for index in range(4)]
        block = Block(arg_types=types)
        buffer, *words = block.args
        with ImplicitBuilder(block):
            pool: list[SSAValue] = [*words, mem.LdrSpOp(0).d, mem.LdrSpOp(4).d]
            pool += self.compute(pool, values - len(pool))
            for _ in range(loops):
                pool += self.crowded_loop(pool, 2)
            for index, value in enumerate(pool):
                mem.StrOp(value, buffer, 4 * index)
            RetOp(pool[0])
        return FuncOp(name, Region(block))

    def compute(self, pool: list[SSAValue], count: int) -> list[SSAValue]:
        """So many new values of those in a pool."""
        made: list[SSAValue] = []
        while len(made) < count:
            op = arithmetic(self.rng, self.rng.choice(self.kinds), [*pool, *made])
            if op is not None:
                made += op.results
        return made[:count]

    def crowded_loop(self, pool: list[SSAValue], depth: int) -> list[SSAValue]:
        """A loop that carries two values and uses some of the pool."""
        turns = alu.MovwOp(self.rng.randint(1, 3)).d
        starts = [alu.MovOp(v).d for v in self.rng.sample(pool, 2)]
        loop, body = make_loop([turns, *starts])
        with ImplicitBuilder(body):
            count, *carried = body.args
            used = [*self.rng.sample(pool, 5), *carried]
            made = self.compute(used, 3)
            if depth > 1:
                made += self.crowded_loop([*used, *made], depth - 1)
            made = self.compute([*used[2:], *made], 4)
            left = alu.SubsImmOp(count, 1)
            RepeatNeOp(left.flags, [left.d, *(alu.MovOp(v).d for v in made[-2:])])
        return list(loop.ends[1:])


def most_alive(module: ModuleOp) -> int:
    (function,) = module.ops
    assert isinstance(function, FuncOp)
    return max(Values(read_code(function)).alive(CoreRegisterType))


def check_program(
    directory: Path, seed: int, values: int, loops: int, core: Core, search: bool
) -> None:
    before = ModuleOp([Crowded(seed).crowded_function("f", values, loops)])
    before.verify()
    after = before.clone()
    ThumbSpillPass(core=core if search else None).apply(Context(), after)
    after.verify()
    assert most_alive(after) <= 14
    ThumbSchedulePass(core).apply(Context(), after)
    ThumbAllocatePass().apply(Context(), after)
    after.verify()
    code = compiled(after, directory)["f"]
    rng = random.Random(seed)
    words = [BUFFER, *(rng.getrandbits(32) for _ in range(5))]
    run_both(before, after, code, words, rng.randbytes(BYTES))


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("search", [False, True])
@pytest.mark.parametrize(
    "seed, values, loops",
    [(1, 18, 0), (2, 24, 0), (3, 14, 1), (4, 18, 1), (5, 20, 1), (6, 16, 2)],
)
def test_on_a_core(
    tmp_path: Path, seed: int, values: int, loops: int, core: Core, search: bool
):
    check_program(tmp_path, seed, values, loops, core, search)


@given(st.integers(), st.integers(6, 22), st.integers(0, 2), st.integers(10, 16))
@settings(max_examples=40, deadline=None)
def test_interpreted(seed: int, values: int, loops: int, registers: int):
    before = ModuleOp([Crowded(seed).crowded_function("f", values, loops)])
    after = before.clone()
    ThumbSpillPass(registers).apply(Context(), after)
    after.verify()
    if most_alive(before) <= registers and str(after) == str(before):
        return
    words = [BUFFER, *(random.Random(seed).getrandbits(32) for _ in range(5))]
    results: list[tuple[int | None, bytes]] = []
    for module in (before, after):
        memory = {BUFFER: bytearray(BYTES)}
        results.append((run_thumb(module, "f", words, memory), bytes(memory[BUFFER])))
    assert results[0] == results[1]


def test_what_fits_is_left_alone():
    module = ModuleOp([Program(3).function("f", 30, 2)])
    before = str(module)
    ThumbSpillPass().apply(Context(), module)
    assert str(module) == before


def test_too_many_for_any_register():
    """Loops carry more values than there are registers: the allocator says so."""
    block = Block(arg_types=[CoreRegisterType.from_name("r0")])
    with ImplicitBuilder(block):
        starts = [alu.MovwOp(index).d for index in range(15)]
        loop, body = make_loop(starts)
        with ImplicitBuilder(body):
            flags = alu.CmpImmOp(body.args[0], 0)
            RepeatNeOp(flags.flags, body.args)
        for index, value in enumerate(loop.ends):
            mem.StrOp(value, block.args[0], 4 * index)
        RetOp()
    module = ModuleOp([FuncOp("f", Region(block))])
    ThumbSpillPass().apply(Context(), module)
    module.verify()
    with pytest.raises(PassFailedException, match="registers are 14"):
        ThumbAllocatePass().apply(Context(), module)
