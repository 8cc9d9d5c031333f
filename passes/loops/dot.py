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
from xdsl.ir import SSAValue

from tinyml.dialects.acle import SmladOp, Sxtb16Op
from tinyml.dialects.kernel import Method, is_shared, kernel_of, unroll_of
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.weighted import Conv2DOp, WeightedOp
from tinyml.passes.dot_packing import GROUP, QUAD, folded_bias, ordered
from tinyml.passes.dot_stream import Stream, stream
from tinyml.passes.loops.dot_windows import (
    WORD,
    Windows,
    half_places,
    has_whole_taps,
    segment,
    window,
    window_words,
)
from tinyml.passes.loops.high_products import high_factors, high_requantized
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


def is_pointwise(op: Conv2DOp) -> bool:
    """Whether each window is a pixel of the image."""
    return all(
        axis.kernel == 1 and not axis.pad_before and not axis.pad_after
        for axis in op.window.axes
    )


def is_flat(op: Conv2DOp) -> bool:
    """Whether each pixel is made of the one that has the same number."""
    return is_pointwise(op) and all(axis.stride == 1 for axis in op.window.axes)


def pixels_together(op: Conv2DOp, columns: int | None) -> int:
    """Pixels that are computed together at most; `columns` are those of a part."""
    batch, rows, width, _ = shape(op.output)
    if columns is None:
        flat = is_flat(op) and high_factors(op) is not None
        columns = batch * rows * width if flat else width
    return min(PIXELS, columns)


def dot_scratch(op: Conv2DOp, columns: int | None) -> int:
    """
    Bytes of scratch memory of a kernel, of the whole layer or of so many columns: the
    widened windows of the pixels that are computed together, and their sums unless
    these are requantized at once.
    """
    sums = 0 if high_factors(op) is not None else GROUP
    return pixels_together(op, columns) * (window_words(op) + sums) * WORD


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
    filters = ordered(weights, window(op))
    return stream(filters, start, factors, GROUP, is_shared(op))


