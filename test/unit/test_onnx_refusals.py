"""What the ONNX importer cannot do ends in one line that names node and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import load_model_from_string
from onnx_models import Model
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.load import load_model
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
    return model.dequantize(model.input((2, 4, 1, 1), name="gate"), 0.5)


def resize(*scales: float, **how: Any) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4, 5, 5)), 0.5)
        factors = model.constant(np.array(scales or (1, 1, 2, 2), np.float32))
        return model.node("Resize", x, "", factors, **how)

    return build


def sliced(start: int, end: int, axis: int = 1) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4, 5, 5)), 0.5)
        places = [model.constant(np.array([n])) for n in (start, end, axis)]
        return model.node("Slice", x, *places)

    return build


def gather(*indices: int) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4, 5, 5)), 0.5)
        return model.node("Gather", x, model.constant(np.array(indices)), axis=1)

    return build


def two_scales(model: Model) -> str:
    return model.weights(byte(4, 1, 1), np.full(4, 0.5, np.float32))


def wide(model: Model) -> str:
    x = model.dequantize(model.input((1, 4, 5, 5), "int16"), 0.5, 0, "int16")
    return model.node("Relu", x)


def move(op: str, array: np.ndarray, *shape: int) -> Callable[[Model], str]:
    """An operator that is told by a constant what to do."""

    def build(model: Model) -> str:
        x = model.dequantize(model.input(shape or (1, 4)), 0.5)
        return model.node(op, x, model.constant(array))

    return build


def clip_at(array: np.ndarray) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4)), 0.5)
        return model.node("Clip", x, model.constant(array))

    return build


def pad_with(real: float) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4)), 0.5)
        pads = model.constant(np.array([0, 0, 0, 1]))
        return model.node("Pad", x, pads, model.constant(np.float32(real)))

    return build


def bias_of(array: np.ndarray) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input((1, 4)), 0.5)
        weights = model.weights(byte(4, 4), 0.5)
        return model.node("Gemm", x, weights, model.constant(array))

    return build


def times_a_constant(*shape: int) -> Callable[[Model], str]:
    def build(model: Model) -> str:
        x = model.dequantize(model.input(shape), 0.5)
        return model.node("Mul", x, model.weights(byte(2, 1), 0.5))

    return build


def dequantized_twice(model: Model) -> str:
    weights = model.dequantize(model.weights(byte(4, 4), 0.5), 0.5)
    return model.node("MatMul", model.dequantize(model.input((1, 4)), 0.5), weights)


def zero_point_of_another_type(model: Model) -> str:
    return model.dequantize(model.input((1, 4)), 0.5, 128, "uint8")


def quantized_infinity(model: Model) -> str:
    model.input((1, 4))
    return model.constant(np.array([np.inf], np.float32))


def mean_of_windows(model: Model) -> str:
    x = model.dequantize(model.input((1, 1, 20000, 20001)), 0.5)
    return model.node("AveragePool", x, kernel_shape=[20000, 20000])


def huge_pads(model: Model) -> str:
    return conv(byte(4, 4, 3, 3), pads=[1 << 62] * 4)(model)


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
    "activations that are both broadcast": (
        binary("Mul", broadcast),
        'node 2 Mul "mul_2": shapes [1, 4, 5, 5] and [2, 4, 1, 1]: only one of two '
        "activations can be broadcast to the other",
    ),
    "maxima of other shapes": (
        binary("Max", lambda model: model.weights(byte(3, 1, 1), 0.5)),
        "shapes [[1, 4, 5, 5], [3, 1, 1]] cannot be broadcast",
    ),
    "interpolation": (
        resize(mode="linear"),
        "mode linear is not supported, only nearest",
    ),
    "rounding of neighbours": (
        resize(nearest_mode="round_prefer_ceil"),
        "nearest_mode round_prefer_ceil is not supported",
    ),
    "cropping": (
        resize(coordinate_transformation_mode="tf_crop_and_resize"),
        "coordinate_transformation_mode tf_crop_and_resize is not supported",
    ),
    "a resize of channels": (
        resize(1, 2, 1, 1),
        "[1, 4, 5, 5] becomes [1, 8, 5, 5]: only the height and the width may change",
    ),
    "a resize of three dimensions": (resize(1, 2, 2), "3 sizes or scales for 4"),
    "an empty slice": (sliced(3, 3), "a part of [1, 4, 5, 5] is empty"),
    "a slice along no axis": (sliced(0, 1, 7), "axis 7 of a tensor of 4 dimensions"),
    "many indices": (gather(0, 1), "2 indices into an activation, only one"),
    "an index outside": (gather(4), "an index is not in [-4, 3]"),
    "slopes of every element": (
        binary("PRelu", lambda model: model.weights(byte(4, 5, 5), 0.5)),
        "slopes of shape [4, 5, 5] for [1, 4, 5, 5], supported are one per channel",
    ),
    "slopes of reals": (
        binary("PRelu", lambda model: model.constant(np.ones((4, 1, 1), np.float32))),
        "are not int8 under DequantizeLinear of one scale",
    ),
    "division": (
        binary("Div", lambda model: model.weights(byte(4, 1, 1), 0.5)),
        "only the division by a constant number is supported",
    ),
    "the type of an activation": (unary("Cast", to=1), "only constants, of numbers"),
    "constant that is not quantized": (
        binary("Mul", lambda model: model.constant(np.ones((4, 1, 1), np.float32))),
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
    "a number that is beyond single precision": (
        binary("Mul", lambda model: model.constant(np.array(1e300))),
        "is inf in single precision",
    ),
    "a function beyond single precision": (
        lambda model: model.node("Swish", model.dequantize(model.input((4,)), 1e37)),
        "is not a number in single precision",
    ),
    "a cast of words": (
        lambda model: model.node(
            "Cast",
            model.constant(np.array(["a"], object)) + model.input((1,))[:0],
            to=1,
        ),
        "is object",
    ),
    "the largest of constants": (
        lambda model: model.node("Max", *[model.constant(np.float32(2))] * 2),
        "all inputs are constant numbers",
    ),
    "slopes of more dimensions": (
        lambda model: model.node(
            "PRelu",
            model.dequantize(model.input((4,)), 0.5),
            model.weights(byte(1, 4), 0.5),
        ),
        "slopes of shape [1, 4] for [4]",
    ),
    "sizes in words": (
        lambda model: model.node(
            "Resize",
            model.dequantize(model.input((1, 4, 5, 5)), 0.5),
            "",
            model.constant(np.array(["a"] * 4, object)),
        ),
        "expected numbers",
    ),
    "an attribute that is infinite": (
        unary("LeakyRelu", alpha=float("inf")),
        "attribute 'alpha' is not a finite number",
    ),
    "a limit that is no number": (clip_at(np.array(np.nan)), "and not NaN"),
    "limits that are none": (clip_at(np.zeros(0)), "holds 0 numbers, expected 1"),
    "a limit in words": (clip_at(np.array("6")), "expected numbers"),
    "padding with infinity": (pad_with(np.inf), "padding inf is not on the grid"),
    "padding with no number": (pad_with(np.nan), "and not NaN"),
    "a bias that is infinite": (bias_of(np.full(4, np.inf)), "are not finite"),
    "a bias that is too large": (bias_of(np.full(4, 1e308)), "do not fit into 32 bits"),
    "axes that are reals": (
        move("Unsqueeze", np.ones(1, np.float32)),
        "is float32, expected integers",
    ),
    "an axis twice": (move("Unsqueeze", np.array([1, 1])), "name a dimension twice"),
    "an axis of none": (move("Squeeze", np.array([2])), "axis 2 of a tensor of 2 dim"),
    "flattening at no axis": (unary("Flatten", axis=5), "axis 5 of a tensor of 4"),
    "softmax of no axis": (unary("Softmax", axis=-5), "axis -5 of a tensor of 4"),
    "mean of no axis": (unary("ReduceMean", axes=[4]), "axis 4 of a tensor of 4"),
    "sizes below -1": (
        move("Reshape", np.array([-2, -2])),
        "[1, 4] cannot be reshaped to [-2, -2]",
    ),
    "a size of a dimension that is not there": (
        move("Reshape", np.array([1, 4, 0])),
        "cannot be reshaped to [1, 4, 0]",
    ),
    "a constant of nothing": (
        lambda model: model.node("Constant") + model.input((1, 4))[:0],
        "expected one value",
    ),
    "a constant dequantized twice": (dequantized_twice, "does not hold integers"),
    "a zero point of another type": (
        zero_point_of_another_type,
        'zero point "constant_1" is uint8, the tensor int8',
    ),
    "a constant that is not finite": (quantized_infinity, "does not hold finite reals"),
    "a large activation times a constant": (
        times_a_constant(2, 1 << 26),
        "has 134217728 elements, at most 67108864",
    ),
    "a large window": (mean_of_windows, "has 400000000 elements, at most 67108864"),
    "huge pads": (huge_pads, "a kernel size, stride, dilation or pad is above"),
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


def test_input_of_two_to_the_forty():
    model = Model()
    x = model.dequantize(model.input((1, 1 << 40)), 0.5)
    model.output(model.quantize(x, 0.5))
    with pytest.raises(DiagnosticException, match=r'input "x": .* at most 2147483647'):
        model.imported()


@pytest.mark.parametrize("shape", [(1, -2), (-2, -3), (1, 0)])
def test_input_of_less_than_nothing(shape: tuple[int, ...]):
    model = Model()
    x = model.dequantize(model.input(shape), 0.5)
    model.output(model.quantize(x, 0.5))
    with pytest.raises(DiagnosticException, match="every dimension but the first"):
        model.imported()


def test_input_that_is_no_tensor():
    model = small()
    model.inputs[0].type.Clear()
    model.inputs[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    with pytest.raises(DiagnosticException, match='input "x" is not a tensor'):
        import_without_checker(model)


def test_node_without_outputs():
    model = small()
    del model.nodes[0].output[:]
    with pytest.raises(DiagnosticException, match="the first output has no name"):
        import_without_checker(model)


def test_no_version_of_the_standard_operators():
    """Operators of another domain may be all that there are."""
    model = load_model_from_string(small().bytes)
    del model.opset_import[0]
    graph_of(model)


def test_name_of_two_lines():
    model = small()
    model.nodes[0].name = "a\nb"
    with pytest.raises(DiagnosticException, match="has control characters"):
        model.imported()


def test_name_that_is_not_text():
    data = small().bytes.replace(b"dequantizelinear_0", b"dequantizelinear_\xff")
    with pytest.raises(DiagnosticException) as caught:
        import_onnx(data, "net")
    assert "invalid ONNX" in str(caught.value)


def test_very_long_name(tmp_path: Path):
    """The start and the end of a message are what says something."""
    model = small()
    model.nodes[0].name = "n" * 5000
    model.nodes[0].op_type = "Erf"
    path = tmp_path / "long.onnx"
    path.write_bytes(model.bytes)
    with pytest.raises(DiagnosticException) as caught:
        load_model(path)
    assert len(str(caught.value)) < 1000


def small() -> Model:
    model = Model()
    x = model.dequantize(model.input((1, 4)), 0.5)
    model.output(model.quantize(x, 0.25))
    return model


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
