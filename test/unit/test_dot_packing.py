"""Packed weights give, with the instructions that read them, the sums of the layer."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE

from tinyml.passes.dot_packing import GROUP, QUAD, Packed, pack, padded


def half(word: np.ndarray, top: bool) -> np.ndarray:
    """A signed half of words."""
    return (word >> 16 if top else (word & 0xFFFF) ^ 0x8000) - (0 if top else 0x8000)


def low_bytes(word: np.ndarray, rotate: int = 0) -> np.ndarray:
    """SXTB16: bytes 0 and 2, or 1 and 3, as signed halves."""
    wide = word.astype(np.int64) >> rotate
    a, b = (((wide >> shift & 0xFF) ^ 0x80) - 0x80 for shift in (0, 16))
    return wrapped((a & 0xFFFF) | (b << 16))


def wrapped(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.int64).astype(np.uint32).view(np.int32)


def smlad(a: np.ndarray, b: np.ndarray, acc: np.ndarray) -> np.ndarray:
    wide = [n.astype(np.int64) for n in (a, b, acc)]
    products = (half(wide[0], top) * half(wide[1], top) for top in (False, True))
    return wrapped(sum(products, wide[2]) & 0xFFFFFFFF)


def activations(x: np.ndarray, length: int) -> np.ndarray:
    """Words of activations as the kernel widens them."""
    fill = padded(length, QUAD) - length
    quads = np.pad(x.reshape(-1, length), ((0, 0), (0, fill))).reshape(-1, QUAD)
    halves = quads.astype(np.int64) & 0xFFFF
    even, odd = (halves[:, i] | (halves[:, i + 2] << 16) for i in (0, 1))
    return wrapped(np.stack([even, odd], 1).reshape(-1))


def sums(packed: Packed, x: np.ndarray) -> np.ndarray:
    """All sums for one pixel, as the kernel computes them."""
    found: list[np.ndarray] = []
    for group in packed.words:
        acc = group[:GROUP].copy()
        weights = group[GROUP:].reshape(-1, 2)
        for word, pair in zip(x, weights, strict=True):
            whole = np.full(2, word, np.int32)
            low = low_bytes(pair)
            high = pair if packed.raw else low_bytes(pair, 8)
            acc[1::2] = smlad(whole, high, acc[1::2])
            acc[0::2] = smlad(whole, low, acc[0::2])
        if packed.raw:
            acc[1::2] = wrapped(acc[1::2].astype(np.int64) - acc[0::2]) >> 8
        found.append(acc)
    return np.concatenate(found)


@settings(STABLE, max_examples=150)
@given(st.randoms(use_true_random=False))
def test_sums(r: random.Random):
    length, parts, outputs = r.randint(1, 9), r.randint(1, 4), r.randint(1, 9)
    shape = outputs, parts * length
    rng = np.random.default_rng(r.randrange(1 << 30))
    weights = rng.integers(-128, 128, shape).astype(np.int8)
    if r.random() < 0.3:
        weights = rng.choice([-128, -127, 0, 127], shape).astype(np.int8)
    spread = r.choice([100, 1 << 20, (1 << 30) - 1])
    bias = rng.integers(-spread, spread + 1, outputs).astype(np.int32)
    zero_point = r.choice([-128, -1, 0, 5, 127])
    x = rng.choice([-128, 127, zero_point], shape[1]).astype(np.int8)
    packed = pack(weights, bias, zero_point, length)
    expected = bias + (
        weights.astype(np.int64) * (x.astype(np.int64) - zero_point)
    ).sum(1)
    found = sums(packed, activations(x, length))
    np.testing.assert_array_equal(found[:outputs], wrapped(expected))
    np.testing.assert_array_equal(found[outputs:], 0)


@pytest.mark.parametrize(
    "weights, bias, raw",
    [
        ([[1], [2]], [0, 0], True),
        # 256 * -128 + -1 is not a signed half.
        ([[-1], [-128]], [0, 0], False),
        ([[1], [-128]], [0, 0], True),
        # The second sum has to fit into 24 bits, the first need not.
        ([[1], [2]], [1 << 24, 0], True),
        ([[1], [2]], [0, (1 << 23) - 254], False),
        ([[1], [2]], [0, (1 << 23) - 255], True),
    ],
)
def test_raw_form(weights: list[list[int]], bias: list[int], raw: bool):
    packed = pack(np.array(weights, np.int8), np.array(bias, np.int32), 0, 1)
    assert packed.raw == raw
    assert packed.pairs == 2
