"""
What a tile of outputs of a depthwise convolution takes, in the order of a kernel.

A tile's products need words of planar rows and, where they are not in registers
already, words of weights. Loads that follow one another cost a Cortex-M4 less, so as
many as there is room for are taken together, then the products that they allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyml.passes.loops.depthwise_plan import PlanarPlan

REGISTERS = 14
PAIRED = 3


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


def tile_steps(plan: PlanarPlan, high: int, wide: int) -> list[Step]:
    """
    The products of a tile: by words of activations if weights are in registers, else
    by words of weights, each of which is needed once.
    """
    along, steps = plan.along_h, list[Step]()
    for r in range(high):
        for tap in range(along.kernel):
            row = r * along.stride + tap * along.dilation
            for product in plan.products(wide).products:
                number, place = plan.weights.places[tap, product.weight]
                halves = product.halves
                if halves is not None and place:
                    halves = halves[0], place
                word = Word(row, product.word)
                output = r, product.output
                steps.append(Step(output, word, Weight(number), halves))

    def order(step: Step) -> tuple[int, ...]:
        word, weight = step.word, step.weight.number
        if plan.holds_weights:
            return word.row, word.number, *step.output
        return word.row, step.output[0], weight, word.number, step.output[1]

    return sorted(steps, key=order)


def room(plan: PlanarPlan, high: int, wide: int) -> int:
    """
    Registers for words that are loaded, beside sums, pointers and held weights. Of
    fewer than `PAIRED` the scheduler makes as much if they come one by one.
    """
    pointers = 2 if plan.holds_weights else 3
    held = len(plan.weights.words) if plan.holds_weights else 0
    free = REGISTERS - high * wide - pointers - held
    return free if free >= PAIRED else 1


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
