"""
The fronts of real networks: each point compiles to just its bytes and its work, and
computes what TFLite Micro does.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.pareto import ParetoFront, ParetoOptions, Point, pareto
from tinyml.backend.runner import RunOptions, load_report, load_sets, run_directory

MODELS = Path(__file__).parents[3] / "shared" / "models"

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def front(name: str) -> ParetoFront:
    path = MODELS / "tflite" / f"{name}.tflite"
    return pareto(path, ParetoOptions(input="callback"))


def run(name: str, point: Point, target: str, sets: int, folder: Path) -> Any:
    """A point as compiled, and as run on the first sets."""
    options = CompileOptions(target=target, stages=point.plan, input="callback")
    compile_model(MODELS / "tflite" / f"{name}.tflite", options).write(folder)
    report = load_report(folder)
    assert report["ram"]["arena"] == point.arena
    assert report["macs"] == point.macs
    told = load_sets(report, None, MODELS / "reference" / f"{name}.npz").first(sets)
    result = run_directory(folder, told, None, RunOptions())
    assert result["faults"] == []
    assert result["outputs_equal"], result["first_difference"]
    return result


@pytest.mark.parametrize(
    "name, least, plain",
    [("mlperf_vww_mbv1_96", 7_828, 11_344), ("mlperf_resnet8", 6_812, 10_144)],
)
def test_all_points_on_the_core(name: str, least: int, plain: int, tmp_path: Path):
    """Down to the last byte of the arena."""
    found = front(name)
    assert found.points[0].arena <= least
    assert found.points[-1].arena <= plain
    assert found.points[-1].macs == found.layer_by_layer.macs
    for number, point in enumerate(found.points):
        result = run(name, point, "cortex-m4", 1, tmp_path / str(number))
        assert result["arena_high_water"] == point.arena


def test_all_points_of_mobilenetv2(tmp_path: Path):
    """MCUNetV2 has 172 kB with 10 % more work; X-CUBE-AI 1727 KiB with none."""
    name = "coral_mbv2_10_224_i8"
    found = front(name)
    assert len(found.points) >= 8
    assert found.points[0].arena <= 38_688
    assert found.points[-1].arena <= 89_816
    assert found.points[-1].macs == found.layer_by_layer.macs
    assert found.extra(found.points[0]) < 11
    for number, point in enumerate(found.points):
        run(name, point, "host", 1, tmp_path / str(number))


def test_fronts_without_extra_work():
    """
    What others need: of mcunet_in3 TinyEngine 260 kB and vMCU 102.7 kB; of te_vww
    msf-CNN 15.4 kB with twice the work.
    """
    for name, most in (("mcunet_in3", 52_200), ("te_vww", 12_784)):
        path = MODELS / "tflite" / f"{name}.tflite"
        found = pareto(path, ParetoOptions(True, "callback", 0))
        (point,) = found.points
        assert point.arena <= most
        assert point.macs == found.layer_by_layer.macs
