"""
Max pools in words: the largest bytes of four channels at once.

With the upper bit of each byte turned over, signed bytes are in the order of unsigned
ones, and `a + saturated(b - a)` is the larger of two: UQSUB8, UADD8. Windows that never
reach over the border are hot loops; others have bounds that a core finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, StoreWordOp, Uadd8Op, Uqsub8Op
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.pooling import MaxPool2DOp
from tinyml.passes.loops.elements import hot_nest
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.sums import Sums, over_window, pool_sums

WORD = 4
"""Channels of a word."""

WORDS = 4
"""Words whose windows are looked through together."""

TURNED = -0x7F7F7F80
"""The upper bits of all bytes."""


def lower_maxima(k: Kernel, op: MaxPool2DOp, operands: Operands) -> bool:
    """Builds the kernel; False if it cannot be one of words."""
    if integers(op.clamp) != (-128, 127):
        return False
    sums = pool_sums(op) if k.part is None else None
    if sums is None:
        lower_at_borders(k, op, operands)
    else:
        lower_inside(k, sums, k.flat(operands["input"]), k.flat(operands["output"]))
    return True


@dataclass(frozen=True)
class Words:
    """What kernels do with the words of some channels, or with a single byte."""

    k: Kernel
    first: SSAValue
    """The first channel."""
    count: int
    """How many words; 0 for a byte."""

    @property
    def names(self) -> list[str]:
        return [f"most{i}" for i in range(max(self.count, 1))]

    @property
    def least(self) -> Carried:
        return (self.k.i32(0),) * max(self.count, 1)

    def turned(self, word: SSAValue) -> SSAValue:
        k = self.k
        return k.insert(arith.XOrIOp(word, k.i32(TURNED)))

    def larger(self, most: Carried, x: SSAValue, pixel: SSAValue) -> Carried:
        """The larger ones of what is known and a pixel, which begins at a byte."""
        k, place = self.k, self.k.add(pixel, self.first)
        if not self.count:
            found = [k.load_i32(x, place)]
        else:
            places = [k.add(place, k.index(i * WORD)) for i in range(self.count)]
            found = [k.insert(LoadWordOp(x, place), "pixel") for place in places]
        result: list[SSAValue] = []
        for a, word in zip(most, found, strict=True):
            more = k.insert(Uqsub8Op(self.turned(word), a))
            result.append(k.insert(Uadd8Op(a, more), "most"))
        return tuple(result)

    def store(self, most: Carried, y: SSAValue, pixel: SSAValue) -> None:
        k, place = self.k, self.k.add(pixel, self.first)
        for i, word in enumerate(most):
            value = self.turned(word)
            if self.count:
                at = k.add(place, k.index(i * WORD))
                k.builder.insert(StoreWordOp(value, y, at))
            else:
                k.store(value, y, place)


def over_channels(k: Kernel, channels: int, body: Callable[[Words], None]) -> None:
    """All channels of a pixel, in the kernel's direction."""
    big = channels // (WORD * WORDS) * WORD * WORDS
    whole = channels // WORD * WORD

    def section(low: int, high: int, count: int) -> None:
        step = max(WORD * count, 1)

        def turn(c: SSAValue, _: Carried) -> None:
            if k.backward:
                c = k.sub(k.index(low + high - step), c, "c")
            body(Words(k, c, count))

        if low < high:
            k.loop(low, high, turn, hint="c", step=step)

    sections = [(0, big, WORDS), (big, whole, 1), (whole, channels, 0)]
    for ends in reversed(sections) if k.backward else sections:
        section(*ends)


def lower_inside(k: Kernel, sums: Sums, x: SSAValue, y: SSAValue) -> None:
    """Windows that lie inside of the image, whose places are all known."""

    def pixel(at: tuple[SSAValue, ...]) -> None:
        first, target = sums.places(k, at)

        def some(words: Words) -> None:
            def take(places: list[SSAValue], most: Carried) -> Carried:
                for place in places:
                    most = words.larger(most, x, place)
                return most

            turn = WORDS // max(words.count, 1)
            most = over_window(
                k, first, sums.window, take, words.least, words.names, turn
            )
            words.store(most, y, target)

        over_channels(k, sums.channels, some)

    hot_nest(k, [line.count for line in sums.outer] or [1], pixel)


def lower_at_borders(
    k: Kernel, op: MaxPool2DOp, operands: Mapping[str, SSAValue]
) -> None:
    """Windows that may reach over the border, or images in rings."""
    x, y = k.image(operands, "input"), k.image(operands, "output")
    x_bytes, y_bytes = k.flat(x.pixels), k.flat(y.pixels)
    _, height, width, channels = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    depth = k.index(channels)

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")
        first_row = k.add(k.mul(n, k.index(height)), k.tap(iy0, ky_low, along_h))
        row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")
            corner = k.pixel(x, first_row, k.tap(ix0, kx_low, along_w))
            target = k.mul(k.pixel(y, row, ox), depth)

            def some(words: Words) -> None:
                def window_row(_: SSAValue, carried: Carried) -> Carried:
                    *most, start = carried

                    def pixel(kx: SSAValue, most: Carried) -> Carried:
                        tap = k.tap(start, k.sub(kx, kx_low), along_w)
                        return words.larger(most, x_bytes, k.mul(tap, depth))

                    found = k.loop(
                        kx_low, kx_high, pixel, tuple(most), "kx", words.names
                    )
                    return *found, k.rows_below(x, start, along_h.dilation)

                start = (*words.least, corner)
                names = [*words.names, "row"]
                *most, _ = k.loop(ky_low, ky_high, window_row, start, "ky", names)
                words.store(tuple(most), y_bytes, target)

            over_channels(k, channels, some)

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)
