"""The target `tinyml-c`: a lowered module as C99 on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from tinyml.backend.c_printer import print_code, print_constants


@dataclass(frozen=True)
class CTarget(Target):
    """Prints a module of func, scf, memref, arith and acle ops as C99."""

    name = "tinyml-c"

    part: Literal["all", "code", "constants"] = "all"
    """What to print: functions, constants, or both."""

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        output.write("#include <stdint.h>\n\n")
        if self.part != "constants":
            print_code(output, module)
        if self.part != "code":
            print_constants(output, module)
