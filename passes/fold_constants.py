"""
Computes what depends on constants alone.

Expects a network of layers. Guarantees that every output bit stays, and that no layer
but one that writes an output reads constants only.

A layer whose inputs are all constants, buffers from `memref.get_global`, is run by the
interpreter once and for all; the buffer that it writes becomes a constant with the
result. A view of a constant becomes a constant of its shape, so that afterwards layers
read constants directly. Constants lie in flash and take no bytes of the arena.

Before:

    %c = memref.get_global @c : memref<1x4xi8>
    %a = tinyml.alloc : memref<1x4xi8>
    tinyml.lookup ins(%c : memref<1x4xi8>) outs(%a : memref<1x4xi8>) table @logistic
    tinyml.maximum ins(%x, %a : ...) outs(%y : memref<1x4xi8>)

After, where `@lookup_constant` holds the result and `@c` and `@logistic` are gone
unless others read them:

    %a = memref.get_global @lookup_constant : memref<1x4xi8>
    tinyml.maximum ins(%x, %a : ...) outs(%y : memref<1x4xi8>)

Not handled: layers that write an output of the network, which is in the arena; stages;
globals that may change; results larger than any flash. A result that is larger than the
constants it is made of is a constant nevertheless.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, LocationAttr, ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layers, network_function, readers
from tinyml.dialects.stage import StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import is_view, root
from tinyml.interp.log_softmax import LogSoftmaxFunctions
from tinyml.interp.moving import MovingFunctions
from tinyml.interp.tinyml import TinyMLFunctions
from tinyml.passes.constant_pool import add_constant, erase_unused_constants

LARGEST = 1 << 24
"""Bytes; a larger result is not computed, no microcontroller could hold it."""


def constant_content(value: SSAValue) -> np.ndarray | None:
    """What a buffer holds that is a constant or a view of one."""
    owner = root(value).owner
    if not isinstance(owner, memref.GetGlobalOp):
        return None
    found = find_global(owner, owner.name_)
    if found is None or found.constant is None or found.type != owner.memref.type:
        return None
    if not isinstance(found.initial_value, DenseIntOrFPElementsAttr):
        return None
    return global_array(found).reshape(shape(value))


def can_fold(op: LayerOp) -> bool:
    """Whether a layer of some inputs writes a buffer that only later layers read."""
    buffer = root(op.layer_output)
    if (
        isinstance(op, StageOp)
        or not op.layer_inputs
        or not isinstance(buffer.owner, AllocOp)
    ):
        return False
    if buffer_bytes(buffer_type(buffer)) > LARGEST:
        return False
    return all(
        isinstance(reader, LayerOp) and op.is_before_in_block(reader)
        for reader in readers(buffer)
    )


def evaluate(op: LayerOp) -> np.ndarray | None:
    """What a layer writes, if all that it reads is constant."""
    contents = [constant_content(value) for value in op.layer_inputs]
    inputs = [content for content in contents if content is not None]
    if len(inputs) != len(contents):
        return None
    type = buffer_type(op.layer_output)
    y = np.empty(type.get_shape(), numpy_dtype(type.element_type))
    interpreter = Interpreter(ModuleOp([]))
    for functions in (TinyMLFunctions(), LogSoftmaxFunctions(), MovingFunctions()):
        interpreter.register_implementations(functions)
    interpreter.run_op(op, (*inputs, y))
    return y


def make_constant(
    network: func.FuncOp,
    buffer: SSAValue,
    name: str,
    array: np.ndarray,
    location: LocationAttr,
) -> None:
    """Replaces the op that a buffer comes from by a constant of its type."""
    symbol = add_constant(network, name, array.reshape(shape(buffer)))
    constant = memref.GetGlobalOp(symbol, buffer_type(buffer))
    constant.memref.name_hint = buffer.name_hint
    constant.location = location
    assert isinstance(buffer.owner, Operation)
    Rewriter.replace_op(buffer.owner, constant)


def fold_layer(op: LayerOp, network: func.FuncOp) -> None:
    """Replaces a layer by a constant, or leaves it."""
    if not can_fold(op) or (array := evaluate(op)) is None:
        return
    buffer, name = root(op.layer_output), op.name.removeprefix("tinyml.")
    Rewriter.erase_op(op)
    make_constant(network, buffer, f"{name}_constant", array, op.location)


def fold_view(op: Operation, network: func.FuncOp) -> None:
    """Replaces a view of a constant by a constant, or leaves it."""
    if not is_view(op) or (array := constant_content(op.result)) is None:
        return
    source = root(op.result).owner
    assert isinstance(source, memref.GetGlobalOp)
    name = source.name_.string_value()
    make_constant(network, op.result, name, array, source.location)


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Computes what depends on constants alone."""

    name = "tinyml-fold-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        for layer in layers(network):
            fold_layer(layer, network)
        for view in list(network.body.block.ops):
            fold_view(view, network)
        erase_unused_constants(op)
