"""
Real networks that ask for their input, in stages of rows, pixels and strips.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import (
    InputSets,
    RunOptions,
    interpreted,
    load_report,
    load_sets,
    run_directory,
)
from tinyml.passes.pipelines import FOLDING, IN_PLACE, LOWERING

MODELS = Path(__file__).parents[3] / "shared" / "models"

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def staged(stage: str) -> str:
    return f"{FOLDING},tinyml-select-kernels,{stage},{IN_PLACE},{LOWERING}"


@pytest.mark.parametrize(
    "mode, stage, held, repeated",
    [
        ("callback", "tinyml-stream{layers=7}", 3 * 80 * 3, 0),
        ("stream", "tinyml-stream{layers=7 block=2}", 3 * 80 * 3, 0),
        # Strips share seven columns.
        ("callback", "tinyml-stream{layers=7 columns=2}", 3 * 45 * 3, 80 * 7),
    ],
)
def test_te_vww(mode: str, stage: str, held: int, repeated: int, tmp_path: Path):
    options = CompileOptions(
        "cortex-m4", pipeline=staged(stage), quantized_io=True, input=mode
    )
    compile_model(MODELS / "tflite" / "te_vww.tflite", options).write(tmp_path)
    report = load_report(tmp_path)
    assert report["ram"]["input"] == held
    sets = load_sets(report, None, None)
    told, layers = interpreted(tmp_path, sets)
    result = run_directory(tmp_path, told, layers, RunOptions("unicorn"))
    assert result["outputs_equal"]
    assert result["layers_equal"]
    assert result["layers_compared"] > 30
    assert result["faults"] == []
    assert result["arena_high_water"] <= report["ram"]["arena"]
    requests = result["input_requests"]
    assert requests["pixels"] == 80 * 80 + repeated
    assert requests["repeated_pixels"] == repeated
    if not repeated:
        assert requests["calls"] == 80


def test_unsigned_bytes_at_the_boundary(tmp_path: Path):
    """The first layer after the image changes it from unsigned to signed bytes."""
    name = "coral_mbv2_10_224_i8"
    stage = "tinyml-stream{layers=5 block=2}"
    options = CompileOptions("host", pipeline=staged(stage), input="stream")
    compile_model(MODELS / "tflite" / f"{name}.tflite", options).write(tmp_path)
    report = load_report(tmp_path)
    (port,) = report["inputs"]
    assert (port["type"], port["mode"], port["at"]) == ("uint8", "stream", None)
    assert report["ram"]["input"] == 224 * 3
    sets: InputSets = load_sets(report, None, MODELS / "reference" / f"{name}.npz")
    result = run_directory(tmp_path, sets.first(2), None, RunOptions("host"))
    assert result["outputs_equal"]
    requests = {"calls": 224, "pixels": 224 * 224, "repeated_pixels": 0}
    assert result["input_requests"] == requests
