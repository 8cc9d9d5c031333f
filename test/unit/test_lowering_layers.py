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
from scalar_reference import get_reciprocal, int32, run_layer
from scalar_reference import requantize as requantize_exactly
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i8, i32
from xdsl.ir import Block, Region, SSAValue

from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr
from tinyml.dialects.tinyml import ResizeBilinearOp, SoftmaxOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.fixed_point import SATURATION
from tinyml.interp.run import run_function, run_network
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.requantize import (
    Factor,
    constant_factor,
    may_wrap,
    requantize,
)
from tinyml.passes.loops.softmax import reciprocal

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
ROUNDINGS = [Rounding.DOUBLE, Rounding.SINGLE, Rounding.EVEN]


@pytest.mark.parametrize("kind", LAYER_INPUTS)
@settings(STABLE, max_examples=40)
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


def reciprocal_module() -> ModuleOp:
    """`@f(total)`: the scale and the exponent of a sum of exponentials."""
    block = Block(arg_types=[i32])
    k = Kernel(block)
    k.builder.insert(func.ReturnOp(*reciprocal(k, block.args[0])))
    return ModuleOp([func.FuncOp("f", ([i32], [i32, i32]), Region(block))])


def test_reciprocal():
    module = reciprocal_module()
    module.verify()
    r = random.Random(0)
    totals = [1 << 19, (1 << 19) + 1, (1 << 20) - 1, 1 << 30, INT32_MAX]
    totals += [r.randint(1 << 19, 1 << r.randint(20, 31)) - 1 for _ in range(60)]
    for total in totals:
        scale, bits_over_unit = get_reciprocal(total, 12)
        assert run_function(module, "f", [total]) == (scale, bits_over_unit + 23)


@pytest.mark.parametrize("classes", [1, 2, 511, 512, 513, 1100])
def test_softmax_of_many_classes(classes: int):
    # From 512 equal classes on, the exponent of the last division exceeds 31.
    builder = NetworkBuilder("main")
    x = builder.input([1, classes], i8, TensorAttr.get("x"))
    y = builder.buffer([1, classes], i8)
    factor = RequantAttr(1 << 30, 22)
    layer = SoftmaxOp(x, y, factor, Rounding.DOUBLE)
    builder.layer(layer, "y")
    module = builder.finish([(y, TensorAttr.get("y"))])
    lowered = lower_to_calls(module)
    equal = np.full((1, classes), 5, np.int8)
    for inputs in (equal, np.where(np.arange(classes) % 3, equal, -20).astype(np.int8)):
        expected = run_layer(layer, [inputs])
        for level in (module, lowered):
            (found,) = run_network(level, [inputs])
            np.testing.assert_array_equal(found, expected, strict=True)


def test_resize_does_not_leave_its_input():
    # 1024 * 2 / 700 rounds up to 3, and row 699 would lie at 699 * 3 / 1024 > 2.
    builder = NetworkBuilder("main")
    x = builder.input([1, 2, 1, 1], i8, TensorAttr.get("x"))
    y = builder.buffer([1, 700, 1, 1], i8)
    layer = ResizeBilinearOp(x, y)
    builder.layer(layer, "y")
    module = builder.finish([(y, TensorAttr.get("y"))])
    inputs = np.array([-100, 100], np.int8).reshape(1, 2, 1, 1)
    expected = run_layer(layer, [inputs])
    assert expected[0, -1, 0, 0] == 100
    for level in (module, lower_to_calls(module)):
        (found,) = run_network(level, [inputs])
        np.testing.assert_array_equal(found, expected, strict=True)