def turn_words(words: int, most: int) -> int:
    """
    Words of activations that a turn of the innermost loop takes: all of a few, else as
    many as leave the fewest for the end.
    """
    if words <= most:
        return words
    least = max(most // 4 * 2, 2)
    return min(range(least, max(most, 2) + 1, 2), key=lambda n: (words % n, -n))


def has_direct_dot(op: Conv2DOp) -> bool:
    """Whether there is a kernel that takes activations as they are."""
    return is_pointwise(op) and high_factors(op) is not None


def words_of_rest(op: Conv2DOp) -> int:
    """Words of activations that are no whole quad and taken as they are."""
    direct = kernel_of(op).method is Method.DIRECT
    return 2 if direct and segment(op) % QUAD else 0


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
    if (known := high_factors(op)) is not None:
        row = [k.load(factors, channel, k.index(i)) for i in range(known.shape[1])]
        value = high_requantized(k, op, acc, row)
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
    if any(integers(op.window.pad)) and not has_whole_taps(op):
        tables["places"] = half_places(op)
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
        self.packed = operands["packed_weights"]
        self.is_hot = high_factors(op) is not None
        self.factors = self.packed if self.is_hot else operands["factors"]
        self.stream = packed_weights(op)
        columns = None if k.part is None else k.part.columns
        self.windows = Windows(
            k,
            op,
            self.x,
            operands.get("scratch"),
            pixels_together(op, columns),
            operands.get("places"),
        )
        self.pixel: SSAValue | None = None
        """The first of the pixels whose activations are taken as they are."""

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
            if kernel_of(self.op).method is Method.DIRECT:
                self.pixel = first
            else:
                self.windows.widen_pixels(first, count)
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
        self.windows.widen(n, oy, ox, count)
        self.groups(self.target(n, oy, ox), count, hot=self.is_hot)

    @property
    def is_downward(self) -> bool:
        """
        Whether the last channels are made first. What pixels are read from for each
        group of channels may be overwritten with the last one only, in the order that
        the memory plan knows (`access_order.py`).
        """
        return self.k.backward and self.pixel is not None

    # Sums

    def groups(self, target: SSAValue, count: int, hot: bool) -> None:
        """All channels of the pixels at hand."""
        k, channels = self.k, shape(self.op.output)[3]
        whole = channels // GROUP

        def group(g: SSAValue, _: Carried) -> None:
            if self.is_downward:
                g = k.sub(k.index(whole - 1), g, "g")
            self.group(g, target, count, GROUP)

        def groups() -> None:
            if whole:
                k.loop(0, whole, group, hint="g", hot=hot)

        def tail() -> None:
            if rest := channels - whole * GROUP:

                def last(g: SSAValue, _: Carried) -> None:
                    self.group(g, target, count, rest)

                k.loop(whole, whole + 1, last, hint="g", hot=hot)

        for part in (tail, groups) if self.is_downward else (groups, tail):
            part()

    def group(self, g: SSAValue, target: SSAValue, count: int, outputs: int) -> None:
        """Up to four channels of the pixels at hand."""
        k, windows = self.k, self.windows
        sums: list[SSAValue] = []
        if self.is_hot:
            sums = self.apart(self.sums(g, count, outputs), count)
        else:
            places = [k.index(window_words(self.op) + i) for i in range(GROUP * count)]

            def once(_: SSAValue, __: Carried) -> None:
                found = self.apart(self.sums(g, count, outputs), count)
                for i, acc in enumerate(found):
                    windows.store_word(acc, places[i // count], i % count)

            k.loop(0, 1, once, hint="once", hot=True)
            sums = [
                windows.load_word(places[i // count], i % count)
                for i in range(GROUP * count)
            ]
        self.finish(g, target, sums, count, outputs)

    def sums(self, g: SSAValue, count: int, outputs: int) -> Sequence[SSAValue]:
        """Four sums of each pixel, those of raw pairs together."""
        k, stream = self.k, self.stream
        start = [self.word(g, channel, "acc") for channel in range(GROUP)]
        sums: Sequence[SSAValue] = start * count
        words = stream.activations
        most = MOST_WORDS if count == PIXELS and outputs == GROUP else FEW_WORDS
        most = unroll_of(self.op, most)
        # What is no whole quad is not looped over.
        whole = words - words_of_rest(self.op)
        unroll = turn_words(whole, most)
        turns = whole // unroll * unroll if whole > unroll else 0

        def take(p: SSAValue, sums: Carried, words: int) -> Carried:
            found = list(sums)
            for word in range(0, words, 2):
                place = k.add(p, k.index(word))
                for odd, x in enumerate(self.activations(place, count)):
                    at = k.add(place, k.index(odd))
                    self.multiply(g, at, x(), found)
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
        return sums

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

    def activations(
        self, word: SSAValue, count: int
    ) -> tuple[Callable[[], list[SSAValue]], ...]:
        """What loads a word and the one behind it of the pixels."""
        k, windows = self.k, self.windows
        if self.pixel is not None:
            return windows.load_quad(self.pixel, word, count)

        def load(odd: int) -> list[SSAValue]:
            at = k.add(word, k.index(odd))
            return [windows.load_word(at, j) for j in range(count)]

        return (lambda: load(0)), (lambda: load(1))

    def multiply(
        self, g: SSAValue, word: SSAValue, x: list[SSAValue], sums: list[SSAValue]
    ) -> None:
        """One word of activations of each pixel, into all sums."""
        k, count = self.k, len(x)
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
                    self.word(g, first + i, "factor")
                    for i in range(self.stream.factors)
                ]
            for j in range(count):
                pixel = k.add(target, k.index(j))
                acc = sums[j * GROUP + c]
                if self.is_hot:
                    k.count(prod(self.op.weights_shape) // self.op.output_channels)
                    value = high_requantized(k, self.op, acc, factors)
                    results.append((value, pixel, channel))
                else:
                    finish(k, self.op, self.factors, acc, channel, self.y, pixel)
        for value, pixel, channel in reversed(results) if self.is_downward else results:
            k.store(value, self.y.pixels, pixel, channel)
