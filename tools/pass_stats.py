"""
`tinyml-opt --pass-stats`: what each pass does to a module, in numbers.

Ops are counted by dialect before and after; what happened to them is counted as ops
that are new, that are gone, and that stayed but have other attributes or operands.
Arena, multiply-accumulates and cycles are what the IR says behind the pass, where it
does.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Literal

from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.network import layer_calls, layers, network_function
from tinyml.passes.kernel_costs import CYCLES
from tinyml.tools.instrumentation import PassInstrumentation

Format = Literal["text", "json"]


@dataclass(frozen=True)
class PassStats:
    """The numbers of one pass."""

    name: str
    seconds: float
    before: Mapping[str, int]
    """Ops by dialect."""
    after: Mapping[str, int]
    added: int
    removed: int
    changed: int
    arena: int | None
    macs: int | None
    cycles: int | None


@dataclass(frozen=True)
class Content:
    """What an op holds besides its regions."""

    attributes: Mapping[str, Attribute]
    properties: Mapping[str, Attribute]
    operands: tuple[SSAValue, ...]


def contents(module: ModuleOp) -> dict[Operation, Content]:
    """All ops of a module, which stay themselves while they are in it."""
    return {
        op: Content(dict(op.attributes), dict(op.properties), tuple(op.operands))
        for op in module.walk()
    }


def by_dialect(ops: Mapping[Operation, Content]) -> dict[str, int]:
    return dict(sorted(Counter(op.dialect_name() for op in ops).items()))


@dataclass
class PassStatistics(PassInstrumentation):
    """Collects the numbers of all passes, and writes them in the end."""

    format: Format
    file: Path | None
    """stderr if there is none."""
    found: list[PassStats] = field(default_factory=list[PassStats])
    seen: dict[Operation, Content] = field(default_factory=dict[Operation, Content])
    started: float = 0.0
    seconds: float = 0.0

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if number == 0:
            self.seen = contents(module)
        self.started = perf_counter()

    def before_verify(self, number: int, pass_: ModulePass) -> None:
        self.seconds = perf_counter() - self.started

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        before, after = self.seen, contents(module)
        kept = before.keys() & after.keys()
        macs, cycles = work(module)
        self.found.append(
            PassStats(
                str(pass_),
                round(self.seconds, 6),
                by_dialect(before),
                by_dialect(after),
                len(after) - len(kept),
                len(before) - len(kept),
                sum(before[op] != after[op] for op in kept),
                arena_bytes(module),
                macs,
                cycles,
            )
        )
        self.seen = after

    def finish(self) -> None:
        if self.format == "json":
            text = json.dumps([asdict(each) for each in self.found], indent=1) + "\n"
        else:
            text = table(self.found)
        if self.file is None:
            print(text, end="", file=sys.stderr)
        else:
            self.file.write_text(text, "utf-8")


def arena_bytes(module: ModuleOp) -> int | None:
    """The size of the arena, once it is planned."""
    for op in module.ops:
        if isinstance(op, func.FuncOp):
            size = op.attributes.get("tinyml.arena_bytes")
            if isinstance(size, IntegerAttr):
                return size.value.data
    return None


def work(module: ModuleOp) -> tuple[int | None, int | None]:
    """Multiply-accumulates and estimated cycles of all layers, or of their calls."""
    calls = layer_calls(module)
    if calls:
        return total(calls, "tinyml.macs"), total(calls, CYCLES)
    try:
        found = layers(network_function(module))
    except DiagnosticException:
        # No network, or none any more.
        return None, None
    return sum(layer.macs() for layer in found), total(found, CYCLES)


def total(ops: Sequence[Operation], key: str) -> int | None:
    """The sum of an attribute over those that have it; None if none has."""
    values = [op.attributes.get(key) for op in ops]
    numbers = [value.value.data for value in values if isinstance(value, IntegerAttr)]
    return sum(numbers) if numbers else None


HEADINGS = [
    *("seconds", "ops", "new", "gone", "changed", "arena", "macs", "cycles", "pass")
]


def table(found: list[PassStats]) -> str:
    """A line for each pass."""
    rows: list[list[str]] = [HEADINGS]
    for each in found:
        known = [each.arena, each.macs, each.cycles]
        numbers = [sum(each.after.values()), each.added, each.removed, each.changed]
        texts = ["-" if number is None else str(number) for number in known]
        rows.append([f"{each.seconds:.4f}", *map(str, numbers), *texts, each.name])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(
            [*(c.rjust(w) for c, w in zip(row[:-1], widths, strict=False)), row[-1]]
        )
        + "\n"
        for row in rows
    )
