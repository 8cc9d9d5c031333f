"""
A file that shows a failure of a pass again: the passes that are left, on the module as
it was before the pass that failed.

The passes before that one are not watched for it. Passes are deterministic, so they are
run again, on a copy of the first module, when one has failed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, ShrinkException

from tinyml.tools.instrumentation import PassInstrumentation
from tinyml.tools.print_ir import IRStyle


@dataclass
class CrashReproducer(PassInstrumentation):
    """Writes the file when a pass crashes, or with `always` when it fails at all."""

    ctx: Context
    passes: Sequence[ModulePass]
    options: Sequence[str]
    """What else `tinyml-opt` needs, such as `--load`."""
    file: Path
    always: bool = False
    written: Path | None = field(default=None, init=False)
    input: ModuleOp | None = field(default=None, init=False)

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if number == 0:
            self.input = module.clone()

    def after_failure(self, number: int, pass_: ModulePass, error: Exception) -> None:
        told = isinstance(error, DiagnosticException | ShrinkException)
        if self.input is None or (told and not self.always):
            return
        for done in self.passes[:number]:
            done.apply(self.ctx, self.input)
        left = ",".join(str(each) for each in self.passes[number:])
        options = shlex.join([*self.options, "-p", left])
        module = IRStyle(debuginfo=True).text(self.input)
        text = f"// RUN: tinyml-opt %s {options}\n{module}"
        self.file.write_text(text, "utf-8")
        self.written = self.file
