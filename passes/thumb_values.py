"""
What reads the values of a `thumb` function, and which of them are easily made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import groupby

from xdsl.ir import Attribute

from tinyml.dialects.thumb_alu import Constant, VmovFromFpuOp
from tinyml.dialects.thumb_control import LoopOp, RepeatNeOp
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.passes.thumb_code import Code, Line, ends_of_loops
from tinyml.passes.thumb_liveness import alive, lives
from tinyml.passes.thumb_spill_policy import Candidate, Crowd, Inside, Read, plan

AT_HAND = (Constant, VmovFromFpuOp)
"""What makes values that another such instruction makes as well."""


class Values:
    """When the values of a function are alive, where they are written and read."""

    def __init__(self, code: Code):
        self.code = code
        self.spans = lives(code)
        self.places = [-1] * len(code.types)
        """The line that writes each; -1 for arguments."""
        self.reads: list[list[int]] = [[] for _ in code.types]
        self.depths = [0] * len(code.types)
        """How many loops are around where a value is written."""
        self.around: list[tuple[int, ...]] = []
        """For each line the loops that it is in, by the places where they begin."""
        self.ends = ends_of_loops(code.lines)
        around: tuple[int, ...] = ()
        for place, line in enumerate(code.lines):
            self.around.append(around)
            for value in line.reads:
                self.reads[value].append(place)
            if line.kind is LoopOp:
                around = (*around, place)
            elif line.kind is RepeatNeOp:
                around = around[:-1]
            for value in line.writes:
                self.places[value], self.depths[value] = place, len(around)

    def alive(self, kind: type[Attribute]) -> list[int]:
        """How many values of a kind are alive at each number from -1 on."""
        spans = [
            span
            for value, span in enumerate(self.spans)
            if self.code.is_kind(value, kind)
        ]
        return alive(spans, 2 * len(self.code.lines))

    def at_hand(self, value: int) -> Line | None:
        """The line that makes a value if another such line makes it as well."""
        place = self.places[value]
        line = self.code.lines[place]
        return line if place >= 0 and issubclass(line.kind, AT_HAND) else None

    def candidate(self, value: int) -> Candidate:
        """A value as one that could be kept elsewhere."""
        depth = self.depths[value]
        reads = self.nested(dict.fromkeys(self.reads[value]), depth)
        is_free = self.at_hand(value) is not None
        return Candidate(self.spans[value], depth, reads, is_free)

    @cached_property
    def candidates(self) -> dict[int, Candidate]:
        """The values that it may help to keep elsewhere."""
        everywhere = Crowd([True] * (2 * len(self.code.lines) + 1))
        core = (
            (value, self.candidate(value))
            for value in range(len(self.spans))
            if self.code.is_kind(value, CoreRegisterType)
        )
        return {value: found for value, found in core if plan(found, everywhere)}

    def nested(self, places: Iterable[int], depth: int) -> tuple[Read, ...]:
        """Places in order, those in a loop at a depth put together."""

        def loop_of(place: int) -> int | None:
            around = self.around[place]
            return around[depth] if len(around) > depth else None

        found: list[Read] = []
        for loop, group in groupby(places, loop_of):
            if loop is None:
                found += group
            else:
                below = self.nested(group, depth + 1)
                found.append(Inside(loop, self.ends[loop], below))
        return tuple(found)
