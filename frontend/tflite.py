"""
Imports quantized TensorFlow Lite models.

Each operator becomes one layer, in the file's order, named after its output tensor. The
arithmetic is that of TFLite Micro's reference kernels. What is not supported is refused
in one line that names the operator, its output tensor and what would be accepted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import tflite
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.constants import ELEMENT_TYPES
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.tinyml import (
    AddOp,
    AvgPool2DOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    DequantizeOp,
    FullyConnectedOp,
    MaxPool2DOp,
    MeanOp,
    MulOp,
    PadOp,
    QuantizeOp,
    RequantizeOp,
    ReshapeOp,
    SoftmaxOp,
    TransposeOp,
)
from tinyml.frontend.builder import NetworkBuilder
from tinyml.frontend.quantization import (
    add_multipliers,
    mean_multiplier,
    quantize_multiplier,
    quantize_value,
    requant_table,
    same_padding,
    softmax_multiplier,
)

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
ACTIVATIONS = {
    value: name
    for name, value in vars(tflite.ActivationFunctionType).items()
    if isinstance(value, int)
}

CONSTANT_TYPES = (*ELEMENT_TYPES, "int64")
LARGEST_TENSOR = (1 << 31) - 1
"""Elements; the offsets of the generated C are 32-bit integers."""
BYTE_RANGE = {"int8": (-128, 127), "uint8": (0, 255)}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file: its shape, type, quantization and constant content."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scales: np.ndarray
    zero_points: np.ndarray
    data: bytes | None

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
        return int(self.zero_points[0]) if self.zero_points.size else 0

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
    raw: Any

    def options(self, table: type[Any]) -> Any:
        """The operator's options, read as `table` (a class of the `tflite` package)."""
        if (source := self.raw.BuiltinOptions()) is None:
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
    """The first subgraph of a TFLite file, as plain tensors and operators."""

    def __init__(self, data: bytes):
        if data[4:8] != b"TFL3":
            raise DiagnosticException(
                "not a TensorFlow Lite model (no TFL3 identifier)"
            )
        reader: Any = tflite.Model
        model = reader.GetRootAsModel(data, 0)
        if model.SubgraphsLength() != 1:
            raise DiagnosticException(
                f"{model.SubgraphsLength()} subgraphs, only models of one are supported"
            )
        self.model: Any = model
        self.graph: Any = model.Subgraphs(0)
        if self.graph is None:
            raise DiagnosticException("the subgraph is empty")

    @cached_property
    def tensors(self) -> list[Tensor]:
        return [self._tensor(i) for i in range(self.graph.TensorsLength())]

    def _tensor(self, index: int) -> Tensor:
        raw: Any = self.graph.Tensors(index)
        name = (raw.Name() or b"").decode(errors="replace")
        shape = [int(raw.Shape(i)) for i in range(raw.ShapeLength())]
        signature = [
            int(raw.ShapeSignature(i)) for i in range(raw.ShapeSignatureLength())
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
            scales = quantization.ScaleAsNumpy().copy()
            if quantization.ZeroPointLength():
                zero_points = quantization.ZeroPointAsNumpy().copy()
        buffer: Any = self.model.Buffers(raw.Buffer())
        constant = bool(buffer) and buffer.DataLength()
        return Tensor(
            index,
            name,
            tuple(shape),
            TYPES.get(raw.Type(), f"type {raw.Type()}"),
            scales,
            zero_points,
            buffer.DataAsNumpy().tobytes() if constant else None,
        )

    def tensor(self, index: int) -> Tensor:
        if not 0 <= index < len(self.tensors):
            raise DiagnosticException(
                f"the file is damaged (tensor {index} of {len(self.tensors)})"
            )
        return self.tensors[index]

    @property
    def operators(self) -> list[Operator]:
        return [self._operator(i) for i in range(self.graph.OperatorsLength())]

    def _operator(self, index: int) -> Operator:
        raw: Any = self.graph.Operators(index)
        code = self.model.OperatorCodes(raw.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = OPERATORS.get(number, f"of code {number}")
        if kind == "CUSTOM":
            kind = f"CUSTOM {(code.CustomCode() or b'').decode(errors='replace')}"
        inputs: list[int] = [raw.Inputs(i) for i in range(raw.InputsLength())]
        outputs: list[int] = [raw.Outputs(i) for i in range(raw.OutputsLength())]
        return Operator(
            index,
            kind,
            tuple(None if i == -1 else self.tensor(i) for i in inputs),
            tuple(self.tensor(i) for i in outputs),
            raw,
        )

    @property
    def inputs(self) -> list[Tensor]:
        graph = self.graph
        return [self.tensor(graph.Inputs(i)) for i in range(graph.InputsLength())]

    @property
    def outputs(self) -> list[Tensor]:
        graph = self.graph
        return [self.tensor(graph.Outputs(i)) for i in range(graph.OutputsLength())]


class Importer:
    """Translates the operators of one file into layers, in order."""

    def __init__(self, name: str):
        self.builder = NetworkBuilder(name)
        self.values: dict[int, SSAValue] = {}
        self.operator: Operator

    def run(self, file: ModelFile) -> ModuleOp:
        for what, tensors in (("inputs", file.inputs), ("outputs", file.outputs)):
            if not tensors:
                raise DiagnosticException(f"the model has no {what}")
        for tensor in file.inputs:
            self.values[tensor.index] = self.builder.input(
                tensor.shape, tensor.element, tensor.attribute
            )
        for operator in file.operators:
            handler = HANDLERS.get(operator.kind)
            if handler is None:
                raise DiagnosticException(
                    f"{operator.where} is not supported; supported are "
                    + ", ".join(sorted(HANDLERS))
                )
            self.operator = operator
            try:
                handler(self, operator)
            except (DiagnosticException, VerifyException) as error:
                raise DiagnosticException(f"{operator.where}: {error}") from error
        for tensor in file.outputs:
            if tensor.index not in self.values:
                raise DiagnosticException(
                    f'output tensor "{tensor.name}" is written by no operator'
                )
        return self.builder.finish(
            [(self.values[t.index], t.attribute) for t in file.outputs]
        )

    def value(self, tensor: Tensor, *types: str) -> SSAValue:
        """The buffer of a tensor that an operator reads, of one of these types."""
        self.expect(tensor, *types)
        if tensor.index not in self.values:
            state = "constant" if tensor.data is not None else "not yet written"
            raise DiagnosticException(
                f'input tensor "{tensor.name}" is {state}, expected an activation'
            )
        return self.values[tensor.index]

    def result(self, tensor: Tensor, *types: str) -> SSAValue:
        """A new buffer for a tensor that an operator writes, of one of these types."""
        self.expect(tensor, *types)
        if tensor.index in self.values:
            raise DiagnosticException(f'tensor "{tensor.name}" is written twice')
        if not tensor.shape and tensor.data is None:
            raise DiagnosticException(f'tensor "{tensor.name}" has no shape')
        self.values[tensor.index] = self.builder.buffer(tensor.shape, tensor.element)
        return self.values[tensor.index]

    def expect(self, tensor: Tensor, *types: str) -> None:
        if tensor.type not in types:
            raise DiagnosticException(
                f'tensor "{tensor.name}" is {tensor.type}, supported are '
                + ", ".join(types)
            )

    def constant(self, what: str, array: np.ndarray) -> str:
        """A constant of the current operator, named after it."""
        name = f"{self.operator.kind.lower()}_{self.operator.index}_{what}"
        return self.builder.constant(name, array)

    def layer(self, op: LayerOp) -> None:
        self.builder.layer(op, self.operator.output.name, self.operator.index)

    def clamp(self, activation: int, tensor: Tensor) -> tuple[int, int]:
        """The range of a fused activation (`CalculateActivationRangeQuantized`)."""
        low, high = BYTE_RANGE[tensor.type]
        name = ACTIVATIONS.get(activation, f"activation {activation}")
        bounds = {
            "NONE": (None, None),
            "RELU": (0.0, None),
            "RELU6": (0.0, 6.0),
            "RELU_N1_TO_1": (-1.0, 1.0),
        }
        if name not in bounds:
            raise DiagnosticException(
                f"fused activation {name} is not supported; supported are "
                + ", ".join(bounds)
            )
        bottom, top = bounds[name]
        if bottom is not None:
            low = max(low, quantize_value(bottom, tensor.scale, tensor.zero_point))
        if top is not None:
            high = min(high, quantize_value(top, tensor.scale, tensor.zero_point))
        return low, high

    def weights(self, tensor: Tensor) -> np.ndarray:
        """The content of an int8 filter, quantized symmetrically."""
        self.expect(tensor, "int8")
        if np.any(tensor.zero_points):
            raise DiagnosticException(
                f'weights "{tensor.name}" have a zero point other than 0'
            )
        return tensor.array

    def bias(self, operator: Operator) -> str | None:
        """The bias of a weighted operator as a constant, if it has one."""
        if len(operator.inputs) < 3 or (tensor := operator.inputs[2]) is None:
            return None
        self.expect(tensor, "int32")
        return self.constant("bias", tensor.array.reshape(-1))

    def channel_requant(self, operator: Operator, channels: int) -> str:
        """Factors per output channel (`PopulateConvolutionQuantizationParams`)."""
        source, filter, output = operator.input(0), operator.input(1), operator.output
        if filter.scales.size not in (1, channels):
            raise DiagnosticException(
                f"{filter.scales.size} filter scales for {channels} output channels"
            )
        reals = source.scale * filter.scales.astype(np.float64) / output.scale
        return self.constant(
            "requant", requant_table(np.broadcast_to(reals, (channels,)))
        )


def window(
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    padding: int,
    input_shape: Sequence[int],
) -> WindowAttr:
    """The window of a convolution or pool on an NHWC input."""
    if len(input_shape) != 4:
        raise DiagnosticException(
            f"input has {len(input_shape)} dimensions, expected 4"
        )
    if min(*kernel, *strides, *dilations) < 1:
        raise DiagnosticException("a kernel size, stride or dilation is below 1")
    pad = [0, 0, 0, 0]
    if padding == tflite.Padding.SAME:
        for axis in (0, 1):
            extent = (kernel[axis] - 1) * dilations[axis] + 1
            pad[2 * axis : 2 * axis + 2] = same_padding(
                input_shape[1 + axis], extent, strides[axis]
            )
    return WindowAttr.get(kernel, strides, dilations, pad)


def import_conv_2d(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.Conv2DOptions)
    source, filter, output = operator.input(0), operator.input(1), operator.output
    x, weights = importer.value(source, "int8"), importer.weights(filter)
    if weights.ndim != 4 or weights.shape[3] != source.shape[-1]:
        raise DiagnosticException(
            f"filter {list(weights.shape)} on input {list(source.shape)}: grouped "
            "convolution is not supported"
        )
    channels = weights.shape[0]
    y = importer.result(output, "int8")
    importer.layer(
        Conv2DOp(
            x,
            y,
            importer.constant("weights", weights),
            importer.bias(operator),
            importer.channel_requant(operator, channels),
            window(
                weights.shape[1:3],
                (options.StrideH(), options.StrideW()),
                (options.DilationHFactor(), options.DilationWFactor()),
                options.Padding(),
                source.shape,
            ),
            (source.zero_point, output.zero_point),
            importer.clamp(options.FusedActivationFunction(), output),
            Rounding.DOUBLE,
        )
    )


def import_depthwise_conv_2d(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.DepthwiseConv2DOptions)
    source, filter, output = operator.input(0), operator.input(1), operator.output
    x, weights = importer.value(source, "int8"), importer.weights(filter)
    if weights.ndim != 4 or weights.shape[0] != 1:
        raise DiagnosticException(
            f"filter {list(weights.shape)} is not [1, height, width, channels]"
        )
    y = importer.result(output, "int8")
    importer.layer(
        DepthwiseConv2DOp(
            x,
            y,
            importer.constant("weights", weights[0]),
            importer.bias(operator),
            importer.channel_requant(operator, weights.shape[3]),
            window(
                weights.shape[1:3],
                (options.StrideH(), options.StrideW()),
                (options.DilationHFactor(), options.DilationWFactor()),
                options.Padding(),
                source.shape,
            ),
            (source.zero_point, output.zero_point),
            importer.clamp(options.FusedActivationFunction(), output),
            Rounding.DOUBLE,
        )
    )


def import_fully_connected(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.FullyConnectedOptions)
    source, filter, output = operator.input(0), operator.input(1), operator.output
    if options.WeightsFormat():
        raise DiagnosticException("shuffled weights are not supported")
    x, weights = importer.value(source, "int8"), importer.weights(filter)
    channels = weights.shape[0]
    if filter.scales.size == 1:
        # TFLite multiplies the two scales in single precision here, only here.
        product = np.float32(source.scale) * np.float32(filter.scale)
        reals = np.full(channels, float(product) / output.scale)
        requant = importer.constant("requant", requant_table(reals))
    else:
        requant = importer.channel_requant(operator, channels)
    importer.layer(
        FullyConnectedOp(
            x,
            importer.result(output, "int8"),
            importer.constant("weights", weights),
            importer.bias(operator),
            requant,
            (source.zero_point, output.zero_point),
            importer.clamp(options.FusedActivationFunction(), output),
            Rounding.DOUBLE,
        )
    )


def import_pool(
    op: type[AvgPool2DOp | MaxPool2DOp],
) -> Callable[[Importer, Operator], None]:
    def handler(importer: Importer, operator: Operator) -> None:
        options = operator.options(tflite.Pool2DOptions)
        source, output = operator.input(0), operator.output
        if (source.scale, source.zero_point) != (output.scale, output.zero_point):
            raise DiagnosticException("input and output are not quantized alike")
        x = importer.value(source, "int8")
        importer.layer(
            op(
                x,
                importer.result(output, "int8"),
                window(
                    (options.FilterHeight(), options.FilterWidth()),
                    (options.StrideH(), options.StrideW()),
                    (1, 1),
                    options.Padding(),
                    source.shape,
                ),
                importer.clamp(options.FusedActivationFunction(), output),
            )
        )

    return handler


def same_shapes(operator: Operator) -> None:
    a, b = operator.input(0).shape, operator.input(1).shape
    if a != b or a != operator.output.shape:
        raise DiagnosticException(
            f"shapes {list(a)} and {list(b)}: broadcasting is not supported"
        )


def import_add(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.AddOptions)
    same_shapes(operator)
    lhs, rhs, output = operator.input(0), operator.input(1), operator.output
    importer.layer(
        AddOp(
            importer.value(lhs, "int8"),
            importer.value(rhs, "int8"),
            importer.result(output, "int8"),
            add_multipliers(lhs.scale, rhs.scale, output.scale),
            (lhs.zero_point, rhs.zero_point, output.zero_point),
            importer.clamp(options.FusedActivationFunction(), output),
            Rounding.DOUBLE,
        )
    )


def import_mul(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.MulOptions)
    same_shapes(operator)
    lhs, rhs, output = operator.input(0), operator.input(1), operator.output
    importer.layer(
        MulOp(
            importer.value(lhs, "int8"),
            importer.value(rhs, "int8"),
            importer.result(output, "int8"),
            quantize_multiplier(lhs.scale * rhs.scale / output.scale),
            (lhs.zero_point, rhs.zero_point, output.zero_point),
            importer.clamp(options.FusedActivationFunction(), output),
            Rounding.DOUBLE,
        )
    )


def import_pad(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    pads = operator.input(1).array.reshape(-1, 2)
    x = importer.value(source, "int8", "uint8")
    y = importer.result(output, "int8", "uint8")
    importer.layer(
        PadOp(x, y, pads[:, 0].tolist(), pads[:, 1].tolist(), output.zero_point)
    )


def import_mean(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    rank = len(source.shape)
    wanted: list[int] = operator.input(1).array.reshape(-1).tolist()
    for axis in wanted:
        if not -rank <= axis < rank:
            raise DiagnosticException(f"axis {axis} of {rank} dimensions")
    axes = sorted({axis % rank for axis in wanted})
    count = prod(source.shape[axis] for axis in axes)
    importer.layer(
        MeanOp(
            importer.value(source, "int8"),
            importer.result(output, "int8"),
            axes,
            mean_multiplier(source.scale / output.scale, count),
            (source.zero_point, output.zero_point),
            Rounding.DOUBLE,
        )
    )


def import_softmax(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.SoftmaxOptions)
    source, output = operator.input(0), operator.output
    if (output.scale, output.zero_point) != (1 / 256, -128):
        raise DiagnosticException(
            f"output scale {output.scale} and zero point {output.zero_point}, expected "
            "1/256 and -128"
        )
    importer.layer(
        SoftmaxOp(
            importer.value(source, "int8"),
            importer.result(output, "int8"),
            softmax_multiplier(options.Beta(), source.scale),
            Rounding.DOUBLE,
        )
    )


def import_reshape(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    x = importer.value(source, *ELEMENT_TYPES)
    importer.layer(ReshapeOp(x, importer.result(output, source.type)))


def import_transpose(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    permutation = operator.input(1).array.reshape(-1).tolist()
    x = importer.value(source, *ELEMENT_TYPES)
    importer.layer(TransposeOp(x, importer.result(output, source.type), permutation))


def import_quantize(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    x = importer.value(source, "float32", *BYTE_RANGE)
    y = importer.result(output, *BYTE_RANGE)
    if source.type == "float32":
        op = QuantizeOp(x, y, output.scale, output.zero_point, Rounding.AWAY)
    else:
        op = RequantizeOp(
            x,
            y,
            quantize_multiplier(source.scale / output.scale),
            (source.zero_point, output.zero_point),
            Rounding.DOUBLE,
        )
    importer.layer(op)


def import_dequantize(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    x = importer.value(source, *BYTE_RANGE)
    y = importer.result(output, "float32")
    importer.layer(DequantizeOp(x, y, source.scale, source.zero_point))


HANDLERS: dict[str, Callable[[Importer, Operator], None]] = {
    "ADD": import_add,
    "AVERAGE_POOL_2D": import_pool(AvgPool2DOp),
    "CONV_2D": import_conv_2d,
    "DEPTHWISE_CONV_2D": import_depthwise_conv_2d,
    "DEQUANTIZE": import_dequantize,
    "EXPAND_DIMS": import_reshape,
    "FULLY_CONNECTED": import_fully_connected,
    "MAX_POOL_2D": import_pool(MaxPool2DOp),
    "MEAN": import_mean,
    "MUL": import_mul,
    "PAD": import_pad,
    "QUANTIZE": import_quantize,
    "RESHAPE": import_reshape,
    "SOFTMAX": import_softmax,
    "SQUEEZE": import_reshape,
    "TRANSPOSE": import_transpose,
}
"""Every operator that is supported."""


def import_tflite(data: bytes, name: str) -> ModuleOp:
    """
    The module of a model in a `.tflite` file's bytes; its function is called `name`.

    Raises DiagnosticException for a file that is not a model, is damaged, or holds
    something that is not supported.
    """
    try:
        return Importer(name).run(ModelFile(data))
    except (
        AttributeError,
        IndexError,
        OverflowError,
        TypeError,
        UnicodeError,
        ValueError,
        struct.error,
    ) as error:
        # The reader does not check offsets: damage surfaces as any of these.
        raise DiagnosticException(f"the file is damaged ({error})") from error
