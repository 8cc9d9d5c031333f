"""
Compares the layers of a network with what the tensors of its model should be, each layer
on the model's own inputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.tinyml import (
    DequantizeOp,
    PadOp,
    QuantizeOp,
    ReshapeOp,
    TransposeOp,
)
from tinyml.interp.run import run_network

MOVES = (DequantizeOp, PadOp, ReshapeOp, TransposeOp)
"""Layers that have no tensor of their own in the model."""


@dataclass(frozen=True)
class Difference:
    """A layer, and where in its model's tensor what numbers were found."""

    name: str
    places: tuple[np.ndarray, ...]
    found: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Followed:
    """A run of a network whose layers are all given a model's numbers."""

    compared: int
    differences: list[Difference]
    checksums: dict[int, int]
    """Of what others read, by the layers' positions."""
    outputs: list[np.ndarray]


def follow(
    module: ModuleOp,
    x: np.ndarray,
    tensors: Mapping[str, np.ndarray],
    given: Mapping[str, np.ndarray] | None = None,
) -> Followed:
    """
    Runs a network of layers in the interpreter. `tensors` has what each layer should
    compute, by its name, NCHW. Others read what is `given` instead, by default the
    same.
    """
    given = tensors if given is None else given
    order = {op: i for i, op in enumerate(layers(network_function(module)))}
    # Of layers with one name, such as a move and what brings it to a grid, the last.
    last = {layer_name(op): op for op in order}
    differences: list[Difference] = []
    checksums: dict[int, int] = {}
    compared = 0

    def after(op: LayerOp, value: np.ndarray) -> None:
        nonlocal compared
        expected = tensors.get(layer_name(op))
        if expected is None or last[layer_name(op)] is not op:
            assert isinstance(op, MOVES), f"{op.name} {layer_name(op)} is not compared"
        else:
            found = tensor_of(op, value, expected.shape)
            if (places := np.nonzero(found != expected))[0].size:
                pair = found[places], expected[places]
                differences.append(Difference(layer_name(op), places, *pair))
            found[...] = given[layer_name(op)]
            compared += expected.size
        checksums[order[op]] = zlib.crc32(value.tobytes())

    outputs = run_network(module, [x], after)
    return Followed(compared, differences, checksums, outputs)


def tensor_of(op: LayerOp, value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A layer's result as its model lays it out; writing to it writes the result."""
    if len(shape) != 4 or isinstance(op, QuantizeOp):
        view = value.reshape(shape)
    else:
        batch, channels, height, width = shape
        view = value.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
    assert np.shares_memory(view, value)
    return view
