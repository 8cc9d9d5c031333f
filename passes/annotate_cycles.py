"""
Annotates layers with the cycles that their kernels are estimated to take on a core.

Expects layers whose kernels are chosen, in stages or not. Guarantees `tinyml.cycles` on
every layer whose kernel has known costs (`kernel_costs.py`), and on no other. Layers of
a stage count as whole ones, as often as they are computed; a stage takes what they
take, and what it does besides is not counted.

Before: `tinyml.conv2d ins(%x : ...) outs(%y : ...) ...`
After: the same with `{tinyml.cycles = 123456 : i64}`

The numbers are estimates, fitted to simulated runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.stage import StageOp
from tinyml.passes.kernel_costs import CYCLES, cycles
from tinyml.passes.stage_plan import planned_stage


@dataclass(frozen=True)
class AnnotateCyclesPass(ModulePass):
    """Annotates layers with the cycles that they are estimated to take."""

    name = "tinyml-annotate-cycles"

    core: Literal["cortex-m4", "cortex-m7"]
    """Whose costs count."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if isinstance(layer, StageOp):
                annotate(layer, self.stage_cycles(layer))
            else:
                annotate(layer, rounded(cycles(layer, self.core)))

    def stage_cycles(self, stage: StageOp) -> int | None:
        """The sum over a stage's layers, annotated; None if one is not known."""
        schedule = planned_stage(stage).schedule
        total: int | None = 0
        graph = schedule.graph
        for layer, node in zip(stage.layers, graph.layers, strict=True):
            taken = cycles(layer, self.core)
            if taken is not None:
                made, all = schedule.pixels_made(node.output), graph.sizes[node.output]
                taken *= made / prod(all)
            known = rounded(taken)
            annotate(layer, known)
            total = None if total is None or known is None else total + known
        return total


def rounded(taken: float | None) -> int | None:
    return None if taken is None else round(taken)


def annotate(layer: LayerOp, taken: int | None) -> None:
    """Notes cycles on a layer, or that they are not known."""
    layer.attributes.pop(CYCLES, None)
    if taken is not None:
        layer.attributes[CYCLES] = IntegerAttr(taken, i64)
