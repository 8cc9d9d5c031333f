"""What kernels of multiply-accumulates do, as counts (`kernel_work.py`). Pure."""

from __future__ import annotations

from collections import Counter
from math import prod

from tinyml.dialects.kernel import Method, unroll_of
from tinyml.dialects.layer import integers, shape
from tinyml.dialects.weighted import (
    Conv2DOp,
    ConvolutionOp,
    DepthwiseConv2DOp,
    WeightedOp,
)
from tinyml.passes.dot_packing import GROUP, QUAD
from tinyml.passes.loops.depthwise_plan import PlanarPlan
from tinyml.passes.loops.dot import (
    FEW_WORDS,
    MOST_WORDS,
    PIXELS,
    is_flat,
    is_pointwise,
    packed_weights,
    turn_words,
)
from tinyml.passes.loops.dot_windows import (
    TURNED,
    WIDENED,
    across,
    has_whole_taps,
    segment,
    window_words,
)
from tinyml.passes.loops.fully_connected_dot import QUADS, blocks, depth
from tinyml.passes.loops.winograd import STRAIGHT_WORDS
from tinyml.passes.loops.winograd_plan import WinogradPlan
from tinyml.passes.window_taps import Counts, inside, taps_inside


def signed(op: WeightedOp) -> bool:
    """Whether negative results are told from the least one."""
    return integers(op.clamp)[0] < integers(op.zero_points)[1]


def plain_counts(op: WeightedOp) -> Counts:
    """One element after the other, one product after the other."""
    outputs = prod(shape(op.output))
    if not isinstance(op, ConvolutionOp):
        return {"call": 1, "outputs": outputs, "products": op.macs()}
    _, height, width, _ = shape(op.input)
    batch, rows, columns, channels = shape(op.output)
    along_h, along_w = op.window.axes
    down = taps_inside(along_h, rows, height)
    met = down * taps_inside(along_w, columns, width)
    per_tap = prod(op.weights_shape) // channels // along_h.kernel // along_w.kernel
    return {
        "call": 1,
        "pixels": batch * rows * columns,
        "outputs": outputs,
        "rows of taps": batch * down * columns * channels,
        "taps": batch * met * channels,
        "products": batch * met * channels * per_tap,
    }


def window_counts(op: DepthwiseConv2DOp, method: Method) -> Counts:
    """
    Four channels at a time: where windows lie inside, or, directly, everywhere; what
    is left one element after the other.
    """
    _, height, width, depth = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    taps, down = along_h.kernel * along_w.kernel, inside(along_h, rows, height)
    whole = batch * down * inside(along_w, columns, width)
    met = taps_inside(along_h, rows, height) * taps_inside(along_w, columns, width)
    edge, edge_taps = batch * rows * columns - whole, batch * met - whole * taps
    groups, left = divmod(depth, 4)
    found = {
        "call": 1,
        "rows": batch * rows,
        "inner rows": batch * down * (whole > 0),
        "pixels": whole,
        "groups": whole * groups,
        "group rows": whole * groups * along_h.kernel,
        "group taps": whole * groups * taps,
        "border": edge,
        "signed": whole * groups * 4 * signed(op),
    }
    beside = depth
    if method is Method.DIRECT:
        beside = left
        found["border groups"] = edge * groups
        found["border taps"] = edge_taps * groups
        found["lone pixels"] = whole * (left > 0)
    return {
        **found,
        "single outputs": whole * left + edge * beside,
        "single taps": whole * taps * left + edge_taps * beside,
    }


# Dot products


