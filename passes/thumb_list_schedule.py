"""
List scheduling of straight code for Cortex-M4 and M7. Pure.

Instructions are those of the cycle model, which is also what judges an order. At each
step one of the instructions that may come next is taken:

- Cortex-M4: behind a load another one that is cheap there, so that loads come in
  groups; elsewhere what takes no register, and only then, in the given order, what
  takes one: a group begins when nothing else is left.
- Cortex-M7: what can issue first; among those multiplies; then what is read first, in
  two variants.

No order needs more registers than the limit, unless the given one does: whatever is
taken leaves enough of them for the rest in the given order, which stays if the cycle
model finds nothing better in the other.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tinyml.backend.cycle_model import (
    LOADS,
    MULTIPLIES,
    M7Pipeline,
    m4_block_cycles,
    m4_cycles,
    m7_block_cycles,
)
from tinyml.backend.disassembly import Instruction
from tinyml.backend.target_machine import Core
from tinyml.passes.thumb_pressure import (
    Pressure,
    Problem,
    make_problem,
    peak_pressure,
)

CHOICES = 12
"""So many loads, and so many others, that may come next are looked at."""


def cycles(core: Core, block: Sequence[Instruction]) -> int:
    return m4_block_cycles(block) if core == "cortex-m4" else m7_block_cycles(block)


def fewest_cycles(core: Core, block: Sequence[Instruction]) -> int:
    """So many cycles no order has fewer than."""
    loads = sum(i.name in LOADS for i in block)
    if core == "cortex-m7":
        multiplies = sum(i.name in MULTIPLIES for i in block)
        return max((len(block) + 1) // 2, loads, multiplies)
    others = sum(m4_cycles(i, None) for i in block if i.name not in LOADS)
    return others + loads + bool(loads)


class M4Ranks:
    """The smaller, the sooner: a load behind loads; then what takes no register."""

    def __init__(self, problem: Problem, pressure: Pressure):
        self.problem, self.pressure = problem, pressure
        self.last: Instruction | None = None

    def rank(self, index: int) -> tuple[int, ...]:
        problem, last = self.problem, self.last
        instruction = problem.instructions[index]
        if last is not None and last.name in LOADS and instruction.name in LOADS:
            if m4_cycles(instruction, last) == 1:
                return 0, index
        grows = problem.written[index] > self.pressure.dies[index]
        return 1 + grows, index

    def take(self, index: int) -> None:
        self.last = self.problem.instructions[index]


class M7Ranks:
    """
    The smaller, the sooner: what can issue; of that multiplies, in the given order; of
    others what is read first.
    """

    patient = False

    def __init__(self, problem: Problem, pressure: Pressure):
        self.problem, self.pressure = problem, pressure
        self.pipeline = M7Pipeline()

    def rank(self, index: int) -> tuple[int, ...]:
        problem = self.problem
        instruction = problem.instructions[index]
        cost = self.pipeline.cost(instruction)
        if instruction.name in MULTIPLIES:
            return cost, 0, index
        grows = problem.written[index] > self.pressure.dies[index]
        waits = self.patient and grows and instruction.name not in LOADS
        return cost, 1 + waits, problem.due[index], index

    def take(self, index: int) -> None:
        self.pipeline.issue(self.problem.instructions[index])


class PatientM7Ranks(M7Ranks):
    """The same, but only loads take registers that others are about to leave."""

    patient = True


Ranks = type[M4Ranks] | type[M7Ranks]
RANKS: dict[Core, tuple[Ranks, ...]] = {
    "cortex-m4": (M4Ranks,),
    "cortex-m7": (PatientM7Ranks, M7Ranks),
}
"""What is tried for each core."""


class Greedy:
    """
    An order within a limit, for a problem whose given order is. Nothing is taken that
    what is left could not follow in the given order.
    """

    def __init__(self, ranks: Ranks, problem: Problem, limit: int):
        self.problem, self.limit = problem, limit
        self.pressure = Pressure(problem)
        self.ranks = ranks(problem, self.pressure)
        self.order: list[int] = []
        self.loads = [i.name in LOADS for i in problem.instructions]
        self.done = [False] * len(self.loads)
        self.first = self.furthest = 0
        self.run()

    def is_safe(self, index: int) -> bool:
        if index == self.first:
            return True
        order = [index]
        for later in range(self.first, max(self.furthest, index) + 1):
            if not self.done[later] and later != index:
                order.append(later)
        return self.pressure.allows(order, self.limit)

    def choices(self, ready: Sequence[int]) -> list[int]:
        """The first of those that may come next, loads and others."""
        written, dies = self.problem.written, self.pressure.dies
        room = self.limit - self.pressure.alive
        found: list[int] = []
        loads = others = CHOICES
        for index in ready:
            if written[index] - dies[index] > room:
                continue
            if self.loads[index]:
                if loads:
                    loads -= 1
                    found.append(index)
            elif others:
                others -= 1
                found.append(index)
            if not loads and not others:
                break
        return found

    def run(self) -> None:
        problem = self.problem
        waiting = list(problem.waits)
        ready = [index for index, number in enumerate(waiting) if not number]
        while ready:
            choices = sorted(self.choices(ready), key=self.ranks.rank)
            best = next(filter(self.is_safe, choices), self.first)
            ready.remove(best)
            self.take(best)
            for later in problem.after[best]:
                waiting[later] -= 1
                if not waiting[later]:
                    insort(ready, later)

    def take(self, index: int) -> None:
        self.pressure.take(index)
        self.ranks.take(index)
        self.order.append(index)
        self.done[index] = True
        self.furthest = max(self.furthest, index)
        while self.first < len(self.done) and self.done[self.first]:
            self.first += 1


@dataclass(frozen=True)
class Order:
    """An order of instructions: indices, its cycles, and a bound of theirs."""

    indices: Sequence[int]
    cycles: int
    least: int


def list_schedule(
    core: Core,
    instructions: Sequence[Instruction],
    registers: AbstractSet[str],
    kept: AbstractSet[str],
    limit: int,
) -> Order:
    """An order that is no worse than the given one."""
    problem = make_problem(instructions, registers, kept)
    best = list(range(len(instructions)))
    limit = max(limit, peak_pressure(problem, best))
    fewest = cycles(core, instructions)
    least = fewest_cycles(core, instructions)
    for ranks in RANKS[core]:
        if fewest == least:
            break
        order = Greedy(ranks, problem, limit).order
        found = cycles(core, [instructions[index] for index in order])
        if found < fewest:
            best, fewest = order, found
    return Order(best, fewest, least)
