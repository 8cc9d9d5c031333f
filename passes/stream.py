"""
Puts layers that follow one another into a stage that streams rows, or blocks of pixels.

Expects layers; `layers` of them from number `first` on become one `tinyml.stage`.
Their rows stream through rings, from each layer to the next, so that nothing is made
twice: `halo cache, recompute`. With `columns` vertical strips, what neighbouring
strips share is made in both. With a `block`, layers take as many columns at a time from
the layers before them, which need no whole rows then: `halo cache, cache`; in strips,
on the buffers inside. Guarantees that nothing but the last layer's output is seen
outside; fails where that is not so.

Before:

    tinyml.conv2d ins(%x : ...) outs(%a : ...) ...
    tinyml.conv2d ins(%a : ...) outs(%b : ...) ...

After `tinyml-stream{layers=2}`:

    tinyml.stage ins(%x : ...) outs(%b : ...) grid [1, 1] halo cache, recompute {
    ^bb0(%x_1: ..., %b_1: ...):
      %a = tinyml.alloc : ...
      tinyml.conv2d ins(%x_1 : ...) outs(%a : ...) ...
      tinyml.conv2d ins(%a : ...) outs(%b_1 : ...) ...
    }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.stage import HALO, Halo, HaloAttr, StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.make_stage import make_stage
from tinyml.passes.stage_plan import passed_by_rows


@dataclass(frozen=True)
class StreamPass(ModulePass):
    """Puts layers into a stage that streams rows, or blocks of pixels."""

    name = "tinyml-stream"

    layers: int
    """How many layers the stage has."""

    first: int = 0
    """The first of them, counted from 0."""

    columns: int = 1
    """Vertical strips."""

    block: int = 0
    """Columns at a time; 0 for whole rows."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        order = layers(network_function(op))
        end = self.first + self.layers
        if self.layers < 1 or not 0 <= self.first < end <= len(order):
            raise PassFailedException(
                f"there are no layers {self.first} to {end - 1}; the network has "
                f"{len(order)}"
            )
        make_stream(order[self.first : end], self.columns, self.block)


def make_stream(group: Sequence[LayerOp], columns: int, block: int) -> StageOp:
    """Moves layers into a stage of strips, fed by rows or by blocks of columns."""
    inner = Halo.CACHE if block else Halo.RECOMPUTE
    across = inner if columns == 1 else Halo.RECOMPUTE
    stage = make_stage(group, (1, columns), (Halo.CACHE, across), max(block, 1))
    if across is not inner:
        for alloc in stage.block.ops:
            if isinstance(alloc, AllocOp):
                kept = [HaloAttr(Halo.CACHE), HaloAttr(inner)]
                alloc.attributes[HALO] = ArrayAttr(kept)
    for alloc in stage.block.ops if block else ():
        if isinstance(alloc, AllocOp) and passed_by_rows(alloc.buffer):
            kept = [HaloAttr(Halo.CACHE), HaloAttr(Halo.RECOMPUTE)]
            alloc.attributes[HALO] = ArrayAttr(kept)
    return stage
