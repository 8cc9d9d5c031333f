"""
Estimated cycles of a layer's kernel on a core.

A kernel's cycles are its counts (`kernel_work.py`) times what each of them takes, for
each kind of kernel, which `benchmarks/fit_kernel_costs.py` has fitted to runs on a
simulated core. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tinyml.dialects.kernel import KernelAttr, kernel_of
from tinyml.dialects.layer import LayerOp
from tinyml.passes.kernel_work import Work, kernel_work

CYCLES = "tinyml.cycles"
"""The attribute of a layer that says how many its kernel is estimated to take."""

Costs = Mapping[str, Mapping[str, float]]
"""For each kind of kernel what each of its counts takes, in cycles."""


def table(core: str) -> Path:
    """Where the costs of a core are."""
    return Path(__file__).parent / f"kernel_costs_{core.replace('-', '_')}.json"


@cache
def costs(core: str) -> Costs:
    return json.loads(table(core).read_text("utf-8"))["costs"]


def work_cycles(work: Work, found: Costs) -> float | None:
    """What work takes; None if nothing is known of its kind."""
    each = found.get(work.kind)
    if each is None:
        return None
    return sum(number * each.get(name, 0.0) for name, number in work.counts.items())


def cycles(layer: LayerOp, core: str, kernel: KernelAttr | None = None) -> float | None:
    """
    What a kernel of a layer takes on a core, by default the layer's own; None if
    nothing is known of such kernels.
    """
    return work_cycles(kernel_work(layer, kernel or kernel_of(layer)), costs(core))
