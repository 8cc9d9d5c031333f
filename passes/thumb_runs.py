"""
Straight code of a `thumb` function as the scheduler knows it: names instead of values.

What will share a register has one name, and what is in a register already has that
register's, so that what reads a name stays in front of what overwrites it. Runs that
differ in nothing but names are one `Run`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate

from xdsl.ir import Operation

from tinyml.backend.disassembly import SEVERAL
from tinyml.backend.disassembly import Instruction as Machine
from tinyml.dialects.thumb_control import LoopOp, RepeatNeOp
from tinyml.dialects.thumb_memory import StmOp
from tinyml.dialects.thumb_registers import CoreRegisterType, FlagsType
from tinyml.dialects.thumb_shapes import Instruction
from tinyml.passes.thumb_code import Code, Line, ends_of_loops, form
from tinyml.passes.thumb_liveness import Span, lives

MEMORY = "memory"


@dataclass(frozen=True)
class Run:
    """Instructions without a loop between them."""

    kinds: tuple[type[Operation], ...]
    reads: tuple[tuple[int, ...], ...]
    writes: tuple[tuple[int, ...], ...]
    core: frozenset[int]
    """Names of core registers."""
    kept: frozenset[int]
    """Those of them that are used behind the run."""
    through: int
    """How many more there are that the run does not use."""

    def instructions(self) -> list[Machine]:
        """As the cycle model knows them."""
        return [
            machine(kind, reads, writes)
            for kind, reads, writes in zip(
                self.kinds, self.reads, self.writes, strict=True
            )
        ]

    def registers(self) -> set[str]:
        """Names that take a register."""
        copies = {
            name
            for kind, reads in zip(self.kinds, self.reads, strict=True)
            if kind is StmOp
            for name in copies_of_words(reads)
        }
        return set(map(str, self.core)) | copies | set(self.names_through())

    def kept_registers(self) -> set[str]:
        return set(map(str, self.kept)) | set(self.names_through())

    def names_through(self) -> list[str]:
        return [f"through {number}" for number in range(self.through)]


def copies_of_words(reads: Sequence[int]) -> list[str]:
    """Words that do not lie in a row are copied before they are stored together."""
    return [f"{reads[0]} word {index}" for index in range(len(reads) - 1)]


def machine(
    kind: type[Operation], reads: Sequence[int], writes: Sequence[int]
) -> Machine:
    known = form(kind)
    read, written = set(map(str, reads)), set(map(str, writes))
    if known.stores:
        written.add(MEMORY)
    elif known.loads:
        read.add(MEMORY)
    if kind is StmOp:
        written.update(copies_of_words(reads))
    overwritten = {b for _, b in known.tied}
    fresh = [name for index, name in enumerate(writes) if index not in overwritten]
    several = known.mnemonic in SEVERAL
    words = max(len(reads), len(writes)) - 1 if known.mnemonic in ("ldm", "stm") else 2
    return Machine(
        address=0,
        size=4,
        name=known.mnemonic,
        text=kind.name,
        reads=frozenset(read),
        writes=frozenset(written),
        operands=tuple(map(str, (*fresh, *reads))),
        words=words if several else 0,
    )


class Names:
    """What each value is in, by number: equal names are one register."""

    def __init__(self, code: Code):
        self.code = code
        self.names: list[int] = [-1] * len(code.types)
        self.fixed: dict[str, int] = {}
        self.blocks: list[int] = []
        """For each line the loop that it is in, by the place where that begins."""
        self.readers: list[list[int]] = [[] for _ in code.types]
        self.owners: list[int] = [-1] * len(code.types)
        """Where a value is written; a loop's results are so where it begins."""
        self.ends = ends_of_loops(code.lines)
        self.find_owners()
        for value in code.arguments:
            self.name(value)
        for place, line in enumerate(code.lines):
            if line.kind is LoopOp:
                for value in line.writes:
                    self.name(value)
                around = code.lines[self.ends[place]].reads[1:]
                for value, argument in zip(around, line.writes, strict=True):
                    self.overwrite(argument, value)
                continue
            for a, b in form(line.kind).tied:
                self.overwrite(line.reads[a], line.writes[b])
            for value in line.writes:
                self.name(value)

    def find_owners(self) -> None:
        around = [-1]
        for place, line in enumerate(self.code.lines):
            self.blocks.append(around[-1])
            for value in line.reads:
                self.readers[value].append(place)
            if line.kind is LoopOp:
                around.append(place)
                continue
            owner = around.pop() if line.kind is RepeatNeOp else place
            for value in line.writes:
                self.owners[value] = owner

    def name(self, value: int, partner: int | None = None) -> None:
        if self.names[value] >= 0:
            return
        is_flags = self.code.is_kind(value, FlagsType)
        register = "flags" if is_flags else self.code.register(value)
        if register:
            self.names[value] = self.fixed.setdefault(register, value)
        else:
            self.names[value] = value if partner is None else self.names[partner]

    def overwrite(self, earlier: int, value: int) -> None:
        """Lets a value have the name of another that nothing reads behind it."""
        owner = self.owners[value]
        if owner >= 0 and all(
            place == owner
            or (place < owner and self.blocks[place] == self.blocks[owner])
            for place in self.readers[earlier]
        ):
            self.name(value, earlier)


def straight_runs(lines: Sequence[Line]) -> Iterator[range]:
    """The places of instructions between loops, where there are several."""
    start = 0
    for place, line in enumerate(lines):
        if not issubclass(line.kind, Instruction):
            if place - start > 1:
                yield range(start, place)
            start = place + 1


def segments(lines: Sequence[Line]) -> list[int]:
    """For each line how many begins and ends of loops stand before it."""
    ends = (not issubclass(line.kind, Instruction) for line in lines)
    return list(accumulate(ends, initial=0))[:-1]


def find_runs(code: Code) -> list[tuple[range, Run]]:
    """The straight runs of a function, and where they are."""
    names = Names(code).names
    spans = lives(code)
    core = {
        name
        for value, name in enumerate(names)
        if code.is_kind(value, CoreRegisterType)
    }
    return [
        (places, make_run(code.lines[places.start : places.stop], names, core, kept))
        for places in straight_runs(code.lines)
        for kept in [kept_behind(places, names, spans)]
    ]


def kept_behind(places: range, names: Sequence[int], spans: Sequence[Span]) -> set[int]:
    """The names of what is used behind some lines; the last one writes at `end`."""
    end = 2 * places[-1] + 1
    return {
        name
        for name, (birth, death) in zip(names, spans, strict=True)
        if birth <= end < death - 1
    }


def make_run(
    lines: Sequence[Line],
    names: Sequence[int],
    core: AbstractSet[int],
    kept: AbstractSet[int],
) -> Run:
    numbers: dict[int, int] = {}

    def renamed(values: Sequence[int]) -> tuple[int, ...]:
        return tuple(
            [numbers.setdefault(names[value], len(numbers)) for value in values]
        )

    reads: list[tuple[int, ...]] = []
    writes: list[tuple[int, ...]] = []
    for line in lines:
        reads.append(renamed(line.reads))
        writes.append(renamed(line.writes))
    return Run(
        tuple(line.kind for line in lines),
        tuple(reads),
        tuple(writes),
        frozenset(numbers[name] for name in numbers if name in core),
        frozenset(numbers[name] for name in numbers if name in core & kept),
        len((core & kept) - numbers.keys()),
    )
