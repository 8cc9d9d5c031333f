"""
Winograd's minimal filtering F(2x2, 3x3) in integers: its transforms, and its weights in
the order in which a dual multiply-accumulate takes them.

Pure functions on arrays. A tile of 4x4 pixels makes 2x2 outputs. Where its transform
`DATA . tile . DATA^T` meets that of a filter, `FILTER . filter . FILTER^T`, there are
16 products to be summed over the channels; `RESULT . sums . RESULT^T` is the tile's
outputs, times `SCALE`: FILTER is twice what is usual, along each axis, so that nothing
is halved.

Of bytes a transformed tile is in [-512, 510], a transformed filter in [-1152, 1147]:
both fit into halves of words. Sums may wrap around 2^32 on the way; the result is exact
where `SCALE` times the sum of the products of each filter fits into 32 bits (`fits`).
That holds for any weights of up to 3640 input channels.

A *group* of four output channels takes the products of one place after the other: the
places of a column from the third row up to the first (`ROWS`), then the last one,
negated, so that sums pass from one to the next (`passes/loops/winograd.py`). Channels
come in *turns*. A word of activations has two of four channels that follow one another,
0 and 2, the next 1 and 3, as SXTB16 takes bytes apart. The stream of a group:

    weights   for each column, row, turn and word of activations four words, one for
              each output channel
    results   for each channel what is added to its sums, and what requantizes it: the
              row of `factors`

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015; the
form in integers is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml.passes.dot_packing import GROUP, QUAD, padded, sum_range

TILE = 4
"""Pixels of a tile along an axis."""

OUTPUTS = 2
"""Outputs of a tile along an axis."""

KERNEL = 3

DATA = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
FILTER = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
RESULT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])

SCALE_BITS = 2
SCALE = 1 << SCALE_BITS
"""What results are too large by."""

ROWS = (2, 1, 0, 3)
"""In which order the places of a column are taken."""

MOST_WORDS = 16
"""Words of activations that a turn takes at most."""


@dataclass(frozen=True)
class Turns:
    """How the channels of an input are taken: so many words in each of some turns."""

    words: int
    count: int

    @property
    def channels(self) -> int:
        """With those that are there to fill up the last turn."""
        return 2 * self.words * self.count

    @staticmethod
    def of(channels: int) -> Turns:
        """
        The turns that take the least time: a turn has as much overhead as half of a
        word.
        """
        needed = padded(channels, QUAD) // 2
        sizes = range(2, MOST_WORDS + 1, 2)
        found = [Turns(size, -(-needed // size)) for size in sizes]
        return min(found, key=lambda turns: turns.count * (2 * turns.words + 1))


@dataclass(frozen=True)
class WinogradStream:
    """The streams of all groups."""

    words: np.ndarray
    """int32 [groups, words of a group]."""
    turns: Turns
    factors: int
    """Words that requantize a channel."""

    # Places of words in the stream of a group

    def weight_at(self, column: int, row: int, turn: int, word: int) -> int:
        """
        The first of four weights; `row` counts in the order of ROWS. It is linear in
        all of them.
        """
        place = (column * TILE + row) * self.turns.count + turn
        return (place * self.turns.words + word) * GROUP

    def start_at(self, channel: int) -> int:
        """What is added to the sums of a channel; its factors are behind that."""
        return self.weight_at(TILE, 0, 0, 0) + channel * (1 + self.factors)


def fits(weights: np.ndarray) -> bool:
    """Whether sums of filters [outputs, elements] with any bytes can be scaled."""
    least, most = sum_range(weights, np.zeros(len(weights), np.int64))
    limit = 1 << 31
    return bool((SCALE * least >= -limit).all() and (SCALE * most < limit).all())


def transformed(filters: np.ndarray) -> np.ndarray:
    """Filters [outputs, 3, 3, inputs] as int64 [4, 4, outputs, inputs]."""
    return np.einsum("iy,jx,oyxc->ijoc", FILTER, FILTER, filters.astype(np.int64))


def winograd_stream(
    filters: np.ndarray, start: np.ndarray, factors: np.ndarray
) -> WinogradStream:
    """
    Filters int8 [outputs, 3, 3, inputs], start values of their sums int64 [outputs]
    (`folded_bias`), and factors int32 [outputs, any].
    """
    outputs, _, _, inputs = filters.shape
    turns = Turns.of(inputs)
    more = (0, padded(outputs, GROUP) - outputs)
    places = transformed(filters)[list(ROWS)]
    places[-1] *= -1
    fill = (0, turns.channels - inputs)
    places = np.pad(places, ((0, 0), (0, 0), more, fill)) & 0xFFFF
    quads = places.reshape(*places.shape[:3], -1, QUAD)
    words = quads[..., :2] | quads[..., 2:] << 16
    rows, columns, channels = places.shape[:3]
    groups = words.reshape(rows, columns, channels // GROUP, GROUP, -1)
    results = np.pad(np.column_stack([start, factors]), (more, (0, 0)))
    parts = [
        groups.transpose(2, 1, 0, 4, 3).reshape(channels // GROUP, -1),
        results.reshape(channels // GROUP, -1),
    ]
    whole = np.concatenate(parts, 1) & 0xFFFFFFFF
    return WinogradStream(
        whole.astype(np.uint32).view(np.int32), turns, factors.shape[1]
    )
