"""
What the translation of every ONNX operator needs: names, layers, lazy results.

A quantized ONNX model computes on reals between DequantizeLinear and QuantizeLinear.
The compiler's layers compute on integers and include the final scaling, so a layer can
only be made once its QuantizeLinear is reached. Until then its result is `Pending`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, prod

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, i8
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import Rounding, WindowAttr
from tinyml.dialects.layer import LayerOp, buffer_type
from tinyml.dialects.layer import shape as buffer_shape
from tinyml.dialects.tinyml import (
    MaxPool2DOp,
    QuantizeOp,
    RequantizeOp,
    ReshapeOp,
    TransposeOp,
)
from tinyml.frontend.builder import NetworkBuilder, c_identifier
from tinyml.frontend.even_factors import even_multiplier
from tinyml.frontend.onnx_values import (
    FULL,
    Clamp,
    Constant,
    Quant,
    Shape,
    View,
    keeps_order,
    permuted,
)
from tinyml.frontend.qdq_graph import Graph, Node


@dataclass(frozen=True)
class Target:
    """What a layer's result has to become: its grid, its range, its name."""

    quant: Quant
    clamp: Clamp
    label: str


@dataclass(frozen=True)
class Pending:
    """
    The real result of a node's layer, not made yet, limited to `[low, high]`.

    `emit` makes the layer. `with_bias`, where there is one, returns the same layer with
    a constant added to it, or None if that constant cannot be a bias.
    """

    node: Node
    shape: Shape
    emit: Callable[[Target], View]
    low: float = -inf
    high: float = inf
    with_bias: Callable[[np.ndarray], Pending | None] | None = None

    def clipped(self, low: float, high: float) -> Pending:
        """This result limited further; nothing can be added to it afterwards."""
        return replace(
            self,
            low=min(max(self.low, low), high),
            high=max(min(self.high, high), low),
            with_bias=None,
        )

    def moved(self, shape: Shape, move: Callable[[View], View]) -> Pending:
        """This result with its elements in other places."""

        def emit(target: Target) -> View:
            return move(self.emit(target))

        return replace(self, shape=shape, emit=emit, with_bias=None)


def sum_rounding(node: Node) -> Rounding:
    """How the operator takes its exact sum to the output's grid."""
    return Rounding.F32 if node.is_integer else Rounding.EVEN


Value = Constant | View | Pending


