"""
Textual IR while a pipeline runs: on stderr around passes, or as files of a folder.

    tinyml-opt FILE -p ... --print-ir-before NAME --print-ir-after NAME
    tinyml-opt FILE -p ... --print-between-passes
    tinyml-opt FILE -p ... --dump-ir-dir DIR
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.backend.mlir_target import ElidingPrinter, ElidingSyntaxPrinter
from tinyml.tools.instrumentation import PassInstrumentation


@dataclass(frozen=True)
class IRStyle:
    """How IR is printed: as `xdsl-opt` would, or with long constants elided."""

    elide: bool = False
    generic: bool = False
    debuginfo: bool = False
    properties_as_attributes: bool = False
    highlight: bool = False

    def text(self, module: ModuleOp) -> str:
        """The module as lines of text."""
        output = StringIO()
        make = ElidingSyntaxPrinter if self.highlight else ElidingPrinter
        printer = make(
            output,
            print_generic_format=self.generic,
            print_properties_as_attributes=self.properties_as_attributes,
            print_debuginfo=self.debuginfo,
        )
        if not self.elide:
            printer.longest = sys.maxsize
        printer.print_op(module)
        return output.getvalue() + "\n"


@dataclass
class PrintIR(PassInstrumentation):
    """Prints the module on stderr before and after some passes."""

    style: IRStyle
    before: Collection[str]
    """Names of passes."""
    after: Collection[str]
    between: int = 0
    """After all passes whose number is below this one."""

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if pass_.name in self.before:
            self.print("Before", pass_, module)

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if number < self.between or pass_.name in self.after:
            self.print("After", pass_, module)

    def print(self, when: str, pass_: ModulePass, module: ModuleOp) -> None:
        """The module under the heading that MLIR's tools have."""
        heading = f"// -----// IR Dump {when} {pass_} //----- //"
        print(heading, self.style.text(module), sep="\n", file=sys.stderr)


@dataclass
class DumpIR(PassInstrumentation):
    """
    Writes `00_input.mlir`, then `01_PASS.mlir`, `02_PASS.mlir` and so on into a folder,
    where they replace those of an earlier run.
    """

    style: IRStyle
    folder: Path

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if number > 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in self.folder.glob("[0-9][0-9]_*.mlir"):
            file.unlink()
        self.write("00_input.mlir", module)

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        self.write(f"{number + 1:02}_{pass_.name}.mlir", module)

    def write(self, name: str, module: ModuleOp) -> None:
        (self.folder / name).write_text(self.style.text(module), "utf-8")
