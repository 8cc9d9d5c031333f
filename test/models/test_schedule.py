"""
Real networks in their best order, with the smallest plan for it.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr
from xdsl.passes import PassPipeline
from xdsl.universe import Universe

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import (
    RunOptions,
    load_layer_checks,
    load_report,
    load_sets,
    run_directory,
)
from tinyml.dialects.network import network_function
from tinyml.frontend.load import load_model
from tinyml.passes.pipelines import FOLDING, LOWERING

MODELS = Path(__file__).parents[3] / "shared" / "models"

KERNELS = f"{FOLDING},tinyml-select-kernels,tinyml-overlap"
PLAN = "tinyml-plan-memory{strategy=optimal}"

ARENAS = {
    "mlperf_resnet8": (33_312, 33_312),
    "mltk_keyword_spotting_on_off_v3": (15_800, 13_840),
    "mom_rnnoise": (936, 840),
    "omv_blazeface128": (327_680, 229_400),
    "wv_apighetti": (37_500, 30_436),
}
"""Bytes as given, and in the best order; both plans are proven smallest."""

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def planned(module: ModuleOp, pipeline: str) -> func.FuncOp:
    copy = module.clone()
    available = dict(Universe.get_multiverse().all_passes)
    PassPipeline.parse_spec(available, pipeline).apply(Context(), copy)
    copy.verify()
    return network_function(copy)


@pytest.mark.parametrize("name", ARENAS)
def test_best_order(name: str):
    module = load_model(MODELS / "tflite" / f"{name}.tflite")
    given = planned(module, f"{KERNELS},{PLAN}")
    best = planned(module, f"{KERNELS},tinyml-schedule,{PLAN}")
    assert best.attributes["tinyml.schedule"] == StringAttr("optimal")
    for function, expected in zip((given, best), ARENAS[name], strict=True):
        assert function.attributes["tinyml.arena_bytes"] == IntegerAttr(expected, 64)
        assert function.attributes["tinyml.plan"] == StringAttr("optimal")


def test_every_tensor_in_another_order(tmp_path: Path):
    """Layers that have moved are still compared with their own tensor of the model."""
    name = "wv_apighetti"
    options = CompileOptions(pipeline=f"{KERNELS},tinyml-schedule,{PLAN},{LOWERING}")
    compile_model(MODELS / "tflite" / f"{name}.tflite", options).write(tmp_path)
    report = load_report(tmp_path)
    indices = [layer["index"] for layer in report["layers"]]
    assert indices != sorted(indices)
    sets = load_sets(report, None, MODELS / "reference" / f"{name}.npz").first(2)
    checks = load_layer_checks(MODELS / "layers" / f"{name}.layers.json")
    result = run_directory(tmp_path, sets, checks, RunOptions())
    assert result["outputs_equal"], result["first_difference"]
    tensors = [layer["tensor"] for layer in report["layers"]]
    assert result["layers_equal"], result["first_difference"]
    assert result["layers_compared"] == len(tensors) - tensors.count(None) > 10
