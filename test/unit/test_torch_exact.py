"""
Networks of the zoo, quantized with PT2E: the C computes what the program means, on every
tensor and without tolerance, and PyTorch itself next to ties only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_layers import Followed, follow
from torch_exact import Evaluation, differing, evaluate, run_program
from torch_models import converted, torch
from torch_zoo import drawn, quantized
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import InputSets, LayerChecks, RunOptions, run_directory
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.torch import import_program

# PyTorch's warnings about itself.
pytestmark = pytest.mark.filterwarnings("ignore")

NETWORKS = ["autoencoder", "dscnn", "mobilenetv2", "resnet8"]
SETS = 3


def followed(
    module: ModuleOp,
    x: np.ndarray,
    evaluation: Evaluation,
    given: Mapping[str, np.ndarray] | None = None,
) -> Followed:
    """
    A run of the network. A layer has the name of what it rounds, the first the name of
    its `quantize`.
    """
    names = {node: item.source for node, item in evaluation.rounded.items()}
    exact = {node: item.numbers for node, item in evaluation.rounded.items()}

    def by_layer(numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {n: numbers[node] for node in names for n in (node, names[node])}

    return follow(module, x, by_layer(exact), by_layer(given or exact))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_the_c_is_exact(name: str, tmp_path: Path):
    """From a file to C on this machine, against the program in double precision."""
    program = quantized(name)
    path = tmp_path / f"{name}.pt2"
    torch.export.save(program, path)
    options = CompileOptions("host", pipeline="@reference")
    compile_model(path, options).write(tmp_path)
    module = import_program(program)
    _, inputs = drawn(name, SETS, 2)
    evaluations = [evaluate(program, x) for x in inputs]
    runs = [followed(module, x, e) for x, e in zip(inputs, evaluations)]
    assert [run.differences for run in runs] == [[]] * SETS
    outputs = np.stack([evaluation.outputs[0] for evaluation in evaluations])
    result = run_directory(
        tmp_path,
        InputSets([np.stack(inputs)], [outputs]),
        LayerChecks("position", [run.checksums for run in runs]),
        RunOptions(measure=False),
    )
    assert result["first_difference"] is None
    assert result["outputs_equal"]
    assert result["layers_equal"]
    assert result["layers_compared"] == len(layers(network_function(module)))


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_differs_next_to_ties(name: str):
    differs_next_to_ties(name, quantized(name))


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet8"])
def test_pytorch_differs_next_to_ties_with_biases_of_floats(name: str):
    """What the rounding of a bias takes is part of the bound."""
    xnnpack: Any = pytest.importorskip("torchao.testing.pt2e._xnnpack_quantizer")
    config = xnnpack.get_symmetric_quantization_config(is_per_channel=True)
    model, runs = drawn(name, 8, 1)
    quantizer = xnnpack.XNNPACKQuantizer().set_global(config)
    differs_next_to_ties(name, converted(model, quantizer, runs))


def differs_next_to_ties(name: str, program: Any) -> None:
    """
    Layer by layer on PyTorch's own inputs: our integers are the exact ones; PyTorch's
    are others only by one step, and only where a tie lies within the bound that
    `torch_exact` derives.
    """
    module = import_program(program)
    for x in drawn(name, SETS, 2)[1]:
        told = run_program(program, x)
        evaluation = evaluate(program, x, told)
        assert followed(module, x, evaluation, told).differences == []
        print(f"{name}:", differing(evaluation, told))
