"""
Collects the nodes of a quantized graph that an exported PyTorch program is spelled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyml.frontend.qdq_graph import AttributeValue, Node
from tinyml.frontend.torch_program import Call, Program


class Spelling:
    """The nodes and constants of the graph so far."""

    def __init__(self, program: Program):
        self.shapes = program.shapes
        self.constants = dict(program.constants)
        self.nodes: list[Node] = []
        self.parts: dict[str, tuple[str, ...]] = {}
        """The results of calls that have several."""

    def add(
        self, call: Call, op: str, *inputs: str, **attributes: AttributeValue
    ) -> None:
        """A node that stands for a call."""
        self.part(call, op, inputs, call.name, attributes)

    def part(
        self,
        call: Call,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attributes: Mapping[str, AttributeValue],
    ) -> None:
        """A node that stands for a part of a call."""
        self.nodes.append(
            Node(call.index, op, call.name, inputs, (output,), attributes, call.target)
        )

    def constant(self, call: Call, what: str, array: np.ndarray) -> str:
        name = f"{call.name} ({what})"
        self.constants[name] = array
        return name

    def reals(self, call: Call, name: str) -> np.ndarray:
        """An argument that is a number or a constant tensor, in single precision."""
        with np.errstate(over="ignore"):
            return self.array(call, name).astype(np.float32)

    def array(self, call: Call, name: str) -> np.ndarray:
        if isinstance(value := call.arguments[name], int | float):
            return np.asarray(value)
        array = self.constants.get(call.tensor(name))
        if array is None:
            raise call.refuse(f"{name} is computed, expected a constant")
        return array


Speller = Callable[[Spelling, Call], None]


def plain(op: str, *names: str) -> Speller:
    """An operator whose arguments are tensors only."""

    def spell(spelling: Spelling, call: Call) -> None:
        spelling.add(call, op, *(call.tensor(name) for name in names))

    return spell
