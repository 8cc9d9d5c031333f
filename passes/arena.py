"""
Offsets of buffers in one arena: pure functions on sizes, lives and allowances.

Buffers whose lives overlap get disjoint bytes, but for a layer's input and output where
the layer's kernel allows them to share some (`Allowance`). The arena ends at its
highest byte. No element lies at an address that is not a multiple of its size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinyml.passes.live_ranges import LiveRange


def align_up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


@dataclass(frozen=True)
class Allowance:
    """
    How far the output of a layer may start from an input that dies there: `below` bytes
    or more below it, `above` or more above it, or, if `in_place`, exactly there.
    """

    below: int
    above: int
    in_place: bool = False

    def holds(self, distance: int) -> bool:
        """Whether the output may start so many bytes above its input."""
        return (
            distance <= -self.below
            or distance >= self.above
            or (self.in_place and distance == 0)
        )

    def span(self, source: int, result: int) -> int:
        """The least bytes that an input and an output of these sizes take together."""
        nearest = (-self.below, self.above, 0, source - result)
        return min(
            max(source, distance + result) - min(distance, 0)
            for distance in nearest
            if self.holds(distance)
        )


Allowances = Mapping[tuple[int, int], Allowance]
"""By the numbers of the ranges of the input and of the output."""


def arena_size(ranges: Sequence[LiveRange], offsets: Sequence[int]) -> int:
    """Bytes from the start of the arena to the end of its highest buffer."""
    return max((o + r.size for o, r in zip(offsets, ranges, strict=True)), default=0)


def live_bytes(
    ranges: Sequence[LiveRange],
    steps: int,
    allowances: Allowances | None = None,
    offsets: Sequence[int] | None = None,
) -> list[int]:
    """
    Bytes alive at each of `steps` layers: with offsets, those that at least one buffer
    holds; without, the least that any plan of these allowances can hold, which is the
    sum of what is alive, less the most that an output can share with its inputs.
    """
    times = range(steps)
    alive = [[i for i, r in enumerate(ranges) if r.first <= t <= r.last] for t in times]
    if offsets is not None:
        spans = [(o, o + r.size) for o, r in zip(offsets, ranges, strict=True)]
        return [covered([spans[i] for i in now]) for now in alive]
    shared: dict[int, int] = {}
    for (source, result), allowance in (allowances or {}).items():
        sizes = ranges[source].size, ranges[result].size
        saved = sum(sizes) - allowance.span(*sizes)
        step = ranges[result].first
        # Inputs of one layer share no bytes, so the output shares no byte twice.
        shared[step] = min(shared.get(step, 0) + saved, ranges[result].size)
    return [
        sum(ranges[i].size for i in now) - shared.get(t, 0)
        for t, now in enumerate(alive)
    ]


def lower_bound(ranges: Sequence[LiveRange], allowances: Allowances) -> int:
    """Bytes below which no plan of these lives and allowances can be."""
    steps = max((r.last for r in ranges), default=-1) + 1
    return max(live_bytes(ranges, steps, allowances), default=0)


def place_separately(ranges: Sequence[LiveRange], alignment: int) -> list[int]:
    """No sharing: each buffer after the one before."""
    offsets: list[int] = []
    offset = 0
    for item in ranges:
        offset = align_up(offset, max(alignment, item.element_size))
        offsets.append(offset)
        offset += item.size
    return offsets


@dataclass(frozen=True)
class Rival:
    """Another buffer, and how far a buffer's offset has to be from the other's."""

    other: int
    low: int
    high: int
    in_place: bool
    """Offsets strictly between `low` and `high` are taken, but 0 may be allowed."""


def rivals(ranges: Sequence[LiveRange], allowances: Allowances) -> list[list[Rival]]:
    """For each buffer those that are alive with it."""
    found: list[list[Rival]] = [[] for _ in ranges]
    for i, a in enumerate(ranges):
        for j, b in enumerate(ranges[:i]):
            if not a.overlaps(b):
                continue
            low, high, in_place = -a.size, b.size, False
            if (shared := allowances.get((j, i))) is not None:
                low, high, in_place = -shared.below, shared.above, shared.in_place
            elif (shared := allowances.get((i, j))) is not None:
                low, high, in_place = -shared.above, shared.below, shared.in_place
            found[i].append(Rival(j, low, high, in_place))
            found[j].append(Rival(i, -high, -low, in_place))
    return found


@dataclass(frozen=True)
class Placement:
    """Buffers, the rivals and the alignment of each."""

    ranges: Sequence[LiveRange]
    rivals: Sequence[Sequence[Rival]]
    alignments: Sequence[int]

    def in_order(self, order: Sequence[int], top: int | None = None) -> list[int]:
        """
        Places buffers one after the other at the lowest offset that is allowed. With
        `top`, those at odd places of the order go as high below it as is allowed, where
        anything is.
        """
        offsets: dict[int, int] = {}
        for number, index in enumerate(order):
            high = top is not None and number % 2 == 1
            placed = self.highest(index, offsets, top) if top and high else None
            offsets[index] = self.lowest(index, offsets) if placed is None else placed
        return [offsets[index] for index in range(len(self.ranges))]

    def taken(self, index: int, offsets: Mapping[int, int]) -> list[tuple[int, int]]:
        """Open intervals in which the buffer's offset must not lie."""
        found: list[tuple[int, int]] = []
        for rival in self.rivals[index]:
            if (place := offsets.get(rival.other)) is None:
                continue
            if rival.in_place and rival.low < 0 < rival.high:
                found += [(place + rival.low, place), (place, place + rival.high)]
            elif rival.low < rival.high:
                found.append((place + rival.low, place + rival.high))
        return found

    def lowest(self, index: int, offsets: Mapping[int, int]) -> int:
        step, taken = self.alignments[index], self.taken(index, offsets)
        offset = 0
        while ends := [high for low, high in taken if low < offset < high]:
            offset = align_up(max(ends), step)
        return offset

    def highest(self, index: int, offsets: Mapping[int, int], top: int) -> int | None:
        step, taken = self.alignments[index], self.taken(index, offsets)
        offset = (top - self.ranges[index].size) // step * step
        while offset >= 0:
            below = [low for low, high in taken if low < offset < high]
            if not below:
                return offset
            offset = min(below) // step * step
        return None


