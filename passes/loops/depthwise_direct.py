"""
A depthwise convolution of the buffers as they are: four channels of a pixel at a time.

Words of two pixels of a window, of four channels each, are turned into four words of
one channel each (PKHBT, PKHTB, SXTB16), which are multiplied with words of two weights.
A last pixel without a partner is taken apart by halves. All that a group of channels
needs besides lies in one stream: start values, weights, factors of requantization.

Pixels whose window reaches over the border take what is inside of it pixel by pixel,
and channels that make no whole word one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import cast

import numpy as np
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import (
    LoadWordOp,
    PkhbtOp,
    PkhtbOp,
    SmlabbOp,
    SmladOp,
    SmlattOp,
    Sxtab16Op,
    Sxtb16Op,
)
from tinyml.dialects.layer import LayerOp, buffer_type, integers, shape
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.loops.high_products import (
    filters,
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import (
    depthwise_pixel,
    depthwise_sum,
    write_output,
)

GROUP = 4
"""Channels that a word of a pixel holds."""


def paired_weights(op: DepthwiseConv2DOp) -> np.ndarray:
    """
    For each group of channels its weights in the order of the window: of two taps a
    word for each channel, of a last one a word for channels 0 and 2, and 1 and 3.
    """
    groups = op.output_channels // GROUP
    weights = filters(op)[: groups * GROUP].astype(np.int64).reshape(groups, GROUP, -1)
    taps = weights.shape[2]
    words: list[np.ndarray] = []
    for tap in range(0, taps - 1, 2):
        low, high = weights[:, :, tap], weights[:, :, tap + 1]
        words.append((low & 0xFFFF) | high << 16)
    if taps % 2:
        low, high = weights[:, :2, -1], weights[:, 2:, -1]
        words.append((low & 0xFFFF) | high << 16)
    return np.concatenate(words, 1)


def direct_tables(op: DepthwiseConv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads besides the layer's constants: the stream of each group."""
    factors = high_factors(op)
    assert factors is not None
    groups = op.output_channels // GROUP
    start = start_values(op)[: groups * GROUP].reshape(groups, GROUP)
    rows = factors[: groups * GROUP].astype(np.int64).reshape(groups, -1)
    stream = np.concatenate([start, paired_weights(op), rows], 1) & 0xFFFFFFFF
    return {"stream": stream.astype(np.uint32).view(np.int32)}


def direct_constants(op: DepthwiseConv2DOp) -> set[str]:
    """The layer's constants that the kernel reads."""
    if op.output_channels % GROUP:
        return {"weights", "bias", "requant"}
    return {"weights", "bias"} if any(integers(op.window.pad)) else set()


def has_direct(op: DepthwiseConv2DOp) -> bool:
    """Whether there is this kernel for a layer."""
    whole = op.depth_multiplier == 1 and op.output_channels >= GROUP
    return whole and high_factors(op) is not None


