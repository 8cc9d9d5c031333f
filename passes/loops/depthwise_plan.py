"""
How a depthwise convolution works on planar rows: sizes, all of them known beforehand.

The input of a few channels (*lanes*) is copied into scratch memory, each channel by
itself, as rows of 16-bit numbers with the zero point where padding is. So windows know
no border, and words of two neighbours can be multiplied at once. If the rows that all
outputs see fit into `ENOUGH` bytes, or into twice the least that is possible, all are
copied at once; else as many as that holds, and what the next rows of outputs need of
them moves to the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.layer import shape
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.loops.depthwise_taps import Pair, RowProducts, row_products

LANES = 4
"""Channels that a word of the input holds."""

ENOUGH = 2048
"""Bytes of scratch memory that are taken without need."""

HELD = 6
"""Words of weights that stay in registers; more are loaded where they are needed."""

HALF, WORD = 2, 4
"""Bytes."""


Tap = tuple[int, int]
"""A row and a column of the filter."""


@dataclass(frozen=True)
class Weights:
    """A channel's filter as words."""

    words: tuple[tuple[Tap, Tap | None], ...]
    """The taps in the lower and in the upper half."""
    places: dict[tuple[int, int], tuple[int, int]]
    """
    For each word of weights of each row of the filter which word it is, and in which
    half the only tap of such a word is.
    """


@dataclass(frozen=True)
class PlanarPlan:
    """The planar rows of a depthwise convolution, and what is done with them."""

    along_h: AxisAccess
    along_w: AxisAccess
    batch: int
    height: int
    width: int
    depth: int
    rows: int
    """Of outputs, as are columns."""
    columns: int
    multiplier: int
    """Outputs of a channel."""

    @classmethod
    def of(cls, op: DepthwiseConv2DOp) -> PlanarPlan:
        batch, height, width, depth = shape(op.input)
        _, rows, columns, _ = shape(op.output)
        window, multiplier = op.window.axes, op.depth_multiplier
        return cls(*window, batch, height, width, depth, rows, columns, multiplier)

    @property
    def lanes(self) -> int:
        return min(LANES, self.depth)

    # Tiles

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of outputs that are computed together."""
        h, w = self.along_h, self.along_w
        if (
            h.stride == w.stride == 1
            and 1 < h.kernel <= 3 >= w.kernel
            and self.rows > 1
        ):
            return 2, min(2, self.columns)
        return 1, min(4, self.columns)

    def products(self, columns: int) -> RowProducts:
        """Of a tile that may have fewer columns than others."""
        w = self.along_w
        return row_products(w.kernel, w.stride, w.dilation, columns, self.tile[1])

    @cached_property
    def row_weights(self) -> tuple[Pair, ...]:
        """The words of weights of a row of the filter."""
        return self.products(self.tile[1]).weights

    def packed(self, across_rows: bool) -> Weights:
        """
        The words of weights of a channel, row by row. Taps of two rows that are alone
        in a word may share one.
        """
        words: list[tuple[Tap, Tap | None]] = []
        places: dict[tuple[int, int], tuple[int, int]] = {}
        free: int | None = None
        for row in range(self.along_h.kernel):
            for i, (low, high) in enumerate(self.row_weights):
                if high is None and free is not None:
                    words[free] = words[free][0], (row, low)
                    places[row, i] = free, 1
                    free = None
                    continue
                if high is None and across_rows:
                    free = len(words)
                places[row, i] = len(words), 0
                words.append(((row, low), None if high is None else (row, high)))
        return Weights(tuple(words), places)

    @cached_property
    def weights(self) -> Weights:
        shared = self.packed(True)
        return shared if len(shared.words) <= HELD else self.packed(False)

    @property
    def holds_weights(self) -> bool:
        """Whether a channel's weights stay in registers."""
        return len(self.weights.words) <= HELD

    # Planar rows

    @property
    def row_bytes(self) -> int:
        """Of a planar row of one channel: whole words."""
        last = (self.columns - 1) * self.along_w.stride + self.along_w.extent
        return -(-last // 2) * WORD

    @property
    def all_lanes(self) -> int:
        """Bytes of a planar row of all channels at hand, one behind the other."""
        return self.row_bytes * self.lanes

    def planar_rows(self, outputs: int) -> int:
        """That so many rows of outputs see."""
        return (outputs - 1) * self.along_h.stride + self.along_h.extent

    def bytes(self, outputs: int) -> int:
        return self.planar_rows(outputs) * self.all_lanes

    @cached_property
    def step(self) -> int:
        """Rows of outputs that are computed from what is there at a time."""
        if self.bytes(self.rows) <= self.enough:
            return self.rows
        fitting = [
            step
            for step in range(self.tile[0], self.rows, self.tile[0])
            if self.bytes(step) <= self.enough
        ]
        whole = [step for step in fitting if self.rows % step == 0]
        most = fitting[-1]
        return whole[-1] if whole and 2 * whole[-1] >= most else most

    @property
    def enough(self) -> int:
        least = min(self.tile[0], self.rows)
        return max(ENOUGH, 2 * self.bytes(least))

    @property
    def is_whole(self) -> bool:
        """Whether all rows of a few channels are there at once."""
        return self.step == self.rows

    @property
    def kept(self) -> int:
        """Planar rows of one step that the next one sees again."""
        return max(0, self.along_h.extent - self.along_h.stride)

    @property
    def scratch(self) -> int:
        return self.bytes(self.step)

    # What is copied

    @property
    def copied_columns(self) -> int:
        """Columns of the input that a planar row has."""
        room = self.row_bytes // HALF - self.along_w.pad_before
        return max(0, min(self.width, room))

    def copied_rows(self, step: int) -> int:
        """How many rows of the input have been copied when step `step` computes."""
        outputs = min((step + 1) * self.step, self.rows)
        seen = self.planar_rows(outputs) - self.along_h.pad_before
        return max(0, min(self.height, seen))

    @cached_property
    def fits_in_place(self) -> bool:
        """
        Whether the output may take the input's place: each pixel is written when all
        of the input up to there has been copied.
        """
        if self.multiplier != 1:
            return False
        needed = self.copied_rows(self.rows)
        for n in range(self.batch):
            for step in range(-(-self.rows // self.step)):
                written = min((step + 1) * self.step, self.rows) * self.columns
                written += n * self.rows * self.columns
                rows = self.copied_rows(step)
                read = (n + 1) * self.height * self.width
                if rows < needed:
                    read -= (self.height - rows) * self.width
                elif n + 1 == self.batch:
                    continue
                if written > read:
                    return False
        return True
