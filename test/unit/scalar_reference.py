"""
What each layer computes, one number after another, on Python ints and exact fractions.

Written from the reference kernels of TFLite Micro and from ONNX's definitions, and
reading nothing but the layer's own attributes: the interpreter and the lowered loops
are both compared to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
from xdsl.dialects.builtin import IntegerType, Signedness

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import RequantAttr, Rounding, WindowAttr
from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type, shape
from tinyml.dialects.pooling import PoolOp
from tinyml.dialects.weighted import WeightedOp

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

# gemmlowp, fixedpoint/fixedpoint.h, and common.h of TFLite Micro.


def int32(x: int) -> int:
    """What a cast to int32_t leaves of x."""
    return ((x + (1 << 31)) % (1 << 32)) - (1 << 31)


def truncated(a: int, b: int) -> int:
    """`a / b` as C has it."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    if a == b == INT32_MIN:
        return INT32_MAX
    ab = a * b
    nudge = (1 << 30) if ab >= 0 else 1 - (1 << 30)
    return truncated(ab + nudge, 1 << 31)


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    mask = (1 << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if remainder > threshold else 0)


def saturating_rounding_multiply_by_pot(x: int, exponent: int) -> int:
    if exponent < 0:
        return rounding_divide_by_pot(x, -exponent)
    threshold = (1 << (31 - exponent)) - 1
    if x > threshold:
        return INT32_MAX
    if x < -threshold:
        return INT32_MIN
    return int32(x << exponent)


def rounding_half_sum(a: int, b: int) -> int:
    total = a + b
    return truncated(total + (1 if total >= 0 else -1), 2)


def multiply_by_quantized_multiplier(x: int, multiplier: int, shift: int) -> int:
    left, right = max(shift, 0), max(-shift, 0)
    high = saturating_rounding_doubling_high_mul(int32(x * (1 << left)), multiplier)
    return rounding_divide_by_pot(high, right)


def nearest(x: Fraction, rounding: Rounding) -> int:
    """The integer nearest to x; roundings differ in what they do with ties."""
    low = math.floor(x)
    if x - low != Fraction(1, 2):
        return low + (x - low > Fraction(1, 2))
    match rounding:
        case Rounding.SINGLE:
            return low + 1
        case Rounding.EVEN:
            return low + low % 2
        case _:
            return low + (x > 0)


def rounded_float(x: Fraction) -> Fraction:
    """The number of 24 bits nearest to x, ties to even."""
    if x == 0:
        return x
    size = abs(x.numerator).bit_length() - x.denominator.bit_length()
    unit = Fraction(2) ** (size - 24)
    while abs(x) / unit >= 1 << 24:
        unit *= 2
    return nearest(x / unit, Rounding.EVEN) * unit


def scaled_float(acc: int, factor: Fraction) -> int:
    """`acc * factor` with two roundings to floats and one to an integer."""
    product = rounded_float(rounded_float(Fraction(acc)) * factor)
    return nearest(product, Rounding.EVEN)


def requantize(acc: int, multiplier: int, shift: int, rounding: Rounding) -> int:
    """`acc * multiplier * 2^(shift - 31)`; only gemmlowp's wraps."""
    if rounding is Rounding.DOUBLE:
        return multiply_by_quantized_multiplier(acc, multiplier, shift)
    return nearest(Fraction(acc * multiplier, 1 << (31 - shift)), rounding)


