"""
Spells operators of ONNX's other quantized form, QLinearConv and its like, in QDQ form.

Each of them is DequantizeLinear on its inputs, a plain operator, and QuantizeLinear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml.frontend.qdq_graph import AttributeValue, Graph, Node


@dataclass(frozen=True)
class Form:
    """
    The plain operator of a node, and where its inputs are: `quantized` are the places
    of (tensor, scale, zero point), the output's scale and zero point are at `result`.
    """

    op: str
    quantized: tuple[int, ...]
    result: int
    bias: int | None = None
    weights_axis: int = 0
    drops: tuple[str, ...] = ()
    """Attributes that mean nothing to the plain operator where they are 0."""
    repeated: bool = False
    """Whether more tensors follow the quantized ones, up to the last input."""
    is_integer: bool = False
    """Whether onnxruntime's kernel sums integers and scales the sum by one float."""


FORMS = {
    "QLinearConv": Form("Conv", (0, 3), 6, bias=8, is_integer=True),
    "QLinearMatMul": Form("MatMul", (0, 3), 6, weights_axis=1, is_integer=True),
    "com.microsoft.QGemm": Form("Gemm", (0, 3), 7, bias=6, is_integer=True),
    "com.microsoft.QLinearAdd": Form("Add", (0, 3), 6, is_integer=True),
    "com.microsoft.QLinearAveragePool": Form(
        "AveragePool", (0,), 3, drops=("channels_last",)
    ),
    "com.microsoft.QLinearConcat": Form("Concat", (2,), 0, repeated=True),
    "com.microsoft.QLinearGlobalAveragePool": Form(
        "GlobalAveragePool", (0,), 3, drops=("channels_last",), is_integer=True
    ),
    "com.microsoft.QLinearLeakyRelu": Form("LeakyRelu", (0,), 3),
    "com.microsoft.QLinearMul": Form("Mul", (0, 3), 6, is_integer=True),
    "com.microsoft.QLinearSigmoid": Form("Sigmoid", (0,), 3),
    "com.microsoft.QLinearSoftmax": Form("Softmax", (0,), 3, is_integer=True),
}


def expand(graph: Graph) -> Graph:
    """The graph with these operators in QDQ form; nodes keep their index."""
    constants = dict(graph.constants)
    nodes = [
        part
        for node in graph.nodes
        for part in (
            _expanded(node, FORMS[node.op], constants) if node.op in FORMS else [node]
        )
    ]
    return replace(graph, nodes=tuple(nodes), constants=constants)


def _expanded(
    node: Node, form: Form, constants: dict[str, np.ndarray]
) -> Iterator[Node]:
    part = _parts(node)
    real_inputs: list[str] = []
    places = form.quantized
    if form.repeated:
        places = range(places[0], len(node.inputs), 3)
    for number, place in enumerate(places):
        real = f"{node.output} (input {number})"
        inputs = tuple(node.input(place + i) for i in range(3))
        yield part("DequantizeLinear", inputs, real, {"axis": _axis(node, form)})
        real_inputs.append(real)
    if form.bias is not None and (bias := node.input(form.bias)):
        unit, real = f"{node.output} (bias scale)", f"{node.output} (bias)"
        scale = np.ones((), np.float32)
        for place in form.quantized:
            if (factor := constants.get(node.input(place + 1))) is None:
                raise node.refuse(f'scale "{node.input(place + 1)}" is not constant')
            scale = scale * factor
        constants[unit] = scale
        yield part("DequantizeLinear", (bias, unit), real, {"axis": 0})
        real_inputs.append(real)
    attributes = dict(node.attributes)
    for name in form.drops:
        if attributes.pop(name, 0):
            raise node.refuse(f"only {name} 0 is supported")
    result = f"{node.output} (real)"
    plain = part(form.op, tuple(real_inputs), result, attributes)
    grid = (result, node.input(form.result), node.input(form.result + 1))
    # What is added to a zero point of uint8 is rounded otherwise than 128 below.
    zero = constants.get(grid[2])
    signed = form.op not in ("Add", "Mul") or (
        zero is not None and zero.dtype == np.int8
    )
    yield replace(plain, is_integer=form.is_integer and signed)
    yield part("QuantizeLinear", grid, node.output, {})


def _axis(node: Node, form: Form) -> int:
    """Along which axis the weights' output channels lie."""
    if form.op == "Gemm":
        return 0 if node.integer("transB", 0) else 1
    return form.weights_axis


def _parts(
    node: Node,
) -> Callable[[str, tuple[str, ...], str, Mapping[str, AttributeValue]], Node]:
    """Makes nodes that stand for parts of one node."""

    def part(
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attributes: Mapping[str, AttributeValue],
    ) -> Node:
        return Node(node.index, op, node.name, inputs, (output,), attributes)

    return part
