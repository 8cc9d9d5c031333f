"""
The numbers and places that values of a kernel have in the turns of its loops.

`LoopValues` looks at many turns at once: each of some loops is an axis of its arrays,
and a value is an array over those axes, of size 1 along an axis that does not matter.
Values are found on demand, so that only what decides an address or a bound is ever
looked at; the data of a network is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import count

import numpy as np
from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, FixedBitwidthType, MemRefType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue

from tinyml.dialects import acle
from tinyml.dialects.layer import integers
from tinyml.interp.memref import kept_dimensions
from tinyml.passes.index_arithmetic import Numbers, UnknownNumber, compute
from tinyml.passes.loop_dependence import (
    is_inside,
    loops_behind,
    result_number,
    values_behind,
    yielded,
)


@dataclass(frozen=True)
class Place:
    """Where a memref's elements lie in the buffer that it is a view of, in bytes."""

    buffer: SSAValue
    offset: Numbers
    strides: tuple[Numbers, ...]

    def at(self, indices: Iterable[Numbers]) -> Numbers:
        """The offset of an element."""
        steps = (i * s for i, s in zip(indices, self.strides, strict=True))
        return reduce(np.add, steps, self.offset)


def element_bytes(type: MemRefType) -> int:
    element = type.element_type
    return element.size if isinstance(element, FixedBitwidthType) else 1


def number(value: int) -> Numbers:
    return np.full((), value, np.int64)


def type_strides(type: MemRefType, op: Operation) -> tuple[Numbers, ...]:
    """The strides of a type in bytes; `op` is to blame if it has none."""
    found: list[Numbers] = []
    strides = type.get_strides()
    for stride in [None] if strides is None else strides:
        if stride is None:
            raise UnknownNumber(op)
        found.append(number(stride * element_bytes(type)))
    return tuple(found)


def chosen(
    op: Operation, condition: Numbers, yes: Numbers | Place, no: Numbers | Place
) -> Numbers | Place:
    """`yes` where a condition holds, else `no`; places have to be in one buffer."""
    if isinstance(yes, Place) and isinstance(no, Place):
        if yes.buffer is not no.buffer:
            raise UnknownNumber(op)
        strides = zip(yes.strides, no.strides, strict=True)
        return Place(
            yes.buffer,
            np.where(condition, yes.offset, no.offset),
            tuple(np.where(condition, a, b) for a, b in strides),
        )
    assert not isinstance(yes, Place)
    assert not isinstance(no, Place)
    return np.where(condition, yes, no)


