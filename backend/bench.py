"""
Compiles and runs a folder of models and says what each takes: `tinyml bench`.

A folder holds models (`*.tflite`, `*.onnx`, or in sub-folders of these names),
reference outputs in `reference/NAME.npz`, and checksums of every layer in
`layers/NAME.layers.json` (docs/commands.md). Float models in `onnx_float` are quantized
first, on the inputs of their reference, and compared with what onnxruntime makes of the
quantized model. A model that is not supported is a row with the reason.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.raw_run import SimulatorError
from tinyml.backend.runner import (
    RunOptions,
    load_arrays,
    load_layer_checks,
    load_report,
    load_sets,
    numbered,
    run_directory,
)
from tinyml.backend.toolchain import ToolchainError
from tinyml.frontend.load import one_line

FLOAT_MODELS = "onnx_float"

BASELINES = Path(__file__).parent / "baselines.json"
"""What the peers take on the same simulated cores."""


@dataclass(frozen=True)
class BenchOptions:
    """What to run. `sets`: how many input sets, None for all."""

    target: str = "cortex-m4"
    sets: int | None = None
    layers: bool = False
    """Compare every layer too, natively, with nothing fused and nothing shared."""


@dataclass(frozen=True)
class BenchRow:
    """What one model takes, or why it was refused. Bytes."""

    name: str
    target: str
    refused: str | None = None
    report: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    layers: dict[str, Any] | None = None
    compile_seconds: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is equal."""
        if self.result is None or self.result["faults"]:
            return False
        layers = self.layers is None or bool(self.layers["layers_equal"])
        return bool(self.result["outputs_equal"]) and layers

    @property
    def verdict(self) -> str:
        if self.refused is not None:
            return "refused"
        return "equal" if self.equal else "DIFFERS"


def find_models(folder: Path, names: Sequence[str]) -> list[Path]:
    """The models of a folder in the order of their names, or those that are named."""
    places = [(folder / part, s) for s in ("tflite", "onnx") for part in ("", s)]
    found = {
        path.stem: path
        for place, suffix in (*places, (folder / FLOAT_MODELS, "onnx"))
        for path in sorted(place.glob(f"*.{suffix}"))
    }
    missing = [name for name in names if name not in found]
    if missing:
        raise DiagnosticException(f"{folder}: there is no model {missing[0]!r}")
    if not found:
        raise DiagnosticException(f"{folder}: there are no models")
    return [found[name] for name in (names or sorted(found))]


def bench_models(
    folder: Path, names: Sequence[str], options: BenchOptions
) -> Iterator[BenchRow]:
    """A row for each model, as soon as it is known."""
    for path in find_models(folder, names):
        try:
            yield bench_model(path, folder, options)
        except (
            DiagnosticException,
            PassFailedException,
            SimulatorError,
            ToolchainError,
        ) as error:
            reason = one_line(error).removeprefix(f"{path}: ")
            yield BenchRow(path.stem, options.target, refused=reason)


def bench_model(path: Path, folder: Path, options: BenchOptions) -> BenchRow:
    name = path.stem
    reference = folder / "reference" / f"{name}.npz"
    if not reference.exists():
        raise DiagnosticException(f"{reference.name} is not there to compare with")
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        if path.parent.name == FLOAT_MODELS:
            path, reference = quantized(path, reference, directory)
        start = time.perf_counter()
        compile_model(path, CompileOptions(options.target)).write(directory)
        seconds = time.perf_counter() - start
        report = load_report(directory)
        sets = load_sets(report, None, reference)
        sets = sets if options.sets is None else sets.first(options.sets)
        result = run_directory(directory, sets, None, RunOptions())
    return BenchRow(
        name,
        options.target,
        None,
        report,
        result,
        compare_layers(path, folder) if options.layers else None,
        seconds,
    )


def quantized(path: Path, reference: Path, directory: Path) -> tuple[Path, Path]:
    """The int8 form of a float model, and its outputs on the reference's inputs."""
    from tinyml.frontend.quantize_onnx import quantize_onnx, write_reference

    inputs = numbered(load_arrays(reference), "inputs")
    model, outputs = directory / path.name, directory / reference.name
    quantize_onnx(path, inputs, model)
    write_reference(model, inputs, outputs)
    return model, outputs


def compare_layers(path: Path, folder: Path) -> dict[str, Any] | None:
    """Every layer on every set, natively; None where there are no checksums."""
    checks = folder / "layers" / f"{path.stem}.layers.json"
    if not checks.exists():
        return None
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        options = CompileOptions("host", pipeline="@reference")
        compile_model(path, options).write(directory)
        reference = folder / "reference" / f"{path.stem}.npz"
        sets = load_sets(load_report(directory), None, reference)
        how = RunOptions(measure=False)
        return run_directory(directory, sets, load_layer_checks(checks), how)


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
    "instructions",
    "cycles est.",
    "per MAC",
    "of CMSIS-NN",
    "compile s",
)


def baselines() -> dict[str, Any]:
    return json.loads(BASELINES.read_text())


def cells(row: BenchRow) -> list[str]:
    """A row's texts, one per column; a refused model has its reason in one of them."""
    if row.report is None or row.result is None:
        reason = [row.name, row.target, row.verdict]
        rest = [""] * (len(COLUMNS) - len(reason) - 1)
        return [*reason, *rest, row.refused or ""]
    report, result, layers = row.report, row.result, row.layers
    ram, macs = report["ram"], report["macs"]
    cycles = result["cycles_estimated"]
    peer = baselines()["tflm_cmsis_nn"].get(row.target, {}).get(row.name)
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
        f"{result['instructions']:,}",
        f"{cycles:,}",
        f"{cycles / macs:.2f}" if macs else "",
        f"{cycles / peer['cycles_estimated']:.2f}" if peer else "",
        f"{row.compile_seconds:.1f}",
    ]


WIDTHS = (38, 10, 8, 7, 6, 11, 9, 6, 9, 13, 13, 8, 11, 9)


def text_line(texts: Sequence[str]) -> str:
    """A row for a terminal; the reason of a refusal follows the verdict."""
    texts = [*texts[:3], texts[-1]] if not any(texts[3:-1]) else texts
    pairs = zip(texts, WIDTHS, strict=False)
    return "  ".join(f"{text:<{width}}" for text, width in pairs).rstrip()


def markdown(rows: Sequence[BenchRow], command: str) -> str:
    """The table as a page, with the command that made it."""
    lines = [
        "# Networks: what they take, and whether every integer is right",
        "",
        f"`{command}`",
        "",
        "One inference each, compiled with ziglang -O2, pipeline `@default`. Outputs",
        "are compared with the reference's on as many sets as are told; layers on all",
        "sets, natively, in pipeline `@reference`, with checksums of TFLite Micro's.",
        "Cycles are estimated at zero wait states, never measured. Bytes; `arena` is",
        "predicted, linked, and the highest byte written. `of CMSIS-NN` is the ratio",
        "of estimated cycles to TFLite Micro's with CMSIS-NN on the same simulated",
        "core.",
        "",
        table_line(COLUMNS),
        table_line(["---"] * len(COLUMNS)),
        *(table_line(cells(row)) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def table_line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |"
