"""
A network beside its peers: the table of `tinyml bench --peers`.

Peers ran on the same simulated cores, with the same cycle model, on the same networks.
Their cycles are estimates, as ours are. What boards measured stands in milliseconds;
the cycles beside it are converted to those of the model, and rough.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from tinyml.backend.bench import BenchOptions, BenchRow, bench_models

BASELINES = Path(__file__).parent / "baselines.json"
"""What the peers take on the same simulated cores."""

CMSIS_NN = "TFLite Micro + CMSIS-NN"


@dataclass(frozen=True)
class Peer:
    """What another engine takes for a network on a core. Bytes."""

    core: str
    model: str
    peer: str
    arithmetic: str
    """`exact`, `inexact`, or `incomplete`, which leaves work out."""
    instructions: int
    cycles_estimated: int
    arena: int
    static: int
    stack: int
    ram: int
    """arena + static + stack."""
    code: int | None
    """With read-only data, and without the model's; None if it is not known."""


@dataclass(frozen=True)
class Board:
    """The record of a network on a board, and about what that is in model cycles."""

    core: str
    model: str
    engine: str
    board: str
    mhz: int
    ms: float
    model_cycles: int


@cache
def baselines() -> Mapping[str, Any]:
    return json.loads(BASELINES.read_text())


def peers(core: str, model: str) -> list[Peer]:
    """The peers of a network on a core."""
    keys = [field.name for field in fields(Peer)]
    every = [Peer(**{key: row[key] for key in keys}) for row in baselines()["peers"]]
    return [peer for peer in every if (peer.core, peer.model) == (core, model)]


def boards(core: str, model: str) -> list[Board]:
    every = [Board(**row) for row in baselines()["boards"]]
    return [board for board in every if (board.core, board.model) == (core, model)]


def cmsis_nn(core: str, model: str, io: str) -> Peer | None:
    """What TFLite Micro with CMSIS-NN takes for the same network."""
    if baselines()["io"].get(model) != io:
        return None
    return next((peer for peer in peers(core, model) if peer.peer == CMSIS_NN), None)


def bench_peers(
    folder: Path, names: Sequence[str], options: BenchOptions, io: str | None
) -> Iterator[BenchRow]:
    """
    A row for each of the named networks, or of those that peers were run on, with the
    inputs and outputs that they were run with.
    """
    run: Mapping[str, str] = baselines()["io"]
    for model in names or [model for model, of in run.items() if io in (None, of)]:
        with_io = replace(options, io=io or run.get(model, "model"))
        yield from bench_models(folder, [model], with_io)


COLUMNS = (
    "network",
    "core",
    "beside",
    "arithmetic",
    "cycles est.",
    "theirs est.",
    "ratio",
    "RAM",
    "theirs",
    "ratio",
    "code",
    "theirs",
    "ratio",
)
WIDTHS = (20, 10, 42, 10, 13, 13, 5, 8, 9, 5, 7, 7, 5)


def own_code(report: Mapping[str, Any]) -> int:
    """Code and read-only data without weights and what requantizes."""
    return report["flash"]["code"] + report["flash"]["lookup"]


def triple(ours: int, theirs: int | None) -> list[str]:
    if theirs is None:
        return [f"{ours:,}", "", ""]
    return [f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f}"]


def peer_cells(
    core: str, model: str, io: str, report: Mapping[str, Any], result: Mapping[str, Any]
) -> Iterator[list[str]]:
    """A row of texts for each peer and each record of a board."""
    if baselines()["io"].get(model) != io:
        return
    cycles, ram = result["cycles_estimated"], report["ram"]["total"]
    for peer in peers(core, model):
        yield [
            *(model, core, peer.peer, peer.arithmetic),
            *triple(cycles, peer.cycles_estimated),
            *triple(ram, peer.ram),
            *triple(own_code(report), peer.code),
        ]
    for board in boards(core, model):
        named = f"{board.engine}, {board.board}: {board.ms:g} ms"
        ours, theirs, ratio = triple(cycles, board.model_cycles)
        yield [
            *(model, core, named, "measured"),
            *(ours, f"~{theirs}", f"~{ratio}"),
            *[""] * (len(COLUMNS) - 7),
        ]


NOTES: Sequence[str] = (
    "Cycles are estimated at zero wait states, ours and theirs by the same model,",
    "never measured. Boards measured milliseconds; the cycles beside them are about",
    "what that is in cycles of the model. `inexact` engines give other outputs than",
    "TFLite's reference, `incomplete` ones leave work out. RAM is arena, static data",
    "and stack; code includes read-only data, but neither weights nor what",
    "requantizes.",
)
