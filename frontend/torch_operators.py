"""
Spells the calls of an exported PyTorch program as nodes of a quantized graph.

For each operator of ATen there is one of ONNX that means the same; nodes keep the
position, name and target of their call. `torch_table` says which is which. Tensors are
NCHW on both sides. Source: PyTorch's `native_functions.yaml`.
"""

from __future__ import annotations

from math import inf

import numpy as np

from tinyml.frontend.qdq_graph import AttributeValue
from tinyml.frontend.torch_program import Call
from tinyml.frontend.torch_spelling import Speller, Spelling

# Multiply-accumulates


def spell_convolution(spelling: Spelling, call: Call) -> None:
    if call.arguments.get("transposed"):
        raise call.refuse("transposed convolution is not supported")
    weights = call.tensor("weight")
    rank = len(spelling.shapes.get(weights, (0, 0, 0, 0))) - 2
    attributes: dict[str, AttributeValue] = {
        "group": call.integer("groups"),
        "strides": call.integers("stride", rank),
        "dilations": call.integers("dilation", rank),
    }
    if isinstance(padding := call.arguments["padding"], str):
        auto = {"same": "SAME_UPPER", "valid": "VALID"}
        attributes["auto_pad"] = auto.get(padding, padding)
    else:
        attributes["pads"] = call.integers("padding", rank) * 2
    inputs = call.tensor("input"), weights, call.optional_tensor("bias")
    spelling.add(call, "Conv", *inputs, **attributes)


def spell_linear(spelling: Spelling, call: Call) -> None:
    inputs = call.tensor("input"), call.tensor("weight"), call.optional_tensor("bias")
    spelling.add(call, "Gemm", *inputs, transB=1)


def spell_addmm(spelling: Spelling, call: Call) -> None:
    call.expect(alpha=1, beta=1)
    names = call.tensor("mat1"), call.tensor("mat2"), call.tensor("self")
    spelling.add(call, "Gemm", *names)


# Elementwise


def spell_binary(op: str) -> Speller:
    """Of two tensors, or of one and a number."""

    def spell(spelling: Spelling, call: Call) -> None:
        if "alpha" in call.arguments:
            call.expect(alpha=1)
        names = [
            spelling.constant(call, name, spelling.reals(call, name))
            if isinstance(call.arguments[name], int | float)
            else call.tensor(name)
            for name in ("self", "other")
        ]
        spelling.add(call, op, *names)

    return spell


def spell_prelu(spelling: Spelling, call: Call) -> None:
    """The slopes lie along dimension 1."""
    name, rank = call.tensor("weight"), len(call.shape)
    sizes = [-1] + [1] * max(rank - 2, 0)
    shape = spelling.constant(call, "shape", np.array(sizes, np.int64))
    slopes = f"{call.name} (slopes)"
    spelling.part(call, "Reshape", (name, shape), slopes, {})
    spelling.add(call, "PRelu", call.tensor("self"), slopes)


def spell_clip(spelling: Spelling, call: Call, low: float, high: float) -> None:
    with np.errstate(over="ignore"):
        bounds = [
            spelling.constant(call, what, np.array(bound, np.float32))
            for what, bound in (("low", low), ("high", high))
        ]
    spelling.add(call, "Clip", call.tensor("self"), *bounds)


def spell_relu6(spelling: Spelling, call: Call) -> None:
    spell_clip(spelling, call, 0.0, 6.0)


def spell_hardtanh(spelling: Spelling, call: Call) -> None:
    spell_clip(spelling, call, call.number("min_val"), call.number("max_val"))


def spell_clamp(spelling: Spelling, call: Call) -> None:
    low, high = (
        default if call.arguments[name] is None else call.number(name)
        for name, default in (("min", -inf), ("max", inf))
    )
    spell_clip(spelling, call, low, high)


def spell_hard_sigmoid(spelling: Spelling, call: Call) -> None:
    spelling.add(call, "HardSigmoid", call.tensor("self"), alpha=1 / 6, beta=0.5)


def spell_leaky_relu(spelling: Spelling, call: Call) -> None:
    slope = call.number("negative_slope")
    spelling.add(call, "LeakyRelu", call.tensor("self"), alpha=slope)


def spell_elu(spelling: Spelling, call: Call) -> None:
    call.expect(scale=1, input_scale=1)
    spelling.add(call, "Elu", call.tensor("self"), alpha=call.number("alpha"))


def spell_softmax(spelling: Spelling, call: Call) -> None:
    if call.arguments.get("dtype") not in (None, "torch.float32"):
        raise call.refuse(f"dtype {call.arguments['dtype']} is not supported")
    if call.arguments.get("half_to_float"):
        raise call.refuse("half_to_float is not supported")
    spelling.add(call, "Softmax", call.tensor("self"), axis=call.integer("dim"))


