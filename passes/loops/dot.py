"""
A convolution as dot products of words: two pixels and four output channels at a time.

The windows of two neighbouring pixels are widened into scratch memory, two activations
to a word, with the zero point where a window reaches over the border. Then each group
of four channels takes them through dual multiply-accumulates with weights that were
packed for it (`dot_packing.py`). Zero points are folded into the sums' start values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import cast

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, i16
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, SmladOp, SmmlarOp, StoreWordOp, Sxtb16Op
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.weighted import Conv2DOp, WeightedOp
from tinyml.passes.dot_packing import GROUP, QUAD, Packed, pack, padded
from tinyml.passes.loops.kernel import Carried, Image, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.requantize import may_wrap, requantize, table_factor
from tinyml.passes.loops.weighted import constant_array

PIXELS = 2
"""Output pixels that are computed together."""

UNROLL = 4
"""Words of activations that a turn of the innermost loop takes."""

WORD = 4
"""Bytes."""


def segment(op: Conv2DOp) -> int:
    """Elements of a window that lie behind one another in memory."""
    _, along_w = op.window.axes
    taps = along_w.kernel if along_w.dilation == 1 else 1
    return taps * shape(op.input)[3]


def segment_words(op: Conv2DOp) -> int:
    """Words that a segment takes when it is widened."""
    return padded(segment(op), QUAD) // 2


def window_words(op: Conv2DOp) -> int:
    """Words that a window takes when it is widened."""
    along_h, along_w = op.window.axes
    across = 1 if along_w.dilation == 1 else along_w.kernel
    return along_h.kernel * across * segment_words(op)


def dot_scratch(op: Conv2DOp, columns: int) -> int:
    """
    Bytes of scratch memory of a kernel that makes so many columns at a time: the
    widened windows of the pixels that are computed together.
    """
    return min(PIXELS, columns) * window_words(op) * WORD


def packed_weights(op: Conv2DOp) -> Packed:
    weights = constant_array(op, "weights").reshape(op.output_channels, -1)
    bias = np.zeros(op.output_channels, np.int32)
    if op.bias is not None:
        bias = constant_array(op, "bias")
    return pack(weights, bias, integers(op.zero_points)[0], segment(op))


def high_factors(op: WeightedOp) -> np.ndarray | None:
    """
    For each channel the two factors of an exact requantization by two high products,
    `2 * multiplier` and `2^(32 - right shift)`; None where that is not exact: it takes
    double rounding and shifts to the right of 2 to 30 bits.

    Source: gemmlowp's rounding, rewritten for SMMLAR; `round(a * m / 2^31)` is the high
    word of `a * 2m` with `a` added, as `2m` is `2^32` less than it should be.
    """
    table = constant_array(op, "requant")
    if op.rounding.data is not Rounding.DOUBLE or table.dtype != np.int32:
        return None
    multiplier, right = table[:, 0].astype(np.int64), -table[:, 1].astype(np.int64)
    if (multiplier < 1 << 30).any() or (right < 2).any() or (right > 30).any():
        return None
    factors = np.stack([2 * multiplier, 1 << (32 - right)], 1)
    return factors.astype(np.uint32).view(np.int32)


def finish(
    k: Kernel,
    op: WeightedOp,
    factors: SSAValue,
    acc: SSAValue,
    channel: SSAValue,
    y: Image,
    pixel: SSAValue,
) -> None:
    """Requantization, zero point, clamp and store of one sum."""
    k.count(prod(op.weights_shape) // op.output_channels)
    zero_point = k.i32(integers(op.zero_points)[1])
    low, high = integers(op.clamp)
    if high_factors(op) is None:
        table = constant_array(op, "requant")
        factor = table_factor(k, factors, channel, table)
        scaled = requantize(k, acc, factor, op.rounding.data)
        wrap = may_wrap(factor, op.rounding.data)
        shifted = k.add(scaled, zero_point, "shifted", wrap)
    else:
        first = k.load(factors, channel, k.index(0), hint="multiplier")
        second = k.load(factors, channel, k.index(1), hint="power")
        scaled = k.insert(SmmlarOp(acc, first, acc), "scaled")
        # Ties go away from zero. Where negative results are all the least one, the way
        # they are rounded does not matter.
        if low != integers(op.zero_points)[1]:
            scaled = k.add(scaled, k.shr(scaled, k.i32(31)), wrap=True)
        shifted = k.insert(SmmlarOp(scaled, second, zero_point), "shifted")
    k.store(k.clamp(shifted, low, high), y.pixels, pixel, channel)


def dot_tables(op: Conv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads."""
    return {"packed_weights": packed_weights(op).words, "factors": factor_table(op)}


def factor_table(op: WeightedOp) -> np.ndarray:
    """What requantizes each channel: factors of two high products, or the layer's."""
    factors = high_factors(op)
    return constant_array(op, "requant") if factors is None else factors


