"""Functions of one real, as tables: every int8 input against scalar arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx_models import Model, op_names

FUNCTIONS: dict[str, tuple[Callable[[float], Any], dict[str, float], int]] = {
    "Sigmoid": (lambda x: 1 / (1 + math.exp(-x)), {}, 13),
    "Tanh": (math.tanh, {}, 13),
    "HardSwish": (lambda x: x * min(max(x / 6 + 0.5, 0), 1), {}, 14),
    "HardSigmoid": (lambda x: min(max(0.25 * x + 0.5, 0), 1), {"alpha": 0.25}, 13),
    "LeakyRelu": (
        lambda x: np.float32(x) * np.float32(1 if x >= 0 else 0.2),
        {"alpha": 0.2},
        13,
    ),
    "Elu": (lambda x: x if x >= 0 else 2 * math.expm1(x), {"alpha": 2.0}, 13),
}


@pytest.mark.parametrize("op", FUNCTIONS)
def test_every_byte(op: str):
    function, attributes, opset = FUNCTIONS[op]
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    scale, target = np.float32(0.06), np.float32(0.031)
    model = Model(opset)
    source = model.dequantize(model.input(x.shape), float(scale), 5)
    y = model.node(op, source, **attributes)
    model.output(model.quantize(y, float(target), -3))
    reals = [function(float(scale) * (int(n) - 5)) for n in x.ravel()]
    # A quotient of singles is one.
    steps = np.array([np.rint(real / target.item()) for real in reals]) - 3
    expected = np.clip(steps, -128, 127).reshape(1, 256)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert op_names(model.imported()) == ["lookup"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("gate, slope", [("Sigmoid", 0.0), ("HardSigmoid", 0.25)])
def test_products_with_a_sigmoid(gate: str, slope: float, first: bool):
    """Swish and HardSwish as exporters spell them: one table, not a product of bytes."""
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    model = Model()
    source = model.dequantize(model.input(x.shape), 0.0625, 5)
    gates = model.node(gate, source, **({"alpha": slope} if slope else {}))
    factors = (gates, source) if first else (source, gates)
    model.output(model.quantize(model.node("Mul", *factors), 0.03125))
    reals = (x.astype(np.float64) - 5) * 0.0625
    sigmoids = np.clip(slope * reals + 0.5, 0, 1) if slope else 1 / (1 + np.exp(-reals))
    expected = np.clip(np.rint(reals * sigmoids * 32), -128, 127)
    np.testing.assert_array_equal(model.run(x)[0], expected)
    assert op_names(model.imported()) == ["lookup"]


def test_limits_are_part_of_the_table():
    x = np.arange(-128, 128).astype(np.int8).reshape(1, 256)
    model = Model()
    tanh = model.node("Tanh", model.dequantize(model.input(x.shape), 0.05))
    model.output(model.quantize(model.node("Relu", tanh), 1 / 128))
    assert op_names(model.imported()) == ["lookup"]
    expected = np.rint(np.maximum(np.tanh(x * np.float64(np.float32(0.05))), 0) * 128)
    np.testing.assert_array_equal(model.run(x)[0], np.minimum(expected, 127))
