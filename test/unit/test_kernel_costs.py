"""Estimated cycles of kernels: known, positive, and more where there is more to do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr, WindowAttr
from tinyml.dialects.kernel import KernelAttr, Method, Traversal
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import NetworkBuilder
from tinyml.passes.kernel_costs import costs, cycles, work_cycles
from tinyml.passes.kernel_work import Work, kernel_work
from tinyml.passes.loops.depthwise_plan import PlanarPlan

CORES = ["cortex-m4", "cortex-m7"]
KERNELS = {
    method: KernelAttr.get(Traversal.EITHER, method=method)
    for method in Method
    if method is not Method.PLANAR
}


def network(
    x: Sequence[int], make: Callable[[NetworkBuilder, SSAValue], LayerOp]
) -> LayerOp:
    """The layer that `make(builder, x)` makes of an input."""
    b = NetworkBuilder("main")
    op = make(b, b.input(x, i8, TensorAttr.get("x", 0.5, 0)))
    b.layer(op, "layer")
    module = b.finish([(op.layer_output, TensorAttr.get("y", 0.5, 0))])
    return layers(network_function(module))[0]


def constants(
    b: NetworkBuilder, weights: Sequence[int], channels: int
) -> dict[str, Any]:
    factors = np.array([[1 << 30, -7]] * channels, np.int32)
    return {
        "weights": b.constant("w", np.ones(weights, np.int8)),
        "bias": None,
        "requant": b.constant("r", factors),
        "zero_points": (0, 0),
        "clamp": (-128, 127),
        "rounding": Rounding.DOUBLE,
    }


def conv2d(
    side: int, depth: int, channels: int, kernel: int = 3, stride: int = 1
) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        window = WindowAttr.get((kernel,) * 2, (stride,) * 2, pad=(kernel // 2,) * 4)
        size = -(-side // stride)
        y = b.buffer((1, size, size, channels), i8)
        c = constants(b, (channels, kernel, kernel, depth), channels)
        return tinyml.Conv2DOp(x, y, window=window, **c)

    return network((1, side, side, depth), make)


def depthwise(side: int, depth: int, kernel: int = 3) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        window = WindowAttr.get((kernel,) * 2, pad=(kernel // 2,) * 4)
        y = b.buffer((1, side, side, depth), i8)
        c = constants(b, (kernel, kernel, depth), depth)
        return tinyml.DepthwiseConv2DOp(x, y, window=window, **c)

    return network((1, side, side, depth), make)


def fully_connected(depth: int, channels: int) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        c = constants(b, (channels, depth), channels)
        return tinyml.FullyConnectedOp(x, b.buffer((1, channels), i8), **c)

    return network((1, depth), make)


def add(side: int, depth: int) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        other = b.input((1, side, side, depth), i8, TensorAttr.get("z", 0.5, 0))
        factors = [RequantAttr(1 << 30, n) for n in (0, 0, -19)]
        y = b.buffer((1, side, side, depth), i8)
        numbers = [0, 0, 0], (-128, 127), Rounding.DOUBLE
        return tinyml.AddOp(x, other, y, factors, *numbers)

    return network((1, side, side, depth), make)


def max_pool(side: int, depth: int) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        window = WindowAttr.get((2, 2), (2, 2))
        y = b.buffer((1, side // 2, side // 2, depth), i8)
        return tinyml.MaxPool2DOp(x, y, window, (-128, 127))

    return network((1, side, side, depth), make)


def avg_pool(side: int, depth: int) -> LayerOp:
    def make(b: NetworkBuilder, x: SSAValue) -> LayerOp:
        window = WindowAttr.get((side, side))
        y = b.buffer((1, 1, 1, depth), i8)
        return tinyml.AvgPool2DOp(x, y, window, (-128, 127))

    return network((1, side, side, depth), make)


def planar(op: LayerOp) -> KernelAttr:
    assert isinstance(op, tinyml.DepthwiseConv2DOp)
    return KernelAttr.get(Traversal.CHANNELS, PlanarPlan.of(op).lanes, Method.PLANAR)


def estimate(op: LayerOp, core: str, method: Method) -> float:
    kernel = planar(op) if method is Method.PLANAR else KERNELS[method]
    found = cycles(op, core, kernel)
    assert found is not None
    return found


GROWING = [
    *(
        (method, [conv2d(side, 8, 8) for side in (4, 8, 16)])
        for method in (Method.PLAIN, Method.DOT, Method.WINOGRAD)
    ),
    *(
        (method, [conv2d(8, depth, 16) for depth in (4, 8, 16, 64)])
        for method in (Method.PLAIN, Method.DOT, Method.WINOGRAD)
    ),
    *(
        (method, [conv2d(8, 16, channels, 1) for channels in (4, 8, 16, 64)])
        for method in (Method.PLAIN, Method.DOT, Method.DIRECT)
    ),
    (Method.DOT, [conv2d(16, 3, 8, 3, stride) for stride in (2, 1)]),
    *(
        (method, [depthwise(side, 16) for side in (4, 8, 16)])
        for method in (Method.PLAIN, Method.DOT, Method.PLANAR)
    ),
    *(
        (method, [depthwise(12, 16, kernel) for kernel in (3, 5, 7)])
        for method in (Method.PLAIN, Method.DOT, Method.PLANAR)
    ),
    *(
        (method, [fully_connected(depth, 10) for depth in (8, 64, 640)])
        for method in (Method.PLAIN, Method.DOT, Method.DIRECT)
    ),
    (Method.PLAIN, [add(side, 16) for side in (2, 4, 16)]),
    (Method.PLAIN, [max_pool(side, 16) for side in (2, 4, 16)]),
    (Method.PLAIN, [avg_pool(side, 16) for side in (2, 4, 16)]),
]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("method,ops", GROWING)
def test_more_work_takes_longer(core: str, method: Method, ops: list[LayerOp]):
    found = [estimate(op, core, method) for op in ops]
    assert found[0] > 0
    assert all(a < b for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("core", CORES)
def test_costs_are_positive(core: str):
    for kind, each in costs(core).items():
        assert each, kind
        assert all(cost > 0 for cost in each.values()), kind


def test_words_are_faster():
    op = conv2d(16, 32, 32)
    plain, dot, winograd = (
        estimate(op, "cortex-m4", m)
        for m in (Method.PLAIN, Method.DOT, Method.WINOGRAD)
    )
    # 1.0 and 0.63 cycles a product, says what was measured of single loops.
    assert 0.95 < dot / op.macs() < 1.25
    assert 0.55 < winograd / op.macs() < 0.85
    assert plain > 3 * dot


def test_counts_of_a_convolution():
    work = kernel_work(conv2d(5, 4, 6), KERNELS[Method.DOT])
    assert work.kind == "conv2d dot"
    counts = work.counts
    assert counts["lines"] == 5
    assert (counts["pairs"], counts["singles"]) == (10, 5)
    # 36 products a window, in 18 words, for two groups of channels.
    assert counts["pair words"] == 10 * 2 * 18
    # Pixels 2 and 3 of the three rows in the middle; pairs begin at 0 and 2.
    assert counts["inside"] == 3
    assert counts["border"] == 25 - 6
    # Windows at the border have 19 * 9 taps; 13 * 13 of all 225 taps are inside, and
    # 6 * 9 of those not at the border.
    assert counts["border fills"] == 225 - 169
    assert counts["border copies"] == 169 - 54


def test_what_is_not_known():
    assert work_cycles(Work("unheard of", {"call": 1}), costs("cortex-m4")) is None
