"""
A depthwise convolution of the buffers as they are: four channels of two pixels at a
time.

Words of two pixels of a window, one above the other and of four channels each, become
words of one channel each (PKHBT or PKHTB, SXTB16), which are multiplied with words of
two weights, into the sums of both outputs. So it goes through the window twice, for the
lower and for the upper two channels. The last of an odd number of rows is taken apart
by halves. All that two channels need besides lies in one stream: start values, weights,
factors of requantization.

Pixels whose window reaches over the border take what is inside of it pixel by pixel,
and channels that make no whole word one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
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
    SmlabtOp,
    SmladOp,
    SmlatbOp,
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

PIXELS = 2
"""Neighbours that are computed together."""


def paired_weights(op: DepthwiseConv2DOp) -> np.ndarray:
    """
    For each two channels their weights, [pairs, words]: of two rows of the filter, tap
    by tap, a word of either channel; of a last row one of both.
    """
    along_h, along_w = op.window.axes
    groups = op.output_channels // GROUP
    weights = filters(op)[: groups * GROUP].astype(np.int64)
    rows = weights.reshape(2 * groups, 2, along_h.kernel, along_w.kernel)
    words: list[np.ndarray] = []
    for row in range(0, along_h.kernel - 1, 2):
        both = (rows[:, :, row] & 0xFFFF) | rows[:, :, row + 1] << 16
        words.append(both.transpose(0, 2, 1).reshape(2 * groups, -1))
    if along_h.kernel % 2:
        words.append((rows[:, 0, -1] & 0xFFFF) | rows[:, 1, -1] << 16)
    return np.concatenate(words, 1)


def columns_together(op: DepthwiseConv2DOp) -> list[int]:
    """For each column of a row of outputs how many are computed with it."""
    first, end = inner_columns(op)
    together = [1] * shape(op.output)[2]
    for column in range(first, end - 1, PIXELS):
        together[column : column + PIXELS] = [PIXELS] * PIXELS
    return together


def inner_columns(op: DepthwiseConv2DOp) -> tuple[int, int]:
    """The outputs of a row whose windows reach over neither side."""
    width, columns = shape(op.input)[2], shape(op.output)[2]
    along = op.window.axes[1]
    first = min(-(-along.pad_before // along.stride), columns)
    last = (width - along.extent + along.pad_before) // along.stride
    return first, max(min(last + 1, columns), first)


def direct_tables(op: DepthwiseConv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads besides the layer's constants: the stream of each group."""
    factors = high_factors(op)
    assert factors is not None
    pairs = op.output_channels // GROUP * 2
    start = start_values(op)[: 2 * pairs].reshape(pairs, 2)
    rows = factors[: 2 * pairs].astype(np.int64).reshape(pairs, -1)
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
        known = high_factors(op)
        assert known is not None
        self.columns = known.shape[1]
        self.depth = shape(op.input)[3]
        self.groups = self.depth // GROUP
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

    def is_inside(
        self, axis: int, first: SSAValue, together: int = 1
    ) -> SSAValue | None:
        """Whether windows from there on lie inside; None if all do."""
        k, along = self.k, self.op.window.axes[axis]
        if not along.pad_before and not along.pad_after:
            return None
        size = shape(self.op.input)[1 + axis]
        low = k.compare("sge", first, k.index(0))
        extent = (together - 1) * along.stride + along.extent
        return k.both(low, k.compare("slt", first, k.index(size - extent + 1)))

    def row(self, n: SSAValue, oy: SSAValue) -> None:
        """A row of outputs of a whole layer."""
        k, columns = self.k, shape(self.op.output)[2]
        first, end = inner_columns(self.op)
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

        def pixels(at: SSAValue, count: int, together: int) -> None:
            """So many turns of pixels that are computed together."""
            k.count(count * together * self.groups * GROUP * self.work)
            x0 = k.mul(at, k.index(along_w.stride))
            x0 = k.sub(x0, k.index(along_w.pad_before))
            windows = self.window_rows(k.pixel(self.x, iy, x0))
            target = k.pixel(self.y, row, at)

            def pixel(i: SSAValue, _: Carried) -> None:
                if k.backward:
                    i = k.sub(k.index(count - 1), i, "i")
                moved = k.mul(i, k.index(together))
                self.pixels(windows, target, moved, together)

            k.loop(0, count, pixel, hint="i", hot=True)

        def some(together: int) -> Callable[[SSAValue], None]:
            def turn(ox: SSAValue) -> None:
                last = [k.add(ox, k.index(j)) for j in range(together)]
                lefts = [partial(self.left, n, oy, each) for each in last]
                self.in_order(lambda: pixels(ox, 1, together), *lefts)

            return turn

        pairs = (end - first) // PIXELS
        behind = first + PIXELS * pairs
        parts: list[Callable[[], None]] = []
        if self.groups * GROUP < self.depth:
            parts.append(lambda: self.turns(first, pairs, PIXELS, some(PIXELS)))
            parts.append(lambda: self.turns(behind, end - behind, 1, some(1)))
        else:
            if pairs:
                parts.append(lambda: pixels(k.index(first), pairs, PIXELS))
            if behind < end:
                parts.append(lambda: pixels(k.index(behind), 1, 1))
        self.in_order(*parts)

    def turns(
        self, first: int, count: int, step: int, body: Callable[[SSAValue], None]
    ) -> None:
        """`body(column)` for some columns, in the kernel's direction."""
        k = self.k

        def turn(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(count - 1), i, "i")
            body(k.add(k.mul(i, k.index(step)), k.index(first), "ox"))

        if count:
            k.loop(0, count, turn, hint="i")

    def ordered(self, count: int) -> Sequence[int]:
        """Numbers below `count` in the kernel's direction."""
        numbers = range(count)
        return numbers[::-1] if self.k.backward else numbers

    def in_order(self, *parts: Callable[[], None]) -> None:
        """One after the other, in the kernel's direction."""
        for part in reversed(parts) if self.k.backward else parts:
            part()

    def part(self, n: SSAValue, oy: SSAValue) -> None:
        """A few pixels in a stage."""
        k, along_w = self.k, self.op.window.axes[1]
        y0, iy = self.start(n, oy)

        def some(ox: SSAValue, together: int) -> None:
            x0 = k.sub(k.mul(ox, k.index(along_w.stride)), k.index(along_w.pad_before))
            columns = [k.add(ox, k.index(j)) for j in range(together)]

            def whole() -> None:
                k.count(together * self.groups * GROUP * self.work)
                target = k.pixel(self.y, oy, ox)
                windows = self.window_rows(k.pixel(self.x, iy, x0))

                def pixel(i: SSAValue, _: Carried) -> None:
                    self.pixels(windows, target, i, together)

                k.loop(0, 1, pixel, hint="i", hot=True)
                for column in columns:
                    self.left(n, oy, column)

            def border(i: SSAValue, _: Carried) -> None:
                self.border(n, oy, k.add(ox, i))

            def borders() -> None:
                k.loop(0, together, border, hint="i")

            conditions = [self.is_inside(0, y0), self.is_inside(1, x0, together)]
            known = [each for each in conditions if each is not None]
            inside = known[0] if known else None
            if len(known) == 2:
                inside = k.both(*known)
            k.either(inside, whole, borders)

        assert k.part is not None
        first, columns = k.part.x, k.part.columns
        pairs = columns // PIXELS

        def pair(i: SSAValue, _: Carried) -> None:
            some(k.add(first, k.mul(i, k.index(PIXELS)), "ox"), PIXELS)

        if pairs:
            k.loop(0, pairs, pair, hint="i")
        if columns % PIXELS:
            some(k.add(first, k.index(pairs * PIXELS), "ox"), 1)

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

    def pixels(
        self,
        windows: Sequence[tuple[SSAValue, int]],
        target: SSAValue,
        i: SSAValue,
        together: int,
    ) -> None:
        """Pixel `i` of some neighbours and those with it, from what the first has."""
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
            out = k.add(k.mul(i, k.index(self.depth)), out)
            for high in self.ordered(2):
                self.half(g, high, places, out, together)

        k.loop(0, self.groups, group, hint="g")

    def half(
        self,
        g: SSAValue,
        high: int,
        places: Sequence[tuple[SSAValue, int]],
        out: SSAValue,
        together: int,
    ) -> None:
        """Channels 0 and 1, or 2 and 3, of a group, for neighbouring pixels."""
        k, (along_h, along_w) = self.k, self.op.window.axes
        base = k.mul(g, k.index(2 * self.length))

        def word(number: int) -> SSAValue:
            at = k.add(base, k.index(high * self.length + number))
            return k.load(self.stream, at)

        def load(row: int, column: int) -> SSAValue:
            place, behind = places[row]
            at = k.add(place, k.index(behind + column * self.depth))
            return k.insert(LoadWordOp(self.source, at), "x")

        sums = [[word(c) for c in range(2)]] * together
        sums = [list(each) for each in sums]
        taken = 2
        # By column of all windows: the outputs that see it, and with which tap.
        seen: dict[int, list[tuple[int, int]]] = {}
        for u, tap in product(range(together), range(along_w.kernel)):
            column = u * along_w.stride + tap * along_w.dilation
            seen.setdefault(column, []).append((u, tap))
        held = along_w.stride == along_w.dilation
        for row in range(0, along_h.kernel - 1, 2):
            weights: dict[int, list[SSAValue]] = {}
            for column, users in sorted(seen.items()):
                a, b = load(row, column), load(row + 1, column)
                for _, tap in users:
                    if tap not in weights or not held:
                        numbers = (taken + 2 * tap + c for c in range(2))
                        weights[tap] = [word(number) for number in numbers]
                pack = PkhtbOp(b, a, 16) if high else PkhbtOp(a, b, 16)
                both = k.insert(pack, "both")
                for c in range(2):
                    pair = k.insert(Sxtb16Op(both, 8 * c), "pair")
                    for u, tap in users:
                        product_sum = SmladOp(pair, weights[tap][c], sums[u][c])
                        sums[u][c] = k.insert(product_sum, "acc")
            taken += 2 * along_w.kernel
        if along_h.kernel % 2:
            multiply = (SmlatbOp, SmlattOp) if high else (SmlabbOp, SmlabtOp)
            single: dict[int, SSAValue] = {}
            for column, users in sorted(seen.items()):
                a = load(along_h.kernel - 1, column)
                for _, tap in users:
                    if tap not in single or not held:
                        single[tap] = word(taken + tap)
                for c in range(2):
                    pair = k.insert(Sxtb16Op(a, 8 * c), "pair")
                    for u, tap in users:
                        product_sum = multiply[c](pair, single[tap], sums[u][c])
                        sums[u][c] = k.insert(product_sum, "acc")
        columns = self.columns
        for c in self.ordered(2):
            first = self.length - (2 - c) * columns
            factors = [word(first + i) for i in range(columns)]
            for u in self.ordered(together):
                value = high_requantized(k, self.op, sums[u][c], factors)
                at = k.add(out, k.index(u * self.depth + 2 * high + c))
                k.store(value, self.target, at)

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
            base = k.mul(g, k.index(2 * self.length))
            for c in self.ordered(GROUP):
                acc = sums[c]
                end = (c // 2 + 1) * self.length - (2 - c % 2) * self.columns
                factors = [
                    k.load(self.stream, k.add(base, k.index(end + i)))
                    for i in range(self.columns)
                ]
                value = high_requantized(k, op, acc, factors)
                k.store(value, self.target, k.add(out, k.index(c)))

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
