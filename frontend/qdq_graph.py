"""
Quantized graphs as plain records: nodes, constants, typed inputs and outputs.

Operators are ONNX's, whatever a model was written in; reals lie between
DequantizeLinear and QuantizeLinear. Nothing here knows what an operator means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

Shape = tuple[int, ...]
AttributeValue = int | float | str | tuple[int, ...] | np.ndarray | None


@dataclass(frozen=True)
class Node:
    """
    An operator of the graph. Absent optional inputs are empty names. `target` is what
    the operator is called in the model, where that is not `op`. `is_integer` says that
    its sum is computed with integers and scaled by one float.
    """

    index: int
    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeValue]
    target: str = ""
    is_integer: bool = False

    @property
    def output(self) -> str:
        return self.outputs[0]

    def input(self, index: int) -> str:
        """The name of an input, empty where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else ""

    @property
    def where(self) -> str:
        return f'node {self.index} {self.target or self.op} "{self.name}"'

    def refuse(self, reason: str) -> DiagnosticException:
        """What to raise where this node cannot be imported."""
        return DiagnosticException(f"{self.where}: {reason}")

    def expect_attributes(self, *known: str) -> None:
        """Refuses attributes that nobody would look at."""
        for name in self.attributes:
            if name not in known:
                raise self.refuse(
                    f"attribute '{name}' is not supported, only "
                    f"{', '.join(known) or 'none'}"
                )

    def integer(self, name: str, default: int) -> int:
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.refuse(f"attribute '{name}' is not an integer")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float) or not isfinite(value):
            raise self.refuse(f"attribute '{name}' is not a finite number")
        return value

    def text(self, name: str, default: str) -> str:
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.refuse(f"attribute '{name}' is not a string")
        return value

    def integers(self, name: str, default: Sequence[int]) -> Shape:
        value = self.attributes.get(name, tuple(default))
        if not isinstance(value, tuple):
            raise self.refuse(f"attribute '{name}' is not a list of integers")
        return value

    def axis(self, given: int, rank: int) -> int:
        """An axis of a tensor of `rank` dimensions, counted from its first."""
        if not -rank <= given < rank:
            raise self.refuse(f"axis {given} of a tensor of {rank} dimensions")
        return given % rank


@dataclass(frozen=True)
class TensorInfo:
    """A model input or output: its name, NumPy type and shape."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Graph:
    """A graph whose nodes are in the order of execution."""

    name: str
    opset: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
