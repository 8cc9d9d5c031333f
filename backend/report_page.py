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
from tinyml.backend.pareto import ParetoFront
from tinyml.backend.pareto_svg import pareto_drawing
from tinyml.backend.report_cards import headline
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


def pareto_section(front: ParetoFront) -> Element:
    most = max((point.arena for point in front.points), default=0)
    rows = [
        [
            Cell.counted(number),
            Cell.of(point.arena, most),
            Cell.counted(point.macs),
            Cell(f"{front.extra(point):+.2f} %", front.extra(point)),
            Cell.counted(point.stages),
            Cell.counted(point.strips),
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
