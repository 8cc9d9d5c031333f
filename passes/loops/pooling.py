"""Pools and means as loop nests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod

from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.pooling import PoolOp
from tinyml.dialects.tinyml import AvgPool2DOp, MaxPool2DOp, MeanOp
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.maxima import lower_maxima
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import (
    constant_factor,
    float_factor,
    may_wrap,
    requantize,
)
from tinyml.passes.loops.sums import lower_sums

Combine = Callable[[SSAValue, SSAValue], SSAValue]
Finish = Callable[[SSAValue, SSAValue], SSAValue]


def lower_pool(
    k: Kernel,
    op: PoolOp,
    operands: Operands,
    first: int,
    combine: Combine,
    finish: Finish,
) -> None:
    """
    Combines the elements of each window, starting from `first`; `finish` gets the
    result and the number of elements in the window, an index.
    """
    x, y = k.image(operands, "input"), k.image(operands, "output")
    _, height, width, channels = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    padded = any(axis.pad_before or axis.pad_after for axis in op.window.axes)

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")
        first_row = k.add(k.mul(n, k.index(height)), k.tap(iy0, ky_low, along_h))
        row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")
            corner = k.pixel(x, first_row, k.tap(ix0, kx_low, along_w))
            target = k.pixel(y, row, ox)
            count = k.index(along_h.kernel * along_w.kernel)
            if padded:
                count = k.mul(k.sub(ky_high, ky_low), k.sub(kx_high, kx_low))

            def output(c: SSAValue) -> None:
                def window_row(ky: SSAValue, carried: Carried) -> Carried:
                    acc, start = carried

                    def window_pixel(kx: SSAValue, carried: Carried) -> Carried:
                        place = k.tap(start, k.sub(kx, kx_low), along_w)
                        element = k.load_i32(x.pixels, place, c)
                        return (combine(carried[0], element),)

                    (acc,) = k.loop(
                        kx_low, kx_high, window_pixel, (acc,), "kx", ["acc"]
                    )
                    return acc, k.rows_below(x, start, along_h.dilation)

                start = (k.i32(first), corner)
                acc, _ = k.loop(
                    ky_low, ky_high, window_row, start, "ky", ["acc", "row"]
                )
                clamped = k.clamp(finish(acc, count), *integers(op.clamp))
                k.store(clamped, y.pixels, target, c)

            k.nest([channels], lambda at: output(*at), ["c"])

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)


def lower_max_pool2d(k: Kernel, op: MaxPool2DOp, operands: Operands) -> None:
    if lower_maxima(k, op, operands):
        return
    lower_pool(k, op, operands, -128, k.max, lambda acc, count: acc)


def divide_half_away(k: Kernel, acc: SSAValue, count: SSAValue) -> SSAValue:
    """A quotient, rounded to the nearest integer and halves away from zero."""
    number = k.to_i32(count)
    half = k.div(number, k.i32(2))
    positive = k.compare("sgt", acc, k.i32(0))
    nudged = k.select(positive, k.add(acc, half), k.sub(acc, half))
    return k.div(nudged, number, "mean")


def lower_avg_pool2d(k: Kernel, op: AvgPool2DOp, operands: Operands) -> None:
    if lower_sums(k, op, operands):
        return
    lower_pool(k, op, operands, 0, k.add, partial(divide_half_away, k))


def lower_mean(k: Kernel, op: MeanOp, operands: Operands) -> None:
    if lower_sums(k, op, operands):
        return
    source, axes = shape(op.input), integers(op.axes)
    kept = [1 if axis in axes else size for axis, size in enumerate(source)]
    inner = [source[axis] for axis in axes]
    x, y = operands["input"], k.reshape(operands["output"], kept)

    def output(at: tuple[SSAValue, ...]) -> None:
        def total(level: int, place: tuple[SSAValue, ...], acc: Carried) -> Carried:
            if level == len(axes):
                return (k.add(acc[0], k.load_i32(x, *place), "acc"),)
            axis = axes[level]

            def turn(i: SSAValue, acc: Carried) -> Carried:
                return total(level + 1, (*place[:axis], i, *place[axis + 1 :]), acc)

            return k.loop(0, source[axis], turn, acc, "r", ["acc"])

        (acc,) = total(0, at, (k.i32(0),))
        k.store(finish_mean(k, op, acc, prod(inner)), y, *at)

    k.nest(kept, output)


def finish_mean(k: Kernel, op: MeanOp, acc: SSAValue, count: int) -> SSAValue:
    """The output of a mean over `count` elements, from their sum."""
    x_zero, y_zero = integers(op.zero_points)
    centred = k.sub(acc, k.i32(x_zero * count))
    rounding = op.rounding.data
    factor = (
        float_factor(k, op.requant)
        if rounding is Rounding.F32
        else constant_factor(k, op.requant)
    )
    scaled = requantize(k, centred, factor, rounding)
    shifted = k.add(scaled, k.i32(y_zero), "shifted", may_wrap(factor, rounding))
    return k.clamp(shifted, -128, 127)


def lower_gather(k: Kernel, op: LayerOp, operands: Mapping[str, SSAValue]) -> None:
    """
    A part of a global pool or mean: it adds the pixels of a block of the input to the
    `sums` of all channels, which the first block clears and the last one finishes.
    """
    assert k.part is not None
    part, sums, y = k.part, operands["sums"], operands["output"]
    x = k.part.images["input"]
    _, rows, columns, channels = shape(op.layer_inputs[0])
    place = k.pixel(x, part.y, part.x)
    first = k.both(
        k.compare("eq", part.y, k.index(0)), k.compare("eq", part.x, k.index(0))
    )
    last = k.both(
        k.compare("eq", part.y, k.index(rows - 1)),
        k.compare("eq", part.x, k.index(columns - part.columns)),
    )

    def clear(at: tuple[SSAValue, ...]) -> None:
        k.store(k.i32(0), sums, *at)

    def add(at: tuple[SSAValue, ...]) -> None:
        (c,) = at

        def pixel(i: SSAValue, acc: Carried) -> Carried:
            return (k.add(acc[0], k.load_i32(x.pixels, k.add(place, i), c), "acc"),)

        (acc,) = k.loop(0, part.columns, pixel, (k.load(sums, c),), "i", ["acc"])
        k.store(acc, sums, c)

    def finish(at: tuple[SSAValue, ...]) -> None:
        acc, count = k.load(sums, *at), rows * columns
        if isinstance(op, MeanOp):
            value = finish_mean(k, op, acc, count)
        else:
            assert isinstance(op, AvgPool2DOp)
            mean = divide_half_away(k, acc, k.index(count))
            value = k.clamp(mean, *integers(op.clamp))
        k.store(value, y, *at)

    k.when(first, lambda: k.nest([channels], clear, ["c"]))
    k.nest([channels], add, ["c"])
    k.when(last, lambda: k.nest([channels], finish, ["c"]))


LOWERINGS: Lowerings = {
    AvgPool2DOp: lower_avg_pool2d,
    MaxPool2DOp: lower_max_pool2d,
    MeanOp: lower_mean,
}
