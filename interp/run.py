"""
Runs a network on NumPy arrays, through the xDSL interpreter, at any level of lowering.

`run_network` takes and returns the same arrays whether the module holds

- layers on buffers, as imported: vectorised, a whole network takes seconds;
- calls of kernels on buffers (`tinyml-convert-layers-to-loops`): op by op, some 50,000
  a second, for small shapes;
- calls of kernels on one arena (`tinyml-lower-arena`): likewise, and buffers that
  share bytes do so here.

Memory that nothing was written to holds garbage, the same at each run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.interpreters.scf import ScfFunctions
from xdsl.ir import Operation, SSAValue

from tinyml.backend.network_info import PortInfo, network_info
from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type
from tinyml.dialects.network import network_function, network_inputs
from tinyml.dialects.reading import asked_inputs, in_model_order
from tinyml.interp.acle import AcleFunctions
from tinyml.interp.arith import INDEX_BITS, ScalarFunctions
from tinyml.interp.log_softmax import LogSoftmaxFunctions
from tinyml.interp.memref import MemRefFunctions, uninitialized
from tinyml.interp.moving import MovingFunctions
from tinyml.interp.owners import OwnedArena, OwnedArray, OwnedMemRefFunctions
from tinyml.interp.reading import CallFunctions, Inputs, ReadRowsFunctions
from tinyml.interp.stage import StageFunctions
from tinyml.interp.tinyml import TinyMLFunctions

LayerHook = Callable[[Any, np.ndarray], None]
"""Gets a layer, or the call that it became, and the array it has just written."""

RunOp = Callable[[Interpreter, Operation, tuple[Any, ...]], PythonValues]
"""Runs an op of a network's body on the values of its operands."""


def make_interpreter(
    module: ModuleOp,
    memref_functions: MemRefFunctions | None = None,
    inputs: Inputs | None = None,
) -> Interpreter:
    """
    An interpreter of layers and of what they are lowered to; `inputs` are those that a
    network asks for.
    """
    interpreter = Interpreter(module, index_bitwidth=INDEX_BITS)
    for functions in (
        TinyMLFunctions(),
        LogSoftmaxFunctions(),
        MovingFunctions(),
        ReadRowsFunctions(inputs or {}),
        StageFunctions(),
        CallFunctions(inputs or {}),
        ScfFunctions(),
        memref_functions or MemRefFunctions(),
        ScalarFunctions(),
        AcleFunctions(),
    ):
        interpreter.register_implementations(functions)
    return interpreter


def run_function(module: ModuleOp, name: str, arguments: Sequence[Any]) -> PythonValues:
    """
    Calls one function: buffers are arrays, which it may write, integers Python ints.
    """
    return make_interpreter(module).call_op(name, tuple(arguments))


def run_network(
    module: ModuleOp,
    inputs: Sequence[np.ndarray],
    after_layer: LayerHook | None = None,
    check_owners: bool = False,
    run_op: RunOp = Interpreter.run_op,
) -> list[np.ndarray]:
    """
    The outputs of the module's network for these inputs. `after_layer` sees each layer
    with the array it has just written; a layer that is a call now gives unsigned bytes
    as signed ones. `run_op` may run ops of the network's body in another way than the
    interpreter does.

    With `check_owners`, an InterpretationError is raised if the network, which has to
    be in an arena, reads a byte that was not written for the buffer it reads.
    """
    if any("tinyml.inputs" in op.attributes for op in module.ops):
        return run_in_arena(module, inputs, after_layer, check_owners, run_op)
    if check_owners:
        raise ValueError("owners are checked in an arena only")
    return run_on_buffers(module, inputs, after_layer, run_op)


def run_on_buffers(
    module: ModuleOp,
    inputs: Sequence[np.ndarray],
    after_layer: LayerHook | None,
    run_op: RunOp,
) -> list[np.ndarray]:
    """Runs a network that has one argument for each resident input and output."""
    function = network_function(module)
    types = model_types(function)
    buffers = [uninitialized(t.get_shape(), numpy_dtype(t.element_type)) for t in types]
    count = len(network_inputs(function))
    asked = {
        number: uninitialized(type.get_shape(), numpy_dtype(type.element_type))
        for number, type in asked_inputs(function).items()
    }
    every = in_model_order(buffers[:count], asked)
    for buffer, values in zip(every, checked(inputs, len(every)), strict=True):
        buffer[...] = np.asarray(values, buffer.dtype).reshape(buffer.shape)
    arguments = [
        buffer.view(numpy_dtype(buffer_type(argument).element_type))
        for buffer, argument in zip(buffers, function.body.block.args, strict=True)
    ]
    interpreter = make_interpreter(module, inputs=asked)
    run_body(interpreter, function, arguments, after_layer, run_op)
    return buffers[count:]


def run_in_arena(
    module: ModuleOp,
    inputs: Sequence[np.ndarray],
    after_layer: LayerHook | None,
    check_owners: bool,
    run_op: RunOp,
) -> list[np.ndarray]:
    """Runs a network that has its arena for an argument."""
    info = network_info(module)
    arena = uninitialized([info.arena_bytes], np.dtype(np.int8))
    owned = OwnedArena(info, arena)

    def port_array(port: PortInfo) -> np.ndarray:
        return np.ndarray(port.shape, port.dtype, buffer=arena, offset=port.offset)

    asked: dict[int, np.ndarray] = {}
    for number, values in enumerate(checked(inputs, len(info.inputs))):
        port = info.inputs[number]
        array = np.asarray(values, port.dtype).reshape(port.shape)
        if port.at is None:
            asked[number] = array
        else:
            port_array(port)[...] = array
    if check_owners:
        interpreter = make_interpreter(module, OwnedMemRefFunctions(), asked)
        memory = [OwnedArray(owned, arena)]
        run_body(interpreter, info.function, memory, after_layer, run_op)
        owned.finish()
    else:
        interpreter = make_interpreter(module, inputs=asked)
        run_body(interpreter, info.function, [arena], after_layer, run_op)
    return [port_array(port).copy() for port in info.outputs]


def checked(inputs: Sequence[np.ndarray], count: int) -> Sequence[np.ndarray]:
    if len(inputs) != count:
        raise ValueError(f"{len(inputs)} inputs for a network of {count}")
    return inputs


def model_types(function: func.FuncOp) -> list[MemRefType]:
    """The types of a network's arguments as the model has them."""
    types = [buffer_type(argument) for argument in function.body.block.args]
    for number, attributes in enumerate(function.arg_attrs or ()):
        type = attributes.data.get("tinyml.type")
        if isinstance(type, MemRefType):
            types[number] = type
    return types


def run_body(
    interpreter: Interpreter,
    function: func.FuncOp,
    arguments: Sequence[np.ndarray | OwnedArray],
    after_layer: LayerHook | None,
    run_op: RunOp,
) -> None:
    """Runs the straight-line body of a network."""
    block = function.body.block
    values: dict[SSAValue, Any] = dict(zip(block.args, arguments, strict=True))
    for op in block.ops:
        if isinstance(op, func.ReturnOp):
            return
        results = run_op(interpreter, op, tuple(values[v] for v in op.operands))
        values.update(zip(op.results, results, strict=True))
        if after_layer is not None and is_layer(op):
            output = values[op.operands[-1]]
            is_owned = isinstance(output, OwnedArray)
            after_layer(op, output.values if is_owned else output)


def is_layer(op: Operation) -> bool:
    """Whether the op is a layer or the call of a layer's kernel."""
    if isinstance(op, func.CallOp):
        return "tinyml.op" in op.attributes
    return isinstance(op, LayerOp)
