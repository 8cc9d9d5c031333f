"""
The layers of a network in its report: a table, and where their cycles go by kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.etree.ElementTree import Element

from tinyml.backend.report_data import LayerRow, ReportData
from tinyml.backend.report_html import Cell, element, name_cell, table
from tinyml.passes.layer_kind import times

FUNCTIONS = 12
"""So many of a run's functions are shown, those of the most cycles."""

ESTIMATE = (
    "Estimates, made before the C is compiled, by the model of costs that chooses "
    "kernels; layers of a stage count as if they ran whole, and what a stage does "
    "besides is left out."
)
SIMULATED = (
    "Of a simulated run of the compiled C. Instructions are exact; cycles are "
    "estimated by a model of the core at zero wait states, and never measured."
)


def layers_section(data: ReportData) -> Element:
    rows = data.rows
    most = {
        "macs": max((row.macs for row in rows), default=0),
        "live": max((row.live for row in rows), default=0),
        "cycles": max((row.cycles or 0 for row in rows), default=0),
        "constants": max((row.constants for row in rows), default=0),
    }
    return element(
        "section",
        element("h2", "Layers"),
        table(
            "In the order in which they run. RAM is what is alive while a layer, or "
            "its stage, runs; constants are weights and tables that the layer names; "
            "cycles are estimated. A click on a heading sorts.",
            [
                "no.",
                "layer",
                "kind",
                "input",
                "output",
                "kernel",
                "stage",
                "MACs",
                "RAM",
                "constants",
                "cycles (est.)",
            ],
            [layer_cells(row, most) for row in rows],
            sortable=True,
        ),
        id="layers",
    )


def layer_cells(row: LayerRow, most: Mapping[str, int]) -> list[Cell]:
    inputs = ", ".join(shape_text(shape) for shape in row.inputs)
    stage = "" if row.stage is None else str(row.stage + 1)
    return [
        Cell.counted(row.number),
        name_cell(row.name),
        Cell(row.kind),
        Cell(inputs),
        Cell(shape_text(row.output)),
        Cell(row.kernel),
        Cell(stage),
        Cell.of(row.macs, most["macs"]),
        live_cell(row.live, most["live"]),
        Cell.of(row.constants, most["constants"]),
        Cell.of(row.cycles, most["cycles"]),
    ]


def live_cell(live: int, most: int) -> Cell:
    """Bytes alive; those of the peak stand out."""
    cell = Cell.of(live, most)
    if live < most:
        return cell
    return replace(cell, content=element("b", f"{live:,}", title="the peak"))


def shape_text(shape: Sequence[int]) -> str:
    """Without a batch of 1."""
    return times(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape)


def cycles_section(data: ReportData, run: Mapping[str, Any] | None) -> Element:
    made = element("section", element("h2", "Where cycles go"), id="cycles")
    kinds = kinds_of(data, run)
    if run is None or not run["profile"]:
        caption = "By kind of layer, estimated"
        if unknown := sum(row.cycles is None for row in data.rows):
            caption += f"; of {unknown} layers no costs are known, they count as 0"
        made.append(element("p", ESTIMATE))
        made.append(kinds_table(caption, kinds))
        return made
    made.append(element("p", told_of_run(data, run)))
    made.append(kinds_table("By kind of layer, simulated", kinds))
    made.append(functions_table(run["functions"]))
    return made


def told_of_run(data: ReportData, run: Mapping[str, Any]) -> str:
    equal = "equal" if run["outputs_equal"] else "not equal"
    text = (
        f"{SIMULATED} One inference takes {run['instructions']:,} instructions and "
        f"about {run['cycles_estimated']:,} cycles; outputs are {equal} to the "
        "reference."
    )
    estimate = data.report["cycles_estimated"]
    if estimate is None:
        return text
    return f"{text} Before compiling {estimate:,} were estimated."


@dataclass
class KindWork:
    """What all layers of a kind do, and the cycles that they are estimated to take."""

    kind: str
    layers: int = 0
    macs: int = 0
    cycles: int = 0


def kinds_of(data: ReportData, run: Mapping[str, Any] | None) -> list[KindWork]:
    """Most cycles first; of a run if there is one that was followed, else estimated."""
    if run is not None and run["profile"]:
        keys = ("kind", "layers", "macs", "cycles_estimated")
        return [KindWork(*(k[key] for key in keys)) for k in run["profile"]["kinds"]]
    found: dict[str, KindWork] = {}
    for row in data.rows:
        kind = found.setdefault(row.kind, KindWork(row.kind))
        kind.layers += 1
        kind.macs += row.macs
        kind.cycles += row.cycles or 0
    return sorted(found.values(), key=lambda kind: (-kind.cycles, kind.kind))


def kinds_table(caption: str, kinds: Sequence[KindWork]) -> Element:
    total = max(sum(kind.cycles for kind in kinds), 1)
    most = max((kind.cycles for kind in kinds), default=0)
    return table(
        caption,
        ["kind", "layers", "MACs", "cycles (est.)", "share", "cycles per MAC"],
        [
            [
                Cell(kind.kind),
                Cell.counted(kind.layers),
                Cell.counted(kind.macs),
                Cell.of(kind.cycles, most),
                Cell(f"{100 * kind.cycles / total:.1f} %", kind.cycles),
                Cell(f"{kind.cycles / kind.macs:.2f}" if kind.macs else "", 0),
            ]
            for kind in kinds
        ],
    )


def functions_table(functions: Sequence[Mapping[str, Any]]) -> Element:
    """What a run's functions take, each without what it calls."""
    order = sorted(functions, key=lambda f: (-f["cycles_estimated"], f["name"]))
    total = sum(function["cycles_estimated"] for function in functions)
    most = order[0]["cycles_estimated"] if order else 0
    return table(
        f"The {min(FUNCTIONS, len(order))} functions of the most cycles, simulated, "
        "each without what it calls",
        ["function", "calls", "instructions", "cycles (est.)", "share"],
        [
            [
                Cell(element("code", function["name"])),
                Cell.counted(function["calls"]),
                Cell.counted(function["instructions"]),
                Cell.of(function["cycles_estimated"], most),
                Cell(f"{100 * function['cycles_estimated'] / max(total, 1):.1f} %", 0),
            ]
            for function in order[:FUNCTIONS]
        ],
    )
