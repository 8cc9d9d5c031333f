"""
Tiles of outputs of a depthwise convolution: what they take, in the order of a kernel.

A tile's products need words of planar rows and, where they are not in registers
already, words of weights. Loads that follow one another cost a Cortex-M4 less, so as
many as there is room for are taken together, then the products that they allow. Which
tile is best is what cycles are counted for, roughly.

Pure functions on integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from tinyml.dialects.access import AxisAccess
from tinyml.passes.loops.depthwise_taps import Pair, RowProducts, row_products

REGISTERS = 14

HELD = 6
"""Words of weights that stay in registers; more are loaded where they are needed."""

PAIRED = 3
"""Room for fewer words is left to the scheduler: they are loaded one by one."""

WIDEST = 8
"""Columns of a tile, at most."""

OUTPUT, TILE, FLAT, TURN, ROW, HIGHER, LOOP = 5, 4, 5, 5, 10, 6, 6
"""
Cycles: of requantization and store, of constants that come from the FPU and, in a tile
of one row, are in the way of loads, of the end of a turn, of a row of tiles, and of one
of two rows or of more than one turn besides. Fitted to simulated runs.
"""

Tap = tuple[int, int]
"""A row and a column of the filter."""


@dataclass(frozen=True)
class Weights:
    """A channel's filter as words."""

    words: tuple[tuple[Tap, Tap | None], ...]
    """The taps in the lower and in the upper half."""
    places: Mapping[tuple[int, int], tuple[int, int]]
    """
    For each word of weights of each row of the filter which word it is, and in which
    half the only tap of such a word is.
    """


@dataclass(frozen=True)
class Word:
    """A word of a planar row, counted from a tile's first."""

    row: int
    number: int


@dataclass(frozen=True)
class Weight:
    """A word of a channel's weights."""

    number: int


@dataclass(frozen=True)
class Step:
    """A product of two words, or of a half of each, that is added to a sum."""

    output: tuple[int, int]
    word: Word
    weight: Weight
    halves: tuple[int, int] | None


