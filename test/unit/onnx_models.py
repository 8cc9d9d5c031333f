"""
Small int8 ONNX models for tests, and exact references for what they compute.

The references work on NCHW integers and round exact fractions, so that they share
neither layout nor arithmetic with the compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.onnx import import_onnx
from tinyml.interp.run import run_network

ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int16": TensorProto.INT16,
}


X, W, Y = 0.037, 0.0051, 0.081
"""Scales of input, weights and output, without a meaning."""


@dataclass
class Model:
    """An ONNX graph under construction; methods return the names of tensors."""

    opset: int = 13
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    constants: list[onnx.TensorProto] = field(default_factory=list[onnx.TensorProto])
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list[onnx.ValueInfoProto])
    outputs: list[onnx.ValueInfoProto] = field(
        default_factory=list[onnx.ValueInfoProto]
    )

    def constant(self, array: np.ndarray | np.floating[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def input(
        self, shape: Sequence[int | str], element: str = "int8", name: str = "x"
    ) -> str:
        info = helper.make_tensor_value_info(name, ELEMENTS[element], shape)
        self.inputs.append(info)
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        output = f"{name}_out"
        self.nodes.append(
            helper.make_node(op, list(inputs), [output], name=name, **attributes)
        )
        return output

    def grid(
        self, scale: float | np.ndarray, zero: int | np.ndarray, element: str
    ) -> tuple[str, str]:
        zeros = np.broadcast_to(np.asarray(zero, element), np.shape(scale))
        return (
            self.constant(np.asarray(scale, np.float32)),
            self.constant(np.ascontiguousarray(zeros).reshape(np.shape(scale))),
        )

    def quantize(
        self, x: str, scale: float, zero: int = 0, element: str = "int8"
    ) -> str:
        return self.node("QuantizeLinear", x, *self.grid(scale, zero, element))

    def dequantize(
        self,
        x: str,
        scale: float | np.ndarray,
        zero: int = 0,
        element: str = "int8",
        **attributes: Any,
    ) -> str:
        grid = self.grid(scale, zero, element)
        return self.node("DequantizeLinear", x, *grid, **attributes)

    def weights(
        self,
        array: np.ndarray,
        scale: float | np.ndarray,
        zero: int = 0,
        axis: int = 0,
    ) -> str:
        """A constant under DequantizeLinear."""
        element = array.dtype.name
        return self.dequantize(self.constant(array), scale, zero, element, axis=axis)

    def output(self, name: str, element: str = "int8") -> None:
        # The checker wants a shape, which nobody looks at.
        info = helper.make_tensor_value_info(name, ELEMENTS[element], ["any"])
        self.outputs.append(info)

    @property
    def bytes(self) -> bytes:
        graph = helper.make_graph(
            self.nodes, "test", self.inputs, self.outputs, self.constants
        )
        opsets = [
            helper.make_opsetid("", self.opset),
            helper.make_opsetid("com.microsoft", 1),
        ]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return model.SerializeToString()

    def imported(self) -> ModuleOp:
        module = import_onnx(self.bytes, "net")
        module.verify()
        return module

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        return run_network(self.imported(), inputs)


def ops(module: ModuleOp) -> list[LayerOp]:
    return layers(network_function(module))


def op_names(module: ModuleOp) -> list[str]:
    return [op.name.removeprefix("tinyml.") for op in ops(module)]


def real(scale: float | np.floating[Any]) -> Fraction:
    """A single precision scale, exactly."""
    return Fraction(float(np.float32(scale)))


def nearest(
    numbers: np.ndarray, factor: Fraction, zero: int, low: int = -128, high: int = 127
) -> np.ndarray:
    """`numbers * factor + zero`, rounded to nearest, ties to even, clamped."""
    rounded = [round(int(n) * factor) + zero for n in numbers.flat]
    return np.clip(rounded, low, high).reshape(numbers.shape).astype(np.int8)


def nearest_real(reals: np.ndarray, scale: Fraction, zero: int) -> np.ndarray:
    """Exact reals on a grid."""
    steps = [round(value / scale) + zero for value in reals.flat]
    return np.clip(steps, -128, 127).reshape(reals.shape).astype(np.int8)


def convolve(
    x: np.ndarray,
    weights: np.ndarray,
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
) -> np.ndarray:
    """NCHW convolution of integers; `pads` is top, left, bottom, right."""
    top, left, bottom, right = pads
    x = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    outputs, per_group, kh, kw = weights.shape
    rows = (x.shape[2] - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    columns = (x.shape[3] - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    result = np.zeros((x.shape[0], outputs, rows, columns), np.int64)
    for o in range(outputs):
        first = o // (outputs // group) * per_group
        for r, c in np.ndindex(rows, columns):
            y0, x0 = r * strides[0], c * strides[1]
            patch = x[
                :,
                first : first + per_group,
                y0 : y0 + (kh - 1) * dilations[0] + 1 : dilations[0],
                x0 : x0 + (kw - 1) * dilations[1] + 1 : dilations[1],
            ]
            result[:, o, r, c] = (patch * weights[o]).sum(axis=(1, 2, 3))
    return result


def random_bytes(
    seed: int, *shape: int, low: int = -128, high: int = 127
) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape, np.int8, True)
