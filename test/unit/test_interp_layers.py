"""The NumPy semantics of every layer against one number after another."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    LAYER_INPUTS,
    STABLE,
    Limits,
    lower_to_calls,
    random_inputs,
    random_layer,
)
from scalar_reference import run_layer
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects.attributes import Rounding, TensorAttr
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import network_function
from tinyml.dialects.tinyml import FullyConnectedOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network

RANDOMS = st.randoms(use_true_random=False)


def layer_inputs(
    module: ModuleOp, layer: LayerOp, inputs: list[np.ndarray]
) -> list[np.ndarray]:
    """The arrays that a network's only layer reads; it may read one twice."""
    arguments: list[SSAValue] = [*network_function(module).body.block.args]
    return [inputs[arguments.index(value)] for value in layer.layer_inputs]


@pytest.mark.parametrize("kind", LAYER_INPUTS)
@settings(STABLE, max_examples=40)
@given(r=RANDOMS)
def test_layer(kind: str, r: random.Random):
    module, layer = random_layer(r, kind, Limits(size=6, channels=4, kernel=5))
    inputs = random_inputs(r, module)
    (found,) = run_network(module, inputs)
    expected = run_layer(layer, layer_inputs(module, layer, inputs))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


def test_inputs_are_counted():
    module, _ = random_layer(random.Random(1), "conv2d")
    with pytest.raises(ValueError, match="0 inputs for a network of 1"):
        run_network(module, [])


def test_hook_sees_what_a_layer_wrote():
    module, layer = random_layer(random.Random(1), "conv2d")
    seen: list[tuple[object, np.ndarray]] = []
    inputs = random_inputs(random.Random(1), module)
    (output,) = run_network(module, inputs, lambda op, y: seen.append((op, y.copy())))
    ((op, array),) = seen
    assert op is layer
    np.testing.assert_array_equal(array, output)


def test_inputs_are_not_written():
    module, _ = random_layer(random.Random(1), "conv2d")
    inputs = random_inputs(random.Random(1), module)
    for array in inputs:
        array.flags.writeable = False
    run_network(module, inputs)


def test_network_is_the_function_with_ports():
    module, _ = random_layer(random.Random(1), "conv2d")
    module.body.block.add_op(func.FuncOp.external("other", [], []))
    run_network(module, random_inputs(random.Random(1), module))


@pytest.mark.parametrize(
    "rounding, expected",
    [(Rounding.DOUBLE, -128), (Rounding.SINGLE, 127), (Rounding.EVEN, 127)],
)
def test_zero_point_beyond_int32(rounding: Rounding, expected: int):
    # The accumulator is 2^31 - 1, the factor nearly 1: gemmlowp's sum wraps.
    builder = NetworkBuilder("main")
    x = builder.input([1, 1], i8, TensorAttr.get("x"))
    y = builder.buffer([1, 1], i8)
    most = (1 << 31) - 1
    constants = {
        "weights": np.zeros((1, 1), np.int8),
        "bias": np.array([most], np.int32),
        "requant": np.array([[most, 0]], np.int32),
    }
    for name, array in constants.items():
        builder.constant(name, array)
    quantization = [0, 100], [-128, 127], rounding
    layer = FullyConnectedOp(x, y, "weights", "bias", "requant", *quantization)
    builder.layer(layer, "y")
    module = builder.finish([(y, TensorAttr.get("y"))])
    inputs = [np.zeros((1, 1), np.int8)]
    assert run_layer(layer, inputs).tolist() == [[expected]]
    for level in (module, lower_to_calls(module)):
        assert run_network(level, inputs)[0].tolist() == [[expected]]
