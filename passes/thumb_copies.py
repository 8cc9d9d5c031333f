"""
Copies of values that are needed longer than the register that they are in.

What an instruction overwrites in place, and what a loop carries around, has to share a
register with what comes of it. Where another use comes later, a copy is overwritten or
carried instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from xdsl.backend.register_type import RegisterType
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.thumb_control import LoopOp
from tinyml.passes.thumb_code import Code, ends_of_loops, form
from tinyml.passes.thumb_liveness import Span, lives, overlap


class Tie(NamedTuple):
    """Two values that have to be in one register; a copy of a read helps."""

    value: int
    partner: int
    place: int
    read: int


def ties(code: Code) -> Iterator[Tie]:
    """What has to be in one register; a loop's partners are its arguments."""
    ends = ends_of_loops(code.lines)
    for place, line in enumerate(code.lines):
        for a, b in form(line.kind).tied:
            yield Tie(line.reads[a], line.writes[b], place, a)
        if line.kind is LoopOp:
            end = code.lines[ends[place]]
            for index, argument in enumerate(line.writes):
                yield Tie(end.writes[index], argument, place, -1)
                yield Tie(line.reads[index], argument, place, index)
                yield Tie(end.reads[index + 1], argument, ends[place], index + 1)


class Webs:
    """Values that share a register, as far as they can."""

    def __init__(self, code: Code):
        self.code = code
        self.lives = lives(code)
        self.members: dict[int, list[int]] = {}
        """Of each web, by the value that stands for it."""
        self.spans: dict[int, list[Span]] = {}
        self.fixed: dict[int, str] = {}
        self.head = list(range(len(code.types)))
        """The value that stands for the web of each."""
        for value, span in enumerate(self.lives):
            if span[1] > span[0] and code.is_kind(value, RegisterType):
                self.members[value] = [value]
                self.spans[value] = [span]
                self.fixed[value] = code.register(value)

    def merge(self, a: int, b: int) -> bool:
        """Puts two values into one web unless they are in each other's way."""
        a, b = self.head[a], self.head[b]
        if a == b:
            return True
        names = {self.fixed[a], self.fixed[b]} - {""}
        if len(names) > 1 or overlap(self.spans[a], self.spans[b]):
            return False
        if len(self.members[a]) < len(self.members[b]):
            a, b = b, a
        self.spans[a] = list(merge(self.spans[a], self.spans.pop(b)))
        self.fixed[a] = next(iter(names), "")
        for value in self.members[b]:
            self.head[value] = a
        self.members[a] += self.members.pop(b)
        return True


def insert_copies(code: Code) -> Webs:
    """Copies what is needed beyond its place, until everything tied can share one."""
    copies: set[int] = set()
    while True:
        webs = Webs(code)
        tie = next((t for t in ties(code) if not webs.merge(t.value, t.partner)), None)
        if tie is None:
            return webs
        line = code.lines[tie.place]
        if tie.read < 0 or tie.value in copies:
            raise PassFailedException(
                f"@{code.name}: {line.kind.name} carries values that change places; "
                "unroll it"
            )
        copy = code.insert_copy(tie.place, tie.value, line.location)
        code.lines[tie.place + 1] = line.reading(tie.read, copy)
        copies.add(copy)
