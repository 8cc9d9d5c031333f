"""
What a quantized PyTorch program means, and how far from it PyTorch may be.

`evaluate` runs the program's graph in double precision: `dequantize` gives the exact
reals, operators compute on them, `quantize` rounds once, half to even. Doubles are exact
here but for 2^-53 of a value, where nothing that was seen lies within 2^-40 of a tie.
Two things are taken as a layer does them (docs/numerics.md): a bias counts in whole
units of its accumulator, and floats that enter are divided by their scale in single
precision.

With every real goes a bound of how far from it PyTorch's single precision may be. A
rounded operation errs by at most u = 2^-24 of its result, and n of them in a row by
gamma(n) = n u / (1 - n u) (Higham, Accuracy and Stability of Numerical Algorithms,
lemma 3.1). So

- `dequantize` errs by gamma(1) of its result, of an int32 by gamma(2);
- a sum of K products, in whatever order and with fused multiply-adds or without, by
  gamma(K) of the sum of the absolute products, the errors of their factors included;
- the last product, with the inverse of the scale, by gamma(3): the inverse is rounded
  twice;
- a rounded bias by what the rounding took from it.

PyTorch's integer is another than the exact one only where a tie lies no farther from the
exact value than the bound; and since the bound is below half a step, by one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any

import numpy as np
from torch_models import torch

UNIT = 2.0**-24
"""Half the distance from 1 to the next number of single precision."""

aten: Any = torch.ops.aten
functional: Any = torch.nn.functional


def gamma(count: int) -> float:
    """How much of its result so many roundings in a row may take."""
    return count * UNIT / (1 - count * UNIT)


@dataclass(frozen=True)
class Real:
    """Exact reals, how far off PyTorch may be, and the scale of the integers they are."""

    value: Any
    error: Any
    scale: Any = None

    @property
    def reach(self) -> Any:
        """The greatest that PyTorch's number may be."""
        return self.value.abs() + self.error

    def moved(self, move: Callable[[Any], Any]) -> Real:
        """After an operator that keeps distances, or makes none of them greater."""
        return Real(move(self.value), move(self.error))


@dataclass(frozen=True)
class Rounded:
    """A `quantize`: its integers, and in steps the exact values and PyTorch's error."""

    source: str
    numbers: np.ndarray
    steps: np.ndarray
    error: np.ndarray

    @property
    def from_tie(self) -> np.ndarray:
        """How far the exact values are from the nearest tie."""
        return np.abs(self.steps - np.floor(self.steps) - 0.5)


@dataclass(frozen=True)
class Evaluation:
    """The outputs of a program, and what its `quantize` nodes made, by name."""

    outputs: tuple[np.ndarray, ...]
    rounded: Mapping[str, Rounded]


def interpret(
    program: Any, x: np.ndarray, call: Callable[[Any, Any, Any], Any]
) -> Sequence[Any]:
    """
    The outputs of an ExportedProgram of one input, whose `call_function` nodes are
    computed by `call(node, args, kwargs)`.
    """
    state = {**program.state_dict, **program.constants}
    arguments = iter(program.graph_signature.input_specs)
    values: dict[Any, Any] = {}

    def fetched(arguments: Any) -> Any:
        return torch.fx.map_arg(arguments, values.__getitem__)

    with torch.no_grad():
        for node in program.graph.nodes:
            match node.op:
                case "placeholder":
                    place = next(arguments).target
                    values[node] = torch.as_tensor(x) if place is None else state[place]
                case "call_function":
                    values[node] = call(node, fetched(node.args), fetched(node.kwargs))
                case _:
                    return fetched(node.args)[0]
    raise ValueError("the program has no output")


