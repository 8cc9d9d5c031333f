"""
The models that mutants are made of: small ones that together use every importer's every
operator, or the files of a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx_models
import onnx_networks
import tflite_models
from tflite_models import RELU, SAME, OperatorSpec

SUFFIXES = {"tflite": ".tflite", "onnx": ".onnx", "pt2": ".pt2"}


@cache
def base_models(format: str, folder: Path | None) -> dict[str, bytes]:
    """The models of a format by name: ours, or the files of a folder."""
    if folder is None:
        return BUILT[format]()
    files = sorted(folder.glob(f"**/*{SUFFIXES[format]}"))
    if not files:
        raise SystemExit(f"{folder} holds no {SUFFIXES[format]} files")
    return {file.stem: file.read_bytes() for file in files}


# TensorFlow Lite


def elementwise() -> tflite_models.Model:
    model = tflite_models.Model()
    real = model.input((1, 3, 4, 2), None, type="float32")
    byte = model.input((1, 3, 4, 2), 0.05, 3)
    shape = (1, 3, 4, 2)
    x = model.op("QUANTIZE", [real], shape, 0.04, -2)
    row = model.constant(np.array([3, -4], np.int8), 0.05, 1)
    for kind, other in (("ADD", byte), ("SUB", row), ("MUL", byte)):
        inputs = [x, other]
        x = model.op(kind, inputs, shape, 0.05, 3, FusedActivationFunction=RELU)
    x = model.op("MAXIMUM", [x, byte], shape, 0.05, 3)
    x = model.op("MINIMUM", [x, byte], shape, 0.05, 3)
    for kind in ("RELU", "HARD_SWISH", "RELU6"):
        x = model.op(kind, [x], shape, 0.05, 3)
    x = model.op("LEAKY_RELU", [x], shape, 0.05, 3, Alpha=0.1)
    slopes = model.constant(np.array([[[5, 9]]], np.int8), 0.01)
    x = model.op("PRELU", [x, slopes], shape, 0.05, 3)
    y = model.op("LOGISTIC", [x], shape, 1 / 256, -128)
    z = model.op("TANH", [x], shape, 1 / 128, 0)
    x = model.op("ADD", [y, z], shape, 0.02, -3)
    x = model.op("SOFTMAX", [x], shape, 1 / 256, -128)
    logarithm = model.op("LOG_SOFTMAX", [x], shape, 1 / 16, 127)
    unsigned = model.op("QUANTIZE", [x], shape, 1 / 256, 0, type="uint8")
    return model.output(
        model.op("DEQUANTIZE", [x], shape, None, type="float32"), logarithm, unsigned
    )


def moves() -> tflite_models.Model:
    model = tflite_models.Model()

    def constant(*numbers: Any) -> int:
        return model.constant(np.array(numbers, np.int32))

    def several(kind: str, inputs: list[int], *shapes: Any, **options: float):
        outputs = [model.tensor(shape) for shape in shapes]
        model.operators.append(OperatorSpec(kind, inputs, outputs, options))
        return outputs

    x = model.input((1, 4, 4, 2))
    dims = model.op("SHAPE", [x], (4,), None, type="int32")
    places = [constant(0), constant(1), constant(1)]
    batch = model.op(
        "STRIDED_SLICE", [dims, *places], (), None, type="int32", ShrinkAxisMask=1
    )
    sizes = [batch, model.constant(np.array(32, np.int32))]
    wanted = model.op("PACK", sizes, (2,), None, type="int32", ValuesCount=2)
    flat = model.op("RESHAPE", [x, wanted], (1, 32))
    pads = constant([0, 0], [1, 0], [0, 2], [0, 0])
    y = model.op("PAD", [x, pads], (1, 5, 6, 2))
    value = model.constant(np.array([7], np.int8), 0.5)
    y = model.op("PADV2", [y, pads, value], (1, 6, 8, 2))
    places = [constant(0, 0, 0, 0), constant(0, 6, 8, 2), constant(1, 2, 2, 1)]
    y = model.op("STRIDED_SLICE", [y, *places], (1, 3, 4, 2), EndMask=9)
    y = model.op(
        "RESIZE_NEAREST_NEIGHBOR", [y, constant(6, 8)], (1, 6, 8, 2), HalfPixelCenters=1
    )
    y = model.op("RESIZE_BILINEAR", [y, constant(4, 4)], (1, 4, 4, 2), AlignCorners=1)
    y = model.op("CONCATENATION", [x, y], (1, 4, 4, 4), Axis=3)
    a, b = several("SPLIT", [constant(3), y], (1, 4, 4, 2), (1, 4, 4, 2), NumSplits=2)
    parts = [a, constant(1, 3), constant(1)]
    c, d = several("SPLIT_V", parts, (1, 1, 4, 2), (1, 3, 4, 2), NumSplits=2)
    d = model.op("SLICE", [d, constant(0, 1, 0, 0), constant(1, 1, 4, 2)], (1, 1, 4, 2))
    y = model.op("PACK", [c, d], (2, 1, 1, 4, 2), ValuesCount=2, Axis=0)
    c, d = several("UNPACK", [y], (1, 1, 4, 2), (1, 1, 4, 2), Num=2, Axis=0)
    c = model.op("SQUEEZE", [c], (4, 2))
    c = model.op("EXPAND_DIMS", [c, constant(0)], (1, 4, 2))
    c = model.op("TRANSPOSE", [c, constant(0, 2, 1)], (1, 2, 4))
    size: dict[str, Any] = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 2}
    b = model.op("AVERAGE_POOL_2D", [b], (1, 2, 4, 2), Padding=SAME, **size)
    b = model.op("MEAN", [b, constant(1, -1)], (1, 4))
    return model.output(flat, c, d, b)


def tflite_bases() -> dict[str, bytes]:
    return {
        "small_network": tflite_models.small_network().bytes,
        "elementwise": elementwise().bytes,
        "moves": moves().bytes,
    }


# ONNX


def requantized(model: onnx_models.Model, x: str, scale: float, zero: int = 0) -> str:
    return model.dequantize(model.quantize(x, scale, zero), scale, zero)


def convolutions() -> onnx_models.Model:
    numbers = np.random.default_rng(5)

    def weights(*shape: int) -> str:
        array = numbers.integers(-127, 128, shape, np.int8)
        return model.weights(array, np.full(shape[0], 0.01, np.float32))

    def bias(count: int) -> str:
        array = numbers.integers(-999, 999, count, np.int32)
        return model.weights(array, 0.0005)

    model = onnx_models.Model()
    x = model.quantize(model.input((1, 3, 8, 8), "float32"), 0.05, 3)
    x = model.dequantize(x, 0.05, 3)
    same = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    x = model.node("Conv", x, weights(4, 3, 3, 3), bias(4), **same)
    x = requantized(model, model.node("Relu", x), 0.04, -128)
    x = model.node("Conv", x, weights(4, 1, 3, 3), group=4, strides=[2, 2], **same)
    x = requantized(model, x, 0.06)
    x = model.node("MaxPool", x, kernel_shape=[3, 2], auto_pad="SAME_UPPER")
    x = model.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = requantized(model, x, 0.06)
    x = model.node("GlobalAveragePool", x)
    x = model.node("Flatten", requantized(model, x, 0.05))
    x = model.node("Gemm", x, weights(5, 4), bias(5), transB=1)
    model.output(model.dequantize(model.quantize(x, 0.1), 0.1), "float32")
    return model


def reals() -> onnx_models.Model:
    """Functions, sums and movements between quantized tensors."""
    model = onnx_models.Model(opset=14)
    image = model.dequantize(model.input((1, 4, 3, 2), "uint8"), 0.05, 130, "uint8")
    x = requantized(model, image, 0.04)
    for op, attributes in (
        *(("Sigmoid", {}), ("Tanh", {}), ("HardSwish", {}), ("Elu", {"alpha": 2.0})),
        *(("HardSigmoid", {"alpha": 0.25}), ("LeakyRelu", {"alpha": 0.1})),
        ("Softmax", {"axis": 1}),
    ):
        x = requantized(model, model.node(op, x, **attributes), 0.02)
    x = requantized(model, model.node("Add", x, image), 0.03, 4)
    gain = model.weights(np.full((4, 1, 1), 9, np.int8), 0.1)
    x = requantized(model, model.node("Mul", x, gain), 0.03, 4)
    limits = [model.constant(np.float32(n)) for n in (-1, 2)]
    x = requantized(model, model.node("Clip", x, *limits), 0.02, -5)
    pads = model.constant(np.array([0, 0, 1, 0, 0, 0, 0, 2]))
    x = model.node("Pad", x, pads, model.constant(np.float32(0)))
    x = model.node("Concat", x, x, axis=1)
    x = requantized(model, x, 0.02, -5)
    x = model.node("Transpose", x, perm=[0, 2, 3, 1])
    x = model.node("Reshape", x, model.node("Constant", value_ints=[0, -1, 8]))
    x = model.node("Unsqueeze", x, model.constant(np.array([1])))
    x = model.node("Squeeze", model.node("Identity", x), model.constant(np.array([1])))
    axes = {"axes": [1], "keepdims": 0}
    x = requantized(model, model.node("ReduceMean", x, **axes), 0.02)
    wide = model.weights(np.ones((8, 3), np.int8), 0.1)
    x = model.quantize(model.node("MatMul", model.node("Dropout", x), wide), 0.1)
    model.output(x)
    return model


def qlinear() -> onnx_models.Model:
    model = onnx_models.Model()
    grid = model.grid(0.05, 3, "int8")
    fine = model.grid(0.01, 0, "int8")
    microsoft = {"domain": "com.microsoft"}
    x = model.input((1, 3, 6, 6))
    weights = model.constant(np.ones((4, 3, 3, 3), np.int8))
    bias = model.constant(np.array([1, -2, 3, 4], np.int32))
    x = model.node("QLinearConv", x, *grid, weights, *fine, *grid, bias)
    x = model.node("QLinearAdd", x, *grid, x, *grid, *grid, **microsoft)
    x = model.node("QLinearMul", x, *grid, x, *grid, *grid, **microsoft)
    pool = {"kernel_shape": [2, 2], **microsoft}
    x = model.node("QLinearAveragePool", x, *grid, *grid, **pool)
    x = model.node("QLinearGlobalAveragePool", x, *grid, *grid, **microsoft)
    x = model.node("Flatten", x)
    matrix = model.constant(np.ones((4, 4), np.int8))
    x = model.node("QLinearMatMul", x, *grid, matrix, *fine, *grid)
    inputs = [x, *grid, matrix, *fine, bias, *grid]
    x = model.node("QGemm", *inputs, transB=1, **microsoft)
    more = {"axis": -1, "opset": 13, **microsoft}
    model.output(model.node("QLinearSoftmax", x, *grid, *grid, **more))
    return model


def one_dimension() -> onnx_models.Model:
    model = onnx_models.Model()
    x = model.dequantize(model.input(("N", 3, 12)), 0.05)
    weights = model.weights(np.ones((4, 3, 3), np.int8), 0.01)
    x = model.node("Conv", x, weights, strides=[2], pads=[1, 1])
    bias = model.weights(np.ones((4, 1), np.int32), 0.1)
    x = requantized(model, model.node("Add", x, bias), 0.05)
    x = model.node("AveragePool", x, kernel_shape=[2], strides=[2])
    model.output(model.quantize(x, 0.05))
    return model


def onnx_bases() -> dict[str, bytes]:
    builders: tuple[Callable[[], onnx_models.Model], ...] = (
        *(convolutions, reals, qlinear),
        one_dimension,
    )
    models = {build.__name__: build() for build in builders}
    for name, build in onnx_networks.NETWORKS.items():
        if name not in onnx_networks.resizes():
            models[name] = onnx_models.Model(opset=19)
            build(models[name])
    return {name: model.bytes for name, model in models.items()}


# PyTorch

NETWORKS = (
    *("conv bn relu6", "residual", "pools", "classifier", "mean", "functions"),
    *("concatenation", "padding", "order of dimensions", "one dimension"),
)


def pt2_bases() -> dict[str, bytes]:
    import torch_models

    from tinyml.frontend.torch import quantize, torch_warnings_ignored

    torch = torch_models.torch
    models: dict[str, bytes] = {}
    for name in NETWORKS:
        make, shape = torch_models.NETWORKS[name]
        runs = torch_models.random_runs(shape, 2)
        with torch_warnings_ignored():
            model = torch_models.seeded(make)
            program = quantize(model, [[x] for x in runs])
            file = BytesIO()
            torch.export.save(program, file)
        models[name.replace(" ", "_")] = file.getvalue()
    return models


BUILT = {"tflite": tflite_bases, "onnx": onnx_bases, "pt2": pt2_bases}
