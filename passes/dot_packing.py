"""
Weights of a convolution in the order in which a dual multiply-accumulate takes them.

Pure functions on arrays. Four output channels make a group; the two of a pair share the
words of their weights. A word of activations holds two of them as 16 bits, elements 0
and 2 or 1 and 3 of four that follow one another, which is how SXTB16 takes them apart.

In the *raw* form a half of a word of weights is `c0 + 256 * c1`. SMLAD with the word as
it is gives `S0 + 256 * S1`, with its low bytes (SXTB16) `S0`, so two channels need one
instruction less; `S1` is exact where it fits into 24 bits. Else the word holds the
bytes of both, and SXTB16 takes out either.

Source: the instructions' definitions; the raw form is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GROUP = 4
"""Output channels that are computed together."""

QUAD = 4
"""Elements that are widened together."""

RAW_LIMIT = 1 << 23
"""Sums of the second channel of a raw pair are below it, and not below its negative."""


def padded(count: int, unit: int) -> int:
    return -(-count // unit) * unit


@dataclass(frozen=True)
class Packed:
    """
    The words of all groups, one group after the other: the start values of the group's
    sums, then for each word of activations one of the first pair and one of the second.
    """

    words: np.ndarray
    """int32 [groups, 4 + 2 * pairs]."""
    raw: bool

    @property
    def pairs(self) -> int:
        """Words of activations that a sum takes."""
        return (self.words.shape[1] - GROUP) // 2


def segments(weights: np.ndarray, length: int) -> np.ndarray:
    """
    Filters [outputs, elements] whose elements come in segments of `length`, each filled
    up with zeros to whole quads.
    """
    outputs = weights.shape[0]
    parts = weights.reshape(outputs, -1, length)
    fill = padded(length, QUAD) - length
    return np.pad(parts, ((0, 0), (0, 0), (0, fill))).reshape(outputs, -1)


def folded_bias(weights: np.ndarray, bias: np.ndarray, zero_point: int) -> np.ndarray:
    """What a sum of products with raw activations starts from. int64."""
    return bias.astype(np.int64) - zero_point * weights.sum(1, dtype=np.int64)


def sum_range(weights: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest sum of each output, for activations of any bytes."""
    wide = weights.astype(np.int64)
    ends = np.stack([wide * -128, wide * 127])
    return start + ends.min(0).sum(1), start + ends.max(0).sum(1)


def can_be_raw(weights: np.ndarray, start: np.ndarray) -> bool:
    """Whether the second channel of each pair fits: its sums, and its halves."""
    low, high = sum_range(weights, start)
    first, second = weights[0::2].astype(np.int64), weights[1::2].astype(np.int64)
    halves = first + 256 * second
    fits = (low[1::2] >= -RAW_LIMIT).all() and (high[1::2] < RAW_LIMIT).all()
    return bool(fits and (halves >= -(1 << 15)).all() and (halves < 1 << 15).all())


def pack(weights: np.ndarray, bias: np.ndarray, zero_point: int, length: int) -> Packed:
    """
    Filters int8 [outputs, elements], whose elements come in segments of `length`, with
    biases int32 [outputs], for activations with a zero point.
    """
    start = folded_bias(weights, bias, zero_point)
    outputs = weights.shape[0]
    more = padded(outputs, GROUP) - outputs
    filters = np.pad(segments(weights, length), ((0, more), (0, 0)))
    start = np.pad(start, (0, more))
    raw = can_be_raw(filters, start)
    first, second = filters[0::2].astype(np.int64), filters[1::2].astype(np.int64)
    if raw:
        halves = (first + 256 * second) & 0xFFFF
    else:
        halves = (first & 0xFF) | ((second & 0xFF) << 8)
    quads = halves.reshape(len(halves), -1, QUAD)
    # Elements 0 and 2, then 1 and 3.
    even = quads[:, :, 0] | (quads[:, :, 2] << 16)
    odd = quads[:, :, 1] | (quads[:, :, 3] << 16)
    words = np.stack([even, odd], 2).reshape(len(halves), -1)
    groups = words.reshape(-1, 2, words.shape[1]).transpose(0, 2, 1)
    if raw:
        start[1::2] = start[0::2] + 256 * start[1::2]
    starts = start.reshape(-1, GROUP) & 0xFFFFFFFF
    stream = np.concatenate([starts, groups.reshape(len(groups), -1)], 1)
    return Packed(stream.astype(np.uint32).view(np.int32), raw)
