"""
Keeps values of `thumb` functions in the FPU where more are alive than fit.

Expects functions without registers, in any order that suits its reader;
`tinyml-thumb-schedule` comes behind. Guarantees that functions compute the same.

Where too many core values are alive at once, some move to registers of the FPU, and are
copied back in front of their uses: what is alive through a loop but not used in it, and
what is rarely read. A cycle for each copy, taking a loop to run 8 times, decides which;
a constant is made again instead. Functions that fit are left alone. A function with too
many values and nothing left to move stays as it is, and is refused by
`tinyml-thumb-allocate`.

Before, if there were two registers:

```mlir
%end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
%sum = thumb.ldr %x, 0 : (!thumb.reg<r0>) -> !thumb.reg
%more = thumb.add_imm %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
thumb.str %sum, %more, 0 : !thumb.reg, !thumb.reg
thumb.str %end, %end, 0 : !thumb.reg, !thumb.reg
```

After:

```mlir
%end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
%end_1 = thumb.vmov_to_fpu %end : (!thumb.reg) -> !thumb.freg
...
%end_2 = thumb.vmov_from_fpu %end_1 : (!thumb.freg) -> !thumb.reg
thumb.str %end_2, %end_2, 0 : !thumb.reg, !thumb.reg
```
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.backend.target_machine import Core
from tinyml.dialects.thumb_control import FuncOp
from tinyml.passes.thumb_allocate import short_of_registers
from tinyml.passes.thumb_code import Code, read_code, write_code
from tinyml.passes.thumb_copies import insert_copies
from tinyml.passes.thumb_relief import Mover, Relief, drop_copies
from tinyml.passes.thumb_runs import segments, straight_runs
from tinyml.passes.thumb_schedule import Schedule
from tinyml.passes.thumb_spill_policy import Plan
from tinyml.passes.thumb_values import Values

SPARED = 4
"""Values alive are fewer than registers by less than that, if need be."""
WORTH = 0.005
"""Runs that waste less than that part of all cycles are left alone."""


class Spiller:
    """A function of which some values are to be moved."""

    def __init__(self, code: Code, registers: int):
        self.registers = registers
        self.code = code.copy()
        insert_copies(self.code)
        self.copies = range(len(code.types), len(self.code.types))
        self.values = Values(self.code)
        numbers = segments(self.code.lines)
        self.runs = {numbers[run.start]: run for run in straight_runs(self.code.lines)}
        """By number of their segment."""

    def relieve(self, limit: int, limits: Mapping[int, int]) -> tuple[Relief, Code]:
        """Leaves no more values alive than so many; some runs have limits of theirs."""
        numbers = [limit] * (2 * len(self.code.lines) + 1)
        for run, own in limits.items():
            places = self.runs[run]
            start, stop = 2 * places.start + 1, 2 * places.stop + 1
            numbers[start:stop] = [own] * (stop - start)
        relief = Relief(self.values, numbers)
        return relief, self.moved(relief.plans)

    def moved(self, plans: Mapping[int, Plan]) -> Code:
        """The code with values moved."""
        found = Mover(self.values, plans).code
        if plans:
            drop_copies(found, self.copies)
        insert_copies(found)
        return found

    def fit(self) -> Mapping[int, Plan]:
        """How to move as few values as it takes for the allocator to find registers."""
        for limit in self.limits():
            relief, found = self.relieve(limit, {})
            if short_of_registers(found) is None:
                return relief.plans
        return {}

    def limits(self) -> range:
        return range(self.registers, self.registers - SPARED, -1)

    def peak(self, relief: Relief, run: int) -> int:
        """The most values alive in a run."""
        places = self.runs[run]
        return max(relief.counts[2 * places.start + 1 : 2 * places.stop + 1])


class Trial:
    """A function with some values moved, scheduled."""

    def __init__(
        self, spiller: Spiller, core: Core, limit: int, limits: Mapping[int, int]
    ):
        self.limit, self.limits = limit, dict(limits)
        self.relief, self.code = spiller.relieve(limit, limits)
        self.schedule = Schedule(self.code, core)

    def wasteful_runs(self) -> list[int]:
        """Runs that stay above their bound by much, the worst first."""
        numbers = segments(self.code.lines)
        waste = {
            numbers[places.start]: cycles - least
            for places, cycles, least in self.schedule.estimates()
        }
        enough = WORTH * self.schedule.cycles
        return sorted(
            (run for run in waste if waste[run] > enough), key=lambda run: -waste[run]
        )


def fastest(spiller: Spiller, core: Core) -> Trial | None:
    """
    What the scheduler makes the best of: it has more registers for a run of which more
    values were moved. Runs are tried one after the other, until one move more of values
    brings nothing.
    """
    trials = (Trial(spiller, core, limit, {}) for limit in spiller.limits())
    best = next((trial for trial in trials if trial.schedule.find_registers()), None)
    if best is None:
        return None
    for run in best.wasteful_runs():
        if run not in spiller.runs:
            continue
        last, peak = best, spiller.peak(best.relief, run)
        while True:
            peak -= 1
            trial = Trial(spiller, core, best.limit, {**best.limits, run: peak})
            if trial.relief.plans == last.relief.plans:
                break
            last = trial
            if not (
                trial.schedule.cycles < best.schedule.cycles
                and trial.schedule.find_registers()
                and trial.schedule.cycles < best.schedule.cycles
            ):
                break
            best = trial
    return best


def best_plans(spiller: Spiller, core: Core | None) -> Mapping[int, Plan]:
    """How to move values of a function, if that has to be or makes it faster."""
    best = None if core is None else fastest(spiller, core)
    return spiller.fit() if best is None else best.relief.plans


@dataclass(frozen=True)
class ThumbSpillPass(ModulePass):
    """Keeps values of `thumb` functions in the FPU where more are alive than fit."""

    name = "tinyml-thumb-spill"

    registers: int = 14
    """Core values that may be alive at once."""

    core: Literal["cortex-m4", "cortex-m7"] | None = None
    """The core for which more is moved if that makes schedules faster."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known: dict[Hashable, Mapping[int, Plan]] = {}
        for function in op.ops:
            if not isinstance(function, FuncOp):
                continue
            code = read_code(function)
            shape, spiller = code.shape(), Spiller(code, self.registers)
            if shape not in known:
                known[shape] = best_plans(spiller, self.core)
            if known[shape]:
                write_code(spiller.moved(known[shape]), function)
