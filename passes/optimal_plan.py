"""
Offsets in an arena that is proven to be as small as can be: pure functions on sizes,
lives and allowances.

Where the greedy plan ends at a bound that no plan can be below, it is taken as it is.
Otherwise a search asks for an arena of one byte less, as long as there is one. It keeps
for each buffer the lowest and the highest offset that are still possible. Of two
buffers that are alive together it is open which one lies below the other, or by how
much they share bytes. What is the only way left narrows the offsets. If the lowest
offsets of all keep apart what has to be apart, they are a plan; if not, the search
decides on one pair that they do not, in each of its ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tinyml.passes.arena import (
    Allowance,
    Allowances,
    align_up,
    arena_size,
    lower_bound,
    place_greedily,
    placement_of,
)
from tinyml.passes.live_ranges import LiveRange

FAR = 1 << 40
"""More than any distance in an arena."""

Distances = tuple[tuple[int, int], ...]
"""Intervals, ends included, for the distance from one buffer to another."""


@dataclass(frozen=True)
class Plan:
    """Offsets, and the bytes that no plan of the same buffers can be below."""

    offsets: list[int]
    bound: int


class OutOfNodes(Exception):
    """The search has taken as many decisions as it may."""


@dataclass(frozen=True)
class Pair:
    """Two buffers, and how far above the first one the second one may start."""

    first: int
    second: int
    ways: Distances


@dataclass
class Node:
    """The lowest and highest offset of each buffer, and the ways left for each pair."""

    lowest: list[int]
    highest: list[int]
    ways: list[Distances]

    def decided(self, pair: int, way: tuple[int, int]) -> Node:
        ways = [*self.ways]
        ways[pair] = (way,)
        return Node([*self.lowest], [*self.highest], ways)


@dataclass(frozen=True)
class Problem:
    """Buffers with their alignments, and what of them is alive together."""

    ranges: Sequence[LiveRange]
    alignments: Sequence[int]
    pairs: Sequence[Pair]
    together: Sequence[Sequence[int]]
    shared: Mapping[tuple[int, int], int]
    """Units that an input and an output can share at most, with the output's."""
    unit: int

    @staticmethod
    def of(
        ranges: Sequence[LiveRange], allowances: Allowances, alignment: int
    ) -> Problem:
        placement = placement_of(ranges, allowances, alignment)
        pairs: list[Pair] = []
        for second, rivals in enumerate(placement.rivals):
            for rival in rivals:
                if rival.other > second or rival.low >= rival.high:
                    continue
                ways = [(-FAR, rival.low), (rival.high, FAR)]
                if rival.in_place and rival.low < 0 < rival.high:
                    ways.append((0, 0))
                pairs.append(Pair(rival.other, second, tuple(ways)))
        shared = {
            (source, result): shared_units(
                ranges[source].size, ranges[result].size, allowance, alignment
            )
            for (source, result), allowance in allowances.items()
        }
        alive = alive_together(ranges)
        return Problem(ranges, placement.alignments, pairs, alive, shared, alignment)

    def least_bytes(self, buffers: Sequence[int]) -> int:
        """
        Bytes that buffers need, all alive together, from an offset that is a multiple
        of the unit. As all offsets are, two buffers are in one unit only if they share
        bytes; the last of the units may end early.
        """
        sizes = {index: self.ranges[index].size for index in buffers}
        units = {index: -(-size // self.unit) for index, size in sizes.items()}
        saved: dict[int, int] = {}
        for (source, result), count in self.shared.items():
            if source in sizes and result in sizes:
                # Inputs of one layer share no bytes, so the output shares none twice.
                count += saved.get(result, 0)
                saved[result] = min(count, units[result])
        unused = [units[index] * self.unit - size for index, size in sizes.items()]
        total = sum(units.values()) - sum(saved.values())
        return total * self.unit - max(unused, default=0)

    def bound(self) -> int:
        """Bytes that no plan can be below."""
        return max(map(self.least_bytes, self.together), default=0)


def shared_units(source: int, result: int, allowance: Allowance, unit: int) -> int:
    """
    Units that an input and an output of these sizes can have in common at most: at the
    distance next to 0 that is allowed, below or above it.
    """
    near = (-align_up(allowance.below, unit), align_up(allowance.above, unit), 0)
    spans = [max(source, d + result) - min(d, 0) for d in near if allowance.holds(d)]
    separate = align_up(source, unit) + align_up(result, unit)
    return max(0, (separate - align_up(min(spans), unit)) // unit)


def alive_together(ranges: Sequence[LiveRange]) -> list[list[int]]:
    """The buffers alive at each step, where they are not all alive at another one."""
    steps = sorted({item.first for item in ranges})
    alive = [[i for i, r in enumerate(ranges) if r.first <= t <= r.last] for t in steps]
    sets = [frozenset(now) for now in alive]
    return [
        now
        for now, step in zip(alive, sets, strict=True)
        if not any(step < other for other in sets)
    ]


@dataclass
class Search:
    """Looks for a plan that ends at `top` or below."""

    problem: Problem
    top: int
    nodes: int

    def find(self) -> list[int] | None:
        """Offsets, or None if there are none. Raises OutOfNodes."""
        problem = self.problem
        highest = [
            (self.top - item.size) // step * step
            for item, step in zip(problem.ranges, problem.alignments, strict=True)
        ]
        ways = [pair.ways for pair in problem.pairs]
        open = [Node([0 for _ in highest], highest, ways)]
        seen = 0
        while open:
            if seen == self.nodes:
                raise OutOfNodes
            seen += 1
            node = open.pop()
            if not self.narrow(node):
                continue
            pair = self.conflict(node)
            if pair is None:
                return node.lowest
            # The way that moves buffers least is looked at first.
            moves = [(self.move(node, pair, way), way) for way in node.ways[pair]]
            open += [node.decided(pair, way) for _, way in sorted(moves, reverse=True)]
        return None

    def narrow(self, node: Node) -> bool:
        """Follows what is decided, to the end; whether a plan is still possible."""
        changed = True
        while changed:
            changed = False
            for number, pair in enumerate(self.problem.pairs):
                least, most = self.distances(node, pair)
                ways = tuple(
                    way
                    for way in node.ways[number]
                    if way[0] <= most and least <= way[1]
                )
                if not ways:
                    return False
                node.ways[number] = ways
                (least, most), *others = ways
                if others or not self.enforce(node, pair, least, most):
                    continue
                changed = True
                for index in (pair.first, pair.second):
                    if node.lowest[index] > node.highest[index]:
                        return False
        return all(self.fits(node, buffers) for buffers in self.problem.together)

    def distances(self, node: Node, pair: Pair) -> tuple[int, int]:
        first, second = pair.first, pair.second
        least = node.lowest[second] - node.highest[first]
        return least, node.highest[second] - node.lowest[first]

    def enforce(self, node: Node, pair: Pair, least: int, most: int) -> bool:
        """Narrows the offsets of a pair to a range of distances; whether it did."""
        first, second = pair.first, pair.second
        raised = self.raise_to(node, second, node.lowest[first] + least)
        raised |= self.raise_to(node, first, node.lowest[second] - most)
        lowered = self.lower_to(node, second, node.highest[first] + most)
        lowered |= self.lower_to(node, first, node.highest[second] - least)
        return raised or lowered

    def raise_to(self, node: Node, index: int, offset: int) -> bool:
        if offset <= node.lowest[index]:
            return False
        node.lowest[index] = align_up(offset, self.problem.alignments[index])
        return True

    def lower_to(self, node: Node, index: int, offset: int) -> bool:
        if offset >= node.highest[index]:
            return False
        step = self.problem.alignments[index]
        node.highest[index] = offset // step * step
        return True

    def fits(self, node: Node, buffers: Sequence[int]) -> bool:
        """Whether those that have to lie within a range of bytes have room there."""
        places = [
            (node.lowest[i], node.highest[i] + self.problem.ranges[i].size)
            for i in buffers
        ]
        starts, ends = ({place[side] for place in places} for side in (0, 1))
        for start, end in product(sorted(starts), sorted(ends)):
            inside = [
                index
                for index, place in zip(buffers, places, strict=True)
                if start <= place[0] and place[1] <= end
            ]
            if len(inside) > 1 and self.problem.least_bytes(inside) > end - start:
                return False
        return True

    def conflict(self, node: Node) -> int | None:
        """The pair of most bytes that the lowest offsets bring too near each other."""
        ranges, pairs = self.problem.ranges, self.problem.pairs
        found = [
            number
            for number, ways in enumerate(node.ways)
            if min(self.move(node, number, way) for way in ways) > 0
        ]
        sizes = {
            n: ranges[pairs[n].first].size + ranges[pairs[n].second].size for n in found
        }
        return max(found, key=lambda number: (sizes[number], -number), default=None)

    def move(self, node: Node, number: int, way: tuple[int, int]) -> int:
        """By how much the lowest offsets of a pair miss a range of distances."""
        pair = self.problem.pairs[number]
        distance = node.lowest[pair.second] - node.lowest[pair.first]
        return max(way[0] - distance, distance - way[1], 0)


def place_optimally(
    ranges: Sequence[LiveRange],
    alignment: int,
    allowances: Allowances | None = None,
    nodes: int = 2_000,
) -> Plan:
    """
    The smallest plan, as far as a search of at most so many decisions for each arena
    tried can tell. It is proven where its size is its `bound`.
    """
    allowances = allowances or {}
    problem = Problem.of(ranges, allowances, alignment)
    bound = max(problem.bound(), lower_bound(ranges, allowances))
    offsets = place_greedily(ranges, alignment, allowances, enough=bound)
    while (size := arena_size(ranges, offsets)) > bound:
        try:
            found = Search(problem, size - 1, nodes).find()
        except OutOfNodes:
            break
        if found is None:
            return Plan(offsets, size)
        offsets = found
    return Plan(offsets, bound)
