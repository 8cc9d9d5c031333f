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
taken leaves enough of them for the rest in the given order, which stays if the cycle
model finds nothing better in the other.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
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
from tinyml.backend.disassembly import LOADS_SEVERAL, Instruction
from tinyml.backend.target_machine import Core

CHOICES = 12
"""So many loads, and so many others, that may come next are looked at."""


@dataclass
class Problem:
    """Instructions, and which of them have to come before which."""

    instructions: Sequence[Instruction]
    waits: list[int]
    """For how many others each waits."""
    after: list[list[int]]
    """Those that wait for each."""
    reads: list[list[int]]
    """Values of which only so many may be alive, by number, that each reads."""
    written: list[int]
    """How many such values each writes."""
    lasting: list[int]
    """How many of them are read, or kept."""
    readers: list[list[int]]
    """Of each value."""
    kept: list[bool]
    """Whether each value is alive at the end."""
    alive: int
    """Values alive at the start."""
    heights: list[int]
    """Cycles from an instruction to the end, if nothing but data is waited for."""


def latency(instruction: Instruction, reader: Instruction, name: str) -> int:
    """Cycles until a result can be used, on Cortex-M7."""
    if instruction.name in MULTIPLIES:
        sums = reader.name in MULTIPLIES and len(reader.operands) == 4
        return 1 if sums and reader.operands[3] == name else 2
    return 2 if instruction.name in LOADS | LOADS_SEVERAL else 1


class Names:
    """Numbers of values: a name has a new one each time that it is written."""

    def __init__(self, registers: AbstractSet[str]):
        self.registers = registers
        self.numbers: dict[str, int] = {}
        self.readers: list[list[int]] = []

    def value(self, name: str) -> int:
        if name not in self.numbers:
            self.write(name)
        return self.numbers[name]

    def write(self, name: str) -> int:
        self.numbers[name] = len(self.readers)
        self.readers.append([])
        return self.numbers[name]

    def read(self, name: str, index: int) -> int:
        value = self.value(name)
        self.readers[value].append(index)
        return value


def make_problem(
    instructions: Sequence[Instruction],
    registers: AbstractSet[str],
    kept: AbstractSet[str],
) -> Problem:
    """
    What the order of instructions has to keep. `registers` are the names of which only
    so many may be alive; `kept` are those that are used behind the instructions.
    """
    names = Names(registers)
    writer: dict[str, int] = {}
    readers: defaultdict[str, list[int]] = defaultdict(list)
    before: list[set[int]] = []
    reads: list[list[int]] = []
    writes: list[list[int]] = []
    for index, instruction in enumerate(instructions):
        earlier: set[int] = set()
        for name in instruction.reads:
            if name in writer:
                earlier.add(writer[name])
            readers[name].append(index)
        for name in instruction.writes:
            earlier.update(readers.pop(name, ()))
            if name in writer:
                earlier.add(writer[name])
            writer[name] = index
        earlier.discard(index)
        before.append(earlier)
        reads.append([names.read(n, index) for n in instruction.reads & registers])
        writes.append([names.write(n) for n in instruction.writes & registers])
    last = {names.value(name) for name in kept & registers}
    is_kept = [value in last for value in range(len(names.readers))]
    written = {value for values in writes for value in values}
    lasting = [
        sum(bool(names.readers[value] or is_kept[value]) for value in values)
        for values in writes
    ]
    after: list[list[int]] = [[] for _ in instructions]
    for index, earlier in enumerate(before):
        for other in sorted(earlier):
            after[other].append(index)
    return Problem(
        instructions,
        waits=[len(earlier) for earlier in before],
        after=after,
        reads=reads,
        written=[len(values) for values in writes],
        lasting=lasting,
        readers=names.readers,
        kept=is_kept,
        alive=len(names.readers) - len(written),
        heights=heights(instructions, after),
    )


def heights(
    instructions: Sequence[Instruction], after: Sequence[Sequence[int]]
) -> list[int]:
    found = [1] * len(instructions)
    for index in reversed(range(len(found))):
        instruction = instructions[index]
        for later in after[index]:
            reader = instructions[later]
            shared = instruction.writes & reader.reads
            wait = max((latency(instruction, reader, n) for n in shared), default=0)
            found[index] = max(found[index], wait + found[later])
    return found


