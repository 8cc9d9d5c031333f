"""
ONNX operators that combine numbers one by one: Sub, Max, Min, PRelu.

To take a number to a grid keeps the order of numbers, so the largest of several is that
of those on the grid of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, isfinite

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.tinyml import MaximumOp, MinimumOp, PReluOp, SubOp
from tinyml.frontend.even_factors import even_multiplier
from tinyml.frontend.onnx_context import Context, Pending, Target
from tinyml.frontend.onnx_elementwise import aligned, limited, operands, sum_factors
from tinyml.frontend.onnx_functions import leaky_relu, lookup, regridded
from tinyml.frontend.onnx_values import (
    Constant,
    View,
    default_order,
    on_grid,
    permuted,
)
from tinyml.frontend.qdq_graph import Node, Shape


def import_sub(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    value, taken = (context.value(name) for name in node.inputs)
    if isinstance(value, Pending) and isinstance(taken, Constant):
        biased = value.with_bias(-taken.real) if value.with_bias else None
        if biased is None:
            raise node.refuse(
                f'"{node.input(0)}" is not quantized and "{node.input(1)}" is not a '
                "bias of it; expected QuantizeLinear and DequantizeLinear before it"
            )
        return biased
    left, right = operands(context, node)
    turned = left[0] != value

    def emit(target: Target) -> View:
        a, b, result = aligned(context, left, right, target.label)
        a_grid, b_grid = left[1], right[1]
        if turned:
            a, b, a_grid, b_grid = b, a, b_grid, a_grid
        factors = sum_factors(a_grid, b_grid, target.quant)
        zeros = (a_grid.zero_point, b_grid.zero_point, target.quant.zero_point)
        y = context.buffer(result.sizes)
        layer = SubOp(a, b, y, factors, zeros, target.clamp, Rounding.EVEN)
        return result.like(context.add(layer, target.label), target.quant)

    return Pending(node, left[0].shape, emit)


def import_extremum(
    op: type[MaximumOp | MinimumOp],
) -> Callable[[Context, Node], Pending]:
    """The importer of Max or Min, of any number of tensors; numbers are a range."""

    def importer(context: Context, node: Node) -> Pending:
        node.expect_attributes()
        values = {name: context.value(name) for name in node.inputs}
        bounds = [
            context.number(name)
            for name, value in values.items()
            if isinstance(value, Constant) and value.array.size == 1
        ]
        low = max(bounds, default=-inf) if op is MaximumOp else -inf
        high = min(bounds, default=inf) if op is MinimumOp else inf
        names = [
            name
            for name, value in values.items()
            if not isinstance(value, Constant) or value.array.size != 1
        ]
        if not names:
            raise node.refuse("all inputs are constant numbers")
        if len(names) == 1 and not isinstance(values[names[0]], Constant):
            return limited(context, replace(node, inputs=tuple(names)), low, high)
        return extremum(context, node, op, names).clipped(low, high)

    return importer


def extremum(
    context: Context, node: Node, op: type[MaximumOp | MinimumOp], names: list[str]
) -> Pending:
    """The largest or smallest of tensors, which are broadcast."""
    values = [
        value
        if isinstance(value := context.value(name), Constant)
        else context.quantized(name)[0]
        for name in names
    ]
    try:
        shape: Shape = np.broadcast_shapes(*(value.shape for value in values))
    except ValueError:
        shapes = [list(value.shape) for value in values]
        raise node.refuse(f"shapes {shapes} cannot be broadcast") from None
    order = default_order(len(shape))

    def operand(value: Constant | View, name: str, target: Target) -> SSAValue:
        aligned = (1,) * (len(shape) - len(value.shape)) + value.shape
        if isinstance(value, Constant):
            array = on_grid(value, target.quant).reshape(aligned).transpose(order)
            return context.constant_buffer("constant", np.ascontiguousarray(array))
        view = regridded(context, value, f"{name} (rescaled)", target.quant)
        return context.arranged(view.reshaped(aligned), order, name)

    def emit(target: Target) -> View:
        first, *rest = (
            operand(value, name, target) for value, name in zip(values, names)
        )
        for other in rest:
            y = context.buffer(permuted(shape, order))
            first = context.add(op(first, other, y), target.label)
        view = View.of(first, order, "float32", target.quant)
        return context.clamped(view, target)

    return Pending(node, shape, emit)


def import_prelu(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    slopes = context.constant(node.input(1))
    if slopes.array.size == 1:
        if not isfinite(slope := context.number(node.input(1))):
            raise node.refuse(f"the slope is {slope}")
        return lookup(context, node, leaky_relu(slope))
    view, source = context.quantized(node.input(0))
    rank = len(view.shape)
    sizes = (1,) * (rank - len(slopes.shape)) + slopes.shape
    if len(sizes) != rank or any(
        n != (view.shape[1] if i == 1 else 1) for i, n in enumerate(sizes)
    ):
        raise node.refuse(
            f"slopes of shape {list(slopes.shape)} for {list(view.shape)}, supported "
            "are one per channel or one for all"
        )
    if slopes.array.dtype.name not in ("int8", "uint8") or (
        slopes.scale is None or slopes.zero_point is None or slopes.scale.size != 1
    ):
        raise node.refuse(
            f'slopes "{node.input(1)}" are not int8 under DequantizeLinear of one scale'
        )
    lift = 128 if slopes.array.dtype.name == "uint8" else 0
    alpha = (slopes.array.astype(np.int16) - lift).astype(np.int8).ravel()
    alpha_zero = int(slopes.zero_point.ravel()[0]) - lift
    alpha_scale = float(slopes.scale.ravel()[0])
    order = (0, *range(2, rank), 1)

    def emit(target: Target) -> View:
        x = context.arranged(view, order, node.input(0))
        ratio, zero = source.scale / target.quant.scale, target.quant.zero_point
        layer = PReluOp(
            x,
            context.buffer(permuted(view.shape, order)),
            context.symbol("alpha", alpha),
            (even_multiplier(ratio, zero), even_multiplier(ratio * alpha_scale, zero)),
            (source.zero_point, alpha_zero, zero),
            Rounding.EVEN,
        )
        y = View.of(context.add(layer, target.label), order, "float32", target.quant)
        return context.clamped(y, target)

    return Pending(node, view.shape, emit)
