"""
ONNX's Concat: tensors behind one another, all brought to the grid of the result.
"""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.tinyml import ConcatOp
from tinyml.frontend.onnx_context import Context, Pending, Target
from tinyml.frontend.onnx_functions import regridded
from tinyml.frontend.onnx_values import (
    Constant,
    Quant,
    View,
    default_order,
    on_grid,
    permuted,
)
from tinyml.frontend.qdq_graph import Node


def import_concat(context: Context, node: Node) -> Pending:
    node.expect_attributes("axis")
    views = [
        value
        if isinstance(value := context.value(name), Constant)
        else context.quantized(name)[0]
        for name in node.inputs
    ]
    first = views[0].shape
    rank = len(first)
    axis = node.axis(node.integer("axis", 0), rank)
    for view in views:
        if len(view.shape) != rank or any(
            a != b for i, (a, b) in enumerate(zip(view.shape, first)) if i != axis
        ):
            raise node.refuse(
                f"shapes {list(first)} and {list(view.shape)} differ not only along "
                f"axis {axis}"
            )
    total = sum(view.shape[axis] for view in views)
    shape = (*first[:axis], total, *first[axis + 1 :])
    order = default_order(rank)

    def arranged(view: View | Constant, name: str, grid: Quant) -> SSAValue:
        if isinstance(view, Constant):
            array = np.ascontiguousarray(on_grid(view, grid).transpose(order))
            return context.constant_buffer("constant", array)
        view = regridded(context, view, f"{name} (rescaled)", grid)
        return context.arranged(view, order, name)

    def emit(target: Target) -> View:
        parts = [
            arranged(view, name, target.quant)
            for view, name in zip(views, node.inputs, strict=True)
        ]
        y = context.buffer(permuted(shape, order))
        layer = ConcatOp(parts, y, order.index(axis))
        buffer = context.add(layer, target.label)
        return context.clamped(View.of(buffer, order, "float32", target.quant), target)

    return Pending(node, shape, emit)
