"""Convolutions and fully connected layers as loop nests."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.constants import find_global, global_array
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.tinyml import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp
from tinyml.dialects.weighted import WeightedOp
from tinyml.passes.loops.kernel import Carried, Image, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands
from tinyml.passes.loops.requantize import may_wrap, requantize, table_factor


def constant_array(op: WeightedOp, name: str) -> np.ndarray:
    found = find_global(op, getattr(op, name))
    assert found is not None
    return global_array(found)


def may_overflow(op: WeightedOp) -> bool:
    """Whether an accumulator of the layer could leave 32 bits."""
    bias = (
        0 if op.bias is None else np.abs(constant_array(op, "bias").astype(int)).max()
    )
    terms = prod(op.weights_shape) // op.output_channels
    return terms * 255 * 128 + int(bias) >= 1 << 31


def multiply_accumulate(
    k: Kernel, op: WeightedOp, acc: SSAValue, x: SSAValue, w: SSAValue
) -> SSAValue:
    """`acc + (x - zero_point) * w` of i32 values."""
    centred = k.sub(x, k.i32(integers(op.zero_points)[0]))
    return k.add(acc, k.mul(centred, w), "acc", wrap=may_overflow(op))


def write_output(
    k: Kernel,
    op: WeightedOp,
    operands: Operands,
    acc: SSAValue,
    channel: SSAValue,
    output: SSAValue,
    *indices: SSAValue,
) -> None:
    """Bias, requantization, zero point, clamp and store of one accumulator."""
    k.count(prod(op.weights_shape) // op.output_channels)
    if op.bias is not None:
        bias = k.load(operands["bias"], channel)
        acc = k.add(acc, bias, "acc", wrap=may_overflow(op))
    factor = table_factor(
        k, operands["requant"], channel, constant_array(op, "requant")
    )
    scaled = requantize(k, acc, factor, op.rounding.data)
    zero_point = k.i32(integers(op.zero_points)[1])
    wrap = may_wrap(factor, op.rounding.data)
    shifted = k.add(scaled, zero_point, "shifted", wrap)
    k.store(k.clamp(shifted, *integers(op.clamp)), output, *indices)


def lower_conv2d(k: Kernel, op: Conv2DOp, operands: Operands) -> None:
    x, y = k.image(operands, "input"), k.image(operands, "output")
    w = operands["weights"]
    _, height, width, depth = shape(op.input)
    batch, rows, columns, channels = shape(op.output)
    along_h, along_w = op.window.axes
    groups = op.group_count
    inputs, outputs = depth // groups, channels // groups

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")
        first_row = k.add(k.mul(n, k.index(height)), k.tap(iy0, ky_low, along_h))
        output_row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")
            corner = k.pixel(x, first_row, k.tap(ix0, kx_low, along_w))
            target = k.pixel(y, output_row, ox)

            def output_channel(g: SSAValue, number: SSAValue) -> None:
                oc = k.add(k.mul(g, k.index(outputs)), number, "oc")
                ic0 = k.mul(g, k.index(inputs))

                def filter_row(ky: SSAValue, carried: Carried) -> Carried:
                    acc, start = carried

                    def filter_pixel(kx: SSAValue, carried: Carried) -> Carried:
                        place = k.tap(start, k.sub(kx, kx_low), along_w)

                        def term(ic: SSAValue, carried: Carried) -> Carried:
                            (acc,) = carried
                            a = k.load_i32(x.pixels, place, k.add(ic0, ic))
                            b = k.load_i32(w, oc, ky, kx, ic)
                            return (multiply_accumulate(k, op, acc, a, b),)

                        return k.loop(0, inputs, term, carried, "ic", ["acc"])

                    (acc,) = k.loop(
                        kx_low, kx_high, filter_pixel, (acc,), "kx", ["acc"]
                    )
                    return acc, k.rows_below(x, start, along_h.dilation)

                acc, _ = k.loop(
                    ky_low,
                    ky_high,
                    filter_row,
                    (k.i32(0), corner),
                    "ky",
                    ["acc", "row"],
                )
                write_output(k, op, operands, acc, oc, y.pixels, target, oc)

            hint = "oc" if groups == 1 else "m"
            k.nest([groups, outputs], lambda at: output_channel(*at), ["g", hint])

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)


@dataclass(frozen=True)
class DepthwisePixel:
    """The window of one output pixel: its taps, and where its first one lies."""

    corner: SSAValue
    rows: tuple[SSAValue, SSAValue]
    columns: tuple[SSAValue, SSAValue]


def depthwise_pixel(
    k: Kernel, op: DepthwiseConv2DOp, x: Image, n: SSAValue, oy: SSAValue, ox: SSAValue
) -> DepthwisePixel:
    _, height, width, _ = shape(op.input)
    along_h, along_w = op.window.axes
    iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")
    ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")
    row = k.add(k.mul(n, k.index(height)), k.tap(iy0, ky_low, along_h))
    corner = k.pixel(x, row, k.tap(ix0, kx_low, along_w))
    return DepthwisePixel(corner, (ky_low, ky_high), (kx_low, kx_high))


def depthwise_sum(
    k: Kernel,
    op: DepthwiseConv2DOp,
    operands: Operands,
    x: Image,
    pixel: DepthwisePixel,
    ic: SSAValue,
    oc: SSAValue,
) -> SSAValue:
    """The accumulator of one output element, from channel `ic` of the input."""
    w = operands["weights"]
    along_h, along_w = op.window.axes
    kx_low, kx_high = pixel.columns

    def filter_row(ky: SSAValue, carried: Carried) -> Carried:
        acc, start = carried

        def filter_pixel(kx: SSAValue, carried: Carried) -> Carried:
            (acc,) = carried
            place = k.tap(start, k.sub(kx, kx_low), along_w)
            a = k.load_i32(x.pixels, place, ic)
            b = k.load_i32(w, ky, kx, oc)
            return (multiply_accumulate(k, op, acc, a, b),)

        (acc,) = k.loop(kx_low, kx_high, filter_pixel, (acc,), "kx", ["acc"])
        return acc, k.rows_below(x, start, along_h.dilation)

    start = (k.i32(0), pixel.corner)
    return k.loop(*pixel.rows, filter_row, start, "ky", ["acc", "row"])[0]


def lower_depthwise_conv2d(
    k: Kernel, op: DepthwiseConv2DOp, operands: Operands
) -> None:
    x, y = k.image(operands, "input"), k.image(operands, "output")
    batch, rows, columns, _ = shape(op.output)
    depth, multiplier = shape(op.input)[3], op.depth_multiplier

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        def output_pixel(ox: SSAValue) -> None:
            pixel = depthwise_pixel(k, op, x, n, oy, ox)
            row = k.add(k.mul(n, k.index(rows)), oy)
            target = k.pixel(y, row, ox)

            def element(ic: SSAValue, m: SSAValue) -> None:
                oc = k.add(k.mul(ic, k.index(multiplier)), m, "oc")
                acc = depthwise_sum(k, op, operands, x, pixel, ic, oc)
                write_output(k, op, operands, acc, oc, y.pixels, target, oc)

            k.nest([depth, multiplier], lambda at: element(*at), ["ic", "m"])

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)


def lower_fully_connected(k: Kernel, op: FullyConnectedOp, operands: Operands) -> None:
    channels, depth = op.weights_shape
    x = k.reshape(operands["input"], [op.batch, depth])
    y = k.reshape(operands["output"], [op.batch, channels])
    w = operands["weights"]

    def output(b: SSAValue, oc: SSAValue) -> None:
        def term(ic: SSAValue, carried: Carried) -> Carried:
            (acc,) = carried
            a, c = k.load_i32(x, b, ic), k.load_i32(w, oc, ic)
            return (multiply_accumulate(k, op, acc, a, c),)

        (acc,) = k.loop(0, depth, term, (k.i32(0),), "ic", ["acc"])
        write_output(k, op, operands, acc, oc, y, b, oc)

    k.nest([op.batch, channels], lambda at: output(*at), ["b", "oc"])


LOWERINGS: Lowerings = {
    Conv2DOp: lower_conv2d,
    DepthwiseConv2DOp: lower_depthwise_conv2d,
    FullyConnectedOp: lower_fully_connected,
}
