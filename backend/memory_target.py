"""
The targets `tinyml-memory`, `tinyml-memory-json` and `tinyml-memory-svg`: the memory of
a network with a plan, as a table, as data, and as a picture.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import IO, Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from tinyml.backend.memory_map import MemoryMap, memory_map
from tinyml.backend.memory_svg import memory_svg
from tinyml.backend.memory_table import memory_table


@dataclass(frozen=True)
class MemoryTarget(Target):
    """Prints a table of what lies in the arena, layer by layer."""

    name = "tinyml-memory"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write(memory_table(memory_map(module)))


@dataclass(frozen=True)
class MemoryJSONTarget(Target):
    """Prints what lies in the arena, layer by layer, as JSON."""

    name = "tinyml-memory-json"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        json.dump(memory_data(memory_map(module)), output, indent=1)
        output.write("\n")


@dataclass(frozen=True)
class MemorySVGTarget(Target):
    """Draws what lies in the arena, layer by layer, as SVG."""

    name = "tinyml-memory-svg"

    title: str | None = None
    """The heading instead of the name of the network's function."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        memory = memory_map(module)
        title = memory.network if self.title is None else self.title
        output.write(memory_svg(replace(memory, network=title)))


def memory_data(memory: MemoryMap) -> dict[str, Any]:
    """A map as JSON has it. Layers name buffers by their position in `buffers`."""
    peak = memory.peak
    return {
        "net": memory.network,
        "arena": memory.arena,
        "lower_bound": memory.lower_bound,
        "peak": None
        if peak is None
        else {
            "layer": peak,
            "name": memory.steps[peak].name,
            "bytes": memory.live[peak],
        },
        "holes": memory.holes,
        "weights": memory.weights,
        "tables": memory.tables,
        "buffers": [
            {
                "name": place.name,
                "kind": place.kind,
                "shape": place.shape,
                "at": place.at,
                "bytes": place.size,
                "first": place.first,
                "last": place.last,
            }
            for place in memory.places
        ],
        "layers": [
            {
                "index": step.index,
                "op": step.op,
                "name": step.name,
                "live_bytes": live,
                "inputs": step.inputs,
                "output": step.output,
                "scratch": step.scratch,
                "constants": {name: memory.constants[name] for name in step.constants},
            }
            for step, live in zip(memory.steps, memory.live, strict=True)
        ],
    }
