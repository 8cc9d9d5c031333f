"""
Which bytes a kernel reads and writes, and when: read off its loops.

Time counts the accesses of a kernel in the order in which they happen: the time of an
access is its place in the loop nest, where every turn of a loop takes as long as the
longest one. For each byte of each buffer there are the times of its first and last read
and write.

An access is looked at in all turns of the loops that decide where it goes, or whether
it happens, as one NumPy array; of the other loops only the first and the last turn
matter. Of the loops around a branch, only the turns in which it is taken are looked at.
What an address depends on has to be known: induction variables, constants, and elements
of constant tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, Operation, SSAValue

from tinyml.dialects.reading import READS_INPUT
from tinyml.passes.index_arithmetic import Numbers, UnknownNumber
from tinyml.passes.loop_dependence import buffers_behind, loops_behind
from tinyml.passes.loop_values import LoopValues, element_bytes

PIECE = 1 << 21
"""Turns that are looked at together, which bounds the memory that is needed."""

NEVER_FIRST, NEVER_LAST = np.iinfo(np.int64).max, -1
"""The first and the last time of what does not happen."""

VIEWS = (
    memref.CastOp,
    memref.ReinterpretCastOp,
    memref.SubviewOp,
    memref.ViewOp,
)
HANDING_ON = (*VIEWS, arith.SelectOp, scf.ForOp, scf.IfOp, scf.YieldOp)
"""Ops that hand on memrefs and do not access memory themselves."""


class KernelProblem(Exception):
    """What is wrong with a kernel, or cannot be followed, in words."""


@dataclass(frozen=True)
class AccessTimes:
    """When each byte of a buffer is read and written."""

    first_read: Numbers
    last_read: Numbers
    first_write: Numbers
    last_write: Numbers

    @classmethod
    def untouched(cls, size: int) -> AccessTimes:
        ends = (NEVER_FIRST, NEVER_LAST, NEVER_FIRST, NEVER_LAST)
        return cls(*(np.full(size, end, np.int64) for end in ends))


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


@dataclass(frozen=True)
class Access:
    """
    A load or store, or a call that fills a buffer; what stands around it, and the time
    of its first turn.
    """

    op: Operation
    memref: SSAValue
    indices: Sequence[SSAValue] | None
    """None for all elements."""
    writes: bool
    around: Surroundings
    start: int

    @property
    def type(self) -> MemRefType:
        assert isinstance(self.memref.type, MemRefType)
        return self.memref.type

    @property
    def shape(self) -> Sequence[int]:
        """Of the elements that are accessed at one time."""
        return self.type.get_shape() if self.indices is None else ()

    @property
    def deciding(self) -> list[SSAValue]:
        """The values that decide where it goes and whether it happens."""
        return [self.memref, *(self.indices or ()), *self.around.deciding]


def buffer_span(type: MemRefType) -> int:
    """Bytes from the first to the last element of a type of static shape."""
    strides = type.get_strides()
    if strides is None or not type.has_static_shape() or None in strides:
        raise KernelProblem(f"a buffer of type {type} has no static size")
    shape = type.get_shape()
    if 0 in shape:
        return 0
    steps = ((n - 1) * (s or 0) for n, s in zip(shape, strides, strict=True))
    return (sum(steps) + 1) * element_bytes(type)


def kernel_times(
    kernel: func.FuncOp, constants: Mapping[SSAValue, np.ndarray]
) -> dict[SSAValue, AccessTimes]:
    """
    The times of all buffers of a kernel that are not `constants`. Raises KernelProblem
    for a kernel that leaves a buffer, or that cannot be followed.
    """
    nest = Nest(constants)
    nest.walk(kernel.body.block, Surroundings(), 0)
    return nest.find_times()


class Nest:
    """The loop nest of one kernel."""

    def __init__(self, constants: Mapping[SSAValue, np.ndarray]):
        self.constants = constants
        self.accesses: list[Access] = []
        self.around: dict[scf.ForOp, Surroundings] = {}
        self.trips: dict[scf.ForOp, int] = {}
        self.periods: dict[scf.ForOp, int] = {}

    # The order of time

    def walk(self, block: Block, around: Surroundings, now: int) -> int:
        """Collects the accesses of a block that begins `now`; returns when it ends."""
        for op in block.ops:
            match op:
                case memref.LoadOp() | memref.StoreOp():
                    writes = isinstance(op, memref.StoreOp)
                    if self.is_followed(op.memref):
                        access = Access(op, op.memref, op.indices, writes, around, now)
                        self.accesses.append(access)
                        now += 1
                    elif writes:
                        raise KernelProblem("writes to a constant")
                case scf.ForOp():
                    self.around[op] = around
                    before = len(self.accesses)
                    end = self.walk(op.body.block, around.in_loop(op), now)
                    if len(self.accesses) > before:
                        self.periods[op] = end - now
                        now += self.periods[op] * self.trips_of(op)
                case scf.IfOp():
                    for region, taken in zip(op.regions, (True, False), strict=True):
                        if region.blocks:
                            now = self.walk(
                                region.block, around.in_branch(op, taken), now
                            )
                case func.CallOp() if READS_INPUT in op.attributes:
                    for value in op.operands:
                        if isinstance(value.type, MemRefType):
                            access = Access(op, value, None, True, around, now)
                            self.accesses.append(access)
                            now += 1
                case _ if not isinstance(op, HANDING_ON):
                    self.check_harmless(op)
                case _:
                    pass
        return now

    def is_followed(self, buffer: SSAValue) -> bool:
        return any(b not in self.constants for b in buffers_behind(buffer))

    def check_harmless(self, op: Operation) -> None:
        for inner in op.walk():
            for value in inner.operands:
                if isinstance(value.type, MemRefType) and self.is_followed(value):
                    raise KernelProblem(f"{inner.name} accesses memory in unknown ways")

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
        parts = self.turns(around, [*bounds, *around.deciding], ())
        return max((int(v.trips(loop).max(initial=0)) for v, _, _ in parts), default=0)

    # Turns

    def turns(
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
        taken = self.taken_turns(around, outer)
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
    ) -> np.ndarray:
        """A row for each combination of turns in which all branches are taken."""
        found = [np.zeros((0, len(axes)), np.int64)]
        loops = around.loops[: around.guarded]
        for piece in pieces([self.trips_of(loop) for loop in axes]):
            turns: dict[Operation, Numbers] = dict(zip(axes, along_axes(piece)))
            values = LoopValues(turns, self.constants)
            happens = self.happens(loops, around.branches, values)
            shape = [len(part) for part in piece]
            start = np.array([part.start for part in piece], np.int64)
            found.append(np.argwhere(np.broadcast_to(happens, shape)) + start)
        return np.concatenate(found)

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

    # Bytes and their times

    def find_times(self) -> dict[SSAValue, AccessTimes]:
        found: dict[SSAValue, AccessTimes] = {}
        stored = [access.memref for access in self.accesses if access.writes]
        written = {buffer for value in stored for buffer in buffers_behind(value)}
        for access in self.accesses:
            try:
                self.record(access, found, written)
            except UnknownNumber as error:
                what = f"the address of a {access.op.name}"
                raise unknown(what, error) from error
        return found

    def record(
        self,
        access: Access,
        times: dict[SSAValue, AccessTimes],
        written: set[SSAValue],
    ) -> None:
        """Adds all that one access does to the times of its buffer."""
        around = access.around
        for values, elements, shape in self.turns(
            around, access.deciding, access.shape
        ):
            place = values.place(access.memref)
            indices = elements
            if access.indices is not None:
                indices = [values.number(index) for index in access.indices]
            address = place.at(indices)
            first, last = self.when(access, values)
            address, first, last = (flat(n, shape) for n in (address, first, last))
            # Loops around the innermost branch take their turns, or it is not taken.
            inner = around.loops[around.guarded :]
            happens = self.happens(inner, (), values)
            if not happens.all():
                kept = flat(happens, shape)
                address, first, last = address[kept], first[kept], last[kept]
            if not address.size:
                continue
            buffer, size = place.buffer, element_bytes(access.type)
            assert isinstance(buffer.type, MemRefType)
            span = buffer_span(buffer.type)
            check_inside(buffer, span, int(address.min()), int(address.max()) + size)
            to = times.setdefault(buffer, AccessTimes.untouched(span))
            for at in (address + byte for byte in range(size)):
                if access.writes:
                    np.minimum.at(to.first_write, at, first)
                    np.maximum.at(to.last_write, at, last)
                    continue
                np.maximum.at(to.last_read, at, last)
                # The first read only matters where it might precede a write.
                if buffer in written:
                    np.minimum.at(to.first_read, at, first)

    def when(self, access: Access, values: LoopValues) -> tuple[Numbers, Numbers]:
        """First and last time of an access in each turn of some loops around it."""
        first, later = np.full((), access.start), np.zeros((), np.int64)
        for loop in access.around.loops:
            period, turns = self.periods[loop], values.turns.get(loop)
            if turns is None:
                later = later + (values.trips(loop) - 1) * period
            else:
                first = first + turns * period
        return first, first + later if later.any() else first


def flat(numbers: Numbers, shape: Sequence[int]) -> Numbers:
    """One number for each turn."""
    return np.broadcast_to(numbers, shape).reshape(-1)


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


def check_inside(buffer: SSAValue, size: int, start: int, end: int) -> None:
    if start < 0 or end > size:
        byte = start if start < 0 else end - 1
        raise KernelProblem(
            f"accesses byte {byte} of %{buffer.name_hint}, which has {size} bytes"
        )


def unknown(what: str, error: UnknownNumber) -> KernelProblem:
    return KernelProblem(f"{what} depends on a {error.op.name}, which is not known")
