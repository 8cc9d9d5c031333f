"""
How a convolution is computed by Winograd's minimal filtering: sizes, all of them known
beforehand.

Outputs are made two by two in tiles, of which some side by side are a *block*. Where
that does not come out even the last blocks begin earlier, and make outputs again.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import GROUP
from tinyml.passes.loops.high_products import filters
from tinyml.passes.winograd_packing import KERNEL, OUTPUTS, TILE, Turns, fits

TILES = 2
"""Tiles that are computed together."""

WORD = 4
"""Bytes."""


@dataclass(frozen=True)
class WinogradPlan:
    """How the outputs of a convolution are divided, and what scratch memory holds."""

    turns: Turns
    tiles: int
    """Tiles side by side that are computed together."""

    @staticmethod
    def of(op: Conv2DOp) -> WinogradPlan:
        tiles = min(TILES, shape(op.output)[2] // OUTPUTS)
        return WinogradPlan(Turns.of(shape(op.input)[3]), tiles)

    @property
    def outputs(self) -> int:
        """Columns of outputs that are made together."""
        return self.tiles * OUTPUTS

    @property
    def columns(self) -> int:
        """Columns of the input that these see."""
        return self.outputs + KERNEL - 1

    def starts(self, size: int, along_w: bool) -> list[int]:
        """Where blocks start along an axis of so many outputs."""
        step = self.outputs if along_w else OUTPUTS
        return [min(start, size - step) for start in range(0, size, step)]

    # Bytes of scratch memory

    @property
    def transformed(self) -> int:
        words = TILE * TILE * self.turns.channels // 2
        return words * self.tiles * WORD

    @property
    def patch(self) -> int:
        return TILE * self.columns * self.turns.channels

    @property
    def slot(self) -> int:
        """A sum for each tile and channel of a group."""
        return self.tiles * GROUP * WORD

    @property
    def sums(self) -> int:
        """Two for each column, and two on the way."""
        return (2 * TILE + 2) * self.slot

    @property
    def scratch(self) -> int:
        """When there are sums the patch is no longer needed."""
        return self.transformed + max(self.patch, self.sums)

    def place(self, column: int, row: int, turn: int, word: int) -> int:
        """
        A word of the transformed tiles, in bytes; linear, `row` in the order of ROWS.
        """
        number = (turn * TILE + column) * TILE + row
        return (number * self.turns.words + word) * self.tiles * WORD


def has_winograd(op: LayerOp) -> bool:
    """Whether there is such a kernel for a layer, which is exact."""
    if not isinstance(op, Conv2DOp) or op.group_count != 1:
        return False
    if any(
        (axis.kernel, axis.stride, axis.dilation) != (KERNEL, 1, 1)
        for axis in op.window.axes
    ):
        return False
    _, rows, columns, _ = shape(op.output)
    if rows < OUTPUTS or columns < OUTPUTS:
        return False
    return fits(filters(op))


def winograd_scratch(op: Conv2DOp) -> int:
    """Bytes of scratch memory of the kernel."""
    return WinogradPlan.of(op).scratch
