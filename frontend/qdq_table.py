"""
Which operators of quantized graphs are supported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyml.dialects.tinyml import MaximumOp, MinimumOp
from tinyml.frontend import onnx_arithmetic as arithmetic
from tinyml.frontend import onnx_elementwise as elementwise
from tinyml.frontend import onnx_moves as moves
from tinyml.frontend import onnx_pools as pools
from tinyml.frontend import onnx_slices as slices
from tinyml.frontend import onnx_weighted as weighted
from tinyml.frontend.onnx_concat import import_concat
from tinyml.frontend.onnx_constants import (
    concatenate,
    divide,
    floor,
    folded,
    import_cast,
    import_shape,
    of_pair,
)
from tinyml.frontend.onnx_context import Context, Value
from tinyml.frontend.onnx_functions import (
    FUNCTIONS,
    divided_by_number,
    with_number,
)
from tinyml.frontend.onnx_quantization import import_dequantize, import_quantize
from tinyml.frontend.onnx_resize import import_resize
from tinyml.frontend.qdq_graph import Node


@dataclass(frozen=True)
class Support:
    """How an operator is imported, and what of it: a line of docs/operators.md."""

    handler: Callable[[Context, Node], Value]
    notes: str


CONSTANTS = "constants only, which are folded"
SHAPE_OF_ONE = (
    "activations, of which one may be broadcast, or a quantized constant; or any "
    "number, as a table"
)
WEIGHTED = "constant int8 weights, symmetric, per tensor or output channel; any bias"
TABLE = "as a table"
ONE_PAD = "1-D and 2-D; pads and auto_pad"

HANDLERS: dict[str, Support] = {
    "Add": Support(
        folded(of_pair(np.add), with_number(np.add, elementwise.import_add)),
        f"{SHAPE_OF_ONE}; or a bias",
    ),
    "AveragePool": Support(
        pools.import_average_pool, f"{ONE_PAD} that count; ceil_mode without pads"
    ),
    "Cast": Support(import_cast, CONSTANTS),
    "Clip": Support(elementwise.import_clip, "part of the layer before it"),
    "Concat": Support(
        folded(concatenate, import_concat),
        "any axis; what lies on another grid than the result is brought to it",
    ),
    "Constant": Support(moves.import_constant, "a tensor, a number, or integers"),
    "Conv": Support(
        weighted.import_conv,
        f"{WEIGHTED}; {ONE_PAD}, strides, dilations, groups",
    ),
    "DequantizeLinear": Support(import_dequantize, "int8, uint8; constants also int32"),
    "Div": Support(
        folded(of_pair(divide), divided_by_number), "by a constant number, as a table"
    ),
    "Dropout": Support(moves.import_dropout, "without a mask"),
    "Flatten": Support(moves.import_flatten, "any axis"),
    "Floor": Support(folded(floor), CONSTANTS),
    "Gather": Support(
        slices.import_gather, "any of a constant; one index of an activation"
    ),
    "Gemm": Support(weighted.import_gemm, f"{WEIGHTED}; alpha and beta 1; transB"),
    "GlobalAveragePool": Support(pools.import_global_average_pool, "any dimensions"),
    "Identity": Support(moves.import_identity, "anything"),
    "MatMul": Support(weighted.import_matmul, WEIGHTED),
    "Max": Support(
        arithmetic.import_extremum(MaximumOp),
        "any number of activations and constants, broadcast",
    ),
    "MaxPool": Support(pools.import_max_pool, f"{ONE_PAD}, dilations, ceil_mode"),
    "Min": Support(
        arithmetic.import_extremum(MinimumOp),
        "any number of activations and constants, broadcast",
    ),
    "Mul": Support(
        folded(of_pair(np.multiply), with_number(np.multiply, elementwise.import_mul)),
        SHAPE_OF_ONE,
    ),
    "PRelu": Support(
        arithmetic.import_prelu,
        "int8 slopes, one per channel; or one of any kind, as a table",
    ),
    "Pad": Support(moves.import_pad, "mode constant, a value on the grid of the input"),
    "QuantizeLinear": Support(import_quantize, "int8, uint8"),
    "ReduceMean": Support(pools.import_reduce_mean, "some, not all dimensions"),
    "Relu": Support(elementwise.import_relu, "part of the layer before it"),
    "Reshape": Support(moves.import_reshape, "any constant shape"),
    "Resize": Support(
        import_resize,
        "mode nearest; round_prefer_floor, floor, ceil; asymmetric, half_pixel, "
        "pytorch_half_pixel, align_corners; scales or sizes",
    ),
    "Shape": Support(import_shape, "folded: shapes are static"),
    "Slice": Support(slices.import_slice, "constant places, any steps"),
    "Softmax": Support(
        elementwise.import_softmax, "any axis; below opset 13 the last one"
    ),
    "Split": Support(slices.import_split, "any axis; equal parts or constant sizes"),
    "Squeeze": Support(moves.import_squeeze, "any axes"),
    "Sub": Support(
        folded(of_pair(np.subtract), with_number(np.subtract, arithmetic.import_sub)),
        f"{SHAPE_OF_ONE}; or a bias",
    ),
    "Transpose": Support(moves.import_transpose, "any permutation"),
    "Unsqueeze": Support(moves.import_unsqueeze, "any axes"),
    **{name: Support(handler, TABLE) for name, handler in FUNCTIONS.items()},
}
"""Every operator that is supported."""
