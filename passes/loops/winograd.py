"""
A convolution by Winograd's minimal filtering: two tiles of outputs, side by side, and
four output channels at a time.

What two neighbouring tiles see of the input, with the zero point where that is over the
border, is put together in scratch memory (the *patch*). Its transform, 16 numbers for
each tile and channel, is kept there for all output channels. Then each group of four
channels takes them through dual multiply-accumulates, and transforms the sums back
(`winograd_packing.py`).

Of a column of sums M0 to M3 only `t0 = M0 + M1 + M2` and `t1 = M1 - M2 - M3` are
needed. The sums of the third row pass to the second one and on to the first, which ends
as t0; with what was there in between the last one starts: M2, and `s = M1 + M2` give
`s - 2 M2 = M1 - M2`.

Outputs are made four by two. Where that does not come out even the last ones are made
together with others that have been made before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import cast

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, i8
from xdsl.ir import SSAValue

from tinyml.dialects.acle import (
    LoadWordOp,
    Sadd16Op,
    SmladOp,
    SmuadOp,
    Ssub16Op,
    StoreWordOp,
    Sxtb16Op,
)
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import GROUP, QUAD, padded
from tinyml.passes.loops.dot import WORD, factor_table, finish
from tinyml.passes.loops.high_products import (
    filters,
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import constant_array
from tinyml.passes.winograd_packing import (
    KERNEL,
    OUTPUTS,
    ROWS,
    SCALE_BITS,
    TILE,
    Turns,
    WinogradStream,
    fits,
    winograd_stream,
)

TILES = 2
"""Tiles that are computed together."""

STRAIGHT_WORDS = 8
"""Words of activations for which the sums of a column are straight code."""

TOGETHER = 3
"""Sums that are loaded at a time, beside those of all channels."""

COPIED, MOVED = 24, 8
"""Words that are copied without a loop, and in a turn of one; and at a time."""


@dataclass(frozen=True)
class WinogradPlan:
    """How the outputs of a convolution are divided, and what scratch memory holds."""

    turns: Turns
    tiles: int
    """Tiles side by side that are computed together."""

    @staticmethod
    def of(op: Conv2DOp) -> WinogradPlan:
        tiles = min(TILES, shape(op.output)[2] // OUTPUTS)
        return WinogradPlan(Turns.of(shape(op.input)[3]), tiles)

    @property
    def outputs(self) -> int:
        """Columns of outputs that are made together."""
        return self.tiles * OUTPUTS

    @property
    def columns(self) -> int:
        """Columns of the input that these see."""
        return self.outputs + KERNEL - 1

    def starts(self, size: int, along_w: bool) -> list[int]:
        """Where blocks of outputs start along an axis."""
        step = self.outputs if along_w else OUTPUTS
        return [min(start, size - step) for start in range(0, size, step)]

    # Bytes of scratch memory

    @property
    def transformed(self) -> int:
        words = TILE * TILE * self.turns.channels // 2
        return words * self.tiles * WORD

    @property
    def patch(self) -> int:
        return TILE * self.columns * self.turns.channels

    @property
    def slot(self) -> int:
        """A sum for each tile and channel of a group."""
        return self.tiles * GROUP * WORD

    @property
    def sums(self) -> int:
        """Two for each column, and two on the way."""
        return (2 * TILE + 2) * self.slot

    @property
    def scratch(self) -> int:
        """When there are sums the patch is no longer needed."""
        return self.transformed + max(self.patch, self.sums)

    def place(self, column: int, row: int, turn: int, word: int) -> int:
        """
        A word of the transformed tiles, in bytes; linear, `row` in the order of ROWS.
        """
        number = (turn * TILE + column) * TILE + row
        return (number * self.turns.words + word) * self.tiles * WORD


def has_winograd(op: LayerOp) -> bool:
    """Whether there is such a kernel for a layer, which is exact."""
    if not isinstance(op, Conv2DOp) or op.group_count != 1:
        return False
    if any(
        (axis.kernel, axis.stride, axis.dilation) != (KERNEL, 1, 1)
        for axis in op.window.axes
    ):
        return False
    _, rows, columns, _ = shape(op.output)
    if rows < OUTPUTS or columns < OUTPUTS:
        return False
    return fits(filters(op))


def winograd_scratch(op: Conv2DOp) -> int:
    """Bytes of scratch memory of the kernel."""
    return WinogradPlan.of(op).scratch


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
        size = buffer_bytes(buffer_type(self.x.pixels))
        self.bytes = k.reshape(self.x.pixels, [size])
        self.packed = operands["packed_weights"]
        self.is_hot = high_factors(op) is not None
        self.factors = self.packed if self.is_hot else operands["factors"]
        self.scratch = operands["scratch"]
        self.patch = self.view(self.plan.transformed, self.plan.patch, "patch")
        self.sums = self.view(self.plan.transformed, self.plan.sums, "sums")
        self.stream = winograd_weights(op)
        turns = self.plan.turns
        self.is_straight = turns.count == 1 and turns.words <= STRAIGHT_WORDS

    def view(self, start: int, size: int, name: str) -> SSAValue:
        """A part of the scratch memory."""
        type = MemRefType(i8, [size])
        return self.k.insert(
            memref.ViewOp(self.scratch, self.k.index(start), [], type), name
        )

    def build(self) -> None:
        k = self.k
        batch, rows, columns, _ = shape(self.op.output)
        numbers = (
            len(self.plan.starts(rows, False)),
            len(self.plan.starts(columns, True)),
        )

        def block(at: tuple[SSAValue, ...]) -> None:
            n, i, j = at
            oy = self.start(i, OUTPUTS, rows)
            ox = self.start(j, self.plan.outputs, columns)
            self.gather(n, oy, ox, j)
            self.transform()
            self.groups(n, oy, ox)

        k.nest([batch, *numbers], block, ["n", "i", "j"])

    def start(self, number: SSAValue, step: int, size: int) -> SSAValue:
        """Where a block of outputs starts: `WinogradPlan.starts`."""
        k = self.k
        start = k.mul(number, k.index(step))
        return start if size % step == 0 else k.min(start, k.index(size - step))

    # The patch

    def gather(self, n: SSAValue, oy: SSAValue, ox: SSAValue, j: SSAValue) -> None:
        """Puts together what block `j` of a row of blocks sees."""
        k, plan = self.k, self.plan
        _, height, width, _ = shape(self.op.input)
        along_h, along_w = self.op.window.axes
        y0 = k.sub(oy, k.index(along_h.pad_before))
        x0 = k.sub(ox, k.index(along_w.pad_before))
        row = k.add(k.mul(n, k.index(height)), y0)
        above = None
        if along_h.pad_before or along_h.pad_after:
            above = self.within(y0, k.index(height - TILE + 1))

        def seen(start: int) -> tuple[int, int]:
            first = start - along_w.pad_before
            low = min(max(0, -first), plan.columns)
            return low, max(low, min(plan.columns, width - first))

        def rows(low: int, high: int) -> None:
            def whole(r: SSAValue, _: Carried) -> None:
                self.patch_row(r, k.pixel(self.x, k.add(row, r), x0), low, high)

            def one(r: SSAValue, _: Carried) -> None:
                def inside() -> None:
                    def once(_: SSAValue, __: Carried) -> None:
                        whole(r, ())

                    k.loop(0, 1, once, hint="once", hot=True)

                def outside() -> None:
                    def once(_: SSAValue, __: Carried) -> None:
                        self.patch_row(r, None, 0, 0)

                    k.loop(0, 1, once, hint="once", hot=True)

                k.either(self.within(k.add(y0, r), k.index(height)), inside, outside)

            k.either(
                above,
                lambda: void(k.loop(0, TILE, whole, hint="r", hot=True)),
                lambda: void(k.loop(0, TILE, one, hint="r")),
            )

        starts = plan.starts(shape(self.op.output)[2], True)
        runs = [(kind, len(list(run))) for kind, run in groupby(map(seen, starts))]

        def choose(runs: Sequence[tuple[tuple[int, int], int]], first: int) -> None:
            (kind, count), *rest = runs
            if not rest:
                rows(*kind)
                return
            end = first + count
            is_here = k.compare("slt", j, k.index(end))
            k.either(is_here, lambda: rows(*kind), lambda: choose(rest, end))

        choose(runs, 0)

    def within(self, value: SSAValue, end: SSAValue) -> SSAValue:
        k = self.k
        low = k.compare("sge", value, k.index(0))
        return k.both(low, k.compare("slt", value, end))

    def patch_row(
        self, r: SSAValue, pixel: SSAValue | None, low: int, high: int
    ) -> None:
        """
        A row of the patch: the columns from `low` up to `high` are in the image, of
        which `pixel` would be the first column.
        """
        k, depth = self.k, shape(self.op.input)[3]
        channels, columns = self.plan.turns.channels, self.plan.columns
        target = k.mul(r, k.index(columns * channels))
        self.fill(target, low * channels)
        self.fill(k.add(target, k.index(high * channels)), (columns - high) * channels)
        if pixel is None or low == high:
            return
        source = k.mul(k.add(pixel, k.index(low)), k.index(depth))
        target = k.add(target, k.index(low * channels))
        if depth == channels:
            self.copy(source, target, (high - low) * depth)
            return

        def column(c: SSAValue, _: Carried) -> None:
            to = k.add(target, k.mul(c, k.index(channels)))
            self.copy(k.add(source, k.mul(c, k.index(depth))), to, depth)
            end = padded(depth, WORD)
            for e in range(depth, end):
                k.store(k.integer(0, i8), self.patch, k.add(to, k.index(e)))
            self.fill(k.add(to, k.index(end)), channels - end)

        k.loop(0, high - low, column, hint="c")

    def words(self, count: int, body: Callable[[SSAValue, int], None]) -> None:
        """`body(first, number)` for words, a few at a time."""
        k = self.k
        turns = count // COPIED
        if turns:
            k.loop(
                0,
                turns * COPIED,
                lambda i, _: body(i, COPIED),
                hint="i",
                step=COPIED,
            )
        if rest := count - turns * COPIED:
            body(k.index(turns * COPIED), rest)

    def fill(self, target: SSAValue, size: int) -> None:
        """Zero points."""
        k = self.k
        zero_point = integers(self.op.zero_points)[0] & 0xFF
        word = k.integer(zero_point * 0x01010101, k.i32(0).type)

        def store(first: SSAValue, number: int) -> None:
            for i in range(number):
                at = k.mul(k.add(first, k.index(i)), k.index(WORD))
                self.store(word, self.patch, k.add(target, at))

        self.words(size // WORD, store)

    def copy(self, source: SSAValue, target: SSAValue, size: int) -> None:
        k = self.k

        def move(first: SSAValue, number: int) -> None:
            places = [
                k.mul(k.add(first, k.index(i)), k.index(WORD)) for i in range(number)
            ]
            for start in range(0, number, MOVED):
                some = places[start : start + MOVED]
                words = [LoadWordOp(self.bytes, k.add(source, at)) for at in some]
                values = [k.insert(word, "x") for word in words]
                for value, at in zip(values, some, strict=True):
                    self.store(value, self.patch, k.add(target, at))

        self.words(size // WORD, move)
        for e in range(size // WORD * WORD, size):
            value = k.load(self.bytes, k.add(source, k.index(e)))
            k.store(value, self.patch, k.add(target, k.index(e)))

    def store(self, word: SSAValue, buffer: SSAValue, at: SSAValue) -> None:
        self.k.builder.insert(StoreWordOp(word, buffer, at, True))

    # The transform of tiles

    def transform(self) -> None:
        """Of the patch, four channels at a time, two in the halves of a word."""
        k, turns = self.k, self.plan.turns

        def quad(turn: SSAValue, q: SSAValue) -> None:
            for odd in range(2):
                self.transform_pair(turn, q, odd)

        def turn(turn: SSAValue, _: Carried) -> None:
            k.loop(0, turns.words // 2, lambda q, _: quad(turn, q), hint="q")

        k.loop(0, turns.count, turn, hint="turn", hot=True)

    def transform_pair(self, turn: SSAValue, q: SSAValue, odd: int) -> None:
        """
        Channels 0 and 2, or 1 and 3, of four. Along the tiles columns are combined as
        they come: each is part of two tiles.
        """
        older, old = self.column(turn, q, odd, 0), self.column(turn, q, odd, 1)
        for tile in range(self.plan.tiles):
            for first in (2, 3):
                new = self.column(turn, q, odd, tile * OUTPUTS + first)
                for i in range(TILE):
                    at = turn, q, odd, tile, i
                    if first == 2:
                        self.put(*at, 0, self.halves(Ssub16Op, older[i], new[i]))
                        self.put(*at, 1, self.halves(Sadd16Op, old[i], new[i]))
                        self.put(*at, 2, self.halves(Ssub16Op, new[i], old[i]))
                    else:
                        self.put(*at, 3, self.halves(Ssub16Op, older[i], new[i]))
                older, old = old, new

    def halves(
        self, kind: type[Sadd16Op | Ssub16Op], a: SSAValue, b: SSAValue
    ) -> SSAValue:
        return self.k.insert(kind(a, b), "v")

    def column(
        self, turn: SSAValue, q: SSAValue, odd: int, column: int
    ) -> list[SSAValue]:
        """A column of the patch, combined along itself."""
        k, plan = self.k, self.plan
        quads = k.add(k.mul(turn, k.index(plan.turns.words // 2)), q)
        found: list[SSAValue] = []
        for r in range(TILE):
            pixel = (r * plan.columns + column) * plan.turns.channels
            at = k.add(k.mul(quads, k.index(QUAD)), k.index(pixel))
            word = k.insert(LoadWordOp(self.patch, at, True), "quad")
            found.append(k.insert(Sxtb16Op(word, 8 * odd), "x"))
        a, b, c, d = found
        return [
            self.halves(Ssub16Op, a, c),
            self.halves(Sadd16Op, b, c),
            self.halves(Ssub16Op, c, b),
            self.halves(Ssub16Op, b, d),
        ]

    def put(
        self,
        turn: SSAValue,
        q: SSAValue,
        odd: int,
        tile: int,
        row: int,
        column: int,
        value: SSAValue,
    ) -> None:
        k, plan = self.k, self.plan
        fixed = plan.place(column, ROWS.index(row), 0, odd) + tile * WORD
        at = k.add(
            k.mul(turn, k.index(plan.place(0, 0, 1, 0))),
            k.mul(q, k.index(plan.place(0, 0, 0, 2))),
        )
        self.store(value, self.scratch, k.add(at, k.index(fixed)))

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
            self.store(value, self.sums, self.slot(column, slot, i))

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


def void(_: object) -> None:
    """Drops a result."""
