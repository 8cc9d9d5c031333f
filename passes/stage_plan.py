"""
A stage's schedule and its memory, from what stands on the stage.

Pure reading of IR: every pass that asks what a stage needs or does asks here, so that
planning and lowering cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layer_name, writer
from tinyml.dialects.pooling import gathers
from tinyml.dialects.stage import StageOp
from tinyml.dialects.tinyml import (
    AvgPool2DOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    MaxPool2DOp,
    ReadRowsOp,
    ResizeBilinearOp,
    ResizeNearestOp,
)
from tinyml.passes.arena import align_up
from tinyml.passes.failure import FailedAtOp
from tinyml.passes.geometry import Reach
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.stage_graph import reach_of, stage_graph
from tinyml.passes.stage_overlap import least_below
from tinyml.passes.stage_schedule import (
    Ring,
    StageProblem,
    StageSchedule,
    stage_schedule,
)

STAGE = "tinyml.stage"
"""The attribute of a lowered stage's call that says what it was."""

RING_ALIGNMENT = 4
WORK_ALIGNMENT = 4
SUM_BYTES = 4
"""Bytes, of the sum of a channel."""

WINDOWED = (
    AvgPool2DOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    MaxPool2DOp,
    ReadRowsOp,
    ResizeBilinearOp,
    ResizeNearestOp,
)
"""Layers whose kernels can make a part of their output (`loops.kernel.Part`)."""


@dataclass(frozen=True)
class PlannedStage:
    """A stage's schedule, the number of each buffer in it, and its scratch memory."""

    schedule: StageSchedule
    numbers: Mapping[SSAValue, int]
    offsets: Mapping[int, int]
    """Of each ring in the stage's scratch memory. Bytes."""
    sums: int | None
    """The offset of the sums of a last layer that gathers an image, if there is one."""
    work: int
    """The offset of what the kernels inside work in, one after the other."""
    work_bytes: int
    scratch: int
    """Bytes of all rings, sums, and kernels' scratch memory."""

    def ring(self, buffer: SSAValue) -> Ring | None:
        return self.schedule.rings.get(self.numbers[buffer])


def pixel_bytes(buffer: SSAValue) -> int:
    """Bytes of one pixel of a feature map."""
    _, rows, columns, _ = shape(buffer)
    return buffer_bytes(buffer_type(buffer)) // (rows * columns)


def places_alike(layer: LayerOp, index: int) -> bool:
    """Whether a pixel of an input makes that pixel of the output, or all of them."""
    reach = reach_of(layer, index)
    return reach is not None and all(is_alike(along) for along in reach)


def is_alike(along: Reach) -> bool:
    return along.input_range(3, 4) in ((3, 4), (0, 1))


def refusal(layer: LayerOp) -> str | None:
    """Why a layer cannot be made in parts, or None if it can."""
    images = layer.layer_inputs if gathers(layer) else layer.operands
    if any(len(shape(v)) != 4 or shape(v)[0] != 1 for v in images):
        return "its buffers are not single images"
    if any(pixel_bytes(v) != shape(v)[3] for v in images):
        return "its elements are not bytes"
    if gathers(layer):
        return None
    inputs = range(len(layer.layer_inputs))
    if not all(layer.is_spatial(index) for index in inputs):
        return "its rows are not made of its input's rows"
    if isinstance(layer, WINDOWED) or all(places_alike(layer, i) for i in inputs):
        return None
    return "it has no kernel that makes a part of its output"


def passed_by_rows(buffer: SSAValue) -> bool:
    """Whether a buffer is never passed on by single pixels: rows that are read in."""
    layer = writer(buffer)
    return layer is not None and not layer.layer_inputs


def planned_stage(stage: StageOp) -> PlannedStage:
    """
    How a stage runs. Raises DiagnosticException where it cannot run as it was decided.
    """
    layers = list(stage.layers)
    for layer in layers:
        if (reason := refusal(layer)) is not None:
            raise FailedAtOp(
                layer, f"{layer_name(layer)} cannot run in a stage: {reason}"
            )
    graph, numbers = stage_graph(layers)
    buffers = {number: value for value, number in numbers.items()}
    inner = [layer.layer_output for layer in layers[:-1]]
    passing = {numbers[value]: stage.passing(value) for value in inner}
    try:
        schedule = stage_schedule(graph, stage.tiles, passing, stage.pixels)
    except StageProblem as problem:
        raise FailedAtOp(stage, f"{layer_name(stage)}: {problem}") from problem
    if (layer := broken_stream(schedule, layers)) is not None:
        raise FailedAtOp(
            layer,
            f"{layer_name(layer)} comes as a stream, so the stage has to read each of "
            "its rows once, whole and in order: in one strip, recomputing none",
        )
    offsets: dict[int, int] = {}
    end = 0
    for number, ring in schedule.rings.items():
        offsets[number] = align_up(end, RING_ALIGNMENT)
        end = offsets[number] + ring.pixels * pixel_bytes(buffers[number])
    sums = align_up(end, SUM_BYTES) if gathers(layers[-1]) else None
    if sums is not None:
        end = sums + SUM_BYTES * shape(layers[-1].layer_inputs[0])[3]
    work = align_up(end, WORK_ALIGNMENT)
    needed = max(
        layer_scratch(layer, turn.block)
        for layer, turn in zip(layers, schedule.turns, strict=True)
    )
    end = work + needed if needed else end
    return PlannedStage(schedule, numbers, offsets, sums, work, needed, end)


def broken_stream(schedule: StageSchedule, layers: Sequence[LayerOp]) -> LayerOp | None:
    """A layer of a stage that reads rows which come once, but not like that."""
    for i, layer in enumerate(layers):
        if isinstance(layer, ReadRowsOp) and layer.once and not streams(schedule, i):
            return layer
    return None


def streams(schedule: StageSchedule, i: int) -> bool:
    """Whether a layer makes whole rows, each once, from the first one on."""
    output, block = schedule.graph.layers[i].output, schedule.turns[i].block
    rows = [(0, 0), *(tile[output] for tile in schedule.rows)]
    columns = [tile[output] for tile in schedule.columns]
    in_order = all(a[1] == b[0] for a, b in pairwise(rows))
    return in_order and len(columns) == 1 and columns[0][1] - columns[0][0] == block


def stage_below(stage: StageOp, index: int) -> int | None:
    """
    How many bytes below input `index` the stage's output has to start at least; None if
    the input is never read.
    """
    plan = planned_stage(stage)
    source, result = stage.block.args[index], stage.block.args[-1]
    if source not in plan.numbers:
        return None
    if plan.sums is not None:
        return buffer_bytes(buffer_type(result))
    sizes = pixel_bytes(source), pixel_bytes(result)
    return least_below(plan.schedule, plan.numbers[source], *sizes)
