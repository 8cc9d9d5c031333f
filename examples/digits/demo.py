"""
From a model file to digits recognised on a simulated Cortex-M4.

Compiles `digits_int8.onnx`, runs the C on the simulator on real test images, compares
every output with onnxruntime's and every layer with the interpreter, and says what it
takes. `make demo` runs it; the C stays in `out/digits`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import (
    RunOptions,
    interpreted,
    load_report,
    load_sets,
    run_directory,
    run_outputs,
)

HERE = Path(__file__).parent
SHADES = " .:-=+*#%@"
SHOWN = 8


def picture(image: np.ndarray) -> str:
    """An 8x8 image of values from 0 to 1 as text."""
    rows = (image.reshape(8, 8) * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("".join(SHADES[v] * 2 for v in row) for row in rows)


def figures(report: Mapping[str, Any], result: Mapping[str, Any]) -> Table:
    """What the network takes, predicted and observed."""
    ram, flash = report["ram"], report["flash"]
    table = Table("", "bytes", "observed in the run", title="One inference", width=76)
    table.add_row("RAM: arena", f"{ram['arena']:,}", f"{result['arena_high_water']:,}")
    table.add_row("RAM: stack", f"{ram['stack']:,}", f"{result['stack_high_water']:,}")
    table.add_row("RAM: static", f"{ram['static']:,}", "")
    table.add_row("RAM: total", f"{ram['total']:,}", "")
    table.add_row(
        "flash: weights and tables", f"{flash['weights'] + flash['tables']:,}", ""
    )
    table.add_row("flash: code", f"{flash['code']:,}", "")
    table.add_row("multiply-accumulates", "", f"{report['macs']:,}")
    table.add_row("instructions executed", "", f"{result['instructions']:,}")
    table.add_row("cycles (estimated)", "", f"{result['cycles_estimated']:,}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="digits on a simulated core")
    parser.add_argument("--output", type=Path, default=Path("out/digits"))
    parser.add_argument("--target", default="cortex-m4")
    parser.add_argument("--images", type=int, default=160, help="test images to run")
    args = parser.parse_args()
    console = Console(width=84)

    model, tests = HERE / "digits_int8.onnx", HERE / "digits_test.npz"
    console.print(f"compiling {model.name} for {args.target} into {args.output}")
    options = CompileOptions(target=args.target, name="digits")
    compile_model(model, options).write(args.output)
    report = load_report(args.output)

    sets = load_sets(report, None, tests).first(args.images)
    labels = np.load(tests)["labels"][: args.images]
    _, layers = interpreted(args.output, sets)
    console.print(f"running it on {sets.count} test images\n")
    result = run_directory(args.output, sets, layers, RunOptions())
    logits = run_outputs(args.output, sets, RunOptions())[0]

    console.print(
        Columns(
            Panel(picture(image), title=f"looks like a {np.argmax(row)}")
            for image, row in zip(sets.inputs[0][:SHOWN], logits, strict=False)
        )
    )
    right = int((logits.argmax(1) == labels).sum())
    console.print(figures(report, result))
    equal = result["outputs_equal"] and result["layers_equal"] and not result["faults"]
    console.print(
        f"outputs equal onnxruntime's on all {sets.count} images: "
        f"{result['outputs_equal']}\n"
        f"every integer of all {result['layers_compared']} layers equals the "
        f"interpreter's: {result['layers_equal']}\n"
        f"recognised: {right} of {sets.count}"
    )
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
