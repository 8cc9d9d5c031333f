"""
Puts the first layers of a network into a stage of patches, as MCUNetV2 does.

Expects layers; the first `layers` of them, whose rows and columns have to be made of
rows and columns, become one `tinyml.stage` of `rows` times `columns` tiles that share
nothing (`halo recompute, recompute`). Guarantees that nothing but the last of these
layers' output is seen outside; fails where that is not so.

Before:

    tinyml.conv2d ins(%x : ...) outs(%a : ...) ...
    tinyml.conv2d ins(%a : ...) outs(%b : ...) ...

After `tinyml-patch{layers=2 rows=4 columns=4}`:

    tinyml.stage ins(%x : ...) outs(%b : ...) grid [4, 4] halo recompute, recompute {
    ^bb0(%x_1: ..., %b_1: ...):
      %a = tinyml.alloc : ...
      tinyml.conv2d ins(%x_1 : ...) outs(%a : ...) ...
      tinyml.conv2d ins(%a : ...) outs(%b_1 : ...) ...
    }
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.network import layers, network_function
from tinyml.dialects.stage import Halo
from tinyml.passes.make_stage import make_stage
from tinyml.passes.stage_graph import spatial_prefix


@dataclass(frozen=True)
class PatchPass(ModulePass):
    """Puts the first layers of a network into a stage of patches, as MCUNetV2 does."""

    name = "tinyml-patch"

    layers: int
    """How many layers the stage has."""

    rows: int = 4
    """Patches along the height."""

    columns: int = 4
    """Patches along the width."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        prefix = spatial_prefix(layers(network_function(op)))
        if not 1 <= self.layers <= len(prefix):
            raise PassFailedException(
                f"{self.layers} layers do not make a stage; the first {len(prefix)} do"
            )
        halo = Halo.RECOMPUTE, Halo.RECOMPUTE
        make_stage(prefix[: self.layers], (self.rows, self.columns), halo)
