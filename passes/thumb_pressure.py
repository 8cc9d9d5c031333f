"""
What the order of straight code has to keep, and how many values are alive meanwhile.

Instructions are those of the cycle model. Their `reads` and `writes` may name values,
registers, or anything else that has to keep its order, as memory. Each time that a name
is written it names another value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tinyml.backend.disassembly import Instruction


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
    due: list[int]
    """The first instruction that reads what each writes."""


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
        due=first_readers(instructions),
    )


def first_readers(instructions: Sequence[Instruction]) -> list[int]:
    """The first instruction that reads what each writes; their number if none does."""
    found = [len(instructions)] * len(instructions)
    writer: dict[str, int] = {}
    for index, instruction in enumerate(instructions):
        for name in instruction.reads:
            if name in writer:
                found[writer[name]] = min(found[writer[name]], index)
        writer.update(dict.fromkeys(instruction.writes, index))
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
