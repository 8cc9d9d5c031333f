"""
The TFLite importer: small models of every operator, run by the interpreter and compared
with scalar references written from the definitions of TFLite, which read nothing but
what the model's file holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from networks import lower
from scalar_reference import (
    log_softmax_row,
    multiply_by_quantized_multiplier,
    softmax_row,
)
from tflite_models import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    SAME,
    VALID,
    Model,
    only_layers,
    op_names,
    random_int8,
    small_network,
)
from xdsl.dialects.builtin import IntegerAttr, NameLoc, i64

from tinyml.dialects.network import (
    network_function,
    network_inputs,
    network_outputs,
)
from tinyml.dialects.tinyml import ReshapeOp
from tinyml.passes.pipelines import FOLDING

F32 = np.float32


def factor(real: float) -> tuple[int, int]:
    """`QuantizeMultiplier`, on exact doubles."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(abs(real))
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (multiplier if real > 0 else -multiplier), shift


def scaled(x: int, real: float) -> int:
    return multiply_by_quantized_multiplier(x, *factor(real))


def single(x: float) -> float:
    """The double that a single precision number is."""
    return float(F32(x))


def clamp_of(activation: int, scale: float, zero: int) -> tuple[int, int]:
    def grid(real: float) -> int:
        ratio = float(F32(real) / F32(scale))
        return zero + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))

    low, high = -128, 127
    if activation in (RELU, RELU6):
        low = max(low, grid(0))
    if activation == RELU_N1_TO_1:
        low, high = max(low, grid(-1)), min(high, grid(1))
    if activation == RELU6:
        high = min(high, grid(6))
    return low, high


def padding_of(size: int, kernel: int, stride: int, dilation: int, mode: int):
    """Outputs along an axis and the padding before it (`ComputePaddingHeightWidth`)."""
    extent = (kernel - 1) * dilation + 1
    if mode == VALID:
        return (size - extent) // stride + 1, 0
    outputs = (size + stride - 1) // stride
    return outputs, max((outputs - 1) * stride + extent - size, 0) // 2


@dataclass(frozen=True)
class Window:
    """A convolution or pool to be built and to be computed."""

    size: tuple[int, int] = (5, 6)
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    padding: int = SAME
    activation: int = NONE
    channels: tuple[int, int] = (3, 4)
    scales: tuple[float, ...] = (0.004,)
    bias: bool = True
    bias_axis: int = 0
    out: tuple[float, int] = (0.11, 4)
    batch: int = 1
    groups: int = 1

    @property
    def outputs(self) -> tuple[int, int]:
        (h, _), (w, _) = self.axes
        return h, w

    @property
    def axes(self) -> list[tuple[int, int]]:
        return [
            padding_of(*numbers, self.padding)
            for numbers in zip(self.size, self.kernel, self.strides, self.dilations)
        ]

    def taps(self, oy: int, ox: int):
        """`(ky, kx, y, x)` of the taps inside the input."""
        (_, top), (_, left) = self.axes
        for ky, kx in product(range(self.kernel[0]), range(self.kernel[1])):
            y = oy * self.strides[0] - top + ky * self.dilations[0]
            x = ox * self.strides[1] - left + kx * self.dilations[1]
            if 0 <= y < self.size[0] and 0 <= x < self.size[1]:
                yield ky, kx, y, x

    @property
    def options(self) -> dict[str, Any]:
        return {
            "Padding": self.padding,
            "StrideH": self.strides[0],
            "StrideW": self.strides[1],
            "FusedActivationFunction": self.activation,
        }

    @property
    def dilated(self) -> dict[str, Any]:
        h, w = self.dilations
        return {**self.options, "DilationHFactor": h, "DilationWFactor": w}


X_SCALE, X_ZERO = 0.05, -7


