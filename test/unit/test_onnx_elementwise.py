"""Pools, means, sums and products of ONNX models are imported exactly."""

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
@pytest.mark.parametrize("scale, zero", [(1 / 255, -128), (0.003, -100), (0.5, 7)])
def test_softmax(shape: tuple[int, ...], axis: int, scale: float, zero: int):
    x = random_bytes(1, *shape)
    model = Model()
    source = model.dequantize(model.input(shape), 0.04, 10)
    softmax = model.node("Softmax", source, axis=axis)
    model.output(model.quantize(softmax, scale, zero))
    powers = np.exp((x.astype(np.float64) - 10) * 0.04)
    share = powers / powers.sum(axis=axis, keepdims=True)
    expected = np.clip(np.rint(share / float(np.float32(scale))) + zero, -128, 127)
    np.testing.assert_array_equal(model.run(x)[0], expected)


# QLinear operators


@pytest.mark.parametrize(
    "op, plain, shape, weights, attributes",
    [
        ("QLinearConv", "Conv", (1, 3, 5, 5), (4, 3, 3, 3), {"pads": [1] * 4}),
        ("QLinearMatMul", "MatMul", (2, 6), (6, 4), {}),
        ("QGemm", "Gemm", (2, 6), (4, 6), {"transB": 1}),
        ("QLinearAdd", "Add", (1, 3, 4, 4), (3, 4, 4), {}),
        ("QLinearMul", "Mul", (1, 3, 4, 4), (3, 1, 1), {}),
        (
            "QLinearAveragePool",
            "AveragePool",
            (1, 3, 4, 4),
            (),
            {"kernel_shape": [2, 2]},
        ),
        ("QLinearGlobalAveragePool", "GlobalAveragePool", (1, 3, 4, 4), (), {}),
        ("QLinearSoftmax", "Softmax", (2, 6), (), {"axis": -1}),
    ],
)
def test_qlinear_operators_equal_qdq_form(
    op: str,
    plain: str,
    shape: tuple[int, ...],
    weights: tuple[int, ...],
    attributes: dict[str, Any],
):
    bias = (
        np.array([100, -200, 300, 5], np.int32)
        if op in ("QLinearConv", "QGemm")
        else None
    )

    model = Model()
    inputs = [model.input(shape), *model.grid(X, 3, "int8")]
    if weights:
        constant = model.constant(random_bytes(2, *weights))
        inputs += [constant, *model.grid(W, 0, "int8")]
    grid = model.grid(Y, -20, "int8")
    row = () if bias is None else (model.constant(bias),)
    order = (*row, *grid) if op == "QGemm" else (*grid, *row)
    domain = "" if op in ("QLinearConv", "QLinearMatMul") else "com.microsoft"
    more = {"opset": 13} if op == "QLinearSoftmax" else {}
    model.output(model.node(op, *inputs, *order, domain=domain, **attributes, **more))

    spelled = Model()
    reals = [spelled.dequantize(spelled.input(shape), X, 3)]
    if weights:
        reals.append(spelled.weights(random_bytes(2, *weights), W))
    if bias is not None:
        reals.append(spelled.weights(bias, float(np.float32(X) * np.float32(W))))
    spelled.output(spelled.quantize(spelled.node(plain, *reals, **attributes), Y, -20))
    x = random_bytes(1, *shape)
    np.testing.assert_array_equal(model.run(x)[0], spelled.run(x)[0])
