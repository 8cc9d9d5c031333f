"""
Which bytes of the arena hold what, layer by layer, read from a network's IR.

Expects a module with a memory plan: layers after `tinyml-plan-memory`, or what they are
lowered to. Reads the lowered form alone, which is what runs; layers are lowered in a
copy first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException
from xdsl.utils.str_enum import StrEnum

from tinyml.backend.network_info import (
    NetworkInfo,
    PortInfo,
    arena_offset,
    integer,
    is_weight,
    network_info,
)
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layer_calls
from tinyml.dialects.views import root
from tinyml.passes.arena import covered, gaps
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass
from tinyml.passes.kernel_scratch import SCRATCH_AT
from tinyml.passes.lower_arena import LowerArenaPass


class Kind(StrEnum):
    """What a buffer is for."""

    INPUT = "input"
    OUTPUT = "output"
    ACTIVATION = "activation"
    SCRATCH = "scratch"


@dataclass(frozen=True)
class Place:
    """A buffer: its bytes in the arena, and the first and last layer of its life."""

    name: str
    kind: Kind
    shape: tuple[int, ...]
    at: int
    size: int
    first: int
    last: int

    @property
    def end(self) -> int:
        return self.at + self.size

    def alive(self, step: int) -> bool:
        return self.first <= step <= self.last


@dataclass(frozen=True)
class Step:
    """A layer; buffers by their position in the map's `places`."""

    index: int
    """The operator's position in the model's file."""
    op: str
    """Without `tinyml.`"""
    name: str
    inputs: tuple[int, ...]
    output: int
    scratch: int | None
    constants: tuple[str, ...]
    """Those that no layer before reads."""


@dataclass(frozen=True)
class MemoryMap:
    """A network's memory. Bytes."""

    network: str
    arena: int
    lower_bound: int
    places: tuple[Place, ...]
    steps: tuple[Step, ...]
    constants: Mapping[str, int]
    """By symbol, with what their alignment adds."""

    @cached_property
    def live(self) -> list[int]:
        """Bytes alive at each step; what two buffers share counts once."""
        return [
            covered([(p.at, p.end) for p in self.places if p.alive(step)])
            for step in range(len(self.steps))
        ]

    @property
    def peak(self) -> int | None:
        """The first step with the most bytes alive."""
        return self.live.index(max(self.live)) if self.live else None

    @property
    def holes(self) -> list[tuple[int, int]]:
        """Ranges of the arena that nobody ever holds, as alignment leaves them."""
        return gaps([(p.at, p.end) for p in self.places])

    @property
    def weights(self) -> int:
        """Weights and biases."""
        return sum(n for name, n in self.constants.items() if is_weight(name))

    @property
    def tables(self) -> int:
        """All other constants."""
        return sum(self.constants.values()) - self.weights

    def shared(self, step: int) -> Iterator[tuple[int, int]]:
        """The ranges of bytes that a step's output shares with what else is alive."""
        output = self.places[self.steps[step].output]
        for other in self.places:
            low, high = max(output.at, other.at), min(output.end, other.end)
            if other is not output and other.alive(step) and low < high:
                yield low, high


def memory_map(module: ModuleOp) -> MemoryMap:
    """Raises DiagnosticException or PassFailedException if there is no plan."""
    if any(isinstance(op, LayerOp) for op in module.walk()):
        module = module.clone()
        ConvertLayersToLoopsPass().apply(Context(), module)
        LowerArenaPass().apply(Context(), module)
    info = network_info(module)
    reader = Reader(info, layer_calls(module))
    return MemoryMap(
        info.function.sym_name.data,
        info.arena_bytes,
        integer(info.function.attributes, "tinyml.lower_bound", info.arena_bytes),
        tuple(reader.places()),
        reader.steps,
        info.constants,
    )


class Reader:
    """Reads steps and places off the calls that layers became."""

    def __init__(self, info: NetworkInfo, calls: Sequence[func.CallOp]):
        self.info = info
        self.values: list[SSAValue] = []
        """The view of each buffer. A view that is written again is a new buffer."""
        self.current: dict[SSAValue, int] = {}
        self.seen: set[str] = set()
        self.steps = tuple(self.step(*item) for item in enumerate(calls))

    def new(self, value: SSAValue) -> int:
        """The number of a buffer that begins to live."""
        if not isinstance(root(value).owner, memref.ViewOp):
            name = self.info.function.sym_name.data
            raise DiagnosticException(f"@{name} uses a buffer that is not in the arena")
        self.values.append(root(value))
        self.current[root(value)] = len(self.values) - 1
        return len(self.values) - 1

    def step(self, position: int, call: func.CallOp) -> Step:
        *sources, output = call.operands
        inputs: list[int] = []
        constants: list[str] = []
        scratch, scratch_at = None, call.attributes.get(SCRATCH_AT)
        for value in sources:
            if isinstance(owner := root(value).owner, memref.GetGlobalOp):
                constants.append(owner.name_.string_value())
                continue
            number = self.current.get(root(value))
            if (
                isinstance(scratch_at, IntegerAttr)
                and arena_offset(value) == scratch_at.value.data
            ):
                scratch = self.new(value)
            elif number is None:
                inputs.append(self.new(value))
            elif number not in inputs:
                inputs.append(number)
        first_use = tuple(name for name in constants if name not in self.seen)
        self.seen.update(first_use)
        layer = self.info.layers[position]
        return Step(
            layer.index,
            layer.op.removeprefix("tinyml."),
            layer.name,
            tuple(inputs),
            self.new(output),
            scratch,
            first_use,
        )

    def places(self) -> Iterator[Place]:
        """The buffers in the order of their numbers, then inputs that nobody reads."""
        writers = {step.output: i for i, step in enumerate(self.steps)}
        readers = {b: i for i, step in enumerate(self.steps) for b in step.inputs}
        scratch = {step.scratch: i for i, step in enumerate(self.steps)}
        outputs = {self.last_written(port): port for port in self.info.outputs}
        resident = [port for port in self.info.inputs if port.at is not None]
        inputs = {(port.offset, port.size): port for port in resident}
        for number, value in enumerate(self.values):
            at, size = self.bytes(number)
            first = writers.get(number, 0)
            last = max(first, readers.get(number, 0))
            if (step := scratch.get(number)) is not None:
                name, kind = f"scratch of {self.steps[step].name}", Kind.SCRATCH
                first = last = step
            elif (port := outputs.get(number)) is not None:
                name, kind, last = port.label, Kind.OUTPUT, len(self.steps) - 1
            elif number in writers:
                name, kind = self.steps[first].name, Kind.ACTIVATION
            else:
                name, kind = inputs.pop((at, size)).label, Kind.INPUT
            yield Place(name, kind, shape(value), at, size, first, last)
        for port in inputs.values():
            at, size = port.offset, port.size
            yield Place(port.label, Kind.INPUT, port.shape, at, size, 0, 0)

    def bytes(self, number: int) -> tuple[int, int]:
        """Offset and size of a buffer."""
        value = self.values[number]
        return arena_offset(value), buffer_bytes(buffer_type(value))

    def last_written(self, port: PortInfo) -> int:
        """The buffer of an output: the last one that is written in its place."""
        written = [step.output for step in self.steps]
        found = [b for b in written if self.bytes(b) == (port.offset, port.size)]
        if not found:
            raise DiagnosticException(f"nobody writes the output {port.label!r}")
        return found[-1]
