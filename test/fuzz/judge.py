"""
The rule: a file is imported, or refused in one line; whatever is imported is valid IR
that prints and parses back, and becomes C or is refused in one line.
"""

from __future__ import annotations

import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.c_package import c_package
from tinyml.backend.compiler import run_pipeline, textual_ir
from tinyml.frontend.load import load_model, parse_mlir
from tinyml.tools.errors import describe_error

LONGEST_MESSAGE = 1000
"""Characters. A list of all operators that are supported has its place in a message."""

Outcome = Literal["imported", "refused", "failed"]


@dataclass(frozen=True)
class Verdict:
    """What became of a file, and what was said about it."""

    outcome: Outcome
    message: str = ""


def judge(path: Path, compile: bool) -> Verdict:
    """Imports a file, and compiles what comes of it if asked."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return _judge(path, compile)
        except Exception:
            return Verdict("failed", traceback.format_exc())


def _judge(path: Path, compile: bool) -> Verdict:
    try:
        module = load_model(path)
    except DiagnosticException as error:
        return refused(error)
    text = textual_ir(module)
    again = parse_mlir(text.encode(), "printed.mlir")
    again.verify()
    if not again.is_structurally_equivalent(module):
        return Verdict("failed", "the printed IR reads back as another one")
    if compile:
        try:
            to_c(module)
        except DiagnosticException as error:
            return refused(error)
    return Verdict("imported")


def to_c(module: ModuleOp) -> None:
    """All of `tinyml compile` but the C compiler."""
    run_pipeline(module, "@default")
    c_package(module, "network", "a mutant")


def refused(error: DiagnosticException) -> Verdict:
    message = describe_error(error)
    if len(message) > LONGEST_MESSAGE or not message.isprintable() or not message:
        return Verdict("failed", f"not a line for people: {message[:2000]!r}")
    return Verdict("refused", message)
