"""`tinyml quantize model.pt2`: files in, files out, and one line for what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from torch_models import nn, random_runs, seeded, torch

from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network

# PyTorch's warnings about itself.
pytestmark = pytest.mark.filterwarnings("ignore")

SHAPE = (1, 3, 6, 7)


@pytest.fixture
def cli(cli: Cli, capfd: pytest.CaptureFixture[str]) -> Cli:
    """The command line, in a directory with a program of floats and its calibration."""
    model = seeded(
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(16, 3)),
        )
    )
    save(model, "float.pt2")
    np.savez("sets.npz", inputs=np.stack(random_runs(SHAPE)))
    capfd.readouterr()
    return cli


def save(model: Any, name: str) -> None:
    program = torch.export.export(model, (torch.zeros(SHAPE),))
    torch.export.save(program, name)


def quantize(cli: Cli, *changes: str):
    """`tinyml quantize` of the program, with other arguments where they are given."""
    given = dict(zip(changes[::2], changes[1::2], strict=True))
    options = {"--calibration": "sets.npz", "-o": "int8.pt2"} | given
    model = options.pop("model", "float.pt2")
    return cli(
        "tinyml", "quantize", model, *(x for pair in options.items() for x in pair)
    )


def test_from_floats_to_a_run(cli: Cli):
    """Quantize, compile, run: what PyTorch computes with the quantized program."""
    assert quantize(cli, "--reference", "told.npz") == (0, "", "")
    with np.load("told.npz") as file:
        inputs, expected = file["inputs"], file["torch_outputs"]
    found = np.stack(
        [run_network(load_model(Path("int8.pt2")), [x])[0] for x in inputs]
    )
    np.testing.assert_array_equal(found, expected)
    options = ("-o", "out", "--target", "host", "--reference", "told.npz")
    told = cli("tinyml", "compile", "int8.pt2", *options)
    assert told.status == 0
    assert told.err == ""
    assert "outputs equal on 12 sets" in told.out


@pytest.mark.parametrize(
    "sets, reason",
    [
        (
            np.zeros((2, 1, 3, 6, 6), np.float32),
            "float32 (2, 1, 3, 6, 6), expected sets",
        ),
        (np.zeros((2, *SHAPE)), "is float64 (2, 1, 3, 6, 7), expected sets of float32"),
        (np.zeros((0, *SHAPE), np.float32), "calibration needs at least one run"),
    ],
)
def test_calibration_that_does_not_fit(cli: Cli, sets: np.ndarray, reason: str):
    np.savez("wrong.npz", inputs=sets)
    is_refusal(quantize(cli, "--calibration", "wrong.npz"), "float.pt2: ", reason)
    assert not Path("int8.pt2").exists()


def test_number_of_calibration_arrays(cli: Cli):
    np.savez("wrong.npz", other=np.zeros((2, *SHAPE), np.float32))
    told = quantize(cli, "--calibration", "wrong.npz")
    is_refusal(told, "float.pt2: 0 calibration arrays, the program has 1 inputs")


def test_files(cli: Cli):
    is_refusal(quantize(cli, "model", "gone.pt2"), "gone.pt2: No such file")
    is_refusal(quantize(cli, "model", "sets.npz", "-o", "int8.npz"), "are .onnx, .pt2")
    is_refusal(quantize(cli, "-o", "int8.onnx"), "-o int8.onnx: expected a .pt2 file")
    Path("text.pt2").write_text("not a network\n")
    is_refusal(quantize(cli, "model", "text.pt2"), "text.pt2: not an exported program")
    assert quantize(cli) == (0, "", "")
    told = quantize(cli, "model", "int8.pt2")
    is_refusal(told, "int8.pt2: the program is quantized already")
    is_refusal(
        cli("tinyml", "import", "float.pt2"), "is not quantized", "tinyml quantize"
    )
