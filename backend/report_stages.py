"""
The stages of a network in its report: tiles and halos on the input, what outputs see.

Where a network has no stage, the layers in front are looked at as if they were one.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from xdsl.ir import SSAValue

from tinyml.backend.memory_svg import bytes_text
from tinyml.backend.memory_table import elide
from tinyml.backend.report_data import ReportData, whole_bytes
from tinyml.backend.report_html import Cell, element, figure, name_cell, table
from tinyml.backend.report_rings import held_pieces
from tinyml.backend.report_tiles import Seen, stage_drawing
from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.network import layer_name
from tinyml.dialects.stage import Halo, Passing, StageOp
from tinyml.passes.geometry import StageGraph, receptive_field
from tinyml.passes.layer_kind import times
from tinyml.passes.stage_graph import spatial_prefix, stage_graph
from tinyml.passes.stage_plan import PlannedStage, pixel_bytes, planned_stage

LONGEST = 60
"""Characters of a layer's name in running text."""


def stages_section(data: ReportData) -> Element:
    stages = data.stages
    if stages:
        parts = [stage_part(data, number) for number in range(len(stages))]
        return element(
            "section",
            element("h2", "Stages: tiles and receptive fields"),
            element(
                "p",
                "The layers of a stage run tile by tile, row by row or pixel by pixel, "
                "so that no map between them is ever whole.",
            ),
            *parts,
            id="stages",
        )
    heading = element("h2", "Receptive fields")
    run = longest_run(data.layers)
    if not run:
        text = "No layer makes its rows and columns of rows and columns."
        return element("section", heading, element("p", text), id="stages")
    ends = [elide(layer_name(layer), LONGEST) for layer in (run[0], run[-1])]
    return element(
        "section",
        heading,
        element(
            "p",
            "There is no stage: layers run one after the other. The longest run of "
            "layers that could be in one:",
        ),
        element("p", f"{ends[0]} to {ends[1]}, {len(run)} layers", class_="ends"),
        run_figure(run),
        id="stages",
    )


def longest_run(order: Sequence[LayerOp]) -> list[LayerOp]:
    """The most layers in a row that could be in one stage, the first such."""
    best: list[LayerOp] = []
    start = 0
    while start < len(order):
        run = spatial_prefix(order[start:])
        if len(run) > len(best):
            best = run
        start += len(run) + 1
    return best


def source_of(layers: Sequence[LayerOp]) -> SSAValue:
    """What the first layer reads; where it reads the image in, what it writes."""
    return (*layers[0].layer_inputs, layers[0].layer_output)[0]


def run_figure(layers: Sequence[LayerOp]) -> Element:
    graph, numbers = stage_graph(layers)
    source = numbers[source_of(layers)]
    rows, columns = graph.sizes[source]
    seen = Seen(graph, source, [(0, rows)], [(0, columns)])
    drawing = stage_drawing(seen, "Layers that could be in a stage", False)
    caption = "Positions of the last output, and what each of them sees."
    return figure(drawing, "stage", caption)


def stage_part(data: ReportData, number: int) -> Element:
    stage, told = data.stages[number], data.report["stages"][number]
    plan = planned_stage(stage)
    schedule, graph = plan.schedule, plan.schedule.graph
    source = plan.numbers[source_of(list(stage.layers))]
    seen = Seen(
        graph,
        source,
        [tile[source] for tile in schedule.rows],
        [tile[source] for tile in schedule.columns],
        held_pieces(stage, plan),
    )
    streams = stage.halo[0] is Halo.CACHE
    names = [elide(layer_name(layer), LONGEST) for layer in stage.layers]
    macs = sum(told["macs"])
    again = told["extra_macs"]
    extra = (
        f", {100 * again / (macs - again):.1f} % more than layer by layer"
        if again
        else ""
    )
    return element(
        "article",
        element("h3", f"Stage {number + 1}"),
        element("p", f"{names[0]} to {names[-1]}", class_="ends"),
        element(
            "p",
            f"{decision(stage)} {bytes_text(told['bytes'])} of scratch memory hold "
            f"what is kept; {macs:,} multiply-accumulates{extra}.",
        ),
        figure(
            stage_drawing(seen, f"Stage {number + 1}", streams),
            "stage",
            "From what the stage reads, cut into its tiles, to its output; hatched is "
            "what more than one tile needs. Each mark of the output sees the frames of "
            "its colour. Filled is what is held of a map while the mark in the middle "
            "is made.",
        ),
        kept_table(stage, plan, source),
    )


def decision(stage: StageOp) -> str:
    """How a stage runs, in a sentence."""
    rows, columns = stage.tiles
    match stage.halo:
        case Halo.RECOMPUTE, _:
            return f"{rows} by {columns} tiles that share nothing, one after the other."
        case _, Halo.RECOMPUTE:
            within = f" in {columns} vertical strips" if columns > 1 else ""
            return f"Row by row{within}; halos of rows are kept."
        case _:
            within = f" in {columns} vertical strips" if columns > 1 else ""
            block = f"{stage.pixels} pixels" if stage.pixels > 1 else "one pixel"
            return f"Row by row, {block} at a time{within}; all halos are kept."


PASSING = {
    Passing.PIXELS: "by pixels",
    Passing.ROWS: "by rows",
    Passing.TILE: "by tiles",
}


def kept_table(stage: StageOp, plan: PlannedStage, source: int) -> Element:
    """What a stage holds of each map inside, beside what the map would take whole."""
    layers = list(stage.layers)
    graph = plan.schedule.graph
    most = max(whole_bytes(layer.layer_output) for layer in layers)
    rows: list[list[Cell]] = []
    for number, layer in enumerate(layers):
        value, node = layer.layer_output, graph.layers[number]
        ring = plan.schedule.rings.get(plan.numbers[value])
        inner = layer is not layers[-1]
        kept = ring.pixels * pixel_bytes(value) if ring and inner else None
        height, width = graph.sizes[node.output]
        field = receptive_field(
            StageGraph(graph.layers[: number + 1], graph.sizes), 0, source
        )
        made = plan.schedule.pixels_made(node.output) / max(height * width, 1)
        rows.append(
            [
                Cell(layer.name.removeprefix("tinyml.")),
                name_cell(layer_name(layer)),
                Cell(times(value_shape(value))),
                Cell.of(whole_bytes(value), most),
                Cell.of(kept, most) if inner else Cell("in the arena, whole"),
                Cell(PASSING[stage.passing(value)] if inner else ""),
                Cell(f"{field.size} rows", field.size),
                Cell(f"{100 * (made - 1):.1f} %", made),
            ]
        )
    return table(
        "What the stage holds of each layer's output. Bytes.",
        ["op", "layer", "map", "whole", "held", "passed on", "sees", "made again"],
        rows,
    )


def value_shape(value: SSAValue) -> tuple[int, ...]:
    found = shape(value)
    return found[1:] if len(found) > 1 and found[0] == 1 else found
