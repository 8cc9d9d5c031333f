"""
ONNX operators that are a function of one real: Sigmoid, Tanh, HardSwish and the like.

An int8 input has 256 values, so the layer is a table. Reals are of single precision, as
in the model; the function is computed in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isfinite

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.tinyml import LookupOp
from tinyml.frontend.onnx_context import Context, Pending, Target
from tinyml.frontend.onnx_values import FULL, Constant, Quant, View
from tinyml.frontend.qdq_graph import Node

Function = Callable[[np.ndarray], np.ndarray]

BYTES = np.arange(-128, 128)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def silu(x: np.ndarray) -> np.ndarray:
    return x * sigmoid(x)


def hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


def identity(x: np.ndarray) -> np.ndarray:
    """In single precision."""
    return x.astype(np.float32)


def lookup(context: Context, node: Node, function: Function) -> Pending:
    view, source = context.quantized(node.input(0))

    def emit(target: Target) -> View:
        return looked_up(context, view, source, function, target)

    return Pending(node, view.shape, emit)


def looked_up(
    context: Context, view: View, source: Quant, function: Function, target: Target
) -> View:
    with np.errstate(over="ignore", invalid="ignore"):
        reals = identity((BYTES - source.zero_point) * float(source.scale))
        values = identity(function(reals.astype(np.float64)))
        steps = np.rint(values / np.float32(target.quant.scale))
    if np.isnan(steps).any():
        raise DiagnosticException(
            f"a result on the scale {source.scale} is not a number in single precision"
        )
    steps += target.quant.zero_point
    table = np.clip(steps, *target.clamp).astype(np.int8)
    y = context.buffer(view.sizes)
    layer = LookupOp(view.buffer, y, context.symbol("table", table))
    return view.like(context.add(layer, target.label), target.quant)


def regridded(context: Context, view: View, label: str, quant: Quant) -> View:
    """The same reals on a grid, each rounded as in single precision."""
    if view.quant is None or view.quant == quant:
        return context.rescaled(view, Target(quant, FULL, label))
    return looked_up(context, view, view.quant, identity, Target(quant, FULL, label))


def number_beside(context: Context, node: Node, place: int) -> float | None:
    """
    Input `place` of two, in single precision, if it is a number and the other one on a
    grid.
    """
    number, other = (context.value(node.input(i)) for i in (place, 1 - place))
    if not isinstance(number, Constant) or number.array.size != 1:
        return None
    if not isinstance(other, View) or other.element != "float32" or not other.quant:
        return None
    if len(number.shape) > len(other.shape):
        return None
    with np.errstate(over="ignore"):
        real = float(np.float32(context.number(node.input(place))))
    if not isfinite(real):
        raise node.refuse(f'"{node.input(place)}" is {real} in single precision')
    return real


def with_number(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    handler: Callable[[Context, Node], Pending],
) -> Callable[[Context, Node], Pending]:
    """
    The importer of an operator of two inputs. One that is a number makes it a function
    of one real, in single precision.
    """

    def importer(context: Context, node: Node) -> Pending:
        for place in (0, 1) if not node.is_integer else ():
            number = number_beside(context, node, place)
            if number is None:
                continue
            node.expect_attributes()
            single = np.array(number, np.float32)
            other = replace(node, inputs=(node.input(1 - place),))
            if place == 0:
                return lookup(context, other, lambda x: function(single, identity(x)))
            return lookup(context, other, lambda x: function(identity(x), single))
        return handler(context, node)

    return importer


def divided_by_number(context: Context, node: Node) -> Pending:
    node.expect_attributes()
    number = number_beside(context, node, 1)
    if not number:
        raise node.refuse("only the division by a constant number is supported")
    divisor, dividend = np.float32(number), replace(node, inputs=(node.input(0),))
    return lookup(context, dividend, lambda x: identity(x) / divisor)


def without_attributes(function: Function) -> Callable[[Context, Node], Pending]:
    """The importer of an operator that is this function."""

    def import_function(context: Context, node: Node) -> Pending:
        node.expect_attributes()
        return lookup(context, node, function)

    return import_function


def hard_sigmoid(node: Node) -> Function:
    node.expect_attributes("alpha", "beta")
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return lambda x: np.clip(alpha * x + beta, 0, 1)


def import_hard_sigmoid(context: Context, node: Node) -> Pending:
    return lookup(context, node, hard_sigmoid(node))


def import_gated(context: Context, node: Node) -> Pending | None:
    """
    A product of an activation and a sigmoid of the same, as exporters spell Swish and
    HardSwish; None if it is none.
    """
    for name, other in (node.inputs, node.inputs[::-1]):
        gate = context.value(other)
        if not isinstance(gate, Pending) or gate.node.inputs[:1] != (name,):
            continue
        if gate.node.op == "Sigmoid":
            return lookup(context, replace(node, inputs=(name,)), silu)
        if gate.node.op == "HardSigmoid":
            function = hard_sigmoid(gate.node)
            gated = replace(node, inputs=(name,))
            return lookup(context, gated, lambda x: x * function(x))
    return None


def leaky_relu(alpha: float) -> Function:
    """In single precision, as everybody computes it: there are many ties."""

    def function(x: np.ndarray) -> np.ndarray:
        single = x.astype(np.float32)
        return np.where(single < 0, np.float32(alpha) * single, single)

    return function


def import_leaky_relu(context: Context, node: Node) -> Pending:
    node.expect_attributes("alpha")
    return lookup(context, node, leaky_relu(node.number("alpha", 0.01)))


def import_elu(context: Context, node: Node) -> Pending:
    node.expect_attributes("alpha")
    alpha = node.number("alpha", 1.0)
    return lookup(
        context, node, lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)
    )


FUNCTIONS: dict[str, Callable[[Context, Node], Pending]] = {
    "Elu": import_elu,
    "HardSigmoid": import_hard_sigmoid,
    "HardSwish": without_attributes(hard_swish),
    "LeakyRelu": import_leaky_relu,
    "Sigmoid": without_attributes(sigmoid),
    "Swish": without_attributes(silu),
    "Tanh": without_attributes(np.tanh),
}
"""Swish is ONNX's from opset 24 on, without its factor."""
