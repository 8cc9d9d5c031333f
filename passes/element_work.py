"""What kernels without weights do, as counts (`kernel_work.py`). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod

from tinyml.dialects.elementwise import BroadcastOp, MulOp, SumOp
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.dialects.pooling import AvgPool2DOp, MaxPool2DOp
from tinyml.dialects.resizing import ResizeNearestOp
from tinyml.passes.byte_forms import pair_form, pair_table
from tinyml.passes.loops.elementwise import product_form, runs, sum_slopes
from tinyml.passes.loops.resizing import nearest_tables
from tinyml.passes.loops.sums import LANES, MOST, TURN, Sums
from tinyml.passes.window_taps import Counts, taps_inside


def broadcast_kind(op: BroadcastOp) -> str:
    """Layers that the same instructions compute."""
    if isinstance(op, SumOp):
        low, high = integers(op.clamp)
        form = pair_form(pair_table(op), sum_slopes(op), (low, high))
        return "sum" if form else f"sum {op.rounding.data}"
    if isinstance(op, MulOp):
        return "mul" if product_form(op) else f"mul {op.rounding.data}"
    return "extremum"


def broadcast_counts(op: BroadcastOp) -> Counts:
    """Elements of lines: `loops/elementwise.py`."""
    *outer, inner = runs(op)
    lines = prod(run.size for run in outer)
    repeats = any(stride == 0 for stride in inner.strides)
    elements = lines * inner.size
    return {
        "call": 1,
        "lines": lines,
        "elements": 0 if repeats else elements,
        "repeated": elements if repeats else 0,
        "left": lines * (inner.size % 4),
    }


def sum_counts(sums: Sums) -> Counts:
    """Four channels of a pixel at a time: `loops/sums.py`."""
    pixels = prod(line.count for line in sums.outer)
    groups, left = divmod(sums.channels, LANES)
    *rows, inner = [line.count for line in sums.window] or [1]
    lines = prod(rows)
    singles = pixels * left
    words = lines * inner
    return {
        "call": 1,
        "pixels": pixels,
        "groups": pixels * groups,
        "words": pixels * groups * words,
        "turns": pixels * groups * (words // TURN if inner > 2 * TURN else 0),
        "rows": pixels * groups * lines * bool(rows),
        "parts": pixels * groups * (-(-words // MOST) - 1),
        "singles": singles,
        "row words": singles * (words // LANES if sums.is_row else 0),
        "single elements": singles * (0 if sums.is_row else words),
    }


def pool_counts(op: AvgPool2DOp | MaxPool2DOp) -> Counts:
    """Elements of windows, one after the other."""
    _, height, width, _ = shape(op.input)
    batch, rows, columns, channels = shape(op.output)
    along_h, along_w = op.window.axes
    down = taps_inside(along_h, rows, height)
    met = down * taps_inside(along_w, columns, width)
    return {
        "call": 1,
        "pixels": batch * rows * columns,
        "outputs": batch * rows * columns * channels,
        "rows of taps": batch * down * columns * channels,
        "taps": batch * met * channels,
    }


def move_counts(
    op: ReshapeOp | ConcatOp | PadOp | SliceOp | TransposeOp,
) -> Counts:
    """Words of runs: `loops/moves.py`."""
    counts = Counter(call=1)
    match op:
        case ReshapeOp():
            counts += run_counts(1, prod(shape(op.output)))
        case ConcatOp():
            axis = op.axis.value.data
            for value in op.inputs:
                size = shape(value)
                counts += run_counts(prod(size[:axis]), prod(size[axis:]))
        case PadOp():
            counts["filled"] += prod(shape(op.output))
            counts += part_counts(shape(op.input), shape(op.output))
        case SliceOp() if all(stride == 1 for stride in integers(op.strides)):
            counts += part_counts(shape(op.output), shape(op.input))
        case TransposeOp() if is_last_kept(op):
            size = shape(op.output)
            counts += run_counts(prod(size[:-1]), size[-1])
        case _:
            size = shape(op.output)
            counts["lines"] += prod(size[:-1])
            counts["scattered"] += prod(size)
    return counts


def is_last_kept(op: TransposeOp) -> bool:
    order = integers(op.permutation)
    return order[-1] == len(order) - 1


def part_counts(part: Sequence[int], whole: Sequence[int]) -> Counter[str]:
    """Of a part of a buffer: dimensions behind one that is cut are all there."""
    axis = max((i for i, n in enumerate(part) if n != whole[i]), default=0)
    return run_counts(prod(part[:axis]), prod(part[axis:]))


def run_counts(lines: int, size: int) -> Counter[str]:
    """So many runs of elements that lie behind one another."""
    words, left = divmod(size, 4)
    return Counter(
        {
            "lines": lines,
            "words": lines * words,
            "left": lines * left,
            "turns": lines * (words // 8 if words > 16 else 0),
        }
    )


def repeat_counts(op: ResizeNearestOp) -> Counts:
    """Each pixel some times: `loops/resizing.py`."""
    batch, rows, columns, depth = shape(op.output)
    lines = batch * rows * columns
    if nearest_tables(op):
        return {"call": 1, "pixels": lines, "elements": lines * depth}
    return Counter(call=1) + run_counts(lines, depth)


def element_counts(op: LayerOp) -> Counts:
    """Elements of the output, its lines, and what is read for each more."""
    output = shape(op.layer_output)
    read = sum(prod(shape(value)) for value in op.layer_inputs)
    elements = prod(output)
    return {
        "call": 1,
        "lines": elements // (output[-1] if output else 1),
        "elements": elements,
        "read": read,
    }
