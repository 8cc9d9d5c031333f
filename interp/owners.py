"""
An arena that remembers who wrote each byte: for runs that check a memory plan.

A buffer is a view of the arena, and a byte belongs to the buffer that it was last
written through. To load a byte through another one is wrong, and so is an output that
something was written over. Slow, and exact for the inputs at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import func, memref
from xdsl.interpreter import (
    Interpreter,
    OpImplResult,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import InterpretationError

from tinyml.backend.network_info import NetworkInfo, PortInfo, arena_offset
from tinyml.dialects.layer import buffer_bytes, buffer_type
from tinyml.dialects.views import buffer_uses
from tinyml.interp.memref import MemRefFunctions

Args = tuple[Any, ...]

NOBODY = -1


class OwnedArena:
    """The arena of one run of a network."""

    def __init__(self, info: NetworkInfo, values: np.ndarray):
        self.info, self.values = info, values
        self.problem: str | None = None
        block = info.function.body.block
        self.buffers: list[SSAValue] = [
            op.result
            for op in block.ops
            if isinstance(op, memref.ViewOp) and op.source is block.args[0]
        ]
        self.owners = np.full(info.arena_bytes, NOBODY)
        self.outputs = self.buffers_of(info.outputs, written=True)
        resident = [port for port in info.inputs if port.at is not None]
        inputs = self.buffers_of(resident, written=False)
        for port, buffer in zip(resident, inputs, strict=True):
            self.owners[port.offset : port.offset + port.size] = buffer

    def buffers_of(self, ports: Sequence[PortInfo], written: bool) -> list[int]:
        """
        The numbers of the buffers of inputs or outputs, which come first, in order;
        NOBODY for one that no layer uses.
        """
        free = [n for n, b in enumerate(self.buffers) if is_written(b) is written]
        found: list[int] = []
        for port in ports:
            for number in free:
                buffer = self.buffers[number]
                place = arena_offset(buffer), buffer_bytes(buffer_type(buffer))
                if place == (port.offset, port.size):
                    break
            else:
                number = NOBODY
            free = [n for n in free if n != number]
            found.append(number)
        return found

    def check(self, place: slice, buffer: int, name: str) -> None:
        """
        Notes the first byte that does not belong to a buffer. The run goes on: xDSL
        would add the text of the module to an error at each level of loops.
        """
        wrong = [int(owner) for owner in self.owners[place] if owner != buffer]
        if not wrong or self.problem is not None:
            return
        written = "nothing"
        if wrong[0] != NOBODY:
            written = f"%{self.buffers[wrong[0]].name_hint}"
        self.problem = f"{name} is read where {written} was written"

    def finish(self) -> None:
        """Looks at the outputs; raises InterpretationError for any wrong read."""
        for port, buffer in zip(self.info.outputs, self.outputs, strict=True):
            place = slice(port.offset, port.offset + port.size)
            self.check(place, buffer, f"output {port.label}")
        if self.problem is not None:
            raise InterpretationError(self.problem)


def is_written(buffer: SSAValue) -> bool:
    """Whether a call writes a buffer: gets it as its last operand."""
    return any(
        isinstance(call := use.operation, func.CallOp)
        and use.index == len(call.operands) - 1
        for use in buffer_uses(buffer)
    )


@dataclass(frozen=True)
class OwnedArray:
    """A buffer in an owned arena, or a view of one; NOBODY is the arena itself."""

    arena: OwnedArena
    values: np.ndarray
    buffer: int = NOBODY

    def place(self, indices: Sequence[int]) -> slice:
        """The bytes of an element in the arena."""
        start = self.values.ctypes.data - self.arena.values.ctypes.data
        steps = zip(indices, self.values.strides, strict=True)
        start += sum(index * stride for index, stride in steps)
        return slice(start, start + self.values.itemsize)


def viewed(
    run: Callable[[Interpreter, Any, Args], OpImplResult],
    interpreter: Interpreter,
    op: memref.ViewOp | memref.SubviewOp | memref.ReinterpretCastOp,
    args: Args,
) -> PythonValues:
    """Views a buffer as `run` views an array."""
    source, *rest = args
    if not isinstance(source, OwnedArray):
        return run(interpreter, op, args).values
    (values,) = run(interpreter, op, (source.values, *rest)).values
    buffers = source.arena.buffers
    number = buffers.index(op.result) if op.result in buffers else source.buffer
    return (OwnedArray(source.arena, values, number),)


@register_impls
class OwnedMemRefFunctions(MemRefFunctions):
    """The semantics of `memref` ops on buffers in an owned arena, and on arrays."""

    @impl(memref.LoadOp)
    def run_load(
        self, interpreter: Interpreter, op: memref.LoadOp, args: Args
    ) -> PythonValues:
        source, *indices = args
        if not isinstance(source, OwnedArray):
            return super().run_load(interpreter, op, args).values
        array = source.values
        found = super().run_load(interpreter, op, (array, *indices)).values
        name = f"%{op.memref.name_hint}"
        source.arena.check(source.place(indices), source.buffer, name)
        return found

    @impl(memref.StoreOp)
    def run_store(
        self, interpreter: Interpreter, op: memref.StoreOp, args: Args
    ) -> PythonValues:
        value, target, *indices = args
        if isinstance(target, OwnedArray):
            target.arena.owners[target.place(indices)] = target.buffer
            args = (value, target.values, *indices)
        return super().run_store(interpreter, op, args).values

    @impl(memref.CopyOp)
    def run_copy(
        self, interpreter: Interpreter, op: memref.CopyOp, args: Args
    ) -> PythonValues:
        if any(isinstance(value, OwnedArray) for value in args):
            raise InterpretationError("memref.copy in an arena with owners")
        return super().run_copy(interpreter, op, args).values

    @impl(memref.ViewOp)
    def run_view(
        self, interpreter: Interpreter, op: memref.ViewOp, args: Args
    ) -> PythonValues:
        return viewed(super().run_view, interpreter, op, args)

    @impl(memref.SubviewOp)
    def run_subview(
        self, interpreter: Interpreter, op: memref.SubviewOp, args: Args
    ) -> PythonValues:
        return viewed(super().run_subview, interpreter, op, args)

    @impl(memref.ReinterpretCastOp)
    def run_reinterpret_cast(
        self, interpreter: Interpreter, op: memref.ReinterpretCastOp, args: Args
    ) -> PythonValues:
        return viewed(super().run_reinterpret_cast, interpreter, op, args)