class Context:
    """The state of a translation: the values of names, and the layers so far."""

    def __init__(self, name: str, graph: Graph):
        self.graph = graph
        self.builder = NetworkBuilder(name)
        self.node: Node
        self.values: dict[str, Value] = {
            key: Constant(key, array) for key, array in graph.constants.items()
        }
        self.symbols: set[str] = set()
        self.arrangements: dict[tuple[View, Shape], SSAValue] = {}

    # Names

    def value(self, name: str) -> Value:
        if name not in self.values:
            raise DiagnosticException(f'tensor "{name}" has no value here')
        return self.values[name]

    def view(self, name: str) -> View:
        """An activation, of integers or reals."""
        match self.value(name):
            case View() as view:
                return view
            case Constant():
                raise DiagnosticException(
                    f'input "{name}" is constant, expected an activation'
                )
            case Pending():
                raise DiagnosticException(
                    f'input "{name}" is not quantized, expected QuantizeLinear and '
                    "DequantizeLinear between the two operators"
                )

    def quantized(self, name: str) -> tuple[View, Quant]:
        """An activation of reals on an int8 grid."""
        view = self.view(name)
        if view.element != "float32" or view.quant is None:
            raise DiagnosticException(
                f'input "{name}" is {view.element}, expected the result of '
                "DequantizeLinear"
            )
        return view, view.quant

    def constant(self, name: str) -> Constant:
        value = self.value(name)
        if not isinstance(value, Constant):
            raise DiagnosticException(f'input "{name}" is not constant')
        return value

    def integers(self, name: str) -> Shape:
        """A constant list of integers, such as a shape or axes."""
        array = self.constant(name).array
        if array.dtype.kind not in "iu":
            raise DiagnosticException(f'"{name}" is {array.dtype}, expected integers')
        return tuple(int(n) for n in array.ravel())

    def number(self, name: str) -> float:
        """A constant number, which may be infinite."""
        numbers = self.constant(name).real.ravel()
        if numbers.size != 1 or np.isnan(numbers[0]):
            raise DiagnosticException(
                f'"{name}" holds {numbers.size} numbers, expected 1, and not NaN'
            )
        return float(numbers[0])

    # Layers

    def add(self, op: LayerOp, label: str) -> SSAValue:
        """Appends a layer and returns the buffer that it writes."""
        op.verify()
        self.builder.layer(op, label, self.node.index)
        op.layer_output.name_hint = c_identifier(label)
        return op.layer_output

    def buffer(self, shape: Shape) -> SSAValue:
        return self.builder.buffer(shape, i8)

    def symbol(self, what: str, array: np.ndarray) -> str:
        """A constant of the current node; returns its symbol."""
        operator = self.node.op.rpartition(".")[2].lower()
        base = f"{operator}_{self.node.index}_{what}"
        name, count = base, 1
        while name in self.symbols:
            count += 1
            name = f"{base}_{count}"
        self.symbols.add(name)
        return self.builder.constant(name, array)

    def constant_buffer(self, what: str, array: np.ndarray) -> SSAValue:
        """A constant as an operand of a layer."""
        symbol = self.symbol(what, array)
        op = memref.GetGlobalOp(symbol, MemRefType(i8, array.shape))
        op.memref.name_hint = symbol
        self.builder.block.add_op(op)
        return op.memref

    # Places of elements

    def arranged(self, view: View, order: Shape, label: str) -> SSAValue:
        """A buffer with dimension `order[i]` of the tensor as its dimension `i`."""
        key = (view, order)
        if key not in self.arrangements:
            self.arrangements[key] = self._arranged(view, order, label)
        return self.arrangements[key]

    def _arranged(self, view: View, order: Shape, label: str) -> SSAValue:
        buffer, place = view.buffer, view.order.index
        if not view.linear and view.dims == view.shape:
            return self.transposed(buffer, tuple(place(d) for d in order), label)
        if not view.linear:
            back = tuple(place(d) for d in range(len(view.order)))
            buffer = self.transposed(buffer, back, label)
        result = permuted(view.shape, order)
        if keeps_order(order, result):
            return self.reshaped(buffer, result, label)
        return self.transposed(self.reshaped(buffer, view.shape, label), order, label)

    def reshaped(self, buffer: SSAValue, shape: Shape, label: str) -> SSAValue:
        if buffer_shape(buffer) == shape:
            return buffer
        element = buffer_type(buffer).element_type
        return self.add(
            ReshapeOp(buffer, self.builder.buffer(shape, element)), f"{label} (reshape)"
        )

    def transposed(self, buffer: SSAValue, order: Shape, label: str) -> SSAValue:
        shape = permuted(buffer_shape(buffer), order)
        if keeps_order(order, shape):
            return self.reshaped(buffer, shape, label)
        element = buffer_type(buffer).element_type
        return self.add(
            TransposeOp(buffer, self.builder.buffer(shape, element), order),
            f"{label} (transpose)",
        )

    # Grids

    def rescaled(self, view: View, target: Target) -> View:
        """The same reals, on another grid or on none, on this grid and in its range."""
        quant = target.quant
        if view.quant is None:
            y = self.buffer(view.sizes)
            op = QuantizeOp(
                view.buffer, y, quant.scale, quant.zero_point, Rounding.EVEN
            )
            view = view.like(self.add(op, target.label), quant)
        elif view.quant != quant:
            op = RequantizeOp(
                view.buffer,
                self.buffer(view.sizes),
                even_multiplier(view.quant.scale / quant.scale, quant.zero_point),
                (view.quant.zero_point, quant.zero_point),
                Rounding.EVEN,
            )
            view = view.like(self.add(op, target.label), quant)
        return self.clamped(view, target)

    def clamped(self, view: View, target: Target) -> View:
        """The numbers within the target's range: a pool of windows of one element."""
        if target.clamp == FULL:
            return view
        sizes = view.sizes
        flat = sizes if len(sizes) == 4 else (1, 1, prod(sizes[:-1]), sizes[-1])
        source = self.reshaped(view.buffer, flat, target.label)
        op = MaxPool2DOp(
            source, self.buffer(flat), WindowAttr.get([1, 1]), target.clamp
        )
        limited = self.add(op, target.label)
        return view.like(self.reshaped(limited, sizes, target.label), target.quant)
