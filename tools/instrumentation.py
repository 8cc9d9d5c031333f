"""
Runs the passes of a pipeline, and tells observers of each of them.

An observer is what MLIR calls pass instrumentation: it sees the module before and after
every pass and must not change it. `tinyml-opt` has one for each of its options that
look at a pipeline from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass


class PassInstrumentation:
    """
    What looks on while passes run. Numbers of passes count from 0; what an observer
    raises ends the pipeline.
    """

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        """Called with the module that the pass is about to change."""

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        """Called with what the pass has made, which is verified."""

    def after_failure(self, number: int, pass_: ModulePass, error: Exception) -> None:
        """Called if the pass has raised, or made a module that does not verify."""


def run_passes(
    ctx: Context,
    module: ModuleOp,
    passes: Sequence[ModulePass],
    observers: Sequence[PassInstrumentation] = (),
    verify: bool = True,
) -> None:
    """Runs passes over a module, which is verified before, between and after them."""
    if verify:
        module.verify()
    for number, pass_ in enumerate(passes):
        for observer in observers:
            observer.before_pass(number, pass_, module)
        try:
            pass_.apply(ctx, module)
            if verify:
                module.verify()
        except Exception as error:
            for observer in observers:
                observer.after_failure(number, pass_, error)
            raise
        for observer in observers:
            observer.after_pass(number, pass_, module)
