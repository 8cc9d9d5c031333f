"""
Which bytes a buffer can hold, and layers that are a function of one byte.

Tables are what the interpreter makes of all 256 bytes, so no rounding is spelled twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from tinyml.dialects.activation import LookupOp, PReluOp
from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.elementwise import BroadcastOp
from tinyml.dialects.layer import (
    LayerOp,
    buffer_type,
    integer_range,
    integers,
    shape,
)
from tinyml.dialects.network import writer
from tinyml.dialects.pooling import PoolOp
from tinyml.dialects.scaling import RequantizeOp
from tinyml.interp.tinyml import TinyMLFunctions, constant_array


@dataclass(frozen=True)
class ByteFunction:
    """A layer whose every output byte is `table[i]` for the `i`-th value of a byte."""

    input: SSAValue
    """The buffer of these bytes; it has as many elements as the output."""
    table: np.ndarray
    """256 values, from that of the smallest byte on."""


def byte_function(op: LayerOp) -> ByteFunction | None:
    """A layer as a function of one byte, if it is one."""
    match op:
        case LookupOp() | RequantizeOp():
            return evaluate(op, op.input)
        case PoolOp():
            window = op.window
            ones = (*integers(window.kernel), *integers(window.strides))
            plain = all(n == 1 for n in ones) and not any(integers(window.pad))
            return evaluate(op, op.input) if plain else None
        case PReluOp():
            alpha = constant_array(op, op.alpha)
            return evaluate(op, op.input) if (alpha == alpha[0]).all() else None
        case BroadcastOp():
            variable = [v for v in op.layer_inputs if scalar(v) is None]
            if not variable or any(v is not variable[0] for v in variable):
                return None
            whole = shape(variable[0]) == shape(op.output)
            return evaluate(op, variable[0]) if whole else None
        case _:
            return None


def scalar(value: SSAValue) -> np.ndarray | None:
    """The number that a constant buffer of one element holds."""
    if not isinstance(owner := value.owner, memref.GetGlobalOp):
        return None
    found = find_global(owner, owner.name_)
    if found is None or found.constant is None:
        return None
    array = global_array(found)
    return array.reshape(()) if array.size == 1 else None


def all_bytes(buffer: SSAValue) -> np.ndarray:
    """Every byte that an element of a buffer can be, in ascending order."""
    element = buffer_type(buffer).element_type
    low, high = integer_range(element)
    return np.arange(low, high + 1).astype(numpy_dtype(element))


def evaluate(op: LayerOp, input: SSAValue) -> ByteFunction:
    """
    The function that a layer applies to each byte of `input`; its other inputs are
    scalar constants.
    """
    channels = shape(input)[-1] if isinstance(op, PReluOp) else 1
    x = np.repeat(all_bytes(input).reshape(1, 256, 1, 1), channels, axis=3)
    y = np.empty(x.shape, numpy_dtype(buffer_type(op.layer_output).element_type))
    inputs = [x if v is input else scalar(v) for v in op.layer_inputs]
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(TinyMLFunctions())
    interpreter.run_op(op, (*inputs, y))
    return ByteFunction(input, y[0, :, 0, 0])


def value_range(buffer: SSAValue) -> tuple[int, int]:
    """The smallest and the largest integer that a buffer of bytes can hold."""
    match writer(buffer):
        case LookupOp() as op:
            table = constant_array(op, op.table)
            return int(table.min()), int(table.max())
        case LayerOp(properties={"clamp": clamp}):
            low, high = integers(clamp)
            return low, high
        case _:
            return integer_range(buffer_type(buffer).element_type)
