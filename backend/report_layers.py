"""
The layers of a network in its report: a table, and where their cycles go by kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        Cell(str(row.number), row.number),
        name_cell(row.name),
        Cell(row.kind),
        Cell(inputs),
        Cell(shape_text(row.output)),
        Cell(row.kernel),
        Cell(stage),
        Cell.of(row.macs, most["macs"]),
        Cell.of(row.live, most["live"]),
        Cell.of(row.constants, most["constants"]),
        Cell.of(row.cycles, most["cycles"]),
    ]


def shape_text(shape: Sequence[int]) -> str:
    """Without a batch of 1."""
    return times(shape[1:] if len(shape) > 1 and shape[0] == 1 else shape)


def cycles_section(data: ReportData, run: Mapping[str, Any] | None) -> Element:
    made = element("section", element("h2", "Where cycles go"), id="cycles")
    if run is None or run.get("profile") is None:
        made.append(element("p", ESTIMATE))
        made.append(estimated_kinds(data.rows))
        return made
    equal = "equal" if run["outputs_equal"] else "not equal"
    estimate = data.report["cycles_estimated"]
    before = (
        "" if estimate is None else f" Before compiling {estimate:,} were estimated."
    )
    made.append(
        element(
            "p",
            f"{SIMULATED} One inference takes {run['instructions']:,} instructions and "
            f"about {run['cycles_estimated']:,} cycles; outputs are {equal} to the "
            f"reference.{before}",
        )
    )
    kinds = [
        (kind["kind"], kind["layers"], kind["macs"], kind["cycles_estimated"])
        for kind in run["profile"]["kinds"]
    ]
    made.append(kinds_table("By kind of layer, simulated", kinds))
    made.append(functions_table(run["functions"]))
    return made


def estimated_kinds(rows: Sequence[LayerRow]) -> Element:
    found: dict[str, tuple[int, int, int]] = {}
    unknown = sum(row.cycles is None for row in rows)
    for row in rows:
        layers, macs, cycles = found.get(row.kind, (0, 0, 0))
        found[row.kind] = layers + 1, macs + row.macs, cycles + (row.cycles or 0)
    kinds = [(kind, *numbers) for kind, numbers in found.items()]
    kinds.sort(key=lambda kind: (-kind[3], kind[0]))
    caption = "By kind of layer, estimated"
    if unknown:
        caption += f"; of {unknown} layers no costs are known, they count as 0"
    return kinds_table(caption, kinds)


def kinds_table(caption: str, kinds: Sequence[tuple[str, int, int, int]]) -> Element:
    """Kind, layers, multiply-accumulates and cycles of each."""
    total = sum(kind[3] for kind in kinds)
    most = max((kind[3] for kind in kinds), default=0)
    return table(
        caption,
        ["kind", "layers", "MACs", "cycles (est.)", "share", "cycles per MAC"],
        [
            [
                Cell(name),
                Cell(str(layers), layers),
                Cell(f"{macs:,}", macs),
                Cell.of(cycles, most),
                Cell(f"{100 * cycles / total if total else 0:.1f} %", cycles),
                Cell(f"{cycles / macs:.2f}" if macs else "", 0),
            ]
            for name, layers, macs, cycles in kinds
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
                Cell(f"{function['calls']:,}", function["calls"]),
                Cell(f"{function['instructions']:,}", function["instructions"]),
                Cell.of(function["cycles_estimated"], most),
                Cell(f"{100 * function['cycles_estimated'] / max(total, 1):.1f} %", 0),
            ]
            for function in order[:FUNCTIONS]
        ],
    )
