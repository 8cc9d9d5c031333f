"""
Convolutions, fully connected layers, pools and means of TensorFlow Lite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import tflite
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import Rounding, WindowAttr
from tinyml.dialects.tinyml import (
    AvgPool2DOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    FullyConnectedOp,
    MaxPool2DOp,
    MeanOp,
)
from tinyml.frontend.quantization import (
    mean_multiplier,
    requant_table,
    same_padding,
)
from tinyml.frontend.tflite_file import Operator
from tinyml.frontend.tflite_importer import Handlers, Importer, Support


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


def import_convolution(
    importer: Importer,
    operator: Operator,
    op: Callable[..., Conv2DOp | DepthwiseConv2DOp],
    options: Any,
    weights: np.ndarray,
    channels: int,
) -> None:
    """A convolution with its weights as `op` wants them, and its output channels."""
    source, filter, output = operator.input(0), operator.input(1), operator.output
    importer.layer(
        op(
            importer.value(source, "int8"),
            importer.result(output, "int8"),
            importer.constant("weights", weights),
            importer.bias(operator),
            importer.channel_requant(operator, channels),
            window(
                filter.shape[1:3],
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


def import_conv_2d(importer: Importer, operator: Operator) -> None:
    """There are as many groups as the filter's channels fit into the input's."""
    options = operator.options(tflite.Conv2DOptions)
    weights, shape = importer.weights(operator.input(1)), operator.input(0).shape
    depth = weights.shape[-1] if weights.ndim == 4 else 0
    if depth < 1 or len(shape) != 4 or shape[-1] % depth:
        raise DiagnosticException(
            f"filter {list(weights.shape)} does not fit the input {list(shape)}"
        )
    op = partial(Conv2DOp, groups=shape[-1] // depth)
    import_convolution(importer, operator, op, options, weights, len(weights))


def import_depthwise_conv_2d(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.DepthwiseConv2DOptions)
    weights = importer.weights(operator.input(1))
    if weights.ndim != 4 or weights.shape[0] != 1:
        raise DiagnosticException(
            f"filter {list(weights.shape)} is not [1, height, width, channels]"
        )
    channels = weights.shape[3]
    import_convolution(
        importer, operator, DepthwiseConv2DOp, options, weights[0], channels
    )


def import_fully_connected(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.FullyConnectedOptions)
    source, filter, output = operator.input(0), operator.input(1), operator.output
    if options.WeightsFormat():
        raise DiagnosticException("shuffled weights are not supported")
    x, weights = importer.value(source, "int8"), importer.weights(filter)
    if weights.ndim != 2:
        raise DiagnosticException(f"filter {list(weights.shape)} is not a matrix")
    channels = weights.shape[0]
    if filter.scales.size == 1:
        # TFLite multiplies the two scales in single precision here, only here.
        with np.errstate(over="ignore"):
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


def import_mean(importer: Importer, operator: Operator) -> None:
    source, output = operator.input(0), operator.output
    rank = len(source.shape)
    wanted = importer.integers(operator.input(1))
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


WEIGHTED = (
    "int8 weights, zero point 0, per tensor or per channel; int32 bias; "
    "fused activation"
)

HANDLERS: Handlers = {
    "AVERAGE_POOL_2D": Support(
        import_pool(AvgPool2DOp),
        "int8; input and output quantized alike; fused activation",
    ),
    "CONV_2D": Support(
        import_conv_2d,
        f"{WEIGHTED}; strides, dilations, groups",
    ),
    "DEPTHWISE_CONV_2D": Support(
        import_depthwise_conv_2d,
        f"{WEIGHTED}; any depth multiplier, strides, dilations",
    ),
    "FULLY_CONNECTED": Support(
        import_fully_connected,
        WEIGHTED,
    ),
    "MAX_POOL_2D": Support(
        import_pool(MaxPool2DOp),
        "int8; input and output quantized alike; fused activation",
    ),
    "MEAN": Support(import_mean, "int8; any axes, kept or dropped"),
}
