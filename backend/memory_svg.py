"""
A network's memory as a picture: time to the right, the arena's bytes upwards.

`memory_drawing` is a function from a map to shapes; `svg.py` spells them. Each buffer
is a rectangle over the layers that need it. Where a layer's output lies upon an input,
both show, and the bytes they share are hatched. Under it, on a scale of their own, the
constants in flash that each layer is the first to read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinyml.backend.memory_map import Kind, MemoryMap, Place
from tinyml.backend.memory_table import elide
from tinyml.backend.network_info import is_weight
from tinyml.backend.svg import Box, Drawing, Line, Shape, Text, svg
from tinyml.passes.arena import gaps

WIDTH = 1200.0
LEFT, RIGHT = 92.0, 1064.0
"""Of the plots, in pixels."""
TOP, HEIGHT = 148.0, 420.0
"""Of the arena."""
NAMES = 138.0
"""At most so many pixels for the layers' names."""
SLANT = 40
"""Degrees of names that have room; others stand upright."""
FLASH = 84.0
"""Height of the plot of constants."""

STYLE = """
 text { font-family: Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif;
  font-size: 11px; fill: #475467 }
 .page { fill: #ffffff }
 .plot { fill: #f8f9fb }
 .heading { font-size: 22px; font-weight: 600; fill: #101828 }
 .facts { font-size: 13px; fill: #475467 }
 .section { font-size: 12px; font-weight: 600; fill: #344054 }
 .peakname { font-size: 12px; font-weight: 600; fill: #b42318 }
 .small { font-size: 10px; fill: #667085 }
 .strong { font-weight: 600; fill: #344054 }
 .op { font-weight: 600; fill: #1d2939 }
 .size { font-size: 10px; fill: #344054 }
 .grid { stroke: #e4e7ec; stroke-width: 1; fill: none }
 .axis { stroke: #98a2b3; stroke-width: 1; fill: none }
 .arena { stroke: #101828; stroke-width: 1.5; fill: none }
 .bound { stroke: #475467; stroke-width: 1.2; stroke-dasharray: 5 4; fill: none }
 .leader { stroke: #98a2b3; stroke-width: 0.8; fill: none }
 .peak { fill: #f04438; fill-opacity: 0.10 }
 .peakline { stroke: #d92d20; stroke-width: 1; fill: none }
 .input, .output, .activation, .other, .scratch { stroke-width: 1 }
 .input { fill: #2e90fa; fill-opacity: 0.42; stroke: #1570cd }
 .output { fill: #9e5bd6; fill-opacity: 0.45; stroke: #6f35a5 }
 .activation { fill: #16a394; fill-opacity: 0.42; stroke: #0b7568 }
 .other { fill: #5cc3a4; fill-opacity: 0.42; stroke: #0b7568 }
 .scratch { fill: #f79009; fill-opacity: 0.75; stroke: #b54708 }
 .shared { fill: url(#hatch) }
 .hatch { stroke: #0c2a3a; stroke-opacity: 0.45; stroke-width: 0.9; fill: none }
 .weights { fill: #667a99 }
 .tables { fill: #b9a5c9 }
 .hot { font-weight: 600; fill: #b42318 }
"""


@dataclass(frozen=True)
class Scale:
    """From layers and bytes to pixels."""

    steps: int
    bytes: int

    @property
    def step(self) -> float:
        return (RIGHT - LEFT) / max(self.steps, 1)

    def x(self, step: float) -> float:
        return LEFT + step * self.step

    def y(self, byte: float) -> float:
        return TOP + HEIGHT * (1 - byte / max(self.bytes, 1))


def bytes_text(size: int) -> str:
    """`512 B`, `9.5 KiB`, `120 KiB`, `1.2 MiB`."""
    if size < 1024:
        return f"{size} B"
    number, unit = (
        (size / 1024, "KiB") if size < 1024 * 1024 else (size / 1024 / 1024, "MiB")
    )
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def ticks(top: int, most: int) -> list[int]:
    """Multiples of a power of two from 0 to `top`, at most so many steps."""
    step = 1
    while top // step > most:
        step *= 2
    return list(range(0, top + 1, step))


