"""Layers that only move elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import i8

from tinyml.dialects.layer import buffer_type, integers, shape
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.moves import Line, Move, lower_fill, lower_move, strides
from tinyml.passes.loops.operands import Lowerings, Operands


def lower_reshape(k: Kernel, op: ReshapeOp, operands: Operands) -> None:
    move = Move((Line(prod(shape(op.output)), 1, 1),))
    lower_move(k, move, operands["input"], operands["output"])


def lower_transpose(k: Kernel, op: TransposeOp, operands: Operands) -> None:
    sizes, steps = shape(op.output), strides(shape(op.input))
    lines = [
        Line(size, steps[axis], target)
        for size, axis, target in zip(
            sizes, integers(op.permutation), strides(sizes), strict=True
        )
    ]
    lower_move(k, Move(tuple(lines)), operands["input"], operands["output"])


def lower_pad(k: Kernel, op: PadOp, operands: Operands) -> None:
    """Fills the whole output, then copies the input into its place."""
    x, y = operands["input"], operands["output"]
    if (element := buffer_type(y).element_type) == i8:
        lower_fill(k, y, op.value.value.data)
    else:
        flat, value = k.flat(y), k.integer(op.value.value.data, element)
        k.loop(0, prod(shape(op.output)), lambda i, _: k.store(value, flat, i))
    steps = strides(shape(op.output))
    first = sum(a * b for a, b in zip(integers(op.low), steps, strict=True))
    lower_move(k, Move(lines(shape(op.input), steps), 0, first), x, y)


def lines(sizes: Sequence[int], target: Sequence[int]) -> tuple[Line, ...]:
    """All of a dense buffer, to places so far apart along its dimensions."""
    return tuple(map(Line, sizes, strides(sizes), target))


def lower_concat(k: Kernel, op: ConcatOp, operands: Operands) -> None:
    axis, start = op.axis.value.data, 0
    steps = strides(shape(op.output))
    for number, value in enumerate(op.inputs):
        name = "inputs" if len(op.inputs) == 1 else f"inputs_{number}"
        move = Move(lines(shape(value), steps), 0, start * steps[axis])
        lower_move(k, move, operands[name], operands["output"])
        start += shape(value)[axis]


def lower_slice(k: Kernel, op: SliceOp, operands: Operands) -> None:
    steps = strides(shape(op.input))
    first = sum(a * b for a, b in zip(integers(op.offsets), steps, strict=True))
    sources = [a * b for a, b in zip(integers(op.strides), steps, strict=True)]
    sizes = shape(op.output)
    move = Move(tuple(map(Line, sizes, sources, strides(sizes))), first)
    lower_move(k, move, operands["input"], operands["output"])


LOWERINGS: Lowerings = {
    ConcatOp: lower_concat,
    PadOp: lower_pad,
    ReshapeOp: lower_reshape,
    SliceOp: lower_slice,
    TransposeOp: lower_transpose,
}
