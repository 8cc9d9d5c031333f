"""
Exact requantization by the high words of two products.

With `2m = 2^32 h + l`, where `m` is a factor's multiplier times two to its left shift,
gemmlowp's double rounding of a sum `a` is

    q = SMMLAR(a, l, a * h)                      round(a * m / 2^31), ties upwards
    y = SMMLAR(q + (q >> 31), 2^(32 - n), zero)  zero + round(q / 2^n), ties from zero

for shifts to the right `n` of 2 to 31 bits. Usual multipliers are at least 2^30 and
have no left shift, so `h` is 1. Else, and if `n` is 0 or 1, factors are *wide*: `h` is
given for each channel, and `4 q + (q >> 31)` takes the place of the second sum, with
`2^(30 - n)`; that less than one of four counts is taken away rounds ties of negative
numbers down, and nothing else.

Source: gemmlowp's rounding; the identities are this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.acle import SmmlarOp
from tinyml.dialects.attributes import Rounding
from tinyml.dialects.layer import integers
from tinyml.dialects.weighted import DepthwiseConv2DOp, WeightedOp
from tinyml.passes.dot_packing import folded_bias, sum_range
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.weighted import constant_array

ROOM = 1 << 29
"""What the first product of a wide requantization stays below."""


def filters(op: WeightedOp) -> np.ndarray:
    """The weights, [outputs, elements]."""
    weights = constant_array(op, "weights")
    if isinstance(op, DepthwiseConv2DOp):
        return weights.reshape(-1, op.output_channels).T
    return weights.reshape(op.output_channels, -1)


def start_values(op: WeightedOp) -> np.ndarray:
    """What sums of products with raw activations start from. int64."""
    bias = np.zeros(op.output_channels, np.int32)
    if op.bias is not None:
        bias = constant_array(op, "bias")
    return folded_bias(filters(op), bias, integers(op.zero_points)[0])


def high_factors(op: WeightedOp) -> np.ndarray | None:
    """
    For each channel `l` and `2^(32 - n)`, or, if they are wide, `l`, `2^(30 - n)` and
    `h`. int32; None where that is not exact.
    """
    table = constant_array(op, "requant")
    if op.rounding.data is not Rounding.DOUBLE or table.dtype != np.int32:
        return None
    multiplier, shift = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    # What is multiplied by zero, or shifted by more than 31 bits, is zero.
    zero = (multiplier == 0) | (shift < -31)
    multiplier, shift = np.where(zero, 1 << 30, multiplier), np.where(zero, -2, shift)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    doubled = multiplier << (left + 1)
    high = (doubled + (1 << 31)) >> 32
    low = doubled - (high << 32)
    if (high == 1).all() and (left == 0).all() and (right >= 2).all():
        return words(low, np.where(zero, 0, 1 << (32 - right)))
    if (right > 30).any():
        return None
    least, greatest = sum_range(filters(op), start_values(op))
    most = np.maximum(-least, greatest)
    fits = most << left < 1 << 31
    scaled = most.astype(float) * np.abs(multiplier) * 2.0 ** (left - 31)
    if not fits.all() or (scaled >= ROOM - 1).any():
        return None
    return words(low, np.where(zero, 0, 1 << (30 - right)), high)


def words(*columns: np.ndarray) -> np.ndarray:
    return (np.stack(columns, 1) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def high_requantized(
    k: Kernel,
    op: WeightedOp,
    acc: SSAValue,
    factors: Sequence[SSAValue],
    zero: SSAValue | None = None,
) -> SSAValue:
    """
    The output byte of a sum, by a row of `high_factors`; `zero` is the zero point where
    it is no constant.
    """
    zero_point, (low, high) = integers(op.zero_points)[1], integers(op.clamp)
    zero = k.i32(zero_point) if zero is None else zero
    multiplier, power, *times = factors
    whole = k.mul(acc, times[0], "whole", wrap=True) if times else acc
    scaled = k.insert(SmmlarOp(acc, multiplier, whole), "scaled")
    fourfold = k.shl(scaled, k.i32(2)) if times else scaled
    # Where negative results are all the least one, the way they are rounded does not
    # matter.
    if low < zero_point:
        fourfold = k.add(fourfold, k.shr(scaled, k.i32(31)), wrap=True)
    shifted = k.insert(SmmlarOp(fourfold, power, zero), "shifted")
    return k.clamp(shifted, low, high)
