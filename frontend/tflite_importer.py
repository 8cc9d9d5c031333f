"""
What all operators of a TensorFlow Lite file need to become layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import tflite
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.layer import LayerOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.frontend.quantization import (
    quantize_value,
    requant_table,
)
from tinyml.frontend.tflite_file import ModelFile, Operator, Tensor

ACTIVATIONS = {
    value: name
    for name, value in vars(tflite.ActivationFunctionType).items()
    if isinstance(value, int)
}

BYTE_RANGE = {"int8": (-128, 127), "uint8": (0, 255)}


class Importer:
    """Translates the operators of one file into layers, in order."""

    def __init__(self, name: str):
        self.builder = NetworkBuilder(name)
        self.values: dict[int, SSAValue] = {}
        self.folded: dict[int, np.ndarray] = {}
        """Tensors that operators compute from constants alone."""
        self.operator: Operator

    def run(self, file: ModelFile, handlers: Handlers) -> ModuleOp:
        for what, tensors in (("inputs", file.inputs), ("outputs", file.outputs)):
            if not tensors:
                raise DiagnosticException(f"the model has no {what}")
        for tensor in file.inputs:
            self.values[tensor.index] = self.builder.input(
                tensor.shape, tensor.element, tensor.attribute
            )
        for operator in file.operators:
            support = handlers.get(operator.kind)
            if support is None:
                raise DiagnosticException(
                    f"{operator.where} is not supported; supported are "
                    + ", ".join(sorted(handlers))
                )
            self.operator = operator
            try:
                support.handler(self, operator)
            except (DiagnosticException, VerifyException) as error:
                raise DiagnosticException(f"{operator.where}: {error}") from error
        for tensor in file.outputs:
            if tensor.index not in self.values:
                raise DiagnosticException(
                    f'output tensor "{tensor.name}" is written by no operator'
                )
        return self.builder.finish(
            [(self.values[t.index], t.attribute) for t in file.outputs]
        )

    def value(self, tensor: Tensor, *types: str) -> SSAValue:
        """
        The buffer of a tensor that an operator reads, of one of these types; it may be
        constant.
        """
        self.expect(tensor, *types)
        if tensor.index not in self.values:
            if not self.is_constant(tensor):
                raise DiagnosticException(
                    f'input tensor "{tensor.name}" is not yet written'
                )
            self.values[tensor.index] = self.constant_buffer(tensor)
        return self.values[tensor.index]

    def constant_buffer(self, tensor: Tensor) -> SSAValue:
        """A constant tensor as a buffer that layers read."""
        array = self.array(tensor)
        if array.dtype.name != tensor.type:
            raise DiagnosticException(
                f'tensor "{tensor.name}" is {tensor.type}, but folds to '
                f"{array.dtype.name}"
            )
        return self.builder.constant_buffer(f"tensor_{tensor.index}", array)

    def is_constant(self, tensor: Tensor) -> bool:
        return tensor.data is not None or tensor.index in self.folded

    def array(self, tensor: Tensor) -> np.ndarray:
        """The content of a tensor that is constant or was folded."""
        if tensor.index in self.folded:
            return self.folded[tensor.index]
        return tensor.array

    def integers(self, tensor: Tensor) -> list[int]:
        """A constant list of integers, such as axes, sizes or places."""
        self.expect(tensor, "int32", "int64")
        return self.array(tensor).ravel().tolist()

    def integer(self, tensor: Tensor) -> int:
        """A constant integer, such as an axis."""
        numbers = self.integers(tensor)
        if len(numbers) != 1:
            raise DiagnosticException(
                f'tensor "{tensor.name}" has {len(numbers)} elements, expected 1'
            )
        return numbers[0]

    def fold(self, tensor: Tensor, array: np.ndarray) -> None:
        """Keeps the content of a tensor instead of a layer that computes it."""
        if array.size != prod(tensor.shape):
            raise DiagnosticException(
                f'tensor "{tensor.name}" folds to {array.size} elements, its shape is '
                f"{list(tensor.shape)}"
            )
        self.folded[tensor.index] = array.reshape(tensor.shape)

    def result(self, tensor: Tensor, *types: str) -> SSAValue:
        """A new buffer for a tensor that an operator writes, of one of these types."""
        self.expect(tensor, *types)
        if tensor.index in self.values:
            raise DiagnosticException(f'tensor "{tensor.name}" is written twice')
        if not tensor.shape and tensor.data is None:
            raise DiagnosticException(f'tensor "{tensor.name}" has no shape')
        self.values[tensor.index] = self.builder.buffer(tensor.shape, tensor.element)
        return self.values[tensor.index]

    def expect(self, tensor: Tensor, *types: str) -> None:
        if tensor.type not in types:
            raise DiagnosticException(
                f'tensor "{tensor.name}" is {tensor.type}, supported are '
                + ", ".join(types)
            )

    def constant(self, what: str, array: np.ndarray) -> str:
        """A constant of the current operator, named after it."""
        name = f"{self.operator.kind.lower()}_{self.operator.index}_{what}"
        return self.builder.constant(name, array)

    def layer(self, op: LayerOp, tensor: Tensor | None = None) -> None:
        """Appends a layer that writes `tensor`, by default the operator's output."""
        tensor = tensor or self.operator.output
        self.builder.layer(op, tensor.name, self.operator.index, tensor.index)

    def helper_layer(self, op: LayerOp) -> None:
        """Appends a layer whose output is no tensor of the model."""
        self.builder.layer(op, self.operator.outputs[0].name, self.operator.index)

    def clamp(self, activation: int, tensor: Tensor) -> tuple[int, int]:
        """The range of a fused activation (`CalculateActivationRangeQuantized`)."""
        low, high = BYTE_RANGE[tensor.type]
        name = ACTIVATIONS.get(activation, f"activation {activation}")
        bounds = {
            "NONE": (None, None),
            "RELU": (0.0, None),
            "RELU6": (0.0, 6.0),
            "RELU_N1_TO_1": (-1.0, 1.0),
        }
        if name not in bounds:
            raise DiagnosticException(
                f"fused activation {name} is not supported; supported are "
                + ", ".join(bounds)
            )
        bottom, top = bounds[name]
        if bottom is not None:
            low = max(low, quantize_value(bottom, tensor.scale, tensor.zero_point))
        if top is not None:
            high = min(high, quantize_value(top, tensor.scale, tensor.zero_point))
        return low, high

    def weights(self, tensor: Tensor) -> np.ndarray:
        """The content of an int8 filter, quantized symmetrically."""
        self.expect(tensor, "int8")
        if np.any(tensor.zero_points):
            raise DiagnosticException(
                f'weights "{tensor.name}" have a zero point other than 0'
            )
        return tensor.array

    def bias(self, operator: Operator) -> str | None:
        """The bias of a weighted operator as a constant, if it has one."""
        if len(operator.inputs) < 3 or (tensor := operator.inputs[2]) is None:
            return None
        self.expect(tensor, "int32")
        return self.constant("bias", tensor.array.reshape(-1))

    def channel_requant(self, operator: Operator, channels: int) -> str:
        """Factors per output channel (`PopulateConvolutionQuantizationParams`)."""
        source, filter, output = operator.input(0), operator.input(1), operator.output
        if filter.scales.size not in (1, channels):
            raise DiagnosticException(
                f"{filter.scales.size} filter scales for {channels} output channels"
            )
        reals = source.scale * filter.scales.astype(np.float64) / output.scale
        return self.constant(
            "requant", requant_table(np.broadcast_to(reals, (channels,)))
        )


@dataclass(frozen=True)
class Support:
    """How an operator is imported, and what of it is: a line of docs/operators.md."""

    handler: Callable[[Importer, Operator], None]
    notes: str


Handlers = Mapping[str, Support]
"""By the operator's name in TensorFlow Lite."""
