"""
Reads a `torch.export.ExportedProgram` into plain records: calls, constants, inputs.

Arguments are bound to the names that the operator's schema gives them, defaults
included, so that nobody has to know how a call was spelled. Nothing here knows what an
operator means; nothing that is read refers to torch any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeGuard

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.qdq_graph import Shape, TensorInfo


@dataclass(frozen=True)
class Ref:
    """A tensor, by its name in the program."""

    name: str


Argument = Ref | int | float | str | None | tuple["Argument", ...]


@dataclass(frozen=True)
class Call:
    """The call of an operator. `shape` is that of its (first) result."""

    index: int
    name: str
    target: str
    arguments: Mapping[str, Argument]
    shape: Shape

    def refuse(self, reason: str) -> DiagnosticException:
        """What to raise where this call cannot be imported."""
        return DiagnosticException(
            f'node {self.index} {self.target} "{self.name}": {reason}'
        )

    def tensor(self, name: str) -> str:
        """The name of a tensor."""
        value = self.arguments.get(name)
        if not isinstance(value, Ref):
            raise self.refuse(f"argument '{name}' is {value}, expected a tensor")
        return value.name

    def optional_tensor(self, name: str) -> str:
        """The name of a tensor, empty where there is none."""
        return "" if self.arguments[name] is None else self.tensor(name)

    def tensors(self, name: str) -> tuple[str, ...]:
        """The names of a list of tensors."""
        values = self.arguments[name]
        if isinstance(values, tuple):
            names = [value.name for value in values if isinstance(value, Ref)]
            if len(names) == len(values):
                return tuple(names)
        raise self.refuse(f"argument '{name}' is not a list of tensors")

    def integer(self, name: str) -> int:
        value = self.arguments[name]
        if not isinstance(value, int):
            raise self.refuse(f"argument '{name}' is {value}, expected an integer")
        return self.int64(name, value)

    def number(self, name: str) -> float:
        value = self.arguments[name]
        if not isinstance(value, int | float):
            raise self.refuse(f"argument '{name}' is {value}, expected a number")
        return float(value)

    def integers(self, name: str, count: int | None = None) -> Shape:
        """Integers; one stands for `count` equal ones."""
        given = self.arguments[name]
        values = given if isinstance(given, tuple) else (given,)
        numbers = tuple(self.int64(name, n) for n in values if isinstance(n, int))
        if len(numbers) != len(values):
            raise self.refuse(f"argument '{name}' is {given}, expected integers")
        return numbers * count if count and len(numbers) == 1 else numbers

    def int64(self, name: str, value: int) -> int:
        """An integer, which in a file may have any size."""
        if not -(1 << 63) <= value < 1 << 63:
            raise self.refuse(f"argument '{name}' has the number {value}")
        return int(value)

    def axis(self, given: int) -> int:
        """An axis of the (first) result, counted from its first."""
        rank = len(self.shape)
        if not -rank <= given < rank:
            raise self.refuse(f"dimension {given} of a tensor of {rank}")
        return given % rank

    def expect(self, **values: Argument) -> None:
        """Refuses arguments with another value than these."""
        for name, value in values.items():
            if self.arguments[name] != value:
                raise self.refuse(
                    f"{name} {self.arguments[name]} is not supported, only {value}"
                )


@dataclass(frozen=True)
class Program:
    """A program whose calls are in the order of execution."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[str, ...]
    calls: tuple[Call, ...]
    constants: Mapping[str, np.ndarray]
    shapes: Mapping[str, Shape]


def read_program(exported: Any) -> Program:
    """The records of an ExportedProgram, which is made functional if it is not."""
    if any(_mutates(node) for node in exported.graph.nodes):
        exported = exported.run_decompositions({})
    signature = exported.graph_signature
    if signature.buffers_to_mutate or signature.user_inputs_to_mutate:
        raise DiagnosticException(
            "the program changes its inputs or buffers; export the model in eval mode"
        )
    nodes = list(exported.graph.nodes)
    inputs = [
        _input(node)
        for node in nodes
        if node.op == "placeholder" and node.name in signature.user_inputs
    ]
    found = {node.name: _shape(node) for node in nodes}
    shapes = {name: shape for name, shape in found.items() if shape is not None}
    constants = dict(_constants(exported))
    shapes |= {name: array.shape for name, array in constants.items()}
    return Program(
        tuple(inputs),
        tuple(_outputs(signature)),
        tuple(_calls(exported.graph, shapes)),
        constants,
        shapes,
    )


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _mutates(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    return node.op == "call_function" and schema is not None and schema.is_mutable


def _outputs(signature: Any) -> Iterator[str]:
    for number, name in enumerate(signature.user_outputs):
        if not isinstance(name, str):
            raise DiagnosticException(
                f"output {number} of the program is {name}, expected a tensor"
            )
        yield name


def _constants(exported: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Parameters, buffers and constants that are used, by the names in the graph."""
    signature = exported.graph_signature
    places: dict[str, str] = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    used = {n.name for n in exported.graph.nodes if n.op == "placeholder" and n.users}
    for name, place in places.items():
        if name not in used:
            continue
        tensor = exported.state_dict.get(place)
        tensor = exported.constants.get(place) if tensor is None else tensor
        try:
            array: np.ndarray = tensor.detach().cpu().contiguous().numpy()
        except (AttributeError, TypeError, RuntimeError) as error:
            raise DiagnosticException(
                f'the constant "{place}" cannot be read as an array: {error}'
            ) from error
        yield name, array


def _shape(node: Any) -> Shape | None:
    """The shape of a node's first tensor, None where there is none or it is open."""
    value: Any = node.meta.get("val")
    if is_list(value):
        value = next(iter(value), None)
    sizes = getattr(value, "shape", None)
    if sizes is None or not all(isinstance(n, int) for n in sizes):
        return None
    return tuple(int(n) for n in sizes)


def _input(node: Any) -> TensorInfo:
    value, shape = node.meta.get("val"), _shape(node)
    if not hasattr(value, "shape"):
        raise DiagnosticException(f'input "{node.name}" is not a tensor')
    if shape is None:
        raise DiagnosticException(
            f'input "{node.name}" has the shape {[str(n) for n in value.shape]}; '
            "export the model with fixed sizes"
        )
    return TensorInfo(node.name, str(value.dtype).removeprefix("torch."), shape)


def _calls(graph: Any, shapes: Mapping[str, Shape]) -> Iterator[Call]:
    """The calls whose results are used: assertions about tensors are not."""
    node_type = import_module("torch.fx").Node

    def argument(value: Any) -> Argument:
        if isinstance(value, node_type):
            return Ref(value.name)
        if is_list(value):
            return tuple(argument(item) for item in value)
        return value if isinstance(value, int | float | str | None) else str(value)

    for index, node in enumerate(graph.nodes):
        if node.op in ("placeholder", "output") or not node.users:
            continue
        if node.op != "call_function":
            raise DiagnosticException(
                f'node {index} {node.target} "{node.name}": {node.op} is not supported'
            )
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            # A function of Python such as operator.getitem: its arguments have numbers.
            target = getattr(node.target, "__name__", str(node.target))
            names, defaults = [str(i) for i in range(len(node.args))], {}
        else:
            target = str(node.target)
            names = [a.name for a in schema.arguments]
            defaults = {a.name: a.default_value for a in schema.arguments}
        given = defaults | dict(zip(names, node.args)) | node.kwargs
        arguments = {name: argument(value) for name, value in given.items()}
        yield Call(index, node.name, target, arguments, shapes.get(node.name, ()))
