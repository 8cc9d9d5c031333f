"""
The quantizer that `tinyml.frontend.torch.quantize` gives to PT2E: which values of a
program of floats become int8.

Every operator that computes has its inputs and its result on grids; an activation
function that follows it alone is part of it. Operators that only move or compare
elements keep the grid of their input. What is not listed stays in floats, and the
importer refuses it by name.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

WEIGHTED = {"conv1d", "conv2d", "convolution", "linear"}
COMPUTED = {"add", "sub", "mul", "div", "avg_pool1d", "avg_pool2d", "mean"} | {
    "maximum",
    "minimum",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
}
ACTIVATIONS = {"relu", "relu6", "hardtanh", "clamp"}
FUNCTIONS = {"elu", "hardsigmoid", "hardswish", "leaky_relu", "sigmoid", "silu", "tanh"}
KEEPING = {"max_pool1d", "max_pool2d", "flatten", "view", "reshape", "squeeze"} | {
    "unsqueeze",
    "permute",
    "transpose",
    "dropout",
    "contiguous",
    "cat",
    "clone",
    "pad",
    "constant_pad_nd",
    "slice",
    "select",
    "upsample_nearest2d",
}
SPLITS = {"split", "split_with_sizes", "chunk"}
"""Their results, each a `getitem`, keep the grid of the input."""


def operator(node: Any) -> str:
    """An ATen operator without its overload; in-place ones count as the others."""
    packet = getattr(node.target, "overloadpacket", None)
    return packet.__name__.rstrip("_") if packet is not None else ""


def last_of(node: Any) -> Any:
    """The activation function that alone uses a node, or the node."""
    users = list(node.users)
    fused = len(users) == 1 and operator(users[0]) in ACTIVATIONS
    return users[0] if fused else node


def bias_parameters(observers: Any) -> Any:
    """The scales and zero points of a bias: the accumulator's unit per channel."""
    torch: Any = import_module("torch")
    (source, _), (weights, _) = (o.calculate_qparams() for o in observers)
    scales = source * weights
    return scales, torch.zeros_like(scales, dtype=torch.int64)


def int8_quantizer() -> Any:
    """A torchao `Quantizer`."""
    torch: Any = import_module("torch")
    base: Any = import_module("torchao.quantization.pt2e.quantizer")
    observers: Any = import_module("torchao.quantization.pt2e")

    activation = base.QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=observers.MinMaxObserver,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )
    weight = base.QuantizationSpec(
        dtype=torch.int8,
        observer_or_fake_quant_ctr=observers.PerChannelMinMaxObserver,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
    )
    probability = base.FixedQParamsQuantizationSpec(
        dtype=torch.int8,
        scale=1 / 256,
        zero_point=-128,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
    )

    def mark(node: Any, inputs: dict[Any, Any], output: Any) -> None:
        node.meta["quantization_annotation"] = base.QuantizationAnnotation(
            input_qspec_map=inputs, output_qspec=output, _annotated=True
        )

    def computed(node: Any, inputs: dict[Any, Any], output: Any = activation) -> None:
        last = last_of(node)
        mark(node, inputs, output if last is node else None)
        if last is not node:
            mark(last, {}, output)

    def activations(node: Any) -> dict[Any, Any]:
        return {value: activation for value in node.all_input_nodes}

    def weighted(node: Any) -> None:
        source, weights, *rest = node.args
        inputs = {source: activation, weights: weight}
        if rest and rest[0] is not None:
            inputs[rest[0]] = base.DerivedQuantizationSpec(
                derived_from=[(source, node), (weights, node)],
                derive_qparams_fn=bias_parameters,
                dtype=torch.int32,
                quant_min=-(1 << 31),
                quant_max=(1 << 31) - 1,
                qscheme=torch.per_channel_symmetric,
                ch_axis=0,
            )
        computed(node, inputs)

    def elementwise(node: Any) -> None:
        computed(node, activations(node))

    def alone(node: Any) -> None:
        """An activation function, unless it is part of the operator before it."""
        if "quantization_annotation" not in node.meta:
            mark(node, activations(node), activation)

    def keeping(node: Any) -> None:
        first, *others = node.all_input_nodes
        shared = base.SharedQuantizationSpec((first, node))
        mark(node, {first: activation} | dict.fromkeys(others, shared), shared)

    def split(node: Any) -> None:
        source = node.args[0]
        mark(node, {source: activation}, None)
        for result in node.users:
            mark(result, {}, base.SharedQuantizationSpec((source, node)))

    def prelu(node: Any) -> None:
        source, slopes = node.args
        mark(node, {source: activation, slopes: activation}, activation)

    def softmax(node: Any) -> None:
        mark(node, activations(node), probability)

    rules: dict[str, Callable[[Any], None]] = {
        "softmax": softmax,
        "prelu": prelu,
        **dict.fromkeys(SPLITS, split),
        **dict.fromkeys(WEIGHTED, weighted),
        **dict.fromkeys(COMPUTED, elementwise),
        **dict.fromkeys(ACTIVATIONS, alone),
        **dict.fromkeys(FUNCTIONS, elementwise),
        **dict.fromkeys(KEEPING, keeping),
    }

    class Int8Quantizer(base.Quantizer):
        def annotate(self, model: Any) -> Any:
            for node in model.graph.nodes:
                if node.op == "placeholder":
                    mark(node, {}, activation)
                elif (rule := rules.get(operator(node))) is not None:
                    rule(node)
            return model

        def validate(self, model: Any) -> None:
            """Nothing to say: the importer refuses what is not supported."""

    return Int8Quantizer()
