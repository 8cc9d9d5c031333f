"""
Puts the instructions of `thumb` functions into an order that suits a core.

Expects `thumb` functions. Guarantees that each computes the same, and that registers
are found for it if they were before.

Straight code between loops is scheduled by itself, before registers are allocated and
only as far as registers are found for it behind that (docs/decisions/thumb.md). Stores
keep their place among loads and stores. What is overwritten in place or carried by a
loop is copied first if it is needed later (`thumb_copies`), and otherwise stays behind
whatever reads it. Values in registers already
keep their order too, so that the pass may also come behind the allocation.

Before:

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
```

After, as two loads in a row cost one cycle less:

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
```
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.backend.target_machine import Core
from tinyml.dialects.thumb_control import FuncOp
from tinyml.passes.thumb_allocate import short_of_registers
from tinyml.passes.thumb_code import Code, read_code, write_code
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_list_schedule import Order, list_schedule
from tinyml.passes.thumb_liveness import TURNS, depths
from tinyml.passes.thumb_runs import Run, find_runs

MOST, FEWEST = 14, 11
"""Values that may be alive in a run: as many as there are registers, or fewer."""
REMEMBERED = 10_000
"""So many runs are not scheduled twice."""


@lru_cache(REMEMBERED)
def best_order(run: Run, core: Core, limit: int) -> Order:
    """The order of a run with so many values alive."""
    registers, kept = run.registers(), run.kept_registers()
    return list_schedule(core, run.instructions(), registers, kept, limit)


class Schedule:
    """A function whose runs are in order, if that can be with so many registers."""

    def __init__(self, code: Code, core: Core):
        self.given, self.core = code, core
        self.runs = find_runs(code)
        self.limits = [MOST] * len(self.runs)
        """Values that may be alive in each run."""
        self.order()

    @property
    def cycles(self) -> int:
        """Estimated; those of inner loops count more often."""
        return sum(cycles for _, cycles, _ in self.estimates())

    def estimates(self) -> Iterator[tuple[range, int, int]]:
        """For each run its cycles, and a bound of theirs."""
        around = depths(self.given)
        for (places, _), order in zip(self.runs, self.orders, strict=True):
            often = TURNS ** around[places.start]
            yield places, order.cycles * often, order.least * often

    def order(self) -> None:
        self.places = list(range(len(self.given.lines)))
        """Of all lines, in order."""
        self.orders = [
            best_order(run, self.core, limit)
            for (_, run), limit in zip(self.runs, self.limits, strict=True)
        ]
        for (places, _), order in zip(self.runs, self.orders, strict=True):
            self.places[places.start : places.stop] = [
                places.start + index for index in order.indices
            ]
        self.code = self.given.copy()
        self.code.lines = [self.given.lines[place] for place in self.places]

    def find_registers(self) -> bool:
        """Makes runs use fewer registers until the allocator finds some for all."""
        while (place := short_of_registers(self.code)) is not None:
            tight = [
                index
                for index, (places, _) in enumerate(self.runs)
                if place in places and self.limits[index] > FEWEST
            ]
            for index in tight or range(len(self.limits)):
                self.limits[index] -= 1
            if min(self.limits, default=0) < FEWEST:
                return False
            self.order()
        return True


@dataclass(frozen=True)
class ThumbSchedulePass(ModulePass):
    """Puts the instructions of `thumb` functions into an order that suits a core."""

    name = "tinyml-thumb-schedule"

    core: Literal["cortex-m4", "cortex-m7"] = "cortex-m4"
    """The core to suit."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known: dict[Hashable, Sequence[int]] = {}
        for function in op.ops:
            if not isinstance(function, FuncOp):
                continue
            code = read_code(function)
            insert_copies(code)
            shape = code.shape()
            if shape not in known:
                schedule = Schedule(code, self.core)
                fits = schedule.find_registers()
                known[shape] = schedule.places if fits else range(len(code.lines))
            code.lines = [code.lines[place] for place in known[shape]]
            write_code(code, function)
