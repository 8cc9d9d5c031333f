"""ONNX's Concat, and a Clip of reals that are not on a grid yet."""

from __future__ import annotations

import numpy as np
import pytest
from onnx_models import Model, nearest, op_names, random_bytes, real
from xdsl.utils.exceptions import DiagnosticException

SCALE, OTHER = 0.05, 0.08


@pytest.mark.parametrize(
    "shape, axis", [((1, 3, 4, 5), 1), ((1, 3, 4, 5), -1), ((2, 6), 1)]
)
def test_concat(shape: tuple[int, ...], axis: int):
    """The second part comes to the grid of the result; a Relu behind is a clamp."""
    x, y = random_bytes(1, *shape), random_bytes(2, *shape)
    model = Model()
    a = model.dequantize(model.input(shape, name="a"), SCALE, 3)
    b = model.dequantize(model.input(shape, name="b"), OTHER, -2)
    joined = model.node("Relu", model.node("Concat", a, b, axis=axis))
    model.output(model.quantize(joined, SCALE, 3))
    rescaled = nearest(y.astype(np.int64) + 2, real(OTHER) / real(SCALE), 3)
    expected = np.maximum(np.concatenate([x, rescaled], axis), 3)
    np.testing.assert_array_equal(model.run(x, y)[0], expected)


def test_concat_of_channels_is_one_layer():
    model = Model()
    a = model.dequantize(model.input((1, 3, 4, 5)), SCALE)
    pool = model.node("MaxPool", a, kernel_shape=[1, 1])
    other = model.node("MaxPool", a, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    joined = model.quantize(model.node("Concat", pool, other, axis=1), SCALE)
    model.output(joined)
    assert op_names(model.imported()) == [
        *("transpose", "max_pool2d", "max_pool2d", "concat", "transpose")
    ]


def test_concat_of_other_sizes_is_refused():
    model = Model()
    a = model.dequantize(model.input((1, 3, 4), name="a"), SCALE)
    b = model.dequantize(model.input((1, 3, 5), name="b"), SCALE)
    model.output(model.quantize(model.node("Concat", a, b, axis=1), SCALE))
    with pytest.raises(DiagnosticException, match="differ not only along axis 1"):
        model.imported()


def test_clip_of_reals():
    """Reals at the boundary are quantized, then limited."""
    model = Model()
    x = np.array([[-9, -1, -0.3, 0.4, 1.3, 9]], np.float32)
    bounds = [model.constant(np.float32(bound)) for bound in (-1, 1.5)]
    clip = model.node("Clip", model.input(x.shape, "float32"), *bounds)
    model.output(model.quantize(clip, 0.5, 1))
    np.testing.assert_array_equal(model.run(x)[0], [[-1, -1, 0, 2, 4, 4]])
