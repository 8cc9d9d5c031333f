"""What layers and kinds of layers cost, from the calls that a simulator followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tflite_models import small_network

from tinyml.backend.call_tree import CallProfile
from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.layer_profile import KindProfile, profile_network
from tinyml.backend.runner import RunOptions, load_sets, run_directory


def call(name: str, cycles: int, *calls: CallProfile, times: int = 1) -> CallProfile:
    """A call of as many instructions as cycles."""
    return CallProfile(name, times, cycles, cycles, list(calls))


def layer(kernel: str, kind: str, macs: int, op: str = "tinyml.any") -> dict[str, Any]:
    return {"kernel": kernel, "kind": kind, "macs": macs, "elements": 10, "op": op}


def report(layers: list[dict[str, Any]], *stages: dict[str, Any]) -> dict[str, Any]:
    return {
        "net": "n",
        "inputs": [{}],
        "layers": layers,
        "stages": list(stages),
        "kinds": {"n_a": "conv", "n_b": "add"},
    }


def reset(*calls: CallProfile) -> CallProfile:
    return call("?", 7, call("main", 7, call("n_run", 2, call("n_net", 3, *calls))))


def test_layers_that_share_kernels():
    """A layer has what its kernel calls, and its own share of a kernel of several."""
    hot = [call("n_hot", cycles) for cycles in (100, 70)]
    calls = reset(
        call("n_a", 10, hot[0]), call("n_b.constprop.0", 5), call("n_a", 10, hot[1])
    )
    layers = [layer("n_a", "conv", 50), layer("n_b", "add", 0), layer("n_a", "conv", 9)]
    profile = profile_network(calls, report(layers))
    assert profile is not None
    assert [found.cycles_estimated for found in profile.layers] == [110, 5, 80]
    assert profile.kinds == [
        KindProfile("conv", 2, 59, 20, 190, 190),
        KindProfile("add", 1, 0, 10, 5, 5),
    ]


def test_stage():
    """Kernels of a stage by their kinds; what is left is the stage's own."""
    calls = reset(
        call(
            "n_stage",
            20,
            call("n_a", 300, call("n_hot", 10), times=8),
            call("n_read_rows", 4, call("n_read_rows_0", 900, call("harness_x", 900))),
            call("memset", 5),
            call("n_b", 40, times=8),
        )
    )
    stage = {"kinds": ["conv", "add"], "macs": [1000, 0], "elements": [64, 32]}
    layers = [layer("n_stage", "stage", 1000, "tinyml.stage")]
    profile = profile_network(calls, report(layers, stage))
    assert profile is not None
    assert [found.cycles_estimated for found in profile.layers] == [379]
    assert profile.kinds == [
        KindProfile("conv", 1, 1000, 64, 310, 310),
        KindProfile("add", 1, 0, 32, 40, 40),
        KindProfile("stage", 0, 0, 0, 29, 29),
    ]


def test_calls_that_are_not_those_of_the_layers():
    layers = [layer("n_a", "conv", 50), layer("n_b", "add", 0)]
    assert profile_network(None, report(layers)) is None
    assert profile_network(reset(call("n_a", 1)), report(layers)) is None
    assert profile_network(reset(), report([])) is None


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7"])
def test_of_a_network(target: str, tmp_path: Path):
    """Layers and kinds add up to all but the network's own body."""
    model = tmp_path / "net.tflite"
    model.write_bytes(small_network().bytes)
    compiled = compile_model(model, CompileOptions(target))
    compiled.write(tmp_path)
    sets = load_sets(compiled.report, None, None)
    result = run_directory(tmp_path, sets, None, RunOptions())
    layers, kinds = (result["profile"][key] for key in ("layers", "kinds"))
    assert len(layers) == len(compiled.report["layers"])
    assert sum(kind["macs"] for kind in kinds) == compiled.report["macs"]
    for key in ("cycles_estimated", "instructions"):
        total = sum(layer[key] for layer in layers)
        assert total == sum(kind[key] for kind in kinds)
        assert 0 < result[key] - total < 0.2 * total
