"""
Estimated cycles of kernels against the simulator on real networks.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tinyml.backend.compiler import CompileOptions, compile_model, run_pipeline
from tinyml.backend.runner import (
    InputSets,
    RunOptions,
    load_report,
    random_inputs,
    run_directory,
)
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.load import load_model
from tinyml.passes.kernel_costs import cycles
from tinyml.passes.layer_kind import layer_kind
from tinyml.passes.pipelines import FAST, PLANNING

MODELS = Path(__file__).parents[3] / "shared" / "models"

NETWORKS = {
    "mlperf_ad01": "model",
    "mlperf_kws_dscnn": "model",
    "mlperf_resnet8": "model",
    "mlperf_vww_mbv1_96": "model",
    "te_vww": "quantized",
    "te_detection": "quantized",
    "te_mcunetv2_large": "quantized",
    "mcunet_in3": "model",
    "coral_mbv2_10_224_i8": "model",
}
"""Each with its inputs and outputs."""

LARGE = ("te_detection", "te_mcunetv2_large", "mcunet_in3", "coral_mbv2_10_224_i8")
"""What is left to the night on Cortex-M7, whose pipeline takes long to simulate."""

WRONG = {"cortex-m4": 0.1, "cortex-m7": 0.15}
"""What the estimate of a network may be off by at most."""

LARGEST = 0.05
"""Share of a network's cycles from which on a kind of layer is looked at."""

WRONG_KIND = 0.25
"""What the estimate of such a kind may be off by at most."""

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("core", WRONG)
def test_estimate_is_near(name: str, core: str, tmp_path: Path):
    if name in LARGE and core == "cortex-m7" and "TINYML_NIGHTLY" not in os.environ:
        pytest.skip("takes minutes: make nightly")
    path = MODELS / "tflite" / f"{name}.tflite"
    quantized = NETWORKS[name] == "quantized"
    module = load_model(path)
    if quantized:
        run_pipeline(module, "tinyml-quantized-io")
    run_pipeline(module, f"{FAST},{PLANNING}", each=False)
    compile_model(path, CompileOptions(core, quantized_io=quantized)).write(tmp_path)
    sets = InputSets(random_inputs(load_report(tmp_path)), None).first(1)
    result = run_directory(tmp_path, sets, None, RunOptions())
    assert result["faults"] == []
    found, told = Counter[str](), Counter[str]()
    order = layers(network_function(module))
    for op, layer in zip(order, result["profile"]["layers"], strict=True):
        assert layer["kind"] == layer_kind(op)
        estimate = cycles(op, core)
        assert estimate is not None, f"nothing is known of {op}"
        found[layer["kind"]] += layer["cycles_estimated"]
        told[layer["kind"]] += round(estimate)
    assert abs(told.total() / found.total() - 1) <= WRONG[core]
    large = [kind for kind in found if found[kind] >= LARGEST * found.total()]
    wrong = {kind: told[kind] / found[kind] - 1 for kind in large}
    assert max(map(abs, wrong.values())) <= WRONG_KIND, wrong