def lower_dot(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    DotKernel(k, cast(Conv2DOp, layer), operands).build()


class DotKernel:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: Conv2DOp, operands: Operands):
        self.k, self.op = k, op
        self.x, self.y = k.image(operands, "input"), k.image(operands, "output")
        size = buffer_bytes(buffer_type(self.x.pixels))
        self.bytes = k.reshape(self.x.pixels, [size])
        self.packed, self.factors = operands["packed_weights"], operands["factors"]
        self.scratch = operands["scratch"]
        count = buffer_bytes(buffer_type(self.scratch)) // 2
        view = memref.ViewOp(self.scratch, k.index(0), [], MemRefType(i16, [count]))
        self.halves = k.insert(view, "halves")
        packed = packed_weights(op)
        self.raw, self.pairs = packed.raw, packed.pairs
        columns = shape(op.output)[2] if k.part is None else k.part.columns
        self.together = min(PIXELS, columns)

    def build(self) -> None:
        k = self.k
        batch, rows, columns, _ = shape(self.op.output)

        def row(n: SSAValue, oy: SSAValue) -> None:
            if k.part is not None:
                self.blocks(n, oy, k.part.x, k.part.columns)
            else:
                self.blocks(n, oy, k.index(0), columns)

        k.over_rows(batch, rows, row)

    def blocks(self, n: SSAValue, oy: SSAValue, first: SSAValue, columns: int) -> None:
        """The pixels of a row: pairs of them, and one more if their number is odd."""
        k = self.k
        even = columns // PIXELS * PIXELS

        def pair(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(even - PIXELS), i, "i")
            self.block(n, oy, k.add(first, i, "ox"), PIXELS)

        def pairs() -> None:
            if even:
                k.loop(0, even, pair, hint="i", step=PIXELS)

        def rest() -> None:
            if even < columns:
                self.block(n, oy, k.add(first, k.index(even), "ox"), columns - even)

        for part in (rest, pairs) if k.backward else (pairs, rest):
            part()

    def block(self, n: SSAValue, oy: SSAValue, ox: SSAValue, count: int) -> None:
        k, (_, rows, _, channels) = self.k, shape(self.op.output)
        for j in range(count):
            self.widen(n, oy, k.add(ox, k.index(j)), j)
        target = k.pixel(self.y, k.add(k.mul(n, k.index(rows)), oy), ox)
        whole = channels // GROUP

        def group(g: SSAValue, _: Carried) -> None:
            self.group(g, target, count, GROUP)

        if whole:
            k.loop(0, whole, group, hint="g")
        if rest := channels - whole * GROUP:
            self.group(k.index(whole), target, count, rest)

    # Windows

    def widen(self, n: SSAValue, oy: SSAValue, ox: SSAValue, j: int) -> None:
        """The window of a pixel, as words between those of its neighbour."""
        k, op = self.k, self.op
        _, height, width, _ = shape(op.input)
        along_h, along_w = op.window.axes
        taps = along_w.kernel if along_w.dilation == 1 else 1
        y0 = k.sub(k.mul(oy, k.index(along_h.stride)), k.index(along_h.pad_before))
        x0 = k.sub(k.mul(ox, k.index(along_w.stride)), k.index(along_w.pad_before))
        padded_h = along_h.pad_before or along_h.pad_after
        padded_w = along_w.pad_before or along_w.pad_after

        def window_row(ky: SSAValue, _: Carried) -> None:
            iy = k.tap(y0, ky, along_h)

            def part(kx: SSAValue, _: Carried) -> None:
                ix = k.tap(x0, kx, along_w)
                number = k.add(k.mul(ky, k.index(along_w.kernel // taps)), kx)
                start = k.mul(number, k.index(segment_words(op)))
                inside: SSAValue | None = None
                if padded_h:
                    inside = self.within(iy, k.index(0), k.index(height))
                if padded_w:
                    across = self.within(ix, k.index(0), k.index(width - taps + 1))
                    inside = across if inside is None else k.both(inside, across)
                row = k.add(k.mul(n, k.index(height)), iy)

                def whole() -> None:
                    self.copy(k.pixel(self.x, row, ix), start, j)

                def border() -> None:
                    self.copy_border(row, iy, ix, start, j, taps)

                k.either(inside, whole, border)

            # Of a window without gaps all columns are one part.
            k.loop(0, along_w.kernel // taps, part, hint="kx")

        k.loop(0, along_h.kernel, window_row, hint="ky")

    def within(self, value: SSAValue, low: SSAValue, high: SSAValue) -> SSAValue:
        k = self.k
        return k.both(k.compare("sge", value, low), k.compare("slt", value, high))

    def copy(self, pixel: SSAValue, start: SSAValue, j: int) -> None:
        """A segment that lies inside of the image."""
        k, depth = self.k, shape(self.op.input)[3]
        length = segment(self.op)
        source = k.mul(pixel, k.index(depth))
        quads = length // QUAD

        def quad(q: SSAValue, _: Carried) -> None:
            at = k.add(source, k.mul(q, k.index(QUAD)))
            word = k.insert(LoadWordOp(self.bytes, at), "quad")
            place = k.add(start, k.mul(q, k.index(2)))
            for odd, ror in enumerate((0, 8)):
                wide = k.insert(Sxtb16Op(word, ror))
                self.store_word(wide, k.add(place, k.index(odd)), j)

        if quads:
            k.loop(0, quads, quad, hint="q")
        for e in range(quads * QUAD, padded(length, QUAD)):
            value = k.i32(0)
            if e < length:
                value = k.load_i32(self.bytes, k.add(source, k.index(e)))
            self.store_half(value, start, k.index(e), j)

    def copy_border(
        self,
        row: SSAValue,
        iy: SSAValue,
        ix: SSAValue,
        start: SSAValue,
        j: int,
        taps: int,
    ) -> None:
        """A segment that reaches over the border, where the zero point is."""
        k = self.k
        _, height, width, depth = shape(self.op.input)
        zero_point = k.i32(integers(self.op.zero_points)[0])
        on = self.within(iy, k.index(0), k.index(height))

        def tap(kx: SSAValue, _: Carried) -> None:
            column = k.add(ix, kx)
            inside = k.both(on, self.within(column, k.index(0), k.index(width)))
            first = k.mul(kx, k.index(depth))

            def element(value: Callable[[SSAValue], SSAValue]) -> None:
                def store(c: SSAValue, _: Carried) -> None:
                    self.store_half(value(c), start, k.add(first, c), j)

                k.loop(0, depth, store, hint="c")

            def copied() -> None:
                pixel = k.pixel(self.x, row, column)
                element(lambda c: k.load_i32(self.x.pixels, pixel, c))

            k.either(inside, copied, lambda: element(lambda c: zero_point))

        k.loop(0, taps, tap, hint="kx")
        for e in range(segment(self.op), padded(segment(self.op), QUAD)):
            self.store_half(k.i32(0), start, k.index(e), j)

    def word_byte(self, word: SSAValue, j: int) -> SSAValue:
        """Where a word of a pixel lies: those of two pixels take turns."""
        k = self.k
        stride = self.together * WORD
        return k.add(k.mul(word, k.index(stride)), k.index(j * WORD))

    def store_word(self, value: SSAValue, word: SSAValue, j: int) -> None:
        store = StoreWordOp(value, self.scratch, self.word_byte(word, j), True)
        self.k.builder.insert(store)

    def store_half(self, value: SSAValue, start: SSAValue, e: SSAValue, j: int) -> None:
        """Element `e` of a segment: of four, 0 and 2 share a word, and 1 and 3."""
        k = self.k
        quad, rest = k.div(e, k.index(QUAD)), k.remainder(e, QUAD)
        word = k.add(start, k.add(k.mul(quad, k.index(2)), k.remainder(rest, 2)))
        place = k.add(k.mul(word, k.index(2 * self.together)), k.index(2 * j))
        place = k.add(place, k.div(rest, k.index(2)))
        k.store(value, self.halves, place)

    # Sums

    def group(self, g: SSAValue, target: SSAValue, count: int, outputs: int) -> None:
        """Up to four channels of the pixels at hand."""
        k = self.k
        start = [k.load(self.packed, g, k.index(c), hint="acc") for c in range(GROUP)]
        sums: Sequence[SSAValue] = start * count
        turns = self.pairs // UNROLL * UNROLL

        def take(p: SSAValue, sums: Carried, words: int) -> Carried:
            found = list(sums)
            for word in range(words):
                self.multiply(g, k.add(p, k.index(word)), found, count)
            return tuple(found)

        hints = [f"acc{i}" for i in range(len(sums))]
        if turns:
            sums = k.loop(
                0,
                turns,
                lambda p, sums: take(p, sums, UNROLL),
                sums,
                "p",
                hints,
                UNROLL,
            )
        if turns < self.pairs:
            sums = take(k.index(turns), tuple(sums), self.pairs - turns)
        for j in range(count):
            mine = list(sums[j * GROUP : (j + 1) * GROUP])
            if self.raw:
                for c in (1, 3):
                    apart = k.sub(mine[c], mine[c - 1], wrap=True)
                    mine[c] = k.shr(apart, k.i32(8))
            for c in range(outputs):
                channel = k.add(k.mul(g, k.index(GROUP)), k.index(c), "oc")
                pixel = k.add(target, k.index(j))
                finish(k, self.op, self.factors, mine[c], channel, self.y, pixel)

    def multiply(
        self, g: SSAValue, word: SSAValue, sums: list[SSAValue], count: int
    ) -> None:
        """One word of activations of each pixel, into all sums."""
        k = self.k
        x = [
            k.insert(LoadWordOp(self.scratch, self.word_byte(word, j), True), "x")
            for j in range(count)
        ]
        for pair in range(2):
            at = k.add(k.mul(word, k.index(2)), k.index(GROUP + pair))
            both = k.load(self.packed, g, at, hint="w")
            high = both if self.raw else k.insert(Sxtb16Op(both, 8))
            low = k.insert(Sxtb16Op(both))
            for place, weights in ((1, high), (0, low)):
                for j in range(count):
                    i = j * GROUP + 2 * pair + place
                    sums[i] = k.insert(SmladOp(x[j], weights, sums[i]), f"acc{i}")
