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

from tinyml.dialects.acle import (
    LoadWordOp,
    PkhbtOp,
    SmladOp,
    SmmlarOp,
    StoreWordOp,
    Sxtb16Op,
)
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.weighted import Conv2DOp, WeightedOp
from tinyml.passes.dot_packing import GROUP, QUAD, folded_bias, padded, segments
from tinyml.passes.dot_stream import Stream, stream
from tinyml.passes.loops.kernel import Carried, Image, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.requantize import may_wrap, requantize, table_factor
from tinyml.passes.loops.weighted import constant_array

PIXELS = 2
"""Output pixels that are computed together."""

MOST_WORDS, FEW_WORDS = 16, 4
"""
Words of activations that are taken without a loop, and that a turn takes at most: for
most pixels, and for those that are left over.
"""

WIDENED = 4
"""Words of activations that are loaded before they are widened and stored."""

TURNED = 2
"""How often that is done in a turn of a loop."""

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


def is_pointwise(op: Conv2DOp) -> bool:
    """Whether each window is a pixel of the image."""
    return all(
        axis.kernel == 1 and not axis.pad_before and not axis.pad_after
        for axis in op.window.axes
    )


def is_flat(op: Conv2DOp) -> bool:
    """Whether each pixel is made of the one that has the same number."""
    return is_pointwise(op) and all(axis.stride == 1 for axis in op.window.axes)


def dot_scratch(op: Conv2DOp, columns: int) -> int:
    """
    Bytes of scratch memory of a kernel that makes so many columns at a time: the
    widened windows of the pixels that are computed together.
    """
    return min(PIXELS, columns) * window_words(op) * WORD


def packed_weights(op: Conv2DOp) -> Stream:
    """What the kernel multiplies with; factors are with it if they are high ones."""
    weights = constant_array(op, "weights").reshape(op.output_channels, -1)
    bias = np.zeros(op.output_channels, np.int32)
    if op.bias is not None:
        bias = constant_array(op, "bias")
    factors = high_factors(op)
    if factors is None:
        factors = np.zeros((op.output_channels, 0), np.int32)
    start = folded_bias(weights, bias, integers(op.zero_points)[0])
    return stream(segments(weights, segment(op)), start, factors, GROUP)


