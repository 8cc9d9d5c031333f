"""
ONNX pools and means: MaxPool, AveragePool, GlobalAveragePool, ReduceMean.

A mean is a sum, scaled once to the output's grid and rounded to nearest, ties to even;
`tinyml.avg_pool2d` rounds otherwise. A mean over windows is therefore a depthwise
convolution whose weights are all one.
"""

from __future__ import annotations

from math import prod

import numpy as np

from tinyml.dialects.attributes import RequantAttr, Rounding
from tinyml.dialects.tinyml import DepthwiseConv2DOp, MaxPool2DOp, MeanOp
from tinyml.frontend.even_factors import even_multiplier
from tinyml.frontend.onnx_context import Context, Pending, Target, sum_rounding
from tinyml.frontend.onnx_values import (
    FULL,
    NHWC,
    Quant,
    View,
    default_order,
    expect_computable,
)
from tinyml.frontend.onnx_weighted import arithmetic
from tinyml.frontend.onnx_window import (
    ATTRIBUTES,
    Window,
    lift,
    read_window,
    with_row,
    without_row,
)
from tinyml.frontend.qdq_graph import Node, Shape
from tinyml.frontend.quantization import quantize_multiplier


def pool_window(node: Node, view: View) -> Window:
    """The window of a pool, which lies on an input of four dimensions."""
    if len(view.shape) != 4:
        raise node.refuse(f"input {list(view.shape)}, only 1-D and 2-D are supported")
    window = read_window(node, (), view.shape[2:])
    for axis in window.axes:
        if max(axis.pad_before, axis.pad_after) >= axis.kernel:
            raise node.refuse(f"pads {list(window.pad)} are not below the kernel size")
    return window


def import_max_pool(context: Context, node: Node) -> View:
    """The largest element stays on its grid, so the layer can be made at once."""
    node.expect_attributes(*ATTRIBUTES, "ceil_mode", "storage_order")
    if len(node.outputs) > 1 and node.outputs[1]:
        raise node.refuse("the output of indices is not supported")
    view = context.view(node.input(0))
    if view.element == "float32" and view.quant is None:
        raise node.refuse(f'input "{node.input(0)}" is not quantized')
    if flat := len(view.shape) == 3:
        node, view = lift(node), view.reshaped(with_row(view.shape))
    window = pool_window(node, view)
    x = context.arranged(view, NHWC, node.input(0))
    result = window.output(view.shape[0], view.shape[2:], view.shape[1])
    layer = MaxPool2DOp(x, context.buffer(result), window.attribute, FULL)
    y = View.of(context.add(layer, node.output), NHWC, view.element, view.quant)
    return y.reshaped(without_row(y.shape)) if flat else y


def import_average_pool(context: Context, node: Node) -> Pending:
    node.expect_attributes(*ATTRIBUTES, "ceil_mode", "count_include_pad")
    view, source = context.quantized(node.input(0))
    if len(view.shape) == 3:
        lifted = average_pool(
            context, lift(node), view.reshaped(with_row(view.shape)), source
        )
        flat = without_row(lifted.shape)
        return lifted.moved(flat, lambda y: y.reshaped(flat))
    return average_pool(context, node, view, source)


def average_pool(context: Context, node: Node, view: View, source: Quant) -> Pending:
    """The mean over windows of an input of four dimensions."""
    window = pool_window(node, view)
    axes, sizes = window.axes, view.shape[2:]
    if any(window.pad):
        declared = node.integers("pads", (0, 0, 0, 0))
        counted = node.integer("count_include_pad", 0) and (
            window.pad == tuple(declared[i] for i in (0, 2, 1, 3))
        )
        if not counted:
            raise node.refuse(
                f"pads {list(window.pad)} (top, bottom, left, right): means over fewer "
                "elements at the border are not supported, only count_include_pad 1 "
                "without ceil_mode"
            )
    elif all(a.kernel == n for a, n in zip(axes, sizes, strict=True)):
        return mean(context, view, source, (2, 3), True)
    channels = view.shape[1]
    count = prod(axis.kernel for axis in axes)
    result = window.output(view.shape[0], sizes, channels)

    def emit(target: Target) -> View:
        x = context.arranged(view, NHWC, node.input(0))
        expect_computable((count, channels))
        ones = np.ones((*(axis.kernel for axis in axes), channels), np.int8)
        shares = np.full(channels, 1 / count)
        even = Rounding.EVEN
        symbols = arithmetic(context, ones, shares, 2, None, source, target, even)
        layer = DepthwiseConv2DOp(
            x,
            context.buffer(result),
            *symbols,
            window.attribute,
            (source.zero_point, target.quant.zero_point),
            target.clamp,
            even,
        )
        return View.of(context.add(layer, target.label), NHWC, "float32", target.quant)

    return Pending(node, (result[0], channels, *result[1:3]), emit)


def import_global_average_pool(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    view, source = context.quantized(node.input(0))
    if len(view.shape) < 3:
        raise node.refuse(f"input {list(view.shape)} has no spatial dimensions")
    return mean(context, view, source, tuple(range(2, len(view.shape))), True)


def import_reduce_mean(context: Context, node: Node) -> Pending:
    node.expect_attributes("axes", "keepdims", "noop_with_empty_axes")
    view, source = context.quantized(node.input(0))
    rank = len(view.shape)
    given = (
        context.integers(node.input(1)) if node.input(1) else node.integers("axes", ())
    )
    if not given:
        raise node.refuse("axes are missing, expected some but not all dimensions")
    axes = tuple(sorted({node.axis(axis, rank) for axis in given}))
    keep = bool(node.integer("keepdims", 1))
    if len(axes) == rank and not keep:
        raise node.refuse("the mean over all dimensions is not supported")
    return mean(context, view, source, axes, keep)


def mean_factor(
    source: Quant, result: Quant, count: int, rounding: Rounding
) -> RequantAttr:
    """What takes a sum of so many elements to the grid of their mean."""
    if rounding is Rounding.F32:
        single = np.float32
        ratio = single(source.scale) / (single(result.scale) * single(count))
        return quantize_multiplier(float(ratio))
    return even_multiplier(source.scale / (count * result.scale), result.zero_point)


def mean(
    context: Context, view: View, source: Quant, axes: Shape, keep: bool
) -> Pending:
    """The mean over some dimensions of the tensor."""
    count = prod(view.shape[axis] for axis in axes)
    rounding = sum_rounding(context.node)
    kept = tuple(1 if i in axes else n for i, n in enumerate(view.shape))
    left = tuple(n for i, n in enumerate(view.shape) if i not in axes)
    shape = kept if keep else left
    if len(view.shape) == 3:
        view, kept = view.reshaped(with_row(view.shape)), with_row(kept)
        axes = tuple(3 if axis == 2 else axis for axis in axes)

    def emit(target: Target) -> View:
        order = default_order(len(view.shape))
        x = context.arranged(view, order, target.label)
        layer = MeanOp(
            x,
            context.buffer(tuple(kept[d] for d in order)),
            sorted(order.index(axis) for axis in axes),
            mean_factor(source, target.quant, count, rounding),
            (source.zero_point, target.quant.zero_point),
            rounding,
        )
        y = View.of(context.add(layer, target.label), order, "float32", target.quant)
        return context.clamped(y, target).reshaped(shape)

    return Pending(context.node, shape, emit)
