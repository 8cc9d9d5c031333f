"""
Random networks through all that decides about memory, in one chain: folded, some of
their depthwise convolutions computed in place by force, overlapped, scheduled, planned,
lowered. The checker accepts each of them, the interpreter and C compute in the arena
what the layers did, and the plan's figures are what the arena is.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from host_library import HostLibrary
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    IMAGE_LAYERS,
    STABLE,
    Limits,
    append,
    lower,
    random_inputs,
    random_network,
    random_weighted,
    seeds,
)
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import WindowAttr
from tinyml.dialects.kernel import KERNEL, KernelAttr, Traversal, kernel_of
from tinyml.dialects.layer import buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.tinyml import AllocOp, DepthwiseConv2DOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.arena import lower_bound
from tinyml.passes.inplace import refusal
from tinyml.passes.kernel_scratch import SCRATCH_AT, kernel_scratch
from tinyml.passes.memory_demand import memory_demand
from tinyml.passes.pipelines import FOLDING, LOWERING

TINY = Limits(size=5, channels=3, kernel=3)
SMALL = Limits(size=10, channels=6, kernel=5)
assert "tinyml-check-memory" in LOWERING


def add_same_depthwise(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A depthwise convolution that keeps its shape, and so may run in place."""
    size = shape(x)
    kernel = [r.choice([n for n in limits.kernels if n % 2]) for _ in range(2)]
    # Rows above, rows below, and likewise for columns; sometimes more on one side.
    low = [r.randint(0, n - 1) if r.random() < 0.3 else n // 2 for n in kernel]
    pad = [v for n, p in zip(kernel, low, strict=True) for v in (p, n - 1 - p)]
    c = random_weighted(b, r, (*kernel, size[3]), size[3])
    y, window = b.buffer(size, i8), WindowAttr.get(tuple(kernel), pad=tuple(pad))
    quantization = c.zero_points, c.clamp, c.rounding
    names = c.weights, c.bias, c.requant
    return append(b, DepthwiseConv2DOp(x, y, *names, window, *quantization))


def add_residual(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """A branch beside its own input, and what both make together."""
    y = add_same_depthwise(b, r, x, limits)
    if r.random() < 0.5:
        y = add_same_depthwise(b, r, y, limits)
    target = b.buffer(shape(x), i8)
    layer = r.choice([tinyml.MaximumOp, tinyml.MinimumOp])
    return append(b, layer(*((x, y) if r.random() < 0.5 else (y, x)), target))


KINDS = [*IMAGE_LAYERS, *[add_same_depthwise] * 4, *[add_residual] * 3]


def folded(r: random.Random, depth: int, limits: Limits) -> tuple[ModuleOp, ModuleOp]:
    """A network, and what folding leaves of it, with some layers put in place."""
    module = random_network(r, depth, limits, KINDS)
    result = lower(module, FOLDING)
    function = network_function(result)
    for layer in layers(function):
        if not isinstance(layer, DepthwiseConv2DOp) or refusal(layer, function):
            continue
        blocks = [n for n in (1, 2, 3, 4) if shape(layer.output)[3] % n == 0]
        if r.random() < 0.7:
            layer.attributes[KERNEL] = KernelAttr.get(
                Traversal.CHANNELS, r.choice(blocks)
            )
    return module, result


def plan(module: ModuleOp, scheduled: bool, strategy: str, alignment: int) -> ModuleOp:
    schedule = "tinyml-schedule," if scheduled else ""
    return lower(
        module,
        f"tinyml-select-kernels,tinyml-overlap,{schedule}"
        f"tinyml-plan-memory{{strategy={strategy} alignment={alignment}}}",
    )


def figure(function: func.FuncOp, name: str) -> int:
    attr = function.attributes[name]
    assert isinstance(attr, IntegerAttr)
    return attr.value.data


def ends(function: func.FuncOp) -> list[int]:
    """The end of each buffer and of each kernel's scratch memory in the arena."""
    found: list[int] = []
    for value, attributes in zip(
        function.body.block.args, function.arg_attrs or (), strict=True
    ):
        at = attributes.data["tinyml.at"]
        assert isinstance(at, IntegerAttr)
        found.append(at.value.data + buffer_bytes(buffer_type(value)))
    for op in function.body.block.ops:
        if isinstance(op, AllocOp):
            assert op.at is not None
            found.append(op.at.value.data + buffer_bytes(buffer_type(op.buffer)))
    for layer in layers(function):
        if scratch := kernel_scratch(layer):
            at = layer.attributes[SCRATCH_AT]
            assert isinstance(at, IntegerAttr)
            found.append(at.value.data + scratch)
    return found


def check_figures(given: ModuleOp, planned: ModuleOp):
    """Given is a greedy plan of the order that came in."""
    before, after = network_function(given), network_function(planned)
    size = figure(after, "tinyml.arena_bytes")
    assert max(ends(after)) == size >= figure(after, "tinyml.lower_bound")
    schedule, proven = (
        after.attributes.get(f"tinyml.{name}") for name in ("schedule", "plan")
    )
    if schedule is None and proven is not None:
        assert size <= figure(before, "tinyml.arena_bytes")
    if proven == StringAttr("optimal"):
        assert size == figure(after, "tinyml.lower_bound")
    if schedule is not None and proven is None:
        bounds = [figure(f, "tinyml.lower_bound") for f in (before, after)]
        assert bounds[1] <= bounds[0]


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray], name: str):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, name, strict=True)


@settings(STABLE, max_examples=25)
@given(
    st.randoms(use_true_random=False),
    st.booleans(),
    st.sampled_from(["greedy", "optimal"]),
    st.sampled_from([1, 4, 8]),
)
def test_arenas(r: random.Random, scheduled: bool, strategy: str, alignment: int):
    module, kernels = folded(r, 5, TINY)
    planned = plan(kernels, scheduled, strategy, alignment)
    check_figures(plan(kernels, False, "greedy", alignment), planned)
    inputs = random_inputs(r, module)
    expected = run_network(module, inputs)
    assert_equal(run_network(kernels, inputs), expected, "folded")
    assert_equal(run_network(planned, inputs), expected, "planned")
    lowered = lower(planned, LOWERING)
    found = run_network(lowered, inputs, check_owners=True)
    assert_equal(found, expected, "in the arena")


def test_arenas_in_c(tmp_path: Path):
    """More and larger networks; what the test is about does happen in them."""
    modules: dict[str, ModuleOp] = {}
    lowered: dict[str, ModuleOp] = {}
    reordered = in_place = sharing = 0
    for number, seed in enumerate(seeds(36)):
        r = random.Random(seed)
        name, strategy = f"net_{number}", ("greedy", "optimal")[number % 2]
        modules[name], kernels = folded(r, 8, SMALL)
        given = plan(kernels, False, "greedy", 4)
        planned = plan(kernels, True, strategy, 4)
        check_figures(given, planned)
        orders = [layers(network_function(m)) for m in (given, planned)]
        names = [[str(layer.location) for layer in order] for order in orders]
        reordered += names[0] != names[1]
        channels = [kernel_of(layer).channels for layer in orders[1]]
        in_place += sum(count > 0 for count in channels)
        apart = lower_bound(memory_demand(network_function(planned)).ranges, {})
        sharing += figure(network_function(planned), "tinyml.arena_bytes") < apart
        lowered[name] = lower(planned, LOWERING)
    assert reordered > 3
    assert in_place > 10
    assert sharing > 20
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(2):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            found = library.run(name, inputs)
            assert_equal(found, run_network(module, inputs), f"{name} {seed}")
