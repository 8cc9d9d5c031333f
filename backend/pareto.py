"""
Arena against multiply-accumulates: the stage plans of a network that no other beats.

The work of `tinyml pareto`. The search compares estimates; each plan it finds is then
made and placed in the arena by the passes that `tinyml compile` runs, and what is
beaten after that is dropped. So the bytes and the multiply-accumulates of a point are
those that `report.json` has when its plan is compiled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.passes import PassPipeline
from xdsl.universe import Universe
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.compiler import MOST_EXTRA, run_pipeline
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function, network_inputs
from tinyml.frontend.load import load_model
from tinyml.passes.pipelines import FOLDING, LOWERING, staged
from tinyml.passes.plan_stages import front_of, make_stages, plan_text
from tinyml.passes.stage_search import StagePlan

PLANS = ("tinyml-stream{", "tinyml-patch{")
"""What the text of a plan begins with."""

BEFORE, BEHIND = staged("here").removesuffix(f",{LOWERING}").split(",here,")
"""The passes before those that make stages, and behind them up to a plan of memory."""

Tell = Callable[[str, int, int], None]
"""Told what is being done, and how many steps of how many are."""


@dataclass(frozen=True)
class Point:
    """A plan: bytes of the arena, multiply-accumulates executed, the passes it is."""

    arena: int
    macs: int
    plan: str
    """Empty for layer by layer."""

    @property
    def stages(self) -> int:
        return len(re.findall(r"tinyml-\w+\{", self.plan))

    @property
    def strips(self) -> int:
        """The most of a stage."""
        return max(map(int, re.findall(r"columns=(\d+)", self.plan)), default=1)


@dataclass(frozen=True)
class ParetoFront:
    """The points of a network, least bytes first, and the network layer by layer."""

    model: str
    input: str
    io: str
    image: tuple[int, ...]
    """The shape of the model's first input."""
    macs_model: int
    layer_by_layer: Point
    points: tuple[Point, ...]

    def extra(self, point: Point) -> float:
        """Work done more than once, in percent."""
        plain = self.layer_by_layer.macs
        return 100 * (point.macs / plain - 1) if plain else 0.0

    def data(self) -> dict[str, Any]:
        found = asdict(self)
        for point, place in zip(self.points, found["points"], strict=True):
            place["extra_percent"] = round(self.extra(point), 3)
        return found


@dataclass(frozen=True)
class ParetoOptions:
    """What `tinyml pareto` is asked for, as in `CompileOptions`."""

    quantized_io: bool = False
    input: str = "resident"
    max_extra_macs: float = MOST_EXTRA

    @property
    def io(self) -> str:
        return "quantized" if self.quantized_io else "model"


def pareto(
    path: Path, options: ParetoOptions, tell: Tell = lambda what, done, of: None
) -> ParetoFront:
    """The front of a model file. Raises as `compile_model` does."""
    tell("reading the model", 0, 1)
    module = load_model(path)
    if options.quantized_io:
        run_pipeline(module, "tinyml-quantized-io")
    return front_of_network(module, path.name, options, tell)


def front_of_network(
    module: ModuleOp,
    name: str,
    options: ParetoOptions,
    tell: Tell = lambda what, done, of: None,
    folding: str = FOLDING,
) -> ParetoFront:
    """The front of a network as it was imported, after passes that fold layers."""
    function = network_function(module)
    macs_model = sum(layer.macs() for layer in layers(function))
    image = shape(network_inputs(function)[0].value)
    tell("preparing the network", 0, 1)
    if options.input != "resident":
        run_pipeline(module, f"tinyml-read-input{{mode={options.input}}}")
    run_pipeline(module, BEFORE.replace(FOLDING, folding))
    macs = sum(layer.macs() for layer in layers(function))
    tell("searching plans", 0, 1)
    most_extra = int(macs * options.max_extra_macs / 100)
    plans = [StagePlan(0, 0, ()), *front_of(function, 0, most_extra)]
    found: list[Point] = []
    for number, plan in enumerate(plans):
        tell("placing buffers", number, len(plans))
        work = macs + sum(stage.extra for stage in plan.stages)
        found.append(Point(planned_arena(module, plan), work, plan_text(plan)))
    points = unbeaten(found)
    return ParetoFront(
        name, options.input, options.io, image, macs_model, found[0], points
    )


def planned_arena(module: ModuleOp, plan: StagePlan) -> int:
    """Bytes of the arena of a network with the stages of a plan."""
    copy = module.clone()
    make_stages(network_function(copy), plan)
    # Verified when the plan is compiled; here that would take most of the time.
    passes = dict(Universe.get_multiverse().all_passes)
    PassPipeline.parse_spec(passes, BEHIND).apply(Context(), copy)
    size = network_function(copy).attributes["tinyml.arena_bytes"]
    assert isinstance(size, IntegerAttr)
    return size.value.data


def unbeaten(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points that no other beats, least bytes first; of equals the first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.arena, p.macs)):
        if not kept or point.macs < kept[-1].macs:
            kept.append(point)
    return tuple(kept)


# Files and text


def read_plan(text: str, input: str, io: str) -> str:
    """
    The passes of a plan, from `FILE`, or `FILE.json:N` for point N of a front, which
    has to be of this input and this boundary.
    """
    name, colon, number = text.rpartition(":")
    if colon and number.isdecimal() and name.endswith(".json"):
        return plan_of_point(Path(name), int(number), input, io)
    content = read_text(text).strip()
    if not content.startswith(PLANS):
        raise DiagnosticException(
            f"--stages {text} is not a stage plan: it does not begin with "
            f"{' or '.join(PLANS)}, nor is it FILE.json:N, point N of what tinyml "
            "pareto wrote"
        )
    return content


def read_text(path: str | Path) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DiagnosticException(
            f"--stages {path}: {error}; expected auto, off, a file with a plan, or "
            "FILE.json:N, point N of what tinyml pareto wrote"
        ) from error


def plan_of_point(path: Path, number: int, input: str, io: str) -> str:
    text = read_text(path)
    try:
        front = json.loads(text)
        plans = [str(point["plan"]) for point in front["points"]]
        made = {"input": str(front["input"]), "io": str(front["io"])}
    except (ValueError, TypeError, KeyError) as error:
        raise DiagnosticException(
            f"--stages {path}:{number}: this is not what tinyml pareto wrote"
        ) from error
    if not 1 <= number <= len(plans):
        raise DiagnosticException(
            f"--stages {path}:{number}: there are points 1 to {len(plans)}"
        )
    for option, asked in (("input", input), ("io", io)):
        if made[option] != asked:
            raise DiagnosticException(
                f"--stages {path}:{number}: made with --{option} {made[option]}, "
                f"which numbers layers in another way than --{option} {asked}"
            )
    return plans[number - 1]


COLUMNS = ("point", "arena", "KiB", "MACs", "extra", "stages", "strips")


def table(front: ParetoFront) -> str:
    """The points for a terminal, layer by layer below them."""

    def row(name: str, point: Point) -> tuple[str, ...]:
        return (
            name,
            f"{point.arena:,}",
            f"{point.arena / 1024:.1f}",
            f"{point.macs:,}",
            f"{front.extra(point):+.2f} %",
            str(point.stages),
            str(point.strips),
        )

    rows = [COLUMNS, *(row(str(n), p) for n, p in enumerate(front.points, 1))]
    if front.layer_by_layer not in front.points:
        rows.append(row("layers", front.layer_by_layer))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(lines)
