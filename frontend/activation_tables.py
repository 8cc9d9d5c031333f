"""
Functions of one int8 as tables of 256, computed with the reference's own integers.

Entry `i` is the output for input `i - 128`. Source: TFLite Micro's reference kernels
`integer_ops/logistic.h`, `integer_ops/tanh.h`, `hard_swish.h`, `leaky_relu.h` and
`activations_common.cc`, and gemmlowp's `fixedpoint.h`.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import Rounding
from tinyml.frontend.quantization import multiplier_and_shift
from tinyml.interp.fixed_point import logistic, rdbpot, requantize, tanh

BYTES = np.arange(-128, 128, dtype=np.int64)

Grid = tuple[float, int]
"""Scale and zero point."""


def scaled(values: np.ndarray, real: float) -> np.ndarray:
    return requantize(values, *multiplier_and_shift(real), Rounding.DOUBLE)


def clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -128, 127).astype(np.int8)


def fixed_point_argument(scale: float, zero_point: int) -> tuple[np.ndarray, int]:
    """Inputs in Q4.27, and the distance from zero where the function is flat."""
    multiplier, shift = multiplier_and_shift(scale * (1 << 27))
    centred = BYTES - zero_point
    radius = math.floor(15 * (1 << 27) / 2.0**shift)
    inside = np.clip(centred, 1 - radius, radius - 1)
    return requantize(inside, multiplier, shift, Rounding.DOUBLE), radius


def flat_ends(values: np.ndarray, zero_point: int, radius: int) -> np.ndarray:
    centred = BYTES - zero_point
    values = np.where(centred <= -radius, -128, values)
    return clipped(np.where(centred >= radius, 127, values))


def logistic_table(scale: float, zero_point: int) -> np.ndarray:
    """1 / (1 + exp(-x)); the output's scale is 1/256, its zero point -128."""
    argument, radius = fixed_point_argument(scale, zero_point)
    values = rdbpot(logistic(argument, 4), 31 - 8) - 128
    return flat_ends(values, zero_point, radius)


def tanh_table(scale: float, zero_point: int) -> np.ndarray:
    """tanh(x); the output's scale is 1/128, its zero point 0."""
    argument, radius = fixed_point_argument(scale, zero_point)
    return flat_ends(rdbpot(tanh(argument, 4), 31 - 7), zero_point, radius)


def exponential_table(scale: float, one: float) -> np.ndarray:
    """exp(-i * scale) for `i` from 0 to 255 in units of 1 / `one`, for a softmax."""
    return np.rint(np.exp(-scale * np.arange(256)) * one).astype(np.int32)


@np.errstate(over="ignore")
def relu_table(source: Grid, output: Grid) -> np.ndarray:
    """max(0, x), from one grid to another."""
    real = float(np.float32(source[0]) / np.float32(output[0]))
    values = scaled(BYTES - source[1], real) + output[1]
    return clipped(np.maximum(values, output[1]))


@np.errstate(over="ignore")
def leaky_relu_table(source: Grid, output: Grid, alpha: float) -> np.ndarray:
    """x where it is positive, alpha * x where it is negative."""
    single = np.float32
    same = float(single(source[0]) / single(output[0]))
    less = float(single(source[0]) * single(alpha) / single(output[0]))
    centred = BYTES - source[1]
    values = np.where(centred >= 0, scaled(centred, same), scaled(centred, less))
    return clipped(values + output[1])


def sixteen_bits(multiplier: int) -> int:
    """A 32-bit multiplier rounded to 16 bits (`DownScaleInt32ToInt16Multiplier`)."""
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1)


def saturate16(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def srdhm16(a: np.ndarray, b: int) -> np.ndarray:
    """The 16-bit saturating rounding doubling high multiply."""
    return saturate16((a * b + (1 << 14)) >> 15)


@np.errstate(over="ignore")
def hard_swish_table(source: Grid, output: Grid) -> np.ndarray:
    """x * relu6(x + 3) / 6 in 16-bit fixed point."""
    single = np.float32
    fine = single(1 / 128) * single(source[0])
    out_multiplier, out_exponent = multiplier_and_shift(float(fine / single(output[0])))
    if out_exponent > 0:
        raise DiagnosticException("the output's scale is too fine for HARD_SWISH")
    reluish = single(3) / single(32768)
    multiplier, exponent = multiplier_and_shift(float(fine / reluish))
    hires = (BYTES - source[1]) << 7
    preshift = srdhm16(hires, sixteen_bits(out_multiplier))
    gate = hires
    if exponent > 0:
        gate = saturate16(gate << (exponent - 1))
    gate = srdhm16(gate, sixteen_bits(multiplier))
    if exponent > 0:
        gate = saturate16(gate << 1)
    if exponent < 0:
        gate = rdbpot(gate, -exponent)
    gate = (gate + (1 << 15)) >> 1
    product = gate * preshift
    # Rounded towards zero here, to cancel the bias of the roundings above.
    high = np.sign(product) * (np.abs(product) >> 15)
    return clipped(rdbpot(high, -out_exponent) + output[1])