def text_width(text: str, pixels: float) -> float:
    """About; letters of wide fonts are 0.6 of their height on average."""
    return 0.6 * pixels * len(text)


def fitted(text: str, width: float, pixels: float) -> str:
    return elide(text, max(int(width / (0.6 * pixels)), 1))


def memory_svg(memory: MemoryMap) -> str:
    return svg(memory_drawing(memory))


def memory_drawing(memory: MemoryMap) -> Drawing:
    scale = Scale(len(memory.steps), memory.arena)
    bottom = TOP + HEIGHT + names_height(memory, scale) + 14
    shapes: list[Shape] = [
        Box(0, 0, WIDTH, bottom + FLASH + 52, "page"),
        *heading(memory),
        *legend(memory),
        Box(LEFT, TOP, RIGHT - LEFT, HEIGHT, "plot"),
        *byte_axis(scale),
        *peak_mark(memory, scale),
        *buffers(memory, scale),
        *labels(memory, scale),
        *limits(memory, scale),
        *layer_names(memory, scale),
        *constants(memory, scale, bottom + 30),
    ]
    return Drawing(
        WIDTH,
        bottom + FLASH + 52,
        f"Memory of {memory.network}",
        "Time, layer by layer, to the right; the bytes of the arena upwards. One "
        "rectangle per buffer.",
        STYLE,
        (("hatch", "hatch"),),
        shapes,
    )


def heading(memory: MemoryMap) -> Iterator[Shape]:
    holes = sum(end - start for start, end in memory.holes)
    facts = [
        f"arena {memory.arena:,} B",
        f"lower bound {memory.lower_bound:,} B",
        f"holes {holes:,} B",
        f"{len(memory.steps)} layers",
        f"constants {memory.weights + memory.tables:,} B",
    ]
    yield Text(LEFT, 46, elide(memory.network, 60), "heading")
    yield Text(LEFT, 70, "   ·   ".join(facts), "facts")


def legend(memory: MemoryMap) -> Iterator[Shape]:
    """What colours mean, of those that occur; right-aligned in one line."""
    kinds = {place.kind for place in memory.places}
    entries = [(str(kind), str(kind)) for kind in Kind if kind in kinds]
    if any(True for step in range(len(memory.steps)) for _ in memory.shared(step)):
        entries.append(("shared", "shared by input and output"))
    yield from keys(entries, 100)


def keys(entries: Sequence[tuple[str, str]], y: float) -> Iterator[Shape]:
    """Colours with what they mean, up to the right edge."""
    x = RIGHT + 16 - sum(36 + text_width(text, 11) for _, text in entries)
    for look, text in entries:
        if look == "shared":
            yield Box(x, y - 10, 14, 12, "activation", radius=2)
        yield Box(x, y - 10, 14, 12, look, radius=2)
        yield Text(x + 20, y, text, "")
        x += 36 + text_width(text, 11)


def byte_axis(scale: Scale) -> Iterator[Shape]:
    yield Text(LEFT, 100, "RAM: the arena, layer by layer", "section")
    for byte in ticks(scale.bytes, 8):
        y = scale.y(byte)
        yield Line(((LEFT, y), (RIGHT, y)), "grid")
        yield Text(LEFT - 10, y + 4, bytes_text(byte), "", "end")


def peak_mark(memory: MemoryMap, scale: Scale) -> Iterator[Shape]:
    if (peak := memory.peak) is None:
        return
    x, y, step = scale.x(peak), TOP + HEIGHT, memory.steps[peak]
    yield Box(x, TOP - 12, scale.step, HEIGHT + 12, "peak")
    for edge in (x, x + scale.step):
        yield Line(((edge, TOP - 12), (edge, y)), "peakline")
    name = f" · {elide(step.name, 48)}"
    text = f"peak: {memory.live[peak]:,} B alive at layer {peak}, {step.op}{name}"
    half, middle = text_width(text, 12) / 2, x + scale.step / 2
    middle = min(max(middle, LEFT + half), RIGHT - half)
    yield Text(middle, TOP - 18, text, "peakname", "middle")