def run_program(program: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """The result of every call as PyTorch computes it, by name."""
    found: dict[str, np.ndarray] = {}

    def call(node: Any, args: Any, kwargs: Any) -> Any:
        result = node.target(*args, **kwargs)
        if isinstance(result, torch.Tensor):
            found[node.name] = result.numpy()
        return result

    interpret(program, x, call)
    return found


def evaluate(
    program: Any, x: np.ndarray, given: Mapping[str, np.ndarray] | None = None
) -> Evaluation:
    """
    The exact evaluation of a program of one input. With `given`, which has the integers
    of each `quantize`, every layer starts from these, not from the exact ones.
    """
    rounded: dict[str, Rounded] = {}

    def call(node: Any, args: Any, kwargs: Any) -> Any:
        result = RULES[str(node.target).replace("_.", ".")](*args, **kwargs)
        if not isinstance(result, Steps):
            return result
        rounded[node.name] = result.recorded(node.args[0].name)
        return result.numbers if given is None else torch.as_tensor(given[node.name])

    results = interpret(program, x, call)
    # What leaves a program is rounded to single precision.
    outputs = tuple(result.value.to(torch.float32).numpy() for result in results)
    return Evaluation(outputs, rounded)


def differing(evaluation: Evaluation, told: Mapping[str, np.ndarray]) -> str:
    """
    Asserts that another's integers, which the layers were given, are the exact ones or
    one step off where a tie lies within the bound. Says how many are, in words.
    """
    elements, others, farthest, bound = 0, 0, 0.0, 0.0
    for name, exact in evaluation.rounded.items():
        elements += exact.numbers.size
        bound = max(bound, exact.error.max())
        differs = told[name] != exact.numbers
        gaps = told[name].astype(np.int64) - exact.numbers
        assert (np.abs(gaps[differs]) == 1).all()
        assert (exact.from_tie[differs] <= exact.error[differs]).all()
        others += int(differs.sum())
        farthest = max(farthest, exact.from_tie[differs].max(initial=0.0))
    # A bound of half a step would allow any neighbour.
    assert bound < 0.25
    return (
        f"{others} of {elements} elements differ, at most {farthest:.1e} of a step from "
        f"a tie; the bound is at most {bound:.1e}"
    )


# Operators


@dataclass(frozen=True)
class Steps:
    """What a `quantize` makes of reals, before it is recorded."""

    numbers: Any
    steps: Any
    error: Any

    def recorded(self, source: str) -> Rounded:
        arrays = (self.numbers.numpy(), self.steps.numpy(), self.error.numpy())
        return Rounded(source, *arrays)


def quantize(
    source: Any, scale: float, zero: int, low: int, high: int, dtype: Any
) -> Steps:
    """Rounds reals, or the floats that enter a program."""
    if isinstance(source, Real):
        steps = source.value / scale
        error = source.reach / scale * (1 + gamma(3)) - steps.abs()
    else:
        divided = source / torch.tensor(scale, dtype=torch.float32)
        steps = divided.to(torch.float64)
        error = steps.abs() * gamma(4)
    numbers = torch.clamp(torch.round(steps) + zero, low, high)
    return Steps(numbers.to(dtype), steps, error)


def dequantize(
    source: Any, scale: float, zero: int, low: int, high: int, dtype: Any
) -> Real:
    value = (source.to(torch.float64) - zero) * scale
    return Real(value, value.abs() * gamma(1), torch.tensor(scale, dtype=value.dtype))


def dequantize_channels(
    source: Any, scales: Any, zeros: Any, axis: int, low: int, high: int, dtype: Any
) -> Real:
    sizes = [1] * source.dim()
    sizes[axis] = -1
    factors = scales.to(torch.float64)
    value = source.to(torch.float64) - zeros.reshape(sizes)
    value = value * factors.reshape(sizes)
    return Real(value, value.abs() * gamma(2), factors)


def summed(operator: Any, x: Real, weights: Real, bias: Any, *window: Any) -> Real:
    """A sum of products per output channel, and its bias in whole units."""
    if isinstance(bias, torch.Tensor):
        bias = Real(bias.to(torch.float64), torch.zeros(()))
    if bias is None:
        bias = Real(torch.zeros(()), torch.zeros(()))
    unit = x.scale * weights.scale
    whole = torch.round(bias.value / unit) * unit
    whole = whole.expand(weights.value.shape[0])
    bias = Real(whole, bias.error + (whole - bias.value).abs())
    value = operator(x.value, weights.value, bias.value, *window)
    terms = operator(x.value.abs(), weights.value.abs(), bias.value.abs(), *window)
    greatest = operator(x.reach, weights.reach, bias.reach, *window)
    count = weights.value[0].numel() + 1
    return Real(value, greatest * (1 + gamma(count)) - terms)


def weighted(operator: Any) -> Callable[..., Real]:
    """A convolution or matrix product."""

    def rule(x: Real, weights: Real, bias: Any = None, *window: Any) -> Real:
        return summed(operator, x, weights, bias, *window)

    return rule


def real(number: Real | float) -> Real:
    """A number of a program, which PyTorch takes in single precision."""
    if isinstance(number, Real):
        return number
    value = torch.tensor(number, dtype=torch.float32).to(torch.float64)
    return Real(value, torch.zeros_like(value))


def add(x: Real, other: Real | float) -> Real:
    y = real(other)
    value, error = x.value + y.value, x.error + y.error
    return Real(value, error + (value.abs() + error) * gamma(1))


def subtract(x: Real, other: Real | float) -> Real:
    y = real(other)
    return add(x, Real(-y.value, y.error))


def extremum(operator: Any) -> Callable[[Real, Real], Real]:
    """The greater or the smaller of each two."""

    def rule(x: Real, y: Real) -> Real:
        return Real(operator(x.value, y.value), torch.maximum(x.error, y.error))

    return rule


def prelu(x: Real, slopes: Real) -> Real:
    value = functional.prelu(x.value, slopes.value)
    steepest = max(1.0, slopes.reach.max().item())
    wrong = steepest * x.error + x.value.abs() * slopes.error.max()
    return Real(value, wrong + (value.abs() + wrong) * gamma(1))


def mul(x: Real, other: Real | float) -> Real:
    y = real(other)
    value = x.value * y.value
    return Real(value, x.reach * y.reach * (1 + gamma(1)) - value.abs())


def divide(x: Real, number: float) -> Real:
    y = real(number)
    greatest = x.reach / y.value.abs() * (1 + gamma(2))
    return Real(x.value / y.value, greatest - (x.value / y.value).abs())


def mean(operator: Any, x: Real, count: int, *window: Any) -> Real:
    """Means of so many elements."""
    greatest = operator(x.reach, *window) * (1 + gamma(count + 1))
    return Real(operator(x.value, *window), greatest - operator(x.value.abs(), *window))


def mean_of_all(operator: Any) -> Callable[..., Real]:
    """A mean over windows that share no element, and leave none out."""

    def rule(x: Real, *window: Any) -> Real:
        count = x.value.numel() // operator(x.value, *window).numel()
        return mean(operator, x, count, *window)

    return rule


def average_pool(x: Real, kernel: Any, *window: Any) -> Real:
    return mean(aten.avg_pool2d.default, x, kernel[0] * kernel[1], kernel, *window)


def function(operator: Any) -> Callable[..., Real]:
    """
    A function of one real whose slope is below 1.2. PyTorch's are taken to err by eight
    roundings of the greater of argument, result and 1.
    """

    def rule(x: Real, *rest: Any) -> Real:
        value = operator(x.value, *rest)
        rounded = (1 + x.reach + value.abs()) * gamma(8)
        return Real(value, 1.2 * x.error + rounded)

    return rule


def keeping(operator: Any) -> Callable[..., Real]:
    """An operator that moves elements, or takes the largest of some."""

    def rule(x: Real, *rest: Any) -> Real:
        return x.moved(lambda tensor: operator(tensor, *rest))

    return rule


def limiting(operator: Any) -> Callable[..., Real]:
    """An operator of each element that makes no distance greater."""

    def rule(x: Real, *rest: Any) -> Real:
        return Real(operator(x.value, *rest), x.error)

    return rule


def padded(x: Real, pads: Any, mode: str = "constant", value: Any = None) -> Real:
    return x.moved(lambda tensor: functional.pad(tensor, pads, mode, value))


def concatenated(parts: Sequence[Real], dim: int = 0) -> Real:
    values, errors = [x.value for x in parts], [x.error for x in parts]
    return Real(torch.cat(values, dim), torch.cat(errors, dim))


def parts(operator: Any) -> Callable[..., Sequence[Real]]:
    """An operator that cuts a tensor into several."""

    def rule(x: Real, *rest: Any) -> Sequence[Real]:
        return [
            Real(*pair)
            for pair in zip(operator(x.value, *rest), operator(x.error, *rest))
        ]

    return rule


KEEPING = """
    dropout.default flatten.using_ints max_pool1d.default max_pool2d.default
    permute.default select.int slice.Tensor upsample_nearest2d.vec view.default
"""
LIMITING = "clamp.default hardtanh.default relu.default relu6.default"
FUNCTIONS = """
    elu.default hardsigmoid.default hardswish.default leaky_relu.default
    sigmoid.default silu.default tanh.default
"""


def named(names: str, rule: Callable[[Any], Callable[..., Any]]) -> dict[str, Any]:
    """The operators of these names with their rules."""
    return {
        f"aten.{name}": rule(getattr(getattr(aten, packet), overload))
        for name in names.split()
        for packet, overload in [name.split(".")]
    }


RULES: dict[str, Callable[..., Any]] = {
    **named(FUNCTIONS, function),
    **named(KEEPING, keeping),
    **named(LIMITING, limiting),
    **named("maximum.default minimum.default", extremum),
    **named("chunk.default split.Tensor split_with_sizes.default", parts),
    **named("adaptive_avg_pool2d.default mean.dim", mean_of_all),
    "aten.add.Tensor": add,
    "aten.avg_pool2d.default": average_pool,
    "aten.cat.default": concatenated,
    "aten.conv1d.default": weighted(functional.conv1d),
    "aten.conv2d.default": weighted(functional.conv2d),
    "aten.conv2d.padding": weighted(functional.conv2d),
    "aten.div.Tensor": divide,
    "aten.linear.default": weighted(functional.linear),
    "aten.mul.Tensor": mul,
    "aten.pad.default": padded,
    "aten.prelu.default": prelu,
    "aten.sub.Tensor": subtract,
    str(getitem): getitem,
    "quantized_decomposed.dequantize_per_channel.default": dequantize_channels,
    "quantized_decomposed.dequantize_per_tensor.default": dequantize,
    "quantized_decomposed.quantize_per_tensor.default": quantize,
}
"""Operators of programs after PT2E. In-place ones count as the others."""
