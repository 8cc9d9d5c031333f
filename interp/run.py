"""
Runs a network at layer level on NumPy arrays, through the xDSL interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Operation, SSAValue

from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type
from tinyml.dialects.network import network_function, network_inputs
from tinyml.interp.memref import MemRefFunctions
from tinyml.interp.tinyml import TinyMLFunctions

LayerHook = Callable[[LayerOp, np.ndarray], None]


def make_interpreter(module: ModuleOp) -> Interpreter:
    """An interpreter for L1: layers on buffers."""
    interpreter = Interpreter(module)
    interpreter.register_implementations(TinyMLFunctions())
    interpreter.register_implementations(MemRefFunctions())
    interpreter.register_implementations(FuncFunctions())
    return interpreter


def run_network(
    module: ModuleOp,
    inputs: Sequence[np.ndarray],
    after_layer: LayerHook | None = None,
) -> list[np.ndarray]:
    """
    The outputs of the module's network for these inputs. `after_layer` sees each layer
    with the array it has just written.
    """
    function = network_function(module)
    interpreter = make_interpreter(module)
    values: dict[SSAValue, np.ndarray] = {}
    count = len(network_inputs(function))
    for number, argument in enumerate(function.body.block.args):
        type = buffer_type(argument)
        dtype = numpy_dtype(type.element_type)
        if number < count:
            values[argument] = np.asarray(inputs[number], dtype).reshape(
                type.get_shape()
            )
        else:
            values[argument] = np.zeros(type.get_shape(), dtype)
    for op in function.body.block.ops:
        run_one(interpreter, op, values, after_layer)
    return [values[argument] for argument in function.body.block.args[count:]]


def run_one(
    interpreter: Interpreter,
    op: Operation,
    values: dict[SSAValue, np.ndarray],
    after_layer: LayerHook | None,
) -> None:
    """Runs one op of a straight-line body and keeps its results."""
    if isinstance(op, func.ReturnOp):
        return
    results = interpreter.run_op(op, tuple(values[v] for v in op.operands))
    values.update(zip(op.results, results, strict=True))
    if after_layer is not None and isinstance(op, LayerOp):
        after_layer(op, values[op.layer_output])