def look(memory: MemoryMap, number: int) -> str:
    """Activations of two neighbouring layers differ a bit."""
    place = memory.places[number]
    odd = place.kind is Kind.ACTIVATION and place.first % 2 == 1
    return "other" if odd else str(place.kind)


def buffers(memory: MemoryMap, scale: Scale) -> Iterator[Shape]:
    order = sorted(
        range(len(memory.places)),
        key=lambda n: (memory.places[n].kind is Kind.SCRATCH, memory.places[n].first),
    )
    for number in order:
        place = memory.places[number]
        shape = "x".join(map(str, place.shape))
        title = (
            f"{place.name}: {place.kind} {shape}, {place.size:,} bytes at "
            f"{place.at:,}, layers {place.first} to {place.last}"
        )
        box = area(place, scale, place.first, place.last, place.at, place.end)
        yield Box(*visible(box), look(memory, number), title, min(2, box[3] / 3))
    for step in range(len(memory.steps)):
        for low, high in memory.shared(step):
            place = memory.places[memory.steps[step].output]
            yield Box(*area(place, scale, step, step, low, high), "shared")


Area = tuple[float, float, float, float]

LEAST_HEIGHT = 3.0


def area(
    place: Place, scale: Scale, first: int, last: int, low: int, high: int
) -> Area:
    """x, y, width and height of a part of a buffer, a hair within its layers."""
    left = scale.x(first) + 0.8
    right = scale.x(last + 1) - 0.8
    return left, scale.y(high), right - left, scale.y(low) - scale.y(high)


def visible(box: Area) -> Area:
    """An area that is at least a few pixels high, however few bytes it stands for."""
    x, y, width, height = box
    more = max(LEAST_HEIGHT - height, 0)
    return x, max(y - more, TOP), width, height + more


def free_areas(memory: MemoryMap, number: int) -> Iterator[tuple[int, int, int, int]]:
    """Parts of a buffer where no other lies: first and last layer, bytes from, to."""
    place = memory.places[number]

    def free(step: int) -> list[tuple[int, int]]:
        others = [
            (max(p.at, place.at) - place.at, min(p.end, place.end) - place.at)
            for n, p in enumerate(memory.places)
            if n != number and p.alive(step) and p.at < place.end and place.at < p.end
        ]
        found = gaps([*others, (place.size, place.size)])
        return [(low + place.at, high + place.at) for low, high in found]

    steps = {step: free(step) for step in range(place.first, place.last + 1)}
    for first in steps:
        for low, high in steps[first]:
            last = first
            while any(a <= low and high <= b for a, b in steps.get(last + 1, [])):
                last += 1
            yield first, last, low, high


def labels(memory: MemoryMap, scale: Scale) -> Iterator[Shape]:
    """The name and size of each buffer, in its largest part that fits them."""
    for number, place in enumerate(memory.places):
        boxes = [area(place, scale, *part) for part in free_areas(memory, number)]
        boxes.sort(key=lambda box: -box[2] * box[3])
        for box in boxes:
            found = list(label(memory, number, box))
            if found:
                yield from found
                break


def label(memory: MemoryMap, number: int, box: Area) -> Iterator[Shape]:
    place, (x, y, width, height) = memory.places[number], box
    writer = {step.output: step.op for step in memory.steps}
    name = str(place.kind)
    if place.kind is Kind.ACTIVATION:
        name = writer[number]
    size, middle, centre = bytes_text(place.size), x + width / 2, y + height / 2
    needed = max(text_width(name, 11), text_width(size, 10)) + 6
    both = text_width(f"{name} {size}", 10) + 8
    if width >= needed and height >= 30:
        yield Text(middle, centre - 2, name, "op", "middle")
        yield Text(middle, centre + 11, size, "size", "middle")
    elif width >= both and height >= 13:
        yield Text(middle, centre + 3.5, f"{name} {size}", "size", "middle")
    elif width >= 13 and height >= both:
        yield Text(middle + 3.5, centre, f"{name} {size}", "size", "middle", -90)
    elif width >= text_width(size, 10) + 4 and height >= 12:
        yield Text(middle, centre + 3.5, size, "size", "middle")
    elif width >= 12 and height >= text_width(size, 10) + 4:
        yield Text(middle + 3.5, centre, size, "size", "middle", -90)


