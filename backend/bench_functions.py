"""
Where a network's cycles go: the tables of `tinyml bench --functions`.

One table of the kinds of layers, with cycles per multiply-accumulate (per element where
a kind has none), and one of the functions: bytes and cycles of their own code, and what
all layers of a kernel cost with what it calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KIND_COLUMNS = ("kind", "layers", "MACs", "cycles est.", "share", "per MAC", "each")
KIND_WIDTHS = (28, 6, 11, 12, 6, 7, 6)
FUNCTION_COLUMNS = (
    *("function", "code", "own cycles", "share"),
    *("layers", "with calls", "share", "per MAC"),
)
FUNCTION_WIDTHS = (36, 7, 12, 6, 6, 12, 6, 7)


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""


def per(cycles: int, count: int) -> str:
    return f"{cycles / count:.2f}" if count else ""


def kind_cells(result: Mapping[str, Any]) -> list[list[str]]:
    """A row of texts for each kind of layer, most cycles first."""
    if result["profile"] is None:
        return []
    return [
        [
            kind["kind"],
            str(kind["layers"]),
            f"{kind['macs']:,}",
            f"{kind['cycles_estimated']:,}",
            percent(kind["cycles_estimated"], result["cycles_estimated"]),
            per(kind["cycles_estimated"], kind["macs"]),
            "" if kind["macs"] else per(kind["cycles_estimated"], kind["elements"]),
        ]
        for kind in result["profile"]["kinds"]
    ]


@dataclass
class FunctionCost:
    """A function's own code and cycles, and what its layers cost if it is a kernel."""

    name: str
    code: int = 0
    own: int = 0
    layers: int = 0
    cycles: int = 0
    macs: int = 0

    def cells(self, whole: int) -> list[str]:
        texts = [self.name, f"{self.code:,}" if self.code else ""]
        texts += [f"{self.own:,}", percent(self.own, whole)] if self.own else ["", ""]
        if not self.layers:
            return [*texts, "", "", "", ""]
        shares = [percent(self.cycles, whole), per(self.cycles, self.macs)]
        return [*texts, str(self.layers), f"{self.cycles:,}", *shares]


def function_costs(
    report: Mapping[str, Any], result: Mapping[str, Any]
) -> list[FunctionCost]:
    """Of each function that has code or ran, most cycles first."""
    found: dict[str, FunctionCost] = {}

    def cost(name: str) -> FunctionCost:
        short = name.removeprefix(f"{report['net']}_")
        return found.setdefault(name, FunctionCost(short))

    for name, size in report["functions"].items():
        cost(name).code = size
    for function in result["functions"]:
        cost(function["name"]).own = function["cycles_estimated"]
    profile: dict[str, Any] = result["profile"] or {"layers": []}
    for layer in profile["layers"]:
        kernel = cost(layer["kernel"])
        kernel.layers += 1
        kernel.cycles += layer["cycles_estimated"]
        kernel.macs += layer["macs"]
    return sorted(found.values(), key=lambda c: (-max(c.cycles, c.own), c.name))


Table = tuple[Sequence[str], Sequence[int], list[list[str]]]


def function_tables(
    report: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[Table, Table]:
    """Columns, widths and rows of both tables."""
    whole: int = result["cycles_estimated"]
    functions = [cost.cells(whole) for cost in function_costs(report, result)]
    return (
        (KIND_COLUMNS, KIND_WIDTHS, kind_cells(result)),
        (FUNCTION_COLUMNS, FUNCTION_WIDTHS, functions),
    )
