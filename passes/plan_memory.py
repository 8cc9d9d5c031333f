"""
Gives every buffer of a network its offset in one arena.

Expects a network of layers on `tinyml.alloc` buffers. Guarantees `at` on each alloc,
`tinyml.at` on each input and output argument, and `tinyml.arena_bytes` on the function.
Buffers that live at the same time share no byte; with `strategy=separate` no two share
any, so that every tensor is there when the network has run.

Before: `%y = tinyml.alloc : memref<4xi8>`
After:  `%y = tinyml.alloc at 8 : memref<4xi8>`

Offsets that are already there are planned anew. Not handled: in-place layers and
overlap of a layer's input and output.
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
    i64,
)
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.network import network_function
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.arena import arena_size, place_greedily, place_separately
from tinyml.passes.live_ranges import live_ranges


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Gives every buffer of a network its offset in one arena."""

    name = "tinyml-plan-memory"

    strategy: Literal["greedy", "separate"] = "greedy"
    """`greedy` shares bytes between lives; `separate` shares none."""

    alignment: int = 4
    """
    Every offset is a multiple of this many bytes, a power of two, and of the size of
    the buffer's elements.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.alignment < 1 or self.alignment & (self.alignment - 1):
            raise PassFailedException(
                f"alignment {self.alignment} is not a power of two"
            )
        function = network_function(op)
        ranges = live_ranges(function)
        place = {"greedy": place_greedily, "separate": place_separately}[self.strategy]
        offsets = place(ranges, self.alignment)
        places = {r.value: at for r, at in zip(ranges, offsets, strict=True)}
        for value, at in places.items():
            if isinstance(alloc := value.owner, AllocOp):
                alloc.properties["at"] = IntegerAttr(at, i64)
        function.arg_attrs = with_offsets(function, places)
        size = arena_size(ranges, offsets)
        function.attributes["tinyml.arena_bytes"] = IntegerAttr(size, i64)


def with_offsets(
    function: func.FuncOp, places: dict[SSAValue, int]
) -> ArrayAttr[DictionaryAttr]:
    """The function's argument attributes, with `tinyml.at` set on each."""
    old = function.arg_attrs or [DictionaryAttr({}) for _ in function.body.block.args]
    return ArrayAttr(
        DictionaryAttr({**attributes.data, "tinyml.at": IntegerAttr(places[arg], i64)})
        for arg, attributes in zip(function.body.block.args, old, strict=True)
    )
