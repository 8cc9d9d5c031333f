"""
The order in which a layer's kernel reads its inputs and writes its output.

One function per kernel of `passes/loops` says, for each element that it writes, in the
order of time, which element that is and how far the elements reach that it reads just
before. Pure functions on shapes and indices; where a kernel's loops change, so does its
function here, and test_overlap.py finds by brute force where they disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.elementwise import BroadcastOp
from tinyml.dialects.kernel import Method, kernel_of
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.pooling import PoolOp
from tinyml.dialects.resizing import ResizeOp
from tinyml.dialects.tinyml import (
    AddOp,
    AvgPool2DOp,
    ConcatOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    DequantizeOp,
    FullyConnectedOp,
    LogSoftmaxOp,
    LookupOp,
    MaximumOp,
    MaxPool2DOp,
    MeanOp,
    MinimumOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    RequantizeOp,
    ReshapeOp,
    ResizeBilinearOp,
    ResizeNearestOp,
    SliceOp,
    SoftmaxLookupOp,
    SoftmaxOp,
    SubOp,
    TransposeOp,
)
from tinyml.interp.moving import modes, nearest_places
from tinyml.interp.resampling import bilinear_taps
from tinyml.passes.loops.depthwise_direct import columns_together
from tinyml.passes.loops.dot import PIXELS, is_flat
from tinyml.passes.loops.fully_connected_dot import is_row
from tinyml.passes.loops.high_products import high_factors
from tinyml.passes.loops.winograd_plan import WinogradPlan
from tinyml.passes.winograd_packing import OUTPUTS, TILE

NEVER = np.int64(1) << 60
"""Where the first element would be of a step that reads none."""

Span = tuple[np.ndarray, np.ndarray]
"""The first element that each step reads, and the one behind the last."""


@dataclass(frozen=True)
class Steps:
    """
    A kernel's work: step `t` reads elements of each input within `reads[i]`, then
    writes element `writes[t]`.
    """

    writes: np.ndarray
    reads: tuple[Span, ...]


def in_order(op: LayerOp, *reads: Span) -> Steps:
    """The steps of a kernel that writes its output from its first element on."""
    count = prod(shape(op.layer_output))
    flat = tuple((first.reshape(-1), end.reshape(-1)) for first, end in reads)
    return Steps(np.arange(count), flat)


def one_each(elements: np.ndarray) -> Span:
    """Each step reads one element."""
    return elements, elements + 1


def numbered(size: tuple[int, ...]) -> np.ndarray:
    """The position of each element of a dense buffer."""
    return np.arange(prod(size)).reshape(size)


def axis_span(axis: AxisAccess, size: int, outputs: int) -> Span:
    """The inputs that each output needs along one axis; NEVER where all is padding."""
    start = np.arange(outputs) * axis.stride - axis.pad_before
    low = np.maximum(0, -(start // axis.dilation))
    high = np.minimum(axis.kernel, -((start - size) // axis.dilation))
    none = high <= low
    first = np.where(none, NEVER, start + low * axis.dilation)
    end = np.where(none, -NEVER, start + (high - 1) * axis.dilation + 1)
    return first, end


def windowed(op: PoolOp | Conv2DOp | DepthwiseConv2DOp, channels: Span) -> Steps:
    """Output elements that see some channels of their input through a window."""
    _, height, width, depth = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    top, bottom = axis_span(along_h, height, rows)
    left, right = axis_span(along_w, width, columns)
    image = np.arange(batch)[:, None, None, None] * height

    def place(y: np.ndarray, x: np.ndarray, c: np.ndarray) -> np.ndarray:
        return ((image + y[:, None, None]) * width + x[:, None]) * depth + c

    first = place(np.minimum(top, height), np.minimum(left, width), channels[0])
    bottom, right = np.maximum(bottom, 1), np.maximum(right, 1)
    end = place(bottom - 1, right - 1, channels[1] - 1) + 1
    none = (top[:, None] == NEVER) | (left == NEVER)
    empty = np.broadcast_to(none[None, :, :, None], first.shape)
    return in_order(op, (np.where(empty, NEVER, first), np.where(empty, -NEVER, end)))


def conv2d_steps(op: Conv2DOp) -> Steps:
    if kernel_of(op).method is Method.DOT:
        return row_steps(op, False) if is_row(op) else dot_steps(op, False)
    if kernel_of(op).method is Method.DIRECT and not is_row(op):
        return dot_steps(op, False)
    if kernel_of(op).method is Method.WINOGRAD:
        return winograd_steps(op, False)
    depth, outputs = shape(op.input)[-1], shape(op.output)[-1]
    inputs = depth // op.group_count
    group = np.arange(outputs) // (outputs // op.group_count)
    return windowed(op, (group * inputs, (group + 1) * inputs))


def dot_steps(op: Conv2DOp, backward: bool) -> Steps:
    """
    The windows of a few neighbouring pixels are read before any of them is made: before
    the first of their elements, or the last one if the kernel runs backwards. What is
    not widened first is read for each of their elements again.
    """
    depth, channels = shape(op.input)[-1], shape(op.output)[-1]
    every = np.zeros(channels, np.int64)
    by_element = windowed(op, (every, every + depth))
    batch, rows, columns, _ = shape(op.output)
    if is_flat(op) and high_factors(op) is not None:
        columns *= batch * rows
    first, end = (ends.reshape(-1, columns * channels) for ends in by_element.reads[0])
    block = np.arange(columns * channels) // (PIXELS * channels)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    if kernel_of(op).method is Method.DIRECT:
        low = np.minimum.reduceat(first, starts, 1)[:, block]
        return in_order(op, (low, np.maximum.reduceat(end, starts, 1)[:, block]))
    when = np.flatnonzero(np.diff(block, append=-1)) if backward else starts
    low, high = np.full_like(first, NEVER), np.full_like(end, -NEVER)
    low[:, when] = np.minimum.reduceat(first, starts, 1)
    high[:, when] = np.maximum.reduceat(end, starts, 1)
    return in_order(op, (low, high))


def winograd_steps(op: Conv2DOp, backward: bool) -> Steps:
    """
    What a block of outputs sees is read before any of it is made, as by `dot_steps`.
    The last blocks make outputs again.
    """
    plan = WinogradPlan.of(op)
    _, height, width, depth = shape(op.input)
    batch, rows, columns, channels = shape(op.output)
    along_h, along_w = op.window.axes
    n = np.arange(batch)[:, None, None]
    row = np.array(plan.starts(rows, False))[:, None]
    column = np.array(plan.starts(columns, True))

    def seen(start: np.ndarray, pad: int, pixels: int, size: int) -> Span:
        first = start - pad
        return np.clip(first, 0, size), np.clip(first + pixels, 0, size)

    top, bottom = seen(row, along_h.pad_before, TILE, height)
    left, right = seen(column, along_w.pad_before, plan.columns, width)
    first = ((n * height + top) * width + left) * depth
    end = ((n * height + bottom - 1) * width + right) * depth
    none = (top == bottom) | (left == right)
    first, end = np.where(none, NEVER, first), np.where(none, -NEVER, end)
    made = numbered((batch, rows, columns, channels))
    blocks = [
        made[i, y : y + OUTPUTS, x : x + plan.outputs]
        for i, y, x in np.broadcast(n, row, column)
    ]
    writes = np.stack(blocks).reshape(first.size, -1)
    low, high = np.full_like(writes, NEVER), np.full_like(writes, -NEVER)
    when = -1 if backward else 0
    low[:, when], high[:, when] = first.reshape(-1), end.reshape(-1)
    return Steps(writes.reshape(-1), ((low.reshape(-1), high.reshape(-1)),))


def backward_steps(op: LayerOp) -> Steps:
    """The steps of a kernel as it takes them backwards, written down forwards."""
    if kernel_of(op).method is Method.DOT:
        if isinstance(op, Conv2DOp | FullyConnectedOp) and is_row(op):
            return row_steps(op, True)
        if isinstance(op, Conv2DOp):
            return dot_steps(op, True)
    if kernel_of(op).method is Method.DIRECT and isinstance(op, Conv2DOp):
        return conv2d_steps(op)
    if kernel_of(op).method is Method.WINOGRAD:
        assert isinstance(op, Conv2DOp)
        return winograd_steps(op, True)
    return STEPS[type(op)](op)


def depthwise_steps(op: DepthwiseConv2DOp) -> Steps:
    channel = np.arange(shape(op.output)[-1]) // op.depth_multiplier
    steps = windowed(op, one_each(channel))
    return together(op, steps) if kernel_of(op).method is Method.DIRECT else steps


def together(op: DepthwiseConv2DOp, steps: Steps) -> Steps:
    """
    With neighbouring pixels that are made together: what they see is read before any
    of their elements, again.
    """
    _, _, columns, channels = shape(op.output)
    counts = columns_together(op)
    starts = [0]
    while (end := starts[-1] + counts[starts[-1]]) < columns:
        starts.append(end)
    elements = np.array(starts) * channels
    sizes = np.diff([*starts, columns]) * channels
    first, end = (ends.reshape(-1, columns * channels) for ends in steps.reads[0])
    low = np.repeat(np.minimum.reduceat(first, elements, 1), sizes, 1)
    high = np.repeat(np.maximum.reduceat(end, elements, 1), sizes, 1)
    return in_order(op, (low, high))


def pool_steps(op: PoolOp) -> Steps:
    return windowed(op, one_each(np.arange(shape(op.output)[-1])))


def row_steps(op: Conv2DOp | FullyConnectedOp, backward: bool) -> Steps:
    """A row is read before any of what is made of it, as by `dot_steps`."""
    outputs = op.output_channels
    rows = prod(shape(op.output)) // outputs
    row, depth = np.arange(rows), prod(shape(op.input)) // rows
    first, end = np.full((rows, outputs), NEVER), np.full((rows, outputs), -NEVER)
    when = -1 if backward else 0
    first[:, when], end[:, when] = row * depth, (row + 1) * depth
    return in_order(op, (first, end))


def fully_connected_steps(op: FullyConnectedOp) -> Steps:
    if kernel_of(op).method is Method.DOT:
        return row_steps(op, False)
    outputs, depth = op.weights_shape
    row = np.repeat(np.arange(op.batch), outputs)
    return in_order(op, (row * depth, (row + 1) * depth))


def mean_steps(op: MeanOp) -> Steps:
    axes, elements = integers(op.axes), numbered(shape(op.input))
    first = elements.min(axis=axes)
    return in_order(op, (first, elements.max(axis=axes) + 1))


def elementwise_steps(op: LayerOp) -> Steps:
    return in_order(op, one_each(np.arange(prod(shape(op.layer_output)))))


def broadcast_steps(op: BroadcastOp) -> Steps:
    whole = shape(op.output)
    sources = (numbered(op.aligned_shape(index)) for index in range(2))
    return in_order(op, *(one_each(np.broadcast_to(s, whole)) for s in sources))


def transpose_steps(op: TransposeOp) -> Steps:
    source = numbered(shape(op.input)).transpose(integers(op.permutation))
    return in_order(op, one_each(source))


def slice_steps(op: SliceOp) -> Steps:
    parts = zip(
        integers(op.offsets), integers(op.strides), shape(op.output), strict=True
    )
    places = [start + step * np.arange(size) for start, step, size in parts]
    return in_order(op, one_each(numbered(shape(op.input))[np.ix_(*places)]))


def concat_steps(op: ConcatOp) -> Steps:
    """One input after the other is copied to its place."""
    axis, sizes = op.axis.value.data, [shape(value) for value in op.inputs]
    ends = np.cumsum([size[axis] for size in sizes])
    parts = np.split(numbered(shape(op.output)), ends[:-1], axis)
    writes = np.concatenate([part.reshape(-1) for part in parts])
    reads: list[Span] = []
    start = 0
    for size in sizes:
        first, end = np.full(len(writes), NEVER), np.full(len(writes), -NEVER)
        mine = slice(start, start + prod(size))
        first[mine], end[mine] = one_each(np.arange(prod(size)))
        reads.append((first, end))
        start += prod(size)
    return Steps(writes, tuple(reads))


def resized(op: ResizeOp, rows: Span, columns: Span) -> Steps:
    """Rows and columns (the first, and the one behind the last) of each output."""
    batch, height, width, depth = shape(op.input)
    image = np.arange(batch)[:, None, None, None] * height
    channel = np.arange(depth)

    def place(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return ((image + y[:, None, None]) * width + x[:, None]) * depth + channel

    return in_order(
        op,
        (place(rows[0], columns[0]), place(rows[1] - 1, columns[1] - 1) + 1),
    )


def resize_nearest_steps(op: ResizeNearestOp) -> Steps:
    rows, columns = (places.astype(np.int64) for places in nearest_places(op))
    return resized(op, one_each(rows), one_each(columns))


def resize_bilinear_steps(op: ResizeBilinearOp) -> Steps:
    spans: list[Span] = []
    for size, outputs in zip(shape(op.input)[1:3], shape(op.output)[1:3]):
        taps = bilinear_taps(size, outputs, *modes(op)).astype(np.int64)[:, :2]
        spans.append((taps.min(axis=1), taps.max(axis=1) + 1))
    return resized(op, *spans)


STEPS: Mapping[type[LayerOp], Callable[[Any], Steps]] = {
    AddOp: broadcast_steps,
    AvgPool2DOp: pool_steps,
    ConcatOp: concat_steps,
    Conv2DOp: conv2d_steps,
    DepthwiseConv2DOp: depthwise_steps,
    DequantizeOp: elementwise_steps,
    FullyConnectedOp: fully_connected_steps,
    LogSoftmaxOp: elementwise_steps,
    LookupOp: elementwise_steps,
    MaxPool2DOp: pool_steps,
    MaximumOp: broadcast_steps,
    MeanOp: mean_steps,
    MinimumOp: broadcast_steps,
    MulOp: broadcast_steps,
    PReluOp: elementwise_steps,
    QuantizeOp: elementwise_steps,
    RequantizeOp: elementwise_steps,
    ReshapeOp: elementwise_steps,
    ResizeBilinearOp: resize_bilinear_steps,
    ResizeNearestOp: resize_nearest_steps,
    SliceOp: slice_steps,
    SoftmaxLookupOp: elementwise_steps,
    SoftmaxOp: elementwise_steps,
    SubOp: broadcast_steps,
    TransposeOp: transpose_steps,
}
"""
By kind of layer. A softmax reads a row before it writes any of it and again as it
writes. What is not listed, such as a pad that fills its output first, shares no bytes.
"""


def least_below(steps: Steps, index: int, input_size: int, output_size: int) -> int:
    """
    How many bytes below input `index` the output of a kernel that runs forwards has to
    start at least, for elements of so many bytes; negative: so far above it may.
    """
    first, _ = steps.reads[index]
    later = np.minimum.accumulate(first[::-1])[::-1]
    needed = np.append(later[1:], NEVER) * input_size
    return int(((steps.writes + 1) * output_size - needed).max())


def least_above(steps: Steps, index: int, input_size: int, output_size: int) -> int:
    """The same for a kernel that takes its steps backwards: bytes above the input."""
    _, end = steps.reads[index]
    earlier = np.maximum.accumulate(end)
    needed = np.append(-NEVER, earlier[:-1]) * input_size
    return int((needed - steps.writes * output_size).max())