def lower_depthwise_direct(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    DirectKernel(k, cast(DepthwiseConv2DOp, layer), operands).build()


class DirectKernel:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: DepthwiseConv2DOp, operands: Operands):
        self.k, self.op, self.operands = k, op, operands
        self.x, self.y = k.image(operands, "input"), k.image(operands, "output")
        self.source, self.target = k.flat(self.x.pixels), k.flat(self.y.pixels)
        self.stream = k.flat(operands["stream"])
        _, self.length = buffer_type(operands["stream"]).get_shape()
        self.depth = shape(op.input)[3]
        self.groups = self.depth // GROUP
        along_h, along_w = op.window.axes
        self.taps = list(product(range(along_h.kernel), range(along_w.kernel)))
        self.work = prod(op.weights_shape) // op.output_channels

    def build(self) -> None:
        k = self.k
        batch, rows, _, _ = shape(self.op.output)
        row = self.row if k.part is None else self.part
        k.over_rows(batch, rows, row)

    # Pixels

    def start(self, n: SSAValue, oy: SSAValue) -> tuple[SSAValue, SSAValue]:
        """The first row of the windows of a row of outputs, in its image and in all."""
        k, along_h = self.k, self.op.window.axes[0]
        y0 = k.sub(k.mul(oy, k.index(along_h.stride)), k.index(along_h.pad_before))
        return y0, k.add(k.mul(n, k.index(shape(self.op.input)[1])), y0, "iy")

    def is_inside(self, axis: int, first: SSAValue) -> SSAValue | None:
        """Whether a window that begins there lies inside; None if all do."""
        k, along = self.k, self.op.window.axes[axis]
        if not along.pad_before and not along.pad_after:
            return None
        size = shape(self.op.input)[1 + axis]
        low = k.compare("sge", first, k.index(0))
        return k.both(low, k.compare("slt", first, k.index(size - along.extent + 1)))

    def inner_columns(self) -> tuple[int, int]:
        """The outputs of a row whose windows reach over neither side."""
        width, columns = shape(self.op.input)[2], shape(self.op.output)[2]
        along = self.op.window.axes[1]
        first = -(-along.pad_before // along.stride)
        last = (width - along.extent + along.pad_before) // along.stride
        return min(first, columns), max(min(last + 1, columns), min(first, columns))

    def row(self, n: SSAValue, oy: SSAValue) -> None:
        """A row of outputs of a whole layer."""
        k, columns = self.k, shape(self.op.output)[2]
        first, end = self.inner_columns()
        y0, iy = self.start(n, oy)

        def borders(low: int, high: int) -> None:
            def pixel(ox: SSAValue, _: Carried) -> None:
                if k.backward:
                    ox = k.sub(k.index(low + high - 1), ox, "ox")
                self.border(n, oy, ox)

            if low < high:
                k.loop(low, high, pixel, hint="ox")

        def inside() -> None:
            self.in_order(
                lambda: borders(0, first),
                lambda: self.run(n, oy, iy, first, end),
                lambda: borders(end, columns),
            )

        k.either(self.is_inside(0, y0), inside, lambda: borders(0, columns))

    def run(
        self, n: SSAValue, oy: SSAValue, iy: SSAValue, first: int, end: int
    ) -> None:
        """Neighbouring pixels of a row whose windows lie inside."""
        k, along_w = self.k, self.op.window.axes[1]
        if first == end:
            return
        rows = shape(self.op.output)[1]
        row = k.add(k.mul(n, k.index(rows)), oy)

        def pixels(at: SSAValue, count: int) -> None:
            k.count(count * self.groups * GROUP * self.work)
            x0 = k.mul(at, k.index(along_w.stride))
            x0 = k.sub(x0, k.index(along_w.pad_before))
            windows = self.window_rows(k.pixel(self.x, iy, x0))
            target = k.pixel(self.y, row, at)

            def pixel(i: SSAValue, _: Carried) -> None:
                if k.backward:
                    i = k.sub(k.index(count - 1), i, "i")
                self.pixel(windows, target, i)

            k.loop(0, count, pixel, hint="i", hot=True)

        def single(ox: SSAValue, _: Carried) -> None:
            if k.backward:
                ox = k.sub(k.index(first + end - 1), ox, "ox")
            self.in_order(lambda: pixels(ox, 1), lambda: self.left(n, oy, ox))

        if self.groups * GROUP < self.depth:
            k.loop(first, end, single, hint="ox")
        else:
            pixels(k.index(first), end - first)

    def in_order(self, *parts: Callable[[], None]) -> None:
        """One after the other, in the kernel's direction."""
        for part in reversed(parts) if self.k.backward else parts:
            part()

    def part(self, n: SSAValue, oy: SSAValue) -> None:
        """A few pixels in a stage."""
        k, along_w = self.k, self.op.window.axes[1]
        y0, iy = self.start(n, oy)

        def column(ox: SSAValue) -> None:
            x0 = k.sub(k.mul(ox, k.index(along_w.stride)), k.index(along_w.pad_before))

            def whole() -> None:
                k.count(self.groups * GROUP * self.work)
                target = k.pixel(self.y, oy, ox)
                windows = self.window_rows(k.pixel(self.x, iy, x0))

                def pixel(i: SSAValue, _: Carried) -> None:
                    self.pixel(windows, target, i)

                k.loop(0, 1, pixel, hint="i", hot=True)
                self.left(n, oy, ox)

            conditions = [self.is_inside(0, y0), self.is_inside(1, x0)]
            known = [each for each in conditions if each is not None]
            inside = known[0] if known else None
            if len(known) == 2:
                inside = k.both(*known)
            k.either(inside, whole, lambda: self.border(n, oy, ox))

        k.over_columns(shape(self.op.output)[2], column)

    def window_rows(self, corner: SSAValue) -> list[tuple[SSAValue, int]]:
        """For each row of a window a pixel, and how many pixels behind it it begins."""
        k, along_h = self.k, self.op.window.axes[0]
        if self.x.capacity is None:
            down = along_h.dilation * self.x.pitch
            return [(corner, ky * down) for ky in range(along_h.kernel)]
        found = [corner]
        while len(found) < along_h.kernel:
            found.append(k.rows_below(self.x, found[-1], along_h.dilation))
        return [(pixel, 0) for pixel in found]

    # Groups of channels of a pixel inside

    def pixel(
        self, windows: Sequence[tuple[SSAValue, int]], target: SSAValue, i: SSAValue
    ) -> None:
        """Pixel `i` of some neighbours, from what is said of the first."""
        k, along_w = self.k, self.op.window.axes[1]
        across = along_w.stride * self.depth

        def group(g: SSAValue, _: Carried) -> None:
            if k.backward:
                g = k.sub(k.index(self.groups - 1), g, "g")
            channel = k.mul(g, k.index(GROUP))
            moved = k.add(k.mul(i, k.index(across)), channel)
            places = [
                (k.add(k.mul(pixel, k.index(self.depth)), moved), behind * self.depth)
                for pixel, behind in windows
            ]
            out = k.add(k.mul(target, k.index(self.depth)), channel)
            self.group(g, places, k.add(k.mul(i, k.index(self.depth)), out))

        k.loop(0, self.groups, group, hint="g")

    def group(
        self, g: SSAValue, places: Sequence[tuple[SSAValue, int]], out: SSAValue
    ) -> None:
        k, dilation = self.k, self.op.window.axes[1].dilation
        base = k.mul(g, k.index(self.length))

        def word(number: int) -> SSAValue:
            return k.load(self.stream, k.add(base, k.index(number)))

        def load(tap: tuple[int, int]) -> SSAValue:
            place, behind = places[tap[0]]
            at = k.add(place, k.index(behind + tap[1] * dilation * self.depth))
            return k.insert(LoadWordOp(self.source, at), "x")

        sums = [word(c) for c in range(GROUP)]
        taken = GROUP
        for tap in range(0, len(self.taps) - 1, 2):
            a, b = load(self.taps[tap]), load(self.taps[tap + 1])
            weights = [word(taken + c) for c in range(GROUP)]
            taken += GROUP
            halves = [
                k.insert(PkhbtOp(a, b, 16), "low"),
                k.insert(PkhtbOp(b, a, 16), "high"),
            ]
            for c in range(GROUP):
                pair = k.insert(Sxtb16Op(halves[c // 2], 8 * (c % 2)), "pair")
                sums[c] = k.insert(SmladOp(pair, weights[c], sums[c]), "acc")
        if len(self.taps) % 2:
            a = load(self.taps[-1])
            for odd in range(2):
                weights = word(taken + odd)
                pair = k.insert(Sxtb16Op(a, 8 * odd), "pair")
                for c, multiply in ((odd, SmlabbOp), (odd + 2, SmlattOp)):
                    sums[c] = k.insert(multiply(pair, weights, sums[c]), "acc")
        for c, acc in enumerate(sums):
            self.finish(g, c, acc, k.add(out, k.index(c)))

    def finish(self, g: SSAValue, c: int, acc: SSAValue, out: SSAValue) -> None:
        """Requantization, zero point, clamp and store of channel `c` of a group."""
        k = self.k
        known = high_factors(self.op)
        assert known is not None
        columns = known.shape[1]
        first = self.length - (GROUP - c) * columns
        base = k.mul(g, k.index(self.length))
        factors = [
            k.load(self.stream, k.add(base, k.index(first + i))) for i in range(columns)
        ]
        k.store(high_requantized(k, self.op, acc, factors), self.target, out)

    # Pixels at the border, channels at the end

    def border(self, n: SSAValue, oy: SSAValue, ox: SSAValue) -> None:
        """A pixel whose window may reach over the border."""
        k, op = self.k, self.op
        k.count(self.groups * GROUP * self.work)
        rows = shape(op.output)[1]
        target = k.pixel(self.y, k.add(k.mul(n, k.index(rows)), oy), ox)
        window = depthwise_pixel(k, op, self.x, n, oy, ox)
        along_h, along_w = op.window.axes
        filter_words = k.flat(self.operands["weights"])
        half = -integers(op.zero_points)[0] & 0xFFFF
        centre = k.integer(half << 16 | half, i32)

        def group(at: tuple[SSAValue, ...]) -> None:
            (g,) = at
            channel = k.mul(g, k.index(GROUP))

            def filter_row(ky: SSAValue, carried: Carried) -> Carried:
                *sums, row = carried

                def tap(kx: SSAValue, carried: Carried) -> Carried:
                    found = list(carried)
                    pixel = k.tap(row, k.sub(kx, window.columns[0]), along_w)
                    place = k.add(k.mul(pixel, k.index(self.depth)), channel)
                    a = k.insert(LoadWordOp(self.source, place), "x")
                    number = k.add(k.mul(ky, k.index(along_w.kernel)), kx)
                    place = k.add(k.mul(number, k.index(self.depth)), channel)
                    b = k.insert(LoadWordOp(filter_words, place), "w")
                    for odd, ror in enumerate((0, 8)):
                        pair = k.insert(Sxtab16Op(centre, a, ror), "pair")
                        weights = k.insert(Sxtb16Op(b, ror))
                        for c, multiply in ((odd, SmlabbOp), (odd + 2, SmlattOp)):
                            found[c] = k.insert(multiply(pair, weights, found[c]))
                    return tuple(found)

                hints = [f"acc{c}" for c in range(GROUP)]
                sums = k.loop(*window.columns, tap, sums, "kx", hints)
                return *sums, k.rows_below(self.x, row, along_h.dilation)

            biases = [k.add(channel, k.index(c)) for c in range(GROUP)]
            sums = [k.i32(0)] * GROUP
            if op.bias is not None:
                sums = [k.load(self.operands["bias"], c) for c in biases]
            hints = [*(f"acc{c}" for c in range(GROUP)), "row"]
            carried = (*sums, window.corner)
            *sums, _ = k.loop(*window.rows, filter_row, carried, "ky", hints)
            out = k.add(k.mul(target, k.index(self.depth)), channel)
            for c, acc in enumerate(sums):
                self.finish(g, c, acc, k.add(out, k.index(c)))

        self.in_order(
            lambda: k.nest([self.groups], group, ["g"]),
            lambda: self.left(n, oy, ox),
        )

    def left(self, n: SSAValue, oy: SSAValue, ox: SSAValue) -> None:
        """The channels of a pixel that make no whole word."""
        k, op = self.k, self.op
        left = self.depth - self.groups * GROUP
        if not left:
            return
        rows = shape(op.output)[1]
        target = k.pixel(self.y, k.add(k.mul(n, k.index(rows)), oy), ox)
        window = depthwise_pixel(k, op, self.x, n, oy, ox)

        def channel(at: tuple[SSAValue, ...]) -> None:
            c = k.add(at[0], k.index(self.groups * GROUP), "c")
            acc = depthwise_sum(k, op, self.operands, self.x, window, c, c)
            write_output(k, op, self.operands, acc, c, self.y.pixels, target, c)

        k.nest([left], channel, ["c"])
