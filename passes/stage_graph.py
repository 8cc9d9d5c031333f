"""
Layers of a network as the graph that `geometry.py` computes with.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.layer_format import POINTWISE
from tinyml.dialects.pooling import gathers
from tinyml.dialects.resizing import ResizeBilinearOp, ResizeNearestOp
from tinyml.dialects.views import root
from tinyml.interp.moving import modes, nearest_places
from tinyml.interp.resampling import bilinear_taps
from tinyml.passes.geometry import Reach, StageGraph, StageLayer, TableReach


def reach_of(layer: LayerOp, index: int) -> tuple[Reach, Reach] | None:
    """
    Which rows and columns of an input a layer needs for those that it makes; a layer
    that gathers a whole image looks at one pixel at a time. None if that is not how
    its output is made.
    """
    if gathers(layer):
        return POINTWISE
    if isinstance(layer, ResizeNearestOp):
        rows, columns = nearest_places(layer)
        return table_reach(rows, rows), table_reach(columns, columns)
    if isinstance(layer, ResizeBilinearOp):
        sizes = zip(shape(layer.input)[1:3], shape(layer.output)[1:3], strict=True)
        rows, columns = (bilinear_taps(*size, *modes(layer)) for size in sizes)
        return (
            table_reach(rows[:, :2].min(1), rows[:, :2].max(1)),
            table_reach(columns[:, :2].min(1), columns[:, :2].max(1)),
        )
    return layer.access(index)


def table_reach(first: np.ndarray, last: np.ndarray) -> TableReach:
    return TableReach(tuple(first.tolist()), tuple((last + 1).tolist()))


def is_spatial(layer: LayerOp) -> bool:
    """Whether rows and columns of the output are made of rows and columns of inputs."""
    return len(shape(layer.layer_output)) == 4 and all(
        layer.is_spatial(index) for index in range(len(layer.layer_inputs))
    )


def spatial_prefix(layers: Iterable[LayerOp]) -> list[LayerOp]:
    """The layers up to the first one that is not spatial, or whose input is a view."""
    found: list[LayerOp] = []
    for layer in layers:
        plain = all(root(value) is value for value in layer.operands)
        if not is_spatial(layer) or not plain:
            break
        found.append(layer)
    return found


def stage_graph(layers: Iterable[LayerOp]) -> tuple[StageGraph, dict[SSAValue, int]]:
    """
    The graph of spatial layers, and the number of each buffer in it. A last layer that
    gathers a whole image counts as one that makes an image of that size: it runs once
    for each of its pixels.
    """
    numbers: dict[SSAValue, int] = {}
    sizes: dict[int, tuple[int, int]] = {}

    def number(value: SSAValue, like: SSAValue) -> int:
        if value not in numbers:
            _, rows, columns, _ = shape(like)
            sizes[len(numbers)] = rows, columns
            numbers[value] = len(numbers)
        return numbers[value]

    found: list[StageLayer] = []
    for layer in layers:
        inputs: list[tuple[int, tuple[Reach, Reach] | None]] = []
        for index, value in enumerate(layer.layer_inputs):
            if len(shape(value)) == 4:
                reach = reach_of(layer, index)
                inputs.append((number(value, value), reach))
        target = layer.layer_output
        output = number(target, layer.layer_inputs[0] if gathers(layer) else target)
        pixels = prod(sizes[output])
        found.append(StageLayer(output, tuple(inputs), layer.macs() // pixels))
    return StageGraph(tuple(found), sizes), numbers
