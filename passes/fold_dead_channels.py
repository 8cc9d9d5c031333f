"""
Removes channels that no output of the network depends on, or only by a constant.

Expects a network of layers.

A channel whose weights are zero is the same for every input, and stays so through
depthwise convolutions, pools and tables that keep channels apart. Where the layers that
sum over it in the end get the same of it at every position, their biases take it over;
where all their weights for it are zero, it does not matter what it holds. Then it is
removed from all buffers on the way, with its weights, biases and factors. Guarantees
that the outputs stay as they are; other tensors keep the bytes of the other channels.

Before, if the second filter of the depthwise convolution is zero:

    tinyml.conv2d ins(%x : ...) outs(%a : memref<1x8x8x4xi8>) weights @w1 bias @b1 ...
    tinyml.depthwise_conv2d ins(%a : ...) outs(%b : memref<1x8x8x4xi8>) weights @w2 ...
    tinyml.conv2d ins(%b : ...) outs(%y : ...) weights @w3 bias @b3 ...

After, where `@b3` has grown by what the channel adds to each sum:

    tinyml.conv2d ins(%x : ...) outs(%a : memref<1x8x8x3xi8>) weights @w1 bias @b1 ...
    tinyml.depthwise_conv2d ins(%a : ...) outs(%b : memref<1x8x8x3xi8>) weights @w2 ...
    tinyml.conv2d ins(%b : ...) outs(%y : ...) weights @w3 bias @b3 ...

Not handled: channels that an input or output of the network has, or a layer that mixes
channels otherwise (softmax, a concatenation of channels, grouped convolutions); sums
that are not the same everywhere, as at the border of a padded map
(docs/decisions/dead_channels.md); biases that would leave 32 bits. The last channel of
a buffer stays. A remark says where constant channels stay, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.activation import PReluOp
from tinyml.dialects.constants import find_global, global_array
from tinyml.dialects.layer import LayerOp, buffer_type, shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.views import root, view_of, views
from tinyml.dialects.weighted import DepthwiseConv2DOp, WeightedOp
from tinyml.interp.tinyml import constant, constant_array
from tinyml.passes.aliases import leave_place
from tinyml.passes.channel_links import last
from tinyml.passes.constant_pool import (
    add_constant,
    erase_unused_constants,
    set_constant,
)
from tinyml.passes.dead_channel_remarks import refusals
from tinyml.passes.dead_channels import Plan, plan_channels
from tinyml.passes.remarks import remark

Kept = np.ndarray | None
"""The channels that stay, ascending; None for all of them."""


def selected(array: np.ndarray, kept: Kept, axis: int) -> np.ndarray:
    return array if kept is None else np.take(array, kept, axis)


def selected_weights(
    weights: np.ndarray, inputs: Kept, outputs: Kept, channels: int
) -> np.ndarray:
    """The weights [outputs, ...] of a layer that sums over so many channels."""
    rows = selected(weights.reshape(len(weights), -1, channels), inputs, 2)
    rows = selected(rows, outputs, 0)
    return rows.reshape(len(rows), *weights.shape[1:-1], -1)


@dataclass(frozen=True)
class Shrinker:
    """Carries out a plan on one network: first the layers' constants, then buffers."""

    network: func.FuncOp
    plan: Plan

    def apply(self) -> None:
        for op in layers(self.network):
            outputs = self.plan.kept.get(root(op.layer_output))
            self.shrink_constants(op, outputs)
            if outputs is not None:
                leave_place(op)
        for buffer, kept in self.plan.kept.items():
            shrink_buffer(buffer, len(kept))

    def shrink_constants(self, op: LayerOp, outputs: Kept) -> None:
        """Leaves the constants of a layer with the channels that stay."""
        match op:
            case WeightedOp():
                self.shrink_weighted(op, outputs)
            case PReluOp() if outputs is not None:
                alpha = constant_array(op, op.alpha)[outputs]
                set_constant(self.network, op, "alpha", "prelu_alpha", alpha)
            case _ if outputs is not None:
                self.shrink_operands(op, outputs)
            case _:
                pass

    def shrink_weighted(self, op: WeightedOp, outputs: Kept) -> None:
        inputs, bias = self.plan.kept.get(root(op.input)), self.plan.biases.get(op)
        if inputs is None and outputs is None:
            return
        weights, requant = constant(op, "weights"), constant(op, "requant")
        assert weights is not None
        assert requant is not None
        if bias is None:
            bias = constant(op, "bias")
        if isinstance(op, DepthwiseConv2DOp):
            weights = selected(weights, outputs, -1)
        else:
            channels = (
                weights.shape[-1] if inputs is None else last(shape(root(op.input)))
            )
            weights = selected_weights(weights, inputs, outputs, channels)
        self.set(op, "weights", weights)
        self.set(op, "requant", selected(requant, outputs, 0))
        if bias is not None and (op.bias is not None or bias.any()):
            self.set(op, "bias", selected(bias, outputs, 0))

    def set(self, op: WeightedOp, key: str, array: np.ndarray) -> None:
        name = f"{op.weights.string_value().removesuffix('_weights')}_{key}"
        set_constant(self.network, op, key, name, array)

    def shrink_operands(self, op: LayerOp, outputs: np.ndarray) -> None:
        """Leaves the constants that a layer reads as buffers with these channels."""
        for index, value in enumerate(op.layer_inputs):
            owner = value.owner
            if isinstance(owner, memref.GetGlobalOp) and last(shape(value)) > 1:
                found = find_global(owner, owner.name_)
                assert found is not None
                array = selected(global_array(found), outputs, -1)
                symbol = add_constant(self.network, owner.name_.string_value(), array)
                type = MemRefType(buffer_type(value).element_type, array.shape)
                constant = memref.GetGlobalOp(symbol, type)
                constant.memref.name_hint = symbol
                Rewriter.insert_op(constant, InsertPoint.before(op))
                op.operands[index] = constant.memref


def resized(type: MemRefType, channels: int, kept: int) -> MemRefType:
    """The type of a buffer, or of a view of it, of which fewer channels stay."""
    *rest, folded = type.get_shape()
    return MemRefType(type.element_type, [*rest, folded // channels * kept])


def shrink_buffer(buffer: SSAValue, kept: int) -> None:
    """Gives a buffer and its views so many channels."""
    channels, found = shape(buffer)[-1], list(views(buffer))
    Rewriter.replace_value_with_new_type(
        buffer, resized(buffer_type(buffer), channels, kept)
    )
    for view in found:
        (source,), (result,) = view.operands, view.results
        smaller = view_of(
            source, resized(buffer_type(result), channels, kept).get_shape()
        )
        smaller.result.name_hint = result.name_hint
        Rewriter.replace_op(view, smaller)


@dataclass(frozen=True)
class FoldDeadChannelsPass(ModulePass):
    """Removes channels that no output of the network depends on."""

    name = "tinyml-fold-dead-channels"

    multiple: int = 1
    """
    Leaves as many channels as are a multiple of this, if there are so many: with 4
    kernels of words have no channels left over.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.multiple < 1:
            raise PassFailedException(
                f"{self.name}: multiple={self.multiple} is not positive"
            )
        network = network_function(op)
        while (plan := plan_channels(network, self.multiple)).kept:
            Shrinker(network, plan).apply()
        told = dict(refusals(network, plan.known))
        for layer in layers(network):
            remark(layer, self.name, told.get(layer))
        erase_unused_constants(op)
