"""
What folding makes of real networks: less work, the same outputs.

The networks are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.compiler import run_pipeline
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function, network_inputs
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import FOLDING

MODELS = Path(__file__).parents[3] / "shared" / "models" / "tflite"

WORK = {
    "mlperf_resnet8": (15, 12_501_632),
    "mlperf_vww_mbv1_96": (30, 3_733_073),
    "mlperf_hist_vww_20blk": (42, 12_402_333),
    "mcunet_in3": (67, 76_391_120),
    "te_vww": (59, 10_954_145),
    "mom_rnnoise": (68, 86_952),
    "te_mcunetv2_large": (145, 216_815_264),
}
"""At most so many layers and multiply-accumulates."""

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


def outputs(module: ModuleOp) -> list[np.ndarray]:
    """What the network gives for a seeded random input."""
    generator = np.random.default_rng(0)
    inputs = network_inputs(network_function(module))
    return run_network(
        module, [generator.integers(0, 128, shape(port.value)) for port in inputs]
    )


@pytest.mark.parametrize("name", WORK)
def test_folding(name: str):
    module = load_model(MODELS / f"{name}.tflite")
    expected = outputs(module)
    run_pipeline(module, FOLDING)
    found = layers(network_function(module))
    most_layers, most_macs = WORK[name]
    assert len(found) <= most_layers
    assert sum(op.macs() for op in found) <= most_macs
    for got, truth in zip(outputs(module), expected, strict=True):
        assert np.array_equal(got, truth)
