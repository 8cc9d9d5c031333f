"""Streams of weights give the sums and factors of the channels that went in."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE
from test_dot_packing import activations, low_bytes, smlad, wrapped

from tinyml.passes.dot_packing import QUAD, RAW_LIMIT, folded_bias, sum_range
from tinyml.passes.dot_stream import Form, Stream, stream


def sums(made: Stream, words: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The sums of one group, as a kernel computes them."""
    acc = [words[c : c + 1] for c in range(made.group)]
    for number in range(made.group // 2):
        low, high = made.pair(number)
        raw = made.raw(number)
        for place, word in enumerate(x):
            at = made.weight_at(place, number)
            pair = words[at : at + 1]
            whole = np.full(1, word, np.int32)
            acc[low] = smlad(whole, low_bytes(pair), acc[low])
            taken = pair if raw else low_bytes(pair, 8)
            acc[high] = smlad(whole, taken, acc[high])
        if raw:
            acc[high] = wrapped(acc[high].astype(np.int64) - acc[low]) >> 8
    return np.concatenate(acc)


@settings(STABLE, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_stream(r: random.Random):
    rng = np.random.default_rng(r.randrange(1 << 30))
    group, outputs, depth = r.choice([2, 4, 8]), r.randint(1, 20), r.randint(1, 40)
    weights = rng.integers(-128, 128, (outputs, depth)).astype(np.int8)
    if r.random() < 0.3:
        weights = rng.choice([-128, -127, 0, 127], weights.shape).astype(np.int8)
    spread = r.choice([100, 1 << 20, (1 << 30) - 1])
    bias = rng.integers(-spread, spread + 1, outputs).astype(np.int32)
    bias[:: r.randint(1, 3)] //= r.choice([1, 1 << 12])
    zero_point = r.choice([-128, -1, 0, 5, 127])
    factors = rng.integers(-(1 << 31), 1 << 31, (outputs, r.randint(0, 3)))
    factors = factors.astype(np.int32)
    start = folded_bias(weights, bias, zero_point)
    made = stream(weights, start, factors, group)
    x = rng.choice([-128, 127, zero_point], depth).astype(np.int8)
    expected = start + weights.astype(np.int64) @ x.astype(np.int64)
    found = [sums(made, words, activations(x, depth)) for words in made.words]
    np.testing.assert_array_equal(np.concatenate(found)[:outputs], wrapped(expected))
    for c in range(outputs):
        g, place = divmod(c, group)
        at = made.factor_at(place)
        row = made.words[g, at : at + made.factors]
        np.testing.assert_array_equal(row, factors[c])
    assert made.words.shape[1] == made.factor_at(group)
    assert made.activations == -(-depth // QUAD) * 2


def limits(start: int) -> tuple[int, int]:
    """The range of a sum of 8 full products from `start`."""
    low, high = sum_range(np.full((1, 8), 127, np.int8), np.array([start]))
    return int(low[0]), int(high[0])


@pytest.mark.parametrize(
    ("even", "odd", "expected"),
    [
        (0, 0, Form.RAW),
        (RAW_LIMIT, 0, Form.RAW),
        (0, RAW_LIMIT, Form.SWAPPED),
        (-RAW_LIMIT, RAW_LIMIT, Form.PLAIN),
        (RAW_LIMIT, RAW_LIMIT - 1 - limits(0)[1], Form.RAW),
        (RAW_LIMIT, RAW_LIMIT - limits(0)[1], Form.PLAIN),
        (RAW_LIMIT, -RAW_LIMIT - limits(0)[0], Form.RAW),
        (RAW_LIMIT, -RAW_LIMIT - 1 - limits(0)[0], Form.PLAIN),
    ],
)
def test_forms(even: int, odd: int, expected: Form):
    weights = np.full((2, 8), 127, np.int8)
    factors = np.zeros((2, 0), np.int32)
    assert stream(weights, np.array([even, odd]), factors, 2).forms == (expected,)


def test_weights_of_minus_128():
    factors = np.zeros((2, 0), np.int32)
    for pair, expected in [
        ((-1, -128), Form.SWAPPED),
        ((0, -128), Form.RAW),
        ((-128, -128), Form.PLAIN),
    ]:
        weights = np.array(pair, np.int8)[:, None]
        assert stream(weights, np.zeros(2), factors, 2).forms == (expected,)
