"""
ONNX operators that work on one element, or one row, at a time: Add, Mul, Relu, Clip,
Softmax.

Sums and products of reals are exact until one rounding to nearest, ties to even.
"""

from __future__ import annotations

from math import floor, inf

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import RequantAttr, Rounding
from tinyml.dialects.layer_format import ONE
from tinyml.dialects.tinyml import AddOp, MulOp, SoftmaxLookupOp
from tinyml.frontend.activation_tables import exponential_table
from tinyml.frontend.even_factors import even_multiplier, even_sum_factors
from tinyml.frontend.onnx_context import Context, Pending, Target, sum_rounding
from tinyml.frontend.onnx_functions import import_gated
from tinyml.frontend.onnx_values import (
    Constant,
    Quant,
    View,
    default_order,
)
from tinyml.frontend.qdq_graph import Node, Shape
from tinyml.frontend.quantization import quantize_multiplier

SHARES = Quant(1 / 256, -128)
"""The grid of a softmax whose own is too coarse for `tinyml.softmax_lookup`."""


def import_add(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    for name, other in (node.inputs, node.inputs[::-1]):
        value, added = context.value(name), context.value(other)
        if not (isinstance(value, Pending) and isinstance(added, Constant)):
            continue
        biased = value.with_bias(added.real) if value.with_bias else None
        if biased is None:
            raise node.refuse(
                f'"{name}" is not quantized and "{other}" is not a bias of it; '
                "expected QuantizeLinear and DequantizeLinear before the sum"
            )
        return biased
    left, right = operands(context, node)
    first = context.value(node.input(0))
    # In single precision, the order counts; onnxruntime turns it for a first operand
    # that does not change along a row.
    turned = left[0] != first and not repeats_along_rows(first.shape, left[0].shape)

    def emit(target: Target) -> View:
        a, b, result = aligned(context, left, right, target.label)
        a_grid, b_grid = left[1], right[1]
        if turned:
            a, b, a_grid, b_grid = b, a, b_grid, a_grid
        rounding = sum_rounding(node)
        factors = (
            float_sum_factors(a_grid, b_grid, target.quant)
            if rounding is Rounding.F32
            else sum_factors(a_grid, b_grid, target.quant)
        )
        zeros = (a_grid.zero_point, b_grid.zero_point, target.quant.zero_point)
        y = context.buffer(result.sizes)
        layer = AddOp(a, b, y, factors, zeros, target.clamp, rounding)
        return result.like(context.add(layer, target.label), target.quant)

    return Pending(node, left[0].shape, emit)


def import_mul(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    if (gated := import_gated(context, node)) is not None:
        return gated
    left, right = operands(context, node)

    def emit(target: Target) -> View:
        a, b, result = aligned(context, left, right, target.label)
        rounding, zero = sum_rounding(node), target.quant.zero_point
        scales = [q.scale for q in (left[1], right[1], target.quant)]
        if rounding is Rounding.F32:
            single = np.array(scales, np.float32)
            factor = quantize_multiplier(float(single[0] * single[1] / single[2]))
        else:
            factor = even_multiplier(scales[0] * scales[1] / scales[2], zero)
        zeros = (left[1].zero_point, right[1].zero_point, zero)
        y = context.buffer(result.sizes)
        layer = MulOp(a, b, y, factor, zeros, target.clamp, rounding)
        return result.like(context.add(layer, target.label), target.quant)

    return Pending(node, left[0].shape, emit)


def sum_factors(
    left: Quant, right: Quant, result: Quant
) -> tuple[RequantAttr, RequantAttr, RequantAttr]:
    """Factors of one shift for two summands, and the factor one for their sum."""
    zeros = (left.zero_point, right.zero_point, result.zero_point)
    ratios = (left.scale / result.scale, right.scale / result.scale)
    return (*even_sum_factors(ratios, zeros), ONE)


def float_sum_factors(
    left: Quant, right: Quant, result: Quant
) -> tuple[RequantAttr, RequantAttr, RequantAttr]:
    """The ratios of scales as floats."""
    scale = np.float32(result.scale)
    with np.errstate(over="ignore"):
        a, b = (
            quantize_multiplier(float(np.float32(q.scale) / scale))
            for q in (left, right)
        )
    return a, b, ONE


Operand = tuple[View | Constant, Quant]


def repeats_along_rows(shape: Shape, whole: Shape) -> bool:
    """Whether a tensor is broadcast along the last dimension that `whole` has."""
    long = [i for i, size in enumerate(reversed(whole)) if size > 1]
    return bool(long) and (*reversed(shape), *[1] * len(whole))[long[0]] == 1


def fits(shape: Shape, whole: Shape) -> bool:
    """Whether a tensor can be broadcast to a shape."""
    try:
        return np.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False


def operands(context: Context, node: Node) -> tuple[tuple[View, Quant], Operand]:
    """An activation and what is combined with it: that is broadcast to its shape."""
    first, second = node.inputs
    if isinstance(context.value(first), Constant):
        first, second = second, first
    view, quant = context.quantized(first)
    value = context.value(second)
    if not isinstance(value, Constant):
        left, right = (view, quant), context.quantized(second)
        for pair in ((left, right), (right, left)):
            if fits(pair[1][0].shape, pair[0][0].shape):
                return pair
        raise node.refuse(
            f"shapes {list(view.shape)} and {list(right[0].shape)}: only one of two "
            "activations can be broadcast to the other"
        )
    if value.array.dtype.name not in ("int8", "uint8") or value.scale is None:
        raise node.refuse(f'constant "{second}" is not int8 under DequantizeLinear')
    if value.scale.size != 1 or value.zero_point is None:
        raise node.refuse(f'constant "{second}" has {value.scale.size} scales, not 1')
    if not fits(value.shape, view.shape):
        raise node.refuse(
            f"constant of shape {list(value.shape)} does not fit {list(view.shape)}"
        )
    lift = 128 if value.array.dtype.name == "uint8" else 0
    zero = int(value.zero_point.ravel()[0]) - lift
    grid = Quant(float(value.scale.ravel()[0]), zero)
    return (view, quant), (value, grid)


def aligned(
    context: Context, left: tuple[View, Quant], right: Operand, label: str
) -> tuple[SSAValue, SSAValue, View]:
    """Two buffers with their elements in the same places, and a view of the first."""
    a, b = left[0], right[0]
    if isinstance(b, Constant):
        lift = 128 if b.array.dtype.name == "uint8" else 0
        numbers = (b.array.astype(np.int16) - lift).astype(np.int8)
        places = a.positions()
        full = np.broadcast_to(numbers, a.shape).ravel()
        placed = full[places].reshape(a.sizes)
        return a.buffer, context.constant_buffer("constant", placed), a
    if (a.sizes, a.order, a.shape) == (b.sizes, b.order, b.shape):
        return a.buffer, b.buffer, a
    order = default_order(len(a.shape))
    b = b.reshaped((1,) * (len(a.shape) - len(b.shape)) + b.shape)
    x, y = context.arranged(a, order, label), context.arranged(b, order, label)
    return x, y, View.of(x, order, "float32", a.quant)


def import_relu(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    return limited(context, node, 0.0, inf)


def import_clip(context: Context, node: Node) -> Pending | Constant:
    node.expect_attributes()
    low, high = (
        context.number(name) if name else default
        for name, default in ((node.input(1), -inf), (node.input(2), inf))
    )
    value = context.value(node.input(0))
    if isinstance(value, Constant) and value.scale is None:
        # Weights of fewer integers than their type has, as exporters quantize them.
        array = np.clip(value.array, low, high).astype(value.array.dtype)
        return Constant(node.output, array)
    return limited(context, node, low, high)


def limited(context: Context, node: Node, low: float, high: float) -> Pending:
    """The input within a range, a part of the layer before it if that is open."""
    value = context.value(node.input(0))
    if isinstance(value, Pending):
        return value.clipped(low, high)
    view = context.view(node.input(0))
    if view.element != "float32":
        raise node.refuse(f'input "{node.input(0)}" is {view.element}, not real')
    pending = Pending(node, view.shape, lambda target: context.rescaled(view, target))
    return pending.clipped(low, high)


def import_softmax(context: Context, node: Node) -> Pending:
    """
    Exponentials to 26 bits, as near as single precision has them; one rounding.
    QLinearSoftmax has 23 bits and a whole number for the inverse of the scale.
    """
    node.expect_attributes("axis", "opset")
    view, source = context.quantized(node.input(0))
    rank = len(view.shape)
    opset = node.integer("opset", context.graph.opset)
    axis = node.axis(node.integer("axis", -1 if opset >= 13 else 1), rank)
    if opset < 13 and axis != rank - 1:
        raise node.refuse(f"axis {axis} is not the last of {rank} dimensions")
    order = (*(i for i in range(rank) if i != axis), axis)
    one = float(min((1 << 32) // view.shape[axis], (1 << 23) - 1))
    exponentials = exponential_table(source.scale, one if node.is_integer else 1 << 26)

    def emit(target: Target) -> View:
        x = context.arranged(view, order, node.input(0))
        y = context.buffer(tuple(view.shape[d] for d in order))
        table = context.symbol("exponentials", exponentials)
        grid = target.quant if target.quant.scale <= 1 / 128 else SHARES
        inverse = 1 / grid.scale
        factor = quantize_multiplier(floor(inverse) if node.is_integer else inverse)
        layer = SoftmaxLookupOp(x, y, table, factor, grid.zero_point)
        result = View.of(context.add(layer, target.label), order, "float32", grid)
        return context.rescaled(result, target)

    return Pending(node, view.shape, emit)
