"""
Quantized ONNX networks, operator by operator: equal to ONNX's own reference and to
onnxruntime, interpreted and as C on this machine.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from host_library import HostLibrary
from networks import lower
from onnx import load_model_from_string, reference
from onnx_models import Model, random_bytes
from onnx_networks import NETWORKS, RUNTIME_ONLY

from tinyml.frontend.quantize_onnx import run_onnx

has_runtime = find_spec("onnxruntime") is not None


def built(name: str) -> tuple[Model, list[list[np.ndarray]]]:
    """A network and three sets of inputs."""
    model = Model(opset=19)
    NETWORKS[name](model)
    runs: list[list[np.ndarray]] = []
    for seed in range(3):
        shapes = [
            [d.dim_value for d in info.type.tensor_type.shape.dim]
            for info in model.inputs
        ]
        runs.append([random_bytes(seed + 7 * i, *s) for i, s in enumerate(shapes)])
    return model, runs


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in RUNTIME_ONLY])
def test_equals_the_reference(name: str):
    model, runs = built(name)
    # Its types are not declared.
    evaluator: Any = reference.ReferenceEvaluator(load_model_from_string(model.bytes))
    names = [info.name for info in model.inputs]
    for arrays in runs:
        expected = evaluator.run(None, dict(zip(names, arrays, strict=True)))
        for found, wanted in zip(model.run(*arrays), expected, strict=True):
            np.testing.assert_array_equal(found, wanted, strict=True)


@pytest.mark.skipif(not has_runtime, reason="onnxruntime is not installed")
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_onnxruntime(tmp_path: Path, name: str):
    model, runs = built(name)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.bytes)
    inputs = [np.stack(arrays) for arrays in zip(*runs, strict=True)]
    expected = run_onnx(path, inputs)
    for i, arrays in enumerate(runs):
        for found, wanted in zip(model.run(*arrays), expected, strict=True):
            np.testing.assert_array_equal(found, wanted[i], strict=True)


def test_c(tmp_path: Path):
    networks = {f"net_{i}": built(name) for i, name in enumerate(NETWORKS)}
    lowered = {
        name: lower(model.imported(), "@default")
        for name, (model, _) in networks.items()
    }
    library = HostLibrary(lowered, tmp_path)
    for name, (model, runs) in networks.items():
        for arrays in runs:
            for found, wanted in zip(library.run(name, arrays), model.run(*arrays)):
                np.testing.assert_array_equal(found, wanted, name, strict=True)