class Pressure:
    """How many values are alive while instructions are put in order."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.alive = problem.alive
        self.uses = [len(readers) for readers in problem.readers]
        """By value: how many of its readers are left."""
        self.left = [sum(readers) for readers in problem.readers]
        """By value: the sum of their numbers, which is the last one's in the end."""
        self.dies = [0] * len(problem.reads)
        """By instruction: values that die if it comes next."""
        for value, readers in enumerate(problem.readers):
            if len(readers) == 1 and not problem.kept[value]:
                self.dies[readers[0]] += 1

    def at(self, index: int) -> int:
        """Registers in use where an instruction writes, if it comes next."""
        return self.alive - self.dies[index] + self.problem.written[index]

    def take(self, index: int) -> int:
        """Puts an instruction next; registers in use where it writes."""
        problem, uses, left = self.problem, self.uses, self.left
        peak = self.alive - self.dies[index] + problem.written[index]
        self.alive += problem.lasting[index] - self.dies[index]
        for value in problem.reads[index]:
            uses[value] -= 1
            left[value] -= index
            if uses[value] == 1 and not problem.kept[value]:
                self.dies[left[value]] += 1
        return peak

    def allows(self, order: Iterable[int], limit: int) -> bool:
        """Whether these instructions, next in this order, stay within a limit."""
        problem, uses, alive = self.problem, self.uses, self.alive
        reads, written, kept = problem.reads, problem.written, problem.kept
        used: dict[int, int] = {}
        for index in order:
            for value in reads[index]:
                number = used.get(value, 0) + 1
                used[value] = number
                if number == uses[value] and not kept[value]:
                    alive -= 1
            if alive + written[index] > limit:
                return False
            alive += problem.lasting[index]
        return True


def peak_pressure(problem: Problem, order: Sequence[int]) -> int:
    """The most registers that are in use at once."""
    pressure = Pressure(problem)
    return max([problem.alive, *map(pressure.take, order)])


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
    """The smaller, the sooner: what can issue; then multiplies; then long paths."""

    def __init__(self, problem: Problem, pressure: Pressure):
        self.problem = problem
        self.pipeline = M7Pipeline()

    def rank(self, index: int) -> tuple[int, ...]:
        instruction = self.problem.instructions[index]
        multiplies = instruction.name in MULTIPLIES
        cost = self.pipeline.cost(instruction)
        return cost, not multiplies, -self.problem.heights[index], index

    def take(self, index: int) -> None:
        self.pipeline.issue(self.problem.instructions[index])


RANKS = {"cortex-m4": M4Ranks, "cortex-m7": M7Ranks}


class Greedy:
    """
    An order within a limit, for a problem whose given order is. Nothing is taken that
    what is left could not follow in the given order.
    """

    def __init__(self, core: Core, problem: Problem, limit: int):
        self.problem, self.limit = problem, limit
        self.pressure = Pressure(problem)
        self.ranks = RANKS[core](problem, self.pressure)
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
        count = len(problem.instructions)
        by_height = sorted(range(count), key=lambda i: (-problem.heights[i], i))
        place = [0] * count
        for number, index in enumerate(by_height):
            place[index] = number
        waiting = list(problem.waits)
        ready = sorted(place[i] for i, number in enumerate(waiting) if not number)
        while ready:
            choices = self.choices([by_height[number] for number in ready])
            choices.sort(key=self.ranks.rank)
            best = next(filter(self.is_safe, choices), self.first)
            del ready[bisect_left(ready, place[best])]
            self.take(best)
            for later in problem.after[best]:
                waiting[later] -= 1
                if not waiting[later]:
                    insort(ready, place[later])

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
    if fewest > least:
        order = Greedy(core, problem, limit).order
        found = cycles(core, [instructions[index] for index in order])
        if found < fewest:
            best, fewest = order, found
    return Order(best, fewest, least)
