"""
Which bytes a kernel reads and writes, and when: read off its loops.

Time counts the accesses of a kernel in the order in which they happen: the time of an
access is its place in the loop nest, where every turn of a loop takes as long as the
longest one. For each byte of each buffer there are the times of its first and last read
and write.

An access is looked at in all turns of the loops that decide where it goes, or whether
it happens, as one NumPy array; of the other loops only the first and the last turn
matter. What an address depends on has to be known: induction variables, constants, and
elements of constant tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, Operation, SSAValue

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
class Access:
    """A load or store, what stands around it, and the time of its first turn."""

    op: memref.LoadOp | memref.StoreOp
    loops: tuple[scf.ForOp, ...]
    branches: tuple[tuple[scf.IfOp, bool], ...]
    start: int

    @property
    def deciding(self) -> list[SSAValue]:
        """The values that decide where it goes and whether it happens."""
        found = [self.op.memref, *self.op.indices]
        found += [
            value for loop in self.loops for value in (loop.lb, loop.ub, loop.step)
        ]
        return found + [branch.cond for branch, _ in self.branches]


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
    nest.walk(kernel.body.block, (), (), 0)
    return nest.find_times()


class Nest:
    """The loop nest of one kernel."""

    def __init__(self, constants: Mapping[SSAValue, np.ndarray]):
        self.constants = constants
        self.accesses: list[Access] = []
        self.trips: dict[scf.ForOp, int] = {}
        self.periods: dict[scf.ForOp, int] = {}

    # The order of time

    def walk(
        self,
        block: Block,
        loops: tuple[scf.ForOp, ...],
        branches: tuple[tuple[scf.IfOp, bool], ...],
        now: int,
    ) -> int:
        """Collects the accesses of a block that begins `now`; returns when it ends."""
        for op in block.ops:
            match op:
                case memref.LoadOp() | memref.StoreOp():
                    if self.is_followed(op.memref):
                        self.accesses.append(Access(op, loops, branches, now))
                        now += 1
                    elif isinstance(op, memref.StoreOp):
                        raise KernelProblem("writes to a constant")
                case scf.ForOp():
                    before = len(self.accesses)
                    end = self.walk(op.body.block, (*loops, op), branches, now)
                    if len(self.accesses) > before:
                        self.periods[op] = end - now
                        self.trips[op] = self.most_trips(op, loops)
                        now += self.periods[op] * self.trips[op]
                case scf.IfOp():
                    for region, taken in zip(op.regions, (True, False), strict=True):
                        if region.blocks:
                            inner = (*branches, (op, taken))
                            now = self.walk(region.block, loops, inner, now)
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

    def most_trips(self, loop: scf.ForOp, around: Sequence[scf.ForOp]) -> int:
        deciding = loops_behind([loop.lb, loop.ub, loop.step])
        axes = [outer for outer in around if outer in deciding]
        values = self.values(
            axes, [range(self.trips_of(axis, around)) for axis in axes]
        )
        try:
            return int(values.trips(loop).max(initial=0))
        except UnknownNumber as error:
            raise unknown("the number of turns of a loop", error) from error

    def trips_of(self, loop: scf.ForOp, around: Sequence[scf.ForOp]) -> int:
        """The most turns of a loop around the one that is being looked at."""
        if loop not in self.trips:
            outer = around[: around.index(loop)]
            self.trips[loop] = self.most_trips(loop, outer)
        return self.trips[loop]

    def values(self, axes: Sequence[scf.ForOp], piece: Sequence[range]) -> LoopValues:
        """The values in some turns of the loops that are axes."""
        turns: dict[Operation, Numbers] = {}
        for axis, (loop, part) in enumerate(zip(axes, piece, strict=True)):
            shape = [1] * len(axes)
            shape[axis] = len(part)
            turns[loop] = np.arange(part.start, part.stop).reshape(shape)
        return LoopValues(turns, self.constants)

    # Bytes and their times

    def find_times(self) -> dict[SSAValue, AccessTimes]:
        found: dict[SSAValue, AccessTimes] = {}
        stores = [a.op for a in self.accesses if isinstance(a.op, memref.StoreOp)]
        written = {buffer for op in stores for buffer in buffers_behind(op.memref)}
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
        op = access.op
        assert isinstance(op.memref.type, MemRefType)
        deciding = loops_behind(access.deciding)
        axes = [loop for loop in access.loops if loop in deciding]
        for piece in pieces([self.trips[loop] for loop in axes]):
            values = self.values(axes, piece)
            place = values.place(op.memref)
            address = place.at(values.number(index) for index in op.indices)
            first, last, happens = self.when(access, values)
            shape = [len(part) for part in piece]
            address, first, last = (flat(n, shape) for n in (address, first, last))
            if not happens.all():
                kept = flat(happens, shape)
                address, first, last = address[kept], first[kept], last[kept]
            if not address.size:
                continue
            buffer, size = place.buffer, element_bytes(op.memref.type)
            assert isinstance(buffer.type, MemRefType)
            span = buffer_span(buffer.type)
            check_inside(buffer, span, int(address.min()), int(address.max()) + size)
            to = times.setdefault(buffer, AccessTimes.untouched(span))
            for at in (address + byte for byte in range(size)):
                if isinstance(op, memref.StoreOp):
                    np.minimum.at(to.first_write, at, first)
                    np.maximum.at(to.last_write, at, last)
                    continue
                np.maximum.at(to.last_read, at, last)
                # The first read only matters where it might precede a write.
                if buffer in written:
                    np.minimum.at(to.first_read, at, first)

    def when(
        self, access: Access, values: LoopValues
    ) -> tuple[Numbers, Numbers, Numbers]:
        """First and last time of an access in each turn, and whether there is one."""
        first, later = np.full((), access.start), np.zeros((), np.int64)
        conditions: list[Numbers] = []
        for loop in access.loops:
            period, trips = self.periods[loop], values.trips(loop)
            turns = values.turns.get(loop)
            if turns is None:
                conditions.append(trips > 0)
                later = later + (trips - 1) * period
            else:
                conditions.append(turns < trips)
                first = first + turns * period
        for branch, taken in access.branches:
            conditions.append((values.number(branch.cond) != 0) == taken)
        partial = [condition for condition in conditions if not condition.all()]
        happens = reduce(np.logical_and, partial, np.full((), True))
        return first, first + later if later.any() else first, happens


def flat(numbers: Numbers, shape: Sequence[int]) -> Numbers:
    """One number for each turn."""
    return np.broadcast_to(numbers, shape).reshape(-1)


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
