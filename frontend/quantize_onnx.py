"""
Quantizes float ONNX models to int8 with onnxruntime's static quantizer.

Post-training quantization: int8 activations per tensor, symmetric int8 weights per
channel, ranges from calibration data. The quantizer is onnxruntime's own
(`onnxruntime.quantization`), an extra of this project; what it writes, `onnx.py`
imports. Its form is that of QLinear operators: onnxruntime computes them with integers,
which can be equalled to the bit, where QDQ form sums floats in an order of its own.
Scales per channel need opset 13, so older models are converted first.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.input_sets import write_sets

PER_CHANNEL_OPSET = 13
MISSING = "onnxruntime is not installed: pip install 'tinyml-xdsl[quantize]'"


def runtime() -> Any:
    """The onnxruntime package."""
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DiagnosticException(MISSING) from error
    return onnxruntime


def quantizer() -> Any:
    """The onnxruntime.quantization package."""
    runtime()
    import onnxruntime.quantization  # pyright: ignore[reportMissingImports]

    return onnxruntime.quantization  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]


class CalibrationData:
    """Hands the quantizer one set of inputs after the other (CalibrationDataReader)."""

    def __init__(self, names: Sequence[str], inputs: Sequence[np.ndarray]):
        self.sets: Iterator[Mapping[str, np.ndarray]] = (
            dict(zip(names, arrays, strict=True))
            for arrays in zip(*inputs, strict=True)
        )

    def get_next(self) -> Mapping[str, np.ndarray] | None:
        return next(self.sets, None)


def open_session(model: Path) -> Any:
    """A session that runs the model as it stands, without graph optimizations."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    try:
        return onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime raises classes of its own for each kind of unusable model.
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DiagnosticException(f"{model}: {text}") from error


def check_inputs(session: Any, inputs: Sequence[np.ndarray], model: Path) -> None:
    """Sets of inputs along axis 0, one array per input of the model."""
    ports = session.get_inputs()
    if len(ports) != len(inputs):
        raise DiagnosticException(
            f"{model}: {len(inputs)} calibration arrays, the model has {len(ports)} "
            "inputs"
        )
    for port, array in zip(ports, inputs, strict=True):
        wanted = tuple(n if isinstance(n, int) else 1 for n in port.shape)
        if array.shape[1:] != wanted or array.dtype != np.float32:
            raise DiagnosticException(
                f"{model}: calibration of input {port.name!r} is {array.dtype} "
                f"{array.shape}, expected sets of float32 {wanted}"
            )


def write_newer(model: Path, output: Path) -> None:
    """The model in an opset that has scales per channel."""
    import onnx
    import onnx.version_converter

    files: Any = onnx
    loaded = files.load_model(str(model))
    versions = [s.version for s in loaded.opset_import if s.domain in ("", "ai.onnx")]
    if max(versions, default=PER_CHANNEL_OPSET) < PER_CHANNEL_OPSET:
        loaded = onnx.version_converter.convert_version(loaded, PER_CHANNEL_OPSET)
    files.save_model(loaded, str(output))


@contextmanager
def without_warnings() -> Generator[None]:
    """The quantizer would rather write QDQ form, for speed on x86, and says so."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def quantize_onnx(model: Path, inputs: Sequence[np.ndarray], output: Path) -> None:
    """
    Writes the int8 form of a float model. `inputs`: per input of the model an array of
    calibration sets along axis 0. Raises DiagnosticException for a model or data that
    onnxruntime refuses.
    """
    tools = quantizer()
    session = open_session(model)
    check_inputs(session, inputs, model)
    names = [port.name for port in session.get_inputs()]
    with tempfile.TemporaryDirectory() as folder:
        newer, prepared = Path(folder) / "newer.onnx", Path(folder) / "prepared.onnx"
        result = Path(folder) / "int8.onnx"
        write_newer(model, newer)
        tools.shape_inference.quant_pre_process(
            str(newer), str(prepared), skip_symbolic_shape=True
        )
        with without_warnings():
            tools.quantize_static(
                str(prepared),
                str(result),
                CalibrationData(names, inputs),
                quant_format=tools.QuantFormat.QOperator,
                per_channel=True,
                activation_type=tools.QuantType.QInt8,
                weight_type=tools.QuantType.QInt8,
            )
        output.write_bytes(result.read_bytes())


def run_onnx(model: Path, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of a model on sets of inputs, without graph optimizations."""
    session = open_session(model)
    names = [port.name for port in session.get_inputs()]
    rows: list[list[np.ndarray]] = [
        session.run(None, dict(zip(names, arrays, strict=True)))
        for arrays in zip(*inputs, strict=True)
    ]
    return [np.stack(arrays) for arrays in zip(*rows, strict=True)]


def write_reference(model: Path, inputs: Sequence[np.ndarray], path: Path) -> None:
    """The inputs and the model's outputs, as `tinyml run --reference` reads them."""
    write_sets(path, inputs, "ort_noopt_outputs", run_onnx(model, inputs))
