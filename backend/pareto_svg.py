"""
A network's stage plans as a picture: work done more than once to the right, the arena
upwards, on a scale of powers of two.

`pareto_drawing` is a function from a front to shapes; `svg.py` spells them. The plans
are joined by a step line: what any arena between them costs. Where others have
published numbers for the network (`published_plans.py`), they stand beside it, with
their sources.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tinyml.backend.memory_svg import bytes_text, text_width
from tinyml.backend.memory_table import elide
from tinyml.backend.pareto import ParetoFront, Point
from tinyml.backend.published_plans import (
    Published,
    PublishedNetwork,
    published_network,
)
from tinyml.backend.svg import Box, Drawing, Line, Shape, Text, svg

WIDTH = 960.0
LEFT, RIGHT = 84.0, 920.0
TOP, BOTTOM = 104.0, 500.0
"""Of the plot, in pixels."""
INSET = 26.0
"""From the left edge of the plot to no extra work."""
LINE = 15.0
"""From one line of the sources to the next."""

STYLE = """
 text { font-family: Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif;
  font-size: 11px; fill: #475467 }
 .page { fill: #ffffff }
 .plot { fill: #f8f9fb }
 .heading { font-size: 22px; font-weight: 600; fill: #101828 }
 .facts { font-size: 13px; fill: #475467 }
 .section { font-size: 12px; font-weight: 600; fill: #344054 }
 .small { font-size: 10px; fill: #667085 }
 .grid { stroke: #e4e7ec; stroke-width: 1; fill: none }
 .axis { stroke: #98a2b3; stroke-width: 1; fill: none }
 .leader { stroke: #98a2b3; stroke-width: 0.8; fill: none }
 .ours { fill: #16a394; stroke: #0b7568; stroke-width: 1.2 }
 .layers { fill: #ffffff; stroke: #0b7568; stroke-width: 1.6 }
 .front { stroke: #0b7568; stroke-width: 1.8; fill: none }
 .name { font-weight: 600; fill: #0b7568 }
 .value { font-size: 10.5px; fill: #0b5e54 }
 .peer0, .peer1, .peer2, .peer3, .peer4 { stroke-width: 1.2 }
 .peer0 { fill: #2e90fa; stroke: #1570cd }
 .peer1 { fill: #f79009; stroke: #b54708 }
 .peer2 { fill: #9e5bd6; stroke: #6f35a5 }
 .peer3 { fill: #98a2b3; stroke: #475467 }
 .peer4 { fill: #f7718a; stroke: #b42348 }
 .joined { stroke: #667085; stroke-width: 1; stroke-dasharray: 4 3; fill: none }
 .peername { fill: #344054 }
"""

Area = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


@dataclass(frozen=True)
class Scale:
    """From extra work in percent and bytes to pixels."""

    percent: float
    low: float
    high: float
    """Logarithms of bytes."""

    @staticmethod
    def of(percents: Sequence[float], sizes: Sequence[float]) -> Scale:
        most = max(percents)
        low, high = math.log2(max(min(sizes), 1)), math.log2(max(*sizes, 2))
        room = max((high - low) * 0.08, 0.25)
        return Scale(most * 1.08 if most > 0.05 else 10.0, low - room, high + room)

    def x(self, percent: float) -> float:
        return LEFT + INSET + (RIGHT - LEFT - INSET) * percent / self.percent

    def y(self, size: float) -> float:
        above = (math.log2(max(size, 1)) - self.low) / (self.high - self.low)
        return BOTTOM - (BOTTOM - TOP) * above

    def sizes(self) -> list[int]:
        """Powers of two within."""
        return [1 << n for n in range(math.ceil(self.low), math.floor(self.high) + 1)]

    def percents(self) -> list[float]:
        steps = (
            step * 10**power for power in (-2, -1, 0, 1, 2, 3) for step in (1, 2, 5)
        )
        step = next((s for s in steps if self.percent / s <= 9), self.percent)
        return [n * step for n in range(math.floor(self.percent / step) + 1)]


@dataclass
class Labels:
    """Puts text where it covers no mark and no other text."""

    taken: list[Area] = field(default_factory=list[Area])

    def keep(self, x: float, y: float, radius: float = 5) -> None:
        """No text shall cover what stands here."""
        self.taken.append((x - radius, y - radius, x + radius, y + radius))

    def keep_line(self, points: Sequence[tuple[float, float]]) -> None:
        for (a, b), (c, d) in pairwise(points):
            left, right = sorted((a, c))
            top, bottom = sorted((b, d))
            self.taken.append((left - 1, top - 1, right + 1, bottom + 1))

    def put(
        self, x: float, y: float, text: str, look: str, needed: bool
    ) -> Iterator[Shape]:
        """Text near a mark, left out if there is no room and it is not needed."""
        width = text_width(text, 10.5)
        best: tuple[float, float, float, Area] | None = None
        for far in (9.0, 16.0, 26.0) if needed else (9.0,):
            for dx, dy in ((1, -1), (1, 0), (1, 1), (0, -1), (0, 1), (-1, -1), (-1, 0)):
                left = x + dx * far - (width if dx < 0 else width / 2 * (dx == 0))
                middle = y + dy * far * (1.3 if dx == 0 else 1)
                area = (left - 2, middle - 7, left + width + 2, middle + 7)
                covered = sum(overlap(area, other) for other in self.taken)
                outside = area[0] < LEFT or area[2] > RIGHT or area[1] < TOP
                outside = outside or area[3] > BOTTOM
                cost = covered + (1e6 if outside else 0)
                if best is None or cost < best[0] - 1e-6:
                    best = cost, left, middle, area
            if best and best[0] == 0:
                break
        assert best is not None
        cost, left, middle, area = best
        if cost > 0 and not needed:
            return
        self.taken.append(area)
        yield Text(left, middle + 4, text, look)

    def column(self, x: float, entries: Sequence[Entry]) -> Iterator[Shape]:
        """Text right of marks that stand above one another, with leaders to them."""
        order = sorted(entries, key=lambda entry: entry.y)
        heights = spread([entry.y for entry in order], 15)
        for entry, middle in zip(order, heights, strict=True):
            left, width = x + 18, text_width(entry.text, 10.5)
            area = (left - 3, middle - 7, left + width + 3, middle + 7)
            self.taken.append(area)
            if abs(middle - entry.y) > 3:
                yield Line(((x + 7, entry.y), (left - 3, middle)), "leader")
            yield Box(area[0], area[1], area[2] - area[0], 14, "plot")
            yield Text(left, middle + 4, entry.text, entry.look)


@dataclass(frozen=True)
class Entry:
    """Text that is wanted at a height."""

    y: float
    text: str
    look: str


def spread(wanted: Sequence[float], apart: float) -> list[float]:
    """Heights at least so far apart, as near to those wanted, in order, as can be."""
    groups: list[tuple[float, int]] = []
    for number, height in enumerate(wanted):
        mean, count = height - number * apart, 1
        while groups and groups[-1][0] > mean:
            before, more = groups.pop()
            mean = (mean * count + before * more) / (count + more)
            count += more
        groups.append((mean, count))
    means = [mean for mean, count in groups for _ in range(count)]
    return [mean + number * apart for number, mean in enumerate(means)]


def overlap(a: Area, b: Area) -> float:
    """Square pixels that two areas share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def pareto_svg(front: ParetoFront) -> str:
    return svg(pareto_drawing(front))


def pareto_drawing(front: ParetoFront) -> Drawing:
    known = published_network(front.image, front.macs_model)
    peers = () if known is None else known.plans
    points = list(dict.fromkeys([*front.points, front.layer_by_layer]))
    sizes = [float(point.arena) for point in points]
    sizes += [size for peer in peers for size, _ in peer.points]
    percents = [front.extra(point) for point in points]
    percents += [percent for peer in peers for _, percent in peer.points]
    scale, labels = Scale.of(percents, sizes), Labels()
    sources = source_lines(front, peers)
    height = BOTTOM + 62 + LINE * len(sources)
    steps = step_line(front, scale)
    shapes: list[Shape] = [
        Box(0, 0, WIDTH, height, "page"),
        *heading(front, known),
        Box(LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP, "plot"),
        *axes(scale),
        Line(tuple(steps), "front"),
    ]
    labels.keep_line(steps)
    joined = list(peer_steps(peers, scale, labels))
    marks = [*peer_marks(peers, scale, labels), *our_marks(front, scale, labels)]
    shapes += [
        *joined,
        *labels.column(scale.x(0), without_extra_work(front, peers, scale)),
        *marks,
        *our_labels(front, scale, labels),
        *peer_labels(peers, scale, labels),
    ]
    for number, line in enumerate(sources):
        shapes.append(Text(LEFT, BOTTOM + 60 + LINE * number, line, "small"))
    return Drawing(
        WIDTH,
        height,
        f"Arena and work of {front.model}",
        "Work done more than once to the right, in percent; bytes of the arena "
        "upwards. One mark per stage plan, joined by steps.",
        STYLE,
        (),
        shapes,
    )


def heading(front: ParetoFront, known: PublishedNetwork | None) -> Iterator[Shape]:
    name = front.model if known is None else f"{known.name}   ({front.model})"
    facts = [
        f"{front.layer_by_layer.macs / 1e6:,.1f}M multiply-accumulates",
        f"layer by layer {bytes_text(front.layer_by_layer.arena)}",
    ]
    if front.points:
        plain = front.points[-1]
        facts.append(f"no extra work {bytes_text(plain.arena)}")
        facts.append(f"least {bytes_text(front.points[0].arena)}")
    yield Text(LEFT, 42, elide(name, 74), "heading")
    yield Text(LEFT, 66, "   ·   ".join(facts), "facts")


def axes(scale: Scale) -> Iterator[Shape]:
    yield Text(LEFT, TOP - 12, "Arena", "section")
    yield Text(RIGHT, BOTTOM + 36, "Extra multiply-accumulates", "section", "end")
    for size in scale.sizes():
        y = scale.y(size)
        yield Line(((LEFT, y), (RIGHT, y)), "grid")
        yield Text(LEFT - 10, y + 4, bytes_text(size), "", "end")
    for percent in scale.percents():
        x = scale.x(percent)
        yield Line(((x, TOP), (x, BOTTOM)), "grid")
        sign = "+" if percent else ""
        yield Text(x, BOTTOM + 18, f"{sign}{percent:.4g} %", "", "middle")
    yield Line(((LEFT, BOTTOM), (RIGHT, BOTTOM)), "axis")


def place(front: ParetoFront, point: Point, scale: Scale) -> tuple[float, float]:
    return scale.x(front.extra(point)), scale.y(point.arena)


def step_line(front: ParetoFront, scale: Scale) -> list[tuple[float, float]]:
    """From the plan without extra work to the least arena, and on to the right."""
    found: list[tuple[float, float]] = []
    for point in reversed(front.points):
        x, y = place(front, point, scale)
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return [*found, (RIGHT, found[-1][1])] if found else []


def our_marks(front: ParetoFront, scale: Scale, labels: Labels) -> Iterator[Shape]:
    for number, point in enumerate(front.points, 1):
        x, y = place(front, point, scale)
        labels.keep(x, y)
        title = (
            f"point {number}: {point.arena:,} bytes, {point.macs:,} multiply-"
            f"accumulates, {point.stages} stages, at most {point.strips} strips"
        )
        yield Box(x - 4.5, y - 4.5, 9, 9, "ours", title, 4.5)
    if front.layer_by_layer not in front.points:
        x, y = place(front, front.layer_by_layer, scale)
        labels.keep(x, y)
        title = f"layer by layer: {front.layer_by_layer.arena:,} bytes"
        yield Box(x - 4.5, y - 4.5, 9, 9, "layers", title, 4.5)


def without_extra_work(
    front: ParetoFront, peers: Sequence[Published], scale: Scale
) -> list[Entry]:
    """What all that does no work twice is called."""
    found: list[Entry] = []
    layers, plain = front.layer_by_layer, front.points[-1]
    name = "tinyml, layer by layer"
    if layers not in front.points:
        text = f"{name} {bytes_text(layers.arena)}"
        found.append(Entry(scale.y(layers.arena), text, "name"))
        name = "tinyml"
    if is_plain(front.extra(plain)):
        # Above the line that begins there.
        text = f"{name} {bytes_text(plain.arena)}"
        found.append(Entry(scale.y(plain.arena) - 11, text, "name"))
    for peer in peers:
        for size, percent in peer.points:
            if is_plain(percent):
                above = 11 if len(peer.points) > 1 else 0
                text = f"{called(peer)} {bytes_text(round(size))}"
                found.append(Entry(scale.y(size) - above, text, "peername"))
    return found


def is_plain(percent: float) -> bool:
    """Whether no work worth the word is done twice."""
    return abs(percent) < 0.05


def called(peer: Published) -> str:
    return f"{peer.system} {peer.note}".strip()


def our_labels(front: ParetoFront, scale: Scale, labels: Labels) -> Iterator[Shape]:
    """The least arena by name, the other points where there is room."""
    for number, point in enumerate(front.points):
        if is_plain(front.extra(point)):
            continue
        text = bytes_text(point.arena)
        look = "value" if number else "name"
        yield from labels.put(*place(front, point, scale), text, look, number == 0)


# What others have published


def looks(peers: Sequence[Published]) -> dict[str, int]:
    systems = dict.fromkeys(peer.system for peer in peers)
    return {system: number % 5 for number, system in enumerate(systems)}


def peer_steps(
    peers: Sequence[Published], scale: Scale, labels: Labels
) -> Iterator[Shape]:
    for peer in peers:
        if len(peer.points) > 1:
            at = [(scale.x(percent), scale.y(size)) for size, percent in peer.points]
            path = step_path(at)
            labels.keep_line(path)
            yield Line(tuple(path), "joined")


def peer_marks(
    peers: Sequence[Published], scale: Scale, labels: Labels
) -> Iterator[Shape]:
    look = looks(peers)
    for peer in peers:
        number = look[peer.system]
        for size, percent in peer.points:
            x, y = scale.x(percent), scale.y(size)
            labels.keep(x, y, 6)
            yield Line(outline(number, x, y), f"peer{number}")


def step_path(at: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Steps through points, from the left."""
    found: list[tuple[float, float]] = []
    for x, y in sorted(at):
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


OUTLINES = (
    ((0, -6), (6, 0), (0, 6), (-6, 0)),
    ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)),
    ((0, -6), (5.5, 4), (-5.5, 4)),
    ((0, 6), (5.5, -4), (-5.5, -4)),
    ((-2, -6), (2, -6), (6, 0), (2, 6), (-2, 6), (-6, 0)),
)
"""A diamond, a square, triangles and a hexagon."""


def outline(number: int, x: float, y: float) -> tuple[tuple[float, float], ...]:
    points = tuple((x + dx, y + dy) for dx, dy in OUTLINES[number])
    return (*points, points[0])


def peer_labels(
    peers: Sequence[Published], scale: Scale, labels: Labels
) -> Iterator[Shape]:
    """A single point by name, those of a row where there is room."""
    for peer in peers:
        alone = len(peer.points) == 1
        for size, percent in peer.points:
            if is_plain(percent):
                continue
            text = bytes_text(round(size))
            text = f"{called(peer)} {text}" if alone else text
            at = scale.x(percent), scale.y(size)
            yield from labels.put(*at, text, "peername", alone)


def source_lines(front: ParetoFront, peers: Sequence[Published]) -> list[str]:
    image = {
        "resident": "the image in it",
        "callback": "rows of the image are asked for, those held are in it",
        "stream": "rows of the image come once, those held are in it",
    }[front.input]
    lines = [f"tinyml: the arena that the C declares, planned and checked; {image}"]
    told: dict[str, list[str]] = {}
    for peer in peers:
        told.setdefault(f"{peer.source}; {peer.counted}", []).append(peer.system)
    for source, systems in told.items():
        lines.append(f"{'; '.join(dict.fromkeys(systems))}: {source}")
    return lines
