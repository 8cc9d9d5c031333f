"""
A convolution by Winograd's minimal filtering: two tiles of outputs, side by side, and
four output channels at a time.

The tiles are transformed into scratch memory (`winograd_tiles.py`), for all output
channels. Then each group of four channels takes them through dual multiply-accumulates,
and transforms the sums back (`winograd_packing.py`).

Of a column of sums M0 to M3 only `t0 = M0 + M1 + M2` and `t1 = M1 - M2 - M3` are
needed. The sums of the third row pass to the second one and on to the first, which ends
as t0; with what was there in between the last one starts: M2, and `s = M1 + M2` give
`s - 2 M2 = M1 - M2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import cast

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, SmladOp, SmuadOp, StoreWordOp
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import GROUP
from tinyml.passes.loops.dot import factor_table, finish
from tinyml.passes.loops.high_products import (
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import constant_array
from tinyml.passes.loops.winograd_plan import WORD, WinogradPlan
from tinyml.passes.loops.winograd_tiles import Tiles, scratch_part
from tinyml.passes.winograd_packing import (
    OUTPUTS,
    SCALE_BITS,
    TILE,
    WinogradStream,
    winograd_stream,
)

STRAIGHT_WORDS = 8
"""Words of activations for which the sums of a column are straight code."""

TOGETHER = 3
"""Sums that are loaded at a time, beside those of all channels."""


def winograd_weights(op: Conv2DOp) -> WinogradStream:
    """What the kernel multiplies with; factors are with it if they are high ones."""
    factors = high_factors(op)
    if factors is None:
        factors = np.zeros((op.output_channels, 0), np.int32)
    return winograd_stream(constant_array(op, "weights"), start_values(op), factors)


def winograd_tables(op: Conv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads."""
    tables = {"packed_weights": winograd_weights(op).words}
    if high_factors(op) is None:
        tables["factors"] = factor_table(op)
    return tables


