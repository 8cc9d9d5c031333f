"""
ONNX operators that compute constants from constants, as exporters write them around a
Reshape or Resize: Shape, Cast, Concat, and arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyml.frontend.onnx_context import Context, Value
from tinyml.frontend.onnx_values import Constant, expect_computable
from tinyml.frontend.qdq_graph import Node

Handler = Callable[[Context, Node], Value]
Fold = Callable[[Node, list[np.ndarray]], np.ndarray]

ELEMENTS = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 11: "float64"}
"""The types that a Cast of a constant may have, by ONNX's numbers."""


def import_shape(context: Context, node: Node) -> Constant:
    """Shapes are known."""
    node.expect_attributes("start", "end")
    shape = context.value(node.input(0)).shape
    start, end = node.integer("start", 0), node.integer("end", len(shape))
    return Constant(node.output, np.array(shape[start:end], np.int64))


def import_cast(context: Context, node: Node) -> Constant:
    node.expect_attributes("to", "saturate", "round_mode")
    value, element = context.value(node.input(0)), ELEMENTS.get(node.integer("to", 0))
    if not isinstance(value, Constant) or value.scale is not None or element is None:
        raise node.refuse("only constants, of numbers that shapes are computed with")
    if value.array.dtype.kind not in "iufb":
        raise node.refuse(f'constant "{value.name}" is {value.array.dtype}')
    with np.errstate(over="ignore", invalid="ignore"):
        return Constant(node.output, value.array.astype(element))


def folded(fold: Fold, handler: Handler | None = None) -> Handler:
    """The operator of constants, or else of activations, where there is a handler."""

    def import_folded(context: Context, node: Node) -> Value:
        values = [context.value(name) for name in node.inputs]
        plain = [v for v in values if isinstance(v, Constant) and v.scale is None]
        if plain and len(plain) == len(values):
            return Constant(node.output, result(node, fold, plain))
        if handler is None:
            raise node.refuse("only constants are supported")
        return handler(context, node)

    return import_folded


def result(node: Node, fold: Fold, constants: list[Constant]) -> np.ndarray:
    for constant in constants:
        if constant.array.dtype.kind not in "iuf":
            dtype = constant.array.dtype
            raise node.refuse(f'constant "{constant.name}" is {dtype}, not numbers')
    try:
        with np.errstate(all="ignore"):
            return fold(node, [constant.array for constant in constants])
    except ValueError as error:
        # What NumPy says where shapes do not fit one another.
        raise node.refuse(f"the constants do not fit: {error}") from error


def concatenate(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    axis = node.axis(node.integer("axis", 0), arrays[0].ndim)
    expect_computable([sum(array.size for array in arrays)])
    return np.concatenate(arrays, axis)


def of_pair(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Fold:
    def fold(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
        left, right = arrays
        expect_computable(np.broadcast_shapes(left.shape, right.shape))
        return np.asarray(function(left, right))

    return fold


def divide(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """As ONNX has it: integers towards zero."""
    if not right.all():
        raise ValueError("division by zero")
    quotient = left / right
    if np.issubdtype(left.dtype, np.integer):
        return np.trunc(quotient).astype(left.dtype)
    return quotient.astype(left.dtype)


def floor(node: Node, arrays: list[np.ndarray]) -> np.ndarray:
    return np.floor(arrays[0])
