"""
Errors of one line that say where: `FILE:LINE:COLUMN: error: MESSAGE`.

An op that was read from text has its line and column, one of a model the name of its
layer: `MODEL: error: "LAYER": MESSAGE`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xdsl.dialects.builtin import FileLineColLoc, ModuleOp, NameLoc
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

from tinyml.frontend.load import one_line
from tinyml.passes.failure import failed_op


class PlacedError(Exception):
    """
    An error whose text is the whole line for the user; no DiagnosticException, which
    `--verify-diagnostics` takes for what it looks for.
    """


def placed(op: Operation | None, file: str, message: str, kind: str = "error") -> str:
    """The line for something that is told of an op, or else of the whole file."""
    location = None if op is None else op.location
    match location:
        case FileLineColLoc(filename=name, line=line, column=column):
            return f"{name.data}:{line.data}:{column.data}: {kind}: {message}"
        case NameLoc(desc=name):
            return f'{file}: {kind}: "{name.data}": {message}'
        case _:
            return f"{file}: {kind}: {message}"


def parse_error(error: ParseError, line_offset: int = 0) -> PlacedError:
    """What is wrong with a text."""
    span = replace(error.span, line_offset=line_offset)
    return PlacedError(f"{span.get_location()}: error: {one_line_of(error.msg)}")


def reproduced(reproducer: Path | None) -> str:
    """What names the file that shows a failure again, if there is one."""
    return "" if reproducer is None else f" (again with {reproducer})"


def pass_error(
    error: DiagnosticException, file: str, pass_name: str, reproducer: Path | None
) -> PlacedError:
    """What a pass cannot do, at the op if it says which."""
    op, message = failed_op(error), one_line(error)
    if op is not None and isinstance(op.location, NameLoc):
        # Most messages name the layer.
        op = None if op.location.desc.data in message else op
    return PlacedError(
        placed(op, file, f"{pass_name}: {message}{reproduced(reproducer)}")
    )


def verifier_error(
    module: ModuleOp, file: str, pass_name: str | None, reproducer: Path | None = None
) -> PlacedError:
    """What does not verify, and behind which pass; None for what was read."""
    op, message = unverified(module)
    name = "" if op is None else f"'{op.name}' op "
    behind = "" if pass_name is None else f" (after {pass_name})"
    return PlacedError(
        placed(op, file, f"{name}{message}{behind}{reproduced(reproducer)}")
    )


def unverified(module: ModuleOp) -> tuple[Operation | None, str]:
    """The innermost op that does not verify, and why; None if that is unknown."""
    for op in module.walk(reverse=True):
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as error:
            return op, one_line(error)
    try:
        module.verify()
    except VerifyException as error:
        return None, one_line(error)
    return None, "does not verify"


def one_line_of(message: str) -> str:
    """A message without its line breaks."""
    return one_line(DiagnosticException(message))
