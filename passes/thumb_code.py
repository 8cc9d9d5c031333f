"""
A `thumb` function as lines and numbers, which is what passes behind selection work on.

A line is an instruction, or where a loop begins or ends. Lines stand in one list,
values are numbers. What a loop carries around, its begin reads from outside and writes
for its body; its end reads the flags and what goes around, and writes what is left.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from xdsl.backend.register_type import RegisterType
from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect

from tinyml.dialects.thumb_alu import MovOp, VmovFpuOp
from tinyml.dialects.thumb_control import FuncOp, LoopOp, RepeatNeOp
from tinyml.dialects.thumb_registers import (
    FREG,
    REG,
    CoreRegisterType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Instruction


@dataclass(frozen=True)
class Form:
    """What there is to know of all lines of a kind."""

    mnemonic: str
    """Without a suffix; empty for what is no instruction."""
    tied: tuple[tuple[int, int], ...]
    """Which reads are overwritten by which writes."""
    loads: bool
    stores: bool


@cache
def form(kind: type[Operation]) -> Form:
    if not issubclass(kind, Instruction):
        return Form("", (), False, False)
    stem = kind.MNEMONIC or kind.name.removeprefix("thumb.").partition("_")[0]
    stores = kind.has_trait(MemoryWriteEffect)
    loads = not stores and kind.has_trait(MemoryReadEffect)
    return Form(stem.partition(".")[0], kind.TIED, loads, stores)


COPIES: dict[str, tuple[type[Operation], RegisterType]] = {
    CoreRegisterType.name: (MovOp, REG),
    FpuRegisterType.name: (VmovFpuOp, FREG),
}
"""For each kind of registers what copies one, and the type of the copy."""


class Line(NamedTuple):
    """An op without its regions."""

    kind: type[Operation]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    location: LocationAttr
    properties: Mapping[str, Attribute] = {}
    attributes: Mapping[str, Attribute] = {}

    def reading(self, index: int, value: int) -> Line:
        """The same line with another value to read."""
        reads = (*self.reads[:index], value, *self.reads[index + 1 :])
        return self._replace(reads=reads)

    def with_properties(self, **changed: Attribute) -> Line:
        return self._replace(properties={**self.properties, **changed})


@dataclass
class Code:
    """A function."""

    name: str
    arguments: tuple[int, ...] = ()
    lines: list[Line] = field(default_factory=list[Line])
    types: list[Attribute] = field(default_factory=list[Attribute])
    """Of each value."""
    hints: list[str | None] = field(default_factory=list[str | None])

    def copy(self) -> Code:
        lists = list(self.lines), list(self.types), list(self.hints)
        return Code(self.name, self.arguments, *lists)

    def shape(self) -> Hashable:
        """The same for functions that differ in immediates, locations and names."""
        lines = tuple((line.kind, line.reads, line.writes) for line in self.lines)
        registers = tuple(map(self.register, range(len(self.types))))
        return self.arguments, lines, tuple(map(type, self.types)), registers

    def new(self, type: Attribute, hint: str | None = None) -> int:
        """One more value."""
        self.types.append(type)
        self.hints.append(hint)
        return len(self.types) - 1

    def register(self, value: int) -> str:
        """The register of a value; empty before allocation."""
        type = self.types[value]
        return type.register_name.data if isinstance(type, RegisterType) else ""

    def is_kind(self, value: int, kind: type[Attribute]) -> bool:
        return isinstance(self.types[value], kind)

    def insert_copy(self, place: int, value: int, location: LocationAttr) -> int:
        """Copies a value in front of a line, within its kind of registers."""
        kind, type = COPIES[self.types[value].name]
        result = self.new(type, self.hints[value])
        self.lines.insert(place, Line(kind, (value,), (result,), location))
        return result

    def rename(
        self, names: Mapping[int, int], start: int = 0, end: int | None = None
    ) -> None:
        """Lets lines from a place to another that read some values read others."""
        for place in range(start, len(self.lines) if end is None else end):
            line = self.lines[place]
            if not names.keys().isdisjoint(line.reads):
                reads = tuple(names.get(value, value) for value in line.reads)
                self.lines[place] = line._replace(reads=reads)


def ends_of_loops(lines: Iterable[Line]) -> dict[int, int]:
    """For the place of each loop's begin that of its end."""
    open: list[int] = []
    ends: dict[int, int] = {}
    for place, line in enumerate(lines):
        if line.kind is LoopOp:
            open.append(place)
        elif line.kind is RepeatNeOp:
            ends[open.pop()] = place
    return ends


class Reader:
    """Numbers the values of a function."""

    def __init__(self, function: FuncOp):
        self.code = Code(function.sym_name.data)
        self.numbers: dict[SSAValue, int] = {}
        block = function.body.block
        self.code.arguments = self.number(block.args)
        self.read(block)

    def number(self, values: Iterable[SSAValue]) -> tuple[int, ...]:
        code = self.code
        found: list[int] = []
        for value in values:
            self.numbers[value] = code.new(value.type, value.name_hint)
            found.append(self.numbers[value])
        return tuple(found)

    def read(self, block: Block) -> None:
        for op in block.ops:
            if isinstance(op, LoopOp):
                self.add(op, op.body.block.args)
                self.read(op.body.block)
            elif isinstance(op, RepeatNeOp):
                loop = block.parent_op()
                assert isinstance(loop, LoopOp)
                self.add(op, loop.ends)
            else:
                self.add(op, op.results)

    def add(self, op: Operation, results: Iterable[SSAValue]) -> None:
        numbers = self.numbers
        reads = tuple([numbers[value] for value in op.operands])
        writes = self.number(results)
        line = Line(type(op), reads, writes, op.location, op.properties, op.attributes)
        self.code.lines.append(line)


def read_code(function: FuncOp) -> Code:
    return Reader(function).code


def write_code(code: Code, function: FuncOp) -> None:
    """Makes the code the body of a function."""
    values: dict[int, SSAValue] = {}

    def give(numbers: Sequence[int], made: Sequence[SSAValue]) -> None:
        for number, value in zip(numbers, made, strict=True):
            value.name_hint = code.hints[number]
            values[number] = value

    def types(numbers: Sequence[int]) -> list[Attribute]:
        return [code.types[number] for number in numbers]

    block = Block(arg_types=types(code.arguments))
    give(code.arguments, block.args)
    body = Region(block)
    ends = ends_of_loops(code.lines)
    around: list[tuple[Block, LoopOp]] = []
    for place, line in enumerate(code.lines):
        results = line.writes
        regions: list[Region] = []
        if line.kind is LoopOp:
            results = code.lines[ends[place]].writes
            regions.append(Region(Block(arg_types=types(line.writes))))
        elif line.kind is RepeatNeOp:
            results = ()
        op = line.kind.create(
            operands=[values[number] for number in line.reads],
            result_types=types(results),
            properties=line.properties,
            attributes=line.attributes,
            location=line.location,
            regions=regions,
        )
        block.add_op(op)
        if isinstance(op, LoopOp):
            around.append((block, op))
            block = op.body.block
            give(line.writes, block.args)
        elif isinstance(op, RepeatNeOp):
            block, loop = around.pop()
            give(line.writes, loop.ends)
        else:
            give(line.writes, op.results)
    function.detach_region(function.body)
    function.add_region(body)
