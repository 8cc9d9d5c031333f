"""
Gives every buffer of a network its offset in one arena.

Expects a network of layers on `tinyml.alloc` buffers. Guarantees `at` on each alloc,
`tinyml.at` on each input and output argument, `tinyml.scratch_at` on each layer whose
kernel has scratch memory, and on the function `tinyml.arena_bytes` and what no plan of
the same layers could fall below, `tinyml.lower_bound`. Buffers that live at the same
time share no byte, but a layer's output and an input that nobody reads later share as
many as the layer's `tinyml.reuse` allows (`tinyml-overlap`); a kernel that may run in
`either` direction gets the one that suits. With `strategy=optimal`, `tinyml.plan` says
what was proven: that the arena is `optimal`, or `bound N`, a number of bytes that no
plan of the same layers can be below. With `strategy=separate` no two share any, so that
every tensor is there when the network has run.

Before: `%y = tinyml.alloc : memref<4xi8>`
After:  `%y = tinyml.alloc at 8 : memref<4xi8>`

Offsets that are already there are planned anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.kernel import (
    KERNEL,
    KernelAttr,
    Traversal,
    kernel_of,
    reuses_of,
)
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root
from tinyml.passes.arena import (
    arena_size,
    lower_bound,
    place_greedily,
    place_separately,
)
from tinyml.passes.kernel_scratch import SCRATCH_AT
from tinyml.passes.memory_demand import memory_demand
from tinyml.passes.optimal_plan import Problem, place_optimally


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Gives every buffer of a network its offset in one arena."""

    name = "tinyml-plan-memory"

    strategy: Literal["greedy", "optimal", "separate"] = "greedy"
    """
    `greedy` shares bytes between lives; `optimal` searches for a smaller arena until
    none can be; `separate` shares none.
    """

    alignment: int = 4
    """
    Every offset is a multiple of this many bytes, a power of two, and of the size of
    the buffer's elements.
    """

    nodes: int = 2_000
    """
    Decisions that `optimal` takes for each arena that it tries, before it is cut short.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.alignment < 1 or self.alignment & (self.alignment - 1):
            raise PassFailedException(
                f"alignment {self.alignment} is not a power of two"
            )
        function = network_function(op)
        demand = memory_demand(function)
        ranges, order = demand.ranges, layers(function)
        if self.strategy == "separate":
            offsets = place_separately(ranges, self.alignment)
            bound = arena_size(ranges, offsets)
        elif self.strategy == "optimal":
            plan = place_optimally(
                ranges, self.alignment, demand.allowances, self.nodes
            )
            offsets, bound = plan.offsets, plan.bound
        else:
            problem = Problem.of(ranges, demand.allowances, self.alignment)
            offsets = place_greedily(
                ranges, self.alignment, demand.allowances, enough=problem.bound()
            )
            bound = lower_bound(ranges, demand.allowances)
        at = {value: offsets[number] for value, number in demand.buffers.items()}
        for value, offset in at.items():
            if isinstance(alloc := value.owner, AllocOp):
                alloc.properties["at"] = IntegerAttr(offset, i64)
        for layer, number in demand.scratch.items():
            layer.attributes[SCRATCH_AT] = IntegerAttr(offsets[number], i64)
        for layer in order:
            if kernel_of(layer).traversal is Traversal.EITHER:
                method = kernel_of(layer).method
                chosen = KernelAttr.get(traversal(layer, at), method=method)
                layer.attributes[KERNEL] = chosen
        function.arg_attrs = with_offsets(function, at)
        size = arena_size(ranges, offsets)
        function.attributes["tinyml.arena_bytes"] = IntegerAttr(size, i64)
        function.attributes["tinyml.lower_bound"] = IntegerAttr(bound, i64)
        function.attributes.pop("tinyml.plan", None)
        if self.strategy == "optimal":
            proven = "optimal" if size == bound else f"bound {bound}"
            function.attributes["tinyml.plan"] = StringAttr(proven)


def traversal(layer: LayerOp, at: dict[SSAValue, int]) -> Traversal:
    """The direction that suits the offsets of the layer's buffers."""
    output = at[root(layer.layer_output)]
    for reuse in reuses_of(layer):
        value = layer.operands[reuse.index.data]
        if (source := at.get(root(value))) is None:
            continue
        if -reuse.below < output - source < buffer_bytes(buffer_type(value)):
            return Traversal.BACKWARD
    return Traversal.FORWARD


def with_offsets(
    function: func.FuncOp, places: dict[SSAValue, int]
) -> ArrayAttr[DictionaryAttr]:
    """The function's argument attributes, with `tinyml.at` set on each."""
    old = function.arg_attrs or [DictionaryAttr({}) for _ in function.body.block.args]
    return ArrayAttr(
        DictionaryAttr({**attributes.data, "tinyml.at": IntegerAttr(places[arg], i64)})
        for arg, attributes in zip(function.body.block.args, old, strict=True)
    )
