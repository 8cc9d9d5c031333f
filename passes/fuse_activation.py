"""
Fuses a clamp into the layer before it.

Expects a network of layers. Guarantees that every output bit stays.

A clamp is any layer that is a function of one byte (`passes/byte_functions.py`) and
limits the bytes that its input can hold to a range: a `lookup` that is a relu, a 1x1
pool, a minimum with a constant. Where it does nothing, it goes. Where the layer that
writes its input has a `clamp` and nobody else reads that, it goes into this `clamp`.

Before:

    tinyml.conv2d ins(%x : ...) outs(%a : ...) ... clamp [-128, 127]
    tinyml.max_pool2d ins(%a : ...) outs(%y : ...) window <[1, 1]> clamp [-5, 127]

After:

    tinyml.conv2d ins(%x : ...) outs(%y : ...) ... clamp [-5, 127]

Not handled: clamps of what others read unclamped, outputs of the network among that; a
remark says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.dialects.layer import LayerOp, buffer_type, integer_range
from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.network import (
    layer_name,
    layers,
    network_function,
    readers,
    writer,
)
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root
from tinyml.passes.aliases import bypass, can_be_one, take_place
from tinyml.passes.byte_functions import byte_function, value_range
from tinyml.passes.constant_pool import erase_unused_constants
from tinyml.passes.remarks import remark


def as_clamp(values: np.ndarray, results: np.ndarray) -> tuple[int, int] | None:
    """The range to which a function of ascending values limits them, if it does."""
    low, high = int(results[0]), int(results[-1])
    if low > high or not np.array_equal(np.clip(values, low, high), results):
        return None
    return low, high


def fuse(op: LayerOp) -> str | None:
    """Removes a layer that is a clamp, or leaves it and says why, if it is one."""
    if (function := byte_function(op)) is None:
        return None
    source, target = (buffer_type(v) for v in (function.input, op.layer_output))
    if source.element_type != target.element_type:
        return None
    first, last = value_range(function.input)
    lowest, _ = integer_range(source.element_type)
    results = function.table[first - lowest : last - lowest + 1].astype(np.int64)
    clamp = as_clamp(np.arange(first, last + 1), results)
    if clamp is None or not can_be_one(function.input, op.layer_output):
        return None
    if clamp != (first, last):
        before = writer(function.input)
        if before is None:
            return "not fused: no layer writes its input"
        if (reason := refusal(before, op)) is not None:
            return f"not fused: {reason}"
        before.properties["clamp"] = integer_array(clamp)
        take_place(before, op)
    bypass(op, function.input)
    return None


def refusal(op: LayerOp, reader: LayerOp) -> str | None:
    """Why a layer may not limit what it writes to what one reader makes of it."""
    if "clamp" not in op.properties:
        return f"{op.name} in front of it has no clamp"
    if not isinstance(root(op.layer_output).owner, AllocOp):
        return "its input is an output of the network"
    others = [other for other in readers(op.layer_output) if other is not reader]
    return f"its input is also read by {layer_name(others[0])}" if others else None


@dataclass(frozen=True)
class FuseActivationPass(ModulePass):
    """Fuses a clamp into the layer before it."""

    name = "tinyml-fuse-activation"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if (reason := fuse(layer)) is not None:
                remark(layer, self.name, reason)
        erase_unused_constants(op)
