"""
What the compiler makes of the same C: the table of `tinyml bench --compilers`.

Each network is built by ziglang's clang and by arm-none-eabi-gcc and run on its first
set of inputs; both have to give the reference's outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyml.backend.bench import BenchOptions, BenchRow, bench_models
from tinyml.backend.bench_table import table_lines
from tinyml.backend.toolchain import find_toolchain

COMPILERS = ("ziglang", "arm-none-eabi-gcc")

COLUMNS = ("network", "core", "verdict", *COMPILERS, "difference")
WIDTHS = (38, 10, 8, 13, 17, 10)


@dataclass(frozen=True)
class CompilerRow:
    """A network built by each compiler."""

    rows: tuple[BenchRow, BenchRow]

    @property
    def cycles(self) -> list[int]:
        """Estimated, by compiler; empty if the network was refused."""
        results = [row.result for row in self.rows]
        return [result["cycles_estimated"] for result in results if result is not None]

    @property
    def difference(self) -> float | None:
        """By how much gcc's cycles are more than clang's, in percent."""
        if len(self.cycles) < len(COMPILERS):
            return None
        clang, gcc = self.cycles
        return 100 * (gcc / clang - 1)

    @property
    def verdict(self) -> str:
        verdicts = [row.verdict for row in self.rows]
        return next((v for v in verdicts if v != "equal"), "equal")

    def data(self) -> dict[str, Any]:
        """The row as JSON."""
        return {
            "name": self.rows[0].name,
            "target": self.rows[0].target,
            "verdict": self.verdict,
            "cycles_estimated": self.cycles,
            "difference_percent": self.difference,
        }

    @property
    def cells(self) -> list[str]:
        first, difference = self.rows[0], self.difference
        if difference is None:
            reason = [row.refused for row in self.rows if row.refused is not None]
            return [first.name, first.target, self.verdict, *reason[:1]]
        cycles = [f"{count:,}" for count in self.cycles]
        told = [first.name, first.target, self.verdict]
        return [*told, *cycles, f"{difference:+.1f} %"]


def compare_compilers(
    folder: Path, names: Sequence[str], options: BenchOptions
) -> Iterator[CompilerRow]:
    """A row for each model, on one set; raises ToolchainError if there is no gcc."""
    for compiler in COMPILERS:
        find_toolchain(compiler, options.target)
    clang, gcc = (
        bench_models(folder, names, replace(options, sets=1, toolchain=compiler))
        for compiler in COMPILERS
    )
    yield from (CompilerRow(rows) for rows in zip(clang, gcc, strict=True))


def markdown(rows: Sequence[CompilerRow], command: str) -> str:
    """The table as a page, with the command that made it."""
    lines = [
        "# The same C, built by clang and by gcc",
        "",
        f"`{command}`",
        "",
        "Cycles of one inference, estimated at zero wait states, never measured.",
        "",
        *table_lines(COLUMNS, [row.cells for row in rows]),
    ]
    return "\n".join(lines) + "\n"
