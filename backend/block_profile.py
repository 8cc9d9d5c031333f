"""
From how often each block of code ran to what each function cost.

Both simulators that count report the same thing, executions per block; this is the one
place that turns it into instructions and estimated cycles per function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tinyml.backend.cycle_model import block_cycles
from tinyml.backend.disassembly import Instruction, branch_target, disassemble
from tinyml.backend.elf_image import Program
from tinyml.backend.target_machine import Core

HARNESS_FUNCTIONS = frozenset({"main", "reset"})
"""Functions of the harness that are not called `harness_*`."""


def is_harness(function: str) -> bool:
    """True for a function of the code around the network."""
    return function.startswith("harness_") or function in HARNESS_FUNCTIONS


@dataclasses.dataclass(frozen=True)
class BlockCount:
    """Code that ran from its start to its end."""

    address: int
    size: int
    """Bytes."""
    executions: int
    falls: int
    """Executions that were followed by the code right behind."""
    call: int = 0
    """Which of the run's calls it was counted in (`call_tree`)."""


@dataclasses.dataclass(frozen=True)
class FunctionProfile:
    """What a function cost, without what it called."""

    name: str
    calls: int
    instructions: int
    cycles_estimated: int

    @property
    def is_harness(self) -> bool:
        """True for the code around the network."""
        return is_harness(self.name)


class ProfileError(Exception):
    """Blocks that cannot be decoded: the counts would be wrong."""


def _decode(program: Program, block: BlockCount) -> list[Instruction]:
    code = program.read_loaded(block.address, block.size)
    if code is None:
        raise ProfileError(f"code ran outside the program at {block.address:#010x}")
    instructions = disassemble(code, block.address)
    if sum(item.size for item in instructions) != block.size:
        raise ProfileError(f"cannot decode block at {program.where(block.address)}")
    return instructions


@dataclasses.dataclass
class BlockDecoder:
    """The instructions of a program's blocks, each decoded once."""

    program: Program
    decoded: dict[tuple[int, int], list[Instruction]] = dataclasses.field(
        default_factory=dict[tuple[int, int], list[Instruction]]
    )

    def instructions(self, block: BlockCount) -> list[Instruction]:
        key = (block.address, block.size)
        if key not in self.decoded:
            self.decoded[key] = _decode(self.program, block)
        return self.decoded[key]


def same_code(blocks: Iterable[BlockCount]) -> list[list[BlockCount]]:
    """The blocks of a size, those of the same code together."""
    found: dict[tuple[int, int], list[BlockCount]] = {}
    for block in blocks:
        if block.size:
            found.setdefault((block.address, block.size), []).append(block)
    return list(found.values())


def together(parts: list[BlockCount]) -> BlockCount:
    """The counts of the same code in all calls."""
    return BlockCount(
        parts[0].address,
        parts[0].size,
        sum(part.executions for part in parts),
        sum(part.falls for part in parts),
    )


def profile_blocks(
    program: Program,
    blocks: Iterable[BlockCount],
    core: Core,
    decoder: BlockDecoder | None = None,
) -> tuple[FunctionProfile, ...]:
    """The functions that ran, most cycles first."""
    decoder = decoder or BlockDecoder(program)
    totals: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for parts in same_code(blocks):
        block = together(parts)
        code = decoder.instructions(block)
        function = program.function_at(block.address)
        entry = -1 if function is None else function.address
        names[entry] = "?" if function is None else function.name
        total = totals.setdefault(entry, [0, 0, 0])
        if block.address == entry:
            total[0] += block.executions
        # A loop back to a function's first instruction is not a call.
        if branch_target(code[-1]) == entry:
            total[0] -= block.executions - block.falls
        total[1] += block.executions * len(code)
        total[2] += block_cycles(core, code, block.executions, block.falls)
    profiles = [FunctionProfile(names[entry], *totals[entry]) for entry in totals]
    return tuple(sorted(profiles, key=lambda item: (-item.cycles_estimated, item.name)))