def limits(memory: MemoryMap, scale: Scale) -> Iterator[Shape]:
    """The top of the arena and the lower bound, named at the right."""
    arena, bound = scale.y(memory.arena), scale.y(memory.lower_bound)
    yield Line(((LEFT, arena), (RIGHT, arena)), "arena")
    yield Text(RIGHT + 10, arena + 1, "arena", "strong")
    yield Text(RIGHT + 10, arena + 14, f"{memory.arena:,} B", "")
    at = max(bound + 1, arena + 33)
    if bound - arena > 2:
        yield Line(((LEFT, bound), (RIGHT, bound), (RIGHT + 7, at - 4)), "bound")
    yield Text(RIGHT + 10, at, "lower bound", "strong")
    yield Text(RIGHT + 10, at + 13, f"{memory.lower_bound:,} B", "")
    bottom = scale.y(0)
    yield Line(((LEFT, arena), (LEFT, bottom), (RIGHT, bottom)), "axis")


def layer_text(memory: MemoryMap, number: int, scale: Scale) -> str:
    room = NAMES if upright(scale) else NAMES / math.sin(math.radians(SLANT))
    return fitted(f"{number} {memory.steps[number].op}", room - 16, 10)


def upright(scale: Scale) -> bool:
    return scale.step < 26


def names_height(memory: MemoryMap, scale: Scale) -> float:
    """Pixels that the layers' names need."""
    texts = [layer_text(memory, n, scale) for n in range(len(memory.steps))]
    longest = max((text_width(text, 10) for text in texts), default=0)
    return 16 + longest * (1 if upright(scale) else math.sin(math.radians(SLANT)))


def layer_names(memory: MemoryMap, scale: Scale) -> Iterator[Shape]:
    """Positions and ops of the layers; of every second, third, ... if many."""
    every = max(1, math.ceil(12 / scale.step))
    turn = -90 if upright(scale) else -SLANT
    for number in range(len(memory.steps)):
        is_peak = number == memory.peak
        near_peak = memory.peak is not None and abs(number - memory.peak) < every
        if not is_peak and (number % every or near_peak):
            continue
        x, y = scale.x(number + 0.5) + 4, TOP + HEIGHT + 12
        text, look = layer_text(memory, number, scale), "small"
        yield Text(x, y, text, "small hot" if is_peak else look, "end", turn)


def constants(memory: MemoryMap, scale: Scale, top: float) -> Iterator[Shape]:
    """Constants that each layer is the first to read."""
    sizes = [
        sum(memory.constants[name] for name in step.constants) for step in memory.steps
    ]
    most, bottom = max([*sizes, 1]), top + FLASH
    total = f"{memory.weights + memory.tables:,} B of constants"
    yield Text(LEFT, top - 14, f"flash: {total}, layer by layer", "section")
    entries = [("weights", f"weights {memory.weights:,} B")]
    entries.append(("tables", f"tables {memory.tables:,} B"))
    yield from keys(entries, top - 14)
    yield Box(LEFT, top, RIGHT - LEFT, FLASH, "plot")
    for byte in ticks(most, 3):
        y = bottom - FLASH * byte / most
        yield Line(((LEFT, y), (RIGHT, y)), "grid")
        yield Text(LEFT - 10, y + 4, bytes_text(byte), "", "end")
    inset = min(scale.step * 0.15, 6)
    for number, (step, size) in enumerate(zip(memory.steps, sizes, strict=True)):
        title = f"{number} {step.op} {step.name}: {size:,} bytes of constants"
        weights = sum(memory.constants[n] for n in step.constants if is_weight(n))
        x, width = scale.x(number) + inset, scale.step - 2 * inset
        for kind, low, high in (("weights", 0, weights), ("tables", weights, size)):
            y, height = bottom - FLASH * high / most, FLASH * (high - low) / most
            if height:
                yield Box(x, y, width, height, kind, title)
    yield Line(((LEFT, bottom), (RIGHT, bottom)), "axis")
