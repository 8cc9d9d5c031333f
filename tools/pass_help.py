"""What `tinyml-opt` says of passes, pipelines and targets: their docstrings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from xdsl.utils.arg_spec import ArgSpecConvertible

from tinyml.passes.pipelines import PIPELINES
from tinyml.universe import PASSES, TARGETS, TINYML_UNIVERSE


def describe(factory: Callable[[], type[Any]]) -> str:
    """A pass or target with its options, from docstring and fields."""
    cls = factory()
    lines = [(cls.__doc__ or "").strip().splitlines()[0]]
    assert issubclass(cls, ArgSpecConvertible)
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING
        default = "required" if required else f"default {field.default}"
        lines.append(f"    {field.name}: {field.type} ({default})")
    return "\n".join(lines)


def list_passes() -> str:
    """Every pass of this project, then the named pipelines."""
    texts = [
        f"{name}\n  {describe(TINYML_UNIVERSE.all_passes[name])}" for name in PASSES
    ]
    texts += [f"@{name}\n  {passes}" for name, passes in PIPELINES.items()]
    return "\n".join(texts)


def list_targets() -> str:
    factories: dict[str, Any] = dict(TINYML_UNIVERSE.all_targets)
    return "\n".join(f"{name}\n  {describe(factories[name])}" for name in TARGETS)
