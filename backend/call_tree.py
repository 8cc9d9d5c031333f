"""
From the blocks that ran in each call to what the call cost with all that it called.

A simulator that follows calls numbers them: a call is known by what made it, the place
that it returns to and the function. Calls of one function from two places are two
calls, as of two layers that share a kernel; those from one place in a loop are one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from tinyml.backend.block_profile import (
    BlockCount,
    BlockDecoder,
    same_code,
    together,
)
from tinyml.backend.cycle_model import block_cycles
from tinyml.backend.disassembly import Instruction
from tinyml.backend.elf_image import Program
from tinyml.backend.target_machine import Core


@dataclasses.dataclass(frozen=True)
class CallSite:
    """A call that a simulator followed; the first of a run is that of all others."""

    parent: int
    """Number of the call that made it, smaller than its own."""
    function: int
    """Address of what was called; of the first, 0."""
    times: int


@dataclasses.dataclass
class CallProfile:
    """What a call cost, all times that it was made, and the calls that it made."""

    name: str
    times: int
    own_instructions: int = 0
    own_cycles: int = 0
    calls: list[CallProfile] = dataclasses.field(default_factory=list["CallProfile"])
    """In the order in which they were made first."""

    @property
    def instructions(self) -> int:
        """With those of what it called."""
        return self.own_instructions + sum(call.instructions for call in self.calls)

    @property
    def cycles(self) -> int:
        """Estimated, with those of what it called."""
        return self.own_cycles + sum(call.cycles for call in self.calls)

    def walk(self) -> Iterator[CallProfile]:
        """This call and all below it, callers first."""
        yield self
        for call in self.calls:
            yield from call.walk()


def profile_calls(
    program: Program,
    sites: Sequence[CallSite],
    blocks: Iterable[BlockCount],
    core: Core,
    decoder: BlockDecoder | None = None,
) -> CallProfile:
    """The calls of a run, as a tree below the program's reset."""
    decoder = decoder or BlockDecoder(program)
    profiles: list[CallProfile] = []
    for number, site in enumerate(sites):
        function = program.function_at(site.function) if number else None
        name = "?" if function is None else function.name
        profiles.append(CallProfile(name, site.times))
        if number:
            profiles[site.parent].calls.append(profiles[-1])
    for parts in same_code(blocks):
        code = decoder.instructions(parts[0])
        for block, cycles in zip(parts, shared_cycles(core, code, parts), strict=True):
            profile = profiles[block.call]
            profile.own_instructions += block.executions * len(code)
            profile.own_cycles += cycles
    return profiles[0]


def shared_cycles(
    core: Core, code: Sequence[Instruction], parts: list[BlockCount]
) -> list[int]:
    """
    Estimated cycles of the same code in several calls. Jumps are predicted from what
    they did in all calls: what that costs is shared by how often the code ran.
    """
    cycles = [block_cycles(core, code, part.executions, part.falls) for part in parts]
    whole = together(parts)
    rest = block_cycles(core, code, whole.executions, whole.falls) - sum(cycles)
    done = given = 0
    for number, part in enumerate(parts):
        done += part.executions
        share = rest * done // whole.executions - given
        given += share
        cycles[number] += share
    return cycles
