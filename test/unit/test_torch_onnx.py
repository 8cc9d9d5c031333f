"""
PyTorch's ONNX exporter: programs that PT2E quantized and floats that onnxruntime
quantizes, from the zoo to C, compared with onnxruntime.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from exact_layers import Followed, follow
from torch_exact import differing, evaluate
from torch_models import (
    NETWORKS,
    converted,
    nn,
    others_quantizer,
    random_runs,
    seeded,
    torch,
)
from torch_zoo import drawn, quantized

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import InputSets, LayerChecks, RunOptions, run_directory
from tinyml.frontend.load import load_model
from tinyml.frontend.quantize_onnx import quantize_onnx, run_onnx
from tinyml.frontend.torch import import_program, quantize
from tinyml.interp.run import run_network

pytest.importorskip("onnxruntime", reason="onnxruntime is not here")
pytest.importorskip("onnxscript", reason="PyTorch's exporter needs onnxscript")

# PyTorch's warnings about itself.
pytestmark = pytest.mark.filterwarnings("ignore")


def export(model: Any, x: np.ndarray, path: Path) -> Path:
    """Writes a module or program as PyTorch's exporter spells it."""
    arguments = (torch.as_tensor(x),)
    torch.onnx.export(model, arguments, dynamo=True, verbose=False).save(path)
    return path


def run(path: Path, folder: Path, sets: InputSets, target: str) -> dict[str, Any]:
    """Compiles a model and runs it, every output compared."""
    compile_model(path, CompileOptions(target)).write(folder)
    return run_directory(folder, sets, None, RunOptions(measure=False))


# Whole networks


def test_mobilenetv2_after_pt2e(tmp_path: Path):
    """
    The C of the exported graph is exact on every tensor, and equal on a core;
    onnxruntime differs from it next to ties only.
    """
    program = quantized("mobilenetv2")
    inputs = drawn("mobilenetv2", 2, 2)[1]
    path = export(program, inputs[0], tmp_path / "mobilenetv2.onnx")
    module = load_model(path)
    layer_of = rounded_tensors(path)
    evaluations = [evaluate(program, x) for x in inputs]
    runs: list[Followed] = []
    for x, evaluation in zip(inputs, evaluations, strict=True):
        assert evaluation.rounded.keys() == layer_of.keys()
        exact = {k: v.numbers for k, v in evaluation.rounded.items()}
        followed = follow(module, x, by_layer(layer_of, exact))
        assert followed.differences == []
        runs.append(followed)
    sets = InputSets(
        [np.stack(inputs)], [np.stack([e.outputs[0] for e in evaluations])]
    )
    compile_model(path, CompileOptions("host", pipeline="@reference")).write(tmp_path)
    checks = LayerChecks("position", [run.checksums for run in runs])
    result = run_directory(tmp_path, sets, checks, RunOptions(measure=False))
    assert result["first_difference"] is None
    assert result["outputs_equal"]
    assert result["layers_equal"]
    result = run(path, tmp_path / "core", sets.first(1), "cortex-m4")
    assert result["outputs_equal"]
    for x in inputs:
        told = quantized_tensors(path, x, list(layer_of))
        evaluation = evaluate(program, x, told)
        exact = {k: v.numbers for k, v in evaluation.rounded.items()}
        layers = by_layer(layer_of, exact), by_layer(layer_of, told)
        assert follow(module, x, *layers).differences == []
        print("onnxruntime:", differing(evaluation, told))


def read(path: Path) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(path.read_bytes())


def rounded_tensors(path: Path) -> dict[str, str]:
    """What a QuantizeLinear makes to the name of the layer that makes it."""
    model = read(path)
    inputs = {info.name for info in model.graph.input}
    found: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            source, result = node.input[0], node.output[0]
            found[result] = result if source in inputs else source
    return found


def by_layer(
    layer_of: Mapping[str, str], tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    return {layer_of[name]: array for name, array in tensors.items()}


def quantized_tensors(
    path: Path, x: np.ndarray, names: list[str]
) -> dict[str, np.ndarray]:
    """These tensors as onnxruntime computes them."""
    model = read(path)
    del model.graph.output[:]
    for name in names:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    every = path.with_suffix(".every.onnx")
    every.write_bytes(model.SerializeToString())
    arrays = run_onnx(every, [x[None]])
    return {name: array[0] for name, array in zip(names, arrays, strict=True)}


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_resnet8_of_floats(target: str, tmp_path: Path):
    """Exported, quantized by onnxruntime, compiled: equal on every output."""
    model, inputs = drawn("resnet8", 5, 1)
    path = export(model, inputs[0], tmp_path / "float.onnx")
    small = tmp_path / "resnet8.onnx"
    arrays = [np.stack(inputs)]
    quantize_onnx(path, arrays, small)
    sets = InputSets(arrays, run_onnx(small, arrays))
    result = run(small, tmp_path, sets, target)
    assert result["first_difference"] is None
    assert result["outputs_equal"]


# Spellings


@pytest.mark.parametrize("name", NETWORKS)
def test_export_is_the_program(name: str, tmp_path: Path):
    """The exported graph is the network that the program is."""
    make, shape = NETWORKS[name]
    runs = random_runs(shape)
    program = quantize(seeded(make), [[x] for x in runs])
    module = load_model(export(program, runs[0], tmp_path / "net.onnx"))
    expected = import_program(program)
    for x in runs:
        found, wanted = run_network(module, [x])[0], run_network(expected, [x])[0]
        np.testing.assert_array_equal(found, wanted, strict=True)


@pytest.mark.parametrize("per_channel, unsigned", [(True, False), (False, True)])
@pytest.mark.parametrize("fold", [True, False])
def test_export_of_other_quantizers(
    per_channel: bool, unsigned: bool, fold: bool, tmp_path: Path
):
    """Biases of floats, unsigned bytes, weights of floats that the graph quantizes."""
    runs = random_runs((1, 3, 8, 8))
    model = seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    )
    program = converted(model, others_quantizer(per_channel, unsigned), runs, fold)
    module = load_model(export(program, runs[0], tmp_path / "net.onnx"))
    expected = import_program(program)
    for x in runs:
        found, wanted = run_network(module, [x])[0], run_network(expected, [x])[0]
        np.testing.assert_array_equal(found, wanted, strict=True)
