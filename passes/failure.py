"""Failures of a pass that know the op that they are about."""

from __future__ import annotations

from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException, PassFailedException


class FailedAtOp(PassFailedException):
    """What a pass cannot do with an op; `tinyml-opt` says where that is."""

    def __init__(self, op: Operation, message: str):
        super().__init__(message)
        self.op = op


def failed_op(error: DiagnosticException) -> Operation | None:
    """The op that a failure is about, if it is known."""
    return error.op if isinstance(error, FailedAtOp) else None
