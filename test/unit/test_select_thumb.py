"""
Hot loops become functions, and these instructions, that compute the same: for the hot
loops of random layers, in the interpreter, with random memory.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from acle_forms import parse
from networks import Limits, lower, random_layer, seeds
from xdsl.dialects import func
from xdsl.dialects.builtin import MemRefType, ModuleOp

from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp
from tinyml.interp.run import run_function
from tinyml.interp.thumb import run_thumb
from tinyml.passes.pipelines import LOWERING
from tinyml.passes.select_thumb import THUMB

KERNELS = "tinyml-select-kernels{words=all},tinyml-overlap,tinyml-plan-memory"
PIPELINE = (
    f"{KERNELS},{LOWERING},tinyml-outline-hot-loops,tinyml-select-thumb,"
    "tinyml-thumb-schedule"
)
SMALL = Limits(size=6, channels=9, kernel=3)
ORIGIN, APART = 0x2000_0000, 0x10000


def arguments(function: func.FuncOp, rng: np.random.Generator) -> list[np.ndarray]:
    """Random memory for each argument, all of which are buffers."""
    found: list[np.ndarray] = []
    for argument in function.body.block.args:
        type = argument.type
        assert isinstance(type, MemRefType)
        dtype = numpy_dtype(type.element_type)
        data = rng.integers(0, 256, type.get_shape()[0] * dtype.itemsize, np.uint8)
        found.append(data.view(dtype))
    return found


def check(module: ModuleOp) -> int:
    """Compares each hot function with its instructions; returns their number."""
    functions = [op for op in module.ops if isinstance(op, func.FuncOp)]
    hot = [function for function in functions if THUMB in function.attributes]
    for function in hot:
        name = function.sym_name.data
        expected = arguments(function, np.random.default_rng(0))
        memory = {
            ORIGIN + number * APART: bytearray(array.tobytes())
            for number, array in enumerate(expected)
        }
        run_function(module, name, expected)
        run_thumb(module, f"{name}_thumb", list(memory), memory)
        for array, data in zip(expected, memory.values(), strict=True):
            np.testing.assert_array_equal(
                array.view(np.uint8), np.frombuffer(data, np.uint8)
            )
    return len(hot)


@pytest.mark.parametrize("kind", ["conv2d", "depthwise"])
def test_hot_loops_of_layers(kind: str):
    count = 0
    for seed in seeds(24):
        module, _ = random_layer(random.Random(seed), kind, SMALL)
        lowered = lower(module, PIPELINE)
        count += check(lowered)
        for op in lowered.ops:
            if isinstance(op, func.FuncOp) and "tinyml.hot" in op.attributes:
                assert THUMB in op.attributes, op
        assert sum(isinstance(op, ThumbFuncOp) for op in lowered.ops) <= 8
    assert count


FAR = """
func.func private @hot(
    %x: memref<SIZExi8, strided<[1], offset: ?>> {llvm.readonly},
    %y: memref<SIZExi8, strided<[1], offset: ?>>) attributes {tinyml.hot} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %turns = arith.constant TURNS : index
  %c4 = arith.constant -4 : index
  %last = arith.constant LAST : index
  scf.for %i = %c0 to %turns step %c1 {
    %0 = arith.muli %i, %c4 : index
    %at = arith.addi %0, %last : index
    %w = acle.load_word %x[%at] : memref<SIZExi8, strided<[1], offset: ?>>
    acle.store_word %w, %y[%at] : memref<SIZExi8, strided<[1], offset: ?>>
  }
  func.return
}
"""


@pytest.mark.parametrize("turns", [2, 1024, 1026, 2307])
def test_backwards_from_far_ahead(turns: int):
    """What a pointer is moved by at first may be in no instruction's reach."""
    numbers = {"SIZE": 4 * turns, "TURNS": turns, "LAST": 4 * turns - 4}
    text = FAR
    for name, number in numbers.items():
        text = text.replace(name, str(number))
    lowered = lower(parse(text), "tinyml-select-thumb,tinyml-thumb-schedule")
    assert check(lowered) == 1
