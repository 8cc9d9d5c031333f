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
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.stage import Halo, StageOp
from tinyml.dialects.tinyml import AllocOp
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


def make_stage(
    group: list[LayerOp], grid: tuple[int, int], halo: tuple[Halo, Halo]
) -> StageOp:
    """
    Moves layers that follow one another into a stage, with the buffers between them.
    Raises PassFailedException where a buffer between them is seen outside.
    """
    inside, last = set(group), group[-1]
    written = [layer.layer_output for layer in group]
    inputs: list[SSAValue] = []
    for layer in group:
        for value in layer.layer_inputs:
            if value not in written and value not in inputs:
                inputs.append(value)
    for layer in group[:-1]:
        value = layer.layer_output
        outside = [use for use in value.uses if use.operation not in inside]
        if outside or not isinstance(value.owner, AllocOp):
            raise PassFailedException(
                f"the output of {layer_name(layer)} is needed outside of the stage"
            )
    output = last.layer_output
    block = Block(arg_types=[value.type for value in (*inputs, output)])
    stage = StageOp(inputs, output, grid, halo, Region(block))
    stage.location = last.location
    Rewriter.insert_op(stage, InsertPoint.after(last))
    for value, argument in zip((*inputs, output), block.args, strict=True):
        argument.name_hint = value.name_hint
        value.replace_uses_with_if(argument, lambda use: use.operation in inside)
    for layer in group[:-1]:
        alloc = layer.layer_output.owner
        assert isinstance(alloc, AllocOp)
        alloc.detach()
        block.add_op(alloc)
    for layer in group:
        layer.detach()
        block.add_op(layer)
    return stage
