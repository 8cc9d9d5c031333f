"""`tinyml-opt --remarks`: what passes did not do, and why, as they say it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, field

from xdsl.dialects import func
from xdsl.dialects.builtin import FileLineColLoc, ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from tinyml.dialects.network import layer_name
from tinyml.passes.remarks import remarks
from tinyml.tools.diagnostics import placed
from tinyml.tools.instrumentation import PassInstrumentation


@dataclass
class PrintRemarks(PassInstrumentation):
    """Prints what each pass has said, once, on stderr behind it."""

    file: str
    passes: Collection[str]
    """Names of those that are listened to; none for all."""
    printed: set[str] = field(default_factory=set[str])

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if self.passes and pass_.name not in self.passes:
            return
        for op in module.walk():
            text = remarks(op).get(pass_.name)
            if text is None:
                continue
            line = self.line(op, f"[{pass_.name}] @{name_of(op)}: {text}")
            if line not in self.printed:
                self.printed.add(line)
                print(line, file=sys.stderr)

    def line(self, op: Operation, text: str) -> str:
        """With the op's place in a text; names of layers are in the remark."""
        known = isinstance(op.location, FileLineColLoc)
        return placed(op if known else None, self.file, text, "remark")


def name_of(op: Operation) -> str:
    """What an op is called in a remark."""
    return op.sym_name.data if isinstance(op, func.FuncOp) else layer_name(op)
