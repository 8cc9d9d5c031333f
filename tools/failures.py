"""How a pipeline fails on a module, so that failures can be told apart."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.load import one_line
from tinyml.tools.instrumentation import (
    PassInstrumentation,
    PassReached,
    run_passes,
)

DETAIL = re.compile(r'"[^"]*"|[@%#][\w.]+|\([^)]*\)|<[^>]*>|-?\d+')
"""Names and numbers in a message, which change as a module gets smaller."""


@dataclass(frozen=True)
class Failure:
    """Two failures are equal if the same is wrong, whatever the network is."""

    pass_name: str
    type: type[Exception]
    what: str
    """The message without names and numbers, or the line of code that crashed."""


def failure_of(
    ctx: Context,
    passes: Sequence[ModulePass],
    module: ModuleOp,
    observers: Sequence[PassInstrumentation] = (),
) -> Failure | None:
    """
    How passes fail on a module, which they change, or observers find them wrong; None
    if they do not.
    """
    reached = PassReached()
    try:
        with redirect_stderr(StringIO()):
            run_passes(ctx, module, passes, [*observers, reached])
    except Exception as error:
        return Failure(reached.name or "", type(error), what_failed(error))
    return None


def what_failed(error: Exception) -> str:
    if isinstance(error, DiagnosticException):
        return DETAIL.sub("", one_line(error))
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
