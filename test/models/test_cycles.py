"""
What real networks take on simulated cores, beside bars: cycles, code, clang and gcc.

Cycles are estimated at zero wait states (`cycle_model.py`). The networks are not part of
this project; where they are absent these tests skip.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from tinyml.backend.bench import BenchOptions, BenchRow, bench_models
from tinyml.backend.bench_peers import cmsis_nn, own_code
from tinyml.backend.toolchain import ToolchainError, find_toolchain

MODELS = Path(__file__).parents[3] / "shared" / "models"

MLPERF = ["mlperf_ad01", "mlperf_kws_dscnn", "mlperf_resnet8", "mlperf_vww_mbv1_96"]
QUANTIZED = ["te_vww", "te_detection", "te_mcunetv2_large"]
CORES = ["cortex-m4", "cortex-m7"]

CYCLES = {
    "mlperf_ad01": 360_000,
    "mlperf_kws_dscnn": 3_900_000,
    "mlperf_resnet8": 15_000_000,
    "mlperf_vww_mbv1_96": 7_500_000,
    "te_vww": 19_000_000,
    "te_detection": 32_000_000,
    "te_mcunetv2_large": 330_000_000,
    "mcunet_in3": 135_000_000,
    "coral_mbv2_10_224_i8": 430_000_000,
}
"""Estimated cycles on Cortex-M4 at most."""

OF_CMSIS_NN = 0.4
"""Of the cycles that TFLite Micro with CMSIS-NN takes on Cortex-M7 at most."""

LARGE = ("te_detection", "te_mcunetv2_large")
"""What is left to the night on Cortex-M7, whose pipeline takes long to simulate."""

CODE = {"cycles": 32 << 10, "size": 16 << 10}
"""Code with read-only data, without weights and what requantizes, in bytes at most."""

BETWEEN_COMPILERS = 0.03
"""Difference of estimated cycles at most."""

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


@cache
def measured(
    name: str, core: str, objective: str = "cycles", toolchain: str | None = None
) -> BenchRow:
    """A network on one set of inputs; its outputs are right and nothing faults."""
    options = BenchOptions(
        core,
        1,
        objective=objective,
        io="quantized" if name in QUANTIZED else "model",
        toolchain=toolchain,
        check_alignment=True,
    )
    (row,) = bench_models(MODELS, [name], options)
    assert row.refused is None
    assert row.result is not None
    assert row.result["faults"] == []
    assert row.equal, row.result["first_difference"]
    return row


def by_day(name: str, core: str) -> BenchRow:
    """The same, but for what would take minutes."""
    if name in LARGE and core == "cortex-m7" and "TINYML_NIGHTLY" not in os.environ:
        pytest.skip("takes minutes: make nightly")
    return measured(name, core)


def cycles(row: BenchRow) -> int:
    assert row.result is not None
    return row.result["cycles_estimated"]


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_on_cortex_m4(name: str):
    assert cycles(measured(name, "cortex-m4")) <= CYCLES[name]


@pytest.mark.parametrize("name", [*MLPERF, *QUANTIZED])
def test_cycles_on_cortex_m7(name: str):
    row = by_day(name, "cortex-m7")
    peer = cmsis_nn("cortex-m7", name, row.io)
    assert peer is not None
    assert cycles(row) <= OF_CMSIS_NN * peer.cycles_estimated


@pytest.mark.parametrize("name", MLPERF)
@pytest.mark.parametrize("objective", CODE)
def test_code(name: str, objective: str):
    row = measured(name, "cortex-m4", objective)
    assert row.report is not None
    assert own_code(row.report) <= CODE[objective]


@pytest.mark.parametrize("name", MLPERF)
@pytest.mark.parametrize("core", CORES)
def test_compilers_agree(name: str, core: str):
    try:
        find_toolchain("arm-none-eabi-gcc", core)
    except ToolchainError as error:
        pytest.skip(str(error))
    clang = cycles(measured(name, core))
    gcc = cycles(measured(name, core, toolchain="arm-none-eabi-gcc"))
    assert abs(gcc / clang - 1) <= BETWEEN_COMPILERS


@pytest.mark.parametrize("name", MLPERF)
@pytest.mark.parametrize(
    "core, objective",
    [
        ("cortex-m4", "cycles"),
        ("cortex-m4", "size"),
        ("cortex-m4", "ram"),
        ("cortex-m7", "cycles"),
    ],
)
def test_nothing_is_unaligned(name: str, core: str, objective: str):
    """The look for faults and unaligned accesses of what each objective takes."""
    measured(name, core, objective)


@pytest.mark.parametrize("name", [*MLPERF, *QUANTIZED])
@pytest.mark.parametrize("core", CORES)
def test_layers_have_all_cycles(name: str, core: str):
    """Cycles of layers, and those of kinds, are all but what the network's body takes."""
    row = by_day(name, core)
    assert row.result is not None
    assert row.report is not None
    profile = row.result["profile"]
    assert profile is not None
    assert len(profile["layers"]) == len(row.report["layers"])
    layers = sum(layer["cycles_estimated"] for layer in profile["layers"])
    assert layers == sum(kind["cycles_estimated"] for kind in profile["kinds"])
    assert layers <= cycles(row) <= 1.01 * layers
    assert sum(kind["macs"] for kind in profile["kinds"]) == row.report["macs"]
