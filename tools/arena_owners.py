"""
Watches who wrote each byte of an arena, layer by layer.

Before a layer runs, every byte of the buffers that it reads has to be what was written
for them; behind it, its output is its own, and its scratch memory is nobody's. A buffer
that is freed early shows here even where its numbers happen to be right. What a kernel
does with its own input while it runs is seen by its numbers, or by
`run_network(check_owners=True)`, which watches every load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from tinyml.backend.network_info import NetworkInfo, arena_offset
from tinyml.dialects.layer import buffer_bytes, buffer_type
from tinyml.dialects.network import (
    layers,
    network_function,
    network_inputs,
    network_outputs,
)
from tinyml.dialects.views import root
from tinyml.interp.owners import NOBODY, OwnedArena, is_written
from tinyml.passes.memory_demand import memory_demand, planned_offsets
from tinyml.tools.network_trace import (
    Trace,
    element_index,
    hint,
    tensor_key,
    tensor_name,
)


@dataclass(frozen=True)
class Place:
    """A buffer, or the scratch memory of a layer, and the bytes of the arena it has."""

    name: str
    start: int
    size: int

    @property
    def bytes(self) -> slice:
        return slice(self.start, self.start + self.size)


class ArenaOwners:
    """An arena of so many places; what is written to it is kept, and who wrote it."""

    def __init__(self, places: Sequence[Place]):
        size = max((place.start + place.size for place in places), default=0)
        self.places = places
        self.owners = np.full(size, NOBODY)
        self.memory = np.zeros(size, np.uint8)
        self.written: dict[int, np.ndarray] = {}
        self.problem: str | None = None

    def write(self, number: int, values: np.ndarray | None) -> None:
        """Notes what a place holds now; None if that is not known."""
        place = self.places[number].bytes
        self.owners[place] = number
        if values is not None:
            self.memory[place] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
            self.written[number] = values.copy()

    def read(self, reader: str, number: int) -> None:
        """Notes the first read of something else than was written."""
        place = self.places[number]
        wrong = np.flatnonzero(self.owners[place.bytes] != number)
        if self.problem is not None or not len(wrong):
            return
        owner = int(self.owners[place.bytes][wrong[0]])
        other = "nothing" if owner == NOBODY else self.places[owner].name
        text = f"{reader} reads {place.name}"
        if (values := self.written.get(number)) is None:
            self.problem = f"{text}, where {other} was written"
            return
        element = element_index(int(wrong[0]) // values.itemsize, values.shape)
        now = self.memory[place.bytes].view(values.dtype).reshape(values.shape)
        text += f" at {list(element)}, where {other} was written: it is "
        self.problem = f"{text}{now[element].item()}, was {values[element].item()}"


class CallOwners:
    """Owners in the arena of one run of a lowered network."""

    def __init__(self, info: NetworkInfo):
        arena = OwnedArena(info, np.zeros(0, np.int8))
        self.numbers = {buffer: n for n, buffer in enumerate(arena.buffers)}
        self.arena = ArenaOwners([place_of(buffer) for buffer in arena.buffers])
        self.inputs = set(arena.owners.tolist()) - {NOBODY}
        written = {n for n, b in enumerate(arena.buffers) if is_written(b)}
        self.kept = self.inputs | written
        """Buffers that are no scratch memory: somebody has to write what is read."""

    @property
    def problem(self) -> str | None:
        return self.arena.problem

    def before(self, op: Operation, args: tuple[Any, ...]) -> None:
        """Checks what a kernel is about to read."""
        if not isinstance(op, func.CallOp):
            return
        for value in op.operands[:-1]:
            number = self.numbers.get(root(value))
            if number is not None and number in self.kept:
                self.arena.read(f"layer {tensor_name(op)}", number)

    def after(
        self, op: Operation, args: tuple[Any, ...], results: Sequence[Any]
    ) -> None:
        """Notes what a kernel has written."""
        if isinstance(op, memref.ViewOp):
            # What a view of an input shows at first was written by the user.
            number = self.numbers.get(op.result)
            if number is not None and number in self.inputs:
                self.arena.write(number, results[0])
        if not isinstance(op, func.CallOp):
            return
        for value, array in zip(op.operands, args, strict=True):
            number = self.numbers.get(root(value))
            if number is not None and number not in self.kept:
                self.arena.write(number, None)
            elif number is not None and value is op.operands[-1]:
                self.arena.write(number, array)


def place_of(buffer: SSAValue) -> Place:
    return Place(hint(buffer), arena_offset(buffer), buffer_bytes(buffer_type(buffer)))


def plan_of(module: ModuleOp) -> list[int] | None:
    """The offsets that a network of layers has in its arena; None without a plan."""
    function = network_function(module)
    is_lowered = any(isinstance(op, func.CallOp) for op in function.body.block.ops)
    if is_lowered or "tinyml.arena_bytes" not in function.attributes:
        return None
    return planned_offsets(function, memory_demand(function))


def plan_problem(module: ModuleOp, trace: Trace, offsets: Sequence[int]) -> str | None:
    """
    What is read, with these offsets, where something else was written; None if nothing
    is. The trace has what each layer writes.
    """
    function = network_function(module)
    demand = memory_demand(function)
    names = {number: hint(value) for value, number in demand.buffers.items()}
    arena = ArenaOwners(
        [
            Place(names.get(n, "scratch memory"), offset, life.size)
            for n, (life, offset) in enumerate(zip(demand.ranges, offsets, strict=True))
        ]
    )
    for port in network_inputs(function):
        arena.write(demand.buffers[port.value], None)
    for op in layers(function):
        sources = [root(value) for value in op.layer_inputs]
        numbers = [demand.buffers[v] for v in sources if v in demand.buffers]
        for number in numbers:
            arena.read(f"layer {tensor_name(op)}", number)
        if op in demand.scratch:
            arena.write(demand.scratch[op], None)
        for number in numbers:
            arena.read(f"layer {tensor_name(op)}", number)
        tensor = trace.tensors.get(tensor_key(op))
        output = demand.buffers[root(op.layer_output)]
        arena.write(output, None if tensor is None else tensor.values)
    for port in network_outputs(function):
        arena.read("the network's user", demand.buffers[port.value])
    return arena.problem