def lower_winograd(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    WinogradKernel(k, cast(Conv2DOp, layer), operands).build()


class WinogradKernel:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: Conv2DOp, operands: Operands):
        self.k, self.op = k, op
        self.plan = WinogradPlan.of(op)
        self.x, self.y = k.image(operands, "input"), k.image(operands, "output")
        self.packed = operands["packed_weights"]
        self.is_hot = high_factors(op) is not None
        self.factors = self.packed if self.is_hot else operands["factors"]
        self.scratch = operands["scratch"]
        self.tiles = Tiles(k, op, self.x, self.scratch)
        start, size = self.plan.transformed, self.plan.sums
        self.sums = scratch_part(k, self.scratch, start, size, "sums")
        self.stream = winograd_weights(op)
        turns = self.plan.turns
        self.is_straight = turns.count == 1 and turns.words <= STRAIGHT_WORDS

    def build(self) -> None:
        k = self.k
        batch, rows, columns, _ = shape(self.op.output)
        plan = self.plan
        numbers = len(plan.starts(rows, False)), len(plan.starts(columns, True))

        def block(at: tuple[SSAValue, ...]) -> None:
            n, i, j = at
            oy = self.start(i, OUTPUTS, rows)
            ox = self.start(j, plan.outputs, columns)
            self.tiles.gather(n, oy, ox, j)
            self.tiles.transform()
            self.groups(n, oy, ox)

        k.nest([batch, *numbers], block, ["n", "i", "j"])

    def start(self, number: SSAValue, step: int, size: int) -> SSAValue:
        """Where a block of outputs starts: `WinogradPlan.starts`."""
        k = self.k
        start = k.mul(number, k.index(step))
        return start if size % step == 0 else k.min(start, k.index(size - step))

    # Sums

    def groups(self, n: SSAValue, oy: SSAValue, ox: SSAValue) -> None:
        """All channels of the outputs of the tiles at hand."""
        k = self.k
        _, rows, _, channels = shape(self.op.output)
        target = k.pixel(self.y, k.add(k.mul(n, k.index(rows)), oy), ox)
        whole = channels // GROUP

        def group(g: SSAValue, _: Carried) -> None:
            self.group(g, target, GROUP)

        if whole:
            k.loop(0, whole, group, hint="g", hot=self.is_hot)
        if rest := channels - whole * GROUP:

            def tail(g: SSAValue, _: Carried) -> None:
                self.group(g, target, rest)

            k.loop(whole, whole + 1, tail, hint="g", hot=self.is_hot)

    def group(self, g: SSAValue, target: SSAValue, outputs: int) -> None:
        """Up to four channels of the tiles at hand."""
        k = self.k
        k.loop(0, TILE, lambda j, _: self.place_column(g, j), hint="column")
        if self.is_straight:
            for c in range(outputs):
                self.results(g, k.index(c), target)
        else:
            k.loop(0, outputs, lambda c, _: self.results(g, c, target), hint="c")

    def place_column(self, g: SSAValue, column: SSAValue) -> None:
        """The sums of a column of places."""
        k, last = self.k, TILE - 1

        def place(row: SSAValue, sums: Carried) -> Carried:
            found = self.multiply(g, column, row, sums)
            self.keep(column, row, found)
            return found

        if self.is_straight:
            sums: Carried = ()
            for row in range(last):
                sums = place(k.index(row), sums)
        else:
            none = (k.i32(0),) * (self.plan.tiles * GROUP)
            hints = [f"acc{i}" for i in range(len(none))]
            k.loop(0, last, place, none, "row", hints)
        place(k.index(last), self.differences(column))

    def differences(self, column: SSAValue) -> Carried:
        """Of sums of the second and the third row."""
        k, count = self.k, self.plan.tiles * GROUP
        both = [self.sum_at(column, 1, i) for i in range(count)]
        found: list[SSAValue] = []
        for first in range(0, count, TOGETHER):
            some = range(first, min(first + TOGETHER, count))
            third = [self.sum_at(column, 0, i) for i in some]
            for i, m in zip(some, third, strict=True):
                twice = k.shl(m, k.i32(1))
                found.append(k.sub(both[i], twice, f"acc{i}", wrap=True))
        return tuple(found)

    def slot(self, column: SSAValue, slot: SSAValue, number: int) -> SSAValue:
        """
        Where a sum of a column lies: the third row's, that of two, t0 and t1. The first
        two make place for the next column's results.
        """
        k, size = self.k, self.plan.slot
        back = k.mul(column, k.index(2 * size))
        at = k.sub(k.mul(slot, k.index(size)), back)
        return k.add(at, k.index(2 * size * (TILE - 1) + number * WORD))

    def keep(self, column: SSAValue, slot: SSAValue, sums: Carried) -> None:
        for i, value in enumerate(sums):
            place = self.slot(column, slot, i)
            self.k.builder.insert(StoreWordOp(value, self.sums, place, True))

    def sum_at(
        self, column: SSAValue, slot: int, number: int, more: SSAValue | None = None
    ) -> SSAValue:
        k = self.k
        at = self.slot(column, k.index(slot), number)
        if more is not None:
            at = k.add(at, k.mul(more, k.index(WORD)))
        return k.insert(LoadWordOp(self.sums, at, True), "t")

    def multiply(
        self, g: SSAValue, column: SSAValue, row: SSAValue, sums: Carried
    ) -> Carried:
        """Adds the products of a place; without sums to add to they are the first."""
        k, plan, turns = self.k, self.plan, self.plan.turns

        def turn(turn: SSAValue, sums: Carried) -> Carried:
            number = k.add(k.mul(column, k.index(TILE)), row)
            x_at = k.add(
                k.mul(turn, k.index(plan.place(0, 0, 1, 0))),
                k.mul(number, k.index(plan.place(0, 1, 0, 0))),
            )
            w_at = k.add(
                k.mul(turn, k.index(self.stream.weight_at(0, 0, 1, 0))),
                k.mul(number, k.index(self.stream.weight_at(0, 1, 0, 0))),
            )
            found = list(sums)
            for word in range(turns.words):
                found = self.multiply_word(
                    g,
                    k.add(x_at, k.index(plan.place(0, 0, 0, word))),
                    k.add(w_at, k.index(self.stream.weight_at(0, 0, 0, word))),
                    found,
                )
            return tuple(found)

        hints = [f"acc{i}" for i in range(len(sums))]
        return k.loop(0, turns.count, turn, sums, "turn", hints)

    def multiply_word(
        self, g: SSAValue, x_at: SSAValue, w_at: SSAValue, sums: Sequence[SSAValue]
    ) -> list[SSAValue]:
        """A word of activations of each tile with weights of each channel."""
        k, tiles = self.k, range(self.plan.tiles)
        found = list(sums) or [k.i32(0)] * (len(tiles) * GROUP)
        x = [
            k.insert(
                LoadWordOp(self.scratch, k.add(x_at, k.index(tile * WORD)), True), "x"
            )
            for tile in tiles
        ]
        for first in range(0, GROUP, 2):
            pair = range(first, first + 2)
            weights = [
                k.load(self.packed, g, k.add(w_at, k.index(c)), hint="w") for c in pair
            ]
            for c, w in zip(pair, weights, strict=True):
                for tile in tiles:
                    i, a = tile * GROUP + c, x[tile]
                    product = SmladOp(a, w, sums[i]) if sums else SmuadOp(a, w)
                    found[i] = k.insert(product, f"acc{i}")
        return found

    # Results

    def results(self, g: SSAValue, c: SSAValue, target: SSAValue) -> None:
        """The outputs of a channel: transforms its sums, and requantizes."""
        k = self.k
        channel = k.add(k.mul(g, k.index(GROUP)), c, "oc")
        start, *factors = (
            self.result_word(g, c, i) for i in range(1 + self.stream.factors)
        )
        for tile in range(self.plan.tiles):
            for r in range(OUTPUTS):
                a, b, d, e = (
                    self.sum_at(k.index(column), 2 + r, tile * GROUP, c)
                    for column in range(TILE)
                )
                pair = [
                    self.sum(self.sum(a, b), d),
                    k.sub(k.sub(b, d, "y", wrap=True), e, "y", wrap=True),
                ]
                for s, value in enumerate(pair):
                    pixels = r * self.y.pitch + tile * OUTPUTS + s
                    pixel = k.add(target, k.index(pixels))
                    acc = self.sum(start, k.shr(value, k.i32(SCALE_BITS)))
                    self.finish(acc, factors, pixel, channel)

    def sum(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.k.add(a, b, "y", wrap=True)

    def finish(
        self,
        acc: SSAValue,
        factors: Sequence[SSAValue],
        pixel: SSAValue,
        channel: SSAValue,
    ) -> None:
        """Requantizes a sum and stores it."""
        k, op = self.k, self.op
        if not self.is_hot:
            finish(k, op, self.factors, acc, channel, self.y, pixel)
            return
        k.count(prod(op.weights_shape) // op.output_channels)
        value = high_requantized(k, op, acc, factors)
        k.store(value, self.y.pixels, pixel, channel)

    def result_word(self, g: SSAValue, c: SSAValue, i: int) -> SSAValue:
        """What is added to the sums of a channel, or one of the factors behind that."""
        k, stream = self.k, self.stream
        apart = stream.start_at(1) - stream.start_at(0)
        at = k.add(k.mul(c, k.index(apart)), k.index(stream.start_at(0) + i))
        return k.load(self.packed, g, at, hint="factor" if i else "start")
