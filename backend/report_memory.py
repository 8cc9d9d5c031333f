"""
The memory of a network in its report: bytes alive over time, before and after, to one
scale, then what lies where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from tinyml.backend.memory_map import MemoryMap
from tinyml.backend.memory_svg import bytes_text, memory_drawing, text_width, ticks
from tinyml.backend.report_data import ReportData
from tinyml.backend.report_html import element, figure
from tinyml.backend.svg import Box, Drawing, Line, Shape, Text

WIDTH, HEIGHT = 1200.0, 330.0
LEFT, RIGHT = 92.0, 1064.0
TOP, BOTTOM = 34.0, 270.0
"""Of the plot, in pixels; left and right as in `memory_svg`."""

BEFORE = (
    "Before: the same layers one by one in the model's order, each map whole for as "
    "long as it is needed, none upon another, without scratch memory of kernels."
)
AFTER = (
    "After: as compiled. In a stage no map is whole; what it holds of them is its "
    "scratch memory."
)


@dataclass(frozen=True)
class Column:
    """Bytes alive while some layers run, from the first to before the last."""

    first: int
    end: int
    size: int
    title: str
    stage: int | None = None


def memory_section(data: ReportData) -> Element:
    before, after = data.before, data.after
    return element(
        "section",
        element("h2", "Memory over time"),
        element("p", summary(before.arena, after.arena)),
        figure(
            timeline(data),
            "timeline",
            "Bytes alive at each layer, to one scale. " + BEFORE,
        ),
        figure(memory_drawing(replace(after, network="As compiled")), "memory", AFTER),
        figure(
            memory_drawing(replace(before, network="Layer by layer")), "memory", BEFORE
        ),
        id="memory",
    )


def summary(before: int, after: int) -> str:
    text = f"Layer by layer the arena takes {before:,} bytes, as compiled {after:,}"
    if not before:
        return text + "."
    less = 100 * (1 - after / before)
    return f"{text}: {abs(less):.0f} % {'less' if less >= 0 else 'more'}."


def columns_before(memory: MemoryMap) -> list[Column]:
    return [
        Column(n, n + 1, size, f"before: {size:,} bytes at {step.op} {step.name}")
        for n, (step, size) in enumerate(zip(memory.steps, memory.live, strict=True))
    ]


def columns_after(data: ReportData) -> list[Column]:
    """A stage takes as many columns as it has layers that are the model's."""
    found: list[Column] = []
    stages = iter(range(len(data.stages)))
    end = 0
    for layer, step, size in zip(
        data.layers, data.after.steps, data.after.live, strict=True
    ):
        what, stage, count = f"{step.op} {step.name}", None, 1
        if layer.name == "tinyml.stage":
            stage = next(stages)
            rows = [row for row in data.rows if row.stage == stage]
            count = sum(row.op != "read_rows" for row in rows)
            what = f"stage {stage + 1} of {len(rows)} layers"
        elif layer.name == "tinyml.read_rows":
            count = 0
        first, end = end, end + count
        title = f"after: {size:,} bytes at {what}"
        found.append(Column(first, end, size, title, stage))
    return found


def timeline(data: ReportData) -> Drawing:
    """Columns of bytes alive: before behind, after in front."""
    before, after = columns_before(data.before), columns_after(data)
    most = max([column.size for column in (*before, *after)], default=1)
    most = max(most, data.before.arena, data.after.arena, 1)
    shapes: list[Shape] = [
        Box(LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP, "plot"),
        *axis(most),
        *columns(before, most, "before"),
        *columns(after, most, "after"),
        *stage_names(after),
        Line(((LEFT, BOTTOM), (RIGHT, BOTTOM)), "axis"),
        *limits(
            [
                ("before", data.before.arena, "before-line"),
                ("after", data.after.arena, "after-line"),
            ],
            most,
        ),
        *legend(),
    ]
    return Drawing(
        WIDTH,
        HEIGHT,
        f"Bytes alive in {data.report['net']}, before and after",
        f"{summary(data.before.arena, data.after.arena)} Layers from left to right.",
        "",
        (),
        shapes,
    )


def axis(most: int) -> Iterator[Shape]:
    for byte in ticks(most, 6):
        y = height(byte, most)
        yield Line(((LEFT, y), (RIGHT, y)), "grid")
        yield Text(LEFT - 10, y + 4, bytes_text(byte), "", "end")


def height(size: int, most: int) -> float:
    """Where so many bytes are."""
    return BOTTOM - (BOTTOM - TOP) * size / most


def columns(found: Sequence[Column], most: int, look: str) -> Iterator[Shape]:
    scale = (RIGHT - LEFT) / max([column.end for column in found], default=1)
    inset = min(1.0, scale / 6) if look == "before" else min(2.5, scale / 4)
    for column in found:
        x, y = LEFT + column.first * scale + inset, height(column.size, most)
        width = (column.end - column.first) * scale - 2 * inset
        if width > 0:
            yield Box(x, y, width, BOTTOM - y, look, column.title, 1)


def stage_names(found: Sequence[Column]) -> Iterator[Shape]:
    """A brace of each stage under its columns."""
    scale = (RIGHT - LEFT) / max([column.end for column in found], default=1)
    if any(column.stage is not None for column in found):
        yield Text(LEFT - 10, BOTTOM + 25, "stages", "", "end")
    for column in found:
        if column.stage is None or column.end == column.first:
            continue
        left, right = LEFT + column.first * scale + 2, LEFT + column.end * scale - 2
        y = BOTTOM + 6
        yield Line(((left, y), (left, y + 5), (right, y + 5), (right, y)), "brace")
        name = str(column.stage + 1)
        yield Text((left + right) / 2, y + 19, name, "stage-name", "middle")


def limits(lines: Sequence[tuple[str, int, str]], most: int) -> Iterator[Shape]:
    """The top of each arena, named at the right, no name upon another."""
    last = -100.0
    for name, size, look in sorted(lines, key=lambda line: -line[1]):
        y = height(size, most)
        at = max(y, last + 30)
        last = at
        yield Line(((LEFT, y), (RIGHT, y), (RIGHT + 7, at)), look)
        yield Text(RIGHT + 11, at, f"arena {name}", "strong")
        yield Text(RIGHT + 11, at + 13, f"{size:,} B", "")


def legend() -> Iterator[Shape]:
    x = LEFT
    for look, text in (("before", "layer by layer"), ("after", "as compiled")):
        yield Box(x, 8, 14, 12, look, radius=2)
        yield Text(x + 20, 18, text, "")
        x += 46 + text_width(text, 11)
    yield Text(RIGHT, HEIGHT - 8, "layers, in the order in which they run", "", "end")
