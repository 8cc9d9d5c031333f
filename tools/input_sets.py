"""
Inputs that networks are compared on: the ends of ranges, and seeded random numbers.

Whatever level a network is at, it has the ports of the model; they say which numbers
its inputs may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import FloatAttr, ModuleOp

from tinyml.backend.network_info import ports
from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.layer import buffer_type, integer_range, integers
from tinyml.dialects.network import (
    network_function,
    network_inputs,
    network_outputs,
    readers,
)
from tinyml.dialects.reading import (
    ReadRowsOp,
    asked_inputs,
    in_model_order,
    noted_inputs,
)
from tinyml.dialects.scaling import QuantizeOp
from tinyml.interp.run import model_types

Arrays = Sequence[np.ndarray]

BEYOND = 1.25
"""How far inputs of floats go beyond what their quantization can tell apart."""


@dataclass(frozen=True)
class NetworkPort:
    """An input or output of a network, and what its numbers mean."""

    label: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float | None
    zero_point: int

    def __str__(self) -> str:
        sizes = "x".join(str(size) for size in self.shape)
        return f"{sizes}x{self.dtype}"


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of a network, in the order of the model."""

    inputs: tuple[NetworkPort, ...]
    outputs: tuple[NetworkPort, ...]


@dataclass(frozen=True)
class InputSet:
    """What a network is run on once: an array for each input."""

    name: str
    arrays: Arrays


def arena_function(module: ModuleOp) -> func.FuncOp | None:
    """The module's network, if it is a function of its arena."""
    for op in module.ops:
        if isinstance(op, func.FuncOp) and "tinyml.inputs" in op.attributes:
            return op
    return None


def in_arena(module: ModuleOp) -> bool:
    return arena_function(module) is not None


def port_of(
    tensor: TensorAttr, shape: Sequence[int], dtype: np.dtype[np.generic]
) -> NetworkPort:
    scale = tensor.scale.value.data if isinstance(tensor.scale, FloatAttr) else None
    return NetworkPort(
        tensor.label.data, tuple(shape), dtype, scale, tensor.zero_point.data
    )


def network_ports(module: ModuleOp) -> Ports:
    """
    The ports of the one network of a module, at any level. Raises DiagnosticException
    if there is none.
    """
    if (lowered := arena_function(module)) is not None:
        inputs, outputs = (
            tuple(
                NetworkPort(p.label, tuple(p.shape), p.dtype, p.scale, p.zero_point)
                for p in ports(lowered.attributes[key])
            )
            for key in ("tinyml.inputs", "tinyml.outputs")
        )
        return Ports(inputs, outputs)
    function = network_function(module)
    found = [
        port_of(port.tensor, type.get_shape(), numpy_dtype(type.element_type))
        for port, type in zip(
            [*network_inputs(function), *network_outputs(function)],
            model_types(function),
            strict=True,
        )
    ]
    count = len(network_inputs(function))
    inputs = in_model_order(found[:count], asked_ports(function))
    return Ports(tuple(inputs), tuple(found[count:]))


def asked_ports(function: func.FuncOp) -> dict[int, NetworkPort]:
    """The inputs that a network asks for, by their numbers."""
    tensors = {number: n.data["tensor"] for number, n in noted_inputs(function).items()}
    for op in function.walk():
        if isinstance(op, ReadRowsOp):
            tensors[op.number] = op.tensor
    found: dict[int, NetworkPort] = {}
    for number, type in asked_inputs(function).items():
        tensor = tensors[number]
        assert isinstance(tensor, TensorAttr)
        dtype = numpy_dtype(type.element_type)
        found[number] = port_of(tensor, type.get_shape(), dtype)
    return found


def float_ranges(module: ModuleOp) -> dict[str, tuple[float, float]]:
    """What inputs of floats that a layer quantizes may hold, by their labels."""
    found: dict[str, tuple[float, float]] = {}
    for port in network_inputs(network_function(module)):
        for op in readers(port.value):
            if isinstance(op, QuantizeOp):
                scale, zero = op.scale.value.data, integers(op.zero_points)[0]
                ends = integer_range(buffer_type(op.output).element_type)
                low, high = ((end - zero) * scale * BEYOND for end in ends)
                found[port.tensor.label.data] = low, high
    return found


def input_sets(module: ModuleOp, seeds: int) -> list[InputSet]:
    """
    All minima, all maxima, the two in turn, and `seeds` sets of random numbers, for a
    network that is not in an arena yet or has inputs of integers only.
    """
    ranges = {} if in_arena(module) else float_ranges(module)
    ports = network_ports(module).inputs
    ends = [port_range(port, ranges) for port in ports]
    found = [
        InputSet(
            name, [pattern(port, low, high) for port, (low, high) in zip(ports, ends)]
        )
        for name, pattern in PATTERNS.items()
    ]
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        arrays = [
            random_array(generator, port, low, high)
            for port, (low, high) in zip(ports, ends, strict=True)
        ]
        found.append(InputSet(f"seed {seed}", arrays))
    return found


def port_range(
    port: NetworkPort, ranges: dict[str, tuple[float, float]]
) -> tuple[float, float]:
    """The least and the greatest number of an input."""
    if port.dtype.kind == "f":
        return ranges.get(port.label, (-1.0, 1.0))
    info = np.iinfo(port.dtype.name)
    return int(info.min), int(info.max)


def random_array(
    generator: np.random.Generator, port: NetworkPort, low: float, high: float
) -> np.ndarray:
    if port.dtype.kind == "f":
        return generator.uniform(low, high, port.shape).astype(port.dtype)
    return generator.integers(int(low), int(high) + 1, port.shape).astype(port.dtype)


def minimum(port: NetworkPort, low: float, high: float) -> np.ndarray:
    return np.full(port.shape, low, port.dtype)


def maximum(port: NetworkPort, low: float, high: float) -> np.ndarray:
    return np.full(port.shape, high, port.dtype)


def alternating(port: NetworkPort, low: float, high: float) -> np.ndarray:
    """Element by element, which are channels where there are several."""
    numbers = np.where(np.arange(np.prod(port.shape)) % 2, high, low)
    return numbers.astype(port.dtype).reshape(port.shape)


PATTERNS = {"minimum": minimum, "maximum": maximum, "alternating": alternating}
