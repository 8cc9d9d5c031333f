"""
What to say when a network does not fit: where the bytes are, and the ways out.

Pure functions on reports; who calls them says how each way out is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyml.backend.memory_map import MemoryMap
from tinyml.backend.memory_table import elide, printable

Budgets = Mapping[str, int | None]
"""Bytes for `ram` and `flash`; None is no limit."""

Report = Mapping[str, Any]

MOST_CONSTANTS = 3
LONGEST_NAME = 80


@dataclass(frozen=True)
class Variant:
    """Another way to compile the same model: its option, and how to find its report."""

    option: str
    report: Callable[[], Report]


def excess(report: Report, budgets: Budgets) -> float:
    """By how much budgets are missed, in parts of them, summed up; 0 if none is."""
    return sum(
        max(report[what]["total"] - budget, 0) / max(budget, 1)
        for what, budget in budgets.items()
        if budget is not None
    )


def missed_budget(
    report: Report, memory: MemoryMap, budgets: Budgets, variants: Iterable[Variant]
) -> str | None:
    """A line about the first budget that is missed, or None if all are met."""
    for what, budget in budgets.items():
        needed = report[what]["total"]
        if budget is None or needed <= budget:
            continue
        parts = ", ".join(
            f"{part} {size}"
            for part, size in report[what].items()
            if part not in ("total", "input", "output", "scratch") and size
        )
        where = peak_text(report, memory) if what == "ram" else constants_text(memory)
        found = [*ways_out(report, what, variants), f"--{what} {needed}"]
        return (
            f"{report['model']}: needs {needed} bytes of {what} ({parts}), "
            f"{needed - budget} more than the budget of {budget}; {where}; "
            f"ways out: {', '.join(found)}"
        )
    return None


def ways_out(report: Report, what: str, variants: Iterable[Variant]) -> Sequence[str]:
    """The variants that need less, the least first."""
    needs = [(v.report()[what]["total"], v.option) for v in variants]
    least = sorted(item for item in needs if item[0] < report[what]["total"])
    return [f"{option} (needs {needed})" for needed, option in least]


def peak_text(report: Report, memory: MemoryMap) -> str:
    peak = report["peak"]
    if memory.peak is None:
        return "there is no layer"
    op = memory.steps[memory.peak].op
    name = elide(printable(peak["op"]), LONGEST_NAME)
    return f"the peak is {op} {name!r} with {peak['bytes']} bytes alive"


def constants_text(memory: MemoryMap) -> str:
    prefix = f"{memory.network}_"
    largest = sorted(memory.constants.items(), key=lambda item: (-item[1], item[0]))
    names = [
        f"{name.removeprefix(prefix)} {size}" for name, size in largest[:MOST_CONSTANTS]
    ]
    return f"the largest constants are {', '.join(names)}" if names else "no constants"
