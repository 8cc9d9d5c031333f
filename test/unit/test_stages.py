"""
Stages of random layers with random decisions compute what their layers do, in C and in
the interpreter, and write no byte outside of what was planned.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from networks import (
    AddLayer,
    Limits,
    add_add,
    add_avg_pool,
    add_concat,
    add_conv2d,
    add_depthwise,
    add_extremum,
    add_lookup,
    add_max_pool,
    add_mul,
    add_prelu,
    add_resize,
    append,
    lower,
    random_clamp,
    random_factor,
    random_inputs,
    random_network,
    random_zero_point,
    seeds,
)
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import Rounding, WindowAttr
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.pooling import gathers
from tinyml.dialects.stage import HALO, Halo, HaloAttr, StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.make_stage import make_stage
from tinyml.passes.pipelines import LOWERING
from tinyml.passes.stage_plan import planned_stage, refusal


def add_global(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """One pixel of the whole image."""
    batch, height, width, depth = shape(x)
    if r.random() < 0.5:
        y = b.buffer((batch, 1, 1, depth), i8)
        window = WindowAttr.get((height, width))
        return append(b, tinyml.AvgPool2DOp(x, y, window, random_clamp(r)))
    y = b.buffer((batch, 1, 1, depth), i8)
    factor = random_factor(r, 1 / (height * width))
    points = random_zero_point(r), random_zero_point(r)
    return append(b, tinyml.MeanOp(x, y, [1, 2], factor, points, Rounding.DOUBLE))


def add_upsampling(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    """Another resolution, of a whole number of times as many rows and columns."""
    batch, height, width, depth = shape(x)
    times = r.randint(1, 3)
    y = b.buffer((batch, times * height, times * width, depth), i8)
    layer = r.choice([tinyml.ResizeNearestOp, tinyml.ResizeBilinearOp])
    way = r.randrange(3)
    return append(b, layer(x, y, align_corners=way == 1, half_pixel=way == 2))


SPATIAL: list[AddLayer] = [
    add_conv2d,
    add_conv2d,
    add_depthwise,
    add_depthwise,
    add_depthwise,
    add_max_pool,
    add_avg_pool,
    add_add,
    add_add,
    add_mul,
    add_extremum,
    add_lookup,
    add_prelu,
    add_concat,
    add_resize,
    add_upsampling,
    add_global,
]
WAYS = [
    (Halo.RECOMPUTE, Halo.RECOMPUTE),
    (Halo.CACHE, Halo.RECOMPUTE),
    (Halo.CACHE, Halo.CACHE),
]
PIPELINE = f"tinyml-select-kernels,tinyml-overlap,tinyml-plan-memory,{LOWERING}"
SMALL = Limits(size=14, channels=4, kernel=4)
TINY = Limits(size=6, channels=2, kernel=3)


def put_into_stage(module: ModuleOp, r: random.Random) -> StageOp | None:
    """Moves some layers that may run in one into a stage with random decisions."""
    order = layers(network_function(module))
    for _ in range(40):
        first = r.randrange(len(order))
        group = order[first : first + r.randint(2, 8)]
        if any(refusal(layer) is not None for layer in group):
            continue
        if any(gathers(layer) for layer in group[:-1]):
            continue
        last = group[-1]
        image = last.layer_inputs[0] if gathers(last) else last.layer_output
        size = shape(image)[1:3]
        halo = r.choice(WAYS)
        grid = [
            1 if kept is Halo.CACHE else r.randint(1, min(n, 4))
            for kept, n in zip(halo, size, strict=True)
        ]
        try:
            return make_stage(group, (grid[0], grid[1]), halo, r.randint(1, 4))
        except PassFailedException:
            continue
    return None


def decide_buffers(stage: StageOp, r: random.Random) -> None:
    """Some buffers are passed on in their own way."""
    for op in stage.block.ops:
        if isinstance(op, AllocOp) and r.random() < 0.3:
            op.attributes[HALO] = ArrayAttr([HaloAttr(h) for h in r.choice(WAYS)])


def staged_network(
    r: random.Random, depth: int, limits: Limits
) -> tuple[ModuleOp, ModuleOp] | None:
    """A network, and the same with a stage that can run; None if none was found."""
    module = random_network(r, depth, limits, SPATIAL)
    staged = module.clone()
    if (stage := put_into_stage(staged, r)) is None:
        return None
    if r.random() < 0.5:
        decide_buffers(stage, r)
    staged.verify()
    try:
        planned_stage(stage)
    except DiagnosticException:
        return None
    return module, staged


def staged_networks(
    count: int, depth: int, limits: Limits
) -> dict[str, tuple[ModuleOp, ModuleOp]]:
    found: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for seed in seeds(count):
        pair = staged_network(random.Random(seed), depth, limits)
        if pair is not None:
            found[f"net_{seed}"] = pair
    # Most of what is tried has to run.
    assert len(found) > count // 2
    return found


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray], name: str):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, name, strict=True)


def test_stages_in_c(tmp_path: Path):
    pairs = staged_networks(150, 8, SMALL)
    counting = f"tinyml-count-macs,{PIPELINE}"
    lowered = {name: lower(staged, counting) for name, (_, staged) in pairs.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, (module, _) in pairs.items():
        for seed in range(2):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            expected, before = run_network(module, inputs), library.counted
            assert_equal(library.run(name, inputs), expected, f"{name} {seed}")
            # What the loops execute is what the schedule has predicted.
            assert library.counted - before == library.infos[name].macs


@pytest.mark.parametrize("seed", seeds(6))
def test_stages_in_the_interpreter(seed: int):
    pair = staged_network(random.Random(seed), 4, TINY)
    if pair is None:
        pytest.skip("these layers make no stage")
    module, staged = pair
    inputs = random_inputs(random.Random(seed), module)
    expected = run_network(module, inputs)
    assert_equal(run_network(staged, inputs), expected, "stage")
    assert_equal(run_network(lower(staged, PIPELINE), inputs), expected, "loops")
