"""
Which operators of exported PyTorch programs are supported, and the way from a program
to a quantized graph.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml.frontend import torch_operators as operators
from tinyml.frontend import torch_parts as parts
from tinyml.frontend.qdq_graph import Graph
from tinyml.frontend.torch_program import Program
from tinyml.frontend.torch_quantization import spell_dequantize, spell_quantize
from tinyml.frontend.torch_spelling import Speller, Spelling, plain

OPSET = 13
"""The version of ONNX's operators that nodes have the meaning of."""


@dataclass(frozen=True)
class Operator:
    """How an operator is spelled, and what of it works, for the documentation."""

    spell: Speller
    notes: str = ""


ADAPTIVE_POOL = Operator(
    operators.spell_adaptive_pool, "sizes that divide those of the input"
)
SOFTMAX = Operator(operators.spell_softmax)
RESHAPE = Operator(operators.spell_reshape)
IDENTITY = Operator(operators.spell_identity)
AVERAGE_POOL = Operator(
    operators.spell_average_pool, "padding counts; no divisor_override"
)
PAD = Operator(operators.spell_pad, "mode constant, a value on the grid of the input")
CONVOLUTION = Operator(
    operators.spell_convolution,
    "constant weights; any groups; not transposed",
)
MAX_POOL = Operator(operators.spell_max_pool)
DEQUANTIZE = Operator(spell_dequantize, "int8 or uint8; constants also int16, int32")
QUANTIZE = Operator(spell_quantize, "int8 or uint8; a narrower range is a clamp")

SPLIT = Operator(parts.spell_split)
UPSAMPLE = Operator(parts.spell_upsample_nearest, "by sizes or scales")
BINARY = "activations, of which one may be broadcast, a quantized constant, or a number"