def turn_words(words: int, most: int) -> int:
    """
    Words of activations that a turn of the innermost loop takes: all of a few, else as
    many as leave the fewest for the end.
    """
    if words <= most:
        return words
    return min(range(most // 2, most + 1), key=lambda n: (words % n, -n))


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


def high_requantized(
    k: Kernel, op: WeightedOp, acc: SSAValue, multiplier: SSAValue, power: SSAValue
) -> SSAValue:
    """The output byte of a sum, by a row of `high_factors`."""
    zero_point = k.i32(integers(op.zero_points)[1])
    low, high = integers(op.clamp)
    scaled = k.insert(SmmlarOp(acc, multiplier, acc), "scaled")
    # Ties go away from zero. Where negative results are all the least one, the way they
    # are rounded does not matter.
    if low != integers(op.zero_points)[1]:
        scaled = k.add(scaled, k.shr(scaled, k.i32(31)), wrap=True)
    shifted = k.insert(SmmlarOp(scaled, power, zero_point), "shifted")
    return k.clamp(shifted, low, high)


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
    if high_factors(op) is not None:
        first = k.load(factors, channel, k.index(0), hint="multiplier")
        second = k.load(factors, channel, k.index(1), hint="power")
        value = high_requantized(k, op, acc, first, second)
    else:
        low, high = integers(op.clamp)
        table = constant_array(op, "requant")
        factor = table_factor(k, factors, channel, table)
        scaled = requantize(k, acc, factor, op.rounding.data)
        wrap = may_wrap(factor, op.rounding.data)
        zero_point = k.i32(integers(op.zero_points)[1])
        value = k.clamp(k.add(scaled, zero_point, "shifted", wrap), low, high)
    k.store(value, y.pixels, pixel, channel)


def dot_tables(op: Conv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads."""
    tables = {"packed_weights": packed_weights(op).words}
    if high_factors(op) is None:
        tables["factors"] = factor_table(op)
    return tables


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
        self.packed = operands["packed_weights"]
        self.is_hot = high_factors(op) is not None
        self.factors = self.packed if self.is_hot else operands["factors"]
        self.scratch = operands["scratch"]
        count = buffer_bytes(buffer_type(self.scratch)) // 2
        view = memref.ViewOp(self.scratch, k.index(0), [], MemRefType(i16, [count]))
        self.halves = k.insert(view, "halves")
        self.stream = packed_weights(op)
        columns = shape(op.output)[2] if k.part is None else k.part.columns
        self.together = min(PIXELS, columns)

    def build(self) -> None:
        k = self.k
        batch, rows, columns, _ = shape(self.op.output)
        if self.is_hot and is_flat(self.op) and k.part is None:
            self.run(k.index(0), k.index(0), batch * rows * columns)
            return

        def row(n: SSAValue, oy: SSAValue) -> None:
            if k.part is not None:
                self.blocks(n, oy, k.part.x, k.part.columns)
            else:
                self.blocks(n, oy, k.index(0), columns)

        k.over_rows(batch, rows, row)

    def blocks(self, n: SSAValue, oy: SSAValue, first: SSAValue, columns: int) -> None:
        """The pixels of a row: pairs of them, and one more if their number is odd."""
        k, even = self.k, columns // PIXELS * PIXELS
        if self.is_hot and is_pointwise(self.op):
            _, height, _, _ = shape(self.op.input)
            along_h, along_w = self.op.window.axes
            y0 = k.add(k.mul(n, k.index(height)), k.mul(oy, k.index(along_h.stride)))
            source = k.pixel(self.x, y0, k.mul(first, k.index(along_w.stride)))
            self.run(source, self.target(n, oy, first), columns)
            return

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

    def run(self, source: SSAValue, target: SSAValue, columns: int) -> None:
        """The pixels of a row that are made of a pixel each."""
        k, even = self.k, columns // PIXELS * PIXELS
        along_w = self.op.window.axes[1]

        def pixels(i: SSAValue, count: int) -> None:
            first = k.add(source, k.mul(i, k.index(along_w.stride)))
            self.copy_segment(first, k.index(0), count)
            self.groups(k.add(target, i), count, hot=False)

        def pair(i: SSAValue, _: Carried) -> None:
            pixels(k.sub(k.index(even - PIXELS), i) if k.backward else i, PIXELS)

        def last(i: SSAValue, _: Carried) -> None:
            pixels(i, 1)

        def pairs() -> None:
            if even:
                k.loop(0, even, pair, hint="i", step=PIXELS, hot=True)

        def rest() -> None:
            if even < columns:
                k.loop(even, columns, last, hint="i", hot=True)

        for part in (rest, pairs) if k.backward else (pairs, rest):
            part()

    def target(self, n: SSAValue, oy: SSAValue, ox: SSAValue) -> SSAValue:
        k, rows = self.k, shape(self.op.output)[1]
        return k.pixel(self.y, k.add(k.mul(n, k.index(rows)), oy), ox)

    def block(self, n: SSAValue, oy: SSAValue, ox: SSAValue, count: int) -> None:
        def borders() -> None:
            for j in range(count):
                self.widen(n, oy, self.k.add(ox, self.k.index(j)), j)

        self.k.either(
            self.inside(oy, ox, count),
            lambda: self.widen_inside(n, oy, ox, count),
            borders,
        )
        self.groups(self.target(n, oy, ox), count, hot=self.is_hot)

    # Windows

    def inside(self, oy: SSAValue, ox: SSAValue, count: int) -> SSAValue | None:
        """Whether the windows of pixels lie in the image; None if they all do."""
        k = self.k
        _, height, width, _ = shape(self.op.input)
        found: SSAValue | None = None
        more = count - 1
        for axis, at, size, others in zip(
            self.op.window.axes, (oy, ox), (height, width), (0, more), strict=True
        ):
            if axis.pad_before or axis.pad_after:
                first = k.sub(k.mul(at, k.index(axis.stride)), k.index(axis.pad_before))
                reach = axis.extent + others * axis.stride
                fits = self.within(first, k.index(0), k.index(size - reach + 1))
                found = fits if found is None else k.both(found, fits)
        return found

    def widen_inside(self, n: SSAValue, oy: SSAValue, ox: SSAValue, count: int) -> None:
        """The windows of neighbouring pixels, all inside of the image."""
        k, op = self.k, self.op
        along_h, along_w = op.window.axes
        height = shape(op.input)[1]
        y0 = k.sub(k.mul(oy, k.index(along_h.stride)), k.index(along_h.pad_before))
        x0 = k.sub(k.mul(ox, k.index(along_w.stride)), k.index(along_w.pad_before))
        corner = k.pixel(self.x, k.add(k.mul(n, k.index(height)), y0), x0)
        across = 1 if along_w.dilation == 1 else along_w.kernel
        words = segment_words(op)

        def window_row(pixel: SSAValue, ky: SSAValue) -> None:
            for kx in range(across):
                number = k.add(k.mul(ky, k.index(across)), k.index(kx))
                first = k.add(pixel, k.index(kx * along_w.dilation))
                self.copy_segment(first, k.mul(number, k.index(words)), count)

        if self.x.capacity is None:
            pitch = along_h.dilation * self.x.pitch

            def turn(ky: SSAValue, _: Carried) -> None:
                window_row(k.add(corner, k.mul(ky, k.index(pitch))), ky)

            k.loop(0, along_h.kernel, turn, hint="ky", hot=True)
            return
        pixels = [corner]
        while len(pixels) < along_h.kernel:
            pixels.append(k.rows_below(self.x, pixels[-1], along_h.dilation))

        def once(_: SSAValue, __: Carried) -> None:
            for ky, pixel in enumerate(pixels):
                window_row(pixel, k.index(ky))

        k.loop(0, 1, once, hint="once", hot=True)

    def copy_segment(self, pixel: SSAValue, start: SSAValue, count: int) -> None:
        """Segments of neighbouring pixels that lie inside of the image."""
        k, depth = self.k, shape(self.op.input)[3]
        apart = self.op.window.axes[1].stride * depth
        length = segment(self.op)
        source = k.mul(pixel, k.index(depth))

        def quads(q: SSAValue, number: int) -> None:
            """Loads some quads of each pixel, and stores them behind that."""
            words: list[tuple[SSAValue, SSAValue, int]] = []
            for i in range(number):
                at = k.add(source, k.mul(k.add(q, k.index(i)), k.index(QUAD)))
                place = k.add(start, k.mul(k.add(q, k.index(i)), k.index(2)))
                for j in range(count):
                    byte = k.add(at, k.index(j * apart))
                    word = k.insert(LoadWordOp(self.bytes, byte), "quad")
                    words.append((word, place, j))
            for word, place, j in words:
                for odd, ror in enumerate((0, 8)):
                    wide = k.insert(Sxtb16Op(word, ror))
                    self.store_word(wide, k.add(place, k.index(odd)), j)

        whole = length // QUAD
        together = WIDENED // count
        turn = TURNED * together
        looped = whole // turn * turn if whole > 2 * turn else 0
        if looped:

            def turns(q: SSAValue, _: Carried) -> None:
                for i in range(TURNED):
                    quads(k.add(q, k.index(i * together)), together)

            k.loop(0, looped, turns, hint="q", step=turn)
        for q in range(looped, whole, together):
            quads(k.index(q), min(together, whole - q))
        if length % QUAD:
            for j in range(count):
                self.copy_rest(k.add(source, k.index(j * apart)), start, j)

    def copy_rest(self, source: SSAValue, start: SSAValue, j: int) -> None:
        """The elements of a segment that make no quad; weights behind them are zero."""
        k, length = self.k, segment(self.op)
        first = length // QUAD * QUAD
        rest = [
            k.load_i32(self.bytes, k.add(source, k.index(e)))
            for e in range(first, length)
        ]
        words = [rest[0], rest[min(1, len(rest) - 1)]]
        if len(rest) > 2:
            words[0] = k.insert(PkhbtOp(rest[0], rest[2], 16))
        for odd, word in enumerate(words):
            self.store_word(word, k.add(start, k.index(first // 2 + odd)), j)

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

    def groups(self, target: SSAValue, count: int, hot: bool) -> None:
        """All channels of the pixels at hand."""
        k, channels = self.k, shape(self.op.output)[3]
        whole = channels // GROUP

        def group(g: SSAValue, _: Carried) -> None:
            self.group(g, target, count, GROUP)

        if whole:
            k.loop(0, whole, group, hint="g", hot=hot)
        if rest := channels - whole * GROUP:

            def tail(g: SSAValue, _: Carried) -> None:
                self.group(g, target, count, rest)

            k.loop(whole, whole + 1, tail, hint="g", hot=hot)

    def group(self, g: SSAValue, target: SSAValue, count: int, outputs: int) -> None:
        """Up to four channels of the pixels at hand."""
        k, stream = self.k, self.stream
        start = [self.word(g, channel, "acc") for channel in range(GROUP)]
        sums: Sequence[SSAValue] = start * count
        words = stream.activations
        most = MOST_WORDS if count == PIXELS and outputs == GROUP else FEW_WORDS
        unroll = turn_words(words, most)
        turns = words // unroll * unroll if words > unroll else 0

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
                lambda p, sums: take(p, sums, unroll),
                sums,
                "p",
                hints,
                unroll,
            )
        if turns < words:
            sums = take(k.index(turns), tuple(sums), words - turns)
        self.finish(g, target, self.apart(sums, count), count, outputs)

    def apart(self, sums: Sequence[SSAValue], count: int) -> list[SSAValue]:
        """Takes the sums of low channels out of those of high ones."""
        k, found = self.k, list(sums)
        for j in range(count):
            for number in range(GROUP // 2):
                if self.stream.raw(number):
                    low, high = (j * GROUP + c for c in self.stream.pair(number))
                    apart = k.sub(found[high], found[low], wrap=True)
                    found[high] = k.shr(apart, k.i32(8))
        return found

    def word(self, g: SSAValue, number: int, hint: str) -> SSAValue:
        """A word of the stream of a group."""
        return self.k.load(self.packed, g, self.k.index(number), hint=hint)

    def multiply(
        self, g: SSAValue, word: SSAValue, sums: list[SSAValue], count: int
    ) -> None:
        """One word of activations of each pixel, into all sums."""
        k = self.k
        x = [
            k.insert(LoadWordOp(self.scratch, self.word_byte(word, j), True), "x")
            for j in range(count)
        ]
        for number in range(GROUP // 2):
            first = self.stream.weight_at(0, number)
            at = k.add(k.mul(word, k.index(GROUP // 2)), k.index(first))
            both = k.load(self.packed, g, at, hint="w")
            raw = self.stream.raw(number)
            high = both if raw else k.insert(Sxtb16Op(both, 8))
            channels = self.stream.pair(number)
            for j in range(count):
                i = j * GROUP + channels[1]
                sums[i] = k.insert(SmladOp(x[j], high, sums[i]), f"acc{i}")
            low = k.insert(Sxtb16Op(both))
            for j in range(count):
                i = j * GROUP + channels[0]
                sums[i] = k.insert(SmladOp(x[j], low, sums[i]), f"acc{i}")

    def finish(
        self,
        g: SSAValue,
        target: SSAValue,
        sums: Sequence[SSAValue],
        count: int,
        outputs: int,
    ) -> None:
        """Requantizes sums, and stores them in the end."""
        k = self.k
        results: list[tuple[SSAValue, SSAValue, SSAValue]] = []
        for c in range(outputs):
            channel = k.add(k.mul(g, k.index(GROUP)), k.index(c), "oc")
            factors: list[SSAValue] = []
            if self.is_hot:
                first = self.stream.factor_at(c)
                factors = [
                    self.word(g, first + i, name)
                    for i, name in enumerate(("multiplier", "power"))
                ]
            for j in range(count):
                pixel = k.add(target, k.index(j))
                acc = sums[j * GROUP + c]
                if self.is_hot:
                    k.count(prod(self.op.weights_shape) // self.op.output_channels)
                    value = high_requantized(k, self.op, acc, factors[0], factors[1])
                    results.append((value, pixel, channel))
                else:
                    finish(k, self.op, self.factors, acc, channel, self.y, pixel)
        for value, pixel, channel in results:
            k.store(value, self.y.pixels, pixel, channel)
