"""
Folds batch normalization that PT2E leaves alone, in a program of floats.

PT2E folds what follows a convolution. What follows a linear layer is folded here; any
other becomes a depthwise convolution of one element, which is the same function of
`[batch, channels, height, width]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

LINEAR = "aten.linear.default"
CONVOLUTIONS = ("aten.conv1d.default", "aten.conv2d.default", "aten.conv2d.padding")


def fold_batch_norms(module: Any) -> None:
    """Changes a `torch.fx.GraphModule`; parameters that others use stay as they are."""
    for node in list(module.graph.nodes):
        if str(node.target) == "aten.batch_norm.default":
            fold(module, node)
    module.graph.eliminate_dead_code()
    module.recompile()


def fold(module: Any, node: Any) -> None:
    aten: Any = import_module("torch").ops.aten
    source, training, epsilon = node.args[0], node.args[5], node.args[7]
    alone = len(source.users) == 1
    if training or (alone and str(source.target) in CONVOLUTIONS):
        return
    weight, bias, mean, variance = (tensor_of(module, n) for n in node.args[1:5])
    if mean is None or variance is None:
        return
    factor = (variance + epsilon).rsqrt() * (1 if weight is None else weight)
    offset = (0 if bias is None else bias) - mean * factor
    if alone and str(source.target) == LINEAR:
        source, weights, *rest = source.args
        target, window = aten.linear.default, ()
        if rest and (added := tensor_of(module, rest[0])) is not None:
            offset = offset + added * factor
        factor = tensor_of(module, weights) * factor[:, None]
    elif node.meta["val"].dim() == 4:
        target, window = aten.conv2d.default, ([1, 1], [0, 0], [1, 1], factor.numel())
        factor = factor.reshape(-1, 1, 1, 1)
    else:
        return
    with module.graph.inserting_before(node):
        operands = (
            source,
            buffer(module, f"{node.name}_weight", factor),
            buffer(module, f"{node.name}_bias", offset),
        )
        folded = module.graph.call_function(target, (*operands, *window))
    folded.meta = dict(node.meta)
    node.replace_all_uses_with(folded)


def tensor_of(module: Any, node: Any) -> Any:
    """The tensor of a `get_attr` node, None where there is no node."""
    if node is None:
        return None
    value = module
    for part in node.target.split("."):
        value = getattr(value, part)
    return value.detach()


def buffer(module: Any, name: str, tensor: Any) -> Any:
    """A new buffer of the module, as a node."""
    module.register_buffer(name, tensor)
    return module.graph.get_attr(name)