OPERATORS: dict[str, Operator] = {
    "aten._adaptive_avg_pool2d.default": ADAPTIVE_POOL,
    "aten._softmax.default": SOFTMAX,
    "aten._unsafe_view.default": RESHAPE,
    "aten.adaptive_avg_pool1d.default": ADAPTIVE_POOL,
    "aten.adaptive_avg_pool2d.default": ADAPTIVE_POOL,
    "aten.add.Tensor": Operator(operators.spell_binary("Add"), f"{BINARY}; alpha 1"),
    "aten.addmm.default": Operator(
        operators.spell_addmm, "constant matrix; alpha and beta 1"
    ),
    "aten.alias.default": IDENTITY,
    "aten.avg_pool1d.default": AVERAGE_POOL,
    "aten.avg_pool2d.default": AVERAGE_POOL,
    "aten.cat.default": Operator(operators.spell_cat),
    "aten.chunk.default": SPLIT,
    "aten.clamp.default": Operator(operators.spell_clamp),
    "aten.clone.default": IDENTITY,
    "aten.constant_pad_nd.default": PAD,
    "aten.contiguous.default": IDENTITY,
    "aten.conv1d.default": CONVOLUTION,
    "aten.conv1d.padding": CONVOLUTION,
    "aten.conv2d.default": CONVOLUTION,
    "aten.conv2d.padding": CONVOLUTION,
    "aten.convolution.default": CONVOLUTION,
    "aten.detach.default": IDENTITY,
    "aten.div.Tensor": Operator(
        operators.spell_binary("Div"), "an activation by a number, as a table"
    ),
    "aten.dropout.default": Operator(operators.spell_dropout, "in eval mode"),
    "aten.elu.default": Operator(operators.spell_elu),
    "aten.flatten.using_ints": RESHAPE,
    "aten.hardsigmoid.default": Operator(operators.spell_hard_sigmoid),
    "aten.hardswish.default": Operator(plain("HardSwish", "self")),
    "aten.hardtanh.default": Operator(operators.spell_hardtanh),
    "aten.leaky_relu.default": Operator(operators.spell_leaky_relu),
    "aten.linear.default": Operator(operators.spell_linear, "constant weights"),
    "aten.matmul.default": Operator(
        plain("MatMul", "self", "other"), "constant matrix"
    ),
    "aten.max_pool1d.default": MAX_POOL,
    "aten.max_pool2d.default": MAX_POOL,
    "aten.max_pool2d_with_indices.default": MAX_POOL,
    "aten.maximum.default": Operator(plain("Max", "self", "other"), "activations"),
    "aten.mean.dim": Operator(operators.spell_mean, "some, not all dimensions"),
    "aten.minimum.default": Operator(plain("Min", "self", "other"), "activations"),
    "aten.mm.default": Operator(plain("MatMul", "self", "mat2"), "constant matrix"),
    "aten.mul.Tensor": Operator(operators.spell_binary("Mul"), BINARY),
    "aten.pad.default": PAD,
    "aten.permute.default": Operator(operators.spell_permute),
    "aten.prelu.default": Operator(
        operators.spell_prelu, "int8 slopes, or one of any kind, as a table"
    ),
    "aten.relu.default": Operator(plain("Relu", "self")),
    "aten.relu6.default": Operator(operators.spell_relu6),
    "aten.reshape.default": RESHAPE,
    "aten.select.int": Operator(parts.spell_select),
    "aten.sigmoid.default": Operator(plain("Sigmoid", "self")),
    "aten.silu.default": Operator(plain("Swish", "self")),
    "aten.slice.Tensor": Operator(parts.spell_slice),
    "aten.softmax.int": SOFTMAX,
    "aten.split.Tensor": SPLIT,
    "aten.split_with_sizes.default": SPLIT,
    "aten.squeeze.default": RESHAPE,
    "aten.squeeze.dim": RESHAPE,
    "aten.squeeze.dims": RESHAPE,
    "aten.sub.Tensor": Operator(operators.spell_binary("Sub"), f"{BINARY}; alpha 1"),
    "aten.t.default": Operator(operators.spell_t),
    "aten.tanh.default": Operator(plain("Tanh", "self")),
    "aten.transpose.int": Operator(operators.spell_transpose),
    "aten.unsqueeze.default": RESHAPE,
    "aten.upsample_nearest2d.default": UPSAMPLE,
    "aten.upsample_nearest2d.vec": UPSAMPLE,
    "aten.view.default": RESHAPE,
    "getitem": Operator(
        parts.spell_getitem,
        "any part of a split, the first result of max_pool2d_with_indices",
    ),
    "quantized_decomposed.dequantize_per_channel.default": DEQUANTIZE,
    "quantized_decomposed.dequantize_per_tensor.default": DEQUANTIZE,
    "quantized_decomposed.dequantize_per_tensor.tensor": DEQUANTIZE,
    "quantized_decomposed.quantize_per_channel.default": QUANTIZE,
    "quantized_decomposed.quantize_per_tensor.default": QUANTIZE,
    "quantized_decomposed.quantize_per_tensor.tensor": QUANTIZE,
}
"""Every target that is supported. In-place ones are gone from a functional program."""


def supported() -> str:
    """The supported operators without their overloads, in one line."""
    names = {target.removeprefix("aten.").split(".")[0] for target in OPERATORS}
    return ", ".join(sorted(names - {"getitem", "quantized_decomposed"}))


def spell(program: Program, name: str) -> Graph:
    """The program as a quantized graph."""
    spelling = Spelling(program)
    for call in program.calls:
        operator = OPERATORS.get(call.target)
        if operator is None and "batch_norm" in call.target:
            raise call.refuse("batch normalization is not folded into a convolution")
        if operator is None:
            raise call.refuse(
                f"the operator is not supported; supported are {supported()}"
            )
        operator.spell(spelling, call)
    nodes, constants = tuple(spelling.nodes), spelling.constants
    return Graph(name, OPSET, program.inputs, program.outputs, nodes, constants)
