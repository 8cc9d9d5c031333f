"""
Weights of a convolution in the order in which a dual multiply-accumulate takes them.

Pure functions on arrays. A word of activations holds two of them as 16 bits, elements 0
and 2 or 1 and 3 of four that follow one another, which is how SXTB16 takes them apart.
"""

from __future__ import annotations

import numpy as np

GROUP = 4
"""Output channels that are computed together."""

QUAD = 4
"""Elements that are widened together."""

RAW_LIMIT = 1 << 23
"""Sums of the second channel of a raw pair are below it, and not below its negative."""


def padded(count: int, unit: int) -> int:
    return -(-count // unit) * unit


def window_order(count: int, length: int) -> np.ndarray:
    """
    The elements of a window of `count` segments in the order of its quads: first the
    whole quads of each segment, then what is left over of all; -1 fills up the last.
    """
    elements = np.arange(count * length).reshape(count, length)
    whole = length // QUAD * QUAD
    left = elements[:, whole:].reshape(-1)
    fill = np.full(padded(len(left), QUAD) - len(left), -1)
    return np.concatenate([elements[:, :whole].reshape(-1), left, fill])


def ordered(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Filters [outputs, elements] in an order; zeros for elements that are -1."""
    return np.where(order >= 0, weights[:, order], np.zeros_like(weights[:, :1]))


def folded_bias(weights: np.ndarray, bias: np.ndarray, zero_point: int) -> np.ndarray:
    """What a sum of products with raw activations starts from. int64."""
    return bias.astype(np.int64) - zero_point * weights.sum(1, dtype=np.int64)


def sum_range(weights: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest sum of each output, for activations of any bytes."""
    wide = weights.astype(np.int64)
    ends = np.stack([wide * -128, wide * 127])
    return start + ends.min(0).sum(1), start + ends.max(0).sum(1)
