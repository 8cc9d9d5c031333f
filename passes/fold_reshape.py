"""
Turns reshapes into views: the output of a layer that keeps all elements in their order
becomes its input's buffer, under another shape.

Expects a network of layers.

Such layers are `reshape`, a `transpose` that moves dimensions of 1 only, a `pad` by
nothing, a `slice` of everything, and a `concat` of one tensor. An output of the network
is written through a view. Guarantees that buffers hold at no time more bytes than
before.

Before:

    %y = tinyml.alloc : memref<1x8xi8>
    tinyml.reshape ins(%x : memref<1x2x2x2xi8>) outs(%y : memref<1x8xi8>)

After:

    %y = memref.reinterpret_cast %x to offset: [0], sizes: [1, 8], strides: [8, 1]

Not handled: from an input or output of the network to another one, which is a copy;
constants.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.moving import ConcatOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from tinyml.dialects.network import layers, network_function
from tinyml.passes.aliases import bypass


def keeps_order(op: LayerOp) -> bool:
    """Whether a layer's output holds the bytes of its one input as they are."""
    match op:
        case ReshapeOp():
            return True
        case TransposeOp():
            size = shape(op.input)
            moved = [axis for axis in integers(op.permutation) if size[axis] != 1]
            return moved == sorted(moved)
        case PadOp():
            return shape(op.input) == shape(op.output)
        case SliceOp():
            backward = any(step < 0 for step in integers(op.strides))
            return shape(op.input) == shape(op.output) and not backward
        case ConcatOp():
            return len(op.inputs) == 1
        case _:
            return False


@dataclass(frozen=True)
class FoldReshapePass(ModulePass):
    """Turns reshapes into views."""

    name = "tinyml-fold-reshape"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if keeps_order(layer):
                bypass(layer, layer.layer_inputs[0])
