"""
Translates quantized graphs (`qdq_graph`) to layers.

Each operator between DequantizeLinear and QuantizeLinear becomes one layer, named after
its output tensor. The model computes there with reals; a layer computes the same from
integers and rounds once, to nearest, ties to even (`rounding even`). Activations are
brought to NHWC where they are quantized first and stay so: transpositions, reshapes and
flattenings are followed through the graph, and the weights of a fully connected layer
are permuted instead of its input. What is not supported is refused in one line that
names the operator, its node and what would be accepted.

Not exact, each by less than rounding noise of the floating-point original: a bias whose
scale is not that of the accumulator is rounded to it; softmax is the fixed-point one.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.attributes import Rounding, TensorAttr
from tinyml.dialects.constants import ELEMENT_TYPES, UI8
from tinyml.dialects.layer_format import ONE
from tinyml.dialects.tinyml import DequantizeOp, RequantizeOp
from tinyml.frontend.onnx_context import Context
from tinyml.frontend.onnx_qlinear import FORMS, expand
from tinyml.frontend.onnx_quantization import LIFT
from tinyml.frontend.onnx_values import Constant, View
from tinyml.frontend.qdq_graph import Graph, TensorInfo
from tinyml.frontend.qdq_table import HANDLERS


def add_input(context: Context, info: TensorInfo) -> None:
    if info.dtype not in ("float32", "int8", "uint8"):
        raise DiagnosticException(
            f'input "{info.name}" is {info.dtype}, supported are float32, int8, uint8'
        )
    buffer = context.builder.input(
        info.shape, ELEMENT_TYPES[info.dtype], input_attribute(context, info)
    )
    if info.dtype == "uint8":
        y = context.builder.buffer(info.shape, ELEMENT_TYPES["int8"])
        layer = RequantizeOp(buffer, y, ONE, (128, 0), Rounding.EVEN)
        context.builder.layer(layer, info.name)
        buffer = y
    order = tuple(range(len(info.shape)))
    context.values[info.name] = View.of(buffer, order, info.dtype, None)


def input_attribute(context: Context, info: TensorInfo) -> TensorAttr:
    """What the first DequantizeLinear of an input says about its grid."""
    for node in context.graph.nodes:
        if node.op == "DequantizeLinear" and node.input(0) == info.name:
            scale, zero = context.values.get(node.input(1)), node.input(2)
            if isinstance(scale, Constant) and scale.array.size == 1:
                zero_point = (*context.integers(zero), 0)[0] if zero else 0
                number = float(scale.array.ravel()[0])
                return TensorAttr.get(info.name, number, int(zero_point))
    return TensorAttr.get(info.name)


def output(context: Context, name: str) -> tuple[View, TensorAttr]:
    """The output tensor as ONNX lays it out, made by layers of its own if need be."""
    view = context.value(name)
    if not isinstance(view, View):
        raise DiagnosticException(
            f'output "{name}" is not a quantized activation, expected QuantizeLinear '
            "(and DequantizeLinear) after its operator"
        )
    order = tuple(range(len(view.shape)))
    buffer = context.arranged(view, order, name)
    quant, attribute = view.quant, TensorAttr.get(name)
    if view.element == "float32" and quant is not None:
        y = context.builder.buffer(view.shape, ELEMENT_TYPES["float32"])
        layer = DequantizeOp(buffer, y, quant.scale, quant.zero_point)
        buffer = context.add(layer, name)
    elif view.element == "uint8":
        y = context.builder.buffer(view.shape, UI8)
        layer = RequantizeOp(buffer, y, ONE, (0, 128), Rounding.EVEN)
        buffer = context.add(layer, name)
    if view.element in LIFT and quant is not None:
        zero_point = quant.zero_point + LIFT[view.element]
        attribute = TensorAttr.get(name, quant.scale, zero_point)
    return View.of(buffer, order, view.element, quant), attribute


def translate(graph: Graph, name: str) -> ModuleOp:
    """The module of a graph."""
    graph = expand(graph)
    context = Context(name, graph)
    if not graph.nodes:
        raise DiagnosticException("the graph is empty")
    for info in graph.inputs:
        add_input(context, info)
    for node in graph.nodes:
        support = HANDLERS.get(node.op)
        if support is None:
            raise node.refuse(
                "the operator is not supported; supported are "
                + ", ".join(sorted(HANDLERS | FORMS))
            )
        context.node = node
        try:
            context.values[node.output] = support.handler(context, node)
        except (DiagnosticException, VerifyException) as error:
            if str(error).startswith("node "):
                raise
            raise context.node.refuse(str(error)) from error
    outputs = [output(context, name) for name in graph.outputs]
    return context.builder.finish([(view.buffer, attr) for view, attr in outputs])
