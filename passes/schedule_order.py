"""
The order of a network's layers that needs the fewest bytes at once: pure functions on
numbers.

What counts is the measure of `arena.lower_bound`: at each layer the bytes of all
buffers alive, less what the layer's output can share with inputs that die there.

The search asks whether there is an order of at most so many bytes, and halves the range
between what no order can avoid and the best one known. It walks the sets of layers
done, remembers those it has seen, and gives up no choice that could matter:

    Let the search get from a set S to a larger set T within the limit, and let no set
    between the two, on whatever way, have fewer bytes alive than T. Then an order
    continues from S within the limit only if one continues from T.

For take an order from S, and move the layers of T that S lacks to its front. Bytes
alive are a submodular function of the set of layers done: of any D and T, their union
and their intersection, alive(D | T) + alive(D & T) <= alive(D) + alive(T), as a buffer
is alive from when the set has its writer until it has all its readers. D & T lies
between S and T, so alive(D | T) <= alive(D): no layer finds more bytes alive than
before, and inputs that died at it still do. A layer that leaves no more alive is the
least such T: it runs at once. What remains to be chosen is the order of hills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Layer:
    """What an order has to know of a layer; buffers are numbers."""

    inputs: tuple[int, ...]
    """The buffers that it reads, each once."""
    output: int
    scratch: int = 0
    shared: tuple[tuple[int, int], ...] = ()
    """Inputs, and the most bytes that the output can share with each if it dies."""


@dataclass(frozen=True)
class Graph:
    """
    Layers in an order that is possible, and the bytes of their buffers. Buffers that no
    layer writes are there from the start; the `kept` ones stay to the end.
    """

    sizes: Sequence[int]
    layers: Sequence[Layer]
    kept: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Schedule:
    """An order of layers, its peak in bytes, and whether no order has a lower one."""

    order: list[int]
    peak: int
    is_optimal: bool


class OutOfStates(Exception):
    """The search has seen as many sets of layers as it may."""


BETWEEN = 64
"""Sets between two sets that are looked at to show that a choice does not matter."""


def mask(numbers: Sequence[int]) -> int:
    found = 0
    for number in numbers:
        found |= 1 << number
    return found


def members(mask: int) -> list[int]:
    found: list[int] = []
    while mask:
        found.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return found


class Ordering:
    """A graph with its relations as sets of layers, which are bit masks."""

    def __init__(self, graph: Graph):
        self.graph, self.layers = graph, graph.layers
        self.all = (1 << len(self.layers)) - 1
        writers = {layer.output: number for number, layer in enumerate(self.layers)}
        self.readers = [0 for _ in graph.sizes]
        for number, layer in enumerate(self.layers):
            for buffer in layer.inputs:
                self.readers[buffer] |= 1 << number
        # One more layer, which never runs, reads what is kept.
        for buffer in graph.kept:
            self.readers[buffer] |= self.all + 1
        self.needs = [
            mask([writers[buffer] for buffer in layer.inputs if buffer in writers])
            for layer in self.layers
        ]
        self.given = [b for b in range(len(graph.sizes)) if b not in writers]
        self.start = sum(graph.sizes[b] for b in self.given if self.readers[b])
        self.first_extra = sum(graph.sizes[b] for b in self.given) - self.start
        """Bytes that nobody reads count at the first layer, as `live_ranges` does."""

    def ready(self, done: int, candidates: int) -> int:
        """The candidates that may run next."""
        return mask([n for n in members(candidates) if not self.needs[n] & ~done])

    def step(self, done: int, live: int, number: int) -> tuple[int, int]:
        """The bytes alive while a layer runs and after it."""
        layer, sizes = self.layers[number], self.graph.sizes
        left, size = ~(done | 1 << number), sizes[layer.output]
        dying = [b for b in layer.inputs if not self.readers[b] & left]
        shared = sum(bytes for buffer, bytes in layer.shared if buffer in dying)
        needed = live + size + layer.scratch - min(shared, size)
        kept = size if self.readers[layer.output] else 0
        needed += 0 if done else self.first_extra
        return needed, live + kept - sum(sizes[b] for b in dying)

    def peak(self, order: Sequence[int]) -> int:
        done, live, peak = 0, self.start, 0
        for number in order:
            needed, live = self.step(done, live, number)
            done, peak = done | 1 << number, max(peak, needed)
        return peak

    def unavoidable(self) -> int:
        """
        Bytes that some layer needs in every order: at each layer, with all that may run
        later put later, and all inputs dying that may.
        """
        before = [0 for _ in self.layers]
        for number in range(len(self.layers)):
            for needed in members(self.needs[number]):
                before[number] |= before[needed] | 1 << needed
        after = [
            mask([later for later, done in enumerate(before) if done >> number & 1])
            | (self.all + 1)
            for number in range(len(self.layers))
        ]
        sizes, found = self.graph.sizes, 0
        for number, layer in enumerate(self.layers):
            there = set(self.given) | {
                self.layers[n].output for n in members(before[number])
            }
            needing = after[number] | 1 << number
            live = sum(sizes[b] for b in there if self.readers[b] & needing)
            shared = sum(
                bytes
                for buffer, bytes in layer.shared
                if not self.readers[buffer] & after[number]
            )
            size = sizes[layer.output]
            found = max(found, live + size + layer.scratch - min(shared, size))
        return found


@dataclass
class Choice:
    """A point of a search to come back to: the layers not tried yet."""

    length: int
    """Layers of the order that have run."""
    done: int
    live: int
    ready: int
    untried: int


@dataclass
class Search:
    """Whether there is an order of at most `limit` bytes."""

    ordering: Ordering
    limit: int
    states: int
    refused: int = field(default=0, init=False)
    """The least bytes above the limit that a layer would have needed; 0 if none."""

    def find(self) -> list[int] | None:
        """
        The first order within the limit that is found; layers are tried in their order.

        Raises OutOfStates if it sees too many sets of layers before it knows.
        """
        ordering, order, seen = self.ordering, list[int](), set[int]()
        ready = ordering.ready(0, ordering.all)
        choices = [Choice(0, 0, ordering.start, ready, ready)]
        while choices and len(order) < len(ordering.layers):
            choice = choices[-1]
            if not choice.untried:
                choices.pop()
                continue
            bit = choice.untried & -choice.untried
            choice.untried ^= bit
            number, done = bit.bit_length() - 1, choice.done | bit
            needed, live = ordering.step(choice.done, choice.live, number)
            if needed > self.limit:
                self.refused = min(self.refused or needed, needed)
                continue
            if done in seen:
                continue
            if len(seen) == self.states:
                raise OutOfStates
            seen.add(done)
            order[choice.length :] = [number]
            later = ordering.readers[ordering.layers[number].output] & ordering.all
            ready = (choice.ready ^ bit) | ordering.ready(done, later)
            while choices and self.is_settled(choices[-1], done, live):
                choices.pop()
            untried = self.free(done, live, ready) or ready
            choices.append(Choice(len(order), done, live, ready, untried))
        return order if len(order) == len(ordering.layers) else None

    def free(self, done: int, live: int, ready: int) -> int:
        """The first layer that may run and leaves no more alive; 0 if there is none."""
        for number in members(ready):
            needed, after = self.ordering.step(done, live, number)
            if after <= live and needed <= self.limit:
                return 1 << number
        return 0

    def is_settled(self, choice: Choice, done: int, live: int) -> bool:
        """
        Whether an order that continues from a choice also continues from the larger set
        `done`: no set between the two has fewer bytes alive.
        """
        if not choice.untried:
            return True
        if choice.live < live:
            return False
        ordering, missing = self.ordering, done & ~choice.done
        found, queue = {choice.done}, [(choice.done, choice.live)]
        while queue:
            between, alive = queue.pop()
            for number in members(ordering.ready(between, missing & ~between)):
                larger = between | 1 << number
                if larger in found:
                    continue
                _, after = ordering.step(between, alive, number)
                if after < live or len(found) == BETWEEN:
                    return False
                found.add(larger)
                queue.append((larger, after))
        return True


def greedy_order(ordering: Ordering) -> list[int]:
    """Always the layer that leaves the least alive; the first one of equal ones."""
    order, done, live = list[int](), 0, ordering.start
    while done != ordering.all:
        ready = members(ordering.ready(done, ordering.all ^ done))
        number = min(ready, key=lambda n: ordering.step(done, live, n)[::-1])
        _, live = ordering.step(done, live, number)
        order.append(number)
        done |= 1 << number
    return order


def best_order(graph: Graph, states: int) -> Schedule:
    """
    An order with the lowest peak; the given one if no other is better. Each attempt at
    a peak sees at most so many sets of layers; if one of them is cut short, the best
    order that was found counts.
    """
    ordering = Ordering(graph)
    order = list(range(len(graph.layers)))
    peak, low, is_optimal = ordering.peak(order), ordering.unavoidable(), True
    while low < peak:
        search = Search(ordering, (low + peak) // 2, states)
        try:
            found = search.find()
        except OutOfStates:
            low, is_optimal = search.limit + 1, False
            continue
        if found is None:
            low = min(search.refused, peak)
        else:
            order, peak = found, ordering.peak(found)
    if not is_optimal and ordering.peak(greedy := greedy_order(ordering)) < peak:
        order, peak = greedy, ordering.peak(greedy)
    return Schedule(order, peak, is_optimal)
