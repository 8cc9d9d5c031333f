"""
Runs the passes of a pipeline, and tells observers of each of them.

An observer is what MLIR calls pass instrumentation: it sees the module before and after
every pass and must not change it. `tinyml-opt` has one for each of its options that
look at a pipeline from outside.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


class PassInstrumentation:
    """
    What looks on while passes run. Numbers of passes count from 0; what an observer
    raises ends the pipeline. Where there are several, each is told before a pass behind
    those that come before it in their list, and after it in front of them: the last one
    is nearest to the pass.
    """

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        """Called with the module that the pass is about to change."""

    def before_verify(self, number: int, pass_: ModulePass) -> None:
        """Called when the pass has returned."""

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        """Called with what the pass has made."""

    def after_failure(self, number: int, pass_: ModulePass, error: Exception) -> None:
        """
        Called if the pass has raised, or made a module that does not verify, or if an
        observer has raised before or after it.
        """

    def finish(self) -> None:
        """Called once, when the last module is done or the first has failed."""


@dataclass
class PassReached(PassInstrumentation):
    """Knows the pass that runs or ran last."""

    name: str | None = None
    """None before the first one."""

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        self.name = pass_.name


class PassCrash(Exception):
    """
    A bug in a pass, which has raised what is no message to the user, and the file that
    shows it again.
    """

    def __init__(self, pass_name: str, reproducer: Path | None):
        super().__init__(pass_name)
        self.pass_name = pass_name
        self.reproducer = reproducer


def run_passes(
    ctx: Context,
    module: ModuleOp,
    passes: Sequence[ModulePass],
    observers: Sequence[PassInstrumentation] = (),
    verified: Collection[int] | None = None,
) -> None:
    """
    Runs passes over a module, which is verified before, between and after them, or only
    before the passes of these numbers and, for one behind the last, at the end.
    """
    if verified is None:
        verified = range(len(passes) + 1)
    if 0 in verified:
        module.verify()
    nearest_first = observers[::-1]
    for number, pass_ in enumerate(passes):
        try:
            for observer in observers:
                observer.before_pass(number, pass_, module)
            pass_.apply(ctx, module)
            for observer in nearest_first:
                observer.before_verify(number, pass_)
            if number + 1 in verified:
                module.verify()
            for observer in nearest_first:
                observer.after_pass(number, pass_, module)
        except Exception as error:
            for observer in nearest_first:
                observer.after_failure(number, pass_, error)
            raise
