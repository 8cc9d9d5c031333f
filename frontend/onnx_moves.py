"""
ONNX operators that move elements and change none: Reshape, Flatten, Squeeze, Unsqueeze,
Transpose, Pad, Identity.

They work on constants, on activations, and on results that are not quantized yet, and
make a layer only where the elements of a buffer have to change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from tinyml.dialects.tinyml import PadOp
from tinyml.frontend.onnx_context import Context, Pending, Value
from tinyml.frontend.onnx_values import Constant, View, default_order, permuted
from tinyml.frontend.qdq_graph import Node, Shape


def import_identity(context: Context, node: Node) -> Value:
    return context.value(node.input(0))


def import_dropout(context: Context, node: Node) -> Value:
    node.expect_attributes("ratio", "seed")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise node.refuse("the output of a mask is not supported")
    if (name := node.input(2)) and context.constant(name).array.any():
        raise node.refuse("training_mode is set")
    return context.value(node.input(0))


def import_constant(context: Context, node: Node) -> Constant:
    node.expect_attributes("value", "value_float", "value_int", "value_ints")
    values = list(node.attributes.values())
    if len(values) != 1 or values[0] is None:
        raise node.refuse("expected one value")
    value = values[0]
    dtype = np.float32 if isinstance(value, float) else None
    return Constant(node.output, np.asarray(value, dtype))


def reshaped(value: Value, shape: Shape) -> Value:
    match value:
        case Constant() if value.scale is None or value.scale.size == 1:
            return replace(value, array=value.array.reshape(shape))
        case Constant():
            return Constant(value.name, value.real.reshape(shape).astype(np.float32))
        case View():
            return value.reshaped(shape)
        case Pending():
            return value.moved(shape, lambda view: view.reshaped(shape))


def import_reshape(context: Context, node: Node) -> Value:
    node.expect_attributes("allowzero")
    value = context.value(node.input(0))
    wanted = list(context.integers(node.input(1)))
    if not node.integer("allowzero", 0):
        kept = (*value.shape, *[0] * len(wanted))
        wanted = [kept[i] if n == 0 else n for i, n in enumerate(wanted)]
    total, known = prod(value.shape), prod(n for n in wanted if n != -1)
    shape = tuple(total // max(known, 1) if n == -1 else n for n in wanted)
    if prod(shape) != total or wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise node.refuse(f"{list(value.shape)} cannot be reshaped to {wanted}")
    return reshaped(value, shape)


def import_flatten(context: Context, node: Node) -> Value:
    node.expect_attributes("axis")
    value = context.value(node.input(0))
    rank = len(value.shape)
    # An axis behind the last flattens everything.
    axis = node.integer("axis", 1)
    axis = rank if axis == rank else node.axis(axis, rank)
    return reshaped(value, (prod(value.shape[:axis]), prod(value.shape[axis:])))


def given_axes(context: Context, node: Node) -> Shape:
    """Axes from the second input (opset 13) or the attribute (before)."""
    if name := node.input(1):
        return context.integers(name)
    return node.integers("axes", ())


def import_squeeze(context: Context, node: Node) -> Value:
    node.expect_attributes("axes")
    value = context.value(node.input(0))
    rank, given = len(value.shape), given_axes(context, node)
    all_ones = [i for i, n in enumerate(value.shape) if n == 1]
    axes = {node.axis(axis, rank) for axis in given} if given else set(all_ones)
    if not axes <= set(all_ones):
        raise node.refuse(f"axes {list(given)} of {list(value.shape)} are not all 1")
    return reshaped(value, tuple(n for i, n in enumerate(value.shape) if i not in axes))


def import_unsqueeze(context: Context, node: Node) -> Value:
    node.expect_attributes("axes")
    value = context.value(node.input(0))
    given = given_axes(context, node)
    rank = len(value.shape) + len(given)
    axes, sizes = {node.axis(axis, rank) for axis in given}, iter(value.shape)
    if len(axes) != len(given):
        raise node.refuse(f"axes {list(given)} name a dimension twice")
    return reshaped(value, tuple(1 if i in axes else next(sizes) for i in range(rank)))


def import_transpose(context: Context, node: Node) -> Value:
    node.expect_attributes("perm")
    value = context.value(node.input(0))
    order = node.integers("perm", tuple(reversed(range(len(value.shape)))))
    if sorted(order) != list(range(len(value.shape))):
        raise node.refuse(f"perm {list(order)} on {list(value.shape)}")
    match value:
        case Constant():
            many = value.scale is not None and value.scale.size > 1
            axis = order.index(value.axis) if many else 0
            return replace(value, array=value.array.transpose(order), axis=axis)
        case View():
            return transposed(context, value, order, node.output)
        case Pending():
            return value.moved(
                permuted(value.shape, order),
                lambda view: transposed(context, view, order, node.output),
            )


def transposed(context: Context, view: View, order: Shape, label: str) -> View:
    """The view transposed; a reshape of it that stands in the way is carried out."""
    if (turned := view.transposed(order)) is not None:
        return turned
    plain = tuple(range(len(view.shape)))
    buffer = context.arranged(view, plain, label)
    turned = View.of(buffer, plain, view.element, view.quant).transposed(order)
    assert turned is not None
    return turned


def import_pad(context: Context, node: Node) -> View:
    node.expect_attributes("mode")
    if (mode := node.text("mode", "constant")) != "constant":
        raise node.refuse(f"mode {mode} is not supported, only constant")
    if node.input(3):
        raise node.refuse("axes are not supported, only pads for all dimensions")
    view, quant = context.quantized(node.input(0))
    pads = context.integers(node.input(1))
    rank = len(view.shape)
    if len(pads) != 2 * rank or min(pads, default=0) < 0:
        raise node.refuse(f"pads {list(pads)} are not {2 * rank} numbers >= 0")
    real = context.number(name) if (name := node.input(2)) else 0.0
    value = quant.grid(real)
    if (value - quant.zero_point) * quant.scale != np.float32(real) and real:
        raise node.refuse(f"the padding {real} is not on the grid of the input")
    order = default_order(rank)
    low, high = permuted(pads[:rank], order), permuted(pads[rank:], order)
    x = context.arranged(view, order, node.input(0))
    sizes: Sequence[int] = permuted(view.shape, order)
    result = tuple(a + b + c for a, b, c in zip(low, sizes, high, strict=True))
    layer = PadOp(x, context.buffer(result), low, high, value)
    return View.of(context.add(layer, node.output), order, view.element, quant)
