"""A network's memory as text: one line per layer, and what it adds up to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyml.backend.memory_map import Kind, MemoryMap, Place, Step

COLUMNS = 40
"""Characters for the whole arena."""

LONGEST_NAME = 28

LEGEND = "i input  o output  * both  s scratch  = held for later  . free"


def elide(text: str, longest: int) -> str:
    """A text shortened in its middle."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def printable(text: str) -> str:
    """A name as one line of visible characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def bar(memory: MemoryMap, number: int, columns: int = COLUMNS) -> str:
    """
    The arena at a layer, from its first byte to its last. A character stands for the
    most important thing that lies, at least in part, in its bytes.
    """
    step = memory.steps[number]
    cells = ["."] * columns

    def fill(start: int, end: int, mark: str) -> None:
        low, high = start * columns // memory.arena, -(-end * columns // memory.arena)
        cells[low:high] = mark * (high - low)

    for place in memory.places:
        if place.alive(number):
            fill(place.at, place.end, "=")
    for mark, numbers in (("i", step.inputs), ("o", (step.output,))):
        for place in (memory.places[n] for n in numbers):
            fill(place.at, place.end, mark)
    for start, end in memory.shared(number):
        fill(start, end, "*")
    if step.scratch is not None:
        scratch = memory.places[step.scratch]
        fill(scratch.at, scratch.end, "s")
    return "".join(cells)


def offsets(places: Sequence[Place]) -> str:
    return ", ".join(str(place.at) for place in places)


def cells(memory: MemoryMap, number: int, step: Step) -> tuple[str, ...]:
    constants = sum(memory.constants[name] for name in step.constants)
    return (
        ">" if number == memory.peak else "",
        str(number),
        elide(printable(step.name), LONGEST_NAME),
        step.op,
        f"{memory.live[number]:,}",
        bar(memory, number),
        offsets([memory.places[n] for n in step.inputs]),
        offsets([memory.places[step.output]]),
        f"{constants:,}",
    )


HEADER = ("", "#", "layer", "op", "alive", "arena", "in at", "out at", "constants")
LEFT = frozenset({"layer", "op", "arena", "in at"})


def memory_table(memory: MemoryMap) -> str:
    """Aligned lines: layers, totals of RAM, totals of flash."""
    rows = [HEADER, *(cells(memory, *item) for item in enumerate(memory.steps))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{memory.network}: {LEGEND}", ""]
    for row in rows:
        line = (
            cell.ljust(width) if name in LEFT else cell.rjust(width)
            for cell, width, name in zip(row, widths, HEADER, strict=True)
        )
        lines.append("  ".join(line).rstrip())
    return "\n".join([*lines, "", *totals(memory)]) + "\n"


def totals(memory: MemoryMap) -> Iterator[str]:
    holes = sum(end - start for start, end in memory.holes)
    yield f"RAM    arena {memory.arena:,} bytes, lower bound {memory.lower_bound:,}"
    if (peak := memory.peak) is not None:
        step = memory.steps[peak]
        yield (
            f"       peak {memory.live[peak]:,} at layer {peak}, {step.op} "
            f"{printable(step.name)!r}"
        )
    for kind in (Kind.INPUT, Kind.OUTPUT):
        for place in memory.places:
            if place.kind is kind:
                name = printable(place.name)
                yield f"       {kind} {name!r} {place.size:,} at {place.at:,}"
    scratch = [p.size for p in memory.places if p.kind is Kind.SCRATCH]
    if scratch:
        yield f"       scratch {max(scratch):,}, the largest of {len(scratch)}"
    yield f"       holes {holes:,}, bytes that no buffer ever holds"
    yield (
        f"flash  constants {memory.weights + memory.tables:,} bytes: weights "
        f"{memory.weights:,}, tables {memory.tables:,}"
    )
