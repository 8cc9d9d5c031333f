"""What the ONNX importer cannot do ends in one line that names node and reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import load_model_from_string
from onnx_models import Model
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.onnx import import_onnx
from tinyml.frontend.onnx_graph import graph_of
from tinyml.frontend.qdq import translate


def byte(*shape: int) -> np.ndarray:
    return np.ones(shape, np.int8)


def conv(weights: np.ndarray, **attributes: Any) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4, 5, 5)), 0.5)
        return model.node("Conv", x, model.weights(weights, 0.5), **attributes)

    return build


def unary(op: str, *shape: int, **attributes: Any) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input(shape or (1, 4, 5, 5)), 0.5)
        return model.node(op, x, **attributes)

    return build


def matmul(weights: np.ndarray, scale: Any, zero: int = 0, **how: Any):
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4)), 0.5)
        op = "Gemm" if how else "MatMul"
        return model.node(op, x, model.weights(weights, scale, zero, 0), **how)

    return build


def binary(op: str, second: Callable[[Model], str]) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4, 5, 5)), 0.5)
        return model.node(op, x, second(model))

    return build


def unquantized(model: Model) -> str:
    x = model.dequantize(model.input((1, 4)), 0.5)
    first = model.node("MatMul", x, model.weights(byte(4, 4), 0.5))
    return model.node("MatMul", first, model.weights(byte(4, 4), 0.5))


def activation_as_weights(model: Model) -> str:
    x = model.dequantize(model.input((4, 4)), 0.5)
    return model.node("MatMul", x, x)


def broadcast(model: Model) -> str:
    return model.dequantize(model.input((1, 4, 1, 1), name="gate"), 0.5)


def two_scales(model: Model) -> str:
    return model.weights(byte(4, 1, 1), np.full(4, 0.5, np.float32))


def wide(model: Model) -> str:
    x = model.dequantize(model.input((1, 4, 5, 5), "int16"), 0.5, 0, "int16")
    return model.node("Relu", x)


REFUSED: dict[str, tuple[Callable[[Model], str], str]] = {
    "unknown operator": (
        unary("Erf"),
        'node 1 Erf "erf_1": the operator is not supported; supported are Add,',
    ),
    "groups that do not divide": (
        conv(byte(3, 2, 3, 3), group=2),
        'node 2 Conv "conv_2": group 2 with 4 input channels does not fit weights '
        "[3, 2, 3, 3]",
    ),
    "weights of another group": (
        conv(byte(4, 4, 3, 3), group=2),
        "group 2 with 4 input channels does not fit weights [4, 4, 3, 3]",
    ),
    "weights of another dimension": (
        conv(byte(4, 4, 3)),
        "input [1, 4, 5, 5], weights [4, 4, 3]: only 1-D and 2-D convolution",
    ),
    "strides of another dimension": (
        conv(byte(4, 4, 3, 3), strides=[1]),
        "strides [1], dilations [1, 1] do not fit an input of two dimensions",
    ),
    "window does not fit": (
        conv(byte(4, 4, 7, 7)),
        "a window of 7 does not fit into 5 with pads [0, 0]",
    ),
    "weights with a zero point": (
        matmul(byte(4, 4), 0.5, 3),
        'node 2 MatMul "matmul_2": weights "constant_2" are int8 with zero points [3], '
        "supported are int8 with 0 and uint8 with 128",
    ),
    "weights with scales along their inputs": (
        matmul(byte(4, 4), np.full(4, 0.5, np.float32)),
        "are quantized along axis 0, supported is axis 1 (the output channels)",
    ),
    "transposed input": (matmul(byte(4, 4), 0.5, transA=1), "only transA 0"),
    "scaled product": (matmul(byte(4, 4), 0.5, alpha=2.0), "only alpha 1 and beta 1"),
    "product of activations": (
        activation_as_weights,
        'node 1 MatMul "matmul_1": input "dequantizelinear_0_out" is not constant',
    ),
    "shapes that do not match": (
        matmul(byte(5, 4), 0.5),
        "input [1, 4] does not match weights [5, 4]",
    ),
    "no QuantizeLinear between": (
        unquantized,
        'node 4 MatMul "matmul_4": input "matmul_2_out" is not quantized, expected '
        "QuantizeLinear and DequantizeLinear between the two operators",
    ),
    "broadcast activation": (
        binary("Mul", broadcast),
        'node 2 Mul "mul_2": shapes [1, 4, 5, 5] and [1, 4, 1, 1]: broadcasting of '
        "activations is not supported",
    ),
    "constant that is not quantized": (
        binary("Mul", lambda model: model.constant(np.float32(2))),
        'constant "constant_2" is not int8 under DequantizeLinear',
    ),
    "constant of several scales": (binary("Add", two_scales), "has 4 scales, not 1"),
    "means over fewer elements": (
        unary("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        "only count_include_pad 1 without ceil_mode",
    ),
    "an attribute that nobody knows": (
        unary("MaxPool", kernel_shape=[2, 2], storage_order=2, strange=1),
        "attribute 'strange' is not supported, only auto_pad, dilations",
    ),
    "mean over everything": (unary("ReduceMean"), "axes are missing"),
    "bad reshape": (
        lambda model: model.node(
            "Reshape",
            model.dequantize(model.input((1, 4)), 0.5),
            model.constant(np.array([3, -1])),
        ),
        "[1, 4] cannot be reshaped to [3, -1]",
    ),
    "16-bit activations": (wide, 'input "x" is int16, supported are float32, int8'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusal(case: str):
    build, reason = REFUSED[case]
    model = Model()
    model.output(model.quantize(build(model), 0.5))
    with pytest.raises(DiagnosticException) as caught:
        import_without_checker(model)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def import_without_checker(model: Model) -> None:
    """Some of these models are not valid ONNX; the importer must not rely on that."""
    translate(graph_of(load_model_from_string(model.bytes)), "net")


def test_output_without_quantization():
    model = Model()
    model.output(unary("Relu")(model), "float32")
    with pytest.raises(DiagnosticException, match='output "relu_1_out" is not a quant'):
        model.imported()


def test_dynamic_shape():
    model = Model()
    x = model.dequantize(model.input(("N", 4, "H", 5)), 0.5)
    model.output(model.quantize(x, 0.5))
    with pytest.raises(DiagnosticException, match=r"the shape \['N', 4, 'H', 5\]"):
        model.imported()


def test_old_opset():
    model = Model(opset=10)
    model.output(model.quantize(model.dequantize(model.input((1, 4)), 0.5), 0.5))
    with pytest.raises(DiagnosticException, match="opset 10, supported are 11"):
        model.imported()


@pytest.mark.parametrize("data", [b"", b"TFL3 or so", bytes(range(256))])
def test_not_a_model(data: bytes):
    with pytest.raises(DiagnosticException) as caught:
        import_onnx(data, "net")
    assert "\n" not in str(caught.value)


def test_damaged_model():
    """Cut off anywhere, a model is refused."""
    model = Model()
    model.output(model.quantize(unary("Relu")(model), 0.5))
    for length in range(0, len(model.bytes), 7):
        with pytest.raises(DiagnosticException):
            import_onnx(model.bytes[:length], "net")
