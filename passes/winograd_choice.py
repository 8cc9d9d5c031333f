"""
Which convolutions are worth Winograd's minimal filtering: it takes fewer products, and
more flash. Pure.

Cycles are rough: formulas fitted to runs of both kernels on a simulated Cortex-M4.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import GROUP, padded
from tinyml.passes.loops.dot import dot_tables
from tinyml.passes.loops.dot_windows import window_words
from tinyml.passes.loops.winograd import winograd_tables
from tinyml.passes.loops.winograd_plan import TILES, WinogradPlan, has_winograd

CODE = 2048
"""Bytes by which the code of such a kernel is larger."""


def dot_cycles(op: Conv2DOp) -> int:
    """What a kernel of dot products takes."""
    batch, rows, columns, outputs = shape(op.output)
    products = 2 * window_words(op)
    pixel = padded(outputs, GROUP) * (9 + 0.94 * products) + 3 * products
    return round(batch * rows * columns * pixel)


def winograd_cycles(op: Conv2DOp) -> int:
    plan = WinogradPlan.of(op)
    batch, rows, columns, outputs = shape(op.output)
    blocks = len(plan.starts(rows, False)) * len(plan.starts(columns, True))
    words = plan.turns.words * plan.turns.count
    groups = padded(outputs, GROUP) // GROUP
    # A tile alone shares no weights.
    shared = 1.0 if plan.tiles == TILES else 0.7
    block = 150 + shared * (175 * words + groups * (600 + 270 * words))
    return round(batch * blocks * block)


def winograd_bytes(op: Conv2DOp) -> int:
    """Bytes of flash that the kernel takes beyond those of one of dot products."""
    more = sum(table.nbytes for table in winograd_tables(op).values())
    return more - sum(table.nbytes for table in dot_tables(op).values()) + CODE


def worth_winograd(layers: Iterable[LayerOp], flash: int) -> list[Conv2DOp]:
    """
    The layers to spend so many bytes on: those that save most cycles for a byte first.
    """
    found: list[tuple[float, int, Conv2DOp]] = []
    for layer in layers:
        if not isinstance(layer, Conv2DOp) or not has_winograd(layer):
            continue
        saved, size = dot_cycles(layer) - winograd_cycles(layer), winograd_bytes(layer)
        if saved > 0:
            found.append((saved / max(size, 1), size, layer))
    chosen: list[Conv2DOp] = []
    for _, size, layer in sorted(found, key=lambda item: -item[0]):
        if size <= flash:
            chosen.append(layer)
            flash -= size
    return chosen
