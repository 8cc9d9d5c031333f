"""ONNX models: movements of elements, boundaries, whole networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import (
    Model,
    W,
    X,
    Y,
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


@pytest.mark.parametrize("name", ["mom_micro_kws_m_qop", "mom_micro_kws_m_qdq"])
def test_micro_kws_equals_onnxruntime(name: str):
    outputs, expected = run_shared(name)
    np.testing.assert_array_equal(outputs, expected)


def run_shared(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Our outputs and those of onnxruntime for a model beside the project."""
    path = SHARED / "onnx" / f"{name}.onnx"
    if not path.exists():
        pytest.skip("../shared/models is not there")
    module = import_onnx(path.read_bytes(), "net")
    module.verify()
    with np.load(SHARED / "reference" / f"{name}.npz") as data:
        inputs, expected = data["inputs"], data["ort_noopt_outputs"]
    return np.stack([run_network(module, [x])[0] for x in inputs]), expected
