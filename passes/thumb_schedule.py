"""
Puts the instructions of `thumb` functions into an order that suits a core.

Straight code between loops is scheduled by itself, before registers are allocated and
only as far as registers are found for it behind that (docs/decisions/thumb.md). Stores
keep their place among loads and stores. What is overwritten in place or carried by a
loop is copied first if it is needed later (`thumb_copies`), and otherwise stays behind
whatever reads it. Values in registers already
keep their order too, so that the pass may also come behind the allocation.

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
```

becomes, as two loads in a row cost one cycle less,

```mlir
%a = thumb.ldr %x, 0 : (!thumb.reg) -> !thumb.reg
%c = thumb.ldr %x, 4 : (!thumb.reg) -> !thumb.reg
%b = thumb.sxtb16 %a : (!thumb.reg) -> !thumb.reg
```
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.backend.target_machine import Core
from tinyml.dialects.thumb_control import FuncOp
from tinyml.passes.thumb_allocate import has_registers
from tinyml.passes.thumb_code import Code, read_code, write_code
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_list_schedule import list_schedule
from tinyml.passes.thumb_runs import Run, find_runs

LIMITS = (14, 13, 12, 11)
"""Values that may be alive: as many as there are registers, or fewer."""
REMEMBERED = 10_000
"""So many runs are not scheduled twice."""


@lru_cache(REMEMBERED)
def best_order(run: Run, core: Core, limit: int) -> tuple[int, ...]:
    return tuple(
        list_schedule(
            core, run.instructions(), run.registers(), run.kept_registers(), limit
        )
    )


def scheduled(code: Code, core: Core) -> Code:
    """The code with as many registers as do not leave the allocator without any."""
    runs = find_runs(code)
    for limit in LIMITS:
        found = code.copy()
        for places, run in runs:
            order = best_order(run, core, limit)
            found.lines[places.start : places.stop] = [
                code.lines[places.start + index] for index in order
            ]
        if has_registers(found):
            return found
    return code


@dataclass(frozen=True)
class ThumbSchedulePass(ModulePass):
    """Puts the instructions of `thumb` functions into an order that suits a core."""

    name = "tinyml-thumb-schedule"

    core: Literal["cortex-m4", "cortex-m7"] = "cortex-m4"
    """The core to suit."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, FuncOp):
                code = read_code(function)
                insert_copies(code)
                write_code(scheduled(code, self.core), function)
