"""
What a name stands for while an ONNX graph is translated: constants and views.

ONNX transposes and reshapes freely; the compiler keeps activations NHWC in buffers of
their own. A `View` bridges the two: transpositions and reshapes of it are bookkeeping,
and only a consumer that needs the elements in another order makes a layer of them.
Nothing here creates IR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.layer import shape as buffer_shape

Shape = tuple[int, ...]
Clamp = tuple[int, int]

NHWC = (0, 2, 3, 1)
"""Where a buffer's dimensions are found in an ONNX tensor of four dimensions."""

FULL: Clamp = (-128, 127)

LARGEST_ARRAY = 1 << 26
"""Elements of an array that is computed here, eight bytes each."""


def expect_computable(shape: Sequence[int]) -> None:
    """Refuses arrays of a size that only a damaged model asks for."""
    if prod(shape) > LARGEST_ARRAY:
        raise DiagnosticException(
            f"shape {list(shape)} has {prod(shape)} elements, at most {LARGEST_ARRAY} "
            "are supported here"
        )


@dataclass(frozen=True)
class Quant:
    """`real = scale * (q - zero_point)` of int8; the scale is single precision."""

    scale: float
    zero_point: int

    def grid(self, real: float) -> int:
        """The number nearest to `real`, ties to even, saturated."""
        with np.errstate(over="ignore"):
            steps = np.rint(np.float32(real) / np.float32(self.scale))
        return int(np.clip(steps + self.zero_point, *FULL))

    def clamp(self, low: float, high: float) -> Clamp:
        """The integers that stand for the reals in `[low, high]`."""
        return self.grid(low), self.grid(high)


@dataclass(frozen=True)
class Constant:
    """A constant: reals or integers, or, with a scale, the reals that these encode."""

    name: str
    array: np.ndarray
    scale: np.ndarray | None = None
    zero_point: np.ndarray | None = None
    axis: int = 0

    @property
    def shape(self) -> Shape:
        return self.array.shape

    def along(self, parameter: np.ndarray) -> np.ndarray:
        """A scale or zero point, shaped to be broadcast over the array."""
        if parameter.size == 1:
            return parameter.reshape(())
        sizes = [1] * self.array.ndim
        sizes[self.axis] = parameter.size
        return parameter.reshape(sizes)

    @property
    def real(self) -> np.ndarray:
        """The reals, in double precision."""
        if self.array.dtype.kind not in "fiu":
            raise DiagnosticException(
                f'constant "{self.name}" is {self.array.dtype}, expected numbers'
            )
        values = self.array.astype(np.float64)
        if self.scale is None or self.zero_point is None:
            return values
        steps = values - self.along(self.zero_point).astype(np.float64)
        return steps * self.along(self.scale).astype(np.float64)

    def symmetric(self) -> tuple[np.ndarray, np.ndarray]:
        """
        The integers and the scales of weights that are int8 with zero point 0, or
        uint8 with zero point 128, which is the same.
        """
        if self.scale is None or self.zero_point is None:
            raise DiagnosticException(
                f'weights "{self.name}" are not quantized, expected DequantizeLinear '
                "of an int8 constant"
            )
        centered = self.array.astype(np.int32) - self.along(self.zero_point)
        expected = {"int8": 0, "uint8": 128}.get(self.array.dtype.name)
        if expected is None or np.any(self.zero_point != expected):
            raise DiagnosticException(
                f'weights "{self.name}" are {self.array.dtype.name} with zero points '
                f"{sorted(set(self.zero_point.ravel().tolist()))}, supported are int8 "
                "with 0 and uint8 with 128"
            )
        return centered.astype(np.int8), self.scale.astype(np.float64)


def on_grid(value: Constant, grid: Quant) -> np.ndarray:
    """A constant as int8 on a grid."""
    with np.errstate(over="ignore"):
        real = value.real.astype(np.float32)
        steps = np.rint(real / np.float32(grid.scale))
    if np.isnan(steps).any():
        raise DiagnosticException(f'constant "{value.name}" holds NaN')
    return np.clip(steps + grid.zero_point, *FULL).astype(np.int8)


@dataclass(frozen=True)
class View:
    """
    A tensor as ONNX sees it: a buffer, its dimensions reordered, then reshaped.

    Dimension `i` of the buffer is dimension `order[i]` of the reordered tensor.
    `element` is ONNX's type. A "float32" tensor with a `quant` is held as int8, one
    without as floats. A "uint8" tensor is held as int8, each number 128 lower.
    """

    buffer: SSAValue
    order: Shape
    shape: Shape
    element: str
    quant: Quant | None = None

    @staticmethod
    def of(buffer: SSAValue, order: Shape, element: str, quant: Quant | None) -> View:
        """The view of a whole buffer without a reshape."""
        sizes = buffer_shape(buffer)
        shape = tuple(sizes[order.index(i)] for i in range(len(order)))
        return View(buffer, order, shape, element, quant)

    @property
    def sizes(self) -> Shape:
        """The shape of the buffer."""
        return buffer_shape(self.buffer)

    @property
    def dims(self) -> Shape:
        """The shape after reordering, before reshaping."""
        return tuple(self.sizes[self.order.index(i)] for i in range(len(self.order)))

    @property
    def linear(self) -> bool:
        """Whether the buffer holds the elements in the order of the tensor."""
        return keeps_order(self.order, self.sizes)

    def transposed(self, permutation: Shape) -> View | None:
        """The view with its dimensions permuted, None after a reshape."""
        if self.dims != self.shape:
            return None
        order = tuple(permutation.index(d) for d in self.order)
        shape = tuple(self.shape[p] for p in permutation)
        return replace(self, order=order, shape=shape)

    def reshaped(self, shape: Shape) -> View:
        return replace(self, shape=shape)

    def like(self, buffer: SSAValue, quant: Quant | None) -> View:
        """The same view of another buffer of the same shape."""
        return replace(self, buffer=buffer, quant=quant)

    def positions(self) -> np.ndarray:
        """For each element of the buffer, in order, its place in the tensor."""
        expect_computable(self.sizes)
        places = np.arange(prod(self.sizes)).reshape(self.dims)
        return places.transpose(self.order).ravel()


def keeps_order(permutation: Sequence[int], sizes: Sequence[int]) -> bool:
    """
    Whether elements stay where they are: only dimensions of size 1 change place.
    `sizes[i]` is the size of dimension `permutation[i]`.
    """
    moved = [p for p, n in zip(permutation, sizes, strict=True) if n != 1]
    return moved == sorted(moved)


def permuted(sizes: Sequence[int], permutation: Sequence[int]) -> Shape:
    """Dimension `i` of the result is dimension `permutation[i]`."""
    return tuple(sizes[p] for p in permutation)


def default_order(rank: int) -> Shape:
    """The order of a buffer's dimensions where nothing asks for another."""
    return NHWC if rank == 4 else tuple(range(rank))
