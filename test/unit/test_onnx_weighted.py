"""Convolutions and fully connected layers of ONNX models are imported exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from onnx_models import (
    Model,
    W,
    X,
    Y,
    convolve,
    nearest,
    nearest_real,
    op_names,
    random_bytes,
    real,
)

# Convolutions


@pytest.mark.parametrize(
    "shape, weights_shape, attributes, pads",
    [
        ((1, 3, 6, 5), (4, 3, 3, 3), {}, (0, 0, 0, 0)),
        ((2, 3, 6, 5), (4, 3, 3, 3), {"pads": [1, 0, 2, 1]}, (1, 0, 2, 1)),
        ((1, 3, 7, 8), (4, 3, 3, 3), {"strides": [2, 3]}, (0, 0, 0, 0)),
        ((1, 3, 7, 8), (4, 3, 3, 2), {"dilations": [2, 3]}, (0, 0, 0, 0)),
        (
            (1, 3, 6, 6),
            (4, 3, 3, 3),
            {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
            (0, 0, 1, 1),
        ),
        (
            (1, 3, 6, 6),
            (4, 3, 3, 3),
            {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
            (1, 1, 0, 0),
        ),
        ((1, 3, 5, 5), (4, 3, 2, 2), {"auto_pad": "VALID"}, (0, 0, 0, 0)),
        # More padding than the window is wide: a layer of its own.
        ((1, 3, 4, 4), (4, 3, 1, 1), {"pads": [1, 2, 1, 2]}, (1, 2, 1, 2)),
        # Depthwise, with one and with two outputs per input channel.
        ((1, 4, 6, 5), (4, 1, 3, 3), {"group": 4, "pads": [1] * 4}, (1,) * 4),
        ((1, 3, 6, 5), (6, 1, 3, 3), {"group": 3, "strides": [2, 2]}, (0,) * 4),
        ((1, 1, 6, 5), (4, 1, 3, 3), {"group": 1}, (0,) * 4),
        # Groups, with as many and with other numbers of channels on both sides.
        ((1, 4, 6, 5), (4, 2, 3, 3), {"group": 2, "pads": [1] * 4}, (1,) * 4),
        ((2, 6, 6, 5), (9, 2, 2, 3), {"group": 3, "strides": [1, 2]}, (0,) * 4),
    ],
)
def test_conv(
    shape: tuple[int, ...],
    weights_shape: tuple[int, ...],
    attributes: dict[str, Any],
    pads: tuple[int, ...],
):
    channels = weights_shape[0]
    x, w = random_bytes(1, *shape), random_bytes(2, *weights_shape, low=-127)
    bias = np.random.default_rng(3).integers(-5000, 5000, channels, np.int32)
    scales = np.float32(W) * np.linspace(1, 2, channels, dtype=np.float32)

    model = Model()
    source = model.dequantize(model.input(shape), X, 7)
    constant = model.weights(w, scales)
    bias_constant = model.weights(bias, np.float32(X) * scales)
    conv = model.node("Conv", source, constant, bias_constant, **attributes)
    model.output(model.quantize(conv, Y, -11))

    centred = x.astype(np.int64) - 7
    plain = {"strides", "dilations", "group"} & set(attributes)
    acc = convolve(centred, w, pads, **{key: attributes[key] for key in plain})
    acc += bias[None, :, None, None]
    expected = [
        nearest(acc[:, c], real(X) * real(scales[c]) / real(Y), -11)
        for c in range(channels)
    ]
    (y,) = model.run(x)
    np.testing.assert_array_equal(y, np.stack(expected, axis=1))


def test_one_dimension():
    """A convolution, pools and a mean over time are those of a map of one row."""
    x, w = random_bytes(1, 1, 3, 12), random_bytes(2, 4, 3, 3)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5)
    conv = model.node("Conv", source, model.weights(w, 0.125), pads=[1, 0], strides=[2])
    conv = model.dequantize(model.quantize(conv, 2.0), 2.0)
    largest = model.node("MaxPool", conv, kernel_shape=[2])
    average = model.node("AveragePool", largest, kernel_shape=[3], strides=[1])
    average = model.dequantize(model.quantize(average, 1.0), 1.0)
    model.output(model.quantize(average, 1.0))
    model.output(model.quantize(model.node("ReduceMean", average, axes=[2]), 0.5))

    row = w.reshape(4, 3, 1, 3)
    acc = convolve(x.reshape(1, 3, 1, 12), row, (0, 1, 0, 0), (1, 2))[:, :, 0]
    y = nearest(acc, Fraction(1, 32), 0)
    y = np.maximum(y[..., :-1], y[..., 1:]).astype(np.int64)
    y = nearest(y[..., :-2] + y[..., 1:-1] + y[..., 2:], Fraction(2, 3), 0)
    mean = y.astype(np.int64).sum(axis=2, keepdims=True)
    first, second = model.run(x)
    np.testing.assert_array_equal(first, y)
    np.testing.assert_array_equal(second, nearest(mean, Fraction(2, y.shape[2]), 0))
    names = op_names(model.imported())
    assert names[:3] == ["reshape", "transpose", "conv2d"]
    assert names[3:6] == ["max_pool2d", "depthwise_conv2d", "mean"]


@pytest.mark.parametrize(
    "activation, low, high",
    [(["Relu"], 0.0, None), (["Clip", 0.0, 6.0], 0.0, 6.0), (["Clip", -1.0], -1, None)],
)
def test_conv_with_activation_is_one_layer(
    activation: list[Any], low: float, high: float | None
):
    x, w = random_bytes(1, 1, 2, 4, 4), random_bytes(2, 3, 2, 1, 1)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5)
    conv = model.node("Conv", source, model.weights(w, 0.01))
    bounds = [model.constant(np.float32(bound)) for bound in activation[1:]]
    limited = model.node(activation[0], conv, *bounds)
    model.output(model.quantize(limited, 0.1, -20))

    acc = convolve(x, w)
    top = 127 if high is None else round(high / 0.1) - 20
    expected = nearest(
        acc, real(0.5) * real(0.01) / real(0.1), -20, round(low / 0.1) - 20, top
    )
    np.testing.assert_array_equal(model.run(x)[0], expected)
    names = op_names(model.imported())
    assert names == ["transpose", "conv2d", "transpose"]


def test_rounding_is_to_even():
    """One half steps between -2.5 and 2.5 go to the even neighbour."""
    x = np.array([-5, -3, -1, 1, 3, 5], np.int8).reshape(1, 1, 1, 6)
    model = Model()
    source = model.dequantize(model.input(x.shape), 1.0)
    conv = model.node("Conv", source, model.weights(np.ones((1, 1, 1, 1), np.int8), 1))
    model.output(model.quantize(conv, 2.0))
    assert model.run(x)[0].ravel().tolist() == [-2, -2, 0, 0, 2, 2]


def test_bias_of_another_kind():
    """A bias may be float or be added later; uint8 weights around 128 are int8."""
    x, w = random_bytes(1, 1, 2, 3, 3), random_bytes(2, 3, 2, 1, 1)
    bias = np.array([0.5, -0.25, 2.0], np.float32)
    expected = nearest(
        convolve(x, w) + (bias * 32).astype(np.int64)[None, :, None, None],
        Fraction(1, 8),
        0,
    )
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.25)
    constant = model.weights((w.astype(np.int16) + 128).astype(np.uint8), 0.125, 128)
    conv = model.node("Conv", source, constant, model.constant(bias))
    model.output(model.quantize(conv, 0.25))

    added = model.node("Conv", source, constant)
    row = model.constant(bias.reshape(1, 3, 1, 1))
    added = model.node("Relu", model.node("Add", row, added))
    model.output(model.quantize(added, 0.25))

    first, second = model.run(x)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(second, np.maximum(expected, 0))


# Fully connected layers


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_gemm(batch: int, transposed: bool):
    x, w = random_bytes(1, batch, 10), random_bytes(2, 4, 10)
    bias = np.array([100, -2000, 0, 7], np.int32)
    model = Model()
    source = model.dequantize(model.input(x.shape), X, 3)
    constant = model.weights(
        w if transposed else np.ascontiguousarray(w.T),
        np.full(4, W, np.float32),
        axis=0 if transposed else 1,
    )
    unit = np.full(4, np.float32(X) * np.float32(W), np.float32)
    gemm = model.node(
        "Gemm", source, constant, model.weights(bias, unit), transB=int(transposed)
    )
    model.output(model.quantize(gemm, Y, 5))

    acc = (x.astype(np.int64) - 3) @ w.T.astype(np.int64) + bias
    expected = nearest(acc, real(X) * real(W) / real(Y), 5)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert op_names(model.imported()) == ["fully_connected"]


def test_matmul_and_add():
    """Quantized in between, an addition of a constant is a layer of its own."""
    x, w, bias = random_bytes(1, 1, 6), random_bytes(2, 6, 4), random_bytes(3, 4)
    model = Model()
    source = model.dequantize(model.input(x.shape), X, 3)
    product = model.node("MatMul", source, model.weights(w, W))
    between = model.dequantize(model.quantize(product, Y, 5), Y, 5)
    total = model.node("Add", between, model.weights(bias, 0.021, 9))
    model.output(model.quantize(total, 0.05, -3))

    acc = (x.astype(np.int64) - 3) @ w.astype(np.int64)
    middle = nearest(acc, real(X) * real(W) / real(Y), 5).astype(object) - 5
    reals = middle * real(Y) + (bias.astype(object) - 9) * real(0.021)
    expected = nearest_real(reals, real(0.05), -3)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert op_names(model.imported()) == ["fully_connected", "add"]


MOVES: list[list[tuple[str, Any]]] = [
    [("Flatten", {})],
    [("Transpose", {"perm": [0, 2, 3, 1]}), ("Reshape", [1, -1])],
    [("Reshape", [0, 3, -1]), ("Reshape", [1, 36])],
    [("Transpose", {"perm": [0, 3, 1, 2]}), ("Flatten", {"axis": 1})],
]


@pytest.mark.parametrize("moves", MOVES)
def test_flattening_permutes_weights(moves: list[tuple[str, Any]]):
    """Between a map and a fully connected layer no element is moved."""
    x, w = random_bytes(1, 1, 3, 3, 4), random_bytes(2, 36, 5)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5)
    pool = model.node("MaxPool", source, kernel_shape=[1, 1])
    moved = model.dequantize(model.quantize(pool, 0.5), 0.5)
    expected = x
    for op, how in moves:
        if op == "Transpose":
            moved = model.node(op, moved, **how)
            expected = expected.transpose(how["perm"])
        elif op == "Reshape":
            moved = model.node(op, moved, model.constant(np.array(how)))
        else:
            moved = model.node(op, moved, **how)
    product = model.node("MatMul", moved, model.weights(w, 0.25))
    model.output(model.quantize(product, 8.0))

    acc = expected.reshape(1, 36).astype(np.int64) @ w.astype(np.int64)
    np.testing.assert_array_equal(model.run(x)[0], nearest(acc, Fraction(1, 64), 0))
    names = op_names(model.imported())
    assert names == ["transpose", "max_pool2d", "fully_connected"]


def test_flattening_of_two_images():
    x, w = random_bytes(1, 2, 3, 2, 2), random_bytes(2, 12, 5)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5)
    pool = model.node("MaxPool", source, kernel_shape=[1, 1])
    product = model.node("MatMul", model.node("Flatten", pool), model.weights(w, 0.25))
    model.output(model.quantize(product, 8.0))
    acc = x.reshape(2, 12).astype(np.int64) @ w.astype(np.int64)
    np.testing.assert_array_equal(model.run(x)[0], nearest(acc, Fraction(1, 64), 0))
    assert "transpose" not in op_names(model.imported())[1:]
