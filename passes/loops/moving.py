"""Layers that only move elements."""

from __future__ import annotations

from math import prod

from xdsl.ir import SSAValue

from tinyml.dialects.layer import buffer_type, integers, shape
from tinyml.dialects.tinyml import PadOp, ReshapeOp, TransposeOp
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands


def lower_reshape(k: Kernel, op: ReshapeOp, operands: Operands) -> None:
    x, y = k.flat(operands["input"]), k.flat(operands["output"])

    def copy(i: SSAValue, _: Carried) -> None:
        k.store(k.load(x, i), y, i)

    k.loop(0, prod(shape(op.output)), copy)


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
