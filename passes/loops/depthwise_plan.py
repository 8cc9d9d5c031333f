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
from tinyml.passes.loops.depthwise_tiles import Tiles, best_tiles

LANES = 4
"""Channels that a word of the input holds."""

ENOUGH = 2048
"""Bytes of scratch memory that are taken without need."""

HALF, WORD = 2, 4
"""Bytes."""


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

    @cached_property
    def tiles(self) -> Tiles:
        """The tiles that its outputs are computed in."""
        return best_tiles(self.along_h, self.along_w, self.rows, self.columns)

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
        return self.tiles.planar_rows(outputs)

    def bytes(self, outputs: int) -> int:
        return self.planar_rows(outputs) * self.all_lanes

    @cached_property
    def step(self) -> int:
        """Rows of outputs that are computed from what is there at a time."""
        if self.bytes(self.rows) <= self.enough:
            return self.rows
        fitting = [
            step
            for step in range(self.tiles.high, self.rows, self.tiles.high)
            if self.bytes(step) <= self.enough
        ]
        whole = [step for step in fitting if self.rows % step == 0]
        most = fitting[-1]
        return whole[-1] if whole and 2 * whole[-1] >= most else most

    @property
    def enough(self) -> int:
        least = min(self.tiles.high, self.rows)
        return max(ENOUGH, 2 * self.bytes(least))

    @property
    def is_even(self) -> bool:
        """Whether all steps are equal, and consist of whole tiles."""
        return not self.rows % self.step and not self.step % self.tiles.high

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
