"""A stage computes what its layers compute."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import MemRefType, i8
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.attributes import TensorAttr, WindowAttr
from tinyml.dialects.stage import Halo, StageOp
from tinyml.dialects.tinyml import AllocOp, MaxPool2DOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.convert_layers_to_loops import ConvertLayersToLoopsPass

IMAGE = MemRefType(i8, [1, 8, 8, 2])
SAME = WindowAttr.get([3, 3], pad=[1, 1, 1, 1])


def staged() -> NetworkBuilder:
    """Two pools of 3x3 pixels in a stage of 2x2 tiles."""
    builder = NetworkBuilder("main")
    x = builder.input([1, 8, 8, 2], i8, TensorAttr.get("x"))
    block = Block(arg_types=[IMAGE, IMAGE])
    middle = AllocOp(IMAGE)
    first = MaxPool2DOp(block.args[0], middle.buffer, SAME, (-128, 127))
    second = MaxPool2DOp(middle.buffer, block.args[1], SAME, (-128, 100))
    block.add_ops([middle, first, second])
    y = builder.buffer([1, 8, 8, 2], i8)
    stage = StageOp([x], y, (2, 2), (Halo.RECOMPUTE, Halo.RECOMPUTE), Region(block))
    builder.block.add_op(stage)
    return builder


def test_interpreter():
    builder = staged()
    (stage,) = (op for op in builder.block.ops if isinstance(op, StageOp))
    module = builder.finish([(stage.output, TensorAttr.get("y"))])
    module.verify()
    image = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 2), np.int8)
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-128)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (1, 2))
    expected = np.minimum(windows.max(axis=(-1, -2)), 100)
    np.testing.assert_array_equal(run_network(module, [image])[0], expected)


def test_loops_need_a_lowered_stage():
    builder = staged()
    (stage,) = (op for op in builder.block.ops if isinstance(op, StageOp))
    module = builder.finish([(stage.output, TensorAttr.get("y"))])
    with pytest.raises(PassFailedException, match=r"tinyml\.stage is not a layer"):
        ConvertLayersToLoopsPass().apply(Context(), module)
