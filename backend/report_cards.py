"""
What a network takes, in its report: RAM, flash, work and time, each with its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from tinyml.backend.memory_svg import bytes_text
from tinyml.backend.report_data import ReportData
from tinyml.backend.report_html import element
from tinyml.backend.report_layers import KindWork, kinds_of

CLOCK = 100_000_000
"""Cycles in a second, to say what estimated cycles are in time."""

LOOKS = ("part-a", "part-b", "part-c", "part-d")
"""The classes of the parts of a bar, in their order."""


@dataclass(frozen=True)
class Figure:
    """
    A number with its parts. `whole` is what the bar is wide for, such as a budget;
    `unit` is that of the parts.
    """

    title: str
    text: str
    said: str
    parts: Sequence[tuple[str, int]]
    whole: int
    unit: str = ""
    notes: Sequence[str] = ()


def headline(data: ReportData, run: Mapping[str, Any] | None) -> Element:
    kinds = kinds_of(data, run)
    figures = (ram(data), flash(data), work(data, kinds), time(data, run, kinds))
    cards = [card(figure) for figure in figures]
    return element("section", *cards, class_="cards", aria_label="Figures")


def card(figure: Figure) -> Element:
    built = element(
        "div",
        element("h2", figure.title),
        element("p", figure.text, class_="figure"),
        element("p", figure.said, class_="unit"),
        class_="card",
    )
    looks = list(zip(figure.parts, LOOKS, strict=False))
    if looks:
        bar = [
            element(
                "span",
                class_=look,
                style=f"width: {100 * size / max(figure.whole, 1):.2f}%",
                title=f"{name}: {size:,}{figure.unit}",
            )
            for (name, size), look in looks
        ]
        names = [
            element("li", element("i", class_=look), f"{name} {size:,}{figure.unit}")
            for (name, size), look in looks
        ]
        built.append(element("div", *bar, class_="stack"))
        built.append(element("ul", *names))
    built.extend(element("p", note, class_="note") for note in figure.notes)
    return built


def sized(
    title: str,
    total: int,
    parts: Sequence[tuple[str, int]],
    budget: int | None,
    *notes: str,
) -> Figure:
    """Bytes, against their budget."""
    limit = "no budget"
    if budget is not None:
        limit = f"{100 * total / max(budget, 1):.0f} % of {budget:,} B"
    whole = max(total, budget or 0)
    said = f"{total:,} bytes, {limit}"
    return Figure(title, bytes_text(total), said, parts, whole, " B", notes)


def ram(data: ReportData) -> Figure:
    found = data.report["ram"]
    return sized(
        "RAM",
        found["total"],
        [(name, found[name]) for name in ("arena", "static", "stack")],
        data.report["budgets"]["ram"],
        f"in the arena: input {found['input']:,}, output {found['output']:,}, largest "
        f"scratch memory {found['scratch']:,}; no plan of these layers needs less than "
        f"{data.report['lower_bound']:,}",
        "predicted = linked = observed: the arena is the array in the C, to the byte",
    )


def flash(data: ReportData) -> Figure:
    found = data.report["flash"]
    parts = [(name, found[name]) for name in ("weights", "tables", "code")]
    return sized("Flash", found["total"], parts, data.report["budgets"]["flash"])


def work(data: ReportData, kinds: Sequence[KindWork]) -> Figure:
    macs, model = data.report["macs"], data.report["macs_model"]
    note = f"{model:,} in the model"
    if macs != model and model:
        note += f", {100 * (macs / model - 1):+.1f} %"
    parts = largest([(kind.kind, kind.macs) for kind in kinds])
    said = f"{macs:,} multiply-accumulates executed"
    whole = sum(size for _, size in parts)
    return Figure("Work", short(macs), said, parts, whole, notes=[note])


def time(
    data: ReportData, run: Mapping[str, Any] | None, kinds: Sequence[KindWork]
) -> Figure:
    """Cycles: of a simulated run if there is one, else the estimate; never measured."""
    cycles, source = data.report["cycles_estimated"], "before the C is compiled"
    if run is not None and run["cycles_estimated"]:
        cycles, source = run["cycles_estimated"], "in a simulated run of the C"
        kinds = kinds if run["profile"] else ()
    if cycles is None:
        return Figure("Time", "unknown", "no costs of these kernels are known", [], 0)
    macs, seconds = data.report["macs"], cycles / CLOCK
    duration = f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
    notes = [f"about {duration} at 100 MHz, zero wait states"]
    if macs:
        notes.append(f"{cycles / macs:.2f} cycles per multiply-accumulate")
    parts = largest([(kind.kind, kind.cycles) for kind in kinds])
    said = f"{cycles:,} cycles, estimated {source}"
    whole = sum(size for _, size in parts)
    return Figure("Time", f"~ {short(cycles)}", said, parts, whole, notes=notes)


def largest(parts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """As many as have a colour, the last of which is all the rest."""
    order = sorted(parts, key=lambda part: (-part[1], part[0]))
    order = [part for part in order if part[1]]
    if len(order) <= len(LOOKS):
        return order
    shown = order[: len(LOOKS) - 1]
    return [*shown, ("others", sum(size for _, size in order[len(shown) :]))]


def short(number: int) -> str:
    """`812`, `81.2 k`, `7.49 M`."""
    for size, unit in ((1_000_000, " M"), (1000, " k")):
        if number >= 1000 * size:
            return f"{number / size:,.0f}{unit}"
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
