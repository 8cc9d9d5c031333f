"""
List scheduling of straight code for Cortex-M4 and M7. Pure.

Instructions are those of the cycle model, which is also what judges an order: their
`reads` and `writes` may name values, registers, or anything else that has to keep its
order, as memory. At each step one of the instructions that may come next is taken:

- Cortex-M4: behind a load another one that is cheap there, so that loads come in
  groups; elsewhere what takes no register, and only then, in the given order, what
  takes one: a group begins when nothing else is left.
- Cortex-M7: what can issue first; among those multiplies, then the longest path.

No order needs more registers than the limit, unless the given one does: whatever is
taken leaves enough of them for the rest in the given order. Loads may leave some alone:
several orders are tried, and the best by the cycle model is taken, which may be the
given one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tinyml.backend.cycle_model import (
    LOADS,
    MULTIPLIES,
    m4_block_cycles,
    m7_block_cycles,
)
from tinyml.backend.disassembly import LOADS_SEVERAL, Instruction
from tinyml.backend.target_machine import Core

TAIL = 6
"""As many instructions before one decide when it can issue."""
CHOICES = 12
"""So many loads, and so many others, that may come next are looked at."""
SPARED = 4
"""Loads leave at most so many registers alone."""

Version = tuple[str, int]
"""A name, and how often it was written before."""


@dataclass
class Problem:
    """Instructions, and which of them have to come before which."""

    instructions: Sequence[Instruction]
    before: list[set[int]]
    after: list[set[int]]
    reads: list[frozenset[Version]]
    writes: list[frozenset[Version]]
    alive: frozenset[Version]
    """At the start."""
    kept: frozenset[Version]
    """At the end."""
    heights: list[int] = field(default_factory=list[int])
    """Cycles from an instruction to the end, if nothing but data is waited for."""


def latency(instruction: Instruction, reader: Instruction, name: str) -> int:
    """Cycles until a result can be used, on Cortex-M7."""
    if instruction.name in MULTIPLIES:
        sums = reader.name in MULTIPLIES and len(reader.operands) == 4
        return 1 if sums and reader.operands[3] == name else 2
    return 2 if instruction.name in LOADS | LOADS_SEVERAL else 1


def make_problem(
    instructions: Sequence[Instruction],
    registers: AbstractSet[str],
    kept: AbstractSet[str],
) -> Problem:
    """
    What the order of instructions has to keep. `registers` are the names of which only
    so many may be alive; `kept` are those that are used behind the instructions.
    """
    count = len(instructions)
    version: defaultdict[str, int] = defaultdict(int)
    writer: dict[str, int] = {}
    readers: defaultdict[str, list[int]] = defaultdict(list)
    problem = Problem(
        instructions,
        before=[set() for _ in range(count)],
        after=[set() for _ in range(count)],
        reads=[],
        writes=[],
        alive=frozenset(),
        kept=frozenset(),
    )
    first_reads: set[Version] = set()
    for index, instruction in enumerate(instructions):
        before = problem.before[index]
        counted = sorted(instruction.reads & registers)
        problem.reads.append(frozenset((name, version[name]) for name in counted))
        first_reads |= {item for item in problem.reads[-1] if item[1] == 0}
        for name in instruction.reads:
            if name in writer:
                before.add(writer[name])
            readers[name].append(index)
        for name in instruction.writes:
            before.update(readers.pop(name, ()))
            if name in writer:
                before.add(writer[name])
            writer[name] = index
            version[name] += 1
        before.discard(index)
        counted = sorted(instruction.writes & registers)
        problem.writes.append(frozenset((name, version[name]) for name in counted))
    problem.kept = frozenset((name, version[name]) for name in kept & registers)
    problem.alive = frozenset(
        first_reads | {item for item in problem.kept if not item[1]}
    )
    for index, before in enumerate(problem.before):
        for earlier in before:
            problem.after[earlier].add(index)
    problem.heights = heights(problem)
    return problem


def heights(problem: Problem) -> list[int]:
    found = [1] * len(problem.instructions)
    for index in reversed(range(len(found))):
        instruction = problem.instructions[index]
        for later in problem.after[index]:
            reader = problem.instructions[later]
            shared = instruction.writes & reader.reads
            wait = max((latency(instruction, reader, n) for n in shared), default=0)
            found[index] = max(found[index], wait + found[later])
    return found


class Pressure:
    """Which values are alive while instructions are put in order."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.alive = set(problem.alive)
        self.uses: defaultdict[Version, int] = defaultdict(int)
        for reads in problem.reads:
            for item in reads:
                self.uses[item] += 1

    def dying(self, index: int) -> set[Version]:
        return {
            item
            for item in self.problem.reads[index]
            if self.uses[item] == 1 and item not in self.problem.kept
        }

    def at(self, index: int) -> int:
        """Registers in use where an instruction writes, if it comes next."""
        problem = self.problem
        return len(self.alive) - len(self.dying(index)) + len(problem.writes[index])

    def take(self, index: int) -> int:
        """Puts an instruction next; registers in use where it writes."""
        peak = self.at(index)
        self.alive -= self.dying(index)
        for item in self.problem.reads[index]:
            self.uses[item] -= 1
        self.alive |= {
            item
            for item in self.problem.writes[index]
            if self.uses[item] or item in self.problem.kept
        }
        return peak

    def allows(self, order: Sequence[int], limit: int) -> bool:
        """Whether these instructions, next in this order, stay within a limit."""
        problem, alive = self.problem, set(self.alive)
        used: defaultdict[Version, int] = defaultdict(int)
        for index in order:
            for item in problem.reads[index]:
                used[item] += 1
                if used[item] == self.uses[item] and item not in problem.kept:
                    alive.discard(item)
            if len(alive) + len(problem.writes[index]) > limit:
                return False
            alive.update(
                item
                for item in problem.writes[index]
                if self.uses[item] or item in problem.kept
            )
        return True


