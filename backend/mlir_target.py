"""The target `tinyml-mlir`: textual IR that people read, with long constants elided."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from math import isfinite
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    f32,
)
from xdsl.ir import Attribute
from xdsl.printer import Printer
from xdsl.syntax_printer import SyntaxPrinter
from xdsl.utils.target import Target


class ExactPrinter(Printer):
    """
    Prints floats as numbers. xDSL prints the bits of large ones, and in `dense<...>`
    reads those as an integer.
    """

    def print_float(self, value: float, type: AnyFloat) -> None:
        whole = StringIO()
        Printer(whole).print_float(value, type)
        text = whole.getvalue()
        if isfinite(value) and text.startswith("0x"):
            text = f"{value:.8e}" if type == f32 else f"{value:.16e}"
        self.print_string(text)


class ElidingPrinter(ExactPrinter):
    """Prints `dense<__elided__>` for constants of more than a few elements."""

    longest: int = 16

    def print_attribute(self, attribute: Attribute) -> None:
        if isinstance(attribute, DenseIntOrFPElementsAttr):
            if len(attribute.data.data) > self.longest:
                self.print_string("dense<__elided__> : ")
                return super().print_attribute(attribute.type)
        return super().print_attribute(attribute)


class ElidingSyntaxPrinter(ElidingPrinter, SyntaxPrinter):
    """The same in colours."""


@dataclass(frozen=True)
class MLIRTarget(Target):
    """Prints textual IR; with `elide`, constants are shortened and cannot be parsed."""

    name = "tinyml-mlir"

    elide: bool = True
    """Whether to print long constants as `dense<__elided__>`."""

    debuginfo: bool = False
    """Whether to print locations."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        make = ElidingPrinter if self.elide else ExactPrinter
        make(output, print_debuginfo=self.debuginfo).print_op(module)
        output.write("\n")
