"""
Elementwise layers as sums of products with constants: forms that are found are exact,
and kernels that use them equal the interpreter in C and on a simulated core.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_networks import check_on_core
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    STABLE,
    Limits,
    add_add,
    add_mul,
    add_prelu,
    add_sub,
    append,
    lower,
    random_inputs,
    random_layer,
    random_network,
    seeds,
)
from scalar_reference import run_layer
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, i8
from xdsl.ir import Attribute

from tinyml.dialects.activation import PReluOp
from tinyml.dialects.attributes import RequantAttr, Rounding, TensorAttr
from tinyml.dialects.constants import UI8
from tinyml.dialects.elementwise import MulOp, SumOp
from tinyml.dialects.layer import LayerOp, integers
from tinyml.dialects.scaling import RequantizeOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.byte_forms import (
    BYTES,
    SLOPE_BITS,
    WORD_END,
    WORD_LOW,
    number_form,
    pair_form,
    pair_table,
    prelu_table,
)
from tinyml.passes.loops.elementwise import prelu_tables, sum_slopes

KINDS = {"add": add_add, "sub": add_sub, "mul": add_mul, "prelu": add_prelu}


def usual_layer(r: random.Random, kind: str) -> tuple[ModuleOp, LayerOp]:
    """A random layer with factors such as frameworks make."""
    module, layer = random_layer(r, kind, Limits(size=7, channels=9))
    if isinstance(layer, SumOp) and layer.rounding.data is Rounding.DOUBLE:
        smaller = RequantAttr(r.randrange(1 << 30, (1 << 31) - 1), -r.randint(1, 4))
        inputs = [RequantAttr(1 << 30, 0), r.choice([smaller, RequantAttr(1 << 30, 0)])]
        r.shuffle(inputs)
        y = RequantAttr(r.randrange(1 << 30, (1 << 31) - 1), -r.randint(17, 19))
        layer.requant = ArrayAttr([*inputs, y])
    if isinstance(layer, MulOp):
        multiplier = r.randrange(1 << 30, 1 << 31) & -128
        layer.requant = RequantAttr(multiplier, -r.randint(5, 9))
    if isinstance(layer, PReluOp):
        up = RequantAttr(r.randrange(1 << 30, 1 << 31), r.randint(-2, 1))
        down = RequantAttr(r.randrange(1 << 30, 1 << 31), r.randint(-7, -4))
        layer.requant = ArrayAttr([up, down])
    module.verify()
    return module, layer


@pytest.mark.parametrize("kind", ["add", "sub"])
@settings(STABLE, max_examples=12)
@given(r=st.randoms(use_true_random=False))
def test_pair_forms(kind: str, r: random.Random):
    _, layer = usual_layer(r, kind)
    assert isinstance(layer, SumOp)
    clamp = integers(layer.clamp)
    form = pair_form(pair_table(layer), sum_slopes(layer), (clamp[0], clamp[1]))
    if form is None:
        return
    words = (BYTES * form.first)[:, None] + BYTES * form.second + form.offset
    assert words.min() >= WORD_LOW
    assert words.max() < WORD_END
    results = np.clip(words >> form.bits, clamp[0], clamp[1])
    pairs = np.array([[-128, -128], [127, 127], [-128, 127], [127, -128]], np.int8)
    some = np.array([r.choices(range(-128, 128), k=2) for _ in range(60)], np.int8)
    for a, b in np.concatenate([pairs, some]):
        # The reference takes buffers of the layer's shapes.
        inputs = [np.full(layer.aligned_shape(i), x) for i, x in enumerate((a, b))]
        expected = run_layer(layer, inputs).reshape(-1)[0]
        assert results[int(a) + 128, int(b) + 128] == expected, (form, a, b)


@settings(STABLE, max_examples=15)
@given(r=st.randoms(use_true_random=False))
def test_slopes(r: random.Random):
    _, layer = usual_layer(r, "prelu")
    assert isinstance(layer, PReluOp)
    words = prelu_tables(layer).get("slopes")
    if words is None:
        return
    zero, slope, offset, *more = words.astype(np.int64)
    x = BYTES - zero
    results = prelu_table(layer)
    for c, (a, b) in enumerate(zip(more[0::2], more[1::2], strict=True)):
        total = x * slope + offset + np.where(x < 0, x * a + b, 0)
        assert total.min() >= WORD_LOW
        assert total.max() < WORD_END
        found = np.clip(total >> SLOPE_BITS, -128, 127)
        np.testing.assert_array_equal(found, results[c])


def test_usual_slopes_have_forms():
    r = random.Random(3)
    layers = [usual_layer(r, "prelu")[1] for _ in range(12)]
    found = [bool(prelu_tables(op)) for op in layers if isinstance(op, PReluOp)]
    assert sum(found) >= 10


def test_usual_sums_have_forms():
    r = random.Random(1)
    found = 0
    for _ in range(40):
        _, layer = usual_layer(r, "add")
        assert isinstance(layer, SumOp)
        if layer.rounding.data is Rounding.DOUBLE:
            low, high = integers(layer.clamp)
            form = pair_form(pair_table(layer), sum_slopes(layer), (low, high))
            found += form is not None
    assert found >= 8


def away(numbers: np.ndarray) -> np.ndarray:
    """Half of each, ties away from zero."""
    return np.sign(numbers) * ((np.abs(numbers) + 1) // 2)


def to_even(numbers: np.ndarray) -> np.ndarray:
    """Half of each, ties to even."""
    return np.rint(numbers / 2).astype(np.int64)


@pytest.mark.parametrize(("halves", "exists"), [(away, True), (to_even, False)])
def test_ties(halves: Callable[[np.ndarray], np.ndarray], exists: bool):
    """A slope that is a little larger takes them away from zero."""
    pairs, clamp = BYTES[:, None] + BYTES, (-128, 127)
    results = np.clip(halves(pairs), -128, 127)
    assert (pair_form(results, (0.5, 0.5), clamp) is not None) == exists
    assert (number_form(BYTES, halves(BYTES), 0.5, clamp) is not None) == exists


@settings(STABLE, max_examples=60)
@given(r=st.randoms(use_true_random=False))
def test_number_forms(r: random.Random):
    top = 1 << r.randint(1, 20)
    numbers = np.array(sorted({r.randint(-top, top) for _ in range(500)}))
    slope = r.choice([-1, 1]) * r.uniform(0.1, 2) * 100 / top
    low, high = sorted(r.sample(range(-128, 128), 2))
    results = np.clip(np.rint(numbers * slope), low, high).astype(np.int64)
    form = number_form(numbers, results, slope, (low, high))
    if form is None:
        return
    words = ((numbers << form.left) * form.factor >> 32) + form.offset
    for ends in (numbers << form.left, words):
        assert ends.min() >= WORD_LOW
        assert ends.max() < WORD_END
    np.testing.assert_array_equal(np.clip(words >> form.bits, low, high), results)


def requantization(
    source: Attribute, target: Attribute, factor: RequantAttr, count: int
) -> ModuleOp:
    b = NetworkBuilder("main")
    x = b.input([count], source, TensorAttr.get("x", 0.5, 1))
    y = b.buffer([count], target)
    points = [5 if type == i8 else 133 for type in (source, target)]
    append(b, RequantizeOp(x, y, factor, points, Rounding.DOUBLE))
    return b.finish([(y, TensorAttr.get("y", 0.5, 1))])


ONCE, MORE = RequantAttr(1 << 30, 1), RequantAttr(1234567890, 0)


@pytest.mark.parametrize("factor", [ONCE, MORE])
@pytest.mark.parametrize(("source", "target"), [(i8, UI8), (UI8, i8), (i8, i8)])
def test_requantization_on_the_core(
    source: Attribute, target: Attribute, factor: RequantAttr, tmp_path: Path
):
    assert check_on_core(requantization(source, target, factor, 75), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_core(kind: str, tmp_path: Path):
    count = 0
    for seed in seeds(6):
        module, _ = usual_layer(random.Random(f"{kind} {seed}"), kind)
        folder = tmp_path / str(seed)
        folder.mkdir()
        count += check_on_core(module, folder)
    assert count


def test_networks_that_share_bytes():
    kinds = list(KINDS.values())
    for seed in seeds(10):
        r = random.Random(f"elements {seed}")
        module = random_network(r, 6, Limits(size=3, channels=5), kinds)
        inputs = random_inputs(r, module)
        expected = run_network(module, inputs)
        for pipeline in ("@default", "@ram"):
            found = run_network(lower(module, pipeline), inputs)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b, strict=True)
