"""
Which convolutions are worth Winograd's minimal filtering: it takes fewer products, and
more flash. Pure.

Cycles are those of `kernel_costs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinyml.dialects.kernel import KernelAttr, Method, Traversal
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.kernel_costs import cycles
from tinyml.passes.loops.dot import dot_tables
from tinyml.passes.loops.winograd import winograd_tables
from tinyml.passes.loops.winograd_plan import has_winograd

CORE = "cortex-m4"

CODE = 2048
"""Bytes by which the code of such a kernel is larger."""


def saved_cycles(op: Conv2DOp, core: str) -> float:
    """What the kernel takes less than one of dot products."""
    dot, winograd = (
        cycles(op, core, KernelAttr.get(Traversal.EITHER, method=method))
        for method in (Method.DOT, Method.WINOGRAD)
    )
    return 0.0 if dot is None or winograd is None else dot - winograd


def winograd_bytes(op: Conv2DOp) -> int:
    """Bytes of flash that the kernel takes beyond those of one of dot products."""
    more = sum(table.nbytes for table in winograd_tables(op).values())
    return more - sum(table.nbytes for table in dot_tables(op).values()) + CODE


def worth_winograd(layers: Iterable[LayerOp], flash: int, core: str) -> list[Conv2DOp]:
    """
    The layers to spend so many bytes on: those that save most cycles for a byte first,
    on a core, by default Cortex-M4.
    """
    found: list[tuple[float, int, Conv2DOp]] = []
    for layer in layers:
        if not isinstance(layer, Conv2DOp) or not has_winograd(layer):
            continue
        saved, size = saved_cycles(layer, core or CORE), winograd_bytes(layer)
        if saved > 0:
            found.append((saved / max(size, 1), size, layer))
    chosen: list[Conv2DOp] = []
    for _, size, layer in sorted(found, key=lambda item: -item[0]):
        if size <= flash:
            chosen.append(layer)
            flash -= size
    return chosen
