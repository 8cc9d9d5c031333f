"""
ONNX's Resize: maps of another height and width, made of the nearest elements.

Which element is the nearest is computed in single precision, as onnxruntime does.
Interpolation is refused: onnxruntime sums it in single precision, and ties, of which it
has many, fall as that rounds.
"""

from __future__ import annotations

import numpy as np

from tinyml.dialects.tinyml import ResizeNearestOp
from tinyml.frontend.onnx_context import Context
from tinyml.frontend.onnx_values import (
    NHWC,
    View,
)
from tinyml.frontend.onnx_window import with_row, without_row
from tinyml.frontend.qdq_graph import Node, Shape
from tinyml.interp.resampling import nearest_indices

ATTRIBUTES = (
    *("antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a"),
    *("exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy"),
    *("mode", "nearest_mode", "rows", "columns"),
)
LARGEST_MAP = 1 << 12
"""Rows or columns, each of which may be listed."""

F32 = np.float32
HALF = F32(0.5)


def import_resize(context: Context, node: Node) -> View:
    node.expect_attributes(*ATTRIBUTES)
    view = context.view(node.input(0))
    if len(view.shape) not in (3, 4) or (view.element == "float32" and not view.quant):
        raise node.refuse(
            f"input {list(view.shape)} of {view.element}: only quantized maps of one "
            "or two dimensions are supported"
        )
    if "rows" in node.attributes:
        return repeated(context, node, view)
    sizes, scales = new_sizes(context, node, view.shape)
    if flat := len(view.shape) == 3:
        view = view.reshaped(with_row(view.shape))
        sizes, scales = with_row(sizes), [*scales[:2], F32(1), *scales[2:]]
    if sizes[:2] != view.shape[:2]:
        raise node.refuse(
            f"{list(view.shape)} becomes {list(sizes)}: only the height "
            "and the width may change"
        )
    if min(sizes) < 1:
        raise node.refuse(f"the new sizes are {list(sizes)}")
    if max(sizes[2:]) > LARGEST_MAP:
        raise node.refuse(f"the new sizes are {list(sizes)}, at most {LARGEST_MAP}")
    rows, columns = (
        nearest_places(node, view.shape[i], sizes[i], scales[i]) for i in (2, 3)
    )
    result = picked(context, node, view, rows, columns)
    return result.reshaped(without_row(result.shape)) if flat else result


def repeated(context: Context, node: Node, view: View) -> View:
    """A Resize that is not ONNX's: `rows` and `columns` say where elements are."""
    if len(view.shape) != 4:
        raise node.refuse(f"input {list(view.shape)}, expected four dimensions")
    rows, columns = (np.array(node.integers(key, ())) for key in ("rows", "columns"))
    return picked(context, node, view, rows, columns)


def picked(
    context: Context, node: Node, view: View, rows: np.ndarray, columns: np.ndarray
) -> View:
    """These rows and columns of a map."""
    if max(rows.size, columns.size) > LARGEST_MAP:
        raise node.refuse(
            f"{rows.size} rows and {columns.size} columns, at most {LARGEST_MAP}"
        )
    x = context.arranged(view, NHWC, node.input(0))
    y = context.buffer((view.shape[0], rows.size, columns.size, view.shape[1]))
    for modes in ((False, False), (False, True), (True, False)):
        usual = (
            nearest_indices(size, places.size, *modes)
            for size, places in zip(view.shape[2:], (rows, columns), strict=True)
        )
        if all(map(np.array_equal, usual, (rows, columns))):
            layer = ResizeNearestOp(x, y, *modes)
            break
    else:
        places = rows.tolist(), columns.tolist()
        layer = ResizeNearestOp(x, y, rows=places[0], columns=places[1])
    return View.of(context.add(layer, node.output), NHWC, view.element, view.quant)


def new_sizes(
    context: Context, node: Node, shape: Shape
) -> tuple[Shape, list[np.float32]]:
    """The new sizes of all dimensions, and by what each is multiplied."""
    if node.integer("antialias", 0):
        raise node.refuse("antialias is not supported")
    if (policy := node.text("keep_aspect_ratio_policy", "stretch")) != "stretch":
        raise node.refuse(f"keep_aspect_ratio_policy {policy} is not supported")
    rank = len(shape)
    axes = [node.axis(axis, rank) for axis in node.integers("axes", range(rank))]
    sizes, scales = list(shape), [F32(1)] * rank
    if node.input(3):
        given = context.integers(node.input(3))
    else:
        given = context.constant(node.input(2)).real.ravel()
    if len(given) != len(axes):
        raise node.refuse(f"{len(given)} sizes or scales for {len(axes)} dimensions")
    if not all(0 < number < 1 << 26 for number in given):
        raise node.refuse(f"a size or scale of {list(given)} is out of range")
    for axis, number in zip(axes, given, strict=True):
        if node.input(3):
            sizes[axis], scales[axis] = int(number), F32(number) / F32(shape[axis])
        else:
            scales[axis] = F32(number)
            sizes[axis] = int(np.floor(F32(shape[axis]) * F32(number)))
    return tuple(sizes), scales


def nearest_places(
    node: Node, size: int, outputs: int, scale: np.float32
) -> np.ndarray:
    """The input index of each output index along one axis."""
    if scale == 1:
        return np.arange(outputs)
    if (mode := node.text("mode", "nearest")) != "nearest":
        raise node.refuse(
            f"mode {mode} is not supported, only nearest: interpolation in single "
            "precision has no exact equal"
        )
    places = coordinates(node, size, outputs, scale)
    match rounding := node.text("nearest_mode", "round_prefer_floor"):
        case "round_prefer_floor":
            found = np.ceil(places - HALF)
        case "floor":
            found = np.floor(places)
        case "ceil":
            found = np.ceil(places)
        case _:
            raise node.refuse(
                f"nearest_mode {rounding} is not supported, only round_prefer_floor, "
                "floor, ceil"
            )
    return np.clip(found.astype(np.int64), 0, size - 1)


def coordinates(node: Node, size: int, outputs: int, scale: np.float32) -> np.ndarray:
    """Where each output lies in the input, in single precision."""
    numbers = np.arange(outputs, dtype=np.float32)
    match mode := node.text("coordinate_transformation_mode", "half_pixel"):
        case "asymmetric":
            return numbers / scale
        case "half_pixel":
            return (numbers + HALF) / scale - HALF
        case "pytorch_half_pixel" if outputs > 1:
            return (numbers + HALF) / scale - HALF
        case "align_corners" if outputs > 1:
            return numbers * F32(size - 1) / F32(outputs - 1)
        case "pytorch_half_pixel" | "align_corners":
            return numbers
        case _:
            raise node.refuse(
                f"coordinate_transformation_mode {mode} is not supported, only "
                "asymmetric, half_pixel, pytorch_half_pixel, align_corners"
            )
