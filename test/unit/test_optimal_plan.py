"""Plans that are proven smallest, against all plans there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE
from xdsl.dialects.builtin import MemRefType, i8, i32
from xdsl.ir import SSAValue
from xdsl.utils.test_value import create_ssa_value

from tinyml.passes.arena import (
    Allowance,
    Allowances,
    arena_size,
    lower_bound,
    place_greedily,
)
from tinyml.passes.live_ranges import LiveRange
from tinyml.passes.optimal_plan import Plan, Problem, place_optimally, shared_units

BYTES: SSAValue = create_ssa_value(MemRefType(i8, [1]))
WORDS: SSAValue = create_ssa_value(MemRefType(i32, [1]))


def lives(*items: tuple[int, int, int]) -> list[LiveRange]:
    """Buffers by (size, first, last)."""
    return [LiveRange(BYTES, *item) for item in items]


def is_plan(
    ranges: Sequence[LiveRange],
    allowances: Allowances,
    alignment: int,
    offsets: Sequence[int],
) -> bool:
    """Whether nothing overlaps that must not, byte by byte and time by time."""
    for i, a in enumerate(ranges):
        if offsets[i] % max(alignment, a.element_size):
            return False
        for j, b in enumerate(ranges[:i]):
            if not set(range(a.first, a.last + 1)) & set(range(b.first, b.last + 1)):
                continue
            if (allowed := allowances.get((j, i))) is not None:
                fine = allowed.holds(offsets[i] - offsets[j])
            elif (allowed := allowances.get((i, j))) is not None:
                fine = allowed.holds(offsets[j] - offsets[i])
            else:
                ends = offsets[i] + a.size, offsets[j] + b.size
                fine = ends[0] <= offsets[j] or ends[1] <= offsets[i]
            if not fine:
                return False
    return True


def all_plans(
    ranges: Sequence[LiveRange], alignment: int, top: int
) -> Iterator[tuple[int, ...]]:
    yield from product(*(range(0, top - item.size + 1, alignment) for item in ranges))


def smallest(
    ranges: Sequence[LiveRange], allowances: Allowances, alignment: int
) -> int:
    greedy = place_greedily(ranges, alignment, allowances, attempts=0)
    top = arena_size(ranges, greedy)
    return min(
        arena_size(ranges, offsets)
        for offsets in all_plans(ranges, alignment, top)
        if is_plan(ranges, allowances, alignment, offsets)
    )


def test_shared_units():
    assert shared_units(16, 16, Allowance(16, 16), 4) == 0
    # Three bytes apart are four.
    assert shared_units(16, 16, Allowance(3, 16), 4) == 3
    assert shared_units(16, 16, Allowance(16, 0), 4) == 4
    assert shared_units(16, 10, Allowance(10, 16, in_place=True), 4) == 3
    # The output may start up to five bytes above, so at the same place too.
    assert shared_units(16, 16, Allowance(-5, 16), 4) == 4


def test_bound_counts_what_alignment_leaves_unused():
    items = lives((5, 0, 0), (6, 0, 0), (9, 1, 1))
    # Five bytes, three that nobody can have, six; or six, two, five.
    assert Problem.of(items, {}, 4).bound() == 13
    assert place_optimally(items, 4) == Plan([8, 0, 0], 13)
    near = {(0, 1): Allowance(3, 5)}
    assert Problem.of(items, near, 4).bound() == 9
    assert lower_bound(items, near) == 9
    assert place_optimally([], 4) == Plan([], 0)


def test_better_than_the_bound_is_not_possible():
    """No three alive together need more than 4 units, but no plan of 4 exists."""
    items = lives((1, 0, 2), (1, 1, 4), (2, 3, 6), (1, 5, 8), (2, 7, 9), (1, 2, 3))
    plan = place_optimally(items, 1)
    assert plan.bound == arena_size(items, plan.offsets) == smallest(items, {}, 1)


def test_cut_short():
    items = lives(*((size, 0, 9) for size in (3, 5, 7)), (4, 2, 3), (9, 4, 6))
    plan = place_optimally(items, 4, nodes=0)
    assert plan.bound == Problem.of(items, {}, 4).bound()
    assert is_plan(items, {}, 4, plan.offsets)


Instance = tuple[list[LiveRange], Allowances, int]


@st.composite
def instances(draw: st.DrawFn, most: int, size: int) -> Instance:
    number = st.integers
    alignment = draw(st.sampled_from([1, 1, 2, 4]))
    items: list[LiveRange] = []
    for _ in range(draw(number(1, most))):
        first = draw(number(0, 4))
        value = draw(st.sampled_from([BYTES, BYTES, BYTES, WORDS]))
        last = draw(number(first, 5))
        items.append(LiveRange(value, draw(number(1, size)), first, last))
    allowed: dict[tuple[int, int], Allowance] = {}
    # A step writes one buffer; the last of each stands for it.
    for result in {item.first: number for number, item in enumerate(items)}.values():
        b = items[result]
        for source, a in enumerate(items):
            # The input dies where the output is written, and was there before.
            if a.last == b.first and a.first < b.first and draw(st.booleans()):
                below = draw(number(-a.size, b.size))
                above = draw(number(-b.size, a.size))
                in_place = draw(st.booleans())
                allowed[source, result] = Allowance(below, above, in_place)
    return items, allowed, alignment


@settings(STABLE, max_examples=120)
@given(instances(most=5, size=5))
def test_smallest_of_all_plans(instance: Instance):
    ranges, allowances, alignment = instance
    plan = place_optimally(ranges, alignment, allowances)
    assert is_plan(ranges, allowances, alignment, plan.offsets)
    size = arena_size(ranges, plan.offsets)
    assert size == plan.bound == smallest(ranges, allowances, alignment)
    bound = Problem.of(ranges, allowances, alignment).bound()
    assert bound <= size


@settings(STABLE, max_examples=60)
@given(instances(most=14, size=40))
def test_larger(instance: Instance):
    ranges, allowances, alignment = instance
    plan = place_optimally(ranges, alignment, allowances, nodes=300)
    assert is_plan(ranges, allowances, alignment, plan.offsets)
    greedy = place_greedily(ranges, alignment, allowances)
    size = arena_size(ranges, plan.offsets)
    assert plan.bound <= size <= arena_size(ranges, greedy)