def peak_pressure(problem: Problem, order: Sequence[int]) -> int:
    """The most registers that are in use at once."""
    pressure = Pressure(problem)
    return max([len(problem.alive), *map(pressure.take, order)])


def cycles(core: Core, block: Sequence[Instruction]) -> int:
    return m4_block_cycles(block) if core == "cortex-m4" else m7_block_cycles(block)


def rank(
    core: Core,
    problem: Problem,
    tail: Sequence[Instruction],
    index: int,
    grows: bool,
) -> tuple[int, ...]:
    """The smaller, the sooner; `grows` says that it takes another register."""
    instruction = problem.instructions[index]
    cost = cycles(core, [*tail, instruction]) - (cycles(core, tail) if tail else 0)
    if core == "cortex-m4":
        follows = bool(tail) and tail[-1].name in LOADS
        joins = follows and instruction.name in LOADS and cost == 1
        return not joins, grows and not joins, index
    multiplies = instruction.name in MULTIPLIES
    return cost, not multiplies, -problem.heights[index], index


def greedy(core: Core, problem: Problem, limit: int, load_limit: int) -> list[int]:
    """
    An order within the limit, for a problem whose given order is. Nothing is taken that
    what is left could not follow in the given order.
    """
    count = len(problem.instructions)
    waiting = [len(before) for before in problem.before]
    ready = [index for index, number in enumerate(waiting) if not number]
    pressure = Pressure(problem)
    done = [False] * count
    order: list[int] = []
    tail: list[Instruction] = []
    first = furthest = 0

    def is_safe(index: int) -> bool:
        if index == first:
            return True
        loads = problem.instructions[index].name in LOADS
        if pressure.at(index) > (load_limit if loads else limit):
            return False
        rest = range(first, max(furthest, index) + 1)
        left = [later for later in rest if not done[later] and later != index]
        return pressure.allows([index, *left], limit)

    while ready:
        ready.sort(key=lambda index: (-problem.heights[index], index))
        fitting = [index for index in ready if pressure.at(index) <= limit]
        loads = [i for i in fitting if problem.instructions[i].name in LOADS]
        others = [i for i in fitting if problem.instructions[i].name not in LOADS]
        choices = loads[:CHOICES] + others[:CHOICES]
        alive = len(pressure.alive)
        choices.sort(
            key=lambda index: rank(
                core, problem, tail, index, pressure.at(index) > alive
            )
        )
        best = next(filter(is_safe, choices), first)
        ready.remove(best)
        pressure.take(best)
        order.append(best)
        done[best] = True
        furthest = max(furthest, best)
        while first < count and done[first]:
            first += 1
        tail = [*tail, problem.instructions[best]][-TAIL:]
        for later in problem.after[best]:
            waiting[later] -= 1
            if not waiting[later]:
                ready.append(later)
    return order


def list_schedule(
    core: Core,
    instructions: Sequence[Instruction],
    registers: AbstractSet[str],
    kept: AbstractSet[str],
    limit: int,
) -> list[int]:
    """The best order found: indices into `instructions`."""
    problem = make_problem(instructions, registers, kept)
    best = list(range(len(instructions)))
    needed = peak_pressure(problem, best)
    limit = max(limit, needed)
    fewest = cycles(core, instructions)
    for spared in range(SPARED + 1):
        order = greedy(core, problem, limit, limit - spared)
        found = cycles(core, [instructions[index] for index in order])
        if found < fewest:
            best, fewest = order, found
    return best
