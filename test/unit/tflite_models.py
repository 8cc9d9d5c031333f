"""
Small TFLite models for tests, written with the schema's own builder functions.

A `Model` collects tensors and operators; its methods return tensor numbers. Nothing is
checked here, so that models can be as wrong as a test wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.tflite import import_tflite
from tinyml.interp.run import run_network

schema: Any = tflite
"""The functions of the schema have no types."""

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = 0, 1, 2, 3, 4
WINDOW: dict[str, float] = {"Padding": VALID, "StrideH": 1, "StrideW": 1}
DILATED: dict[str, float] = {**WINDOW, "DilationHFactor": 1, "DilationWFactor": 1}

OPTIONS: dict[str, tuple[str, dict[str, float]]] = {
    "ADD": ("AddOptions", {}),
    "AVERAGE_POOL_2D": ("Pool2DOptions", WINDOW),
    "CONCATENATION": ("ConcatenationOptions", {}),
    "CONV_2D": ("Conv2DOptions", DILATED),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", DILATED),
    "FULLY_CONNECTED": ("FullyConnectedOptions", {}),
    "LEAKY_RELU": ("LeakyReluOptions", {}),
    "MAX_POOL_2D": ("Pool2DOptions", WINDOW),
    "MEAN": ("ReducerOptions", {}),
    "MUL": ("MulOptions", {}),
    "PACK": ("PackOptions", {}),
    "RESHAPE": ("ReshapeOptions", {}),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", {}),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", {}),
    "SOFTMAX": ("SoftmaxOptions", {"Beta": 1.0}),
    "SPLIT": ("SplitOptions", {}),
    "SPLIT_V": ("SplitVOptions", {}),
    "STRIDED_SLICE": ("StridedSliceOptions", {}),
    "SUB": ("SubOptions", {}),
    "UNPACK": ("UnpackOptions", {}),
}
"""Options table of an operator, and what stands in it by default."""

Scale = float | Sequence[float]


@dataclass(frozen=True)
class TensorSpec:
    """A tensor as the file is to hold it."""

    name: str | bytes
    shape: Sequence[int]
    type: str
    scales: Sequence[float]
    zeros: Sequence[int]
    axis: int
    data: bytes | None
    signature: Sequence[int] | None


@dataclass(frozen=True)
class OperatorSpec:
    """An operator as the file is to hold it; input -1 is absent."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: dict[str, float] | None


def listed(value: Scale | None) -> Sequence[float]:
    match value:
        case None:
            return ()
        case float() | int():
            return (float(value),)
        case _:
            return value


@dataclass
class Model:
    """A TFLite model under construction."""

    tensors: list[TensorSpec] = field(default_factory=list[TensorSpec])
    operators: list[OperatorSpec] = field(default_factory=list[OperatorSpec])
    inputs: list[int] = field(default_factory=list[int])
    outputs: list[int] = field(default_factory=list[int])
    subgraphs: int = 1

    def tensor(
        self,
        shape: Sequence[int],
        scale: Scale | None = 0.5,
        zero: int | Sequence[int] = 0,
        type: str = "int8",
        name: str | bytes | None = None,
        axis: int = 0,
        data: bytes | None = None,
        signature: Sequence[int] | None = None,
    ) -> int:
        scales = listed(scale)
        zeros = [zero] * len(scales) if isinstance(zero, int) else zero
        label = f"tensor_{len(self.tensors)}" if name is None else name
        self.tensors.append(
            TensorSpec(label, shape, type, scales, zeros, axis, data, signature)
        )
        return len(self.tensors) - 1

    def input(self, shape: Sequence[int], *how: Any, **more: Any) -> int:
        self.inputs.append(self.tensor(shape, *how, **more))
        return self.inputs[-1]

    def constant(
        self, array: np.ndarray, scale: Scale | None = None, *how: Any, **more: Any
    ) -> int:
        little = array.astype(array.dtype.newbyteorder("<"))
        return self.tensor(
            array.shape,
            scale,
            *how,
            type=array.dtype.name,
            data=little.tobytes(),
            **more,
        )

    def op(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        scale: Scale | None = 0.5,
        zero: int = 0,
        *,
        type: str = "int8",
        name: str | bytes | None = None,
        **options: float,
    ) -> int:
        """An operator with one output, which is returned."""
        output = self.tensor(shape, scale, zero, type, name)
        self.operators.append(OperatorSpec(kind, inputs, [output], options))
        return output

    def output(self, *tensors: int) -> Model:
        self.outputs += tensors
        return self

    def imported(self) -> ModuleOp:
        module = import_tflite(self.bytes, "main")
        module.verify()
        return module

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        return run_network(self.imported(), inputs)

    @property
    def bytes(self) -> bytes:
        return Writer(self).file()


