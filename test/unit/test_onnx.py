"""ONNX models become layers that compute, exactly, what ONNX defines."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import (
    Model,
    convolve,
    nearest,
    op_names,
    ops,
    random_bytes,
    real,
)
from xdsl.ir import SSAValue

from tinyml.dialects.layer import buffer_type
from tinyml.dialects.network import layer_name
from tinyml.dialects.tinyml import Conv2DOp, MaxPool2DOp
from tinyml.frontend.onnx import import_onnx
from tinyml.interp.run import run_network

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "models"

X, W, Y = 0.037, 0.0051, 0.081
"""Scales of input, weights and output, without a meaning."""


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


def nearest_real(reals: np.ndarray, scale: Fraction, zero: int) -> np.ndarray:
    """Exact reals on a grid."""
    steps = [round(value / scale) + zero for value in reals.flat]
    return np.clip(steps, -128, 127).reshape(reals.shape).astype(np.int8)


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


# Pools and means


@pytest.mark.parametrize(
    "attributes, pads, ceil",
    [
        ({"strides": [2, 2]}, (0, 0, 0, 0), False),
        ({"strides": [2, 2], "ceil_mode": 1}, (0, 0, 1, 1), True),
        ({"strides": [1, 2], "pads": [1, 1, 1, 1]}, (1, 1, 1, 1), False),
    ],
)
def test_max_pool(attributes: dict[str, Any], pads: tuple[int, ...], ceil: bool):
    x = random_bytes(1, 1, 2, 7, 6)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5, 3)
    pool = model.node("MaxPool", source, kernel_shape=[2, 3], **attributes)
    model.output(model.quantize(pool, 0.5, 3))
    top, left, bottom, right = pads
    padded = np.pad(
        x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-128
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 3), (2, 3))
    rows, columns = attributes["strides"]
    expected = windows[:, :, ::rows, ::columns].max(axis=(-2, -1))
    np.testing.assert_array_equal(model.run(x)[0], expected)


def test_average_pool_rounds_ties_to_even():
    x = np.array([[1, 2, 3, 4], [2, 4, -1, -2]], np.int8).reshape(1, 2, 1, 4)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.1, -128)
    pool = model.node("AveragePool", source, kernel_shape=[1, 2], strides=[1, 2])
    model.output(model.quantize(pool, 0.1, -128))
    # 1.5, 3.5; 3, -1.5; from the zero point, which is even.
    assert model.run(x)[0].ravel().tolist() == [2, 4, 3, -2]


def test_average_pool_that_counts_padding():
    x = random_bytes(1, 1, 3, 5, 5)
    model = Model()
    source = model.dequantize(model.input(x.shape), X, 4)
    pool = model.node(
        "AveragePool",
        source,
        kernel_shape=[3, 3],
        pads=[1, 1, 1, 1],
        count_include_pad=1,
    )
    model.output(model.quantize(pool, Y, -4))
    ones = np.ones((3, 1, 3, 3), np.int8)
    total = convolve(x.astype(np.int64) - 4, ones, (1, 1, 1, 1), group=3)
    expected = nearest(total, real(X) / (9 * real(Y)), -4)
    np.testing.assert_array_equal(model.run(x)[0], expected)


@pytest.mark.parametrize(
    "op, attributes, axes, keep",
    [
        ("GlobalAveragePool", {}, (2, 3), True),
        ("AveragePool", {"kernel_shape": [4, 5]}, (2, 3), True),
        ("ReduceMean", {"axes": [2, 3]}, (2, 3), True),
        ("ReduceMean", {"axes": [-1, -2], "keepdims": 0}, (2, 3), False),
        ("ReduceMean", {"axes": [3], "keepdims": 0}, (3,), False),
        ("ReduceMean", {"axes": [1], "keepdims": 1}, (1,), True),
        ("ReduceMean", {"axes": [1], "keepdims": 0}, (1,), False),
    ],
)
def test_mean(op: str, attributes: dict[str, Any], axes: tuple[int, ...], keep: bool):
    x = random_bytes(1, 2, 3, 4, 5)
    model = Model()
    source = model.dequantize(model.input(x.shape), X, 4)
    model.output(model.quantize(model.node(op, source, **attributes), Y, -4))
    total = (x.astype(np.int64) - 4).sum(axis=axes, keepdims=keep)
    count = np.prod([x.shape[axis] for axis in axes]).item()
    expected = nearest(total, real(X) / (count * real(Y)), -4)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert "mean" in op_names(model.imported())


# Elementwise


@pytest.mark.parametrize("op", ["Add", "Mul"])
@pytest.mark.parametrize("relu", [False, True])
def test_binary(op: str, relu: bool):
    a, b = random_bytes(1, 1, 3, 4, 5), random_bytes(2, 1, 3, 4, 5)
    model = Model()
    left = model.dequantize(model.input(a.shape, name="a"), X, 3)
    right = model.dequantize(model.input(b.shape, name="b"), W, -9)
    result = model.node(op, left, right)
    result = model.node("Relu", result) if relu else result
    scale = Y if op == "Add" else 0.0007
    model.output(model.quantize(result, scale, -60))

    reals_a = (a.astype(object) - 3) * real(X)
    reals_b = (b.astype(object) + 9) * real(W)
    reals = reals_a + reals_b if op == "Add" else reals_a * reals_b
    expected = nearest_real(reals, real(scale), -60)
    expected = np.maximum(expected, -60) if relu else expected
    np.testing.assert_array_equal(model.run(a, b)[0], expected)


def test_residual_of_maps_needs_no_transposition():
    x, w = random_bytes(1, 1, 4, 3, 3), random_bytes(2, 4, 4, 1, 1)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5)
    pool = model.node("MaxPool", source, kernel_shape=[1, 1])
    entry = model.dequantize(model.quantize(pool, 0.5), 0.5)
    conv = model.node("Conv", entry, model.weights(w, 0.125))
    branch = model.dequantize(model.quantize(conv, 1.0), 1.0)
    model.output(model.quantize(model.node("Add", entry, branch), 2.0))
    expected = nearest(convolve(x, w), Fraction(1, 16), 0).astype(np.int64)
    expected = nearest(expected * 2 + x, Fraction(1, 4), 0)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    names = op_names(model.imported())
    assert names == ["transpose", "max_pool2d", "conv2d", "add", "transpose"]


@pytest.mark.parametrize(
    "scale, zero, layers",
    [
        (0.5, 3, ["max_pool2d"]),  # the grid stays: a clamp
        (0.25, -128, ["requantize"]),  # saturation cuts off what is below zero
        (0.25, -100, ["requantize", "max_pool2d"]),
    ],
)
def test_relu_of_a_quantized_tensor(scale: float, zero: int, layers: list[str]):
    x = random_bytes(1, 1, 1, 4, 5)
    model = Model()
    relu = model.node("Relu", model.dequantize(model.input(x.shape), 0.5, 3))
    model.output(model.quantize(relu, scale, zero))
    reals = np.maximum((x.astype(object) - 3) * Fraction(1, 2), 0)
    expected = nearest_real(reals, real(scale), zero)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert op_names(model.imported())[: len(layers)] == layers


@pytest.mark.parametrize("shape, axis", [((3, 10), -1), ((1, 7, 2, 3), 1)])
def test_softmax_is_at_most_one_step_off(shape: tuple[int, ...], axis: int):
    x = random_bytes(1, *shape)
    model = Model()
    source = model.dequantize(model.input(shape), 0.04, 10)
    softmax = model.node("Softmax", source, axis=axis)
    model.output(model.quantize(softmax, 1 / 255, -128))
    powers = np.exp((x.astype(np.float64) - 10) * 0.04)
    share = powers / powers.sum(axis=axis, keepdims=True)
    difference = model.run(x)[0] - (np.rint(share * 255) - 128)
    assert np.abs(difference).max() <= 1


# Movements and boundaries


@pytest.mark.parametrize("seed", range(20))
def test_chains_of_moves(seed: int):
    """Any chain of movements ends with the elements where NumPy has them."""
    generator = np.random.default_rng(seed)
    x = random_bytes(seed, 2, 3, 4, 1)
    model = Model()
    name, expected = model.dequantize(model.input(x.shape), 0.5), x
    name = model.node("MaxPool", name, kernel_shape=[1, 1]) if seed % 2 else name
    for _ in range(4):
        if generator.random() < 0.5:
            order = generator.permutation(expected.ndim).tolist()
            name = model.node("Transpose", name, perm=order)
            expected = expected.transpose(order)
        else:
            shapes = [(2, 3, 4, 1), (6, 4), (1, 4, 6), (24,), (3, 2, 2, 2), (1, 2, 12)]
            shape = shapes[generator.integers(len(shapes))]
            name = model.node("Reshape", name, model.constant(np.array(shape)))
            expected = expected.reshape(shape)
    model.output(model.quantize(name, 0.5))
    np.testing.assert_array_equal(model.run(x)[0], expected)


def test_squeeze_unsqueeze_identity_dropout():
    x = random_bytes(1, 2, 1, 3)
    model = Model()
    name = model.dequantize(model.input(x.shape), 0.5)
    name = model.node("Squeeze", name, model.constant(np.array([1])))
    name = model.node("Dropout", model.node("Identity", name))
    name = model.node("Unsqueeze", name, model.constant(np.array([-1])))
    model.output(model.quantize(name, 0.5))
    np.testing.assert_array_equal(model.run(x)[0], x.reshape(2, 3, 1))


def test_pad():
    x = random_bytes(1, 1, 2, 3, 4)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.5, 7)
    pads = model.constant(np.array([0, 1, 2, 0, 0, 0, 1, 3]))
    value = model.constant(np.float32(-2))
    model.output(model.quantize(model.node("Pad", source, pads, value), 0.5, 7))
    expected = np.pad(x, ((0, 0), (1, 0), (2, 1), (0, 3)), constant_values=3)
    np.testing.assert_array_equal(model.run(x)[0], expected)


def test_float_boundary():
    """Floats are quantized as they are laid out, then brought to NHWC, and back."""
    model = Model()
    source = model.quantize(model.input((1, 2, 2, 3), "float32"), 0.5, 1)
    pool = model.node("MaxPool", model.dequantize(source, 0.5, 1), kernel_shape=[1, 1])
    model.output(model.dequantize(model.quantize(pool, 0.5, 1), 0.5, 1), "float32")
    # Ties go to even before the zero point is added; what is too large saturates.
    x = np.array([0.25, 0.75, -0.25, 1.2, 1e9, -1e9] * 2, np.float32)
    expected = np.array([0, 1, 0, 1, 63, -64.5] * 2, np.float32)
    (y,) = model.run(x.reshape(1, 2, 2, 3))
    np.testing.assert_array_equal(y, expected.reshape(1, 2, 2, 3))
    names = op_names(model.imported())
    assert names == ["quantize", "transpose", "max_pool2d", "transpose", "dequantize"]


def test_one_channel_needs_no_transposition():
    model = Model()
    source = model.quantize(model.input(("N", 1, 4, 3), "float32"), 0.5)
    pool = model.node("MaxPool", model.dequantize(source, 0.5), kernel_shape=[1, 1])
    model.output(model.quantize(pool, 0.5))
    assert op_names(model.imported()) == [
        "quantize",
        "reshape",
        "max_pool2d",
        "reshape",
    ]


def test_uint8_activations():
    x, w = random_bytes(1, 1, 6), random_bytes(2, 6, 4)
    unsigned = (x.astype(np.int16) + 128).astype(np.uint8)
    model = Model()
    source = model.dequantize(model.input(x.shape, "uint8"), X, 131, "uint8")
    product = model.node("MatMul", source, model.weights(w, W))
    model.output(model.quantize(product, Y, 133, "uint8"), "uint8")
    acc = (x.astype(np.int64) - 3) @ w.astype(np.int64)
    expected = nearest(acc, real(X) * real(W) / real(Y), 5).astype(np.int16) + 128
    (y,) = model.run(unsigned)
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, expected)


def test_layers_carry_names_and_positions():
    model = Model()
    source = model.dequantize(model.input((1, 1, 4, 4)), 0.5)
    w = model.weights(np.ones((1, 1, 3, 3), np.int8), 1.0)
    conv = model.node("Conv", source, w)
    model.output(model.quantize(model.node("Relu", conv), 0.5))
    (layer,) = [op for op in ops(model.imported()) if isinstance(op, Conv2DOp)]
    assert layer_name(layer) == "relu_3_out"
    assert str(layer.attributes["tinyml.index"]) == "2 : i64"
    assert layer.weights.string_value() == "conv_2_weights"
    assert layer.output.name_hint == "relu_3_out"


def test_clamp_of_a_pool_of_one_element():
    """A standalone Clip of a matrix borrows a pool, which has four dimensions."""
    x = random_bytes(1, 2, 5)
    model = Model()
    bounds = [model.constant(np.float32(bound)) for bound in (-1, 2)]
    clip = model.node("Clip", model.dequantize(model.input(x.shape), 0.5), *bounds)
    model.output(model.quantize(clip, 0.5))
    np.testing.assert_array_equal(model.run(x)[0], np.clip(x, -2, 4))
    pools = [op for op in ops(model.imported()) if isinstance(op, MaxPool2DOp)]
    values: list[SSAValue] = [op.output for op in pools]
    assert [buffer_type(v).get_shape() for v in values] == [(1, 1, 2, 5)]


# Whole networks


def test_digits_equals_onnxruntime():
    """Our own network, on 160 images: bit for bit what onnxruntime computes."""
    folder = ROOT / "examples" / "digits"
    module = import_onnx((folder / "digits_int8.onnx").read_bytes(), "digits")
    module.verify()
    with np.load(folder / "digits_test.npz") as data:
        inputs, labels, expected = (
            data[key] for key in ("inputs", "labels", "ort_noopt_outputs")
        )
    outputs = np.stack([run_network(module, [image])[0] for image in inputs])
    np.testing.assert_array_equal(outputs, expected)
    np.testing.assert_array_equal(outputs[:, 0].argmax(-1), labels)


def test_micro_kws_is_one_step_off():
    """
    onnxruntime computes in single precision, so that a mean of four integers, a tie in
    one case of four, falls to either side. From there on differences of one step
    spread; two of the five output sets are equal.
    """
    path = SHARED / "onnx" / "mom_micro_kws_m_qdq.onnx"
    if not path.exists():
        pytest.skip("../shared/models is not there")
    module = import_onnx(path.read_bytes(), "kws")
    module.verify()
    with np.load(SHARED / "reference" / f"{path.stem}.npz") as data:
        inputs, expected = data["inputs"], data["ort_noopt_outputs"]
    outputs = np.stack([run_network(module, [x])[0] for x in inputs])
    steps = np.rint((outputs - expected) * 255)
    assert np.abs(steps).max() <= 1
    assert np.sum((steps == 0).all(axis=(1, 2))) >= 2
    np.testing.assert_array_equal(outputs.argmax(-1), expected.argmax(-1))
