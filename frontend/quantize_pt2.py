"""
Quantizes PyTorch programs of floats, from `.pt2` file to `.pt2` file.

The work is that of `tinyml.frontend.torch.quantize`; here are the files, and what a
calibration that does not fit is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.input_sets import write_sets
from tinyml.frontend.torch import (
    is_quantized,
    load_program,
    quantize,
    torch_module,
    torch_warnings_ignored,
)
from tinyml.frontend.torch_program import Program, is_list, read_program


def quantize_pt2(model: Path, inputs: Sequence[np.ndarray], output: Path) -> None:
    """
    Writes the quantized form of a program of floats. `inputs`: per input of the program
    an array of calibration sets along axis 0.
    """
    exported = read(model)
    try:
        with torch_warnings_ignored():
            program = read_program(exported)
        if is_quantized(program):
            raise DiagnosticException("the program is quantized already")
        check_inputs(program, inputs)
        quantized = quantize(exported, zip(*inputs, strict=True))
    except DiagnosticException as error:
        raise DiagnosticException(f"{model}: {error}") from error
    data = BytesIO()
    with torch_warnings_ignored():
        torch_module().export.save(quantized, data)
    output.write_bytes(data.getvalue())


def run_pt2(model: Path, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of a program on sets of inputs, as PyTorch computes them."""
    exported = read(model)
    torch = torch_module()
    rows: list[list[np.ndarray]] = []
    with torch_warnings_ignored(), torch.no_grad():
        run = exported.module()
        for arrays in zip(*inputs, strict=True):
            results = run(*map(torch.as_tensor, arrays))
            listed = results if is_list(results) else [results]
            rows.append([result.numpy() for result in listed])
    return [np.stack(arrays) for arrays in zip(*rows, strict=True)]


def write_reference(model: Path, inputs: Sequence[np.ndarray], path: Path) -> None:
    """The inputs and the program's outputs, as `tinyml run --reference` reads them."""
    write_sets(path, inputs, "torch_outputs", run_pt2(model, inputs))


def read(model: Path) -> Any:
    try:
        return load_program(model.read_bytes())
    except OSError as error:
        raise DiagnosticException(f"{model}: {error.strerror}") from error
    except DiagnosticException as error:
        raise DiagnosticException(f"{model}: {error}") from error


def check_inputs(program: Program, inputs: Sequence[np.ndarray]) -> None:
    """Sets of inputs along axis 0, one array per input of the program."""
    if len(program.inputs) != len(inputs):
        raise DiagnosticException(
            f"{len(inputs)} calibration arrays, the program has "
            f"{len(program.inputs)} inputs"
        )
    for info, array in zip(program.inputs, inputs, strict=True):
        if array.shape[1:] != info.shape or array.dtype.name != info.dtype:
            raise DiagnosticException(
                f"calibration of input {info.name!r} is {array.dtype} {array.shape}, "
                f"expected sets of {info.dtype} {info.shape}"
            )
        if len(array) != len(inputs[0]):
            raise DiagnosticException("calibration arrays of different numbers of sets")
