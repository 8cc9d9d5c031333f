"""Scheduling and colouring as functions of numbers and names, with worked-out answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tinyml.backend.cycle_model import m4_block_cycles, m7_block_cycles
from tinyml.backend.disassembly import Instruction
from tinyml.backend.target_machine import Core
from tinyml.dialects.thumb_shapes import is_modified_immediate
from tinyml.passes.thumb_coloring import NoRegister, Row, Web, color
from tinyml.passes.thumb_list_schedule import cycles, list_schedule
from tinyml.passes.thumb_liveness import overlap
from tinyml.passes.thumb_pressure import make_problem, peak_pressure

NAMES = ("r0", "r1", "r4", "r2")
ORDER = {"r0": 0, "r1": 1, "r2": 2, "r4": 4}


def code(text: str) -> list[Instruction]:
    """`name result operand...`, one a line; the result of a store is memory."""
    found: list[Instruction] = []
    for line in text.strip().splitlines():
        name, result, *operands = line.split()
        found.append(
            Instruction(
                address=0,
                size=4,
                name=name,
                text=line,
                reads=frozenset(operands),
                writes=frozenset([result]),
                operands=(result, *operands),
            )
        )
    return found


def scheduled(
    core: Core, text: str, kept: str, limit: int = 14, memory: str = "memory"
) -> Sequence[int]:
    block = code(text)
    registers = {name for i in block for name in i.reads | i.writes} - {memory}
    found = list_schedule(core, block, registers, {kept}, limit)
    assert cycles(core, [block[i] for i in found.indices]) == found.cycles
    assert found.least <= found.cycles
    return found.indices


DOT = """
ldr a x
ldr b w
smuad s a b
ldr c x
ldr d w
smlad t c d s
"""


def test_m4_groups_loads():
    assert scheduled("cortex-m4", DOT, "t") == [0, 1, 3, 4, 2, 5]
    block = code(DOT)
    assert m4_block_cycles(block) == 2 + 1 + 1 + 2 + 1 + 1
    assert m4_block_cycles([block[i] for i in (0, 1, 3, 4, 2, 5)]) == 2 + 3 + 2


def test_m7_loads_beside_multiplies():
    order = scheduled("cortex-m7", DOT, "t")
    block = code(DOT)
    assert m7_block_cycles([block[i] for i in order]) < m7_block_cycles(block)


@pytest.mark.parametrize("limit, order", [(5, [0, 1, 2]), (6, [0, 1, 3, 4])])
def test_limit(limit: int, order: list[int]):
    """x and w live on: with a, b, c and d that is 6, in the given order 5."""
    text = DOT + "smlad u x w t"
    block = code(text)
    registers = {name for i in block for name in i.reads | i.writes}
    found = list_schedule("cortex-m4", block, registers, {"u"}, limit).indices
    problem = make_problem(block, registers, {"u"})
    assert peak_pressure(problem, range(7)) == 5
    assert found[: len(order)] == order
    assert peak_pressure(problem, found) <= limit


def test_order_of_memory_and_names():
    text = """
    add p x
    str memory p x
    ldr a y memory
    add x y
    ldr b z memory
    """
    order = scheduled("cortex-m4", text, "b")
    place = {index: order.index(index) for index in range(5)}
    assert place[0] < place[1] < place[2]  # data; a load stays behind a store
    assert place[1] < place[3]  # x is read before it is overwritten
    assert place[1] < place[4]


def test_webs_that_meet_share_a_register():
    webs = [Web(((0, 3),)), Web(((3, 5),), like=(0,)), Web(((1, 5),))]
    assert color(webs, NAMES, ORDER) == ["r0", "r0", "r1"]


def test_a_hole_is_used():
    carried = Web(((0, 2), (6, 9)))
    sums = [Web(((2, 4),), like=(0,)), Web(((4, 6),), like=(1,))]
    assert color([carried, *sums, Web(((0, 9),))], NAMES, ORDER) == [
        "r0",
        "r0",
        "r0",
        "r1",
    ]


def test_rows_ascend():
    webs = [Web(((0, 9),), fixed="r2"), *(Web(((i, 9),)) for i in (3, 1, 2))]
    found = color(webs, NAMES, ORDER, [Row((1, 2, 3))])
    assert found == ["r2", "r0", "r1", "r4"]


def test_no_register_is_left():
    webs = [Web(((i, 9),)) for i in range(5)]
    with pytest.raises(NoRegister) as failure:
        color(webs, NAMES, ORDER)
    assert failure.value.web == 4
    with pytest.raises(NoRegister):
        color([Web(((0, 2),), "r0"), Web(((1, 3),), "r0")], NAMES, ORDER)


def test_webs_make_room():
    """The fourth likes the third's register, and then the last fits nowhere."""
    carried = Web(((1, 3), (5, 7)))
    webs = [Web(((0, 9),)), carried, Web(((2, 3),)), Web(((3, 5),), like=(2,))]
    assert color(webs, NAMES[:3], ORDER) == ["r0", "r1", "r4", "r4"]
    webs.append(Web(((4, 6),)))
    found = color(webs, NAMES[:3], ORDER)
    for index, web in enumerate(webs):
        for other in range(index):
            apart = not overlap(web.spans, webs[other].spans)
            assert apart or found[index] != found[other]


def test_overlap():
    assert not overlap([(0, 3), (5, 7)], [(3, 5), (7, 8)])
    assert overlap([(0, 3), (5, 7)], [(6, 8)])


IMMEDIATES = {
    0: True,
    255: True,
    256: True,
    257: False,
    0x3FC00: True,
    0x3FC01: False,
    0x00AB00AB: True,
    0xAB00AB00: True,
    0xABABABAB: True,
    0xABAB00AB: False,
    0xFF000000: True,
    0xF000000F: False,  # a byte may not wrap around
    -1: True,
    -2: False,
    -(1 << 31): True,
}


@pytest.mark.parametrize("number", IMMEDIATES)
def test_modified_immediates(number: int):
    assert is_modified_immediate(number) == IMMEDIATES[number]
