"""
The constants of dot products as one stream of words, in the order in which they are
taken.

Pure functions on arrays. `group` output channels, an even number of them, are computed
together. The stream has for each group

    start     `group` words: the start values of its sums
    weights   for each word of activations `group / 2` words, one for a pair of channels
    factors   what requantizes each channel: the rows of `factors`, one after the other

Start values and factors are in the order of the channels. A word of activations holds
elements 0 and 2 of four that follow one another, the next word 1 and 3, which is how
SXTB16 takes bytes apart.

    made = stream(weights, start, factors, group)
    made.words[g]                              # int32: the stream of group g
    low, high = made.pair(i)                   # channels of the group in weight word i

A kernel multiplies with the low bytes of a word (SXTB16) into the sum of `low`. For
`high` it takes the word as it is where `made.raw(i)` holds, and in the end
`(sum of high - sum of low) >> 8`; else its high bytes (SXTB16 with rotation by 8).

A half of a raw word is `low + 256 * high`, and SMLAD with it gives `S0 + 256 * S1`: two
channels need one instruction less. `S1` is exact where it fits into 24 bits. Where only
one channel of a pair fits, that one is `high`.

Source: the instructions' definitions; the raw form is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.utils.str_enum import StrEnum

from tinyml.passes.dot_packing import QUAD, RAW_LIMIT, padded, sum_range


class Form(StrEnum):
    """What the halves of a word hold of the weights of an even and an odd channel."""

    RAW = "raw"
    """`even + 256 * odd`."""
    SWAPPED = "swapped"
    """`odd + 256 * even`."""
    PLAIN = "plain"
    """The two bytes."""


@dataclass(frozen=True)
class Stream:
    """The streams of all groups, and how their words of weights are to be read."""

    words: np.ndarray
    """int32 [groups, words of a group]."""
    group: int
    forms: tuple[Form, ...]
    """Of each pair of channels, the same in all groups."""
    factors: int
    """Words that requantize a channel."""

    @property
    def activations(self) -> int:
        """Words of activations that a sum takes."""
        weights = self.words.shape[1] - self.group * (1 + self.factors)
        return weights // (self.group // 2)

    def pair(self, number: int) -> tuple[int, int]:
        """The channels in the low and in the high bytes of a word of weights."""
        even = 2 * number
        swapped = self.forms[number] is Form.SWAPPED
        return (even + 1, even) if swapped else (even, even + 1)

    def raw(self, number: int) -> bool:
        return self.forms[number] is not Form.PLAIN

    # Places of words in the stream of a group

    def weight_at(self, activation: int, number: int) -> int:
        """The weights of a pair of channels for a word of activations."""
        return self.group + activation * (self.group // 2) + number

    def factor_at(self, channel: int) -> int:
        """The first of the words that requantize a channel."""
        return self.weight_at(self.activations, 0) + channel * self.factors


def fits_raw(low: np.ndarray, high: np.ndarray, high_start: np.ndarray) -> bool:
    """Whether channels of weights `high` [channels, elements] can be high ones."""
    least, most = sum_range(high, high_start)
    halves = low.astype(np.int64) + 256 * high.astype(np.int64)
    exact = (least >= -RAW_LIMIT).all() and (most < RAW_LIMIT).all()
    return bool(exact and (halves >= -(1 << 15)).all() and (halves < 1 << 15).all())


def form(weights: np.ndarray, start: np.ndarray) -> Form:
    """Of pairs of channels: weights [groups, 2, elements], start [groups, 2]."""
    even, odd = weights[:, 0], weights[:, 1]
    if fits_raw(even, odd, start[:, 1]):
        return Form.RAW
    return Form.SWAPPED if fits_raw(odd, even, start[:, 0]) else Form.PLAIN


def paired(weights: np.ndarray, form: Form) -> np.ndarray:
    """Words [groups, activations] of pairs of channels [groups, 2, elements]."""
    even, odd = weights[:, 0].astype(np.int64), weights[:, 1].astype(np.int64)
    match form:
        case Form.RAW:
            halves = even + 256 * odd
        case Form.SWAPPED:
            halves = odd + 256 * even
        case Form.PLAIN:
            halves = (even & 0xFF) | (odd & 0xFF) << 8
    quads = (halves & 0xFFFF).reshape(len(halves), -1, QUAD)
    words = quads[:, :, :2] | quads[:, :, 2:] << 16
    return words.reshape(len(halves), -1)


def stream(
    weights: np.ndarray,
    start: np.ndarray,
    factors: np.ndarray,
    group: int,
    alike: bool = False,
) -> Stream:
    """
    Filters int8 [outputs, elements], filled up with zeros to whole quads, start values
    of their sums int64 [outputs] (`folded_bias`), and factors int32 [outputs, any].
    Forms that have to be `alike` are all raw, or all plain.
    """
    outputs = len(weights)
    more = (0, padded(outputs, group) - outputs)
    fill = padded(weights.shape[1], QUAD) - weights.shape[1]
    filters = np.pad(weights, (more, (0, fill))).reshape(
        -1, group // 2, 2, fill + weights.shape[1]
    )
    starts = np.pad(start.astype(np.int64), more).reshape(-1, group // 2, 2)
    tail = np.pad(factors, (more, (0, 0))).reshape(len(filters), -1)
    forms = tuple(form(filters[:, i], starts[:, i]) for i in range(group // 2))
    if alike and any(way is not Form.RAW for way in forms):
        forms = (Form.PLAIN,) * len(forms)
    for i, way in enumerate(forms):
        if way is not Form.PLAIN:
            low, high = (1, 0) if way is Form.SWAPPED else (0, 1)
            starts[:, i, high] = starts[:, i, low] + 256 * starts[:, i, high]
    pairs = [paired(filters[:, i], way) for i, way in enumerate(forms)]
    parts = [
        starts.reshape(len(starts), -1),
        np.stack(pairs, 2).reshape(len(starts), -1),
        tail.astype(np.int64),
    ]
    words = np.concatenate(parts, 1) & 0xFFFFFFFF
    return Stream(
        words.astype(np.uint32).view(np.int32), group, forms, factors.shape[1]
    )
