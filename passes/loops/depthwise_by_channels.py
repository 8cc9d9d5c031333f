"""
A depthwise convolution in place: a few channels of all pixels at a time.

The output takes the input's place. Its rows wait in a ring of scratch memory until the
input row in their place has been read for the last time; only the channels at hand have
to wait, which is why few of them are taken at a time. (TinyEngine's in-place depthwise
convolution keeps a whole channel instead of a few rows.)
"""

from __future__ import annotations

from typing import cast

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from tinyml.dialects.kernel import kernel_of
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.layer_scratch import delayed_rows
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import (
    depthwise_pixel,
    depthwise_sum,
    write_output,
)


def lower_by_channels(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    op = cast(DepthwiseConv2DOp, layer)
    batch, rows, columns, depth = shape(op.output)
    block, delay = kernel_of(op).channels, delayed_rows(op)
    y = operands["output"]
    ring = k.reshape(operands["scratch"], [delay, columns, block])
    x = k.image(operands, "input")

    def slot(row: SSAValue) -> SSAValue:
        return k.insert(arith.RemSIOp(row, k.index(delay)), "slot")

    def channels(n: SSAValue, c0: SSAValue) -> None:
        def compute(oy: SSAValue) -> None:
            place = slot(oy)

            def element(ox: SSAValue, c: SSAValue) -> None:
                oc = k.add(c0, c, "oc")
                pixel = depthwise_pixel(k, op, x, n, oy, ox)
                acc = depthwise_sum(k, op, operands, x, pixel, oc, oc)
                write_output(k, op, operands, acc, oc, ring, place, ox, c)

            k.nest([columns, block], lambda at: element(*at), ["ox", "c"])

        def store(oy: SSAValue, _: Carried = ()) -> None:
            place = slot(oy)

            def element(ox: SSAValue, c: SSAValue) -> None:
                value = k.load(ring, place, ox, c)
                k.store(value, y, n, oy, ox, k.add(c0, c))

            k.nest([columns, block], lambda at: element(*at), ["ox", "c"])

        def row(oy: SSAValue, _: Carried) -> None:
            compute(oy)
            # One row, or none as long as the ring fills.
            done = k.sub(oy, k.index(delay - 1))
            first = k.max(done, k.index(0))
            k.loop(first, k.add(done, k.index(1)), store, hint="done")

        k.loop(0, rows, row, hint="oy")
        k.loop(max(rows - delay + 1, 0), rows, store, hint="rest")

    def block_of(at: tuple[SSAValue, ...]) -> None:
        n, g = at
        channels(n, k.mul(g, k.index(block)))

    k.nest([batch, depth // block], block_of, ["n", "g"])
