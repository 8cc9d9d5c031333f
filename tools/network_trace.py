"""
What a network computes on its way: every tensor that a layer writes, and the outputs.

A tensor is known by what stays with its layer while passes change the network: the
number in the model, the position in the imported network, or the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import (
    IntegerAttr,
    MemRefType,
    ModuleOp,
    NameLoc,
    UnrealizedConversionCastOp,
)
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation, SSAValue

from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.stage import StageOp
from tinyml.dialects.views import root
from tinyml.interp.run import RunOp, is_layer, run_network
from tinyml.passes.aliases import TENSOR_IN_MODEL
from tinyml.tools.input_sets import InputSet

Key = tuple[str, int | str]
"""How a tensor is known: by which attribute, and its value."""

HINT = "hint"
"""What keys of buffers without any name begin with: passes may use hints again."""


@dataclass(frozen=True)
class Tensor:
    """What a layer has written in one run."""

    name: str
    """The layer's name in the model, or that of the buffer."""
    op: str
    values: np.ndarray


@dataclass(frozen=True)
class Trace:
    """One run of a network. Tensors are in the order in which they were written."""

    outputs: Sequence[np.ndarray]
    tensors: Mapping[Key, Tensor]


def hint(value: SSAValue) -> str:
    """What a buffer is called in the text."""
    return f"%{root(value).name_hint or 'buffer'}"


def tensor_key(op: Operation) -> Key:
    """How the tensor that a layer, or the call of its kernel, writes is known."""
    for name in TENSOR_IN_MODEL:
        if isinstance(attr := op.attributes.get(name), IntegerAttr):
            return name, attr.value.data
    if isinstance(op.location, NameLoc):
        return "name", op.location.desc.data
    return HINT, hint(op.operands[-1])


def tensor_name(op: Operation) -> str:
    """What a user knows a tensor by."""
    if isinstance(op.location, NameLoc):
        return f'"{op.location.desc.data}"'
    return hint(op.operands[-1])


def layer_op(op: Operation) -> str:
    """The name of a layer's op, also after it has become a call."""
    name = op.attributes.get("tinyml.op")
    return str(getattr(name, "data", op.name))


class Recorder:
    """Keeps what the layers of a network write while it runs, those in stages too."""

    def __init__(self, run_op: RunOp):
        self.inner = run_op
        self.tensors: dict[Key, Tensor] = {}

    def run_op(
        self, interpreter: Interpreter, op: Operation, args: tuple[Any, ...]
    ) -> PythonValues:
        if isinstance(op, StageOp):
            self.run_stage(interpreter, op, args)
            if tensor_key(op) not in self.tensors:
                self.record(op, args[-1])
            return ()
        if isinstance(op, UnrealizedConversionCastOp):
            # Stages are lowered before other layers are: bytes of any sign.
            type = op.results[0].type
            assert isinstance(type, MemRefType)
            view = args[0].view(numpy_dtype(type.element_type))
            return (view.reshape(type.get_shape()),)
        results = self.inner(interpreter, op, args)
        if is_layer(op):
            self.record(op, args[-1])
        return results

    def run_stage(
        self, interpreter: Interpreter, stage: StageOp, args: tuple[Any, ...]
    ) -> None:
        """Runs the layers of a stage on whole tensors."""
        values: dict[SSAValue, Any] = dict(zip(stage.block.args, args, strict=True))
        for op in stage.block.ops:
            operands = tuple(values[value] for value in op.operands)
            results = self.run_op(interpreter, op, operands)
            values.update(zip(op.results, results, strict=True))

    def record(self, op: Operation, output: Any) -> None:
        values: np.ndarray = getattr(output, "values", output)
        kind, name = tensor_key(op)
        key, again = (kind, name), 0
        while key in self.tensors:
            again += 1
            key = HINT, f"{name} {again}"
        self.tensors[key] = Tensor(tensor_name(op), layer_op(op), values.copy())


def trace_network(
    module: ModuleOp, inputs: InputSet, run_op: RunOp = Interpreter.run_op
) -> Trace:
    """Runs the network of a module once."""
    recorder = Recorder(run_op)
    outputs = run_network(module, inputs.arrays, run_op=recorder.run_op)
    return Trace([output.copy() for output in outputs], recorder.tensors)


@dataclass(frozen=True)
class Difference:
    """The first element of a tensor in which two runs differ."""

    what: str
    element: tuple[int, ...]
    before: int | float
    after: int | float
    count: int
    """Elements that differ, of `size`."""
    size: int

    def __str__(self) -> str:
        text = f"{self.what} at {list(self.element)} is {self.after}, "
        return f"{text}was {self.before} ({self.count} of {self.size} differ)"


def element_index(place: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The indices of the element at a place in row-major order."""
    found: list[int] = []
    for size in reversed(shape):
        place, index = divmod(place, size)
        found.append(index)
    return tuple(reversed(found))


def compare_arrays(
    what: str, before: np.ndarray, after: np.ndarray
) -> Difference | None:
    """
    The first difference, bit by bit, in the first one's shape and type. The arrays have
    equally many bytes.
    """
    after = np.ascontiguousarray(after).reshape(-1).view(before.dtype)
    after = after.reshape(before.shape)
    before = np.ascontiguousarray(before)
    item = before.dtype.itemsize
    unequal = (
        before.reshape(-1).view(np.uint8) != after.reshape(-1).view(np.uint8)
    ).reshape(-1, item)
    places = np.flatnonzero(unequal.any(axis=1))
    if not len(places):
        return None
    element = element_index(int(places[0]), before.shape)
    return Difference(
        what,
        element,
        before[element].item(),
        after[element].item(),
        len(places),
        before.size,
    )


def pairs(before: Trace, after: Trace) -> list[tuple[Key, Tensor, Tensor]]:
    """The tensors that both runs have in as many bytes, in the order of the first."""
    return [
        (key, tensor, other)
        for key, tensor in before.tensors.items()
        if (other := after.tensors.get(key)) is not None
        and other.values.nbytes == tensor.values.nbytes
    ]


def first_difference(
    before: Trace, after: Trace, outputs: Callable[[int], str | None]
) -> Difference | None:
    """
    Where two runs on the same inputs differ first, None if nowhere. `outputs` names the
    outputs that can be compared.
    """
    found: list[Difference] = []
    compared = 0
    for number, (old, new) in enumerate(zip(before.outputs, after.outputs)):
        if (name := outputs(number)) is None:
            continue
        compared += 1
        if (d := compare_arrays(name, old, new)) is not None:
            found.append(d)
    for key, old, new in pairs(before, after):
        # What a hint names may hold something else now: it counts if an output differs,
        # or if there is nothing else to go by.
        if key[0] == HINT and compared and not found:
            continue
        d = compare_arrays(f"layer {old.name} ({old.op})", old.values, new.values)
        if d is not None:
            return d
    return found[0] if found else None