# Pools and means


def pool_attributes(call: Call, rank: int) -> dict[str, AttributeValue]:
    kernel = call.integers("kernel_size", rank)
    return {
        "kernel_shape": kernel,
        "strides": call.integers("stride", rank) or kernel,
        "pads": call.integers("padding", rank) * 2,
        "ceil_mode": call.integer("ceil_mode"),
    }


def spell_max_pool(spelling: Spelling, call: Call) -> None:
    rank = len(call.shape) - 2
    attributes = pool_attributes(call, rank)
    dilations = call.integers("dilation", rank)
    spelling.add(
        call, "MaxPool", call.tensor("self"), **attributes, dilations=dilations
    )


def spell_average_pool(spelling: Spelling, call: Call) -> None:
    if call.arguments.get("divisor_override") is not None:
        raise call.refuse("divisor_override is not supported")
    attributes = pool_attributes(call, len(call.shape) - 2)
    attributes["count_include_pad"] = call.integer("count_include_pad")
    spelling.add(call, "AveragePool", call.tensor("self"), **attributes)


def spell_adaptive_pool(spelling: Spelling, call: Call) -> None:
    """Windows of one size, where the output's sizes divide the input's."""
    name = call.tensor("self")
    outputs = call.integers("output_size")
    sizes = spelling.shapes.get(name, ())[-len(outputs) :]
    if len(sizes) != len(outputs) or any(
        n < 1 or size % n for size, n in zip(sizes, outputs)
    ):
        raise call.refuse(
            f"output_size {list(outputs)} does not divide the sizes {list(sizes)}"
        )
    kernel = tuple(size // n for size, n in zip(sizes, outputs))
    spelling.add(call, "AveragePool", name, kernel_shape=kernel, strides=kernel)


def spell_mean(spelling: Spelling, call: Call) -> None:
    call.expect(dtype=None)
    axes = () if call.arguments["dim"] is None else call.integers("dim")
    keep = call.integer("keepdim")
    spelling.add(call, "ReduceMean", call.tensor("self"), axes=axes, keepdims=keep)


# Movements


def spell_identity(spelling: Spelling, call: Call) -> None:
    spelling.add(call, "Identity", call.tensor(next(iter(call.arguments), "0")))


def spell_dropout(spelling: Spelling, call: Call) -> None:
    if call.arguments["train"]:
        raise call.refuse("the dropout is that of training; export in eval mode")
    spell_identity(spelling, call)


def spell_reshape(spelling: Spelling, call: Call) -> None:
    """All that only name other sizes: the program says which sizes come out."""
    shape = spelling.constant(call, "shape", np.array(call.shape, np.int64))
    spelling.add(call, "Reshape", call.tensor("self"), shape, allowzero=1)


def spell_permute(spelling: Spelling, call: Call) -> None:
    order = tuple(call.axis(d) for d in call.integers("dims"))
    spelling.add(call, "Transpose", call.tensor("self"), perm=order)


def spell_transpose(spelling: Spelling, call: Call) -> None:
    order = list(range(len(call.shape)))
    a, b = call.axis(call.integer("dim0")), call.axis(call.integer("dim1"))
    order[a], order[b] = order[b], order[a]
    spelling.add(call, "Transpose", call.tensor("self"), perm=tuple(order))


def spell_t(spelling: Spelling, call: Call) -> None:
    spelling.add(call, "Transpose", call.tensor("self"))


def spell_cat(spelling: Spelling, call: Call) -> None:
    spelling.add(call, "Concat", *call.tensors("tensors"), axis=call.integer("dim"))


def spell_pad(spelling: Spelling, call: Call) -> None:
    """`pad` lists (before, after) per dimension from the last to the first."""
    if call.arguments.get("mode", "constant") != "constant":
        raise call.refuse(f"mode {call.arguments['mode']} is not supported")
    pads, rank = call.integers("pad"), len(call.shape)
    if len(pads) % 2 or len(pads) > 2 * rank:
        raise call.refuse(f"pad {list(pads)} does not fit {rank} dimensions")
    low, high = [0] * rank, [0] * rank
    for i, (before, after) in enumerate(zip(pads[::2], pads[1::2])):
        low[rank - 1 - i], high[rank - 1 - i] = before, after
    real = 0.0 if call.arguments["value"] is None else call.number("value")
    with np.errstate(over="ignore"):
        value = np.array(real, np.float32)
    names = (
        spelling.constant(call, "pads", np.array(low + high, np.int64)),
        spelling.constant(call, "value", value),
    )
    spelling.add(call, "Pad", call.tensor("self"), *names)
