"""
Compiles networks, runs them on every input set, and writes a table of what they take.

    .venv/bin/python benchmarks/networks.py MODELS -o benchmarks/results/networks.md

Instructions and sizes are exact and comparable between machines; cycles are estimated
by the model of `backend/cycle_model.py` at zero wait states, never measured on silicon.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import (
    RunOptions,
    load_layer_checks,
    load_report,
    load_sets,
    run_directory,
)

NETWORKS = (
    "mlperf_kws_dscnn",
    "mlperf_vww_mbv1_96",
    "mlperf_resnet8",
    "mlperf_ad01",
    "tflm_person_detect",
    "tflm_micro_speech",
    "te_vww",
    "mcunet_in3",
    "coral_mbv2_10_224_i8",
)

HEAD = """\
# Networks: what they take, and whether every integer is right

`{command}`

One inference each, compiled with ziglang -O2, pipeline `@default`. Outputs are compared
on all sets with TFLite Micro's; layers with checksums of TFLite Micro's tensors, in
pipeline `@reference`. Cycles are estimated at zero wait states. Bytes throughout;
`arena` is predicted, linked, and the highest byte written.

"""

COLUMNS = (
    "network",
    "core",
    "MACs",
    "arena",
    "stack",
    "weights, tables",
    "code",
    "instructions",
    "cycles est.",
    "per MAC",
    "sets equal",
    "layers equal",
)


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def run(
    models: Path, name: str, target: str, pipeline: str, layers: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report and result of one network."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        options = CompileOptions(target=target, pipeline=pipeline)
        compile_model(models / "tflite" / f"{name}.tflite", options).write(directory)
        report = load_report(directory)
        sets = load_sets(report, None, models / "reference" / f"{name}.npz")
        checks = None
        if layers:
            checks = load_layer_checks(models / "layers" / f"{name}.layers.json")
        how = RunOptions(measure=not layers)
        return report, run_directory(directory, sets, checks, how)


def rows(models: Path, names: list[str], targets: list[str]) -> Iterator[str]:
    for name in names:
        for target in targets:
            report, result = run(models, name, target, "@default", False)
            whole, checked = run(models, name, target, "@reference", True)
            ram, flash, macs = report["ram"], report["flash"], report["macs"]
            exact = result["arena_high_water"] == ram["arena"]
            sets = result["sets"] if result["outputs_equal"] else 0
            layers = checked["layers_compared"] if checked["layers_equal"] else 0
            cells = [
                name,
                target,
                f"{macs:,}",
                f"{ram['arena']:,}" + ("" if exact else " (not exact)"),
                f"{ram['stack']:,}",
                f"{flash['weights'] + flash['tables']:,}",
                f"{flash['code']:,}",
                f"{result['instructions']:,}",
                f"{result['cycles_estimated']:,}",
                f"{result['cycles_estimated'] / macs:.2f}",
                f"{sets} of {result['sets']}",
                f"{layers} of {len(whole['layers'])}",
            ]
            yield table_row(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="the table of networks")
    parser.add_argument("models", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--names", nargs="*", default=list(NETWORKS))
    parser.add_argument("--targets", nargs="*", default=["cortex-m4", "cortex-m7"])
    args = parser.parse_args()
    command = f"benchmarks/networks.py ../shared/models -o {args.output}"
    text = HEAD.format(command=command)
    text += table_row(COLUMNS) + table_row(["---"] * len(COLUMNS))
    for row in rows(args.models, args.names, args.targets):
        print(row, end="", flush=True)
        text += row
    args.output.write_text(text)


if __name__ == "__main__":
    main()
