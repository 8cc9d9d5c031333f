"""Copies by words equal the interpreter, in C and on a simulated core."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_networks import check_on_core
from host_library import HostLibrary
from networks import Limits, append, lower, random_inputs, random_layer, seeds
from xdsl.dialects.builtin import ModuleOp, i8

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.moving import ConcatOp, PadOp, ReshapeOp, SliceOp, TransposeOp
from tinyml.dialects.resizing import ResizeNearestOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.loops.moves import Line, Move, strides

KINDS = ("concat", "pad", "reshape", "resize", "slice", "transpose")
LIMITS = Limits(size=9, channels=37)


def moved(layer: str) -> ModuleOp:
    """Layers that move long runs, and short ones, and single elements."""
    b = NetworkBuilder("main")
    x = b.input([1, 6, 5, 43], i8, TensorAttr.get("x"))

    def make(size: list[int], layer: Callable[..., LayerOp], *more: object) -> ModuleOp:
        y = b.buffer(size, i8)
        append(b, layer(x, y, *more))
        return b.finish([(y, TensorAttr.get("y"))])

    match layer:
        case "pad":
            places = [0, 1, 2, 0], [0, 0, 1, 3]
            return make([1, 7, 8, 46], PadOp, *places, -77)
        case "reshape":
            return make([5, 43, 6], ReshapeOp)
        case "resize":
            return make([1, 12, 15, 43], ResizeNearestOp)
        case "slice":
            return make([1, 4, 2, 40], SliceOp, [0, 1, 4, 2], [1, 1, -2, 1])
        case "transpose":
            return make([43, 1, 5, 6], TransposeOp, [3, 0, 2, 1])
        case _:
            z = b.input([1, 6, 5, 8], i8, TensorAttr.get("z"))
            y = b.buffer([1, 6, 5, 51], i8)
            append(b, ConcatOp([x, z], y, 3))
            return b.finish([(y, TensorAttr.get("y"))])


@pytest.mark.parametrize("kind", KINDS)
def test_layers(kind: str, tmp_path: Path):
    modules = {
        f"{kind}_{seed}": random_layer(random.Random(f"move {seed}"), kind, LIMITS)[0]
        for seed in seeds(24)
    }
    lowered = {name: lower(module, "@default") for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        inputs = random_inputs(random.Random(name), module)
        expected = run_network(module, inputs)
        for a, b in zip(library.run(name, inputs), expected, strict=True):
            np.testing.assert_array_equal(a, b, name, strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_core(kind: str, tmp_path: Path):
    assert check_on_core(moved(kind), tmp_path)


def test_joined():
    rows = (Line(3, 20, 40), Line(4, 5, 10), Line(1, 9, 9), Line(5, 1, 1))
    assert Move(rows).joined.lines == (Line(12, 5, 10), Line(5, 1, 1))
    assert Move((Line(6, 4, 4), Line(4, 1, 1))).joined.lines == (Line(24, 1, 1),)
    assert strides([2, 3, 4]) == [12, 4, 1]
