"""
Annotates layers with their receptive fields, and with what patches would cost.

Expects layers; looks at those in front whose rows and columns are made of rows and
columns, or at the first `layers` of them, as one stage. Guarantees on each of them
`tinyml.receptive_field = array<i64: rows, columns>`, the part of the network's first
input that one output pixel sees, and `tinyml.step`, how far apart the parts of
neighbouring pixels lie; what exceeds the step is the halo. With `rows` times `columns`
tiles that share nothing, as MCUNetV2's patches, also `tinyml.tile = array<i64: rows,
columns>`, the largest tile of the layer's output, and `tinyml.patch_macs`, the
multiply-accumulates of all its tiles. Nothing else changes.

Before: `tinyml.conv2d ins(%x : ...) outs(%y : ...) ...`
After: the same with `{tinyml.receptive_field = array<i64: 3, 3>, tinyml.step =
array<i64: 2, 2>}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.network import layers, network_function
from tinyml.passes.geometry import (
    StageGraph,
    largest_tiles,
    layer_grid_work,
    receptive_field,
)
from tinyml.passes.stage_graph import spatial_prefix, stage_graph


@dataclass(frozen=True)
class AnnotateReceptiveFieldPass(ModulePass):
    """Annotates layers with receptive fields, and with what patches would cost."""

    name = "tinyml-annotate-receptive-field"

    layers: int = 0
    """How many layers the stage has; 0 for as many as can be in one."""

    rows: int = 1
    """Tiles of the stage's output along the height."""

    columns: int = 1
    """Tiles along the width."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        prefix = spatial_prefix(layers(network_function(op)))
        if self.layers > len(prefix):
            raise PassFailedException(
                f"{self.layers} layers do not make a stage; the first {len(prefix)} do"
            )
        stage = prefix[: self.layers or len(prefix)]
        if not stage:
            return
        graph, numbers = stage_graph(stage)
        grid = self.rows, self.columns
        for parts, size in zip(grid, graph.sizes[graph.output], strict=True):
            if not 1 <= parts <= size:
                raise PassFailedException(f"{parts} tiles do not divide {size} pixels")
        largest = largest_tiles(graph, grid)
        first = stage[0]
        # Where the first layer reads the network's input, that is what it writes.
        source = numbers[(*first.layer_inputs, first.layer_output)[0]]
        for number, layer in enumerate(stage):
            seen = StageGraph(graph.layers[: number + 1], graph.sizes)
            fields = [receptive_field(seen, axis, source) for axis in (0, 1)]
            layer.attributes["tinyml.receptive_field"] = array(
                *(f.size for f in fields)
            )
            layer.attributes["tinyml.step"] = array(*(f.step for f in fields))
            if grid == (1, 1):
                continue
            node = graph.layers[number]
            layer.attributes["tinyml.tile"] = array(*largest[node.output])
            work = layer_grid_work(graph, grid)[number]
            layer.attributes["tinyml.patch_macs"] = IntegerAttr(work, i64)


def array(*numbers: int) -> DenseArrayBase:
    return DenseArrayBase.from_list(i64, numbers)
