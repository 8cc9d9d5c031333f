"""
From what each call of a run cost to what each layer and each kind of layer cost.

Layers are the calls of kernels in the network's body, in order, as the report has them.
A layer's cost includes all that its kernel calls, but not the user's functions that
read inputs. Layers of a kind do like work (`layer_kind`), so their cycles per
multiply-accumulate, or per element where there are none, compare across networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinyml.backend.block_profile import is_harness
from tinyml.backend.call_tree import CallProfile

STAGE = "stage"
"""The kind of what a stage does besides calling kernels."""


@dataclass(frozen=True)
class LayerProfile:
    """What a layer cost, with all that its kernel calls."""

    kernel: str
    kind: str
    macs: int
    elements: int
    instructions: int
    cycles_estimated: int


@dataclass
class KindProfile:
    """What all layers of a kind cost."""

    kind: str
    layers: int = 0
    macs: int = 0
    elements: int = 0
    instructions: int = 0
    cycles_estimated: int = 0


@dataclass
class NetworkProfile:
    """Where one inference went."""

    layers: list[LayerProfile] = field(default_factory=list[LayerProfile])
    kinds: list[KindProfile] = field(default_factory=list[KindProfile])
    """Most cycles first."""


def source_name(function: str) -> str:
    """The name in the C of a function, of which compilers make variants."""
    return function.partition(".")[0]


def profile_network(
    calls: CallProfile | None, report: Mapping[str, Any]
) -> NetworkProfile | None:
    """None if calls were not followed, or if they are not those of the layers."""
    found = [] if calls is None else list(layer_calls(calls, report))
    if not found or len(found) != len(report["layers"]):
        return None
    asked = {f"{report['net']}_read_rows_{i}" for i in range(len(report["inputs"]))}
    profile, kinds = NetworkProfile(), dict[str, KindProfile]()
    stages: Iterator[dict[str, Any]] = iter(report["stages"])
    for call, layer in zip(found, report["layers"], strict=True):
        call = without_users(call, asked)
        profile.layers.append(
            LayerProfile(
                layer["kernel"],
                layer["kind"],
                layer["macs"],
                layer["elements"],
                call.instructions,
                call.cycles,
            )
        )
        stage = next(stages) if layer["op"] == "tinyml.stage" else None
        add_work(kinds, [layer] if stage is None else stage_layers(stage))
        parts = [(layer["kind"], call)]
        if stage is not None:
            parts = stage_parts(call, report["kinds"])
        for kind, part in parts:
            entry = kinds.setdefault(kind, KindProfile(kind))
            entry.instructions += part.instructions
            entry.cycles_estimated += part.cycles
    profile.kinds = sorted(kinds.values(), key=lambda k: (-k.cycles_estimated, k.kind))
    return profile


def layer_calls(call: CallProfile, report: Mapping[str, Any]) -> Iterator[CallProfile]:
    """The calls of layers' kernels that no such call has made."""
    kernels = {layer["kernel"] for layer in report["layers"]}

    def outermost(call: CallProfile) -> Iterator[CallProfile]:
        for made in call.calls:
            if source_name(made.name) in kernels:
                yield made
            else:
                yield from outermost(made)

    return outermost(call)


def without_users(call: CallProfile, users: set[str]) -> CallProfile:
    """A call without what it calls of the harness and of the network's user."""
    return CallProfile(
        call.name,
        call.times,
        call.own_instructions,
        call.own_cycles,
        [
            without_users(made, users)
            for made in call.calls
            if made.name not in users and not is_harness(made.name)
        ],
    )


def stage_layers(stage: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers of a stage of the report, with the work that they do in it."""
    keys = ("kind", "macs", "elements")
    columns = (stage["kinds"], stage["macs"], stage["elements"])
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def add_work(
    kinds: dict[str, KindProfile], layers: Sequence[Mapping[str, Any]]
) -> None:
    for layer in layers:
        entry = kinds.setdefault(layer["kind"], KindProfile(layer["kind"]))
        entry.layers += 1
        entry.macs += layer["macs"]
        entry.elements += layer["elements"]


def stage_parts(
    call: CallProfile, kinds: Mapping[str, str]
) -> list[tuple[str, CallProfile]]:
    """What a stage's kernels cost, and what is left, by kind."""
    parts: list[tuple[str, CallProfile]] = []
    rest: list[CallProfile] = []
    for made in call.calls:
        kind = kinds.get(source_name(made.name))
        if kind is None:
            rest.append(made)
        else:
            parts.append((kind, made))
    own = CallProfile(
        call.name, call.times, call.own_instructions, call.own_cycles, rest
    )
    return [*parts, (STAGE, own)]
