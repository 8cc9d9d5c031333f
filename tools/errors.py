"""What the command lines say of an exception: one line, whatever it is."""

from __future__ import annotations

from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
)

from tinyml.backend.compiler_process import ToolchainError
from tinyml.backend.raw_run import SimulatorError
from tinyml.backend.target_machine import TargetError
from tinyml.frontend.load import one_line
from tinyml.tools.diagnostics import PlacedError
from tinyml.tools.instrumentation import PassCrash

USER_ERRORS = (
    ArgSpecParseError,
    DiagnosticException,
    OSError,
    ParseError,
    SimulatorError,
    TargetError,
    ToolchainError,
)
"""Errors that tell the user what is wrong with what was asked for."""


def error_line(program: str, error: BaseException) -> str:
    """The line for the user, which begins with the place or the program."""
    if isinstance(error, PlacedError):
        return str(error)
    return f"{program}: {describe_error(error)}"


def describe_error(error: BaseException) -> str:
    """The sentence of a user's error; anything else is a bug and says so."""
    if isinstance(error, USER_ERRORS):
        return one_line(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    what, file = "internal error, please report it", ""
    if isinstance(error, PassCrash):
        what = f"internal error in {error.pass_name}, please report it"
        file = f" with {error.reproducer}" if error.reproducer else ""
        error = error.__cause__ or error
    return (
        f"{what}{file}: {type(error).__name__}: {one_line(error)} "
        "(--debug shows where it comes from)"
    )