def placement_of(
    ranges: Sequence[LiveRange], allowances: Allowances, alignment: int
) -> Placement:
    alignments = [max(alignment, item.element_size) for item in ranges]
    return Placement(ranges, rivals(ranges, allowances), alignments)


def place_in_order(
    ranges: Sequence[LiveRange],
    order: Sequence[int],
    alignment: int,
    allowances: Allowances | None = None,
) -> list[int]:
    """Places buffers in `order`, each at the lowest offset that is allowed."""
    return placement_of(ranges, allowances or {}, alignment).in_order(order)


def place_greedily(
    ranges: Sequence[LiveRange],
    alignment: int,
    allowances: Allowances | None = None,
    attempts: int = 300,
    enough: int = 0,
) -> list[int]:
    """
    The best of a few greedy orders, then improved by moving the buffers that reach the
    top, and those beside them, to other places of the order. Seeded; ends when the
    lower bound is met, or the bytes that the caller knows to be `enough`.
    """
    allowances = allowances or {}
    placement = placement_of(ranges, allowances, alignment)
    plans = [(order, placement.in_order(order)) for order in greedy_orders(ranges)]
    order, offsets = min(plans, key=lambda plan: arena_size(ranges, plan[1]))
    bound = max(enough, lower_bound(ranges, allowances))
    size = arena_size(ranges, offsets)
    chance, top = random.Random(0), None
    for _ in range(attempts):
        if size <= bound:
            break
        highest = [i for i, r in enumerate(ranges) if offsets[i] + r.size == size]
        beside = [rival.other for i in highest for rival in placement.rivals[i]]
        moved = chance.choice([*highest, *beside])
        candidate = [index for index in order if index != moved]
        candidate.insert(chance.randrange(len(order)), moved)
        candidate_top = chance.choice([top, top, None, bound, (bound + size) // 2])
        found = placement.in_order(candidate, candidate_top)
        if (reached := arena_size(ranges, found)) <= size:
            order, top, offsets, size = candidate, candidate_top, found, reached
    return offsets


def greedy_orders(ranges: Sequence[LiveRange]) -> list[list[int]]:
    """
    Large first, as TFLite Micro's planner; long-lived first; area first; in order of
    time; and as they come, which is never worse than no sharing.
    """
    keys: list[Callable[[LiveRange], tuple[int, ...]]] = [
        lambda r: (-r.size, r.first),
        lambda r: (r.first - r.last, -r.size),
        lambda r: (-r.size * (r.last - r.first + 1), r.first),
        lambda r: (r.first, -r.size),
        lambda r: (),
    ]
    return [
        sorted(range(len(ranges)), key=lambda i, key=key: (*key(ranges[i]), i))
        for key in keys
    ]


def gaps(used: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Byte ranges [start, end) from 0 to the last end that no range covers."""
    found: list[tuple[int, int]] = []
    reached = 0
    for start, end in sorted(used):
        if start > reached:
            found.append((reached, start))
        reached = max(reached, end)
    return found


def covered(used: Sequence[tuple[int, int]]) -> int:
    """How many bytes lie in at least one of the ranges [start, end)."""
    top = max((end for _, end in used), default=0)
    return top - sum(end - start for start, end in gaps(used))
