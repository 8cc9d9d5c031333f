"""Float ONNX models become int8 ones, which compile and compute what onnxruntime does."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.load import load_model
from tinyml.frontend.quantize_onnx import MISSING, quantize_onnx, run_onnx
from tinyml.interp.run import run_network

has_runtime = find_spec("onnxruntime") is not None


def float_model(path: Path, opset: int) -> Path:
    """A convolution with a Relu and a fully connected layer, seeded."""
    draw = np.random.default_rng(0)
    filter = draw.normal(size=(4, 2, 3, 3)).astype(np.float32)
    weights = draw.normal(size=(4 * 6 * 6, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "filter"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Flatten", ["r"], ["f"]),
            helper.make_node("Gemm", ["f", "weights"], ["y"]),
        ],
        "float",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 6, 6])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(filter, "filter"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def calibration() -> list[np.ndarray]:
    draw = np.random.default_rng(1)
    return [draw.normal(size=(16, 1, 2, 6, 6)).astype(np.float32)]


@pytest.mark.skipif(has_runtime, reason="onnxruntime is installed")
def test_missing_runtime(tmp_path: Path):
    model = float_model(tmp_path / "float.onnx", 13)
    with pytest.raises(DiagnosticException, match="onnxruntime is not installed"):
        quantize_onnx(model, calibration(), tmp_path / "int8.onnx")
    assert "pip install" in MISSING
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.skipif(not has_runtime, reason="onnxruntime is not installed")
@pytest.mark.parametrize("opset", [11, 13])
def test_quantized_model_computes_what_onnxruntime_does(tmp_path: Path, opset: int):
    model = float_model(tmp_path / "float.onnx", opset)
    inputs, output = calibration(), tmp_path / "int8.onnx"
    quantize_onnx(model, inputs, output)
    expected = run_onnx(output, inputs)[0]
    module = load_model(output)
    got = np.stack([run_network(module, [x])[0] for x in inputs[0]])
    np.testing.assert_array_equal(got, expected)


def residual_model(path: Path) -> Path:
    """Convolutions of all kinds around a sum, a pool, a matrix and a softmax, seeded."""
    draw = np.random.default_rng(5)
    constants = {
        "stem": (16, 3, 3, 3),
        "depth": (16, 1, 3, 3),
        "point": (16, 16, 1, 1),
        "bias": (16,),
        "weights": (16, 10),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem", "bias"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "depth"], ["c"], group=16, pads=[1] * 4),
        helper.make_node("Conv", ["c", "point", "bias"], ["d"]),
        helper.make_node("Add", ["d", "b"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "weights"], ["h"]),
        helper.make_node("Softmax", ["h"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 24, 24])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 10])],
        [
            numpy_helper.from_array(draw.normal(size=size).astype(np.float32), name)
            for name, size in constants.items()
        ],
    )
    imports = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def with_all_outputs(path: Path) -> list[str]:
    """Makes every tensor of a model an output; returns their names by node."""
    model = onnx.ModelProto.FromString(path.read_bytes())
    names = [node.output[0] for node in model.graph.node]
    for name in names[:-1]:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    path.write_bytes(model.SerializeToString())
    return names


@pytest.mark.skipif(not has_runtime, reason="onnxruntime is not installed")
def test_every_layer_computes_what_onnxruntime_does(tmp_path: Path):
    """Some 300,000 elements: rounding once would put about one on the other side."""
    inputs = [np.random.default_rng(6).normal(size=(8, 1, 3, 24, 24)).astype("f")]
    output = tmp_path / "int8.onnx"
    quantize_onnx(residual_model(tmp_path / "float.onnx"), inputs, output)
    module = load_model(output)
    names = with_all_outputs(output)
    model = onnx.ModelProto.FromString(output.read_bytes())
    kinds = {node.op_type for node in model.graph.node}
    assert {"QLinearConv", "QLinearAdd", "QLinearGlobalAveragePool", "QGemm"} < kinds
    expected = dict(
        zip([names[-1], *names[:-1]], run_onnx(output, inputs), strict=True)
    )
    for number, x in enumerate(inputs[0]):
        compared: set[int] = set()

        def compare(op: Any, array: np.ndarray):
            if op.name in ("tinyml.quantize", "tinyml.transpose"):
                return  # not yet in the layout of the layers
            index = op.attributes["tinyml.index"].value.data
            wanted = expected[names[index]][number]
            if wanted.ndim == 4:
                wanted = wanted.transpose(0, 2, 3, 1)
            np.testing.assert_array_equal(array.ravel(), wanted.ravel())
            compared.add(index)

        run_network(module, [x], compare)
        assert len(compared) >= 8


@pytest.mark.skipif(not has_runtime, reason="onnxruntime is not installed")
def test_calibration_of_another_shape(tmp_path: Path):
    model = float_model(tmp_path / "float.onnx", 13)
    wrong = [np.zeros((2, 1, 2, 5, 5), np.float32)]
    with pytest.raises(DiagnosticException, match="expected sets of float32"):
        quantize_onnx(model, wrong, tmp_path / "int8.onnx")
