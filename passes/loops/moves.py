"""
Copies of elements along lines within lines, bytes of a run by words.

Elements are written in the order of the lines, or the other way round if the kernel
runs backwards. Of a run some are read before the first of them is written, which
whatever may share bytes element by element allows as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import i8
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, StoreWordOp
from tinyml.dialects.layer import buffer_type
from tinyml.passes.loops.elements import hot_nest
from tinyml.passes.loops.kernel import Carried, Kernel

WORD = 4
"""Bytes."""

WORDS = 4
"""Words, or single bytes, that are read before they are written."""

GROUPS = 2
"""Groups of them that a turn of a loop takes."""

UNROLLED = 2
"""Turns of a loop within others that are straight code."""


@dataclass(frozen=True)
class Line:
    """So many elements, and how far apart they are where they come from and go to."""

    count: int
    source: int
    target: int


@dataclass(frozen=True)
class Move:
    """Elements along lines within lines, the outermost first, and where they begin."""

    lines: tuple[Line, ...]
    source: int = 0
    target: int = 0

    @property
    def joined(self) -> Move:
        """The same with as few lines as possible."""
        found: list[Line] = []
        for line in self.lines:
            if line.count == 1:
                continue
            last = found[-1] if found else None
            steps = line.count * line.source, line.count * line.target
            if last is not None and steps == (last.source, last.target):
                line = Line(last.count * line.count, line.source, line.target)
                found.pop()
            found.append(line)
        return Move(tuple(found or [Line(1, 1, 1)]), self.source, self.target)


def strides(sizes: Sequence[int]) -> list[int]:
    """How far apart the elements of a dense buffer are along each dimension."""
    found = [1]
    for size in reversed(sizes[1:]):
        found.append(found[-1] * size)
    return found[::-1][: len(sizes)]


def lower_move(k: Kernel, move: Move, x: SSAValue, y: SSAValue) -> None:
    """Copies elements of one buffer to another of the same elements."""
    mover = Mover(k, move.joined, k.flat(x), k.flat(y))
    (mover.words if buffer_type(x).element_type == i8 else mover.elements)()


@dataclass(frozen=True)
class Mover:
    """A copy under construction."""

    k: Kernel
    move: Move
    x: SSAValue
    y: SSAValue

    def places(
        self, lines: Sequence[Line], at: Sequence[SSAValue]
    ) -> tuple[SSAValue, SSAValue]:
        """Where elements are read and written."""
        k, move = self.k, self.move
        source, target = k.index(move.source), k.index(move.target)
        for line, i in zip(lines, at, strict=True):
            source = k.add(source, k.mul(i, k.index(line.source)))
            target = k.add(target, k.mul(i, k.index(line.target)))
        return source, target

    def elements(self) -> None:
        k, lines = self.k, self.move.lines

        def element(at: tuple[SSAValue, ...]) -> None:
            source, target = self.places(lines, at)
            k.store(k.load(self.x, source), self.y, target)

        k.nest([line.count for line in lines], element)

    def words(self) -> None:
        *outer, inner = self.move.lines

        def line(at: tuple[SSAValue, ...]) -> None:
            source, target = self.places(outer, at[: len(outer)])
            self.within(inner, source, target)

        hot_nest(self.k, [line.count for line in outer] or [1], line)

    def within(self, line: Line, source: SSAValue, target: SSAValue) -> None:
        """The innermost line: words, then bytes."""
        k, whole = self.k, 0
        if line.source == line.target == 1:
            whole = line.count // WORD
        rest = line.count - whole * WORD

        def words() -> None:
            self.groups(whole, line, source, target, WORD)

        def bytes() -> None:
            behind = k.index(whole * WORD)
            first = k.add(source, behind), k.add(target, behind)
            self.groups(rest, line, *first, 1)

        for part in (bytes, words) if k.backward else (words, bytes):
            part()

    def groups(
        self, count: int, line: Line, source: SSAValue, target: SSAValue, size: int
    ) -> None:
        """So many words, or single elements."""
        k, turn = self.k, WORDS * GROUPS
        looped = count // turn * turn if count > UNROLLED * turn else 0

        def group(first: SSAValue, number: int) -> None:
            self.group(
                k.add(source, k.mul(first, k.index(size * line.source))),
                k.add(target, k.mul(first, k.index(size * line.target))),
                line,
                number,
                size,
            )

        def take(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(looped - turn), i, "i")
            firsts = range(0, turn, WORDS)
            for first in reversed(firsts) if k.backward else firsts:
                group(k.add(i, k.index(first)), WORDS)

        def turns() -> None:
            if looped:
                k.loop(0, looped, take, step=turn)

        def rest() -> None:
            firsts = range(looped, count, WORDS)
            for first in reversed(firsts) if k.backward else firsts:
                group(k.index(first), min(WORDS, count - first))

        for part in (rest, turns) if k.backward else (turns, rest):
            part()

    def group(
        self, source: SSAValue, target: SSAValue, line: Line, count: int, size: int
    ) -> None:
        """Some words or elements, all of which are read first."""
        k = self.k
        sources = [k.add(source, k.index(i * size * line.source)) for i in range(count)]
        targets = [k.add(target, k.index(i * size * line.target)) for i in range(count)]
        if size == 1:
            values = [k.load(self.x, place) for place in sources]
            for value, place in zip(values, targets, strict=True):
                k.store(value, self.y, place)
            return
        values = [k.insert(LoadWordOp(self.x, place), "word") for place in sources]
        for value, place in zip(values, targets, strict=True):
            k.builder.insert(StoreWordOp(value, self.y, place))


def lower_fill(k: Kernel, y: SSAValue, value: int) -> None:
    """Writes a number to all bytes of a buffer."""
    y = k.flat(y)
    (count,) = buffer_type(y).get_shape()
    word = k.i32(int.from_bytes(bytes([value % 256] * WORD), "little", signed=True))
    turn = WORDS * GROUPS * WORD
    whole = count // WORD * WORD
    looped = whole // turn * turn

    def words(first: SSAValue, end: int) -> None:
        for byte in range(0, end, WORD):
            k.builder.insert(StoreWordOp(word, y, k.add(first, k.index(byte))))

    def all(_: tuple[SSAValue, ...]) -> None:
        if looped:
            k.loop(0, looped, lambda i, _: words(i, turn), step=turn)
        words(k.index(looped), whole - looped)
        for byte in range(whole, count):
            k.store(k.integer(value, i8), y, k.index(byte))

    hot_nest(k, [1], all)
