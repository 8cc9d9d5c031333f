"""
Imports PyTorch programs (`torch.export.ExportedProgram`, `.pt2` files) that PT2E has
quantized, and quantizes programs of floats.

A quantized program computes on reals between `dequantize_per_tensor` and
`quantize_per_tensor`. It is spelled as a graph of ONNX's operators (`torch_table`)
and translated as one (`qdq`): NCHW becomes NHWC at the boundary, each operator becomes
one integer layer that rounds once, ties to even. Batch normalization is folded when a
program is quantized.

PyTorch itself is an extra (`tinyml-xdsl[torch]`) and is imported by the functions that
need it. Programs are `Any` here, since it may be missing.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.names import printable
from tinyml.frontend.qdq import translate
from tinyml.frontend.torch_fold import fold_batch_norms
from tinyml.frontend.torch_program import Program, read_program
from tinyml.frontend.torch_table import spell

OPERATORS_OF_PT2E = "torch.ao.quantization.fx._decomposed"
"""The module that makes torch know the operators of quantized programs."""


@contextmanager
def torch_warnings_ignored() -> Generator[None]:
    """PyTorch warns about its own insides, which no user of ours can mend."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def torch_module(name: str = "torch") -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise DiagnosticException(
            f"{name} is not installed; PyTorch programs need "
            "pip install 'tinyml-xdsl[torch]'"
        ) from error


def import_program(exported: Any, name: str = "network") -> ModuleOp:
    """
    The module of a quantized `torch.export.ExportedProgram`; its function is called
    `name`.

    Raises DiagnosticException for what is not supported.
    """
    with torch_warnings_ignored():
        program = read_program(exported)
    if not is_quantized(program):
        raise DiagnosticException(
            "the program is not quantized; quantize it with PT2E, or with "
            "tinyml quantize or tinyml.frontend.torch.quantize"
        )
    try:
        return translate(spell(program, name), name)
    except DiagnosticException as error:
        raise DiagnosticException(in_words_of_torch(str(error))) from error


def is_quantized(program: Program) -> bool:
    return any(call.target.startswith("quantized_") for call in program.calls)


def in_words_of_torch(message: str) -> str:
    """A message with the names that PT2E has for the two operators of ONNX."""
    message = message.replace("DequantizeLinear", "dequantize_per_tensor")
    return message.replace("QuantizeLinear", "quantize_per_tensor")


def import_pt2(data: bytes, name: str) -> ModuleOp:
    """The module of a `.pt2` file's bytes."""
    return import_program(load_program(data), name)


def load_program(data: bytes) -> Any:
    """
    The `ExportedProgram` of a `.pt2` file's bytes, as `torch.export.save` writes them.
    Loading runs PyTorch's unpickler: a file must come from someone that is trusted.
    """
    with torch_warnings_ignored():
        torch = torch_module()
        torch_module(OPERATORS_OF_PT2E)
        try:
            return torch.export.load(BytesIO(data))
        # Whatever a damaged file trips over: archives, pickles, schemas, keys.
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            reason = printable(reason)
            raise DiagnosticException(f"not an exported program: {reason}") from error


def quantize(model: Any, calibration: Iterable[Sequence[np.ndarray]]) -> Any:
    """
    The quantized `ExportedProgram` of floats: a `torch.nn.Module` or an
    `ExportedProgram`, which stays as it is. Each element of `calibration` is the inputs
    of one run, float32 NCHW, of one shape throughout.

    Weights become int8, symmetric, with a scale per output channel; activations int8
    with one scale, from the smallest and largest value seen; biases int32 in the units
    of the accumulator, so that the integer layers lose nothing.
    """
    with torch_warnings_ignored():
        torch = torch_module()
        pt2e = torch_module("torchao.quantization.pt2e.quantize_pt2e")
        quantizer = torch_module("tinyml.frontend.torch_quantizer").int8_quantizer()
    runs = [tuple(torch.as_tensor(array) for array in run) for run in calibration]
    if not runs:
        raise DiagnosticException("calibration needs at least one run")
    with torch_warnings_ignored(), torch.no_grad():
        exported = model
        if isinstance(model, torch.nn.Module):
            exported = torch.export.export(deepcopy(model).eval(), runs[0])
        module = exported.module()
        fold_batch_norms(module)
        prepared = pt2e.prepare_pt2e(module, quantizer)
        for run in runs:
            prepared(*run)
        return torch.export.export(pt2e.convert_pt2e(prepared), runs[0])
