"""
Means of bytes in words: four channels of a pixel are added at once, two to a word.

Halves of words hold the sums of up to 256 pixels. What a sum becomes is a form of one
number (`byte_forms.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np
from xdsl.dialects.builtin import i16, i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, Sxtab16Op
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.pooling import AvgPool2DOp, MeanOp, PoolOp
from tinyml.interp.fixed_point import divide_half_away
from tinyml.interp.tinyml import scaled_mean
from tinyml.passes.byte_forms import HighForm, NumberForm, high_form, number_form
from tinyml.passes.loops.elements import hot_nest, number_value
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands

LANES = 4
"""Channels that are added at once."""

MOST = 256
"""Bytes whose sum a half of a word holds."""

TURN = 8
"""Pixels that a turn of a loop takes."""

MOST_SUMS = 1 << 22
"""Different sums for which a form is looked for."""


@dataclass(frozen=True)
class Line:
    """Places at equal distances."""

    count: int
    stride: int


@dataclass(frozen=True)
class Sums:
    """
    Which bytes are added: for each output pixel, the places of `outer` from its first
    one on, those of `window` around each other, for each of `channels` that lie side by
    side.
    """

    outer: tuple[Line, ...]
    window: tuple[Line, ...]
    channels: int

    @property
    def count(self) -> int:
        return prod(line.count for line in self.window)

    def places(self, k: Kernel, at: tuple[SSAValue, ...]) -> tuple[SSAValue, SSAValue]:
        """Where the window of an output pixel begins, and where that lies itself."""
        first = number = k.index(0)
        for line, i in zip(self.outer, at, strict=False):
            first = k.add(first, k.mul(i, k.index(line.stride)))
            number = k.add(k.mul(number, k.index(line.count)), i)
        return first, k.mul(number, k.index(self.channels))

    @property
    def is_row(self) -> bool:
        """Whether the bytes of each sum lie side by side, and make some words."""
        sizes = [(line.count, line.stride) for line in self.window]
        return len(sizes) == 1 and sizes[0][1] == 1 and LANES <= self.count <= MOST


def joined(lines: list[Line]) -> tuple[Line, ...]:
    """Lines within lines, the outermost first, as few as possible."""
    found: list[Line] = []
    for line in lines:
        if line.count == 1:
            continue
        if found and found[-1].stride == line.count * line.stride:
            line = Line(found.pop().count * line.count, line.stride)
        found.append(line)
    return tuple(found)


def mean_sums(op: MeanOp) -> Sums | None:
    """What a mean adds, if it is over dimensions that follow one another."""
    sizes, axes = shape(op.input), integers(op.axes)
    low, high = axes[0], axes[-1] + 1
    if any(axis not in axes and sizes[axis] > 1 for axis in range(low, high)):
        return None
    channels, count = prod(sizes[high:]), prod(sizes[low:high])
    outer = [Line(prod(sizes[:low]), count * channels)]
    return Sums(joined(outer), joined([Line(count, channels)]), channels)


def pool_sums(op: PoolOp) -> Sums | None:
    """What a pool looks at, if it never reaches over the border."""
    batch, height, width, channels = shape(op.input)
    _, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    if any(axis.pad_before or axis.pad_after for axis in op.window.axes):
        return None
    pitch = width * channels
    outer = [
        Line(batch, height * pitch),
        Line(rows, along_h.stride * pitch),
        Line(columns, along_w.stride * channels),
    ]
    window = [
        Line(along_h.kernel, along_h.dilation * pitch),
        Line(along_w.kernel, along_w.dilation * channels),
    ]
    return Sums(joined(outer), joined(window), channels)


def sums_of(op: MeanOp | AvgPool2DOp) -> Sums | None:
    """What a layer adds, if its kernel can be one of words."""
    found = mean_sums(op) if isinstance(op, MeanOp) else pool_sums(op)
    if found is None or found.count * 255 > MOST_SUMS:
        return None
    fits = found.channels >= LANES and (len(found.window) < 2 or found.count <= MOST)
    return found if fits or found.is_row else None


def sum_form(op: MeanOp | AvgPool2DOp, count: int) -> NumberForm | HighForm | None:
    """The output as a function of the sum of so many bytes."""
    totals = np.arange(-128 * count, 127 * count + 1)
    if isinstance(op, AvgPool2DOp):
        slope, clamp = 1 / count, integers(op.clamp)
        results = divide_half_away(totals, count)
    else:
        slope = op.requant.multiplier.data * 2.0 ** (op.requant.shift.data - 31)
        if op.rounding.data is Rounding.F32:
            slope = float(np.float32(slope))
        results = scaled_mean(op, totals - integers(op.zero_points)[0] * count)
        clamp = (-128, 127)
    low, high = clamp
    form = number_form(totals, np.clip(results, low, high), slope, (low, high))
    if form is None and isinstance(op, MeanOp) and op.rounding.data is Rounding.DOUBLE:
        x_zero, y_zero = integers(op.zero_points)
        return high_form(op.requant, -x_zero * count, y_zero, (low, high))
    return form


def lower_sums(k: Kernel, op: MeanOp | AvgPool2DOp, operands: Operands) -> bool:
    """Builds the kernel; False if it cannot be one of words."""
    sums = sums_of(op) if k.part is None else None
    form = sum_form(op, sums.count) if sums is not None else None
    if sums is None or form is None:
        return False
    low, high = (-128, 127) if isinstance(op, MeanOp) else integers(op.clamp)
    x, y = k.flat(operands["input"]), k.flat(operands["output"])

    def finish(total: SSAValue, place: SSAValue) -> None:
        k.store(number_value(k, form, total, (low, high)), y, place)

    SumKernel(k, sums, x, finish).build()
    return True


@dataclass(frozen=True)
class SumKernel:
    """One kernel under construction. `finish` gets a sum, and which output it is of."""

    k: Kernel
    sums: Sums
    x: SSAValue
    finish: Callable[[SSAValue, SSAValue], None]

    def build(self) -> None:
        outer = self.sums.outer or (Line(1, 0),)
        hot_nest(self.k, [line.count for line in outer], self.pixel)

    def pixel(self, at: tuple[SSAValue, ...]) -> None:
        """All channels of an output pixel."""
        k, channels = self.k, self.sums.channels
        first, target = self.sums.places(k, at)
        whole = channels // LANES

        def group(g: SSAValue, _: Carried) -> None:
            if k.backward:
                g = k.sub(k.index(whole - 1), g, "g")
            c = k.mul(g, k.index(LANES))
            for i, total in enumerate(self.totals(k.add(first, c))):
                self.finish(total, k.add(k.add(target, c), k.index(i)))

        def single(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(whole * LANES + channels - 1), i, "c")
            self.finish(self.total(k.add(first, i)), k.add(target, i))

        def groups() -> None:
            if whole:
                k.loop(0, whole, group, hint="g")

        def rest() -> None:
            if whole * LANES < channels:
                k.loop(whole * LANES, channels, single, hint="c")

        for part in (rest, groups) if k.backward else (groups, rest):
            part()

    # Sums

    def totals(self, first: SSAValue) -> list[SSAValue]:
        """The sums of four channels."""
        k, window = self.k, self.sums.window
        if self.sums.count <= MOST:
            return self.lanes(self.added(first, window))
        (line,) = window
        parts = -(-line.count // MOST)
        size = -(-line.count // parts // TURN) * TURN
        chunk = Line(size, line.stride)

        def add(first: SSAValue, chunk: Line, totals: Carried) -> Carried:
            lanes = self.lanes(self.added(first, (chunk,)))
            return tuple(k.add(a, b, "total") for a, b in zip(totals, lanes))

        def turn(i: SSAValue, totals: Carried) -> Carried:
            return add(
                k.add(first, k.mul(i, k.index(size * line.stride))), chunk, totals
            )

        whole = line.count // size
        names = [f"total{i}" for i in range(LANES)]
        totals = k.loop(0, whole, turn, (k.i32(0),) * LANES, "part", names)
        if rest := line.count % size:
            behind = k.add(first, k.index(whole * size * line.stride))
            totals = add(behind, Line(rest, line.stride), totals)
        return list(totals)

    def lanes(self, words: Carried) -> list[SSAValue]:
        """The halves of two words, in the order of the channels."""
        k = self.k
        bottoms = [k.extend(k.truncate(word, i16), i32) for word in words]
        tops = [k.shr(word, k.i32(16)) for word in words]
        return [*bottoms, *tops]

    def added(self, first: SSAValue, window: tuple[Line, ...]) -> Carried:
        """Up to 256 pixels of four channels: of the even ones, then of the odd."""
        k = self.k

        def add(places: list[SSAValue], sums: Carried) -> Carried:
            words = [k.insert(LoadWordOp(self.x, place), "pixels") for place in places]
            even, odd = sums
            for word in words:
                even = k.insert(Sxtab16Op(even, word), "even")
                odd = k.insert(Sxtab16Op(odd, word, 8), "odd")
            return even, odd

        zeros = (k.i32(0), k.i32(0))
        return over_window(k, first, window, add, zeros, ["even", "odd"])

    def total(self, first: SSAValue) -> SSAValue:
        """The sum of one channel."""
        k, sums = self.k, self.sums
        if sums.is_row:
            words, rest = divmod(sums.count, LANES)
            lanes = self.lanes(self.added(first, joined([Line(words, LANES)])))
            behind = [k.index(words * LANES + i) for i in range(rest)]
            lanes += [k.load_i32(self.x, k.add(first, place)) for place in behind]
            return reduce(lambda a, b: k.add(a, b, "total"), lanes)

        def add(places: list[SSAValue], totals: Carried) -> Carried:
            (total,) = totals
            for value in [k.load_i32(self.x, place) for place in places]:
                total = k.add(total, value, "total")
            return (total,)

        return over_window(k, first, sums.window, add, (k.i32(0),), ["total"])[0]


def over_window(
    k: Kernel,
    first: SSAValue,
    window: tuple[Line, ...],
    body: Callable[[list[SSAValue], Carried], Carried],
    carried: Carried,
    names: list[str],
    turn: int = TURN,
) -> Carried:
    """`body` for all places of a window, so many at a time."""
    if not window:
        return body([first], carried)
    line, *inner = window
    stride = k.index(line.stride)

    def start(i: SSAValue) -> SSAValue:
        return k.add(first, k.mul(i, stride))

    if inner:

        def row(i: SSAValue, carried: Carried) -> Carried:
            rest = tuple(inner)
            return over_window(k, start(i), rest, body, carried, names, turn)

        return k.loop(0, line.count, row, carried, "ky", names)

    def places(first: SSAValue, count: int) -> list[SSAValue]:
        return [k.add(first, k.index(i * line.stride)) for i in range(count)]

    def some(i: SSAValue, carried: Carried) -> Carried:
        return body(places(start(i), turn), carried)

    whole = line.count // turn * turn if line.count > 2 * turn else 0
    if whole:
        carried = k.loop(0, whole, some, carried, "i", names, turn)
    for i in range(whole, line.count, turn):
        carried = body(places(start(k.index(i)), min(turn, line.count - i)), carried)
    return carried
