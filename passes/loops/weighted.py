"""Convolutions and fully connected layers as loop nests."""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.constants import find_global, global_array
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.tinyml import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp
from tinyml.dialects.weighted import WeightedOp
from tinyml.passes.loops.kernel import Carried, Kernel
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
    *indices: SSAValue,
) -> None:
    """Bias, requantization, zero point, clamp and store of one accumulator."""
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
    output = operands["output"]
    k.store(k.clamp(shifted, *integers(op.clamp)), output, *indices)


def lower_conv2d(k: Kernel, op: Conv2DOp, operands: Operands) -> None:
    x, w = operands["input"], operands["weights"]
    _, height, width, depth = shape(op.input)
    batch, rows, columns, channels = shape(op.output)
    along_h, along_w = op.window.axes
    groups = op.group_count
    inputs, outputs = depth // groups, channels // groups

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")

        def output_pixel(ox: SSAValue) -> None:
            ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")

            def output_channel(g: SSAValue, number: SSAValue) -> None:
                oc = k.add(k.mul(g, k.index(outputs)), number, "oc")
                ic0 = k.mul(g, k.index(inputs))

                def filter_row(ky: SSAValue, carried: Carried) -> Carried:
                    iy = k.tap(iy0, ky, along_h)

                    def filter_pixel(kx: SSAValue, carried: Carried) -> Carried:
                        ix = k.tap(ix0, kx, along_w)

                        def term(ic: SSAValue, carried: Carried) -> Carried:
                            (acc,) = carried
                            a = k.load_i32(x, n, iy, ix, k.add(ic0, ic))
                            b = k.load_i32(w, oc, ky, kx, ic)
                            return (multiply_accumulate(k, op, acc, a, b),)

                        return k.loop(0, inputs, term, carried, "ic", ["acc"])

                    return k.loop(kx_low, kx_high, filter_pixel, carried, "kx", ["acc"])

                zero = (k.i32(0),)
                (acc,) = k.loop(ky_low, ky_high, filter_row, zero, "ky", ["acc"])
                write_output(k, op, operands, acc, oc, n, oy, ox, oc)

            hint = "oc" if groups == 1 else "m"
            k.nest([groups, outputs], lambda at: output_channel(*at), ["g", hint])

        k.nest([columns], lambda at: output_pixel(*at), ["ox"])

    k.nest([batch, rows], lambda at: output_row(*at), ["n", "oy"])


def depthwise_sum(
    k: Kernel,
    op: DepthwiseConv2DOp,
    operands: Operands,
    pixel: tuple[SSAValue, SSAValue, SSAValue],
    ic: SSAValue,
    oc: SSAValue,
) -> SSAValue:
    """The accumulator of one output element, from channel `ic` of the input."""
    x, w = operands["input"], operands["weights"]
    _, height, width, _ = shape(op.input)
    along_h, along_w = op.window.axes
    n, oy, ox = pixel
    iy0, ky_low, ky_high = k.taps(along_h, oy, height, "iy")
    ix0, kx_low, kx_high = k.taps(along_w, ox, width, "ix")

    def filter_row(ky: SSAValue, carried: Carried) -> Carried:
        iy = k.tap(iy0, ky, along_h)

        def filter_pixel(kx: SSAValue, carried: Carried) -> Carried:
            (acc,) = carried
            a = k.load_i32(x, n, iy, k.tap(ix0, kx, along_w), ic)
            b = k.load_i32(w, ky, kx, oc)
            return (multiply_accumulate(k, op, acc, a, b),)

        return k.loop(kx_low, kx_high, filter_pixel, carried, "kx", ["acc"])

    return k.loop(ky_low, ky_high, filter_row, (k.i32(0),), "ky", ["acc"])[0]


def lower_depthwise_conv2d(
    k: Kernel, op: DepthwiseConv2DOp, operands: Operands
) -> None:
    batch, rows, columns, _ = shape(op.output)
    depth, multiplier = shape(op.input)[3], op.depth_multiplier

    def element(at: tuple[SSAValue, ...]) -> None:
        *pixel, ic, m = at
        n, oy, ox = pixel
        oc = k.add(k.mul(ic, k.index(multiplier)), m, "oc")
        acc = depthwise_sum(k, op, operands, (n, oy, ox), ic, oc)
        write_output(k, op, operands, acc, oc, n, oy, ox, oc)

    extents = [batch, rows, columns, depth, multiplier]
    k.nest(extents, element, ["n", "oy", "ox", "ic", "m"])


def lower_fully_connected(k: Kernel, op: FullyConnectedOp, operands: Operands) -> None:
    channels, depth = op.weights_shape
    x = k.reshape(operands["input"], [op.batch, depth])
    y = k.reshape(operands["output"], [op.batch, channels])
    w = operands["weights"]
    operands = {**operands, "output": y}

    def output(b: SSAValue, oc: SSAValue) -> None:
        def term(ic: SSAValue, carried: Carried) -> Carried:
            (acc,) = carried
            a, c = k.load_i32(x, b, ic), k.load_i32(w, oc, ic)
            return (multiply_accumulate(k, op, acc, a, c),)

        (acc,) = k.loop(0, depth, term, (k.i32(0),), "ic", ["acc"])
        write_output(k, op, operands, acc, oc, b, oc)

    k.nest([op.batch, channels], lambda at: output(*at), ["b", "oc"])


LOWERINGS: Lowerings = {
    Conv2DOp: lower_conv2d,
    DepthwiseConv2DOp: lower_depthwise_conv2d,
    FullyConnectedOp: lower_fully_connected,
}
