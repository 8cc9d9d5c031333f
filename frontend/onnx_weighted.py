"""
ONNX layers of multiply-accumulates: Conv, Gemm and MatMul with constant weights.

The accumulator counts in units of input scale times weight scale, per output channel.
The bias is brought to that unit, and one rounding to nearest, ties to even, takes the
sum to the output's grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.tinyml import (
    Conv2DOp,
    DepthwiseConv2DOp,
    FullyConnectedOp,
    PadOp,
)
from tinyml.frontend.even_factors import even_table
from tinyml.frontend.onnx_context import Context, Pending, Target, sum_rounding
from tinyml.frontend.onnx_values import NHWC, Constant, Quant, View
from tinyml.frontend.onnx_window import (
    ATTRIBUTES,
    Window,
    lift,
    read_window,
    with_row,
    without_row,
)
from tinyml.frontend.qdq_graph import Node, Shape

Emit = Callable[[np.ndarray | None, Target], View]
"""Makes a layer from its bias, in reals per output channel, and its target."""


def weighted(
    node: Node, shape: Shape, channel: int, bias: np.ndarray | None, emit: Emit
) -> Pending:
    """A layer whose dimension `channel` may be given a bias later on."""

    def with_bias(more: np.ndarray) -> Pending | None:
        sizes = (1,) * (len(shape) - more.ndim) + more.shape
        if not np.isfinite(more).all():
            return None
        if len(sizes) > len(shape) or any(
            n not in (1, shape[channel]) if i == channel else n != 1
            for i, n in enumerate(sizes)
        ):
            return None
        row = np.broadcast_to(more.ravel(), (shape[channel],))
        total = row if bias is None else bias + row
        return weighted(node, shape, channel, total, emit)

    def emit_biased(target: Target) -> View:
        return emit(bias, target)

    return Pending(node, shape, emit_biased, with_bias=with_bias)


def arithmetic(
    context: Context,
    weights: np.ndarray,
    scales: np.ndarray,
    axis: int,
    bias: np.ndarray | None,
    source: Quant,
    target: Target,
    rounding: Rounding,
) -> tuple[str, str | None, str]:
    """The symbols of weights, bias and factors; output channels lie along `axis`."""
    channels = weights.shape[axis]
    units = np.broadcast_to(source.scale * scales, (channels,))
    with np.errstate(over="ignore"):
        steps = np.zeros(channels) if bias is None else np.rint(bias / units)
    others = tuple(i for i in range(weights.ndim) if i != axis)
    reach = max(127 - source.zero_point, 128 + source.zero_point)
    largest = np.abs(weights.astype(np.int64)).sum(axis=others) * reach + np.abs(steps)
    if not (largest < 1 << 31).all():
        raise DiagnosticException("the sums do not fit into 32 bits")
    symbol = context.symbol("weights", weights)
    bias_symbol = (
        None if bias is None else context.symbol("bias", steps.astype(np.int32))
    )
    if rounding is Rounding.F32:
        single = np.float32(source.scale) * scales.astype(np.float32)
        ratios = single / np.float32(target.quant.scale)
        factors = np.ascontiguousarray(np.broadcast_to(ratios, (channels,)))
    else:
        ratios, zero_point = units / target.quant.scale, target.quant.zero_point
        factors = even_table(ratios, zero_point, largest)
    return symbol, bias_symbol, context.symbol("requant", factors)


def real_bias(context: Context, node: Node, channels: int) -> np.ndarray | None:
    """The bias of a Conv or Gemm in reals, one per output channel."""
    if not (name := node.input(2)):
        return None
    constant = context.constant(name)
    if constant.array.size not in (1, channels) or constant.shape[-1:] not in (
        (),
        (1,),
        (channels,),
    ):
        raise node.refuse(
            f"bias of shape {list(constant.shape)} for {channels} output channels"
        )
    if not np.isfinite(constant.real).all():
        raise node.refuse(f'bias "{name}" holds numbers that are not finite')
    return np.broadcast_to(constant.real.ravel(), (channels,))


def channel_scales(weights: Constant, scales: np.ndarray, axis: int) -> np.ndarray:
    """The scales per output channel, which lies along `axis` of the constant."""
    if scales.size > 1 and weights.axis != axis:
        raise DiagnosticException(
            f'weights "{weights.name}" are quantized along axis {weights.axis}, '
            f"supported is axis {axis} (the output channels)"
        )
    return scales.ravel()


def import_conv(context: Context, node: Node) -> Pending:
    node.expect_attributes(*ATTRIBUTES, "group")
    view, source = context.quantized(node.input(0))
    constant = context.constant(node.input(1))
    weights, scales = constant.symmetric()
    if len(view.shape) not in (3, 4) or weights.ndim != len(view.shape):
        raise node.refuse(
            f"input {list(view.shape)}, weights {list(weights.shape)}: only 1-D and "
            "2-D convolution is supported"
        )
    if flat := len(view.shape) == 3:
        node, view = lift(node), view.reshaped(with_row(view.shape))
        weights = weights.reshape(with_row(weights.shape))
    group, channels = node.integer("group", 1), view.shape[1]
    window = read_window(node, weights.shape[2:], view.shape[2:])
    if group < 1 or weights.shape[1] * group != channels or weights.shape[0] % group:
        raise node.refuse(
            f"group {group} with {channels} input channels does not fit weights "
            f"{list(constant.shape)}"
        )
    if 1 < group == channels:
        op, weights, axis = DepthwiseConv2DOp, weights[:, 0].transpose(1, 2, 0), 2
    else:
        op, axis = partial(Conv2DOp, groups=group), 0
        weights = weights.transpose(0, 2, 3, 1)
    scales = channel_scales(constant, scales, 0)
    outputs, rounding = weights.shape[axis], sum_rounding(node)
    result = window.output(view.shape[0], view.shape[2:], outputs)

    def emit(bias: np.ndarray | None, target: Target) -> View:
        x = context.arranged(view, NHWC, node.input(0))
        x, inner = padded(context, x, window, source, target.label)
        symbols = arithmetic(
            context, weights, scales, axis, bias, source, target, rounding
        )
        layer = op(
            x,
            context.buffer(result),
            *symbols,
            inner.attribute,
            (source.zero_point, target.quant.zero_point),
            target.clamp,
            rounding,
        )
        y = View.of(context.add(layer, target.label), NHWC, "float32", target.quant)
        return y.reshaped(without_row(y.shape)) if flat else y

    bias = real_bias(context, node, outputs)
    shape = (result[0], outputs, *result[1:3])
    return weighted(node, without_row(shape) if flat else shape, 1, bias, emit)


def padded(
    context: Context, x: SSAValue, window: Window, source: Quant, label: str
) -> tuple[SSAValue, Window]:
    """The input, and the window on it, with pads that a window may have."""
    if all(max(a.pad_before, a.pad_after) < a.extent for a in window.axes):
        return x, window
    top, bottom, left, right = window.pad
    inner = Window(*(replace(a, pad_before=0, pad_after=0) for a in window.axes))
    low, high = (0, top, left, 0), (0, bottom, right, 0)
    batch, height, width, channels = View.of(x, (0, 1, 2, 3), "int8", None).sizes
    result = (batch, height + top + bottom, width + left + right, channels)
    layer = PadOp(x, context.buffer(result), low, high, source.zero_point)
    return context.add(layer, f"{label} (pad)"), inner


def import_gemm(context: Context, node: Node) -> Pending:
    node.expect_attributes("alpha", "beta", "transA", "transB")
    if node.number("alpha", 1.0) != 1.0 or node.number("beta", 1.0) != 1.0:
        raise node.refuse("only alpha 1 and beta 1 are supported")
    if node.integer("transA", 0):
        raise node.refuse("only transA 0 is supported")
    return fully_connected(
        context, node, bool(node.integer("transB", 0)), node.input(2)
    )


def import_matmul(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    return fully_connected(context, node, False, "")


def fully_connected(
    context: Context, node: Node, transposed: bool, bias_name: str
) -> Pending:
    """Rows of the input times a constant matrix, `[outputs, inputs]` if transposed."""
    view, source = context.quantized(node.input(0))
    constant = context.constant(node.input(1))
    weights, scales = constant.symmetric()
    if weights.ndim != 2:
        raise node.refuse(
            f"weights of shape {list(weights.shape)}, only matrices are supported"
        )
    scales = channel_scales(constant, scales, 0 if transposed else 1)
    matrix = weights if transposed else weights.T
    outputs, inputs = matrix.shape
    if view.shape[-1] != inputs:
        raise node.refuse(
            f"input {list(view.shape)} does not match weights {list(weights.shape)}"
        )
    result = (*view.shape[:-1], outputs)
    order, rounding = tuple(range(len(result))), sum_rounding(node)

    def emit(bias: np.ndarray | None, target: Target) -> View:
        # Where the rows of the buffer are those of the tensor, the order of elements
        # within them can be that of the buffer: the weights' columns follow.
        places = view.positions().reshape(-1, inputs)
        columns = places[0]
        rows = np.arange(len(places))[:, None] * inputs
        if np.array_equal(places, rows + columns):
            x, placed = view.buffer, matrix[:, columns]
        else:
            x = context.arranged(view, tuple(range(len(view.shape))), node.input(0))
            placed = matrix
        symbols = arithmetic(context, placed, scales, 0, bias, source, target, rounding)
        layer = FullyConnectedOp(
            x,
            context.buffer(result),
            *symbols,
            (source.zero_point, target.quant.zero_point),
            target.clamp,
            rounding,
        )
        return View.of(context.add(layer, target.label), order, "float32", target.quant)

    bias = real_bias(context, node, outputs) if bias_name else None
    return weighted(node, result, len(result) - 1, bias, emit)
