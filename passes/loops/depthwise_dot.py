"""
A depthwise convolution of words: four channels of a pixel at a time.

A word of a pixel holds four channels, and so does a word of the filter at a tap; each
is taken apart into two words of two halves (SXTB16), and halves are multiplied (SMLABB,
SMLATT). Pixels whose window reaches over the border, and channels that make no whole
word, are computed one element at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, SmlabbOp, SmlattOp, Sxtb16Op
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.dot_packing import folded_bias
from tinyml.passes.loops.dot import factor_table, finish
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import (
    constant_array,
    depthwise_pixel,
    depthwise_sum,
    may_overflow,
)

CHANNELS = 4
"""That a word holds."""


def depthwise_tables(op: DepthwiseConv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads besides the layer's constants."""
    channels = op.output_channels
    weights = constant_array(op, "weights").reshape(-1, channels).T
    bias = np.zeros(channels, np.int32)
    if op.bias is not None:
        bias = constant_array(op, "bias")
    start = folded_bias(weights, bias, integers(op.zero_points)[0]) & 0xFFFFFFFF
    return {
        "start": start.astype(np.uint32).view(np.int32),
        "factors": factor_table(op),
    }


def lower_depthwise_dot(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    op = cast(DepthwiseConv2DOp, layer)
    x, y = k.image(operands, "input"), k.image(operands, "output")
    factors, start = operands["factors"], operands["start"]
    source, weights = k.flat(x.pixels), k.flat(operands["weights"])
    _, height, width, depth = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    words = depth // CHANNELS

    def within(first: SSAValue, size: int, extent: int) -> SSAValue:
        low = k.compare("sge", first, k.index(0))
        return k.both(low, k.compare("slt", first, k.index(size - extent + 1)))

    def one_by_one(
        n: SSAValue, oy: SSAValue, ox: SSAValue, target: SSAValue, first: int
    ) -> None:
        """The channels from `first` on, whose window may be cut off."""
        pixel = depthwise_pixel(k, op, x, n, oy, ox)

        def channel(at: tuple[SSAValue, ...]) -> None:
            c = k.add(at[0], k.index(first), "c")
            acc = depthwise_sum(k, op, operands, x, pixel, c, c)
            if op.bias is not None:
                bias = k.load(operands["bias"], c)
                acc = k.add(acc, bias, "acc", wrap=may_overflow(op))
            finish(k, op, factors, acc, c, y, target)

        k.nest([depth - first], channel, ["c"])

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        y0 = k.sub(k.mul(oy, k.index(along_h.stride)), k.index(along_h.pad_before))
        row = k.add(k.mul(n, k.index(height)), y0)
        target_row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            x0 = k.sub(k.mul(ox, k.index(along_w.stride)), k.index(along_w.pad_before))
            target = k.pixel(y, target_row, ox)

            def whole() -> None:
                corner = k.pixel(x, row, x0)

                def four(at: tuple[SSAValue, ...]) -> None:
                    (g,) = at
                    group(g, corner, target)

                def groups() -> None:
                    k.nest([words], four, ["g"])

                def rest() -> None:
                    if words * CHANNELS < depth:
                        one_by_one(n, oy, ox, target, words * CHANNELS)

                for part in (rest, groups) if k.backward else (groups, rest):
                    part()

            if words == 0:
                one_by_one(n, oy, ox, target, 0)
                return
            inside: SSAValue | None = None
            if along_h.pad_before or along_h.pad_after:
                inside = within(y0, height, along_h.extent)
            if along_w.pad_before or along_w.pad_after:
                across = within(x0, width, along_w.extent)
                inside = across if inside is None else k.both(inside, across)
            k.either(inside, whole, lambda: one_by_one(n, oy, ox, target, 0))

        k.over_columns(columns, output_pixel)

    def group(g: SSAValue, corner: SSAValue, target: SSAValue) -> None:
        """Four channels of a pixel whose window lies inside of the image."""
        first = k.mul(g, k.index(CHANNELS))
        channels = [k.add(first, k.index(c), "c") for c in range(CHANNELS)]
        sums: Sequence[SSAValue] = [k.load(start, c, hint="acc") for c in channels]

        def filter_row(ky: SSAValue, carried: Carried) -> Carried:
            *found, pixel = carried
            place = k.add(k.mul(pixel, k.index(depth)), first)
            tap = k.mul(ky, k.index(along_w.kernel * depth))
            for kx in range(along_w.kernel):
                at = k.add(place, k.index(kx * along_w.dilation * depth))
                a = k.insert(LoadWordOp(source, at), "x")
                at = k.add(k.add(tap, k.index(kx * depth)), first)
                b = k.insert(LoadWordOp(weights, at), "w")
                for odd, ror in enumerate((0, 8)):
                    halves = k.insert(Sxtb16Op(a, ror)), k.insert(Sxtb16Op(b, ror))
                    for i, multiply in ((odd, SmlabbOp), (odd + 2, SmlattOp)):
                        found[i] = k.insert(multiply(*halves, found[i]), "acc")
            return *found, k.rows_below(x, pixel, along_h.dilation)

        hints = ["acc0", "acc1", "acc2", "acc3", "row"]
        carried = (*sums, corner)
        sums = k.loop(0, along_h.kernel, filter_row, carried, "ky", hints)[:CHANNELS]
        for acc, channel in zip(sums, channels, strict=True):
            finish(k, op, factors, acc, channel, y, target)

    k.over_rows(batch, rows, output_row)
