"""
What `tinyml-opt` says of passes, pipelines and targets: their docstrings.

The docstring of a pass's module says what the pass does, expects and guarantees, and
shows IR before and after. The string below a field says what that option is.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any

from tinyml.passes.pipelines import PIPELINES, SUMMARIES
from tinyml.universe import PASSES, TARGETS, TINYML_UNIVERSE


@dataclass(frozen=True)
class Option:
    """An option of a pass or a target, as it is written on a command line."""

    name: str
    type: str
    default: str | None
    """None if it has to be given."""
    text: str

    @property
    def heading(self) -> str:
        told = "required" if self.default is None else f"default {self.default}"
        return f"{self.name}: {self.type} ({told})"


@dataclass(frozen=True)
class Described:
    """What the docstrings of a pass or a target say."""

    name: str
    summary: str
    text: str
    """The module's docstring behind its summary."""
    options: tuple[Option, ...]


def described(name: str) -> Described:
    """The pass or target of a name. Raises LookupError with a message if unknown."""
    factories = known_factories()
    if name not in factories:
        raise LookupError(unknown(name))
    cls = factories[name]()
    module = inspect.getdoc(sys.modules[cls.__module__]) or ""
    summary = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
    # A module of several targets speaks of all of them.
    text = module.partition("\n\n")[2] if name in PASSES else ""
    return Described(name, summary, text.strip(), options_of(cls))


def known_factories() -> Mapping[str, Any]:
    universe = TINYML_UNIVERSE
    passes = {name: universe.all_passes[name] for name in PASSES}
    return passes | {name: universe.all_targets[name] for name in TARGETS}


def unknown(name: str) -> str:
    """What is said of a name that nothing has."""
    names = [*known_factories(), *(f"@{each}" for each in PIPELINES)]
    near = get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no pass, target or pipeline of this project is {name!r}{hint}"


def options_of(cls: type[Any]) -> tuple[Option, ...]:
    """The fields of a dataclass with what stands below them."""
    texts = field_texts(cls)
    return tuple(
        Option(
            field.name.replace("_", "-"),
            str(field.type),
            None if field.default is MISSING else spelled(field.default),
            texts.get(field.name, ""),
        )
        for field in fields(cls)
    )


def spelled(value: object) -> str:
    """A default as it would be given."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value) if value != "" else '""'


def field_texts(cls: type[Any]) -> dict[str, str]:
    """The strings below the fields of a class."""
    (tree,) = ast.parse(inspect.cleandoc(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
            case _:
                pass
    return found


def listed(name: str) -> str:
    """A pass or target in a list."""
    found = described(name)
    lines = [name, f"  {found.summary}"]
    return "\n".join([*lines, *(f"    {option.heading}" for option in found.options)])


def list_passes() -> str:
    """Every pass of this project, then the named pipelines."""
    texts = [listed(name) for name in PASSES]
    texts += [f"@{name}\n  {passes}" for name, passes in PIPELINES.items()]
    return "\n".join(texts)


def list_targets() -> str:
    return "\n".join(listed(name) for name in TARGETS)


def help_pass(name: str) -> str:
    """All that is known of a pass, a target, or a pipeline with or without its `@`."""
    pipeline = name.removeprefix("@")
    if pipeline in PIPELINES:
        passes = PIPELINES[pipeline].replace(",tinyml", ",\n  tinyml")
        return f"@{pipeline}\n\n{SUMMARIES[pipeline]}\n\n  {passes}"
    found = described(name)
    parts = [name, found.summary, found.text]
    if found.options:
        parts.append("Options:")
    for option in found.options:
        parts.append(f"  {option.heading}\n      {option.text}")
    return "\n\n".join(part for part in parts if part)
