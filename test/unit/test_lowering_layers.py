"""Every layer's loops against the layer itself, both interpreted."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    LAYER_INPUTS,
    STABLE,
    Limits,
    lower_to_calls,
    random_inputs,
    random_layer,
)
from scalar_reference import int32
from scalar_reference import requantize as requantize_exactly
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i32
from xdsl.ir import Block, Region, SSAValue

from tinyml.dialects.attributes import RequantAttr, Rounding
from tinyml.interp.fixed_point import SATURATION
from tinyml.interp.run import run_function, run_network
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.requantize import (
    Factor,
    constant_factor,
    may_wrap,
    requantize,
)

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ROUNDINGS = [Rounding.DOUBLE, Rounding.SINGLE, Rounding.EVEN]


@pytest.mark.parametrize("kind", LAYER_INPUTS)
@settings(STABLE, max_examples=25)
@given(r=st.randoms(use_true_random=False))
def test_loops(kind: str, r: random.Random):
    module, _ = random_layer(r, kind, Limits(size=4, channels=3, kernel=4))
    inputs = random_inputs(r, module)
    (expected,) = run_network(module, inputs)
    (found,) = run_network(lower_to_calls(module), inputs)
    np.testing.assert_array_equal(found, expected, strict=True)


def requantize_module(
    rounding: Rounding, factor: RequantAttr | tuple[int, int]
) -> ModuleOp:
    """
    `@f(acc, multiplier, shift)` plus 127 as zero point, with the factor a constant, or
    with a shift known to be in a range.
    """
    block = Block(arg_types=[i32, i32, i32])
    k = Kernel(block)
    acc, multiplier, shift = block.args
    if isinstance(factor, RequantAttr):
        by = constant_factor(k, factor)
    else:
        by = Factor(multiplier, shift, *factor)
    scaled: SSAValue = requantize(k, acc, by, rounding)
    shifted = k.add(scaled, k.i32(127), wrap=may_wrap(by, rounding))
    k.builder.insert(func.ReturnOp(shifted))
    function = func.FuncOp("f", ([i32, i32, i32], [i32]), Region(block))
    return ModuleOp([function])


def requantized(acc: int, multiplier: int, shift: int, rounding: Rounding) -> int:
    result = requantize_exactly(acc, multiplier, shift, rounding)
    if rounding is Rounding.DOUBLE:
        return int32(result + 127)
    return max(-SATURATION, min(SATURATION, result)) + 127


def accumulators(r: random.Random, multiplier: int, shift: int) -> list[int]:
    """Extremes, small ones, random ones, and such whose result is near a tie."""
    found = [INT32_MIN, INT32_MIN + 1, -2, -1, 0, 1, 2, INT32_MAX - 1, INT32_MAX]
    found += [r.randint(INT32_MIN, INT32_MAX) for _ in range(8)]
    for _ in range(8):
        half = 2 * r.randint(-300, 300) + 1
        acc = (half << max(0, 30 - shift)) // (multiplier or 1)
        found += [acc - 1, acc, acc + 1]
    return [acc for acc in found if INT32_MIN <= acc <= INT32_MAX]


def random_multiplier(r: random.Random) -> int:
    return r.choice(
        [
            1 << 30,
            -(1 << 30),
            0,
            INT32_MAX,
            -INT32_MAX,
            r.randint(1 << 30, INT32_MAX),
            r.randint(-INT32_MAX, INT32_MAX),
        ]
    )


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", [*range(-31, 31)][::3] + [-1, 30])
def test_requantize_by_a_constant(rounding: Rounding, shift: int):
    r = random.Random(shift)
    multiplier = random_multiplier(r)
    module = requantize_module(rounding, RequantAttr(multiplier, shift))
    module.verify()
    for acc in accumulators(r, multiplier, shift):
        expected = requantized(acc, multiplier, shift, rounding)
        assert run_function(module, "f", [acc, 0, 0]) == (expected,), acc


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(
    "span", [(-31, 30), (-31, -1), (-12, -3), (-5, 0), (-4, 3), (0, 30), (1, 9)]
)
def test_requantize_by_a_table(rounding: Rounding, span: tuple[int, int]):
    module = requantize_module(rounding, span)
    module.verify()
    r = random.Random(str(span))
    for _ in range(12):
        multiplier, shift = random_multiplier(r), r.randint(*span)
        for acc in accumulators(r, multiplier, shift):
            expected = requantized(acc, multiplier, shift, rounding)
            found = run_function(module, "f", [acc, multiplier, shift])
            assert found == (expected,), (acc, multiplier, shift)
