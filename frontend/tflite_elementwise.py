"""
Elementwise operators of TensorFlow Lite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import Rounding
from tinyml.dialects.tinyml import (
    AddOp,
    DequantizeOp,
    LogSoftmaxOp,
    LookupOp,
    MaximumOp,
    MinimumOp,
    MulOp,
    PReluOp,
    QuantizeOp,
    RequantizeOp,
    SoftmaxOp,
    SubOp,
)
from tinyml.frontend.activation_tables import (
    hard_swish_table,
    leaky_relu_table,
    logistic_table,
    relu_table,
    tanh_table,
)
from tinyml.frontend.quantization import (
    add_multipliers,
    quantize_multiplier,
    quantize_value,
    softmax_multiplier,
)
from tinyml.frontend.tflite_file import Operator
from tinyml.frontend.tflite_importer import BYTE_RANGE, Handlers, Importer, Support


def import_sum(
    op: type[AddOp | SubOp], options_table: type[Any]
) -> Callable[[Importer, Operator], None]:
    def handler(importer: Importer, operator: Operator) -> None:
        options = operator.options(options_table)
        lhs, rhs, output = operator.input(0), operator.input(1), operator.output
        importer.layer(
            op(
                importer.value(lhs, "int8"),
                importer.value(rhs, "int8"),
                importer.result(output, "int8"),
                add_multipliers(lhs.scale, rhs.scale, output.scale),
                (lhs.zero_point, rhs.zero_point, output.zero_point),
                importer.clamp(options.FusedActivationFunction(), output),
                Rounding.DOUBLE,
            )
        )

    return handler


def import_mul(importer: Importer, operator: Operator) -> None:
    options = operator.options(tflite.MulOptions)
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


def import_extremum(
    op: type[MaximumOp | MinimumOp],
) -> Callable[[Importer, Operator], None]:
    def handler(importer: Importer, operator: Operator) -> None:
        lhs, rhs, output = operator.input(0), operator.input(1), operator.output
        grids = {(t.scale, t.zero_point) for t in (lhs, rhs, output)}
        if len(grids) != 1:
            raise DiagnosticException("inputs and output are not quantized alike")
        importer.layer(
            op(
                importer.value(lhs, "int8"),
                importer.value(rhs, "int8"),
                importer.result(output, "int8"),
            )
        )

    return handler


def import_function(
    table: Callable[[Operator], np.ndarray],
) -> Callable[[Importer, Operator], None]:
    """An operator that is a function of one byte, given by its table."""

    def handler(importer: Importer, operator: Operator) -> None:
        x = importer.value(operator.input(0), "int8")
        y = importer.result(operator.output, "int8")
        importer.layer(LookupOp(x, y, importer.constant("table", table(operator))))

    return handler


def logistic(operator: Operator) -> np.ndarray:
    source, output = operator.input(0), operator.output
    if (output.scale, output.zero_point) != (1 / 256, -128):
        raise DiagnosticException("output scale and zero point are not 1/256 and -128")
    return logistic_table(source.scale, source.zero_point)


def tanh(operator: Operator) -> np.ndarray:
    source, output = operator.input(0), operator.output
    if (output.scale, output.zero_point) != (1 / 128, 0):
        raise DiagnosticException("output scale and zero point are not 1/128 and 0")
    return tanh_table(source.scale, source.zero_point)


def hard_swish(operator: Operator) -> np.ndarray:
    source, output = operator.input(0), operator.output
    return hard_swish_table(
        (source.scale, source.zero_point), (output.scale, output.zero_point)
    )


def leaky_relu(operator: Operator) -> np.ndarray:
    options = operator.options(tflite.LeakyReluOptions)
    source, output = operator.input(0), operator.output
    return leaky_relu_table(
        (source.scale, source.zero_point),
        (output.scale, output.zero_point),
        options.Alpha(),
    )


def relu(operator: Operator) -> np.ndarray:
    source, output = operator.input(0), operator.output
    return relu_table(
        (source.scale, source.zero_point), (output.scale, output.zero_point)
    )


def relu6(operator: Operator) -> np.ndarray:
    source, output = operator.input(0), operator.output
    if (source.scale, source.zero_point) != (output.scale, output.zero_point):
        raise DiagnosticException("input and output are not quantized alike")
    top = quantize_value(6.0, source.scale, source.zero_point)
    bytes = np.arange(-128, 128)
    return np.clip(bytes, source.zero_point, min(top, 127)).astype(np.int8)


def import_prelu(importer: Importer, operator: Operator) -> None:
    source, alpha, output = operator.input(0), operator.input(1), operator.output
    importer.expect(alpha, "int8")
    channels = source.shape[-1] if source.shape else 0
    count = alpha.array.size
    if count not in (1, channels) or (count,) != alpha.shape[-1:]:
        raise DiagnosticException(
            f"alpha of shape {list(alpha.shape)} is not one number per channel"
        )
    slopes = np.broadcast_to(alpha.array.reshape(-1), (channels,))
    importer.layer(
        PReluOp(
            importer.value(source, "int8"),
            importer.result(output, "int8"),
            importer.constant("alpha", slopes),
            (
                quantize_multiplier(source.scale / output.scale),
                quantize_multiplier(source.scale * alpha.scale / output.scale),
            ),
            (source.zero_point, alpha.zero_point, output.zero_point),
            Rounding.DOUBLE,
        )
    )


def import_softmax(importer: Importer, operator: Operator) -> None:
    beta = operator.options(tflite.SoftmaxOptions).Beta()
    expect_output(operator, 256, -128)
    write_softmax(importer, operator, SoftmaxOp, beta)


def import_log_softmax(importer: Importer, operator: Operator) -> None:
    expect_output(operator, 16, 127)
    write_softmax(importer, operator, LogSoftmaxOp, 1.0)


def expect_output(operator: Operator, steps: int, zero_point: int) -> None:
    """Refuses an output that has not so many steps per unit and this zero point."""
    output = operator.output
    if (output.scale, output.zero_point) != (1 / steps, zero_point):
        raise DiagnosticException(
            f"output scale {output.scale} and zero point {output.zero_point}, expected "
            f"1/{steps} and {zero_point}"
        )


def write_softmax(
    importer: Importer,
    operator: Operator,
    op: type[SoftmaxOp | LogSoftmaxOp],
    beta: float,
) -> None:
    source = operator.input(0)
    importer.layer(
        op(
            importer.value(source, "int8"),
            importer.result(operator.output, "int8"),
            softmax_multiplier(beta, source.scale),
            Rounding.DOUBLE,
        )
    )


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


BROADCAST = "int8; inputs are broadcast; fused activation"

HANDLERS: Handlers = {
    "ADD": Support(
        import_sum(AddOp, tflite.AddOptions),
        BROADCAST,
    ),
    "DEQUANTIZE": Support(import_dequantize, "int8 or uint8 to float32"),
    "HARD_SWISH": Support(import_function(hard_swish), "int8, as a table"),
    "LEAKY_RELU": Support(import_function(leaky_relu), "int8, as a table"),
    "LOGISTIC": Support(
        import_function(logistic),
        "int8, as a table; output scale 1/256, zero point -128",
    ),
    "LOG_SOFTMAX": Support(
        import_log_softmax,
        "int8, along the last dimension; output scale 1/16, zero point 127",
    ),
    "MAXIMUM": Support(
        import_extremum(MaximumOp),
        "int8, quantized alike; broadcast",
    ),
    "MINIMUM": Support(
        import_extremum(MinimumOp),
        "int8, quantized alike; broadcast",
    ),
    "MUL": Support(import_mul, BROADCAST),
    "PRELU": Support(import_prelu, "int8; one slope per channel, or one for all"),
    "QUANTIZE": Support(import_quantize, "float32, int8 or uint8 to int8 or uint8"),
    "RELU": Support(import_function(relu), "int8, as a table"),
    "RELU6": Support(
        import_function(relu6), "int8, as a table; input and output quantized alike"
    ),
    "SOFTMAX": Support(
        import_softmax,
        "int8, along the last dimension; output scale 1/256, zero point -128",
    ),
    "SUB": Support(
        import_sum(SubOp, tflite.SubOptions),
        BROADCAST,
    ),
    "TANH": Support(
        import_function(tanh), "int8, as a table; output scale 1/128, zero point 0"
    ),
}
