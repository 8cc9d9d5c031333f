"""
Whole random networks through both pipelines: layers, loops on one arena, and C agree,
layer by layer; plans keep apart what lives together.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    STABLE,
    Limits,
    lower,
    lower_to_calls,
    random_inputs,
    random_network,
    seeds,
)
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import SSAValue

from tinyml.backend.network_info import network_info
from tinyml.dialects.layer import buffer_bytes, buffer_type
from tinyml.dialects.network import (
    layers,
    network_function,
    network_inputs,
    network_outputs,
)
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root
from tinyml.interp.run import run_network
from tinyml.passes.insert_layer_hooks import InsertLayerHooksPass
from tinyml.passes.pipelines import LOWERING
from tinyml.passes.plan_memory import PlanMemoryPass

TINY = Limits(size=5, channels=2, kernel=3)
SMALL = Limits(size=12, channels=6, kernel=5)
PIPELINES = ("@default", "@ram", "@reference")
UNFOLDED = (
    f"tinyml-select-kernels,tinyml-inplace,tinyml-overlap,tinyml-plan-memory,{LOWERING}"
)
"""Every layer in its own place, with all that shares bytes."""


def traced(
    module: ModuleOp, inputs: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The outputs, and what each layer wrote when it had run."""
    seen: list[np.ndarray] = []
    outputs = run_network(module, inputs, lambda _, y: seen.append(y.copy()))
    return outputs, seen


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray], name: str):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, name, strict=True)


@pytest.mark.parametrize("seed", seeds(10))
def test_levels_agree(seed: int):
    module = random_network(random.Random(seed), 6, TINY)
    inputs = random_inputs(random.Random(seed), module)
    outputs, steps = traced(module, inputs)
    for name, lowered in (
        ("calls", lower_to_calls(module)),
        ("planned", lower(module, UNFOLDED)),
        *((pipeline, lower(module, pipeline)) for pipeline in PIPELINES),
    ):
        found, found_steps = traced(lowered, inputs)
        assert_equal(found, outputs, name)
        if name not in ("@default", "@ram"):  # which fold layers
            assert_equal(found_steps, steps, name)


def test_c_agrees(tmp_path: Path):
    modules = {
        f"net_{seed}": random_network(random.Random(seed), 8, SMALL)
        for seed in seeds(14)
    }
    lowered = {
        f"{name}_{pipeline[1:]}": lower(module, pipeline)
        for name, module in modules.items()
        for pipeline in PIPELINES
    }
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(3):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected = run_network(module, inputs)
            for pipeline in PIPELINES:
                found = library.run(f"{name}_{pipeline[1:]}", inputs)
                assert_equal(found, expected, f"{name} {pipeline} {seed}")


def test_reference_pipeline_keeps_every_tensor():
    module = random_network(random.Random(3), 6, TINY)
    inputs = random_inputs(random.Random(3), module)
    _, steps = traced(module, inputs)
    views: list[np.ndarray] = []
    run_network(lower(module, "@reference"), inputs, lambda _, y: views.append(y))
    assert_equal(views, steps, "after the run")


def test_hooks_do_nothing():
    module = random_network(random.Random(5), 3, TINY)
    inputs = random_inputs(random.Random(5), module)
    lowered = lower_to_calls(module)
    InsertLayerHooksPass("after").apply(Context(), lowered)
    assert any(isinstance(op, func.FuncOp) and op.is_declaration for op in lowered.ops)
    assert_equal(run_network(lowered, inputs), run_network(module, inputs), "hooks")


# Plans


def lives(function: func.FuncOp) -> dict[SSAValue, set[int]]:
    """
    The layers at which a buffer is in use, step by step: from the one that writes it
    (inputs: from the first) to the last that reads it (outputs: to the last of all).
    """
    order = layers(function)
    found: dict[SSAValue, set[int]] = {}
    inputs = {port.value for port in network_inputs(function)}
    outputs = {port.value for port in network_outputs(function)}
    allocs = [op.buffer for op in function.body.block.ops if isinstance(op, AllocOp)]
    for value in (*function.body.block.args, *allocs):
        steps = {0} if value in inputs else set[int]()
        steps |= {len(order) - 1} if value in outputs else set()
        steps |= {
            i for i, op in enumerate(order) if value in [root(v) for v in op.operands]
        }
        found[value] = set(range(min(steps), max(steps) + 1)) if steps else set()
    return found


def offsets(function: func.FuncOp) -> dict[SSAValue, int]:
    found: dict[SSAValue, int] = {}
    for value, attributes in zip(
        function.body.block.args, function.arg_attrs or (), strict=True
    ):
        at = attributes.data["tinyml.at"]
        assert isinstance(at, IntegerAttr)
        found[value] = at.value.data
    for op in function.body.block.ops:
        if isinstance(op, AllocOp):
            assert op.at is not None
            found[op.buffer] = op.at.value.data
    return found


@settings(STABLE, max_examples=40)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(["greedy", "separate"]),
    st.sampled_from([1, 2, 4, 16]),
)
def test_plans(r: random.Random, strategy: str, alignment: int):
    module = random_network(r, 6, SMALL)
    options = f"tinyml-plan-memory{{strategy={strategy} alignment={alignment}}}"
    planned = lower(module, options)
    function = network_function(planned)
    alive, places = lives(function), offsets(function)
    size = function.attributes["tinyml.arena_bytes"]
    assert isinstance(size, IntegerAttr)
    used: list[tuple[SSAValue, int, int]] = []
    for value, at in places.items():
        end = at + buffer_bytes(buffer_type(value))
        assert 0 <= at < end <= size.value.data
        assert at % alignment == 0
        for other, start, stop in used:
            if strategy == "separate" or alive[value] & alive[other]:
                assert end <= start or stop <= at
        used.append((value, at, end))
    assert max(end for *_, end in used) == size.value.data


def test_plan_describes_ports():
    module = random_network(random.Random(8), 4, TINY)
    planned = f"tinyml-select-kernels,tinyml-overlap,{PlanMemoryPass.name}"
    function = network_function(lower(module, planned))
    places = offsets(function)
    info = network_info(lower(module, "@default"))
    ins, outs = network_inputs(function), network_outputs(function)
    assert [port.at for port in info.inputs] == [places[port.value] for port in ins]
    assert [port.at for port in info.outputs] == [places[port.value] for port in outs]