def exp_on_interval_between_negative_one_quarter_and_0_excl(a: int) -> int:
    mul = saturating_rounding_doubling_high_mul
    x = a + (1 << 28)
    x2 = mul(x, x)
    x3 = mul(x2, x)
    x4 = mul(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    x4_over_24_plus_x3_over_6_plus_x2_over_2 = rounding_divide_by_pot(
        int32(mul(int32(x4_over_4 + x3), 715827883) + x2), 1
    )
    return int32(
        1895147668
        + mul(1895147668, int32(x + x4_over_24_plus_x3_over_6_plus_x2_over_2))
    )


def exp_on_negative_values(a: int) -> int:
    """Q5.26 to Q0.31."""
    one_quarter = 1 << 24
    a_mod_quarter_minus_one_quarter = (a & (one_quarter - 1)) - one_quarter
    result = exp_on_interval_between_negative_one_quarter_and_0_excl(
        saturating_rounding_multiply_by_pot(a_mod_quarter_minus_one_quarter, 5)
    )
    remainder = int32(a_mod_quarter_minus_one_quarter - a)
    for bit, multiplier in (
        (24, 1672461947),
        (25, 1302514674),
        (26, 790015084),
        (27, 290630308),
        (28, 39332535),
        (29, 720401),
        (30, 242),
    ):
        if remainder & (1 << bit):
            result = saturating_rounding_doubling_high_mul(result, multiplier)
    return INT32_MAX if a == 0 else result


def one_over_one_plus_x_for_x_in_0_1(a: int) -> int:
    """Q0.31 to Q0.31."""
    mul = saturating_rounding_doubling_high_mul
    half_denominator = rounding_half_sum(a, INT32_MAX)
    x = int32(1515870810 + mul(half_denominator, -1010580540))
    for _ in range(3):
        half_denominator_times_x = mul(half_denominator, x)
        one_minus = int32((1 << 29) - half_denominator_times_x)
        x = int32(x + saturating_rounding_multiply_by_pot(mul(x, one_minus), 2))
    return saturating_rounding_multiply_by_pot(x, 1)


def get_reciprocal(x: int, x_integer_digits: int) -> tuple[int, int]:
    """The scale and the bits over unit."""
    headroom_plus_one = 32 - x.bit_length()
    shifted_sum_minus_one = int32((x << headroom_plus_one) - (1 << 31))
    return (
        one_over_one_plus_x_for_x_in_0_1(shifted_sum_minus_one),
        x_integer_digits - headroom_plus_one,
    )


def softmax_row(row: Sequence[int], multiplier: int, left_shift: int) -> list[int]:
    """int8 to int8; kernels/internal/reference/softmax.h."""
    diff_min = -math.floor(31.0 * (1 << 26) / (1 << left_shift))
    largest = max(row)

    def exponential(x: int) -> int:
        rescaled = saturating_rounding_doubling_high_mul(
            int32((x - largest) * (1 << left_shift)), multiplier
        )
        return exp_on_negative_values(rescaled)

    total = sum(
        rounding_divide_by_pot(exponential(x), 12)
        for x in row
        if x - largest >= diff_min
    )
    scale, bits_over_unit = get_reciprocal(total, 12)
    results: list[int] = []
    for x in row:
        if x - largest < diff_min:
            results.append(-128)
            continue
        share = saturating_rounding_doubling_high_mul(scale, exponential(x))
        results.append(clamp(rounding_divide_by_pot(share, bits_over_unit + 23) - 128))
    return results


def leading_zeros(x: int) -> int:
    """Of a uint32_t."""
    return 32 - x.bit_length()


def log_x_for_x_greater_than_or_equal_to_1(x: int) -> int:
    """Q12.19 to Q5.26; `..._impl` of kernels/internal/common.h."""
    mul = saturating_rounding_doubling_high_mul
    shifted = saturating_rounding_multiply_by_pot
    log_2, sqrt_sqrt_half, sqrt_half = 1488522236, 1805811301, 1518500250
    alpha_n, alpha_d = 117049297, 127690142
    alpha_i, alpha_f = 1057819769, 638450708
    shifted_quarter = rounding_divide_by_pot(536870912, 6)

    headroom_plus_1 = leading_zeros(x)
    r_a_tmp = shifted(x, headroom_plus_1 - 1)
    r_a = shifted(mul(r_a_tmp, sqrt_half), 1)
    z_a_pow_2_adj = saturate32(shifted(12 - headroom_plus_1, 25) + shifted_quarter)

    z_b = mul(x, sqrt_half)
    z_b_headroom = leading_zeros(z_b) - 1
    r_b = shifted(x, z_b_headroom)
    z_b_pow_2_adj = saturate32(shifted(12 - z_b_headroom, 25) - shifted_quarter)

    r = min(r_a, r_b)
    z_pow_2_adj = max(z_a_pow_2_adj, z_b_pow_2_adj)
    p = rounding_half_sum(r, sqrt_sqrt_half)
    q = int32(r - sqrt_sqrt_half)
    q = int32(q + q)
    common_sq = mul(q, q)
    num = int32(mul(q, r) + mul(mul(q, common_sq), alpha_n))
    inner = int32(int32(alpha_i + q) + mul(alpha_d, common_sq))
    denom_minus_one_0 = int32(mul(p, inner) + mul(alpha_f, q))
    recip_denom = one_over_one_plus_x_for_x_in_0_1(denom_minus_one_0)
    num_scaled = rounding_divide_by_pot(num, 6)
    return shifted(int32(mul(z_pow_2_adj, log_2) + mul(num_scaled, recip_denom)), 1)


def saturate32(x: int) -> int:
    return max(INT32_MIN, min(INT32_MAX, x))


def log_softmax_row(row: Sequence[int], multiplier: int, left_shift: int) -> list[int]:
    """int8 to int8; kernels/internal/reference/log_softmax.h."""
    diff_min = -math.floor(31.0 * (1 << 26) / (1 << left_shift))
    inverse = 2.0 ** (31 - left_shift) / multiplier
    fraction, reverse_shift = math.frexp(inverse)
    reverse = math.floor(fraction * 2**31 + 0.5)
    if reverse == 1 << 31:
        reverse, reverse_shift = reverse // 2, reverse_shift + 1
    largest = max(row)
    total = 0
    for x in row:
        if x - largest >= diff_min:
            rescaled = multiply_by_quantized_multiplier(
                x - largest, multiplier, left_shift
            )
            total += rounding_divide_by_pot(exp_on_negative_values(rescaled), 12)
    log_sum = log_x_for_x_greater_than_or_equal_to_1(total)
    adjusted_diff_min = max(
        diff_min - 1,
        multiply_by_quantized_multiplier(log_sum + INT32_MIN, reverse, reverse_shift),
    )
    results: list[int] = []
    for x in row:
        if x - largest <= adjusted_diff_min:
            results.append(-128)
            continue
        rescaled = multiply_by_quantized_multiplier(x - largest, multiplier, left_shift)
        difference = rescaled - log_sum
        assert difference == int32(difference)
        results.append(clamp(rounding_divide_by_pot(difference, 22) + 127))
    return results


def clamp(x: int, low: int = -128, high: int = 127) -> int:
    return max(low, min(high, x))


# Layers. An array is a function from indices to Python ints.


def constant(op: LayerOp, name: str) -> np.ndarray:
    found = find_global(op, getattr(op, name))
    assert found is not None
    return global_array(found).astype(object)


def positions(size: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return product(*(range(n) for n in size))


def weighted_output(op: WeightedOp, channel: int, acc: int) -> int:
    if op.bias is not None:
        acc += constant(op, "bias")[channel]
    rounding = op.rounding.data
    if rounding is Rounding.F32:
        result = scaled_float(int32(acc), Fraction(constant(op, "requant")[channel]))
    else:
        multiplier, shift = constant(op, "requant")[channel]
        result = requantize(int32(acc), multiplier, shift, rounding)
    result += op.zero_points.get_values()[1]
    low, high = op.clamp.get_values()
    return clamp(int32(result) if rounding is Rounding.DOUBLE else result, low, high)


def window_taps(
    window: WindowAttr, size: Sequence[int], oy: int, ox: int
) -> Iterator[tuple[int, int, int, int]]:
    """`(ky, kx, iy, ix)` of the taps of an output that lie inside the input."""
    (kh, kw), (sh, sw) = window.kernel.get_values(), window.strides.get_values()
    (dh, dw), pad = window.dilations.get_values(), window.pad.get_values()
    for ky in range(kh):
        for kx in range(kw):
            iy, ix = oy * sh - pad[0] + ky * dh, ox * sw - pad[2] + kx * dw
            if 0 <= iy < size[0] and 0 <= ix < size[1]:
                yield ky, kx, iy, ix


def conv2d(op: tinyml.Conv2DOp, x: np.ndarray, y: np.ndarray) -> None:
    """reference_ops::Conv: the filter's depth says how many groups there are."""
    zero, weights = op.zero_points.get_values()[0], constant(op, "weights")
    groups = x.shape[3] // weights.shape[3]
    filters_per_group = y.shape[3] // groups
    for n, oy, ox, oc in positions(y.shape):
        acc, first = 0, oc // filters_per_group * weights.shape[3]
        for ky, kx, iy, ix in window_taps(op.window, x.shape[1:3], oy, ox):
            for ic in range(weights.shape[3]):
                acc += (x[n, iy, ix, ic + first] - zero) * weights[oc, ky, kx, ic]
        y[n, oy, ox, oc] = weighted_output(op, oc, acc)


def depthwise(op: tinyml.DepthwiseConv2DOp, x: np.ndarray, y: np.ndarray) -> None:
    zero, weights = op.zero_points.get_values()[0], constant(op, "weights")
    multiplier = y.shape[3] // x.shape[3]
    for n, oy, ox, oc in positions(y.shape):
        acc = 0
        for ky, kx, iy, ix in window_taps(op.window, x.shape[1:3], oy, ox):
            acc += (x[n, iy, ix, oc // multiplier] - zero) * weights[ky, kx, oc]
        y[n, oy, ox, oc] = weighted_output(op, oc, acc)


def fully_connected(op: tinyml.FullyConnectedOp, x: np.ndarray, y: np.ndarray) -> None:
    zero, weights = op.zero_points.get_values()[0], constant(op, "weights")
    rows = x.reshape(-1, weights.shape[1])
    outputs = y.reshape(-1, weights.shape[0])
    for b, oc in positions(outputs.shape):
        acc = sum((a - zero) * w for a, w in zip(rows[b], weights[oc], strict=True))
        outputs[b, oc] = weighted_output(op, oc, acc)


def pool(op: PoolOp, x: np.ndarray, y: np.ndarray) -> None:
    for n, oy, ox, c in positions(y.shape):
        taps = window_taps(op.window, x.shape[1:3], oy, ox)
        elements = [x[n, iy, ix, c] for _, _, iy, ix in taps]
        if isinstance(op, tinyml.MaxPool2DOp):
            value = max(elements)
        else:
            value = nearest(Fraction(sum(elements), len(elements)), Rounding.AWAY)
        y[n, oy, ox, c] = clamp(value, *op.clamp.get_values())


def factor(attr: RequantAttr) -> tuple[int, int]:
    return attr.multiplier.data, attr.shift.data


def real_factor(attr: RequantAttr) -> Fraction:
    return attr.multiplier.data * Fraction(2) ** (attr.shift.data - 31)


def add(
    op: tinyml.AddOp | tinyml.SubOp, a: np.ndarray, b: np.ndarray, y: np.ndarray
) -> None:
    a_zero, b_zero, y_zero = op.zero_points.get_values()
    factors = [factor(attr) for attr in op.requant]
    rounding = op.rounding.data
    sign = -1 if isinstance(op, tinyml.SubOp) else 1
    a, b = np.broadcast_to(a, y.shape), np.broadcast_to(b, y.shape)
    for at in positions(y.shape):
        left, right = a[at] - a_zero, b[at] - b_zero
        if rounding is Rounding.DOUBLE:
            total = multiply_by_quantized_multiplier(left << 20, *factors[0])
            total += sign * multiply_by_quantized_multiplier(right << 20, *factors[1])
            total = multiply_by_quantized_multiplier(int32(total), *factors[2])
            total = int32(total + y_zero)
        elif rounding is Rounding.F32:
            x, z = (
                real_factor(op.requant.data[0]),
                sign * real_factor(op.requant.data[1]),
            )
            offset = rounded_float(a_zero * x + rounded_float(b_zero * z))
            total = rounded_float(b[at] * z + rounded_float(y_zero - offset))
            total = nearest(rounded_float(a[at] * x + total), Rounding.EVEN)
        else:
            (m, s), (n, t), _ = factors
            real = left * Fraction(m, 1 << (31 - s))
            real += sign * right * Fraction(n, 1 << (31 - t))
            total = nearest(real, rounding) + y_zero
        y[at] = clamp(total, *op.clamp.get_values())


def rescaled(x: int, attr: RequantAttr, rounding: Rounding, zero: int) -> int:
    if rounding is Rounding.F32:
        return scaled_float(x, real_factor(attr)) + zero
    result = requantize(x, *factor(attr), rounding) + zero
    return int32(result) if rounding is Rounding.DOUBLE else result


def mul(op: tinyml.MulOp, a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    a_zero, b_zero, y_zero = op.zero_points.get_values()
    a, b = np.broadcast_to(a, y.shape), np.broadcast_to(b, y.shape)
    for at in positions(y.shape):
        x = (a[at] - a_zero) * (b[at] - b_zero)
        if op.rounding.data is Rounding.F32:
            real = rounded_float(x * real_factor(op.requant))
            scaled = nearest(rounded_float(real + y_zero), Rounding.EVEN)
        else:
            scaled = rescaled(x, op.requant, op.rounding.data, y_zero)
        y[at] = clamp(scaled, *op.clamp.get_values())


def extremum(
    op: tinyml.MaximumOp | tinyml.MinimumOp,
    a: np.ndarray,
    b: np.ndarray,
    y: np.ndarray,
) -> None:
    choose = max if isinstance(op, tinyml.MaximumOp) else min
    a, b = np.broadcast_to(a, y.shape), np.broadcast_to(b, y.shape)
    for at in positions(y.shape):
        y[at] = choose(a[at], b[at])


def lookup(op: tinyml.LookupOp, x: np.ndarray, y: np.ndarray) -> None:
    table = constant(op, "table")
    for at in positions(y.shape):
        y[at] = table[x[at] + 128]


def prelu(op: tinyml.PReluOp, x: np.ndarray, y: np.ndarray) -> None:
    """prelu.h"""
    x_zero, alpha_zero, y_zero = op.zero_points.get_values()
    alpha, rounding = constant(op, "alpha"), op.rounding.data
    positive, negative = op.requant
    for at in positions(y.shape):
        value, by = x[at] - x_zero, positive
        if value < 0:
            value, by = value * (alpha[at[-1]] - alpha_zero), negative
        y[at] = clamp(rescaled(value, by, rounding, y_zero))


def concat(op: tinyml.ConcatOp, *arrays: np.ndarray) -> None:
    *parts, y = arrays
    axis = op.axis.value.data
    for at in positions(y.shape):
        place = list(at)
        for part in parts:
            if place[axis] < part.shape[axis]:
                y[at] = part[tuple(place)]
                break
            place[axis] -= part.shape[axis]


def slice_layer(op: tinyml.SliceOp, x: np.ndarray, y: np.ndarray) -> None:
    offsets, strides = op.offsets.get_values(), op.strides.get_values()
    for at in positions(y.shape):
        place = (o + i * s for o, i, s in zip(offsets, at, strides, strict=True))
        y[at] = x[tuple(place)]


def nearest_neighbor(
    value: int, size: int, outputs: int, align_corners: bool, half_pixel: bool
) -> int:
    """resize_nearest_neighbor.h, in floats."""
    if align_corners and outputs > 1:
        scale = np.float32(size - 1) / np.float32(outputs - 1)
    else:
        scale = np.float32(size) / np.float32(outputs)
    place = (np.float32(value) + np.float32(0.5 if half_pixel else 0)) * scale
    index = math.floor(place + np.float32(0.5)) if align_corners else math.floor(place)
    return max(0, min(index, size - 1))


def resize_nearest(op: tinyml.ResizeNearestOp, x: np.ndarray, y: np.ndarray) -> None:
    modes = op.align_corners is not None, op.half_pixel is not None
    for n, oy, ox, c in positions(y.shape):
        iy = nearest_neighbor(oy, x.shape[1], y.shape[1], *modes)
        ix = nearest_neighbor(ox, x.shape[2], y.shape[2], *modes)
        if op.rows is not None and op.columns is not None:
            iy, ix = op.rows.get_values()[oy], op.columns.get_values()[ox]
        y[n, oy, ox, c] = x[n, iy, ix, c]


def interpolation_values(
    value: int, size: int, outputs: int, align_corners: bool, half_pixel: bool
) -> tuple[int, int, int]:
    """resize_bilinear.h: the scaled value, the lower and the upper bound."""
    scale_10 = (1024 * size + outputs // 2) // outputs
    if align_corners and outputs > 1:
        scale_10 = (1024 * (size - 1) + (outputs - 1) // 2) // (outputs - 1)
    scaled = value * scale_10
    if half_pixel:
        scaled += scale_10 // 2 - 512
    # The lower bound's maximum is ours; TFLite reads behind its input.
    lower = min(max(truncated(scaled, 1024), 0), size - 1)
    return scaled, lower, min(truncated(scaled + 1023, 1024), size - 1)


def resize_bilinear(op: tinyml.ResizeBilinearOp, x: np.ndarray, y: np.ndarray) -> None:
    modes = op.align_corners is not None, op.half_pixel is not None
    for n, oy, ox, c in positions(y.shape):
        iy, y0, y1 = interpolation_values(oy, x.shape[1], y.shape[1], *modes)
        ix, x0, x1 = interpolation_values(ox, x.shape[2], y.shape[2], *modes)
        down, right = iy - 1024 * y0, ix - 1024 * x0
        total = x[n, y0, x0, c] * (1024 - down) * (1024 - right)
        total += x[n, y1, x0, c] * down * (1024 - right)
        total += x[n, y0, x1, c] * (1024 - down) * right
        total += x[n, y1, x1, c] * down * right
        y[n, oy, ox, c] = truncated(
            total + (1 << 19) * (1 if total > 0 else -1), 1 << 20
        )


def pad(op: tinyml.PadOp, x: np.ndarray, y: np.ndarray) -> None:
    low = op.low.get_values()
    for at in positions(y.shape):
        source = tuple(i - l for i, l in zip(at, low, strict=True))
        inside = all(0 <= i < n for i, n in zip(source, x.shape, strict=True))
        y[at] = x[source] if inside else op.value.value.data


def transpose(op: tinyml.TransposeOp, x: np.ndarray, y: np.ndarray) -> None:
    order = op.permutation.get_values()
    for source in positions(x.shape):
        y[tuple(source[i] for i in order)] = x[source]


def mean(op: tinyml.MeanOp, x: np.ndarray, y: np.ndarray) -> None:
    axes = op.axes.get_values()
    x_zero, y_zero = op.zero_points.get_values()
    kept = y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])
    for at in positions(kept.shape):
        group = product(
            *(range(n) if i in axes else [at[i]] for i, n in enumerate(x.shape))
        )
        total = sum(x[place] - x_zero for place in group)
        kept[at] = clamp(rescaled(total, op.requant, op.rounding.data, y_zero))


def softmax(op: tinyml.SoftmaxOp, x: np.ndarray, y: np.ndarray) -> None:
    for at in positions(x.shape[:-1]):
        y[at] = softmax_row(list(x[at]), *factor(op.requant))


def log_softmax(op: tinyml.LogSoftmaxOp, x: np.ndarray, y: np.ndarray) -> None:
    for at in positions(x.shape[:-1]):
        y[at] = log_softmax_row(list(x[at]), *factor(op.requant))


def softmax_lookup(op: tinyml.SoftmaxLookupOp, x: np.ndarray, y: np.ndarray) -> None:
    table = constant(op, "exponentials")
    multiplier, shift = factor(op.requant)
    (zero,) = op.zero_points.get_values()
    for at in positions(x.shape[:-1]):
        exps = [int(table[max(x[at]) - value]) for value in x[at]]
        real = Fraction(multiplier) * Fraction(2) ** (shift - 31) / sum(exps)
        y[at] = [clamp(round(real * e) + zero) for e in exps]


def byte_range(type: IntegerType) -> tuple[int, int]:
    unsigned = type.signedness.data is Signedness.UNSIGNED
    return (0, 255) if unsigned else (-128, 127)


def quantize(op: tinyml.QuantizeOp, x: np.ndarray, y: np.ndarray) -> None:
    (zero,) = op.zero_points.get_values()
    type = buffer_type(op.output).element_type
    assert isinstance(type, IntegerType)
    low, high = byte_range(type)
    for at in positions(y.shape):
        with np.errstate(over="ignore"):
            ratio = np.float32(x[at]) / np.float32(op.scale.value.data)
        if math.isnan(ratio):
            y[at] = low
        elif math.isinf(ratio):
            y[at] = high if ratio > 0 else low
        else:
            rounded = nearest(Fraction(float(ratio)), op.rounding.data)
            y[at] = clamp(rounded + zero, low, high)


def dequantize(op: tinyml.DequantizeOp, x: np.ndarray, y: np.ndarray) -> None:
    (zero,) = op.zero_points.get_values()
    scale = np.float32(op.scale.value.data)
    for at in positions(y.shape):
        with np.errstate(over="ignore"):
            y[at] = np.float32(x[at] - zero) * scale


def requantize_layer(op: tinyml.RequantizeOp, x: np.ndarray, y: np.ndarray) -> None:
    x_zero, y_zero = op.zero_points.get_values()
    type = buffer_type(op.output).element_type
    assert isinstance(type, IntegerType)
    for at in positions(y.shape):
        scaled = rescaled(x[at] - x_zero, op.requant, op.rounding.data, y_zero)
        y[at] = clamp(scaled, *byte_range(type))


LAYERS: dict[type[LayerOp], Callable[..., None]] = {
    tinyml.AddOp: add,
    tinyml.AvgPool2DOp: pool,
    tinyml.ConcatOp: concat,
    tinyml.LookupOp: lookup,
    tinyml.MaximumOp: extremum,
    tinyml.MinimumOp: extremum,
    tinyml.PReluOp: prelu,
    tinyml.ResizeBilinearOp: resize_bilinear,
    tinyml.ResizeNearestOp: resize_nearest,
    tinyml.SliceOp: slice_layer,
    tinyml.SubOp: add,
    tinyml.Conv2DOp: conv2d,
    tinyml.DepthwiseConv2DOp: depthwise,
    tinyml.DequantizeOp: dequantize,
    tinyml.FullyConnectedOp: fully_connected,
    tinyml.LogSoftmaxOp: log_softmax,
    tinyml.MaxPool2DOp: pool,
    tinyml.MeanOp: mean,
    tinyml.MulOp: mul,
    tinyml.PadOp: pad,
    tinyml.QuantizeOp: quantize,
    tinyml.RequantizeOp: requantize_layer,
    tinyml.SoftmaxLookupOp: softmax_lookup,
    tinyml.SoftmaxOp: softmax,
    tinyml.TransposeOp: transpose,
}


def run_layer(op: LayerOp, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """The output of a layer for these inputs."""
    dtype = numpy_dtype(buffer_type(op.layer_output).element_type)
    if isinstance(op, tinyml.ReshapeOp):
        return inputs[0].reshape(shape(op.layer_output))
    output = np.empty(shape(op.layer_output), object)
    LAYERS[type(op)](op, *(x.astype(object) for x in inputs), output)
    assert output.size == prod(shape(op.layer_output))
    return output.astype(dtype)
