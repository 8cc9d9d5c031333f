"""
The turns of loops in which an op of a kernel runs, as NumPy arrays.

Only loops that decide something are looked at. Of the loops around a branch, only the
turns in which it is taken are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product

import numpy as np
from xdsl.dialects import scf
from xdsl.ir import Operation, SSAValue

from tinyml.passes.index_arithmetic import Numbers, UnknownNumber
from tinyml.passes.loop_dependence import loops_behind
from tinyml.passes.loop_values import LoopValues

PIECE = 1 << 21
"""Turns that are looked at together, which bounds the memory that is needed."""


class KernelProblem(Exception):
    """What is wrong with a kernel, or cannot be followed, in words."""


def unknown(what: str, error: UnknownNumber) -> KernelProblem:
    return KernelProblem(f"{what} depends on a {error.op.name}, which is not known")


@dataclass(frozen=True)
class Surroundings:
    """The loops and branches around an op, from the outermost to the innermost."""

    loops: tuple[scf.ForOp, ...] = ()
    branches: tuple[tuple[scf.IfOp, bool], ...] = ()
    guarded: int = 0
    """How many of the loops stand around the innermost branch."""

    def in_loop(self, loop: scf.ForOp) -> Surroundings:
        return Surroundings((*self.loops, loop), self.branches, self.guarded)

    def in_branch(self, branch: scf.IfOp, taken: bool) -> Surroundings:
        branches = (*self.branches, (branch, taken))
        return Surroundings(self.loops, branches, len(self.loops))

    @property
    def deciding(self) -> list[SSAValue]:
        """The values that decide which turns and branches there are."""
        bounds = [v for loop in self.loops for v in (loop.lb, loop.ub, loop.step)]
        return bounds + [branch.cond for branch, _ in self.branches]


@dataclass
class LoopTurns:
    """The turns of the loops of one kernel, whose ops it meets from the outside in."""

    constants: Mapping[SSAValue, np.ndarray]
    around: dict[scf.ForOp, Surroundings] = field(default_factory=dict)
    """What stands around each loop that was met."""
    trips: dict[scf.ForOp, int] = field(default_factory=dict)

    def trips_of(self, loop: scf.ForOp) -> int:
        """The most turns that a loop takes."""
        if loop not in self.trips:
            try:
                self.trips[loop] = self.most_trips(loop)
            except UnknownNumber as error:
                raise unknown("the number of turns of a loop", error) from error
        return self.trips[loop]

    def most_trips(self, loop: scf.ForOp) -> int:
        around, bounds = self.around[loop], [loop.lb, loop.ub, loop.step]
        if not loops_behind(bounds):
            return int(LoopValues({}, self.constants).trips(loop))
        parts = self.parts(around, [*bounds, *around.deciding], ())
        return max((int(v.trips(loop).max(initial=0)) for v, _, _ in parts), default=0)

    def parts(
        self, around: Surroundings, deciding: Iterable[SSAValue], shape: Sequence[int]
    ) -> Iterator[tuple[LoopValues, Sequence[Numbers], Sequence[int]]]:
        """
        The turns, in parts, of all loops around an op that some values depend on, where
        the branches around it are taken. With each part the indices of elements of a
        `shape`, and the shape of its arrays: an axis for all loops around the innermost
        branch, one for each of the others, and those of the elements.
        """
        loops = loops_behind(deciding)
        outer = [loop for loop in around.loops[: around.guarded] if loop in loops]
        inner = [loop for loop in around.loops[around.guarded :] if loop in loops]
        for taken in self.taken_turns(around, outer):
            lengths = [len(taken), *(self.trips_of(loop) for loop in inner), *shape]
            for first, *rest in pieces(lengths):
                indices = along_axes([range(1), *rest])
                turns: dict[Operation, Numbers] = dict(zip(inner, indices[1:]))
                for loop, numbers in zip(outer, taken[first.start : first.stop].T):
                    turns[loop] = numbers.reshape(-1, *[1] * len(rest))
                values = LoopValues(turns, self.constants)
                elements = indices[1 + len(inner) :]
                yield values, elements, [len(part) for part in (first, *rest)]

    def taken_turns(
        self, around: Surroundings, axes: Sequence[scf.ForOp]
    ) -> Iterator[np.ndarray]:
        """Rows of turns, for each combination in which all branches are taken."""
        loops = around.loops[: around.guarded]
        for piece in pieces([self.trips_of(loop) for loop in axes]):
            turns: dict[Operation, Numbers] = dict(zip(axes, along_axes(piece)))
            values = LoopValues(turns, self.constants)
            happens = self.happens(loops, around.branches, values)
            shape = [len(part) for part in piece]
            start = np.array([part.start for part in piece], np.int64)
            yield np.argwhere(np.broadcast_to(happens, shape)) + start

    @staticmethod
    def happens(
        loops: Iterable[scf.ForOp],
        branches: Iterable[tuple[scf.IfOp, bool]],
        values: LoopValues,
    ) -> Numbers:
        """Whether loops take a turn and branches are taken, in each turn of values."""
        conditions: list[Numbers] = []
        for loop in loops:
            conditions.append(values.turns.get(loop, 0) < values.trips(loop))
        for branch, taken in branches:
            conditions.append((values.number(branch.cond) != 0) == taken)
        partial = [condition for condition in conditions if not condition.all()]
        return reduce(np.logical_and, partial, np.full((), True))


def along_axes(ranges: Sequence[range]) -> Sequence[Numbers]:
    """The numbers of each range, along an axis of its own."""
    return np.meshgrid(
        *(np.arange(part.start, part.stop) for part in ranges),
        indexing="ij",
        sparse=True,
    )


def pieces(lengths: Sequence[int]) -> Iterator[tuple[range, ...]]:
    """Parts of an index space, in order, that have at most PIECE points each."""
    steps: list[int] = []
    room = PIECE
    for length in reversed(lengths):
        steps.insert(0, max(min(length, room), 1))
        room //= steps[0] if length <= room else room
    parts = [
        [range(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(lengths, steps, strict=True)
    ]
    return product(*parts)
