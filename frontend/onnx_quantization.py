"""
ONNX's QuantizeLinear and DequantizeLinear: between reals and their grids.

A layer is made where its result is quantized, on the grid that it is quantized to.
"""

from __future__ import annotations

import numpy as np

from tinyml.frontend.onnx_context import Context, Pending, Target, Value
from tinyml.frontend.onnx_values import FULL, Constant, Quant, View
from tinyml.frontend.qdq_graph import Node

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
