"""Requantization by high products equals double rounding, wherever it says it does."""

from __future__ import annotations

import random

import numpy as np
from depthwise_layers import depthwise_module
from hypothesis import given
from hypothesis import strategies as st
from networks import STABLE
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.ir import Block, Region

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import integers
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.interp.fixed_point import requantize
from tinyml.interp.run import run_function
from tinyml.passes.dot_packing import sum_range
from tinyml.passes.loops.high_products import (
    filters,
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.weighted import constant_array


def requantizing(op: DepthwiseConv2DOp, factors: np.ndarray) -> ModuleOp:
    """`@f(acc, *factors)`: the output byte of a sum."""
    block = Block(arg_types=[i32] * (1 + factors.shape[1]))
    k = Kernel(block)
    acc, *rest = block.args
    k.builder.insert(func.ReturnOp(high_requantized(k, op, acc, rest)))
    types = [i32] * len(block.args)
    return ModuleOp([func.FuncOp("f", (types, [i32]), Region(block))])


def sums(r: random.Random, low: int, high: int, factor: float) -> list[int]:
    """Sums between two ends: any, the ends, and what is nearly a tie."""
    ties = [round((r.randint(-130, 130) + 0.5) / factor) for _ in range(12)]
    near = [low, high, 0, -1, 1, *(tie + i for tie in ties for i in (-1, 0, 1))]
    near += [r.randint(low, high) for _ in range(8)]
    return [min(max(acc, low), high) for acc in near]


def test_which_are_wide():
    """A left shift, less than two bits to the right, a small multiplier."""
    axis = AxisAccess(1)
    for row, columns in {
        (1 << 30, -2): 2,
        ((1 << 31) - 1, -30): 2,
        (1 << 30, -1): 3,
        (1 << 30, 0): 3,
        (1 << 30, 3): 3,
        (1 << 29, -8): 3,
        (1 << 30, -31): 2,
        (0, 0): 2,
    }.items():
        module = depthwise_module(random.Random(3), (1, 1, 1, 1), (axis, axis), 1, row)
        (op,) = layers(network_function(module))
        assert isinstance(op, DepthwiseConv2DOp)
        factors = high_factors(op)
        assert (None if factors is None else factors.shape[1]) == columns


@STABLE
@given(r=st.randoms(use_true_random=False))
def test_equals_double_rounding(r: random.Random):
    axis = AxisAccess(r.choice([1, 3, 7]))
    module = depthwise_module(r, (1, 7, 7, 3), (axis, axis))
    (op,) = layers(network_function(module))
    assert isinstance(op, DepthwiseConv2DOp)
    factors = high_factors(op)
    if factors is None:
        return
    function = requantizing(op, factors)
    low, high = sum_range(filters(op), start_values(op))
    zero_point, clamp = integers(op.zero_points)[1], integers(op.clamp)
    for channel, (multiplier, shift) in enumerate(
        constant_array(op, "requant").tolist()
    ):
        factor = max(abs(multiplier), 1) * 2.0 ** (shift - 31)
        ends = (
            max(int(low[channel]), -(1 << 31)),
            min(int(high[channel]), (1 << 31) - 1),
        )
        for acc in sums(r, *ends, factor):
            scaled = int(requantize(acc, multiplier, shift, Rounding.DOUBLE))
            expected = min(max(scaled + zero_point, clamp[0]), clamp[1])
            (found,) = run_function(function, "f", (acc, *factors[channel].tolist()))
            assert found == expected, (acc, multiplier, shift)