@dataclass(frozen=True)
class Tiles:
    """Tiles of so many rows and columns, and smaller ones at the ends."""

    along_h: AxisAccess
    along_w: AxisAccess
    high: int
    wide: int

    def planar_rows(self, outputs: int) -> int:
        """That so many rows of outputs see."""
        return (outputs - 1) * self.along_h.stride + self.along_h.extent

    def products(self, columns: int) -> RowProducts:
        w = self.along_w
        return row_products(w.kernel, w.stride, w.dilation, columns, self.wide)

    # Weights

    @cached_property
    def row_weights(self) -> tuple[Pair, ...]:
        """The words of weights of a row of the filter."""
        return self.products(self.wide).weights

    def packed(self, across_rows: bool) -> Weights:
        """
        The words of weights of a channel, row by row. Taps of two rows that are alone
        in a word may share one.
        """
        words: list[tuple[Tap, Tap | None]] = []
        places: dict[tuple[int, int], tuple[int, int]] = {}
        free: int | None = None
        for row in range(self.along_h.kernel):
            for i, (low, high) in enumerate(self.row_weights):
                if high is None and free is not None:
                    words[free] = words[free][0], (row, low)
                    places[row, i] = free, 1
                    free = None
                    continue
                if high is None and across_rows:
                    free = len(words)
                places[row, i] = len(words), 0
                words.append(((row, low), None if high is None else (row, high)))
        return Weights(tuple(words), places)

    @cached_property
    def weights(self) -> Weights:
        shared = self.packed(True)
        return shared if len(shared.words) <= HELD else self.packed(False)

    @property
    def holds_weights(self) -> bool:
        """Whether a channel's weights stay in registers."""
        return len(self.weights.words) <= HELD

    # Steps

    def steps(self, high: int, wide: int) -> list[Step]:
        """
        The products of a tile: by words of activations if weights are in registers,
        else by words of weights, each of which is needed once.
        """
        along, steps = self.along_h, list[Step]()
        for r in range(high):
            for tap in range(along.kernel):
                row = r * along.stride + tap * along.dilation
                for product in self.products(wide).products:
                    number, place = self.weights.places[tap, product.weight]
                    halves = product.halves
                    if halves is not None and place:
                        halves = halves[0], place
                    word = Word(row, product.word)
                    output = r, product.output
                    steps.append(Step(output, word, Weight(number), halves))

        def order(step: Step) -> tuple[int, ...]:
            word, weight = step.word, step.weight.number
            if self.holds_weights:
                return word.row, word.number, *step.output
            return word.row, step.output[0], weight, word.number, step.output[1]

        return sorted(steps, key=order)

    def room(self, high: int, wide: int) -> int:
        """Registers for words that are loaded, beside sums, pointers, held weights."""
        held = len(self.weights.words) if self.holds_weights else 0
        pointers = 2 if self.holds_weights else 3
        return REGISTERS - high * wide - pointers - held

    def code(self, high: int, wide: int) -> Iterator[Word | Weight | Step]:
        """The loads and products of a tile, in order."""
        room = self.room(high, wide)
        steps = self.steps(high, wide)
        return with_loads(steps, self.holds_weights, room if room >= PAIRED else 1)

    # Cycles, roughly, on a Cortex-M4

    def tile_cycles(self, high: int, wide: int) -> int:
        steps = self.steps(high, wide)
        room = max(self.room(high, wide), 1)
        total = high * wide * OUTPUT + TILE
        if self.high == 1 and self.holds_weights and room > 1:
            total += FLAT
        loads = False
        for item in with_loads(steps, self.holds_weights, room):
            total += 1
            if not isinstance(item, Step) and not loads:
                total += 1
            loads = not isinstance(item, Step)
        return total

    def row_cycles(self, high: int, columns: int) -> int:
        turns, rest = divmod(columns, self.wide)
        total = ROW + HIGHER * (high - 1)
        if turns > 1:
            total += LOOP + TURN * turns
        total += turns * self.tile_cycles(high, self.wide)
        return total + (self.tile_cycles(high, rest) if rest else 0)

    def cycles(self, rows: int, columns: int) -> int:
        """Of all tiles of a channel."""
        turns, rest = divmod(rows, self.high)
        total = turns * self.row_cycles(self.high, columns)
        return total + rest * self.row_cycles(1, columns)


def with_loads(
    steps: Sequence[Step], holds_weights: bool, room: int
) -> Iterator[Word | Weight | Step]:
    """The steps, with each word in front of its first one, if it has to be loaded."""

    def words(step: Step) -> tuple[Word | Weight, ...]:
        return (step.word,) if holds_weights else (step.weight, step.word)

    left = Counter(word for step in steps for word in words(step))
    loaded: set[Word | Weight] = set()
    for number, step in enumerate(steps):
        if not loaded.issuperset(words(step)):
            # This one's, and those of others as long as there is room.
            for later in steps[number:]:
                new = [word for word in words(later) if word not in loaded]
                if later is not step and len(loaded) + len(new) > room:
                    break
                loaded.update(new)
                yield from new
        yield step
        for word in words(step):
            left[word] -= 1
            if not left[word]:
                loaded.remove(word)


@cache
def best_tiles(
    along_h: AxisAccess, along_w: AxisAccess, rows: int, columns: int
) -> Tiles:
    """The tiles that take the fewest cycles for a channel of so many outputs."""
    found: list[Tiles] = []
    for high in range(1, min(2, rows) + 1):
        for wide in range(1, min(WIDEST, columns) + 1):
            # The windows of each tile begin with a whole word.
            if wide < columns and wide * along_w.stride % 2:
                continue
            tiles = Tiles(along_h, along_w, high, wide)
            if tiles.room(high, wide) > 0 and (high == 1 or tiles.holds_weights):
                found.append(tiles)
    return min(found, key=lambda tiles: tiles.cycles(rows, columns))
