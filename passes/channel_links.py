"""
How the channels of a layer's inputs and output hang together.

The channels of a buffer are its last dimension. A layer may make channel `k` of its
output of channel `k` of its input, as a pool does; sum over all channels of its input
with weights of its own, as a convolution does; or anything else. Buffers whose channels
are made of each other one by one form a group: what is left out in one is left out in
all of them.
"""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.ir import BlockArgument, SSAValue
from xdsl.utils.str_enum import StrEnum

from tinyml.dialects.activation import LookupOp, PReluOp
from tinyml.dialects.elementwise import BroadcastOp
from tinyml.dialects.layer import LayerOp, Shape, integers, shape
from tinyml.dialects.moving import ConcatOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from tinyml.dialects.network import layers
from tinyml.dialects.pooling import MeanOp, PoolOp
from tinyml.dialects.resizing import ResizeOp
from tinyml.dialects.scaling import RequantizeOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import buffer_uses, root, views
from tinyml.dialects.weighted import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp


class Link(StrEnum):
    """What the channels of an operand are to a layer."""

    EACH = "each"
    """Channel `k` of the output is made of channel `k` of the inputs."""
    SUM = "sum"
    """An input; each output channel has weights for each channel of it."""
    MADE = "made"
    """The output; each channel has weights, a bias and factors of its own."""
    OTHER = "other"


def last(size: Shape) -> int:
    """The channels of a buffer; a single number has one."""
    return size[-1] if size else 1


def is_channelwise(op: LayerOp) -> bool:
    """Whether channel `k` of the output is made of channel `k` of the inputs."""
    match op:
        case PoolOp() | LookupOp() | PReluOp() | RequantizeOp() | ResizeOp():
            return bool(shape(op.layer_output))
        case BroadcastOp():
            return bool(shape(op.output))
        case DepthwiseConv2DOp():
            return op.depth_multiplier == 1
        case MeanOp():
            return len(shape(op.input)) - 1 not in integers(op.axes)
        case PadOp():
            return integers(op.low)[-1:] == integers(op.high)[-1:] == (0,)
        case SliceOp():
            same = shape(op.input)[-1:] == shape(op.output)[-1:]
            return same and integers(op.strides)[-1:] == (1,)
        case ConcatOp():
            return op.axis.value.data != len(shape(op.output)) - 1
        case TransposeOp():
            return integers(op.permutation)[-1:] == (len(shape(op.input)) - 1,)
        case ReshapeOp():
            return shape(op.input)[-1:] == shape(op.output)[-1:] != ()
        case _:
            return False


def link(op: LayerOp, index: int) -> Link:
    """What the channels of an operand are to a layer; the last one is its output."""
    value, is_output = op.operands[index], index == len(op.operands) - 1
    channels, whole = last(shape(value)), last(shape(root(value)))
    match op:
        case FullyConnectedOp() if not is_output:
            # However the input is folded, its elements keep their order.
            per_row = op.weights_shape[1]
            fits = per_row % whole == 0 and channels % whole == 0
            return Link.SUM if fits else Link.OTHER
        case _ if channels != whole:
            return Link.OTHER
        case FullyConnectedOp():
            return Link.MADE
        case Conv2DOp() if op.group_count == 1:
            return Link.MADE if is_output else Link.SUM
        case DepthwiseConv2DOp() if op.depth_multiplier > 1:
            single = is_output and shape(op.input)[-1] == 1
            return Link.MADE if single else Link.OTHER
        case _ if is_channelwise(op) and channels == last(shape(op.layer_output)):
            return Link.EACH
        case _:
            return Link.OTHER


def can_shrink(buffer: SSAValue) -> bool:
    """Whether channels of a buffer may be left out, as far as its own users go."""
    size = shape(buffer)
    if not isinstance(buffer.owner, AllocOp) or not size:
        return False
    if any(last(shape(view.results[0])) % size[-1] for view in views(buffer)):
        return False
    return all(
        isinstance(use.operation, LayerOp)
        and link(use.operation, use.index) is not Link.OTHER
        for use in buffer_uses(buffer)
    )


def channel_groups(function: func.FuncOp) -> list[list[SSAValue]]:
    """
    The buffers of a network in groups that can only lose channels together; groups that
    cannot are left out.
    """
    group: dict[SSAValue, list[SSAValue]] = {}
    for op in layers(function):
        tied: list[SSAValue] = []
        for index, value in enumerate(op.operands):
            buffer = root(value)
            if isinstance(buffer.owner, AllocOp) or isinstance(buffer, BlockArgument):
                group.setdefault(buffer, [buffer])
                if link(op, index) is Link.EACH:
                    tied.append(buffer)
        for other in tied[1:]:
            merge(group, tied[0], other)
    found = {id(members): members for members in group.values()}
    return [members for members in found.values() if all(map(can_shrink, members))]


def merge(group: dict[SSAValue, list[SSAValue]], a: SSAValue, b: SSAValue) -> None:
    """Makes the groups of two buffers one."""
    into, other = group[a], group[b]
    if into is other:
        return
    into += other
    for member in other:
        group[member] = into
