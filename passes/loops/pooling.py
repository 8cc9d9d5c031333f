"""Pools and means as loop nests."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.pooling import PoolOp
from tinyml.dialects.tinyml import AvgPool2DOp, MaxPool2DOp, MeanOp
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import (
    constant_factor,
    float_factor,
    may_wrap,
    requantize,
)

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
    lower_pool(k, op, operands, -128, k.max, lambda acc, count: acc)


def lower_avg_pool2d(k: Kernel, op: AvgPool2DOp, operands: Operands) -> None:
    def divide_half_away(acc: SSAValue, count: SSAValue) -> SSAValue:
        number = k.to_i32(count)
        half = k.div(number, k.i32(2))
        positive = k.compare("sgt", acc, k.i32(0))
        nudged = k.select(positive, k.add(acc, half), k.sub(acc, half))
        return k.div(nudged, number, "mean")

    lower_pool(k, op, operands, 0, k.add, divide_half_away)


def lower_mean(k: Kernel, op: MeanOp, operands: Operands) -> None:
    source, axes = shape(op.input), integers(op.axes)
    kept = [1 if axis in axes else size for axis, size in enumerate(source)]
    inner = [source[axis] for axis in axes]
    x, y = operands["input"], k.reshape(operands["output"], kept)
    x_zero, y_zero = integers(op.zero_points)

    def output(at: tuple[SSAValue, ...]) -> None:
        def total(level: int, place: tuple[SSAValue, ...], acc: Carried) -> Carried:
            if level == len(axes):
                return (k.add(acc[0], k.load_i32(x, *place), "acc"),)
            axis = axes[level]

            def turn(i: SSAValue, acc: Carried) -> Carried:
                return total(level + 1, (*place[:axis], i, *place[axis + 1 :]), acc)

            return k.loop(0, source[axis], turn, acc, "r", ["acc"])

        (acc,) = total(0, at, (k.i32(0),))
        centred = k.sub(acc, k.i32(x_zero * prod(inner)))
        rounding = op.rounding.data
        factor = (
            float_factor(k, op.requant)
            if rounding is Rounding.F32
            else constant_factor(k, op.requant)
        )
        scaled = requantize(k, centred, factor, rounding)
        wrap = may_wrap(factor, rounding)
        shifted = k.add(scaled, k.i32(y_zero), "shifted", wrap)
        k.store(k.clamp(shifted, -128, 127), y, *at)

    k.nest(kept, output)


LOWERINGS: Lowerings = {
    AvgPool2DOp: lower_avg_pool2d,
    MaxPool2DOp: lower_max_pool2d,
    MeanOp: lower_mean,
}
