"""
TFLite Micro as a reference for every layer: `tinyml run --layers tflm`.

Optional: it needs the package tflite-micro, and the model's file.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.runner import InputSets, LayerChecks
from tinyml.frontend.load import first_line

ARENA_BYTES = 64 << 20
"""For all tensors, none of which gives its place to another."""


def runtime() -> Any:
    """The package's interpreter. Raises DiagnosticException if it is not there."""
    try:
        return import_module("tflite_micro.python.tflite_micro.runtime")
    except ImportError as error:
        raise DiagnosticException(
            "--layers tflm: TFLite Micro is not installed; expected the package "
            f"tflite-micro ({first_line(str(error))})"
        ) from error


def tflm_checks(
    model: Path | None, report: Mapping[str, Any], sets: InputSets
) -> LayerChecks:
    """
    The CRC-32 of each layer's output on each set, as TFLite Micro computes it. Raises
    DiagnosticException if it is not installed or cannot run the model.
    """
    package = runtime()
    if model is None or model.suffix != ".tflite":
        raise DiagnosticException(
            "--layers tflm: expected --model FILE.tflite, which was compiled"
        )
    tensors = [row["tensor"] for row in report["layers"] if row["tensor"] is not None]
    found: list[dict[int, int]] = []
    try:
        for number in range(sets.count):
            arrays = [array[number] for array in sets.inputs]
            found.append(run_set(package, model, arrays, tensors))
    except (RuntimeError, ValueError) as error:
        raise DiagnosticException(
            f"--layers tflm: {model}: {first_line(str(error))}"
        ) from error
    return LayerChecks("tensor", found)


def run_set(
    package: Any, model: Path, inputs: list[np.ndarray], tensors: list[int]
) -> dict[int, int]:
    """One set from a fresh state; variables of a model do not outlive it."""
    interpreter = package.Interpreter.from_file(
        str(model),
        arena_size=ARENA_BYTES,
        intrepreter_config=package.InterpreterConfig.kPreserveAllTensors,
    )
    for index, array in enumerate(inputs):
        details = interpreter.get_input_details(index)
        if np.dtype(details["dtype"]) != array.dtype:
            raise ValueError(
                f"input {index} is {np.dtype(details['dtype'])}, the network's is "
                f"{array.dtype}"
            )
        interpreter.set_input(array.reshape(details["shape"]), index)
    interpreter.invoke()
    return {
        tensor: zlib.crc32(interpreter.GetTensor(tensor, 0)["tensor_data"].tobytes())
        for tensor in tensors
    }
