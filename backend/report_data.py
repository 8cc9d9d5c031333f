"""
What `tinyml report` tells of: a directory that `tinyml compile` wrote, read again.

The passes that made the network stand in its report; run again over the imported IR, up
to where layers become loops, they give the network with its stages, kernels and
offsets. Nothing else is needed, and nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException
from xdsl.utils.hints import isa

from tinyml.backend.compiler import run_pipeline
from tinyml.backend.memory_map import MemoryMap, memory_map
from tinyml.backend.pareto import ParetoFront, ParetoOptions, Point, Tell, pareto
from tinyml.backend.runner import load_report
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.stage import StageOp
from tinyml.frontend.load import load_model
from tinyml.passes.layer_kind import layer_kind
from tinyml.passes.pipelines import FOLDING, LOOPS

LAYER_BY_LAYER = f"tinyml-number-layers,{FOLDING},tinyml-plan-memory"
"""
What a network takes without any of this: folded, layer by layer in the model's order,
every buffer whole, none upon another while both live, no scratch memory.
"""


RUN_KEYS = frozenset(
    {"cycles_estimated", "functions", "instructions", "outputs_equal", "profile"}
)
"""What a page tells of a run."""


@dataclass(frozen=True)
class LayerRow:
    """A layer of the compiled network, in a stage or not. Bytes; cycles estimated."""

    number: int
    op: str
    """Without `tinyml.`"""
    name: str
    kind: str
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    kernel: str
    """How it is computed."""
    stage: int | None
    """The number of its stage, from 0."""
    macs: int
    live: int
    """Needed while it runs, or its stage."""
    constants: int
    """Weights and tables that it names."""
    cycles: int | None


@dataclass(frozen=True)
class ReportData:
    """A compiled network."""

    report: Mapping[str, Any]
    network: ModuleOp
    """Layers and stages, with kernels and offsets."""
    before: MemoryMap
    """Of the network `LAYER_BY_LAYER`."""
    after: MemoryMap
    """Of the network as it was compiled."""

    @cached_property
    def layers(self) -> list[LayerOp]:
        """Layers and stages, as in the report."""
        return layers(network_function(self.network))

    @property
    def stages(self) -> list[StageOp]:
        return [layer for layer in self.layers if isinstance(layer, StageOp)]

    @cached_property
    def rows(self) -> list[LayerRow]:
        """All layers in order, those of stages one by one."""
        return list(self.make_rows())

    def make_rows(self) -> Iterator[LayerRow]:
        number, stages = 0, iter(self.report["stages"])
        stage = -1
        for layer, told in zip(self.layers, self.report["layers"], strict=True):
            inner, within, shares = (
                [layer],
                None,
                [(told["macs"], told["cycles_estimated"])],
            )
            if isinstance(layer, StageOp):
                stage, within, inner = stage + 1, stage + 1, list(layer.layers)
                part = next(stages)
                cycles = part["cycles_estimated"] or [None] * len(inner)
                shares = list(zip(part["macs"], cycles, strict=True))
            for op, (macs, cycles) in zip(inner, shares, strict=True):
                yield LayerRow(
                    number,
                    op.name.removeprefix("tinyml."),
                    layer_name(op),
                    layer_kind(op),
                    tuple(shape(value) for value in op.layer_inputs),
                    shape(op.layer_output),
                    kernel_text(op),
                    within,
                    macs,
                    told["live_bytes"],
                    sum(buffer_bytes(type) for _, type in op.constants().values()),
                    cycles,
                )
                number += 1


def kernel_text(op: LayerOp) -> str:
    """How a layer is computed, as its attribute says: `forward, dot`."""
    kernel = op.attributes.get("tinyml.kernel")
    text = "" if kernel is None else str(kernel)
    return text.partition("<")[2].rpartition(">")[0]


def whole_bytes(buffer: SSAValue) -> int:
    return buffer_bytes(buffer_type(buffer))


def load_report_data(directory: Path) -> ReportData:
    """
    What a directory tells. Raises DiagnosticException if it is not what this version
    of `tinyml compile` wrote.
    """
    report = load_report(directory)
    pipeline = report.get("pipeline")
    loops = LOOPS.search(pipeline) if isinstance(pipeline, str) else None
    if loops is None or not isinstance(pipeline, str):
        raise DiagnosticException(
            f"{directory / 'report.json'}: it does not name the passes that made the "
            "network; compile the model again"
        )
    source = directory / f"{report['net']}.mlir"
    network = load_model(source)
    before = network.clone()
    run_pipeline(before, LAYER_BY_LAYER, each=False)
    run_pipeline(network, pipeline[: loops.start()].rstrip(","), each=False)
    lowered = network.clone()
    run_pipeline(lowered, "tinyml-lower-stages", each=False)
    named = [
        dataclasses.replace(memory_map(module), network=report["net"])
        for module in (before, lowered)
    ]
    found = ReportData(report, network, *named)
    made = found.after.arena, len(found.layers)
    if made != (report["ram"]["arena"], len(report["layers"])):
        raise DiagnosticException(
            f"{source}: the passes of report.json make an arena of {made[0]} bytes and "
            f"{made[1]} layers of it, not {report['ram']['arena']} bytes and "
            f"{len(report['layers'])} layers; compile the model again"
        )
    return found


def read_run(path: Path, report: Mapping[str, Any]) -> dict[str, Any]:
    """The result that `tinyml run --json` wrote, if it is of the network."""
    try:
        run: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DiagnosticException(f"{path}: {error.strerror}") from error
    except (RecursionError, ValueError):
        run = None
    if not isa(run, dict[str, Any]) or not RUN_KEYS <= run.keys():
        raise DiagnosticException(f"{path}: this is not what tinyml run --json wrote")
    profile = run["profile"]
    kernels = [layer["kernel"] for layer in report["layers"]]
    if profile and [layer["kernel"] for layer in profile["layers"]] != kernels:
        raise DiagnosticException(
            f"{path}: it is a run of another network than {report['net']}"
        )
    return run


def search_front(directory: Path, report: Mapping[str, Any], tell: Tell) -> ParetoFront:
    """The front of a compiled network: bytes of the arena against work."""
    modes = {port["mode"] for port in report["inputs"]} - {"resident"}
    options = ParetoOptions(input=modes.pop() if modes else "resident")
    front = pareto(directory / f"{report['net']}.mlir", options, tell)
    return dataclasses.replace(front, model=report["model"])


def read_front(path: Path, report: Mapping[str, Any]) -> ParetoFront:
    """The front that `tinyml pareto --json` wrote, if it is of the network."""
    try:
        data = json.loads(path.read_text("utf-8"))
        by_layer = Point(**data["layer_by_layer"])
        points = tuple(
            Point(point["arena"], point["macs"], point["plan"])
            for point in data["points"]
        )
        front = ParetoFront(
            data["model"],
            data["input"],
            data["io"],
            tuple(data["image"]),
            data["macs_model"],
            by_layer,
            points,
        )
    except OSError as error:
        raise DiagnosticException(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise DiagnosticException(
            f"{path}: this is not what tinyml pareto --json wrote"
        ) from error
    if front.macs_model != report["macs_model"]:
        raise DiagnosticException(
            f"{path}: it is of a network of {front.macs_model} multiply-accumulates, "
            f"{report['net']} has {report['macs_model']}"
        )
    return front
