"""Layers that only move elements."""

from __future__ import annotations

from math import prod

from xdsl.ir import SSAValue

from tinyml.dialects.layer import buffer_type, integers, shape
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Lowerings, Operands


def lower_reshape(k: Kernel, op: ReshapeOp, operands: Operands) -> None:
    x, y = k.flat(operands["input"]), k.flat(operands["output"])

    def copy(at: tuple[SSAValue, ...]) -> None:
        k.store(k.load(x, *at), y, *at)

    k.nest([prod(shape(op.output))], copy)


def lower_transpose(k: Kernel, op: TransposeOp, operands: Operands) -> None:
    x, y = operands["input"], operands["output"]
    order = integers(op.permutation)

    def copy(at: tuple[SSAValue, ...]) -> None:
        source = [at[order.index(axis)] for axis in range(len(order))]
        k.store(k.load(x, *source), y, *at)

    k.nest(shape(op.output), copy)


def lower_pad(k: Kernel, op: PadOp, operands: Operands) -> None:
    """Fills the whole output, then copies the input into its place."""
    x, y = operands["input"], operands["output"]
    flat, low = k.flat(y), integers(op.low)
    value = k.integer(op.value.value.data, buffer_type(y).element_type)

    def fill(i: SSAValue, _: Carried) -> None:
        k.store(value, flat, i)

    def copy(at: tuple[SSAValue, ...]) -> None:
        place = [k.add(i, k.index(before)) for i, before in zip(at, low, strict=True)]
        k.store(k.load(x, *at), y, *place)

    k.loop(0, prod(shape(op.output)), fill)
    k.nest(shape(op.input), copy)


def lower_concat(k: Kernel, op: ConcatOp, operands: Operands) -> None:
    axis, start = op.axis.value.data, 0
    y = operands["output"]
    for number, value in enumerate(op.inputs):
        name = "inputs" if len(op.inputs) == 1 else f"inputs_{number}"
        copy_part(k, operands[name], y, axis, start)
        start += shape(value)[axis]


def copy_part(k: Kernel, x: SSAValue, y: SSAValue, axis: int, start: int) -> None:
    """Copies `x` to where it begins at `start` along an axis of `y`."""

    def copy(at: tuple[SSAValue, ...]) -> None:
        place = k.add(at[axis], k.index(start))
        k.store(k.load(x, *at), y, *at[:axis], place, *at[axis + 1 :])

    k.nest(shape(x), copy)


def lower_slice(k: Kernel, op: SliceOp, operands: Operands) -> None:
    x, y = operands["input"], operands["output"]
    offsets, strides = integers(op.offsets), integers(op.strides)

    def copy(at: tuple[SSAValue, ...]) -> None:
        place = [
            k.add(k.mul(i, k.index(step)), k.index(start))
            for i, start, step in zip(at, offsets, strides, strict=True)
        ]
        k.store(k.load(x, *place), y, *at)

    k.nest(shape(op.output), copy)


LOWERINGS: Lowerings = {
    ConcatOp: lower_concat,
    PadOp: lower_pad,
    ReshapeOp: lower_reshape,
    SliceOp: lower_slice,
    TransposeOp: lower_transpose,
}
