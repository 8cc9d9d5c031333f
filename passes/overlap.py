"""
Says of each layer how near its output may come to its inputs in the arena.

Expects layers; a kernel that `tinyml-select-kernels` has not chosen runs forwards.
Guarantees `tinyml.reuse` on each layer whose output may share bytes with an input, and
a remark with the reason where no input is such: the least distances at which no byte is
overwritten that is still to be read, derived from the order of the kernel's reads and
writes (`access_order.py`). Whether the input may be overwritten at all, because nobody
reads it later, is left to `tinyml-plan-memory`.

Before: `tinyml.conv2d ins(%x : ...) outs(%y : ...) ... {tinyml.kernel = ...<either>}`
After: the same with `tinyml.reuse = [#tinyml.reuse<in 0, below 560, above 544>]`

The idea is that of vMCU's segments and of diagonal memory optimisation, at the
granularity of one element. A layer of several inputs is offered forwards only, as one
traversal has to suit them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tinyml.dialects.kernel import REUSE, Method, ReuseAttr, Traversal, kernel_of
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.stage import StageOp
from tinyml.dialects.views import root
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.access_order import (
    STEPS,
    backward_steps,
    least_above,
    least_below,
)
from tinyml.passes.loops.depthwise_plan import PlanarPlan
from tinyml.passes.remarks import remark
from tinyml.passes.stage_plan import stage_below

LARGEST = 1 << 26
"""Elements of an output above which nothing is shared; no core has such an arena."""


def reuses(op: LayerOp) -> list[ReuseAttr]:
    """The inputs that the layer's output may share bytes with, and how."""
    kernel, size = kernel_of(op), buffer_bytes(buffer_type(op.layer_output))
    if kernel.traversal is Traversal.CHANNELS:
        assert isinstance(op, DepthwiseConv2DOp)
        if kernel.method is Method.PLANAR and not PlanarPlan.of(op).fits_in_place:
            return []
        return [ReuseAttr.get(0, size, buffer_bytes(buffer_type(op.operands[0])), True)]
    if isinstance(op, StageOp):
        return stage_reuses(op)
    if type(op) not in STEPS or prod(shape(op.layer_output)) > LARGEST:
        return []
    steps, found = STEPS[type(op)](op), list[ReuseAttr]()
    forward = kernel.traversal is not Traversal.BACKWARD
    backward = kernel.traversal is not Traversal.FORWARD and len(steps.reads) == 1
    for index, value in enumerate(op.layer_inputs):
        input_size = buffer_bytes(buffer_type(value))
        elements = index, element_size(value), element_size(op.layer_output)
        below = least_below(steps, *elements) if forward else size
        above = input_size
        if backward:
            above = least_above(backward_steps(op), *elements)
        below, above = (
            max(-input_size, min(below, size)),
            max(-size, min(above, input_size)),
        )
        if below < size or above < input_size:
            found.append(ReuseAttr.get(index, below, above))
    return found


def stage_reuses(op: StageOp) -> list[ReuseAttr]:
    """The same of a stage, which runs forwards."""
    size = buffer_bytes(buffer_type(op.output))
    found: list[ReuseAttr] = []
    for index, value in enumerate(op.layer_inputs):
        input_size = buffer_bytes(buffer_type(value))
        below = stage_below(op, index)
        below = -input_size if below is None else max(-input_size, min(below, size))
        if below < size:
            found.append(ReuseAttr.get(index, below, input_size))
    return found


def element_size(value: SSAValue) -> int:
    """Bytes of an element of a buffer."""
    return buffer_bytes(buffer_type(value)) // buffer_type(value).element_count()


def refusal(op: LayerOp) -> str | None:
    """Why the output of a layer shares no bytes with an input."""
    sources = [root(value).owner for value in op.layer_inputs]
    if all(isinstance(source, memref.GetGlobalOp) for source in sources):
        return None
    if kernel_of(op).method is Method.PLANAR:
        return "no overlap: the planar kernel writes over rows that it still reads"
    if isinstance(op, StageOp):
        return "no overlap: the stage reads to its end what it starts to overwrite"
    if type(op) not in STEPS:
        return f"no overlap: {op.name} does not read in the order in which it writes"
    if prod(shape(op.layer_output)) > LARGEST:
        return f"no overlap: the output has more than {LARGEST} elements"
    return "no overlap: bytes are read up to the end that are written at the start"


@dataclass(frozen=True)
class OverlapPass(ModulePass):
    """Says of each layer how near its output may come to its inputs in the arena."""

    name = "tinyml-overlap"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if found := reuses(layer):
                layer.attributes[REUSE] = ArrayAttr(found)
            else:
                layer.attributes.pop(REUSE, None)
            remark(layer, self.name, None if found else refusal(layer))