def check_weighted(case: Window, depthwise: bool) -> None:
    """Builds, imports and runs a (depthwise) convolution, and computes it by hand."""
    count, filters = case.channels
    shape = (filters, *case.kernel, count // case.groups)
    shape = (1, *case.kernel, filters) if depthwise else shape
    weights, x = random_int8(1, *shape), random_int8(2, case.batch, *case.size, count)
    bias = np.arange(filters, dtype=np.int32) * 333 - 500
    scale, zero = case.out
    model = Model()
    inputs = [
        model.input(x.shape, X_SCALE, X_ZERO),
        model.constant(weights, case.scales, axis=3 if depthwise else 0),
    ]
    if case.bias:
        inputs.append(model.constant(bias, case.scales, axis=case.bias_axis))
    options: dict[str, Any] = case.dilated
    if depthwise:
        options["DepthMultiplier"] = filters // count
    y_shape = (case.batch, *case.outputs, filters)
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    model.output(model.op(kind, inputs, y_shape, scale, zero, **options))
    (got,) = model.run(x)

    low, high = clamp_of(case.activation, scale, zero)
    for n, oy, ox, oc in np.ndindex(y_shape):
        acc = int(bias[oc]) if case.bias else 0
        for ky, kx, iy, ix in case.taps(oy, ox):
            pixel = x[n, iy, ix].astype(int) - X_ZERO
            if depthwise:
                acc += int(pixel[oc // (filters // count)] * weights[0, ky, kx, oc])
            else:
                block = oc // (filters // case.groups)
                pixel = pixel.reshape(case.groups, -1)[block]
                acc += int(pixel @ weights[oc, ky, kx].astype(int))
        channel = int(oc) % len(case.scales)
        real = single(X_SCALE) * single(case.scales[channel]) / single(scale)
        expected = min(max(scaled(acc, real) + zero, low), high)
        assert got[n, oy, ox, oc] == expected, (n, oy, ox, oc)


PER_CHANNEL = (0.004, 0.0003, 0.0071, 0.001)
CONVOLUTIONS = {
    "same": Window(),
    "valid": Window(padding=VALID),
    "same, stride 2": Window(strides=(2, 2)),
    "uneven strides": Window(strides=(1, 3), padding=VALID, kernel=(2, 3)),
    "one by one": Window(kernel=(1, 1)),
    "even kernel": Window(kernel=(2, 4)),
    "whole input": Window(kernel=(5, 6), padding=VALID),
    "kernel beyond the input": Window(size=(2, 2), kernel=(5, 5)),
    "dilation": Window(dilations=(2, 1), padding=VALID),
    "dilation, same": Window(size=(7, 7), dilations=(2, 3)),
    "relu": Window(activation=RELU),
    "relu6": Window(activation=RELU6, out=(0.04, -128)),
    "relu -1 to 1": Window(activation=RELU_N1_TO_1),
    "relu6 beyond the grid": Window(activation=RELU6, out=(0.01, 0)),
    "per channel": Window(scales=PER_CHANNEL),
    "negative scales": Window(scales=(-0.004, 0.0003, -0.0071, 0.001)),
    "no bias": Window(bias=False),
    "bias along another axis": Window(scales=PER_CHANNEL, bias_axis=3),
    "tiny scale": Window(scales=(1e-30,)),
    "factor above one": Window(scales=(40.0,)),
    "batch of two": Window(size=(3, 3), batch=2),
}


@pytest.mark.parametrize("channels, groups", [((4, 6), 2), ((3, 6), 3), ((6, 3), 3)])
@pytest.mark.parametrize("name", ["same, stride 2", "dilation", "no bias"])
def test_grouped_convolution(channels: tuple[int, int], groups: int, name: str):
    case = replace(CONVOLUTIONS[name], channels=channels, groups=groups)
    check_weighted(case, depthwise=False)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str):
    check_weighted(CONVOLUTIONS[name], depthwise=False)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_depthwise_convolution(name: str):
    case = replace(CONVOLUTIONS[name], channels=(4, 4))
    check_weighted(case, depthwise=True)


@pytest.mark.parametrize("channels", [(1, 4), (2, 4), (1, 1)])
def test_depth_multiplier(channels: tuple[int, int]):
    check_weighted(Window(channels=channels), depthwise=True)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("bias", ["some", "none", "absent"])
@pytest.mark.parametrize("shape", [(1, 6), (3, 6), (1, 1, 2, 3)])
def test_fully_connected(per_channel: bool, bias: str, shape: tuple[int, ...]):
    x, weights = random_int8(3, *shape), random_int8(4, 4, 6)
    biases = np.array([100, -2000, 0, 7], np.int32)
    scales = PER_CHANNEL if per_channel else (0.0031,)
    model = Model()
    inputs = [model.input(shape, X_SCALE, X_ZERO), model.constant(weights, scales)]
    if bias == "some":
        inputs.append(model.constant(biases, scales))
    elif bias == "absent":
        inputs.append(-1)
    rows = x.reshape(-1, 6)
    y = model.op("FULLY_CONNECTED", inputs, (len(rows), 4), 0.09, 11)
    (got,) = model.output(y).run(x)
    for b, o in np.ndindex(len(rows), 4):
        acc = int(biases[o]) if bias == "some" else 0
        acc += sum((int(a) - X_ZERO) * int(w) for a, w in zip(rows[b], weights[o]))
        if per_channel:
            real = single(X_SCALE) * single(scales[int(o)]) / single(0.09)
        else:
            # The product of the two scales is one of single precision here.
            real = float(F32(X_SCALE) * F32(scales[0])) / single(0.09)
        assert got[b, o] == min(max(scaled(acc, real) + 11, -128), 127)


POOLS = {
    "same": Window(kernel=(2, 2), strides=(2, 2)),
    "valid": Window(kernel=(2, 3), strides=(2, 1), padding=VALID),
    "overlapping": Window(kernel=(3, 3)),
    "whole": Window(kernel=(5, 6), padding=VALID),
    "relu": Window(kernel=(2, 2), activation=RELU),
    "relu6": Window(kernel=(2, 2), activation=RELU6),
}


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("name", POOLS)
def test_pool(kind: str, name: str):
    case = POOLS[name]
    x, (scale, zero) = random_int8(5, 1, *case.size, 2), case.out
    model = Model()
    y_shape = (1, *case.outputs, 2)
    kernel: dict[str, Any] = {
        "FilterHeight": case.kernel[0],
        "FilterWidth": case.kernel[1],
    }
    y = model.op(
        kind,
        [model.input(x.shape, scale, zero)],
        y_shape,
        scale,
        zero,
        **kernel,
        **case.options,
    )
    (got,) = model.output(y).run(x)
    low, high = clamp_of(case.activation, scale, zero)
    for _, oy, ox, c in np.ndindex(y_shape):
        elements = [int(x[0, iy, ix, c]) for *_, iy, ix in case.taps(oy, ox)]
        if kind == "MAX_POOL_2D":
            value = max(elements)
        else:
            total, count = sum(elements), len(elements)
            # Half a divisor away from zero, then C's division.
            total += count // 2 if total > 0 else -(count // 2)
            value = int(math.copysign(abs(total) // count, total))
        assert got[0, oy, ox, c] == min(max(value, low), high)


@pytest.mark.parametrize("activation", [NONE, RELU, RELU6])
def test_add(activation: int):
    a, b = random_int8(6, 1, 3, 3, 4), random_int8(7, 1, 3, 3, 4)
    grids = [(0.04, 3), (0.1, -20), (0.07, -50)]
    model = Model()
    inputs = [model.input(a.shape, *grid) for grid in grids[:2]]
    y = model.op("ADD", inputs, a.shape, *grids[2], FusedActivationFunction=activation)
    (got,) = model.output(y).run(a, b)
    twice = 2 * max(single(0.04), single(0.1))
    low, high = clamp_of(activation, *grids[2])
    for at in np.ndindex(a.shape):
        left = scaled((int(a[at]) - 3) << 20, single(0.04) / twice)
        right = scaled((int(b[at]) + 20) << 20, single(0.1) / twice)
        total = scaled(left + right, twice / ((1 << 20) * single(0.07))) - 50
        assert got[at] == min(max(total, low), high)


@pytest.mark.parametrize("activation", [NONE, RELU, RELU_N1_TO_1])
def test_mul(activation: int):
    a, b = random_int8(8, 1, 3, 3, 4), random_int8(9, 1, 3, 3, 4)
    model = Model()
    inputs = [model.input(a.shape, 0.04, 3), model.input(b.shape, 0.1, -20)]
    out = (0.3, 5)
    y = model.op("MUL", inputs, a.shape, *out, FusedActivationFunction=activation)
    (got,) = model.output(y).run(a, b)
    low, high = clamp_of(activation, *out)
    real = single(0.04) * single(0.1) / single(0.3)
    for at in np.ndindex(a.shape):
        x = scaled((int(a[at]) - 3) * (int(b[at]) + 20), real) + 5
        assert got[at] == min(max(x, low), high)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("axes", [[1, 2], [2, 1], [-3, -2], [3], [-1, 1], [1, 1], [0]])
def test_mean(keep: bool, axes: list[int]):
    shape = (1, 3, 4, 5)
    x = random_int8(10, *shape)
    reduced = {axis % 4 for axis in axes}
    kept = tuple(1 if i in reduced else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in reduced)
    model = Model()
    inputs = [model.input(shape, 0.05, -7), model.constant(np.array(axes, np.int32))]
    y = model.op("MEAN", inputs, kept if keep else dropped, 0.03, 9, KeepDims=keep)
    (got,) = model.output(y).run(x)
    assert got.shape == (kept if keep else dropped)
    count = math.prod(shape[axis] for axis in reduced)
    multiplier, shift = factor(single(0.05) / single(0.03))
    # `reduce.h`: one over the count goes into the multiplier, with the bits it costs.
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier, shift = (multiplier << bits) // count, shift - bits
    for at in np.ndindex(kept):
        group = product(
            *(range(n) if n != k else [i] for n, k, i in zip(shape, kept, at))
        )
        total = sum(int(x[place]) + 7 for place in group)
        expected = multiply_by_quantized_multiplier(total, multiplier, shift) + 9
        assert got.reshape(kept)[at] == min(max(expected, -128), 127)


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_softmax(beta: float):
    x = random_int8(11, 3, 7)
    model = Model()
    y = model.op(
        "SOFTMAX", [model.input(x.shape, 0.1)], x.shape, 1 / 256, -128, Beta=beta
    )
    (got,) = model.output(y).run(x)
    multiplier, shift = factor(beta * single(0.1) * (1 << 26))
    for row, result in zip(x, got):
        assert list(result) == softmax_row([int(v) for v in row], multiplier, shift)


@pytest.mark.parametrize("scale", [0.1, 0.7, 3.0, 12.0, 1e-4])
def test_log_softmax(scale: float):
    x = random_int8(11, 5, 7)
    model = Model()
    y = model.op("LOG_SOFTMAX", [model.input(x.shape, scale)], x.shape, 1 / 16, 127)
    (got,) = model.output(y).run(x)
    multiplier, shift = factor(min(single(scale) * (1 << 26), 2.0**31 - 1))
    for row, result in zip(x, got):
        assert list(result) == log_softmax_row([int(v) for v in row], multiplier, shift)
        # And these are logarithms, as good as eight bits are.
        reals = [(int(v) - int(row.max())) * single(scale) for v in row]
        log_sum = math.log(sum(math.exp(real) for real in reals))
        for real, step in zip(reals, result):
            assert abs(max(16 * (real - log_sum) + 127, -128) - int(step)) < 0.51


@pytest.mark.parametrize("type", ["int8", "uint8"])
def test_pad(type: str):
    """Padding is real zero, whatever its integer."""
    x = random_int8(12, 1, 2, 3, 2).astype(type)
    model = Model()
    pads = model.constant(np.array([[0, 0], [1, 2], [0, 3], [1, 0]], np.int32))
    y = model.op(
        "PAD",
        [model.input(x.shape, 0.5, 9, type), pads],
        (1, 5, 6, 3),
        0.5,
        9,
        type=type,
    )
    (got,) = model.output(y).run(x)
    expected = np.full((1, 5, 6, 3), 9, type)
    expected[:, 1:3, :3, 1:] = x
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("kind", ["RESHAPE", "SQUEEZE", "EXPAND_DIMS"])
@pytest.mark.parametrize("type", ["int8", "uint8", "float32", "int16", "int32"])
def test_reshape(kind: str, type: str):
    x = np.arange(8).reshape(1, 8).astype(type)
    model = Model()
    y = model.op(kind, [model.input((1, 8), None, 0, type)], (8, 1), None, type=type)
    (got,) = model.output(y).run(x)
    assert np.array_equal(got, x.reshape(8, 1))


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (0, 2, 3, 1), (3, 2, 1, 0)])
def test_transpose(order: tuple[int, ...]):
    x = random_int8(13, 1, 2, 3, 4)
    model = Model()
    permutation = model.constant(np.array(order, np.int32))
    y_shape = [x.shape[i] for i in order]
    y = model.op("TRANSPOSE", [model.input(x.shape), permutation], y_shape)
    (got,) = model.output(y).run(x)
    assert np.array_equal(got, x.transpose(order))


@pytest.mark.parametrize("type, low, high", [("int8", -128, 127), ("uint8", 0, 255)])
def test_quantize_from_float(type: str, low: int, high: int):
    """Half away from zero, then saturated."""
    reals = [0.0, 0.25, -0.25, 0.75, 1.25, -1.25, 1e9, -1e9, 0.24, -0.26, 60.0, -60.0]
    x = np.array([reals], F32)
    zero = 1 if type == "int8" else 120
    model = Model()
    y = model.op(
        "QUANTIZE",
        [model.input(x.shape, None, 0, "float32")],
        x.shape,
        0.5,
        zero,
        type=type,
    )
    (got,) = model.output(y).run(x)
    steps = [math.copysign(math.floor(abs(v) / 0.5 + 0.5), v) + zero for v in reals]
    assert list(got[0]) == [min(max(int(s), low), high) for s in steps]


@pytest.mark.parametrize(
    "source, target, zeros",
    [
        ("int8", "int8", (3, -5)),
        ("uint8", "int8", (128, 0)),
        ("int8", "uint8", (0, 128)),
    ],
)
@pytest.mark.parametrize("scales", [(0.5, 0.5), (0.05, 0.07), (0.3, 0.01)])
def test_quantize_again(
    source: str, target: str, zeros: tuple[int, int], scales: tuple[float, float]
):
    """From one grid to another, and between signed and unsigned bytes."""
    x = np.arange(256).reshape(1, 256).astype(np.uint8).view(source)
    model = Model()
    y = model.op(
        "QUANTIZE",
        [model.input(x.shape, scales[0], zeros[0], source)],
        x.shape,
        scales[1],
        zeros[1],
        type=target,
    )
    (got,) = model.output(y).run(x)
    real, limits = single(scales[0]) / single(scales[1]), np.iinfo(target)
    for a, b in zip(x[0], got[0]):
        step = scaled(int(a) - zeros[0], real) + zeros[1]
        assert b == min(max(step, int(limits.min)), int(limits.max))


@pytest.mark.parametrize("type", ["int8", "uint8"])
def test_dequantize(type: str):
    x = np.arange(256).reshape(1, 256).astype(np.uint8).view(type)
    model = Model()
    y = model.op(
        "DEQUANTIZE",
        [model.input(x.shape, 0.3, 7, type)],
        x.shape,
        None,
        type="float32",
    )
    (got,) = model.output(y).run(x)
    assert got.dtype == F32
    assert np.array_equal(got, F32(0.3) * (x.astype(F32) - 7))


# Graphs


def test_names_positions_and_quantization():
    """What users and other passes want to know of a model is in the IR."""
    module = small_network().imported()
    function = network_function(module)
    (x,), (y,) = network_inputs(function), network_outputs(function)
    assert str(x.tensor) == '#tinyml.tensor<"image", 2.000000e-02 : 3>'
    assert str(y.tensor) == '#tinyml.tensor<"scores", 5.000000e-02 : 1>'
    first = only_layers(module)[0]
    assert isinstance(first.location, NameLoc)
    assert first.location.desc.data == "features"
    indices = [op.attributes["tinyml.index"] for op in only_layers(module)]
    assert indices == [IntegerAttr(i, i64) for i in range(5)]


def test_two_inputs_keep_their_order():
    model = Model()
    a = model.input((1, 4), name="a")
    b = model.input((1, 4), name="b")
    model.output(model.op("RESHAPE", [b], (4,)), model.op("RESHAPE", [a], (4, 1)))
    x, y = random_int8(1, 1, 4), random_int8(2, 1, 4)
    first, second = model.run(x, y)
    assert np.array_equal(first, y.reshape(4))
    assert np.array_equal(second, x.reshape(4, 1))


def test_output_that_a_later_layer_reads():
    model = Model()
    x = model.input((1, 4), 0.5, 0)
    middle = model.op("ADD", [x, x], (1, 4), 1.0, 0)
    last = model.op("RESHAPE", [middle], (4,), 1.0)
    values = np.array([[1, -2, 3, 100]], np.int8)
    for outputs in ((middle, last), (last, middle)):
        model.outputs = list(outputs)
        got = model.run(values)
        assert all(np.array_equal(y.reshape(-1), values[0]) for y in got)


def test_input_that_is_an_output():
    model = Model()
    x = model.input((1, 4), name="x")
    model.output(x, model.op("RESHAPE", [x], (4,)))
    values = random_int8(3, 1, 4)
    same, reshaped = model.run(values)
    assert np.array_equal(same, values)
    assert np.array_equal(reshaped, values[0])
    assert op_names(model.imported()) == ["reshape", "reshape"]


def test_output_twice():
    model = Model()
    x = model.input((1, 4))
    y = model.op("RESHAPE", [x], (4,))
    first, second = model.output(y, y).run(np.array([[1, 2, 3, 4]], np.int8))
    assert list(first) == list(second) == [1, 2, 3, 4]


def test_input_twice_in_one_layer():
    model = Model()
    x = model.input((1, 4), 0.5, 0)
    (y,) = model.output(model.op("ADD", [x, x], (1, 4), 1.0)).run(
        np.array([[1, 2, -3, 4]], np.int8)
    )
    assert list(y[0]) == [1, 2, -3, 4]


def test_layer_that_nobody_reads():
    """It is imported all the same; dropping it is the business of a pass."""
    model = Model()
    x = model.input((1, 4))
    model.op("RESHAPE", [x], (4, 1))
    model.output(model.op("RESHAPE", [x], (4,)))
    module = model.imported()
    assert [type(op) for op in only_layers(module)] == [ReshapeOp, ReshapeOp]
    (y,) = model.run(np.array([[1, 2, 3, 4]], np.int8))
    assert list(y) == [1, 2, 3, 4]


def branch(model: Model, x: int, y: int, last: int) -> Model:
    """The sum of bytes `x` and what is made of reals `y` and bytes `last`."""
    y = model.op("QUANTIZE", [y], (1, 2, 2, 1), 0.5, 3)
    filter = model.constant(np.array([[[[5]]]], np.int8), 0.5)
    y = model.op("CONV_2D", [y, filter], (1, 2, 2, 1), 0.5, -4)
    y = model.op("CONCATENATION", [y, last], (1, 2, 2, 2), 0.5, -4, Axis=3)
    return model.output(model.op("ADD", [x, y], (1, 2, 2, 2), 1.0))


def test_constant_activations():
    """A constant tensor is a buffer like any other, one that was folded as well."""
    x, rows = random_int8(4, 1, 2, 2, 2), random_int8(5, 2, 2)
    reals = np.array([-3.2, 0.7, 8.0, 1.1], F32).reshape(1, 2, 2, 1)
    model = Model()
    inputs = [model.input(x.shape), model.input(reals.shape, None, 0, "float32")]
    inputs.append(model.input((1, 2, 2, 1), 0.5, -4))
    (expected,) = branch(model, *inputs).run(x, reals, rows.reshape(1, 2, 2, 1))
    model = Model()
    parts = [model.constant(row, 0.5, -4) for row in rows]
    last = model.op("PACK", parts, (2, 2), 0.5, -4, ValuesCount=2)
    last = model.op("RESHAPE", [last], (1, 2, 2, 1), 0.5, -4)
    branch(model, model.input(x.shape), model.constant(reals), last)
    (found,) = model.run(x)
    assert np.array_equal(found, expected)
    assert op_names(model.imported()) == ["quantize", "conv2d", "concat", "add"]
    assert op_names(lower(model.imported(), FOLDING)) == ["add"]
