"""
The arenas of real networks: as small as whole layers allow, and what the core writes.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import RunOptions, load_report, load_sets, run_directory
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.load import load_model
from tinyml.passes.geometry import grid_work, largest_tiles, whole_work
from tinyml.passes.stage_graph import spatial_prefix, stage_graph

MODELS = Path(__file__).parents[3] / "shared" / "models"
KIB = 1024

ARENAS = {
    "mlperf_ad01": 768,
    "mlperf_kws_dscnn": 8_500,
    "mlperf_resnet8": 33_600,
    "mlperf_vww_mbv1_96": 37_200,
    "mcunet_in3": 185 * KIB,
    "coral_mbv2_10_224_i8": 1178 * KIB,
}
"""
The most bytes that the arena may have, layer by layer, input and output included. The
most that is alive at a layer, with nothing shared, is 768, 16,000, 49,152, 55,296,
340,736 and 1,505,280.
"""

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def compiled(name: str, folder: Path, quantized_io: bool = False) -> dict[str, Any]:
    options = CompileOptions(objective="ram", stages="off", quantized_io=quantized_io)
    compile_model(MODELS / "tflite" / f"{name}.tflite", options).write(folder)
    return load_report(folder)


def assert_exact(report: dict[str, Any], result: dict[str, Any]):
    """The arena that was planned, linked, and written to its last byte."""
    assert result["faults"] == []
    assert result["arena_high_water"] == report["ram"]["arena"]
    assert result["arena_holes"] == report["holes"]


@pytest.mark.parametrize("name", ARENAS)
def test_arena(name: str, tmp_path: Path):
    report = compiled(name, tmp_path)
    assert report["lower_bound"] <= report["ram"]["arena"] <= ARENAS[name]
    sets = load_sets(report, None, MODELS / "reference" / f"{name}.npz").first(2)
    result = run_directory(tmp_path, sets, None, RunOptions())
    assert result["outputs_equal"], result["first_difference"]
    assert_exact(report, result)


def test_arena_of_a_quantized_boundary(tmp_path: Path):
    """The float image of te_vww alone takes 76,800 bytes; its int8 form a quarter."""
    report = compiled("te_vww", tmp_path, quantized_io=True)
    assert report["ram"]["arena"] <= 76 * KIB
    result = run_directory(tmp_path, load_sets(report, None, None), None, RunOptions())
    assert_exact(report, result)


def test_patches_of_mobilenetv2():
    """
    MCUNetV2's figures for 4x4 patches: an input patch of 75x75 pixels; its 10 % more
    work in total are 9.3 % where patches at the border do without their padding.
    """
    module = load_model(MODELS / "tflite" / "coral_mbv2_10_224_i8.tflite")
    order = layers(network_function(module))
    stage = spatial_prefix(order)
    end = next(i for i, op in enumerate(stage) if shape(op.layer_output)[1] == 28)
    graph, numbers = stage_graph(stage[: end + 2])
    image = numbers[stage[0].layer_inputs[0]]
    assert largest_tiles(graph, (4, 4))[image] == (75, 75)
    more = grid_work(graph, (4, 4)) - whole_work(graph)
    total = sum(op.macs() for op in order)
    assert round(100 * more / total, 1) == 9.3
