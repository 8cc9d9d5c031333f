"""
Composes functions of one byte into one `lookup`.

Expects a network of layers. Guarantees that every output bit stays.

A layer that is a function of one byte (`passes/byte_functions.py`: a lookup, a change
of scale, a 1x1 pool, a sum or product with a scalar constant) and reads what another
such layer writes for it alone becomes, with that one, a table of 256 bytes.

Before:

    tinyml.requantize ins(%x : memref<1x8xi8>) outs(%a : memref<1x8xi8>) ...
    tinyml.lookup ins(%a : memref<1x8xi8>) outs(%y : memref<1x8xi8>) table @logistic

After:

    tinyml.lookup ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xi8>) table @lookup_table

Not handled: functions from or to unsigned bytes, but for those in the middle; what
others read, outputs of the network among it. A composition that does nothing, or only
clamps, is for `tinyml-fuse-activation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.activation import LookupOp
from tinyml.dialects.layer import LayerOp, Shape, buffer_type, integer_range, shape
from tinyml.dialects.network import layers, network_function, readers, writer
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root, view_of, views
from tinyml.passes.aliases import take_place
from tinyml.passes.byte_functions import ByteFunction, byte_function
from tinyml.passes.constant_pool import add_constant, erase_unused_constants


def compose(first: np.ndarray, second: np.ndarray, lowest: int) -> np.ndarray:
    """The table of `second` after `first`; entry 0 of `second` is that of `lowest`."""
    return second[first.astype(np.int64) - lowest]


def inner_function(function: ByteFunction, op: LayerOp) -> ByteFunction | None:
    """The function whose values `op` alone reads, if there is one."""
    buffer = root(function.input)
    before = writer(buffer)
    if before is None or not isinstance(buffer.owner, AllocOp):
        return None
    if any(reader is not op for reader in readers(buffer)):
        return None
    return byte_function(before)


def fold(op: LayerOp, network: func.FuncOp) -> LayerOp | None:
    """Makes a layer and the one before it one lookup, or leaves them."""
    if (second := byte_function(op)) is None:
        return None
    if (first := inner_function(second, op)) is None:
        return None
    ends = [buffer_type(v).element_type for v in (first.input, op.layer_output)]
    if any(end != i8 for end in ends):
        return None
    lowest, _ = integer_range(buffer_type(second.input).element_type)
    table = compose(first.table, second.table, lowest)
    symbol = add_constant(network, "lookup_table", table)
    source = in_shape(first.input, shape(op.layer_output), op)
    lookup = LookupOp(source, op.layer_output, symbol)
    take_place(lookup, op)
    before = writer(second.input)
    assert before is not None
    Rewriter.replace_op(op, lookup, [])
    Rewriter.erase_op(before)
    erase_buffer(root(second.input))
    return lookup


def in_shape(value: SSAValue, wanted: Shape, user: LayerOp) -> SSAValue:
    """The buffer in another shape, for a user."""
    if shape(value) == wanted:
        return value
    view = view_of(value, wanted)
    Rewriter.insert_op(view, InsertPoint.before(user))
    return view.result


def erase_buffer(buffer: SSAValue) -> None:
    """Erases a buffer that nobody uses, and its views."""
    alloc = buffer.owner
    assert isinstance(alloc, AllocOp)
    for op in (*reversed([*views(buffer)]), alloc):
        Rewriter.erase_op(op)


@dataclass(frozen=True)
class FoldLookupsPass(ModulePass):
    """Composes functions of one byte into one lookup."""

    name = "tinyml-fold-lookups"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        for layer in layers(network):
            last: LayerOp | None = layer
            while last is not None:
                last = fold(last, network)
        erase_unused_constants(op)