def dot_counts(op: Conv2DOp, method: Method) -> Counts:
    """Two pixels and four channels at a time: `loops/dot.py`."""
    batch, rows, columns, channels = shape(op.output)
    if is_flat(op):
        batch, rows, columns = 1, 1, batch * rows * columns
    pairs, single = divmod(columns, PIXELS)
    lines, groups = batch * rows, -(-channels // GROUP)
    words = window_words(op)
    made = packed_weights(op)
    plain = sum(not made.raw(number) for number in range(GROUP // 2))

    def turns(most: int) -> int:
        turn = turn_words(words, unroll_of(op, most))
        return words // turn if words > turn else 0

    whole, tail = channels // GROUP, int(channels % GROUP > 0)
    found = {
        "call": 1,
        "lines": lines,
        "pairs": lines * pairs,
        "singles": lines * single,
        "pair groups": lines * pairs * groups,
        "pair outputs": lines * pairs * PIXELS * channels,
        "pair words": lines * pairs * groups * words,
        "pair turns": lines
        * pairs
        * (whole * turns(MOST_WORDS) + tail * turns(FEW_WORDS)),
        "single groups": lines * single * groups,
        "single outputs": lines * single * channels,
        "single words": lines * single * groups * words,
        "single turns": lines * single * groups * turns(FEW_WORDS),
        "unpacked": lines * (pairs + single) * groups * words * plain,
        "signed": lines * columns * channels * signed(op),
    }
    if method is Method.DIRECT:
        rest = segment(op) % QUAD
        return {**found, "left": lines * (pairs + single) * groups * rest}
    return {**found, **widening_counts(op, lines, columns)}


def widening_counts(op: Conv2DOp, lines: int, columns: int) -> Counts:
    """What puts windows into scratch memory: `loops/dot_windows.py`."""
    quads, left = divmod(segment(op), QUAD)
    together = WIDENED // PIXELS * TURNED
    turns = quads // together if quads > 2 * together else 0
    if is_pointwise(op):
        return {
            "quads": lines * columns * quads,
            "left": lines * columns * left,
            "widening turns": lines * columns * turns / 2,
        }
    _, height, width, depth = shape(op.input)
    batch, rows, columns, _ = shape(op.output)
    along_h, along_w = op.window.axes
    down, even = inside(along_h, rows, height), columns // PIXELS * PIXELS
    pairs = batch * down * inside(along_w, even, width, PIXELS)
    ends = 0
    if columns > even:
        start = even * along_w.stride - along_w.pad_before
        ends = batch * down * (0 <= start <= width - along_w.extent)
    segments = along_h.kernel * across(op)
    windows = PIXELS * pairs + ends
    border = batch * rows * columns - windows
    met = taps_inside(along_h, rows, height) * taps_inside(along_w, columns, width)
    taps = along_h.kernel * along_w.kernel
    filled = border * taps
    copied = batch * met - windows * taps
    of_quads = has_whole_taps(op)
    return {
        "inside": pairs + ends,
        "segments": (pairs + ends) * segments * bool(quads),
        "quads": windows * segments * quads,
        "left": windows * segments * left,
        "widening turns": windows * segments * turns / 2,
        "border": border,
        "border taps": filled,
        "border copies": copied * (depth // QUAD if of_quads else 0),
        "border fills": (filled - copied) * (depth // QUAD if of_quads else 0),
        "border elements": 0 if of_quads else filled * depth,
    }


def row_counts(op: WeightedOp) -> Counts:
    """Eight channels of a row at a time: `loops/fully_connected_dot.py`."""
    rows = prod(shape(op.output)) // op.output_channels
    quads = -(-depth(op) // QUAD)
    counts: Counter[str] = Counter()
    for block in blocks(op):
        groups = rows * len(block.made.words)
        size = block.made.group
        plain = sum(not block.made.raw(number) for number in range(size // 2))
        counts[f"groups of {size}"] += groups
        counts[f"quads of {size}"] += groups * quads
        counts["unpacked"] += groups * quads * plain
        if quads > QUADS:
            counts["turns"] += groups * (quads // QUADS)
        counts["outputs"] += groups * block.outputs
    return {
        "call": 1,
        "rows": rows,
        "widened": rows * quads,
        "left": rows * (depth(op) % QUAD),
        "signed": counts["outputs"] * signed(op),
        **counts,
    }


# Planar rows


def planar_counts(op: DepthwiseConv2DOp) -> Counts:
    """Rows of a few channels at a time: `loops/depthwise_planar.py`."""
    plan = PlanarPlan.of(op)
    counts: Counter[str] = Counter()
    whole, rest = divmod(plan.rows, plan.step)
    steps = [plan.step] * whole + [rest] * (rest > 0)
    channels = plan.batch * plan.depth * plan.multiplier
    tiles = plan.tiles
    way = "held" if tiles.holds_weights else "loaded"
    for rows, number in Counter(steps).items():
        taken = tiles.cycles(rows, plan.columns)
        counts[f"tiles of {tiles.high}, {way}"] += number * channels * taken
        counts["lines"] += number * channels * -(-rows // tiles.high)
        counts["channels"] += number * channels
    groups, odd = divmod(plan.depth, plan.lanes)
    groups, odd = plan.batch * groups, plan.batch * (odd > 0)
    seen = min(plan.height, plan.planar_rows(plan.rows) - plan.along_h.pad_before)
    rows, pad = max(0, seen), plan.along_w.pad_before
    words = (plan.copied_columns + pad + 1) // 2 - pad // 2
    lanes = plan.lanes if plan.lanes < 4 else plan.depth % 4
    moved = (len(steps) - 1) * plan.kept * plan.all_lanes // 4
    of_four = groups if plan.lanes == 4 else 0
    padded = plan.planar_rows(plan.rows) - rows
    return {
        "call": 1,
        "groups": groups + odd,
        "filled": plan.scratch // 4,
        "copied rows": (groups + odd) * rows,
        "copied words": of_four * rows * words,
        "copied lanes": (groups + odd - of_four) * rows * words * lanes,
        "steps": 0 if plan.is_whole else (groups + odd) * len(steps),
        "rows of steps": 0 if plan.is_whole else (groups + odd) * rows,
        "moved": (groups + odd) * moved,
        "padded": 0 if plan.is_whole else (groups + odd) * max(0, padded),
        "outputs": prod(shape(op.output)),
        "signed": prod(shape(op.output)) * signed(op),
        **counts,
    }


# Winograd's filtering


def winograd_counts(op: Conv2DOp) -> Counts:
    """Two tiles and four channels at a time: `loops/winograd.py`."""
    plan = WinogradPlan.of(op)
    batch, rows, columns, channels = shape(op.output)
    _, height, _, depth = shape(op.input)
    below, beside = plan.starts(rows, False), plan.starts(columns, True)
    along_h = op.window.axes[0]
    tops = [start - along_h.pad_before for start in below]
    border = sum(not 0 <= top <= height - 4 for top in tops) * len(beside)
    blocks = batch * len(below) * len(beside)
    words, groups = plan.turns.words * plan.turns.count, -(-channels // GROUP)
    size, turns = plan.tiles, plan.turns
    straight = turns.count == 1 and turns.words <= STRAIGHT_WORDS
    return {
        "call": 1,
        "blocks": blocks,
        "border": batch * border,
        "words": blocks * words * size,
        "groups": blocks * groups,
        f"products of {size}": blocks * groups * words,
        "looped": blocks * groups * (not straight),
        "turns": blocks * groups * (turns.count - 1),
        "uneven": blocks * plan.columns * (depth % QUAD > 0),
        "outputs": blocks * channels * size,
        "signed": blocks * channels * size * signed(op),
    }
