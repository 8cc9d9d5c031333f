"""
From real scales to the integers that kernels use, exactly as TFLite does it.

Source: `kernels/internal/quantization_util.cc` and `kernels/kernel_util.cc` of TFLite
Micro. Pure functions on numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import RequantAttr


def quantize_multiplier(real: float) -> RequantAttr:
    """The factor nearest to `real`, as an attribute."""
    return RequantAttr(*multiplier_and_shift(real))


def multiplier_and_shift(real: float) -> tuple[int, int]:
    """
    The factor nearest to `real` (`QuantizeMultiplier`); some models have negative
    filter scales. Raises DiagnosticException where `real` is not finite or is too large
    for a shift of 30.
    """
    if not math.isfinite(real):
        raise DiagnosticException(f"scale ratio {real} is not a finite number")
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if abs(multiplier) == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        multiplier, shift = 0, 0
    if shift > 30:
        raise DiagnosticException(f"scale ratio {real} is too large, at most 2^30")
    return multiplier, shift


def requant_table(reals: Sequence[float] | np.ndarray) -> np.ndarray:
    """Rows of (multiplier, shift), int32, one per output channel."""
    return np.array([multiplier_and_shift(float(real)) for real in reals], np.int32)


def mean_multiplier(real: float, count: int) -> RequantAttr:
    """The factor `real / count` as the mean of TFLite builds it (`reduce.h`)."""
    factor = quantize_multiplier(real)
    multiplier, output_shift = factor.multiplier.data, factor.shift.data
    shift = min(count.bit_length() - 1, 32, 31 + output_shift)
    return RequantAttr((multiplier << shift) // count, output_shift - shift)


def softmax_multiplier(beta: float, input_scale: float) -> RequantAttr:
    """The factor from an input difference to Q5.26 (`PreprocessSoftmaxScaling`)."""
    real = min(beta * input_scale * (1 << 26), (1 << 31) - 1.0)
    return quantize_multiplier(real)


def add_multipliers(
    lhs_scale: float, rhs_scale: float, output_scale: float
) -> tuple[RequantAttr, RequantAttr, RequantAttr]:
    """The factors of lhs, rhs and sum for 20 bits of headroom (`add_common.cc`)."""
    twice_max = 2 * max(lhs_scale, rhs_scale)
    return (
        quantize_multiplier(lhs_scale / twice_max),
        quantize_multiplier(rhs_scale / twice_max),
        quantize_multiplier(twice_max / ((1 << 20) * output_scale)),
    )


@np.errstate(over="ignore")
def quantize_value(real: float, scale: float, zero_point: int) -> int:
    """
    One number on a grid, rounded half away from zero in single precision, and
    saturated to 32 bits.
    """
    steps = float(np.float32(real) / np.float32(scale))
    return zero_point + round_half_away(max(-(2.0**31), min(steps, 2.0**31)))


def round_half_away(real: float) -> int:
    """The nearest integer, ties away from zero (`std::round`)."""
    return int(math.copysign(math.floor(abs(real) + 0.5), real))


def same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    """Padding before and after for `SAME`: the output has ceil(size / stride)."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2