class Writer:
    """Writes a model as a flatbuffer."""

    def __init__(self, model: Model):
        self.model = model
        self.builder: Any = flatbuffers.Builder(1024)
        self.buffers: list[bytes] = [b""]
        """Buffer 0 is the empty one, by convention."""

    def vector(self, start: Any, values: Sequence[Any], prepend: str) -> int:
        start(self.builder, len(values))
        for value in reversed(values):
            getattr(self.builder, f"Prepend{prepend}")(value)
        return self.builder.EndVector()

    def tables(self, start: Any, offsets: Sequence[int]) -> int:
        return self.vector(start, offsets, "UOffsetTRelative")

    def table(self, name: str, **fields: Any) -> int:
        getattr(schema, f"{name}Start")(self.builder)
        for key, value in fields.items():
            if value is not None:
                getattr(schema, f"{name}Add{key}")(self.builder, value)
        return getattr(schema, f"{name}End")(self.builder)

    def quantization(self, spec: TensorSpec) -> int | None:
        if not spec.scales:
            return None
        start_scales = schema.QuantizationParametersStartScaleVector
        start_zeros = schema.QuantizationParametersStartZeroPointVector
        scales = self.vector(start_scales, spec.scales, "Float32")
        zeros = self.vector(start_zeros, spec.zeros, "Int64")
        return self.table(
            "QuantizationParameters",
            Scale=scales,
            ZeroPoint=zeros,
            QuantizedDimension=spec.axis,
        )

    def tensor(self, spec: TensorSpec) -> int:
        shape = self.vector(schema.TensorStartShapeVector, spec.shape, "Int32")
        signature = None
        if spec.signature is not None:
            start = schema.TensorStartShapeSignatureVector
            signature = self.vector(start, spec.signature, "Int32")
        name = self.builder.CreateString(spec.name)
        quantization = self.quantization(spec)
        number = 0
        if spec.data is not None:
            number = len(self.buffers)
            self.buffers.append(spec.data)
        return self.table(
            "Tensor",
            Shape=shape,
            Type=getattr(schema.TensorType, spec.type.upper()),
            Buffer=number,
            Name=name,
            Quantization=quantization,
            ShapeSignature=signature,
        )

    def operator(self, spec: OperatorSpec, codes: Sequence[str]) -> int:
        inputs = self.vector(schema.OperatorStartInputsVector, spec.inputs, "Int32")
        outputs = self.vector(schema.OperatorStartOutputsVector, spec.outputs, "Int32")
        options, kind = None, None
        if spec.kind in OPTIONS and spec.options is not None:
            name, defaults = OPTIONS[spec.kind]
            options = self.table(name, **{**defaults, **spec.options})
            kind = getattr(schema.BuiltinOptions, name)
        return self.table(
            "Operator",
            OpcodeIndex=codes.index(spec.kind),
            Inputs=inputs,
            Outputs=outputs,
            BuiltinOptionsType=kind,
            BuiltinOptions=options,
        )

    def code(self, kind: str) -> int:
        custom = None
        number = getattr(schema.BuiltinOperator, kind, None)
        if number is None:
            number = schema.BuiltinOperator.CUSTOM
            custom = self.builder.CreateString(kind)
        return self.table(
            "OperatorCode",
            DeprecatedBuiltinCode=min(number, 127),
            BuiltinCode=number,
            CustomCode=custom,
        )

    def buffer(self, data: bytes) -> int:
        vector = self.builder.CreateByteVector(data) if data else None
        return self.table("Buffer", Data=vector)

    def subgraph(self, codes: Sequence[str]) -> int:
        model = self.model
        tensors = [self.tensor(spec) for spec in model.tensors]
        operators = [self.operator(spec, codes) for spec in model.operators]
        return self.table(
            "SubGraph",
            Tensors=self.tables(schema.SubGraphStartTensorsVector, tensors),
            Inputs=self.vector(schema.SubGraphStartInputsVector, model.inputs, "Int32"),
            Outputs=self.vector(
                schema.SubGraphStartOutputsVector, model.outputs, "Int32"
            ),
            Operators=self.tables(schema.SubGraphStartOperatorsVector, operators),
        )

    def file(self) -> bytes:
        codes = list(dict.fromkeys(spec.kind for spec in self.model.operators))
        graphs = [self.subgraph(codes) for _ in range(self.model.subgraphs)]
        numbers = [self.code(kind) for kind in codes]
        buffers = [self.buffer(data) for data in self.buffers]
        root = self.table(
            "Model",
            Version=3,
            OperatorCodes=self.tables(schema.ModelStartOperatorCodesVector, numbers),
            Subgraphs=self.tables(schema.ModelStartSubgraphsVector, graphs),
            Buffers=self.tables(schema.ModelStartBuffersVector, buffers),
        )
        self.builder.Finish(root, b"TFL3")
        return bytes(self.builder.Output())


