"""
NumPy reference semantics of the `tinyml` dialect for the xDSL interpreter.

Integer-exact and vectorised: a whole network runs in seconds. A buffer is a NumPy
array; a layer overwrites the array of its output. Sums of products run as float64
matrix products, which are exact below 2^53.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.elementwise import SumOp
from tinyml.dialects.layer import (
    LayerOp,
    buffer_type,
    integer_range,
    integers,
)
from tinyml.dialects.weighted import WeightedOp
from tinyml.dialects.window import WindowOp
from tinyml.interp.fixed_point import (
    F32_LIMIT,
    divide_half_away,
    divide_to_even,
    fma_f32,
    rdbpot,
    reciprocal_of_sum,
    requantize,
    requantize_f32,
    shift_right_even,
    single_precision,
    softmax_exp_table,
    srdhm,
    sum_offset,
    wrap32,
)
from tinyml.interp.memref import uninitialized

Array = np.ndarray


def constant(op: WeightedOp, name: str) -> Array | None:
    """The array of a constant that a layer names, or None for an absent bias."""
    symbol = getattr(op, name)
    return None if symbol is None else constant_array(op, symbol)


def constant_array(op: LayerOp, symbol: SymbolRefAttr) -> Array:
    """The array of a constant that a layer names."""
    found = find_global(op, symbol)
    assert found is not None
    return global_array(found)


def windows(
    x: Array, op: WindowOp, output_shape: tuple[int, ...]
) -> list[tuple[int, int, Array]]:
    """
    For each tap (ky, kx) of the window the padded input elements that it multiplies,
    [n, oh, ow, c]. `x` is padded with zeros, so pass it with its zero point removed.
    """
    h, w = op.window.axes
    # Room for the last window, which may reach beyond the declared padding's end.
    padded = np.pad(
        x,
        (
            (0, 0),
            (h.pad_before, h.extent + h.pad_after),
            (w.pad_before, w.extent + w.pad_after),
            (0, 0),
        ),
    )
    _, rows, columns, _ = output_shape
    return [
        (
            ky,
            kx,
            padded[
                :,
                ky * h.dilation : ky * h.dilation
                + (rows - 1) * h.stride
                + 1 : h.stride,
                kx * w.dilation : kx * w.dilation
                + (columns - 1) * w.stride
                + 1 : w.stride,
            ],
        )
        for ky in range(h.kernel)
        for kx in range(w.kernel)
    ]


def saturate(y: Array, acc: Array, low: int, high: int) -> None:
    y[...] = np.clip(acc, low, high).reshape(y.shape)


def finish(op: WeightedOp, acc: Array, y: Array) -> None:
    """Bias, requantization, zero point and clamp of a weighted layer."""
    bias, table = constant(op, "bias"), constant(op, "requant")
    assert table is not None
    total = wrap32(acc.astype(np.int64) + (0 if bias is None else bias))
    if op.rounding.data is Rounding.F32:
        scaled = requantize_f32(total, table)
    else:
        scaled = requantize(total, table[:, 0], table[:, 1], op.rounding.data)
    saturate(y, wrap32(scaled + integers(op.zero_points)[-1]), *integers(op.clamp))


def scaled_mean(op: tinyml.MeanOp, total: Array) -> Array:
    """The mean of elements less their zero points, from their sum; not saturated."""
    factor = op.requant.multiplier.data, op.requant.shift.data
    if op.rounding.data is Rounding.F32:
        mean = requantize_f32(total, single_precision(*factor))
    else:
        mean = requantize(total, *factor, op.rounding.data)
    return wrap32(mean + integers(op.zero_points)[1])


def add_or_subtract(op: SumOp, a: Array, b: Array, y: Array, sign: int) -> None:
    """`a + sign * b` of tensors of different scales."""
    a_zero, b_zero, y_zero = integers(op.zero_points)
    left, right = a.astype(np.int64) - a_zero, b.astype(np.int64) - b_zero
    (m, s), (n, t), (k, u) = ((r.multiplier.data, r.shift.data) for r in op.requant)
    if op.rounding.data is Rounding.F32:
        x, z = single_precision(m, s), np.float32(sign) * single_precision(n, t)
        total = fma_f32(b, z, sum_offset(x, a_zero, z, b_zero, y_zero))
        saturate(y, np.rint(fma_f32(a, x, total)), *integers(op.clamp))
        return
    if op.rounding.data is Rounding.DOUBLE:
        left = requantize(left << 20, m, s, Rounding.DOUBLE)
        right = requantize(right << 20, n, t, Rounding.DOUBLE)
        total = requantize(left + sign * right, k, u, Rounding.DOUBLE)
        saturate(y, wrap32(total + y_zero), *integers(op.clamp))
        return
    total = left * m + sign * right * n
    if op.rounding.data is Rounding.EVEN:
        total = shift_right_even(total, 31 - s)
    else:
        total = (total + (1 << (30 - s))) >> (31 - s)
    saturate(y, total + y_zero, *integers(op.clamp))


@register_impls
class TinyMLFunctions(InterpreterFunctions):
    @impl(tinyml.AllocOp)
    def run_alloc(
        self, interpreter: Interpreter, op: tinyml.AllocOp, args: PythonValues
    ) -> PythonValues:
        type = buffer_type(op.buffer)
        return (uninitialized(type.get_shape(), numpy_dtype(type.element_type)),)

    @impl(tinyml.Conv2DOp)
    def run_conv2d(
        self, interpreter: Interpreter, op: tinyml.Conv2DOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        weights = constant(op, "weights")
        assert weights is not None
        centred = x.astype(np.float64) - integers(op.zero_points)[0]
        acc = np.zeros((y.size // y.shape[-1], y.shape[-1]))
        groups = op.group_count
        inputs, outputs = x.shape[-1] // groups, y.shape[-1] // groups
        for ky, kx, taps in windows(centred, op, y.shape):
            pixels = np.ascontiguousarray(taps).reshape(-1, x.shape[-1])
            for g in range(groups):
                written = slice(g * outputs, (g + 1) * outputs)
                filter = weights[written, ky, kx].T.astype(np.float64)
                acc[:, written] += pixels[:, g * inputs : (g + 1) * inputs] @ filter
        finish(op, acc, y)
        return ()

    @impl(tinyml.DepthwiseConv2DOp)
    def run_depthwise_conv2d(
        self,
        interpreter: Interpreter,
        op: tinyml.DepthwiseConv2DOp,
        args: tuple[Any, ...],
    ) -> PythonValues:
        x, y = args
        weights = constant(op, "weights")
        assert weights is not None
        centred = x.astype(np.int32) - integers(op.zero_points)[0]
        repeated = np.repeat(centred, op.depth_multiplier, axis=-1)
        acc = np.zeros(y.shape, np.int32)
        for ky, kx, taps in windows(repeated, op, y.shape):
            acc += taps * weights[ky, kx].astype(np.int32)
        finish(op, acc, y)
        return ()

    @impl(tinyml.FullyConnectedOp)
    def run_fully_connected(
        self,
        interpreter: Interpreter,
        op: tinyml.FullyConnectedOp,
        args: tuple[Any, ...],
    ) -> PythonValues:
        x, y = args
        weights = constant(op, "weights")
        assert weights is not None
        centred = x.astype(np.float64).reshape(op.batch, -1)
        centred -= integers(op.zero_points)[0]
        finish(op, centred @ weights.T.astype(np.float64), y)
        return ()

    @impl(tinyml.AvgPool2DOp)
    def run_avg_pool2d(
        self, interpreter: Interpreter, op: tinyml.AvgPool2DOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        total = sum(t for *_, t in windows(x.astype(np.int64), op, y.shape))
        ones = np.ones((1, *x.shape[1:3], 1), np.int64)
        count = sum(t for *_, t in windows(ones, op, y.shape))
        mean = divide_half_away(np.asarray(total), np.asarray(count))
        saturate(y, mean, *integers(op.clamp))
        return ()

    @impl(tinyml.MaxPool2DOp)
    def run_max_pool2d(
        self, interpreter: Interpreter, op: tinyml.MaxPool2DOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        # Padding is 0: lift all elements above it, then take the lift away again.
        lifted = windows(x.astype(np.int32) + 256, op, y.shape)
        largest = np.max(np.stack([t for *_, t in lifted]), axis=0) - 256
        saturate(y, largest, *integers(op.clamp))
        return ()

    @impl(tinyml.AddOp)
    def run_add(
        self, interpreter: Interpreter, op: tinyml.AddOp, args: tuple[Any, ...]
    ) -> PythonValues:
        add_or_subtract(op, *args, sign=1)
        return ()

    @impl(tinyml.SubOp)
    def run_sub(
        self, interpreter: Interpreter, op: tinyml.SubOp, args: tuple[Any, ...]
    ) -> PythonValues:
        add_or_subtract(op, *args, sign=-1)
        return ()

    @impl(tinyml.MaximumOp)
    def run_maximum(
        self, interpreter: Interpreter, op: tinyml.MaximumOp, args: tuple[Any, ...]
    ) -> PythonValues:
        a, b, y = args
        y[...] = np.maximum(a, b)
        return ()

    @impl(tinyml.MinimumOp)
    def run_minimum(
        self, interpreter: Interpreter, op: tinyml.MinimumOp, args: tuple[Any, ...]
    ) -> PythonValues:
        a, b, y = args
        y[...] = np.minimum(a, b)
        return ()

    @impl(tinyml.LookupOp)
    def run_lookup(
        self, interpreter: Interpreter, op: tinyml.LookupOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        y[...] = constant_array(op, op.table)[x.astype(np.int32) + 128]
        return ()

    @impl(tinyml.PReluOp)
    def run_prelu(
        self, interpreter: Interpreter, op: tinyml.PReluOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        x_zero, alpha_zero, y_zero = integers(op.zero_points)
        centred = x.astype(np.int64) - x_zero
        slope = constant_array(op, op.alpha).astype(np.int64) - alpha_zero
        positive, negative = op.requant
        rounding = op.rounding.data
        up = requantize(
            centred, positive.multiplier.data, positive.shift.data, rounding
        )
        down = requantize(
            centred * slope, negative.multiplier.data, negative.shift.data, rounding
        )
        scaled = np.where(centred >= 0, up, down)
        saturate(y, wrap32(scaled + y_zero), -128, 127)
        return ()

    @impl(tinyml.MulOp)
    def run_mul(
        self, interpreter: Interpreter, op: tinyml.MulOp, args: tuple[Any, ...]
    ) -> PythonValues:
        a, b, y = args
        a_zero, b_zero, y_zero = integers(op.zero_points)
        product = (a.astype(np.int64) - a_zero) * (b.astype(np.int64) - b_zero)
        factor = op.requant.multiplier.data, op.requant.shift.data
        if op.rounding.data is Rounding.F32:
            real = product.astype(np.float32) * single_precision(*factor)
            limit = np.float32(F32_LIMIT)
            total = np.rint(np.clip(real + np.float32(y_zero), -limit, limit))
        else:
            total = wrap32(requantize(product, *factor, op.rounding.data) + y_zero)
        saturate(y, total, *integers(op.clamp))
        return ()

    @impl(tinyml.MeanOp)
    def run_mean(
        self, interpreter: Interpreter, op: tinyml.MeanOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        x_zero, _ = integers(op.zero_points)
        total = (x.astype(np.int64) - x_zero).sum(axis=integers(op.axes))
        saturate(y, scaled_mean(op, total), -128, 127)
        return ()

    @impl(tinyml.SoftmaxOp)
    def run_softmax(
        self, interpreter: Interpreter, op: tinyml.SoftmaxOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        table = softmax_exp_table(op.requant.multiplier.data, op.requant.shift.data)
        below = x.max(axis=-1, keepdims=True).astype(np.int64) - x
        exps = table[below].astype(np.int64)
        total = rdbpot(exps, 12).sum(axis=-1, keepdims=True)
        scale, bits = reciprocal_of_sum(total)
        saturate(y, rdbpot(srdhm(scale, exps), bits + 23) - 128, -128, 127)
        return ()

    @impl(tinyml.SoftmaxLookupOp)
    def run_softmax_lookup(
        self,
        interpreter: Interpreter,
        op: tinyml.SoftmaxLookupOp,
        args: tuple[Any, ...],
    ) -> PythonValues:
        x, y = args
        below = x.max(axis=-1, keepdims=True).astype(np.int64) - x
        exps = constant_array(op, op.exponentials)[below].astype(np.int64)
        factor, shift = op.requant.multiplier.data, op.requant.shift.data
        total = exps.sum(axis=-1, keepdims=True) << (31 - shift)
        share = divide_to_even(exps * factor, total)
        saturate(y, share + integers(op.zero_points)[0], -128, 127)
        return ()

    @impl(tinyml.QuantizeOp)
    def run_quantize(
        self, interpreter: Interpreter, op: tinyml.QuantizeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        low, high = integer_range(buffer_type(op.output).element_type)
        # Beyond the limit all values saturate; NaN becomes the lowest value.
        limit = np.float32(F32_LIMIT)
        with np.errstate(all="ignore"):
            ratio = x / np.float32(op.scale.value.data)
        ratio = np.where(ratio > -limit, np.minimum(ratio, limit), -limit)
        if op.rounding.data is Rounding.EVEN:
            rounded = np.rint(ratio)
        else:
            whole = np.trunc(ratio)
            away = np.abs(ratio - whole) >= np.float32(0.5)
            rounded = whole + np.where(away, np.sign(ratio), np.float32(0))
        saturate(y, rounded.astype(np.int64) + integers(op.zero_points)[0], low, high)
        return ()

    @impl(tinyml.DequantizeOp)
    def run_dequantize(
        self, interpreter: Interpreter, op: tinyml.DequantizeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        centred = x.astype(np.int32) - integers(op.zero_points)[0]
        with np.errstate(over="ignore"):
            y[...] = centred.astype(np.float32) * np.float32(op.scale.value.data)
        return ()

    @impl(tinyml.RequantizeOp)
    def run_requantize(
        self, interpreter: Interpreter, op: tinyml.RequantizeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        x_zero, y_zero = integers(op.zero_points)
        factor = op.requant.multiplier.data, op.requant.shift.data
        scaled = requantize(x.astype(np.int64) - x_zero, *factor, op.rounding.data)
        low, high = integer_range(buffer_type(op.output).element_type)
        saturate(y, wrap32(scaled + y_zero), low, high)
        return ()
