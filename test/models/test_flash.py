"""
What a budget for flash buys: fewer cycles, with the same numbers. Estimated cycles at
zero wait states (`cycle_model.py`).

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import RunOptions, load_report, load_sets, run_directory

MODELS = Path(__file__).parents[3] / "shared" / "models"

CYCLES = {
    # Name: bytes of flash, and estimated cycles on Cortex-M4 at most.
    "mlperf_resnet8": (256 << 10, 9_900_000),
    "mltk_fingerprint_signature_generator": (16 << 10, 4_400_000),
    "wv_k8c5": (100 << 10, 3_200_000),
}

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def run(name: str, flash: int, directory: Path, target: str) -> dict[str, Any]:
    """All sets of inputs of a network, compiled with a budget for flash."""
    options = CompileOptions(target=target, flash=flash)
    network = compile_model(MODELS / "tflite" / f"{name}.tflite", options)
    network.write(directory)
    report = load_report(directory)
    assert report["flash"]["total"] <= flash
    sets = load_sets(report, None, MODELS / "reference" / f"{name}.npz")
    result = run_directory(directory, sets, None, RunOptions(check_alignment=True))
    assert result["outputs_equal"], result["first_difference"]
    assert result["faults"] == []
    return result


@pytest.mark.parametrize("name", CYCLES)
def test_cycles(name: str, tmp_path: Path):
    flash, cycles = CYCLES[name]
    assert run(name, flash, tmp_path, "cortex-m4")["cycles_estimated"] <= cycles


def test_another_core(tmp_path: Path):
    result = run("mlperf_resnet8", 256 << 10, tmp_path, "cortex-m7")
    assert result["cycles_estimated"] <= 7_500_000
