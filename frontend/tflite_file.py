"""
Reads a TensorFlow Lite file as plain tensors and operators; nothing is translated here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import tflite
from xdsl.ir import Attribute
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.constants import ELEMENT_TYPES
from tinyml.frontend.names import printable

OPERATORS = {
    value: name
    for name, value in vars(tflite.BuiltinOperator).items()
    if isinstance(value, int)
}
TYPES = {
    value: name.lower()
    for name, value in vars(tflite.TensorType).items()
    if isinstance(value, int)
}
CONSTANT_TYPES = (*ELEMENT_TYPES, "int64")
LARGEST_TENSOR = (1 << 31) - 1
"""Elements; the offsets of the generated C are 32-bit integers."""
LARGEST_RANK = 8
ZERO_POINTS = {"int8": (-128, 127), "uint8": (0, 255)}
READER_ERRORS = (
    AttributeError,
    IndexError,
    TypeError,
    ValueError,
    struct.error,
)
"""
What the reader of flatbuffers raises on a damaged file. It does not check offsets:
reads fail outside the file, and what is missing is None.
"""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file: its shape, type, quantization and constant content."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scales: np.ndarray
    zero_points: np.ndarray
    data: memoryview | None

    @property
    def scale(self) -> float:
        """The per-tensor scale, as the double that a single precision number is."""
        if self.scales.size != 1:
            raise DiagnosticException(
                f'tensor "{self.name}" has {self.scales.size} scales, expected 1'
            )
        if not (np.isfinite(self.scales[0]) and self.scales[0] > 0):
            raise DiagnosticException(
                f'tensor "{self.name}" has the scale {self.scales[0]}, expected a '
                "positive number"
            )
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        number = int(self.zero_points[0]) if self.zero_points.size else 0
        low, high = ZERO_POINTS.get(self.type, (number, number))
        if not low <= number <= high:
            raise DiagnosticException(
                f'tensor "{self.name}" has the zero point {number}, expected one in '
                f"[{low}, {high}]"
            )
        return number

    @property
    def element(self) -> Attribute:
        if self.type not in ELEMENT_TYPES:
            raise DiagnosticException(
                f'tensor "{self.name}" is {self.type}, supported are '
                + ", ".join(ELEMENT_TYPES)
            )
        return ELEMENT_TYPES[self.type]

    @property
    def array(self) -> np.ndarray:
        """The content of a constant tensor."""
        if self.data is None:
            raise DiagnosticException(f'tensor "{self.name}" is not constant')
        if self.type not in CONSTANT_TYPES:
            raise DiagnosticException(
                f'tensor "{self.name}" is {self.type}, constants are '
                + ", ".join(CONSTANT_TYPES)
            )
        dtype = np.dtype(self.type).newbyteorder("<")
        if len(self.data) != dtype.itemsize * prod(self.shape):
            raise DiagnosticException(
                f'tensor "{self.name}" holds {len(self.data)} bytes, its shape '
                f"{list(self.shape)} of {self.type} needs another number"
            )
        return np.frombuffer(self.data, dtype).reshape(self.shape)

    @property
    def attribute(self) -> TensorAttr:
        scale = float(self.scales[0]) if self.scales.size == 1 else None
        return TensorAttr.get(self.name, scale, self.zero_point)


@dataclass(frozen=True)
class Operator:
    """An operator of the file: its kind, tensors, and its options table."""

    index: int
    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    raw_options: Any

    def options(self, table: type[Any]) -> Any:
        """The operator's options, read as `table` (a class of the `tflite` package)."""
        if (source := self.raw_options) is None:
            raise DiagnosticException("the operator's options are missing")
        options = table()
        options.Init(source.Bytes, source.Pos)
        return options

    def input(self, index: int) -> Tensor:
        if index >= len(self.inputs) or (tensor := self.inputs[index]) is None:
            raise DiagnosticException(f"input {index} is missing")
        return tensor

    @property
    def output(self) -> Tensor:
        if len(self.outputs) != 1:
            raise DiagnosticException(f"{len(self.outputs)} outputs, expected 1")
        return self.outputs[0]

    @property
    def where(self) -> str:
        label = f' (tensor "{self.outputs[0].name}")' if self.outputs else ""
        return f"operator {self.index} {self.kind}{label}"