def only_layers(module: ModuleOp) -> list[LayerOp]:
    return layers(network_function(module))


def op_names(module: ModuleOp) -> list[str]:
    return [op.name.removeprefix("tinyml.") for op in only_layers(module)]


def random_int8(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape, np.int8)


def small_network(name: str | bytes = "scores", seed: int = 7) -> Model:
    """Conv, depthwise, pool, mean, fully connected: a bit of everything, int8 [1, 5]."""
    numbers = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return numbers.integers(-127, 128, shape, np.int8)

    def bias(count: int) -> np.ndarray:
        return numbers.integers(-2000, 2000, count, np.int32)

    model = Model()
    x = model.input((1, 8, 8, 2), 0.02, 3, name="image")
    scales = [0.003, 0.004, 0.005, 0.006]
    y = model.op(
        "CONV_2D",
        [x, model.constant(weights(4, 3, 3, 2), scales), model.constant(bias(4), 1.0)],
        (1, 8, 8, 4),
        0.05,
        -128,
        Padding=SAME,
        FusedActivationFunction=RELU,
        name="features",
    )
    y = model.op(
        "DEPTHWISE_CONV_2D",
        [y, model.constant(weights(1, 3, 3, 4), 0.004), model.constant(bias(4), 1.0)],
        (1, 4, 4, 4),
        0.06,
        -5,
        Padding=SAME,
        StrideH=2,
        StrideW=2,
        DepthMultiplier=1,
    )
    y = model.op(
        "MAX_POOL_2D",
        [y],
        (1, 2, 4, 4),
        0.06,
        -5,
        FilterHeight=2,
        FilterWidth=1,
        StrideH=2,
    )
    axes = model.constant(np.array([1, 2], np.int32))
    y = model.op("MEAN", [y, axes], (1, 4), 0.05, 2)
    y = model.op(
        "FULLY_CONNECTED",
        [y, model.constant(weights(5, 4), 0.01), model.constant(bias(5) // 8, 1.0)],
        (1, 5),
        0.05,
        1,
        name=name,
    )
    return model.output(y)
