"""The order of a window; and what instructions make of words, for other tests."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import STABLE

from tinyml.passes.dot_packing import QUAD, ordered, padded, window_order


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


@settings(STABLE, max_examples=150)
@given(st.integers(1, 6), st.integers(1, 13))
def test_window_order(count: int, length: int):
    order = window_order(count, length)
    assert len(order) % QUAD == 0
    assert len(order) - count * length < QUAD
    kept = order[order >= 0]
    np.testing.assert_array_equal(np.sort(kept), np.arange(count * length))
    weights = np.arange(1, count * length + 1).reshape(1, -1)
    found = ordered(weights, order)[0]
    np.testing.assert_array_equal(found[order >= 0], kept + 1)
    assert not found[order < 0].any()
    # The quads of a segment are one behind the other.
    whole = length // QUAD * QUAD
    for segment in range(count):
        first = order[segment * whole : (segment + 1) * whole]
        np.testing.assert_array_equal(first, segment * length + np.arange(whole))
