"""
A fully connected layer as dot products of words: eight channels of a row at a time.

Each group of channels takes the whole row through dual multiply-accumulates with
weights that were packed for it (`dot_stream.py`). Eight sums need few registers beside
them, so a word of weights serves two of them, and one of activations all. The row is
widened in scratch memory first, two activations to a word, or, without scratch, each
time that it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.acle import (
    LoadWordOp,
    PkhbtOp,
    SmladOp,
    StoreWordOp,
    Sxtb16Op,
)
from tinyml.dialects.kernel import unroll_of
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.weighted import Conv2DOp, FullyConnectedOp, WeightedOp
from tinyml.passes.dot_packing import QUAD, padded
from tinyml.passes.dot_stream import Stream, stream
from tinyml.passes.loops.high_products import (
    filters,
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.requantize import may_wrap, requantize, table_factor
from tinyml.passes.loops.weighted import constant_array

GROUPS = (8, 4)
"""Channels that are computed together, and those of a last group of no more."""

QUADS = 8
"""As many of four activations each are taken by a turn of the innermost loop."""

WIDENED = 4
"""As many of them by a turn of the loop that widens them."""

TEMPORARIES = 4
"""Words of activations and weights that are in registers beside the sums."""

WORD = 4
"""Bytes."""


def is_row(op: WeightedOp) -> bool:
    """Whether each output is a sum of all elements of a row, image by image."""
    if isinstance(op, FullyConnectedOp):
        return True
    if not isinstance(op, Conv2DOp) or op.group_count != 1:
        return False
    pixels = (*shape(op.input)[1:3], *shape(op.output)[1:3])
    kernel = integers(op.window.kernel)
    return all(size == 1 for size in (*pixels, *kernel))


def depth(op: WeightedOp) -> int:
    """Elements of a row."""
    return prod(op.weights_shape) // op.output_channels


def row_scratch(op: WeightedOp) -> int:
    """Bytes of scratch memory for a row that is widened."""
    return padded(depth(op), QUAD) // 2 * WORD


@dataclass(frozen=True)
class Block:
    """Channels that the same loops make: as many of each group of a stream."""

    channel: int
    """The first one."""
    outputs: int
    """Of each group."""
    word: int
    """Where the stream begins."""
    made: Stream


def blocks(op: WeightedOp) -> list[Block]:
    """Whole groups of channels, and the rest."""
    channels, (most, few) = op.output_channels, GROUPS
    whole = channels // most * most
    rest = channels - whole
    weights, start = filters(op), start_values(op)
    factors = high_factors(op)
    if factors is None:
        factors = np.zeros((channels, 0), np.int32)
    found: list[Block] = []
    word = 0
    last = most if rest > few else few
    for low, high, group in ((0, whole, most), (whole, channels, last)):
        if low < high:
            made = stream(weights[low:high], start[low:high], factors[low:high], group)
            found.append(Block(low, min(group, high - low), word, made))
            word += made.words.size
    return found


def row_tables(op: WeightedOp) -> dict[str, np.ndarray]:
    """What the kernel reads."""
    words = [block.made.words.reshape(-1) for block in blocks(op)]
    tables = {"packed_weights": np.concatenate(words)}
    if high_factors(op) is None:
        tables["factors"] = constant_array(op, "requant")
    return tables


def lower_rows(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    RowKernel(k, cast(WeightedOp, layer), operands).build()


class RowKernel:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: WeightedOp, operands: Operands):
        self.k, self.op = k, op
        self.depth = depth(op)
        self.rows = prod(shape(op.output)) // op.output_channels
        self.is_hot = high_factors(op) is not None
        self.packed = operands["packed_weights"]
        self.factors = operands.get("factors")
        self.scratch = operands.get("scratch")
        if k.part is None:
            self.x_first = self.y_first = k.index(0)
            x, y = operands["input"], operands["output"]
        else:
            at = (k.part.y, k.part.x)
            images = (k.part.images[name] for name in ("input", "output"))
            (x, self.x_first), (y, self.y_first) = (
                (image.pixels, k.pixel(image, *at)) for image in images
            )
        self.x, self.y = k.flat(x), k.flat(y)
        # A row that is read again and again is not overwritten before.
        self.from_last = k.backward and self.scratch is None

    def build(self) -> None:
        k, op = self.k, self.op
        found = blocks(op)

        def row(b: SSAValue, _: Carried) -> None:
            if k.backward:
                b = k.sub(k.index(self.rows - 1), b, "b")
            x = k.mul(k.add(self.x_first, b), k.index(self.depth))
            y = k.mul(k.add(self.y_first, b), k.index(op.output_channels))
            if self.scratch is not None:
                self.widen(x)
            for block in reversed(found) if self.from_last else found:
                self.block(block, x, y)

        k.loop(0, self.rows, row, hint="b", hot=self.is_hot)

    # Activations

    def widen(self, x: SSAValue) -> None:
        """A row in scratch memory, an activation in each half of a word."""
        k = self.k

        def quads(q: SSAValue, count: int) -> None:
            words = [self.quad(x, k.add(q, k.index(i))) for i in range(count)]
            for i, word in enumerate(words):
                place = k.mul(k.add(q, k.index(i)), k.index(2 * WORD))
                for odd in range(2):
                    wide = k.insert(Sxtb16Op(word, 8 * odd))
                    self.store(wide, k.add(place, k.index(odd * WORD)))

        self.over_quads(WIDENED, quads)
        if rest := self.rest(x):
            for odd, word in enumerate(rest):
                self.store(word, k.index((self.depth // QUAD * 2 + odd) * WORD))

    def store(self, word: SSAValue, byte: SSAValue) -> None:
        assert self.scratch is not None
        store = StoreWordOp(word, self.scratch, byte, aligned=True)
        self.k.builder.insert(store)

    def over_quads(self, turn: int, body: Callable[[SSAValue, int], None]) -> None:
        """`body(first, count)` for all whole quads of a row, a few at a time."""
        k, whole = self.k, self.depth // QUAD
        looped = whole // turn * turn if whole >= 2 * turn else 0
        if looped:
            k.loop(0, looped, lambda q, _: body(q, turn), hint="q", step=turn)
        for q in range(looped, whole, turn):
            body(k.index(q), min(turn, whole - q))

    def quad(self, x: SSAValue, q: SSAValue) -> SSAValue:
        k = self.k
        byte = k.add(x, k.mul(q, k.index(QUAD)))
        return k.insert(LoadWordOp(self.x, byte), "quad")

    def rest(self, x: SSAValue) -> list[SSAValue]:
        """
        Two words of the elements that make no quad, if there are some. The weights of
        those that they lack are zero.
        """
        k, whole = self.k, self.depth // QUAD * QUAD
        found = [
            k.load_i32(self.x, k.add(x, k.index(e))) for e in range(whole, self.depth)
        ]
        if len(found) > 2:
            found[0] = k.insert(PkhbtOp(found[0], found[2], 16))
        return [found[0], found[min(1, len(found) - 1)]] if found else []

    def activations(self, x: SSAValue, q: SSAValue, odd: int) -> SSAValue:
        """A word of a quad in scratch memory, or of its elements in their places."""
        k = self.k
        if self.scratch is None:
            return k.insert(Sxtb16Op(self.quad(x, q), 8 * odd), "x")
        byte = k.add(k.mul(q, k.index(2 * WORD)), k.index(odd * WORD))
        return k.insert(LoadWordOp(self.scratch, byte, aligned=True), "x")

    # Sums

    def block(self, block: Block, x: SSAValue, y: SSAValue) -> None:
        k, groups = self.k, len(block.made.words)

        def group(g: SSAValue, _: Carried) -> None:
            if self.from_last:
                g = k.sub(k.index(groups - 1), g, "g")
            self.group(block, g, x, y)

        k.loop(0, groups, group, hint="g")

    def word(self, block: Block, g: SSAValue, word: SSAValue, hint: str) -> SSAValue:
        """A word of the stream of a group."""
        k, size = self.k, block.made.words.shape[1]
        first = k.add(k.mul(g, k.index(size)), k.index(block.word))
        return k.load(self.packed, k.add(first, word), hint=hint)

    def group(self, block: Block, g: SSAValue, x: SSAValue, y: SSAValue) -> None:
        """A few channels of a row."""
        k, made = self.k, block.made
        hints = [f"acc{c}" for c in range(made.group)]
        sums: Carried = tuple(
            self.word(block, g, k.index(c), hint) for c, hint in enumerate(hints)
        )

        def quads(q: SSAValue, sums: Carried, count: int) -> Carried:
            taken = [
                (k.add(q, k.index(i)), odd) for i in range(count) for odd in range(2)
            ]
            return self.multiply(
                block,
                g,
                [lambda t=t: self.activations(x, *t) for t in taken],
                k.mul(q, k.index(made.group)),
                sums,
            )

        # Scratch memory holds what makes no quad as if it did.
        length = self.depth if self.scratch is None else padded(self.depth, QUAD)
        whole = length // QUAD
        turn = max(unroll_of(self.op, 2 * QUADS) // 2, 1)
        looped = whole // turn * turn if whole > turn else 0
        if looped:
            sums = k.loop(
                0, looped, lambda q, c: quads(q, c, turn), sums, "q", hints, turn
            )
        sums = quads(k.index(looped), sums, whole - looped)
        if length % QUAD:
            at = k.index(whole * made.group)
            rest = self.rest(x)
            sums = self.multiply(block, g, [lambda w=w: w for w in rest], at, sums)
        first = k.add(k.mul(g, k.index(made.group)), k.index(block.channel))
        channels = [k.add(first, k.index(c), "oc") for c in range(block.outputs)]
        totals = self.apart(made, sums)
        # All of them before the first store, which loads do not pass.
        values = [
            self.finish(block, g, c, totals[c], channel)
            for c, channel in enumerate(channels)
        ]
        for channel, value in zip(channels, values, strict=True):
            k.store(value, self.y, k.add(y, channel))

    def multiply(
        self,
        block: Block,
        g: SSAValue,
        activations: Sequence[Callable[[], SSAValue]],
        at: SSAValue,
        sums: Carried,
    ) -> Carried:
        """
        Words of activations into all sums; `at` is where their weights begin. As many
        words are loaded at a time as there are registers for beside the sums.
        """
        k, made, found = self.k, block.made, list(sums)
        left = [(a, n) for a in range(len(activations)) for n in range(made.group // 2)]
        known: dict[int, SSAValue] = {}
        while left:
            pairs: list[tuple[int, int, SSAValue]] = []
            used = len({a for a, _ in left[:1]} & set(known))
            while left:
                a, number = left[0]
                used += 1 + (a not in known)
                if used > TEMPORARIES and pairs:
                    break
                if a not in known:
                    known[a] = activations[a]()
                place = k.add(at, k.index(made.weight_at(a, number)))
                pairs.append((a, number, self.word(block, g, place, "w")))
                left.pop(0)
            for a, number, pair in pairs:
                low, high = made.pair(number)
                top = pair if made.raw(number) else k.insert(Sxtb16Op(pair, 8))
                total = SmladOp(known[a], top, found[high])
                found[high] = k.insert(total, f"acc{high}")
                total = SmladOp(known[a], k.insert(Sxtb16Op(pair)), found[low])
                found[low] = k.insert(total, f"acc{low}")
        return tuple(found)

    def apart(self, made: Stream, sums: Carried) -> list[SSAValue]:
        """Each channel's sum alone."""
        k, found = self.k, list(sums)
        for number in range(made.group // 2):
            low, high = made.pair(number)
            if made.raw(number):
                both = k.sub(found[high], found[low], wrap=True)
                found[high] = k.shr(both, k.i32(8))
        return found

    def finish(
        self,
        block: Block,
        g: SSAValue,
        c: int,
        total: SSAValue,
        channel: SSAValue,
    ) -> SSAValue:
        """The output byte of a sum."""
        k, op = self.k, self.op
        k.count(self.depth)
        if self.factors is None:
            at = block.made.factor_at(c)
            factors = [
                self.word(block, g, k.index(at + i), hint)
                for i, hint in zip(
                    range(block.made.factors), ("multiplier", "power", "times")
                )
            ]
            return high_requantized(k, op, total, factors)
        table, zero_point = constant_array(op, "requant"), integers(op.zero_points)[1]
        factor = table_factor(k, self.factors, channel, table)
        scaled = requantize(k, total, factor, op.rounding.data)
        wrap = may_wrap(factor, op.rounding.data)
        shifted = k.add(scaled, k.i32(zero_point), "shifted", wrap)
        return k.clamp(shifted, *integers(op.clamp))
