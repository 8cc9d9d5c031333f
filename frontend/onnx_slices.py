"""
ONNX operators that take a part of a tensor: Slice, Split, Gather of one index.

A part of a constant is a constant; a part of an activation is a layer that copies it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyml.dialects.layer import buffer_type
from tinyml.dialects.tinyml import SliceOp
from tinyml.frontend.onnx_context import Context, Pending, Value
from tinyml.frontend.onnx_moves import reshaped
from tinyml.frontend.onnx_values import (
    Constant,
    View,
    default_order,
    expect_computable,
)
from tinyml.frontend.qdq_graph import Node


def import_slice(context: Context, node: Node) -> Value:
    node.expect_attributes()
    value = context.value(node.input(0))
    starts, ends = (context.integers(node.input(i)) for i in (1, 2))
    rank = len(value.shape)
    axes = context.integers(node.input(3)) if node.input(3) else range(len(starts))
    steps = context.integers(node.input(4)) if node.input(4) else (1,) * len(starts)
    given = {len(starts), len(ends), len(axes), len(steps), len(set(axes))}
    if len(given) != 1 or 0 in steps:
        raise node.refuse(
            f"starts {list(starts)}, ends {list(ends)}, axes {list(axes)} and steps "
            f"{list(steps)} do not fit one another"
        )
    places = [range(size) for size in value.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = node.axis(axis, rank)
        places[axis] = range(value.shape[axis])[start:end:step]
    return part(context, node, value, places, node.output)


def part(
    context: Context,
    node: Node,
    value: Value,
    places: Sequence[range],
    label: str,
) -> Value:
    """The elements at these places of each dimension."""
    if not all(places):
        raise node.refuse(f"a part of {list(value.shape)} is empty")
    shape = tuple(len(place) for place in places)
    match value:
        case Constant() if value.scale is None or value.scale.size == 1:
            return replace(value, array=value.array[np.ix_(*places)])
        case Constant():
            return Constant(value.name, value.real[np.ix_(*places)].astype(np.float32))
        case View():
            return sliced(context, value, places, label)
        case Pending():
            return value.moved(shape, lambda view: sliced(context, view, places, label))


def sliced(context: Context, view: View, places: Sequence[range], label: str) -> View:
    if all(len(place) == size for place, size in zip(places, view.shape)) and all(
        place.step > 0 for place in places
    ):
        return view
    order = default_order(len(places))
    x = context.arranged(view, order, label)
    arranged = [places[d] for d in order]
    y = context.builder.buffer(
        [len(place) for place in arranged], buffer_type(x).element_type
    )
    layer = SliceOp(
        x, y, [place[0] for place in arranged], [place.step for place in arranged]
    )
    return View.of(context.add(layer, label), order, view.element, view.quant)


def import_split(context: Context, node: Node) -> Value:
    """All results but the first get their values here."""
    node.expect_attributes("axis", "split", "num_outputs")
    value = context.value(node.input(0))
    if isinstance(value, Pending):
        value = context.view(node.input(0))
    axis = node.axis(node.integer("axis", 0), len(value.shape))
    size, count = value.shape[axis], len(node.outputs)
    if name := node.input(1):
        sizes = context.integers(name)
    else:
        most = -(-size // count)
        sizes = tuple(min(most, size - i * most) for i in range(count))
        sizes = node.integers("split", sizes)
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise node.refuse(
            f"parts of {list(sizes)} for {count} results of {size} along axis {axis}"
        )
    start, parts = 0, list[Value]()
    for length, name in zip(sizes, node.outputs, strict=True):
        places = [range(n) for n in value.shape]
        places[axis] = range(start, start + length)
        parts.append(part(context, node, value, places, name))
        start += length
    named = zip(node.outputs, parts, strict=True)
    context.values |= {name: value for name, value in named if name}
    return parts[0]


def import_gather(context: Context, node: Node) -> Value:
    """Any of a constant, or the elements at one index of an activation."""
    node.expect_attributes("axis")
    value, numbers = context.value(node.input(0)), context.constant(node.input(1)).array
    axis = node.axis(node.integer("axis", 0), len(value.shape))
    size = value.shape[axis]
    if numbers.dtype.kind not in "iu":
        raise node.refuse(f"indices are {numbers.dtype}, expected integers")
    if numbers.size and not -size <= numbers.min() <= numbers.max() < size:
        raise node.refuse(f"an index is not in [{-size}, {size - 1}]")
    if isinstance(value, Constant) and value.scale is None:
        expect_computable([*value.shape[:axis], numbers.size, *value.shape[axis + 1 :]])
        return Constant(node.output, np.take(value.array, numbers, axis))
    if numbers.size != 1:
        raise node.refuse(
            f"{numbers.size} indices into an activation, only one is supported"
        )
    index = int(numbers.ravel()[0]) % size
    places = [range(n) for n in value.shape]
    places[axis] = range(index, index + 1)
    shape = (*value.shape[:axis], *numbers.shape, *value.shape[axis + 1 :])
    return reshaped(part(context, node, value, places, node.output), shape)
