"""Lives of buffers and their places in an arena, by hand and by brute force."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects import func, test
from xdsl.dialects.builtin import MemRefType, ModuleOp, i8, i32
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException
from xdsl.utils.test_value import create_ssa_value

from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr
from tinyml.dialects.network import network_function
from tinyml.dialects.tinyml import AddOp, AllocOp, ReshapeOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.passes.arena import (
    Allowance,
    align_up,
    arena_size,
    covered,
    gaps,
    live_bytes,
    lower_bound,
    place_greedily,
    place_in_order,
    place_separately,
)
from tinyml.passes.live_ranges import LiveRange, live_ranges

VALUE: SSAValue = create_ssa_value(MemRefType(i8, [1]))


def lives(*items: tuple[int, int, int]) -> list[LiveRange]:
    """Buffers by (size, first, last)."""
    return [LiveRange(VALUE, *item) for item in items]


# Pure functions


@pytest.mark.parametrize("place", [place_separately, place_greedily])
def test_elements_are_aligned_whatever_the_plan(
    place: Callable[[Sequence[LiveRange], int], list[int]],
):
    """A byte, then a float: with alignment 1 the float still starts at 4."""
    word = create_ssa_value(MemRefType(i32, [1]))
    offsets = place([LiveRange(VALUE, 1, 0, 1), LiveRange(word, 4, 0, 1)], 1)
    assert offsets[1] % 4 == 0


@pytest.mark.parametrize(
    "offset, alignment, expected",
    [(0, 4, 0), (1, 4, 4), (4, 4, 4), (5, 4, 8), (5, 1, 5), (17, 16, 32)],
)
def test_align_up(offset: int, alignment: int, expected: int):
    assert align_up(offset, alignment) == expected


@pytest.mark.parametrize(
    "a, b, expected",
    [
        ((1, 0, 2), (1, 2, 3), True),
        ((1, 0, 2), (1, 3, 3), False),
        ((1, 1, 1), (1, 0, 5), True),
        ((1, 4, 5), (1, 0, 3), False),
    ],
)
def test_overlaps(a: tuple[int, int, int], b: tuple[int, int, int], expected: bool):
    one, other = lives(a, b)
    assert one.overlaps(other) is expected
    assert other.overlaps(one) is expected


def test_arena_size():
    assert arena_size([], []) == 0
    assert arena_size(lives((10, 0, 0), (4, 0, 0)), [0, 12]) == 16
    assert arena_size(lives((10, 0, 0), (4, 1, 1)), [0, 4]) == 10


@pytest.mark.parametrize(
    "sizes, alignment, offsets",
    [([], 4, []), ([5, 8, 1, 3], 4, [0, 8, 16, 20]), ([5, 8, 1], 1, [0, 5, 13])],
)
def test_place_separately(sizes: list[int], alignment: int, offsets: list[int]):
    ranges = lives(*((size, 0, 0) for size in sizes))
    assert place_separately(ranges, alignment) == offsets


@pytest.mark.parametrize(
    "items, order, alignment, offsets",
    [
        # A chain: the third takes the first one's place.
        ([(8, 0, 1), (4, 1, 2), (6, 2, 3)], [0, 1, 2], 4, [0, 8, 0]),
        # The same, largest last: it goes above the second.
        ([(4, 0, 1), (4, 1, 2), (6, 2, 3)], [0, 1, 2], 4, [0, 4, 8]),
        # ... and largest first: the others go around it.
        ([(4, 0, 1), (4, 1, 2), (6, 2, 3)], [2, 1, 0], 4, [0, 8, 0]),
        # A hole of exactly the size is taken.
        ([(4, 0, 9), (4, 0, 1), (4, 0, 9), (4, 3, 4)], [0, 1, 2, 3], 4, [0, 4, 8, 4]),
        # One byte too many: above all.
        ([(4, 0, 9), (4, 0, 1), (4, 0, 9), (5, 3, 4)], [0, 1, 2, 3], 4, [0, 4, 8, 12]),
        # Ends are rounded up.
        ([(5, 0, 9), (3, 0, 9)], [0, 1], 4, [0, 8]),
        ([(5, 0, 9), (3, 0, 9)], [0, 1], 1, [0, 5]),
    ],
)
def test_place_in_order(
    items: list[tuple[int, int, int]],
    order: list[int],
    alignment: int,
    offsets: list[int],
):
    assert place_in_order(lives(*items), order, alignment) == offsets


def test_place_greedily_meets_the_bound():
    # By time the third goes above the second, to 14; large first 12 are enough, and 10
    # if the second is at the bottom.
    items = lives((4, 0, 1), (4, 1, 2), (6, 2, 3))
    assert arena_size(items, place_in_order(items, [0, 1, 2], 4)) == 14
    assert place_greedily(items, 4, attempts=0) == [0, 8, 0]
    assert lower_bound(items, {}) == 10
    assert place_greedily(items, 4) == [4, 0, 4]
    assert place_greedily([], 4) == []


def test_allowance():
    near = Allowance(below=3, above=10)
    assert [d for d in range(-6, 12) if near.holds(d)] == [-6, -5, -4, -3, 10, 11]
    assert near.span(10, 10) == 13
    assert near.span(10, 4) == 13
    assert near.span(4, 10) == 10
    assert Allowance(10, 10, in_place=True).span(10, 10) == 10
    assert Allowance(10, 10, in_place=True).holds(0)
    assert not Allowance(10, 10).holds(0)


def test_live_bytes():
    """A chain; what is alive, the least with allowances, the union of places."""
    items, near = lives((8, 0, 0), (8, 0, 1), (4, 1, 1)), {(0, 1): Allowance(2, 8)}
    assert live_bytes(items, 2) == [16, 12]
    assert live_bytes(items, 2, near) == [10, 12]
    assert live_bytes(items, 2, near, [4, 0, 8]) == [12, 12]
    assert live_bytes(items, 2, near, [0, 0, 4]) == [8, 8]
    # A hole between two buffers is not alive.
    assert live_bytes(items, 2, near, [20, 0, 100]) == [16, 12]
    assert live_bytes([], 0) == []


def test_live_bytes_share_no_byte_twice():
    """Two inputs that the output may replace save no more than the output."""
    items = lives((8, 0, 0), (8, 0, 0), (8, 0, 0))
    near = {(0, 2): Allowance(0, 8), (1, 2): Allowance(0, 8)}
    assert live_bytes(items, 1, near) == [16]


def test_an_output_may_share_bytes_with_a_dying_input():
    items, near = lives((100, 0, 0), (100, 0, 1)), {(0, 1): Allowance(8, 100)}
    assert lower_bound(items, near) == 108
    offsets = place_greedily(items, 4, near)
    assert arena_size(items, offsets) == 108
    assert near[0, 1].holds(offsets[1] - offsets[0])


@pytest.mark.parametrize(
    "used, expected",
    [
        ([], []),
        ([(0, 4)], []),
        ([(2, 4)], [(0, 2)]),
        ([(0, 4), (8, 9), (4, 6)], [(6, 8)]),
        ([(0, 10), (2, 3), (12, 13)], [(10, 12)]),
    ],
)
def test_gaps(used: list[tuple[int, int]], expected: list[tuple[int, int]]):
    assert gaps(used) == expected


@st.composite
def buffers(draw: st.DrawFn) -> list[LiveRange]:
    count = draw(st.integers(1, 7))
    items: list[tuple[int, int, int]] = []
    for _ in range(count):
        first = draw(st.integers(0, 5))
        items.append((draw(st.integers(1, 20)), first, draw(st.integers(first, 6))))
    return lives(*items)


def bytes_at(item: LiveRange, offset: int) -> set[tuple[int, int]]:
    """Every byte at every time."""
    return {
        (time, byte)
        for time in range(item.first, item.last + 1)
        for byte in range(offset, offset + item.size)
    }


STABLE = settings(deadline=None, derandomize=True, max_examples=150)


@STABLE
@given(buffers(), st.sampled_from([1, 2, 4, 8]), st.data())
def test_in_order_is_the_lowest_free_place(
    ranges: list[LiveRange], alignment: int, data: st.DataObject
):
    order = data.draw(st.permutations(range(len(ranges))))
    offsets = place_in_order(ranges, order, alignment)
    taken: set[tuple[int, int]] = set()
    for index in order:
        offset = 0
        while bytes_at(ranges[index], offset) & taken:
            offset += alignment
        assert offsets[index] == offset
        taken |= bytes_at(ranges[index], offset)


@STABLE
@given(buffers(), st.sampled_from([1, 4]))
def test_greedy_is_valid_and_bounded(ranges: list[LiveRange], alignment: int):
    offsets = place_greedily(ranges, alignment)
    taken: set[tuple[int, int]] = set()
    for item, offset in zip(ranges, offsets, strict=True):
        assert offset % alignment == 0
        assert not bytes_at(item, offset) & taken
        taken |= bytes_at(item, offset)
    size = arena_size(ranges, offsets)
    assert max(live_bytes(ranges, 7)) <= size
    assert size <= arena_size(ranges, place_separately(ranges, alignment))


@STABLE
@given(buffers(), st.data())
def test_live_bytes_are_those_of_every_byte(
    ranges: list[LiveRange], data: st.DataObject
):
    offsets = [data.draw(st.integers(0, 30)) for _ in ranges]
    places = zip(ranges, offsets, strict=True)
    held = {held for item, offset in places for held in bytes_at(item, offset)}
    found = live_bytes(ranges, 7, None, offsets)
    assert found == [sum(time == t for time, _ in held) for t in range(7)]


@STABLE
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=6))
def test_gaps_are_the_bytes_nobody_has(spans: list[tuple[int, int]]):
    used = [(start, start + size) for start, size in spans]
    held = {byte for span in used for byte in range(*span)}
    found = [byte for gap in gaps(used) for byte in range(*gap)]
    assert len(held) == covered(used)
    top = max((end for _, end in used), default=0)
    assert found == [byte for byte in range(top) if byte not in held]


# Lives in IR


def add(a: SSAValue, b: SSAValue, y: SSAValue) -> AddOp:
    one = RequantAttr(1 << 30, 1)
    return AddOp(a, b, y, [one] * 3, [0, 0, 0], [-128, 127], Rounding.SINGLE)


def residual_network() -> ModuleOp:
    """x -> a -> b; c = a + b; outputs c and d, where d is c reshaped."""
    builder = NetworkBuilder("main")
    x = builder.input([2, 3], i8, TensorAttr.get("x"))
    a, b = builder.buffer([2, 3], i8), builder.buffer([2, 3], i8)
    c, d = builder.buffer([2, 3], i8), builder.buffer([6], i8)
    builder.layer(ReshapeOp(x, a), "a")
    builder.layer(ReshapeOp(a, b), "b")
    builder.layer(add(a, b, c), "c")
    builder.layer(ReshapeOp(c, d), "d")
    return builder.finish([(c, TensorAttr.get("c")), (d, TensorAttr.get("d"))])


def test_live_ranges():
    found = live_ranges(network_function(residual_network()))
    # x, c, d are arguments, then a, b; outputs live on to the end.
    assert [(r.size, r.first, r.last) for r in found] == [
        (6, 0, 0),
        (6, 2, 3),
        (6, 3, 3),
        (6, 0, 2),
        (6, 1, 2),
    ]
    assert live_bytes(found, 4) == [12, 12, 18, 12]


def test_live_ranges_count_bytes():
    builder = NetworkBuilder("main")
    x = builder.input([5], i32, TensorAttr.get("x"))
    y = builder.buffer([5], i32)
    builder.layer(ReshapeOp(x, y), "y")
    module = builder.finish([(y, TensorAttr.get("y"))])
    found = live_ranges(network_function(module))
    assert [r.size for r in found] == [20, 20]


def test_unused_buffers_have_a_life_of_one_layer():
    builder = NetworkBuilder("main")
    x = builder.input([4], i8, TensorAttr.get("x"))
    builder.input([4], i8, TensorAttr.get("unused"))
    y, dead = builder.buffer([4], i8), builder.buffer([4], i8)
    builder.layer(ReshapeOp(x, y), "y")
    builder.layer(ReshapeOp(y, dead), "dead")
    module = builder.finish([(y, TensorAttr.get("y"))])
    found = live_ranges(network_function(module))
    assert [(r.first, r.last) for r in found] == [(0, 0), (0, 0), (0, 1), (1, 1)]


def test_network_without_layers():
    builder = NetworkBuilder("main")
    builder.input([4], i8, TensorAttr.get("x"))
    found = live_ranges(network_function(builder.finish([])))
    assert [(r.first, r.last) for r in found] == [(0, 0)]
    assert live_bytes(found, 0) == []


def network(*labels: str) -> tuple[func.FuncOp, dict[str, SSAValue]]:
    """x, the output y, and buffers a and b, with layers such as `x>a`."""
    builder = NetworkBuilder("main")
    values = {"x": builder.input([4], i8, TensorAttr.get("x"))}
    values |= {name: builder.buffer([4], i8) for name in "aby"}
    for label in labels:
        source, target = label.split(">")
        builder.layer(ReshapeOp(values[source], values[target]), label)
    function = network_function(builder.finish([(values["y"], TensorAttr.get("y"))]))
    return function, values


@pytest.mark.parametrize(
    "labels, message",
    [
        (["a>y"], "is read but never written"),
        (["x>a"], "output.* is read but never written"),
        (["x>a", "x>a", "a>y"], "is written more than once"),
        (["a>x", "x>y"], "input.* is written more than once"),
        (["a>y", "x>a"], "is read before it is written"),
    ],
)
def test_refused(labels: list[str], message: str):
    function, _ = network(*labels)
    with pytest.raises(DiagnosticException, match=message):
        live_ranges(function)


def test_refuses_users_that_are_no_layers():
    function, values = network("x>a", "a>y")
    assert isinstance(values["a"].owner, AllocOp)
    function.body.block.insert_op_after(test.TestOp([values["a"]]), values["a"].owner)
    with pytest.raises(DiagnosticException, match=r"test\.op, which is not a layer"):
        live_ranges(function)