class ModelFile:
    """
    The first subgraph of a TFLite file, as plain tensors and operators.

    Raises DiagnosticException for a file that is not a model, or is damaged.
    """

    def __init__(self, data: bytes):
        if data[4:8] != b"TFL3":
            raise DiagnosticException(
                "not a TensorFlow Lite model (no TFL3 identifier)"
            )
        try:
            self._read(data)
        except READER_ERRORS as error:
            raise DiagnosticException(f"the file is damaged ({error})") from error

    def _read(self, data: bytes) -> None:
        reader: Any = tflite.Model
        self.model: Any = reader.GetRootAsModel(data, 0)
        if self.model.SubgraphsLength() != 1:
            raise DiagnosticException(
                f"{self.model.SubgraphsLength()} subgraphs, only models of one are "
                "supported"
            )
        self.graph: Any = self.model.Subgraphs(0)
        graph = self.graph
        self.tensors = [self._tensor(i) for i in range(graph.TensorsLength())]
        self.operators = [self._operator(i) for i in range(graph.OperatorsLength())]
        inputs = [graph.Inputs(i) for i in range(graph.InputsLength())]
        outputs = [graph.Outputs(i) for i in range(graph.OutputsLength())]
        self.inputs = [self.tensor(i) for i in inputs]
        self.outputs = [self.tensor(i) for i in outputs]

    def _tensor(self, index: int) -> Tensor:
        raw: Any = self.graph.Tensors(index)
        name = printable((raw.Name() or b"").decode(errors="replace"))
        if raw.ShapeLength() > LARGEST_RANK:
            raise DiagnosticException(
                f'tensor "{name}" has {raw.ShapeLength()} dimensions, at most '
                f"{LARGEST_RANK} are supported"
            )
        shape = [int(raw.Shape(i)) for i in range(raw.ShapeLength())]
        signature = [
            int(raw.ShapeSignature(i))
            for i in range(min(raw.ShapeSignatureLength(), len(shape)))
        ]
        # A model is compiled for one image, so an open batch size of 1 is harmless.
        if any(n < 0 for n in signature[1:]) or any(n < 0 for n in shape):
            raise DiagnosticException(
                f'tensor "{name}" has the dynamic shape {signature or shape}, only '
                "static shapes are supported"
            )
        if prod(shape) > LARGEST_TENSOR:
            raise DiagnosticException(
                f'tensor "{name}" of shape {shape} has {prod(shape)} elements, at most '
                f"{LARGEST_TENSOR} are supported"
            )
        quantization = raw.Quantization()
        scales, zero_points = np.zeros(0, np.float32), np.zeros(0, np.int64)
        if quantization is not None and quantization.ScaleLength():
            scales = quantization.ScaleAsNumpy()
            if quantization.ZeroPointLength():
                zero_points = quantization.ZeroPointAsNumpy()
        buffer: Any = self.model.Buffers(raw.Buffer())
        data: Any = buffer.DataAsNumpy() if buffer.DataLength() else None
        return Tensor(
            index,
            name,
            tuple(shape),
            TYPES.get(raw.Type(), f"type {raw.Type()}"),
            scales,
            zero_points,
            None if data is None else memoryview(data),
        )

    def tensor(self, index: int) -> Tensor:
        if not 0 <= index < len(self.tensors):
            raise DiagnosticException(
                f"the file is damaged (tensor {index} of {len(self.tensors)})"
            )
        return self.tensors[index]

    def _operator(self, index: int) -> Operator:
        raw: Any = self.graph.Operators(index)
        code = self.model.OperatorCodes(raw.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = OPERATORS.get(number, f"of code {number}")
        if kind == "CUSTOM":
            custom = (code.CustomCode() or b"").decode(errors="replace")
            kind = f"CUSTOM {printable(custom)}"
        inputs: list[int] = [raw.Inputs(i) for i in range(raw.InputsLength())]
        outputs: list[int] = [raw.Outputs(i) for i in range(raw.OutputsLength())]
        options = raw.BuiltinOptions()
        if options is not None:
            check_table(options)
        return Operator(
            index,
            kind,
            tuple(None if i == -1 else self.tensor(i) for i in inputs),
            tuple(self.tensor(i) for i in outputs),
            options,
        )


def check_table(table: Any) -> None:
    """Raises one of READER_ERRORS if a number of the table is not inside the file."""
    data, at = table.Bytes, table.Pos
    slots = at - struct.unpack_from("<i", data, at)[0]
    if not 0 <= slots <= len(data) - 4:
        raise ValueError(f"a table at {at} has its slots at {slots}")
    slots_size, size = struct.unpack_from("<HH", data, slots)
    if at + size > len(data) or slots + slots_size > len(data):
        raise ValueError(f"a table at {at} is not inside the file")
    for slot in range(slots + 4, slots + slots_size - 1, 2):
        offset = struct.unpack_from("<H", data, slot)[0]
        if offset >= size and offset:
            raise ValueError(f"a field at {offset} of a table of {size} bytes")