class LoopValues:
    """
    Values in all combinations of some turns of some loops.

    `turns` are the turns of each loop along its axis, counted from 0; `constants` the
    content of buffers that are constant. A value that depends on data raises
    UnknownNumber.
    """

    def __init__(
        self,
        turns: Mapping[Operation, Numbers],
        constants: Mapping[SSAValue, np.ndarray],
    ):
        self.turns, self.constants = turns, constants
        self._known: dict[SSAValue, Numbers | Place] = {}

    def forgotten(self) -> LoopValues:
        """The same turns, with no number kept."""
        return LoopValues(self.turns, self.constants)

    def number(self, value: SSAValue) -> Numbers:
        found = self.value(value)
        assert not isinstance(found, Place)
        return found

    def place(self, value: SSAValue) -> Place:
        found = self.value(value)
        assert isinstance(found, Place)
        return found

    def value(self, value: SSAValue) -> Numbers | Place:
        if value not in self._known:
            self._known[value] = self._find(value)
        return self._known[value]

    def trips(self, loop: scf.ForOp) -> Numbers:
        """How many turns a loop takes."""
        low, high, step = (self.number(v) for v in (loop.lb, loop.ub, loop.step))
        return np.maximum(-((low - high) // np.maximum(step, 1)), 0)

    def _find(self, value: SSAValue) -> Numbers | Place:
        match value.owner:
            case Block() as block:
                assert isinstance(value, BlockArgument)
                loop = block.parent_op()
                assert loop is not None
                if not isinstance(loop, scf.ForOp):
                    return self._buffer(value, loop)
                if value.index == 0:
                    low, step = self.number(loop.lb), self.number(loop.step)
                    return low + self.turns[loop] * step
                return self._carried(loop, value.index - 1)
            case scf.ForOp() as loop:
                return self._result(loop, result_number(value))
            case scf.IfOp() as branch:
                index = result_number(value)
                condition = self.number(branch.cond)
                yes, no = (self.value(yielded(r.block)[index]) for r in branch.regions)
                return chosen(branch, condition != 0, yes, no)
            case op:
                return self._computed(op)

    @staticmethod
    def _buffer(value: SSAValue, op: Operation) -> Place:
        """The place of a buffer that is no view of another one."""
        if not isinstance(type := value.type, MemRefType):
            raise UnknownNumber(op)
        return Place(value, number(0), type_strides(type, op))

    def _computed(self, op: Operation) -> Numbers | Place:
        match op:
            case memref.GetGlobalOp() | memref.AllocaOp() | memref.AllocOp():
                return self._buffer(op.results[0], op)
            case memref.CastOp():
                return self.value(op.source)
            case memref.ViewOp():
                source = self.place(op.source)
                strides = type_strides(op.result.type, op)
                offset = source.offset + self.number(op.byte_shift)
                return Place(source.buffer, offset, strides)
            case memref.ReinterpretCastOp():
                source, size = self.place(op.source), element_bytes(op.result.type)
                (offset,) = self._mixed(op.static_offsets, op.offsets)
                strides = self._mixed(op.static_strides, op.strides)
                return Place(
                    source.buffer,
                    source.offset + offset * size,
                    tuple(stride * size for stride in strides),
                )
            case memref.SubviewOp():
                return self._subview(op)
            case memref.LoadOp():
                return self._constant_element(op)
            case acle.LoadOp():
                raise UnknownNumber(op)
            case arith.SelectOp() if isinstance(op.result.type, MemRefType):
                yes, no = self.value(op.lhs), self.value(op.rhs)
                return chosen(op, self.number(op.cond) != 0, yes, no)
            case _:
                return compute(op, [self.number(v) for v in op.operands])

    def _mixed(self, static: Attribute, dynamic: Iterable[SSAValue]) -> list[Numbers]:
        """Numbers that are partly attributes, partly operands."""
        rest = iter(dynamic)
        return [
            self.number(next(rest)) if n == DYNAMIC_INDEX else number(n)
            for n in integers(static)
        ]

    def _subview(self, op: memref.SubviewOp) -> Place:
        source = self.place(op.source)
        offsets = self._mixed(op.static_offsets, op.offsets)
        steps = self._mixed(op.static_strides, op.strides)
        strides = [s * t for s, t in zip(source.strides, steps, strict=True)]
        if len(strides) != len(op.result.type.get_shape()):
            shape = op.result.type.get_shape()
            kept = kept_dimensions(integers(op.static_sizes), shape)
            strides = [s for s, keep in zip(strides, kept, strict=True) if keep]
        return Place(source.buffer, source.at(offsets), tuple(strides))

    def _constant_element(self, op: memref.LoadOp) -> Numbers:
        place = self.place(op.memref)
        table = self.constants.get(place.buffer)
        if table is None or table.dtype.kind not in "iu":
            raise UnknownNumber(op)
        at = place.at(self.number(i) for i in op.indices) // table.itemsize
        # Turns that do not happen may look beyond the ends.
        return np.take(table.reshape(-1), at, mode="clip").astype(np.int64)

    # Carried values

    def _carried(self, loop: scf.ForOp, index: int) -> Numbers | Place:
        argument = loop.body.block.args[index + 1]
        turns = self.turns[loop]
        found = self._regular(loop, index, turns)
        if found is not None:
            return found
        last = int(turns.max(initial=0))
        found = self.value(loop.iter_args[index])
        for turn, state in zip(range(last + 1), self._states(loop, index)):
            found = chosen(loop, turns >= turn, state[argument], found)
        return found

    def _result(self, loop: scf.ForOp, index: int) -> Numbers | Place:
        trips = self.trips(loop)
        found = self._regular(loop, index, trips)
        if found is not None:
            return found
        argument = loop.body.block.args[index + 1]
        found = self.value(loop.iter_args[index])
        for turn, state in zip(range(int(trips.max()) + 1), self._states(loop, index)):
            found = chosen(loop, trips >= turn, state[argument], found)
        return found

    def _regular(
        self, loop: scf.ForOp, index: int, turns: Numbers
    ) -> Numbers | Place | None:
        """What is carried into a turn, if a turn adds always the same to it."""
        argument = loop.body.block.args[index + 1]
        start, next = loop.iter_args[index], yielded(loop.body.block)[index]
        if next is argument:
            return self.value(start)
        if not isinstance(sum := next.owner, arith.AddiOp) or (
            argument not in sum.operands
        ):
            return None
        (other, *_) = [v for v in sum.operands if v is not argument] or [argument]
        if is_inside(other, loop.body.block) and loop in loops_behind([other]):
            return None
        return self.number(start) + turns * self.number(other)

    def _states(
        self, loop: scf.ForOp, index: int
    ) -> Iterator[Mapping[SSAValue, Numbers | Place]]:
        """What is carried into turn 0, 1, ..., as far as value `index` needs it."""
        block = loop.body.block
        needed = values_behind([block.args[index + 1]])
        order = [i for i, arg in enumerate(block.args[1:]) if arg in needed]
        arguments = [block.args[i + 1] for i in order]
        state: dict[SSAValue, Numbers | Place] = {
            a: self.value(loop.iter_args[i]) for a, i in zip(arguments, order)
        }
        for turn in count():
            yield state
            inside = OneTurn(self, loop, turn, state)
            state = {
                a: inside.value(yielded(block)[i]) for a, i in zip(arguments, order)
            }


class OneTurn(LoopValues):
    """Values in one turn of a loop, from what is carried into it."""

    def __init__(
        self,
        outer: LoopValues,
        loop: scf.ForOp,
        turn: int,
        carried: Mapping[SSAValue, Numbers | Place],
    ):
        super().__init__({**outer.turns, loop: number(turn)}, outer.constants)
        self.outer, self.block = outer, loop.body.block
        self._known.update(carried)

    def value(self, value: SSAValue) -> Numbers | Place:
        if not is_inside(value, self.block):
            return self.outer.value(value)
        return super().value(value)
