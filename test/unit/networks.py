"""
Small random networks, and how tests lower them.

Every choice is made by a `random.Random`: hypothesis passes one of its own, other
tests one with a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import accumulate
from math import prod

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, f32, i8, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import PassPipeline
from xdsl.universe import Universe

from tinyml.dialects import tinyml
from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import (
    INTEGER_ROUNDINGS,
    SUM_ROUNDINGS,
    RequantAttr,
    Rounding,
    TensorAttr,
    WindowAttr,
)
from tinyml.dialects.constants import UI8, numpy_dtype
from tinyml.dialects.layer import LayerOp, buffer_type, integer_range, shape
from tinyml.dialects.network import layers, network_function, network_inputs
from tinyml.frontend.builder import NetworkBuilder
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass
from tinyml.passes.pipelines import expand

STABLE = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
"""For tests of random layers. They are small; to shrink one further takes minutes."""


ONE = RequantAttr(1 << 30, 1)


def lower(module: ModuleOp, pipeline: str) -> ModuleOp:
    """A lowered copy of a module."""
    copy = module.clone()
    passes(pipeline).apply(Context(), copy)
    copy.verify()
    return copy


@cache
def passes(pipeline: str) -> PassPipeline:
    available = dict(Universe.get_multiverse().all_passes)
    return PassPipeline.parse_spec(available, expand(pipeline))


def lower_to_calls(module: ModuleOp) -> ModuleOp:
    """A copy with kernels as calls on separate buffers."""
    return lower(module, ConvertLayersToLoopsPass.name)


# Numbers


def random_bytes(r: random.Random, shape: Sequence[int], type: Attribute) -> np.ndarray:
    """Integers of an element type: uniform, all extreme, or of few values."""
    dtype = numpy_dtype(type)
    low, high = integer_range(type)
    generator = np.random.default_rng(r.getrandbits(32))
    match r.choice(["uniform", "uniform", "lowest", "highest", "extremes", "narrow"]):
        case "lowest":
            return np.full(shape, low, dtype)
        case "highest":
            return np.full(shape, high, dtype)
        case "extremes":
            return generator.choice(np.array([low, high], dtype), shape)
        case "narrow":
            middle = r.randint(low, high - 3)
            return generator.integers(middle, middle + 3, shape, dtype, endpoint=True)
        case _:
            return generator.integers(low, high, shape, dtype, endpoint=True)


def random_floats(r: random.Random, shape: Sequence[int], scale: float) -> np.ndarray:
    """Floats around a grid of `scale`: many ties, and what no grid has."""
    generator = np.random.default_rng(r.getrandbits(32))
    values = generator.integers(-600, 600, shape) * np.float32(0.5 * scale)
    special = np.array(
        [np.nan, np.inf, -np.inf, -0.0, 3e38, -3e38, 1e-42, 2e9, -2e9], np.float32
    )
    strange = generator.choice(special, shape)
    share = r.choice([0.0, 0.3])
    return np.where(generator.random(shape) < share, strange, values).astype(np.float32)


def random_input(r: random.Random, shape: Sequence[int], type: Attribute) -> np.ndarray:
    return random_floats(r, shape, 0.5) if type == f32 else random_bytes(r, shape, type)


def random_inputs(r: random.Random, module: ModuleOp) -> list[np.ndarray]:
    """One array for each input of a network of layers."""
    return [
        random_input(r, shape(port.value), buffer_type(port.value).element_type)
        for port in network_inputs(network_function(module))
    ]


def random_zero_point(r: random.Random, type: Attribute = i8) -> int:
    low, high = integer_range(type)
    return r.choice([low, high, (low + high + 1) // 2, r.randint(low, high)])


def random_clamp(r: random.Random) -> tuple[int, int]:
    if r.random() < 0.6:
        return (-128, 127)
    low, high = sorted([r.randint(-128, 127), r.randint(-128, 127)])
    return (low, high)


def random_factors(r: random.Random, count: int, gain: float) -> np.ndarray:
    """
    Rows of (multiplier, shift) for accumulators of about `1 / gain`: usual ones, and
    ones that only a verifier admits.
    """
    usual = round(np.log2(gain))
    match r.choice(["usual", "usual", "equal", "mixed", "none", "wild"]):
        case "equal":
            shift = r.randint(usual - 2, usual + 1)
            shifts, multipliers = [shift] * count, (1 << 30, (1 << 31) - 1)
        case "mixed":
            shifts = [r.randint(-12, 3) for _ in range(count)]
            multipliers = (1 << 30, (1 << 31) - 1)
        case "none":
            shifts, multipliers = [0] * count, (-(1 << 24), 1 << 24)
        case "wild":
            shifts = [r.randint(-31, 30) for _ in range(count)]
            multipliers = (1 - (1 << 31), (1 << 31) - 1)
        case _:
            shifts = [r.randint(usual - 2, usual + 1) for _ in range(count)]
            multipliers = (1 << 30, (1 << 31) - 1)
    pairs = [(r.randint(*multipliers), max(-31, min(30, shift))) for shift in shifts]
    return np.array(pairs, np.int32)


def random_factor(r: random.Random, gain: float) -> RequantAttr:
    ((multiplier, shift),) = random_factors(r, 1, gain).tolist()
    return RequantAttr(multiplier, shift)


def random_bias(r: random.Random, count: int) -> np.ndarray:
    limit = r.choice([0, 1 << 8, 1 << 14, (1 << 31) - 1])
    if limit == 1 << 14 and r.random() < 0.3:
        return np.array([r.choice([-(1 << 31), (1 << 31) - 1]) for _ in range(count)])
    return np.array([r.randint(-limit, limit) for _ in range(count)])


def random_axis(r: random.Random, size: int, kernels: Sequence[int]) -> AxisAccess:
    """A window along an axis that has at least one output."""
    for _ in range(8):
        kernel, dilation = r.choice(list(kernels)), r.choice([1, 1, 2])
        extent = (kernel - 1) * dilation + 1
        most = r.choice([0, min(extent - 1, 4), min(extent - 1, 4)])
        before, after = r.randint(0, most), r.randint(0, most)
        axis = AxisAccess(kernel, r.randint(1, 3), dilation, before, after)
        if axis.output_size(size) >= 1:
            return axis
    return AxisAccess()


def random_window(
    r: random.Random, value: SSAValue, kernels: Sequence[int]
) -> tuple[WindowAttr, tuple[int, int]]:
    """A window on an NHWC buffer and the size that it makes of it."""
    _, height, width, _ = shape(value)
    h, w = random_axis(r, height, kernels), random_axis(r, width, kernels)
    window = WindowAttr.get(
        (h.kernel, w.kernel),
        (h.stride, w.stride),
        (h.dilation, w.dilation),
        (h.pad_before, h.pad_after, w.pad_before, w.pad_after),
    )
    return window, (h.output_size(height), w.output_size(width))


# Layers: each function appends one that reads `x` and returns what it writes.


@dataclass(frozen=True)
class Limits:
    """How large things get."""

    size: int = 4
    channels: int = 3
    kernel: int = 3

    @property
    def kernels(self) -> list[int]:
        return list(range(1, self.kernel + 1))


AddLayer = Callable[[NetworkBuilder, random.Random, SSAValue, Limits], SSAValue]


def append(b: NetworkBuilder, op: LayerOp) -> SSAValue:
    label = f"{op.name.removeprefix('tinyml.')} {len(list(b.block.ops))}"
    b.layer(op, label)
    return op.layer_output


@dataclass(frozen=True)
class Weighted:
    """The constants of a weighted layer, by name."""

    weights: str
    bias: str | None
    requant: str
    zero_points: tuple[int, int]
    clamp: tuple[int, int]
    rounding: Rounding


def random_weighted(
    b: NetworkBuilder, r: random.Random, weights: Sequence[int], channels: int
) -> Weighted:
    name = f"c{len(b.globals)}"
    gain = 1 / (max(1, prod(weights) // channels) ** 0.5 * 80)
    factors, bias = random_factors(r, channels, gain), random_bias(r, channels)
    rounding = r.choice(SUM_ROUNDINGS)
    if rounding is Rounding.F32:
        factors = np.ldexp(factors[:, 0].astype(np.float32), factors[:, 1] - 31)
    return Weighted(
        b.constant(f"{name}_weights", random_bytes(r, weights, i8)),
        b.constant(f"{name}_bias", bias.astype(np.int32)) if r.random() < 0.8 else None,
        b.constant(f"{name}_requant", factors),
        (random_zero_point(r), random_zero_point(r)),
        random_clamp(r),
        rounding,
    )


def add_convolution(
    b: NetworkBuilder, r: random.Random, x: SSAValue, depthwise: bool, limits: Limits
) -> SSAValue:
    window, (height, width) = random_window(r, x, limits.kernels)
    batch, _, _, depth = shape(x)
    kernel = window.kernel.get_values()
    if depthwise:
        channels = depth * r.randint(1, 3)
        weights, layer = (*kernel, channels), tinyml.DepthwiseConv2DOp
    else:
        groups = r.choice([1, *(n for n in range(1, depth + 1) if depth % n == 0)])
        channels = groups * r.randint(1, max(1, limits.channels // groups))
        weights = (channels, *kernel, depth // groups)
        layer = partial(tinyml.Conv2DOp, groups=groups)
    y = b.buffer((batch, height, width, channels), i8)
    c = random_weighted(b, r, weights, channels)
    quantization = c.zero_points, c.clamp, c.rounding
    op = layer(x, y, c.weights, c.bias, c.requant, window, *quantization)
    return append(b, op)


def add_conv2d(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_convolution(b, r, x, False, limits)


def add_depthwise(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_convolution(b, r, x, True, limits)


def add_fully_connected(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    batch = shape(x)[0] if shape(x) and r.random() < 0.8 else 1
    depth, channels = prod(shape(x)) // batch, r.randint(1, limits.channels)
    y = b.buffer((batch, channels), i8)
    c = random_weighted(b, r, (channels, depth), channels)
    quantization = c.zero_points, c.clamp, c.rounding
    op = tinyml.FullyConnectedOp(x, y, c.weights, c.bias, c.requant, *quantization)
    return append(b, op)


def pooling_taps(axis: AxisAccess, size: int) -> list[int]:
    """Taps inside the input, per output."""
    starts = [o * axis.stride - axis.pad_before for o in range(axis.output_size(size))]
    return [
        sum(0 <= start + k * axis.dilation < size for k in range(axis.kernel))
        for start in starts
    ]


def add_pool(
    b: NetworkBuilder,
    r: random.Random,
    x: SSAValue,
    layer: type[tinyml.AvgPool2DOp | tinyml.MaxPool2DOp],
    limits: Limits,
) -> SSAValue:
    window, (height, width) = random_window(r, x, limits.kernels)
    batch, rows, columns, depth = shape(x)
    h, w = window.axes
    if 0 in pooling_taps(h, rows) or 0 in pooling_taps(w, columns):
        window, (height, width) = WindowAttr.get((1, columns)), (rows, 1)
    y = b.buffer((batch, height, width, depth), i8)
    return append(b, layer(x, y, window, random_clamp(r)))


def add_max_pool(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_pool(b, r, x, tinyml.MaxPool2DOp, limits)


def add_avg_pool(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_pool(b, r, x, tinyml.AvgPool2DOp, limits)


def partner(
    b: NetworkBuilder, r: random.Random, x: SSAValue
) -> tuple[SSAValue, list[int]]:
    """
    What `x` is combined with, and the shape of the result: an older buffer of its
    shape, `x` itself, or a new input, of the same shape or one to be broadcast.
    """
    older = [
        value
        for value in written(b)
        if shape(value) == shape(x) and buffer_type(value).element_type == i8
    ]
    if r.random() < 0.6:
        return r.choice(older), list(shape(x))
    size = list(shape(x))
    if r.random() < 0.6:
        # Sizes of 1 may grow, all others may shrink to 1, and the first ones go.
        size = [r.choice([1, n if n > 1 else r.randint(1, 3)]) for n in size]
        size = size[r.randint(0, len(size)) :] if size[:1] == [1] else size
    rank = len(shape(x))
    aligned = [1] * (rank - len(size)) + size
    other = b.input(size, i8, TensorAttr.get(f"input {len(b.inputs)}", 0.5, 1))
    return other, [max(pair) for pair in zip(shape(x), aligned, strict=True)]


def either_way(
    r: random.Random, x: SSAValue, other: SSAValue
) -> tuple[SSAValue, SSAValue]:
    return (x, other) if r.random() < 0.5 else (other, x)


def written(b: NetworkBuilder) -> list[SSAValue]:
    """The inputs and what layers have written so far."""
    done = [op.layer_output for op in b.block.ops if isinstance(op, LayerOp)]
    return [*b.block.args, *done]


def zero_points(r: random.Random, count: int) -> list[int]:
    return [random_zero_point(r) for _ in range(count)]


def of_24_bits(factor: RequantAttr) -> RequantAttr:
    """A factor that is a float."""
    return RequantAttr(factor.multiplier.data // 128 * 128, factor.shift)


def add_sum(
    b: NetworkBuilder,
    r: random.Random,
    x: SSAValue,
    layer: type[tinyml.AddOp | tinyml.SubOp],
) -> SSAValue:
    other, size = partner(b, r, x)
    rounding = r.choice(SUM_ROUNDINGS)
    if rounding is Rounding.DOUBLE:
        factors = [random_factor(r, 0.6), random_factor(r, 0.6)]
        factors.append(random_factor(r, 2.0**-19))
    elif rounding is Rounding.F32:
        factors = [of_24_bits(random_factor(r, 0.6)) for _ in range(2)] + [ONE]
    else:
        left, right = random_factor(r, 0.6), random_factor(r, 0.6)
        factors = [left, RequantAttr(right.multiplier, left.shift), ONE]
    quantization = factors, zero_points(r, 3), random_clamp(r), rounding
    return append(b, layer(*either_way(r, x, other), b.buffer(size, i8), *quantization))


def add_add(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_sum(b, r, x, tinyml.AddOp)


def add_sub(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    return add_sum(b, r, x, tinyml.SubOp)


def add_mul(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    other, size = partner(b, r, x)
    rounding, factor = r.choice(SUM_ROUNDINGS), random_factor(r, 1 / 200)
    if rounding is Rounding.F32:
        factor = of_24_bits(factor)
    quantization = factor, zero_points(r, 3), random_clamp(r), rounding
    y = b.buffer(size, i8)
    return append(b, tinyml.MulOp(*either_way(r, x, other), y, *quantization))


def add_extremum(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    other, size = partner(b, r, x)
    layer = r.choice([tinyml.MaximumOp, tinyml.MinimumOp])
    return append(b, layer(*either_way(r, x, other), b.buffer(size, i8)))


def add_lookup(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    table = b.constant(f"c{len(b.globals)}_table", random_bytes(r, [256], i8))
    return append(b, tinyml.LookupOp(x, b.buffer(shape(x), i8), table))


def add_prelu(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    alpha = random_bytes(r, [shape(x)[-1]], i8)
    name = b.constant(f"c{len(b.globals)}_alpha", alpha)
    factors = [random_factor(r, 1.0), random_factor(r, 1 / 100)]
    y, rounding = b.buffer(shape(x), i8), r.choice(INTEGER_ROUNDINGS)
    return append(b, tinyml.PReluOp(x, y, name, factors, zero_points(r, 3), rounding))


def add_concat(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    type, axis = buffer_type(x).element_type, r.randrange(len(shape(x)))

    def rest(value: SSAValue) -> tuple[int, ...]:
        return (*shape(value)[:axis], -1, *shape(value)[axis + 1 :])

    found = [v for v in written(b) if buffer_type(v).element_type == type]
    found = [v for v in found if len(shape(v)) > axis and rest(v) == rest(x)]
    parts = [x, *(r.choice(found) for _ in range(r.randint(0, 2)))]
    if r.random() < 0.5:
        size = [*shape(x)]
        size[axis] = r.randint(1, 3)
        label = f"input {len(b.inputs)}"
        parts.append(b.input(size, type, TensorAttr.get(label, 0.5, 1)))
    r.shuffle(parts)
    size = [*shape(x)]
    size[axis] = sum(shape(part)[axis] for part in parts)
    return append(b, tinyml.ConcatOp(parts, b.buffer(size, type), axis))


def add_slice(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    places: list[tuple[int, int, int]] = []
    for size in shape(x):
        first, last = r.randrange(size), r.randrange(size)
        step = r.choice([1, 1, 2]) * (1 if first <= last else -1)
        places.append((first, step, (last - first) // step + 1))
    offsets, strides, size = zip(*places, strict=True)
    y = b.buffer(size, buffer_type(x).element_type)
    return append(b, tinyml.SliceOp(x, y, offsets, strides))


def add_resize(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    batch, height, width, depth = shape(x)
    size = [
        n * r.randint(1, 2) if r.random() < 0.4 else r.randint(1, 7)
        for n in (height, width)
    ]
    mode = r.choice([(False, False), (True, False), (False, True)])
    if r.random() < 0.2:
        rows, columns = (
            [r.randrange(n) for _ in range(m)] for n, m in zip((height, width), size)
        )
        y = b.buffer([batch, *size, depth], i8)
        op = tinyml.ResizeNearestOp(x, y, rows=rows, columns=columns)
        return append(b, op)
    layer = r.choice([tinyml.ResizeNearestOp, tinyml.ResizeBilinearOp])
    return append(b, layer(x, b.buffer([batch, *size, depth], i8), *mode))


def add_pad(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    rank = len(shape(x))
    most = [0, 2, 2, 1] if rank == 4 else [1] * rank
    low, high = [r.randint(0, n) for n in most], [r.randint(0, n) for n in most]
    size = [n + a + c for n, a, c in zip(shape(x), low, high, strict=True)]
    type = buffer_type(x).element_type
    value = random_zero_point(r, type)
    return append(b, tinyml.PadOp(x, b.buffer(size, type), low, high, value))


def add_reshape(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    numbers = list(shape(x))
    r.shuffle(numbers)
    if len(numbers) > 1 and r.random() < 0.5:
        numbers[:2] = [numbers[0] * numbers[1]]
    return append(
        b, tinyml.ReshapeOp(x, b.buffer(numbers, buffer_type(x).element_type))
    )


def add_transpose(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    order = list(range(len(shape(x))))
    r.shuffle(order)
    size = [shape(x)[i] for i in order]
    y = b.buffer(size, buffer_type(x).element_type)
    return append(b, tinyml.TransposeOp(x, y, order))


def add_mean(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    rank = len(shape(x))
    axes = sorted(r.sample(range(rank), r.randint(1, rank)))
    keep = r.random() < 0.5
    size = [
        1 if i in axes else n for i, n in enumerate(shape(x)) if keep or i not in axes
    ]
    count = prod(shape(x)[i] for i in axes)
    factor, rounding = random_factor(r, 1 / count), r.choice(SUM_ROUNDINGS)
    if rounding is Rounding.F32:
        factor = of_24_bits(factor)
    y = b.buffer(size, i8)
    return append(b, tinyml.MeanOp(x, y, axes, factor, zero_points(r, 2), rounding))


def add_softmax(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    shift = r.choice([r.randint(20, 26), r.randint(0, 30)])
    factor = RequantAttr(r.randint(1 << 30, (1 << 31) - 1), shift)
    return append(
        b, tinyml.SoftmaxOp(x, b.buffer(shape(x), i8), factor, Rounding.DOUBLE)
    )


def add_log_softmax(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    shift = r.choice([r.randint(20, 26), r.randint(1, 30)])
    factor = RequantAttr(r.randint(1 << 30, (1 << 31) - 1), shift)
    layer = tinyml.LogSoftmaxOp(x, b.buffer(shape(x), i8), factor, Rounding.DOUBLE)
    return append(b, layer)


def add_softmax_lookup(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    exps = [1 << 26, *(r.randint(0, 1 << r.randint(0, 26)) for _ in range(255))]
    name = b.constant(f"c{len(b.globals)}_exponentials", np.array(exps, np.int32))
    shift = r.choice([8, 9, r.randint(8, 30)])
    factor = RequantAttr(r.choice([1 << 30, r.randint(1 << 30, (1 << 31) - 1)]), shift)
    y = b.buffer(shape(x), i8)
    zero = random_zero_point(r, i8)
    return append(b, tinyml.SoftmaxLookupOp(x, y, name, factor, zero))


def add_requantize(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    source, target = buffer_type(x).element_type, r.choice([i8, UI8])
    points = [random_zero_point(r, source), random_zero_point(r, target)]
    rounding, factor = r.choice(INTEGER_ROUNDINGS), random_factor(r, 1.0)
    y = b.buffer(shape(x), target)
    return append(b, tinyml.RequantizeOp(x, y, factor, points, rounding))


def add_quantize(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    target = r.choice([i8, UI8])
    scale = r.choice([0.5, 0.25, 1.0, 0.0371, 1e-30])
    rounding = r.choice([Rounding.AWAY, Rounding.EVEN])
    point, y = random_zero_point(r, target), b.buffer(shape(x), target)
    return append(b, tinyml.QuantizeOp(x, y, scale, point, rounding))


def add_dequantize(
    b: NetworkBuilder, r: random.Random, x: SSAValue, limits: Limits
) -> SSAValue:
    scale = r.choice([0.5, 0.0371, 3.1e-7, 3e38])
    point = random_zero_point(r, buffer_type(x).element_type)
    y = b.buffer(shape(x), f32)
    return append(b, tinyml.DequantizeOp(x, y, scale, point))


# Networks


LAYER_INPUTS: dict[str, tuple[AddLayer, Sequence[int], Sequence[Attribute]]] = {
    "conv2d": (add_conv2d, [4], [i8]),
    "depthwise": (add_depthwise, [4], [i8]),
    "fully_connected": (add_fully_connected, [2, 3, 4], [i8]),
    "max_pool": (add_max_pool, [4], [i8]),
    "avg_pool": (add_avg_pool, [4], [i8]),
    "add": (add_add, [2, 4], [i8]),
    "sub": (add_sub, [1, 3, 4], [i8]),
    "mul": (add_mul, [1, 4], [i8]),
    "extremum": (add_extremum, [1, 4], [i8]),
    "lookup": (add_lookup, [1, 4], [i8]),
    "prelu": (add_prelu, [1, 4], [i8]),
    "concat": (add_concat, [1, 2, 4], [i8, UI8, f32]),
    "slice": (add_slice, [1, 3, 4], [i8, UI8, f32]),
    "resize": (add_resize, [4], [i8]),
    "pad": (add_pad, [1, 2, 4], [i8, UI8, i32]),
    "reshape": (add_reshape, [1, 2, 4], [i8, UI8, f32]),
    "transpose": (add_transpose, [2, 3, 4], [i8, UI8, f32]),
    "mean": (add_mean, [2, 4], [i8]),
    "softmax": (add_softmax, [1, 2, 4], [i8]),
    "log_softmax": (add_log_softmax, [1, 2, 4], [i8]),
    "softmax_lookup": (add_softmax_lookup, [1, 2, 4], [i8]),
    "requantize": (add_requantize, [2], [i8, UI8]),
    "quantize": (add_quantize, [2], [f32]),
    "dequantize": (add_dequantize, [2], [i8, UI8]),
}
"""The layers, the ranks and the elements of their inputs."""


def random_layer(
    r: random.Random, kind: str, limits: Limits = Limits()
) -> tuple[ModuleOp, LayerOp]:
    """A network of one layer, and that layer."""
    add, ranks, elements = LAYER_INPUTS[kind]
    rank, element = r.choice(list(ranks)), r.choice(list(elements))
    if rank == 4:
        size = [r.choice([1, 1, 2]), r.randint(1, limits.size)]
        size += [r.randint(1, limits.size), r.randint(1, limits.channels)]
    else:
        size = [r.randint(1, limits.size) for _ in range(rank)]
    builder = NetworkBuilder("main")
    x = builder.input(size, element, TensorAttr.get("x", 0.5, 1))
    y = add(builder, r, x, limits)
    module = builder.finish([(y, TensorAttr.get("y", 0.5, 1))])
    module.verify()
    (layer,) = layers(network_function(module))
    return module, layer


IMAGE_LAYERS: list[AddLayer] = [
    add_conv2d,
    add_conv2d,
    add_depthwise,
    add_depthwise,
    add_max_pool,
    add_avg_pool,
    add_add,
    add_add,
    add_sub,
    add_mul,
    add_extremum,
    add_lookup,
    add_prelu,
    add_concat,
    add_slice,
    add_resize,
    add_pad,
]


def is_image(value: SSAValue) -> bool:
    return len(shape(value)) == 4 and buffer_type(value).element_type == i8


def random_network(
    r: random.Random,
    depth: int,
    limits: Limits = Limits(),
    kinds: Sequence[AddLayer] = IMAGE_LAYERS,
) -> ModuleOp:
    """
    A network of convolutions, pools, pads, sums and products, or of the given `kinds`
    of layers, each of which reads the layer before it or, now and then, an older one;
    then a classifier, or nothing. All that nobody reads is an output.
    """
    builder = NetworkBuilder("main")
    size = [1, *(r.randint(2, limits.size) for _ in range(2))]
    size.append(r.randint(1, limits.channels))
    if r.random() < 0.3:
        real = builder.input(size, f32, TensorAttr.get("x"))
        x = builder.buffer(size, i8)
        append(builder, tinyml.QuantizeOp(real, x, 0.25, -3, Rounding.AWAY))
    else:
        x = builder.input(size, i8, TensorAttr.get("x", 0.25, -3))
    for _ in range(depth):
        images = [v for v in written(builder) if is_image(v)]
        source = x if r.random() < 0.75 else r.choice(images)
        # A sum with one of its own ancestors is what closes a branch.
        x = r.choice(kinds)(builder, r, source, limits)
    if r.random() < 0.6:
        x = add_mean(builder, r, x, limits) if r.random() < 0.5 else x
        x = add_fully_connected(builder, r, x, limits)
        x = add_softmax(builder, r, x, limits)
    used = {operand for op in builder.block.ops for operand in op.operands[:-1]}
    ends = [value for value in written(builder) if value not in used]
    if r.random() < 0.3:
        # What others read too, an input, or an output twice.
        ends.append(r.choice(written(builder)))
    outputs = [(value, TensorAttr.get(f"y{i}")) for i, value in enumerate(ends)]
    module = builder.finish(outputs)
    module.verify()
    return module


def seeds(count: int) -> list[int]:
    """Seeds that do not resemble one another."""
    return list(accumulate([7919] * count))
