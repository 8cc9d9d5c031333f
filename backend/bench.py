"""
Compiles and runs a folder of models and says what each takes: `tinyml bench`.

A folder holds models (`*.tflite`, `*.onnx`, or in sub-folders of these names),
reference outputs in `reference/NAME.npz`, and checksums of every layer in
`layers/NAME.layers.json` (docs/commands.md). Float models in `onnx_float` are quantized
first, on the inputs of their reference, and compared with what onnxruntime makes of the
quantized model. With quantized inputs and outputs, which references do not have, the
reference is the interpreter, on random numbers. A model that is not supported is a row
with the reason.
"""

from __future__ import annotations

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
    InputSets,
    RunOptions,
    interpreted,
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


@dataclass(frozen=True)
class BenchOptions:
    """What to run. `sets`: how many input sets, None for all."""

    target: str = "cortex-m4"
    sets: int | None = None
    layers: bool = False
    """Compare every layer too, natively, with nothing fused and nothing shared."""
    objective: str = "cycles"
    io: str = "model"
    """Or `quantized`, as of `tinyml compile`."""
    toolchain: str | None = None
    """What builds what is run."""
    check_alignment: bool = False


@dataclass(frozen=True)
class BenchRow:
    """What one model takes, or why it was refused. Bytes."""

    name: str
    target: str
    io: str = "model"
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
            yield BenchRow(path.stem, options.target, options.io, refused=reason)


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
        compiling = CompileOptions(
            options.target,
            quantized_io=options.io == "quantized",
            objective=options.objective,
        )
        compile_model(path, compiling).write(directory)
        seconds = time.perf_counter() - start
        report = load_report(directory)
        sets = reference_sets(directory, reference, options)
        how = RunOptions(
            toolchain=options.toolchain, check_alignment=options.check_alignment
        )
        result = run_directory(directory, sets, None, how)
    return BenchRow(
        name,
        options.target,
        options.io,
        None,
        report,
        result,
        compare_layers(path, folder) if options.layers else None,
        seconds,
    )


def reference_sets(
    directory: Path, reference: Path, options: BenchOptions
) -> InputSets:
    """Inputs of a compiled network and what should come out."""
    report = load_report(directory)
    if options.io == "quantized":
        return interpreted(directory, load_sets(report, None, None))[0]
    sets = load_sets(report, None, reference)
    return sets if options.sets is None else sets.first(options.sets)


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
