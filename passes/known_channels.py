"""
Channels of a network that hold the same whatever the input: their values, everywhere.

A channel is known if the weights that make it are zero or meet known channels only, and
likewise through pools, tables and sums. Its values are what the interpreter makes of
known values, at borders too; unknown channels are zero meanwhile and decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type, shape
from tinyml.dialects.network import layers
from tinyml.dialects.views import root
from tinyml.dialects.weighted import DepthwiseConv2DOp, WeightedOp
from tinyml.interp.moving import MovingFunctions
from tinyml.interp.tinyml import TinyMLFunctions, constant
from tinyml.passes.channel_links import Link, is_channelwise, last, link


@dataclass(frozen=True)
class KnownChannels:
    """Which channels of a buffer are known, and a buffer that holds their values."""

    mask: np.ndarray
    values: np.ndarray


Known = Mapping[SSAValue, KnownChannels]
"""By root buffer; one of which nothing is known is absent."""


def weights_by_channel(op: WeightedOp, channels: int) -> np.ndarray:
    """The weights of a layer that sums over channels, [outputs, taps, channels]."""
    weights = constant(op, "weights")
    assert weights is not None
    return weights.reshape(op.output_channels, -1, channels)


def is_zero(array: np.ndarray, axis: int) -> np.ndarray:
    """For each index along an axis whether all numbers there are zero."""
    others = tuple(number for number in range(array.ndim) if number != axis)
    return np.logical_not(array.any(axis=others))


def mask_of(known: Known, value: SSAValue) -> np.ndarray:
    """Which channels of an operand are known."""
    channels = last(shape(value))
    if isinstance(value.owner, memref.GetGlobalOp):
        return np.ones(channels, bool)
    found = known.get(root(value))
    if found is None or len(found.mask) not in (1, channels):
        return np.zeros(channels, bool)
    return np.broadcast_to(found.mask, (channels,))


def values_of(known: Known, value: SSAValue) -> np.ndarray:
    """The values of an operand, of those channels that are known."""
    if isinstance(owner := value.owner, memref.GetGlobalOp):
        found = find_global(owner, owner.name_)
        assert found is not None
        return global_array(found)
    if (channels := known.get(root(value))) is not None:
        return channels.values.reshape(shape(value))
    return np.zeros(shape(value), numpy_dtype(buffer_type(value).element_type))


def determined(op: LayerOp, known: Known) -> np.ndarray:
    """Which channels of a layer's output follow from known ones."""
    channels = last(shape(op.layer_output))
    if channels != last(shape(root(op.layer_output))):
        return np.zeros(channels, bool)
    match op:
        case DepthwiseConv2DOp():
            repeated = np.repeat(mask_of(known, op.input), op.depth_multiplier)
            weights = constant(op, "weights")
            assert weights is not None
            return repeated | is_zero(weights, 2)
        case WeightedOp() if link(op, 0) is Link.SUM:
            buffer = root(op.input)
            weights = weights_by_channel(op, last(shape(buffer)))
            unknown = ~mask_of(known, buffer)
            return is_zero(weights[:, :, unknown], 0)
        case WeightedOp():
            return is_zero(weights_by_channel(op, 1), 0)
        case _ if is_channelwise(op):
            masks = [mask_of(known, value) for value in op.layer_inputs]
            return np.logical_and.reduce(np.broadcast_arrays(*masks))
        case _:
            return np.zeros(channels, bool)


def known_channels(function: func.FuncOp) -> Known:
    """What is known of the channels of a network's buffers."""
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(TinyMLFunctions())
    interpreter.register_implementations(MovingFunctions())
    found: dict[SSAValue, KnownChannels] = {}
    for op in layers(function):
        mask = determined(op, found)
        if not mask.any():
            continue
        y = values_of({}, op.layer_output)
        interpreter.run_op(op, (*(values_of(found, v) for v in op.layer_inputs), y))
        output = root(op.layer_output)
        found[output] = KnownChannels(mask, y.reshape(shape(output)))
    return found
