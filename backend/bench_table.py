"""
The rows of `tinyml bench` as tables for a terminal and as pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.backend.bench import BenchRow
from tinyml.backend.bench_functions import function_tables
from tinyml.backend.bench_peers import COLUMNS as PEER_COLUMNS
from tinyml.backend.bench_peers import NOTES as PEER_NOTES
from tinyml.backend.bench_peers import cmsis_nn, own_code, peer_cells

COLUMNS = (
    "network",
    "core",
    "verdict",
    "sets",
    "layers",
    "MACs",
    "arena",
    "stack",
    "flash",
    "code",
    "instructions",
    "cycles est.",
    "per MAC",
    "of CMSIS-NN",
    "compile s",
)


def cells(row: BenchRow) -> list[str]:
    """A row's texts, one per column; a refused model has its reason in one of them."""
    if row.report is None or row.result is None:
        reason = [row.name, row.target, row.verdict]
        rest = [""] * (len(COLUMNS) - len(reason) - 1)
        return [*reason, *rest, row.refused or ""]
    report, result, layers = row.report, row.result, row.layers
    ram, macs = report["ram"], report["macs"]
    cycles = result["cycles_estimated"]
    peer = cmsis_nn(row.target, row.name, row.io)
    exact = result["arena_high_water"] == ram["arena"]
    return [
        row.name,
        row.target,
        row.verdict,
        f"{result['sets_equal'] or 0} of {result['sets']}",
        "" if layers is None else str(layers["layers_compared"]),
        f"{macs:,}",
        f"{ram['arena']:,}" + ("" if exact else " not exact"),
        f"{ram['stack']:,}",
        f"{report['flash']['total']:,}",
        f"{own_code(report):,}",
        f"{result['instructions']:,}",
        f"{cycles:,}",
        f"{cycles / macs:.2f}" if macs else "",
        f"{cycles / peer.cycles_estimated:.2f}" if peer else "",
        f"{row.compile_seconds:.1f}",
    ]


WIDTHS = (38, 10, 8, 7, 6, 11, 9, 6, 9, 7, 13, 13, 8, 11, 9)


def text_line(texts: Sequence[str]) -> str:
    """A row for a terminal; the reason of a refusal follows the verdict."""
    texts = [*texts[:3], texts[-1]] if not any(texts[3:-1]) else texts
    return aligned(texts, WIDTHS)


def aligned(texts: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(texts, widths, strict=False)
    return "  ".join(f"{text:<{width}}" for text, width in pairs).rstrip()


def function_lines(row: BenchRow) -> list[str]:
    """Where the cycles of a network go, for a terminal."""
    if row.report is None or row.result is None:
        return []
    lines: list[str] = []
    for columns, widths, texts in function_tables(row.report, row.result):
        every = [columns, *texts]
        lines += ["", *(f"    {aligned(text, widths)}" for text in every)]
    return [*lines, ""]


def peer_rows(row: BenchRow) -> list[list[str]]:
    """A network beside its peers."""
    told = [row.name, row.target]
    if not row.equal or row.report is None or row.result is None:
        return [filled([*told, row.refused or row.verdict], PEER_COLUMNS)]
    found = peer_cells(row.target, row.name, row.io, row.report, row.result)
    return list(found) or [filled([*told, "no peer was run"], PEER_COLUMNS)]


def filled(texts: Sequence[str], columns: Sequence[str]) -> list[str]:
    return [*texts, *[""] * (len(columns) - len(texts))]


HEAD = (
    "# Networks: what they take, and whether every integer is right",
    "",
    "One inference each, compiled with ziglang -O2. Outputs are compared with the",
    "reference's on as many sets as are told, with `--io quantized` with the",
    "interpreter's on one; layers on all sets, natively, in pipeline `@reference`,",
    "with checksums of TFLite Micro's. Cycles are estimated at zero wait states,",
    "never measured. Bytes; `arena` is predicted, linked, and the highest byte",
    "written; `code` includes read-only data, but neither weights nor what",
    "requantizes. `of CMSIS-NN` is the ratio of estimated cycles to TFLite Micro's",
    "with CMSIS-NN on the same simulated core.",
    "",
)


def markdown(rows: Sequence[BenchRow], command: str, functions: bool = False) -> str:
    """The table as a page, with the command that made it."""
    lines = [HEAD[0], "", f"`{command}`", *HEAD[1:]]
    lines += table_lines(COLUMNS, [cells(row) for row in rows])
    for row in rows if functions else ():
        if row.report is None or row.result is None:
            continue
        lines += ["", f"## {row.name}"]
        for columns, _, texts in function_tables(row.report, row.result):
            lines += ["", *table_lines(columns, texts)]
    return "\n".join(lines) + "\n"


def peers_markdown(rows: Sequence[BenchRow], command: str) -> str:
    """The networks beside their peers as a page."""
    lines = ["# Networks beside their peers", "", f"`{command}`", "", *PEER_NOTES, ""]
    lines += table_lines(
        PEER_COLUMNS, [text for row in rows for text in peer_rows(row)]
    )
    return "\n".join(lines) + "\n"


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [table_line(texts) for texts in (columns, ["---"] * len(columns), *rows)]


def table_line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"
