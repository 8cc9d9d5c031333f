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

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.attributes import Rounding, TensorAttr
from tinyml.dialects.constants import ELEMENT_TYPES, UI8
from tinyml.dialects.layer_format import ONE
from tinyml.dialects.tinyml import DequantizeOp, RequantizeOp
from tinyml.frontend import onnx_elementwise as elementwise
from tinyml.frontend import onnx_moves as moves
from tinyml.frontend import onnx_pools as pools
from tinyml.frontend import onnx_weighted as weighted
from tinyml.frontend.onnx_concat import import_concat
from tinyml.frontend.onnx_context import Context, Pending, Target, Value
from tinyml.frontend.onnx_functions import FUNCTIONS
from tinyml.frontend.onnx_qlinear import FORMS, expand
from tinyml.frontend.onnx_values import FULL, Constant, Quant, View
from tinyml.frontend.qdq_graph import Graph, Node, TensorInfo

INTEGERS = ("int8", "uint8", "int16", "int32")
"""What constants may be quantized to."""

LIFT = {"int8": 0, "uint8": 128}
"""How much lower than in ONNX the numbers of a byte type are held."""


def grid_of(context: Context, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """The scales and zero points of a QuantizeLinear or DequantizeLinear node."""
    node.expect_attributes("axis", "block_size", "output_dtype", "saturate")
    if node.integer("block_size", 0):
        raise node.refuse("blocks of scales are not supported")
    scale = context.constant(node.input(1)).array
    if scale.dtype != np.float32 or not (np.isfinite(scale) & (scale > 0)).all():
        raise node.refuse(f'scale "{node.input(1)}" is not positive float32')
    if name := node.input(2):
        zero = context.constant(name).array
        if zero.dtype.name not in INTEGERS:
            raise node.refuse(
                f'zero point "{name}" is {zero.dtype}, supported are '
                + ", ".join(INTEGERS)
            )
        return scale, zero
    dtype = np.uint8 if node.op == "QuantizeLinear" else np.int32
    return scale, np.zeros(scale.shape, dtype)


def activation_grid(node: Node, scale: np.ndarray, zero: np.ndarray) -> Quant:
    """The grid of an activation, which has one scale."""
    if scale.size != 1 or zero.size != 1:
        raise node.refuse(f"{scale.size} scales for an activation, expected 1")
    if zero.dtype.name not in LIFT:
        raise node.refuse(
            f"the type {zero.dtype} is not supported, only int8 and uint8"
        )
    number = int(zero.ravel()[0]) - LIFT[zero.dtype.name]
    return Quant(float(scale.ravel()[0]), number)


def import_quantize(context: Context, node: Node) -> Value:
    scale, zero = grid_of(context, node)
    value = context.value(node.input(0))
    if isinstance(value, Constant):
        return quantized_constant(node, value, scale, zero)
    quant = activation_grid(node, scale, zero)
    label, element = node.input(0), zero.dtype.name
    if isinstance(value, Pending):
        clamp = quant.clamp(value.low, value.high)
        context.node = value.node
        view = value.emit(Target(quant, clamp, label))
    elif value.element != "float32":
        raise node.refuse(f'input "{label}" is {value.element}, expected float32')
    else:
        label = label if value.quant else node.output
        view = context.rescaled(value, Target(quant, FULL, label))
    return View(view.buffer, view.order, view.shape, element, quant)


def scaled_constant(
    node: Node, value: Constant, scale: np.ndarray, zero: np.ndarray
) -> Constant:
    """A constant with its scales, one or as many as there are channels."""
    axis, rank = node.integer("axis", 1), value.array.ndim
    axis = axis + rank if axis < 0 else axis
    channels = value.shape[axis] if 0 <= axis < rank else 1
    if scale.size != zero.size or scale.size not in (1, channels):
        raise node.refuse(
            f"{scale.size} scales and {zero.size} zero points for a constant of shape "
            f"{list(value.shape)} along axis {axis}"
        )
    return Constant(value.name, value.array, scale, zero, axis)


def quantized_constant(
    node: Node, value: Constant, scale: np.ndarray, zero: np.ndarray
) -> Constant:
    if value.array.dtype.kind != "f" or not np.isfinite(value.array).all():
        raise node.refuse(f'constant "{value.name}" does not hold finite reals')
    real = scaled_constant(node, value, scale, zero)
    limits = np.iinfo(zero.dtype)
    with np.errstate(over="ignore"):
        steps = np.rint(value.array / real.along(scale)) + real.along(zero)
    return Constant(
        value.name, np.clip(steps, limits.min, limits.max).astype(zero.dtype)
    )


def import_dequantize(context: Context, node: Node) -> Value:
    scale, zero = grid_of(context, node)
    value = context.value(node.input(0))
    match value:
        case Constant():
            if value.scale is not None or value.array.dtype.name not in INTEGERS:
                raise node.refuse(f'constant "{value.name}" does not hold integers')
            return scaled_constant(node, value, scale, zero)
        case View() if value.element in LIFT:
            if not node.input(2):
                zero = np.zeros(scale.shape, value.element)
            if zero.dtype.name != value.element:
                raise node.refuse(
                    f'zero point "{node.input(2)}" is {zero.dtype}, the tensor '
                    f"{value.element}"
                )
            quant = activation_grid(node, scale, zero)
            return View(value.buffer, value.order, value.shape, "float32", quant)
        case _:
            raise node.refuse(f'input "{node.input(0)}" is not int8 or uint8')


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


HANDLERS: dict[str, Callable[[Context, Node], Value]] = {
    "Add": elementwise.import_add,
    "AveragePool": pools.import_average_pool,
    "Clip": elementwise.import_clip,
    "Concat": import_concat,
    "Constant": moves.import_constant,
    "Conv": weighted.import_conv,
    "DequantizeLinear": import_dequantize,
    "Dropout": moves.import_dropout,
    "Flatten": moves.import_flatten,
    "Gemm": weighted.import_gemm,
    "GlobalAveragePool": pools.import_global_average_pool,
    "Identity": moves.import_identity,
    "MatMul": weighted.import_matmul,
    "MaxPool": pools.import_max_pool,
    "Mul": elementwise.import_mul,
    "Pad": moves.import_pad,
    "QuantizeLinear": import_quantize,
    "ReduceMean": pools.import_reduce_mean,
    "Relu": elementwise.import_relu,
    "Reshape": moves.import_reshape,
    "Softmax": elementwise.import_softmax,
    "Squeeze": moves.import_squeeze,
    "Transpose": moves.import_transpose,
    "Unsqueeze": moves.import_unsqueeze,
    **FUNCTIONS,
}
"""Every operator that is supported."""


def translate(graph: Graph, name: str) -> ModuleOp:
    """The module of a graph."""
    graph = expand(graph)
    context = Context(name, graph)
    if not graph.nodes:
        raise DiagnosticException("the graph is empty")
    for info in graph.inputs:
        add_input(context, info)
    for node in graph.nodes:
        handler = HANDLERS.get(node.op)
        if handler is None:
            raise node.refuse(
                "the operator is not supported; supported are "
                + ", ".join(sorted(HANDLERS | FORMS))
            )
        context.node = node
        try:
            context.values[node.output] = handler(context, node)
        except (DiagnosticException, VerifyException) as error:
            if str(error).startswith("node "):
                raise
            raise context.node.refuse(str(error)) from error
    outputs = [output(context, name) for name in graph.outputs]
    return context.builder.finish([(view.buffer, attr) for view, attr in outputs])
