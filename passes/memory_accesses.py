"""
Which bytes a kernel reads and writes, and when: read off its loops.

Time counts the accesses of a kernel in the order in which they happen: the time of an
access is its place in the loop nest, where every turn of a loop takes as long as the
longest one. For each byte of each buffer there are the times of its first and last read
and write.

An access is looked at in all turns of the loops that decide where it goes, or whether
it happens (`loop_turns.py`); of the other loops only the first and the last turn
matter. What an address depends on has to be known: induction variables, constants, and
elements of constant tables.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, Operation, SSAValue

from tinyml.dialects import acle
from tinyml.dialects.reading import READS_INPUT
from tinyml.passes.index_arithmetic import Numbers, UnknownNumber
from tinyml.passes.loop_dependence import buffers_behind, loops_behind
from tinyml.passes.loop_turns import KernelProblem, LoopTurns, Surroundings, unknown
from tinyml.passes.loop_values import LoopValues, element_bytes

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

SHARED = 1 << 14
"""Turns of which the numbers of all values may be kept at once."""


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
    def size(self) -> int:
        """Bytes that are accessed at one time and place."""
        op = self.op
        return op.SIZE if isinstance(op, acle.BytesOp) else element_bytes(self.type)

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
        self.loops = LoopTurns(constants)
        self.accesses: list[Access] = []
        self.periods: dict[scf.ForOp, int] = {}

    # The order of time

    def walk(self, block: Block, around: Surroundings, now: int) -> int:
        """Collects the accesses of a block that begins `now`; returns when it ends."""
        for op in block.ops:
            match op:
                case memref.LoadOp() | memref.StoreOp() | acle.BytesOp():
                    writes = isinstance(op, memref.StoreOp | acle.StoreWordOp)
                    if self.is_followed(op.memref):
                        access = Access(op, op.memref, op.indices, writes, around, now)
                        self.accesses.append(access)
                        now += 1
                    elif writes:
                        raise KernelProblem("writes to a constant")
                case scf.ForOp():
                    self.loops.around[op] = around
                    before = len(self.accesses)
                    end = self.walk(op.body.block, around.in_loop(op), now)
                    if len(self.accesses) > before:
                        self.periods[op] = end - now
                        now += self.periods[op] * self.loops.trips_of(op)
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

    # Bytes and their times

    def find_times(self) -> dict[SSAValue, AccessTimes]:
        found: dict[SSAValue, AccessTimes] = {}
        stored = [access.memref for access in self.accesses if access.writes]
        written = {buffer for value in stored for buffer in buffers_behind(value)}
        for group in self.groups():
            access = group[0]
            turns = self.loops.parts(access.around, access.deciding, access.shape)
            try:
                for values, elements, shape in turns:
                    few = prod(shape) <= SHARED
                    for access in group:
                        own = values if few else values.forgotten()
                        self.record(access, own, elements, shape, found, written)
            except UnknownNumber as error:
                what = f"the address of a {access.op.name}"
                raise unknown(what, error) from error
        return found

    def groups(self) -> Iterable[list[Access]]:
        """Accesses in the same place that depend on the same loops."""
        behind: dict[SSAValue, set[Operation]] = {}
        found: dict[Hashable, list[Access]] = {}
        for access in self.accesses:
            for value in access.deciding:
                if value not in behind:
                    behind[value] = loops_behind([value])
            loops = frozenset[Operation]().union(*(behind[v] for v in access.deciding))
            key = access.around, loops, tuple(access.shape)
            found.setdefault(key, []).append(access)
        return found.values()

    def record(
        self,
        access: Access,
        values: LoopValues,
        elements: Sequence[Numbers],
        shape: Sequence[int],
        times: dict[SSAValue, AccessTimes],
        written: set[SSAValue],
    ) -> None:
        """Adds what an access does in some turns to the times of its buffer."""
        around = access.around
        place = values.place(access.memref)
        indices = elements
        if access.indices is not None:
            indices = [values.number(index) for index in access.indices]
        address = place.at(indices)
        first, last = self.when(access, values)
        address, first, last = (flat(n, shape) for n in (address, first, last))
        # Loops around the innermost branch take their turns, or it is not taken.
        inner = around.loops[around.guarded :]
        happens = self.loops.happens(inner, (), values)
        if not happens.all():
            kept = flat(happens, shape)
            address, first, last = address[kept], first[kept], last[kept]
        if not address.size:
            return
        buffer, size = place.buffer, access.size
        assert isinstance(buffer.type, MemRefType)
        span = buffer_span(buffer.type)
        check_inside(buffer, span, int(address.min()), int(address.max()) + size)
        if buffer not in times:
            times[buffer] = AccessTimes.untouched(span)
        to = times[buffer]
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


def check_inside(buffer: SSAValue, size: int, start: int, end: int) -> None:
    if start < 0 or end > size:
        byte = start if start < 0 else end - 1
        raise KernelProblem(
            f"accesses byte {byte} of %{buffer.name_hint}, which has {size} bytes"
        )
