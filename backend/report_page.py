"""
The page of `tinyml report`: what a compiled network takes, and why, in one HTML file
that needs no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from tinyml.backend import memory_svg, pareto_svg
from tinyml.backend.memory_svg import bytes_text
from tinyml.backend.pareto import ParetoFront
from tinyml.backend.pareto_svg import pareto_drawing
from tinyml.backend.report_data import ReportData
from tinyml.backend.report_html import (
    Cell,
    Content,
    element,
    figure,
    page,
    scoped,
    table,
)
from tinyml.backend.report_layers import cycles_section, layers_section
from tinyml.backend.report_memory import memory_section
from tinyml.backend.report_stages import stages_section
from tinyml.backend.svg import Drawing, svg_element

FOLDER = Path(__file__).parent
CLOCK = 100_000_000
"""Cycles in a second, to say what estimated cycles are in time."""

Parts = Sequence[tuple[str, int, str]]
"""Of a bar: what, how much, and its class."""


def report_page(
    data: ReportData,
    front: ParetoFront | None = None,
    run: Mapping[str, Any] | None = None,
) -> str:
    """
    The page of a compiled network, with a front of plans and the result of a run if
    there are such. Equal arguments give equal bytes.
    """
    style = (
        scoped(memory_svg.STYLE, ".memory")
        + scoped(pareto_svg.STYLE, ".pareto")
        + (FOLDER / "report.css").read_text("utf-8")
    )
    sections = [
        memory_section(data),
        stages_section(data),
        cycles_section(data, run),
        layers_section(data),
    ]
    if front is not None:
        sections.insert(2, pareto_section(front))
    sections.append(making_section(data))
    return page(
        f"{data.report['net']}: memory, work and time",
        style,
        (FOLDER / "report.js").read_text("utf-8"),
        [
            patterns(),
            heading(data),
            contents(sections),
            element("main", headline(data, run), *sections),
        ],
    )


def patterns() -> Element:
    """The hatching that drawings refer to, drawn by none of them."""
    drawing = Drawing(0, 0, "", "", "", (("hatch", "hatch"),), ())
    made = svg_element(drawing)
    made.attrib = {
        "width": "0",
        "height": "0",
        "class": "memory",
        "aria-hidden": "true",
    }
    return made


def heading(data: ReportData) -> Element:
    report = data.report
    count = len(data.stages)
    stages = f", {count} stage{'s' if count > 1 else ''}" if count else ""
    text = (
        f"{report['model']} for {report['target']}: {len(data.rows)} layers{stages}, "
        f"{report['macs_model']:,} multiply-accumulates"
    )
    return element("header", element("h1", report["net"]), element("p", text))


def contents(sections: Sequence[Element]) -> Element:
    links = [
        element("a", section[0].text or "", href=f"#{section.get('id')}")
        for section in sections
    ]
    return element("nav", *links, aria_label="Contents")


# What it takes


def headline(data: ReportData, run: Mapping[str, Any] | None) -> Element:
    report = data.report
    ram, flash, budgets = report["ram"], report["flash"], report["budgets"]
    extra = report["macs"] - report["macs_model"]
    again = f"{report['macs_model']:,} in the model"
    if extra and report["macs_model"]:
        again += f", {100 * extra / report['macs_model']:+.1f} %"
    memory = [
        ("arena", ram["arena"], "part-a"),
        ("static data", ram["static"], "part-b"),
        ("stack", ram["stack"], "part-c"),
    ]
    constants = [
        ("weights", flash["weights"], "part-a"),
        ("tables", flash["tables"], "part-b"),
        ("code", flash["code"], "part-c"),
    ]
    return element(
        "section",
        card("RAM", ram["total"], memory, budgets["ram"], ram_notes(data)),
        card("Flash", flash["total"], constants, budgets["flash"], []),
        number_card(
            "Work",
            short(report["macs"]),
            f"{report['macs']:,} multiply-accumulates executed",
            again,
        ),
        time_card(data, run),
        class_="cards",
        aria_label="Figures",
    )


def ram_notes(data: ReportData) -> list[str]:
    ram = data.report["ram"]
    return [
        f"in the arena: input {ram['input']:,}, output {ram['output']:,}, largest "
        f"scratch memory {ram['scratch']:,}; no plan of these layers needs less than "
        f"{data.report['lower_bound']:,}",
        "predicted = linked = observed: the arena is the array in the C, to the byte",
    ]


def card(
    title: str, total: int, parts: Parts, budget: int | None, notes: Sequence[str]
) -> Element:
    """A total of bytes, its parts as a bar and as a list, and its budget."""
    whole = max(total, budget or 0, 1)
    pieces = [
        element(
            "span",
            class_=look,
            style=f"width: {100 * size / whole:.2f}%",
            title=f"{name}: {size:,} bytes",
        )
        for name, size, look in parts
    ]
    names = [
        element("li", element("i", class_=look), f"{name} {size:,} B")
        for name, size, look in parts
    ]
    limit = "no budget"
    if budget is not None:
        limit = f"{100 * total / budget if budget else 0:.0f} % of {budget:,} B"
    return element(
        "div",
        element("h2", title),
        element("p", bytes_text(total), class_="figure"),
        element("p", f"{total:,} bytes, {limit}", class_="unit"),
        element("div", *pieces, class_="stack"),
        element("ul", *names),
        *(element("p", note, class_="note") for note in notes),
        class_="card",
    )


def number_card(title: str, figure: str, unit: str, *notes: str) -> Element:
    return element(
        "div",
        element("h2", title),
        element("p", figure, class_="figure"),
        element("p", unit, class_="unit"),
        *(element("p", note, class_="note") for note in notes),
        class_="card",
    )


def time_card(data: ReportData, run: Mapping[str, Any] | None) -> Element:
    """Cycles: of a simulated run if there is one, else the estimate; never measured."""
    cycles, source = data.report["cycles_estimated"], "before the C is compiled"
    if run is not None and run["cycles_estimated"]:
        cycles, source = run["cycles_estimated"], "in a simulated run of the C"
    if cycles is None:
        return number_card("Time", "unknown", "no costs of these kernels are known")
    macs, seconds = data.report["macs"], cycles / CLOCK
    time = f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.1f} ms"
    notes = [f"about {time} at 100 MHz, zero wait states"]
    if macs:
        notes.append(f"{cycles / macs:.2f} cycles per multiply-accumulate")
    unit = f"{cycles:,} cycles, estimated {source}"
    return number_card("Time", f"~ {short(cycles)}", unit, *notes)


def short(number: int) -> str:
    """`812`, `81.2 k`, `7.49 M`."""
    for size, unit in ((1_000_000, " M"), (1000, " k")):
        if number >= size:
            digits = f"{number / size:.3g}" if number < 1000 * size else ""
            return f"{digits or f'{number / size:,.0f}'}{unit}"
    return str(number)


# Plans, and how it was made


def pareto_section(front: ParetoFront) -> Element:
    most = max((point.arena for point in front.points), default=0)
    rows = [
        [
            Cell(str(number), number),
            Cell.of(point.arena, most),
            Cell(f"{point.macs:,}", point.macs),
            Cell(f"{front.extra(point):+.2f} %", front.extra(point)),
            Cell(str(point.stages), point.stages),
            Cell(str(point.strips), point.strips),
        ]
        for number, point in enumerate(front.points, 1)
    ]
    return element(
        "section",
        element("h2", "What less RAM costs"),
        element(
            "p",
            "Of all plans that put layers into stages, those that no other beats in "
            "bytes of the arena and multiply-accumulates.",
        ),
        figure(pareto_drawing(front), "pareto", "Each mark is a plan."),
        table(
            "tinyml compile --stages FRONT.json:POINT takes one, from tinyml pareto.",
            ["point", "arena", "MACs", "extra", "stages", "strips"],
            rows,
        ),
        id="pareto",
    )


def making_section(data: ReportData) -> Element:
    net = data.report["net"]
    passes = data.report["pipeline"]
    command: list[Content] = [f"tinyml-opt {net}.mlir -t tinyml-c -p '"]
    for part in re.findall("[^,]+,?", passes):
        # A line may end behind a comma, and what is copied is one line all the same.
        command += [part, element("wbr")]
    return element(
        "section",
        element("h2", "How it was made"),
        element(
            "p",
            f"{net}.mlir is the model as it was imported. These passes made the "
            "network of it; with fewer of them each step can be looked at:",
        ),
        element("pre", element("code", *command, "'")),
        id="making",
    )
