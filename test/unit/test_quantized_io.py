"""
`tinyml-quantized-io`: what is left computes what the whole network computed inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tflite_models import Model, only_layers, op_names, random_int8
from xdsl.context import Context
from xdsl.dialects.builtin import FloatAttr, ModuleOp

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import network_function, network_inputs, network_outputs
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network
from tinyml.passes.quantized_io import QuantizedIOPass

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"


def without_boundary(module: ModuleOp) -> ModuleOp:
    inner = module.clone()
    QuantizedIOPass().apply(Context(), inner)
    inner.verify()
    return inner


def inside(module: ModuleOp, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What every layer of a network writes, in order."""
    found: list[np.ndarray] = []

    def record(op: LayerOp, value: np.ndarray) -> None:
        found.append(value.copy())

    run_network(module, inputs, record)
    return found


def ports(module: ModuleOp) -> tuple[list[str], list[str]]:
    function = network_function(module)
    return (
        [f"{p.value.type} {p.tensor}" for p in network_inputs(function)],
        [f"{p.value.type} {p.tensor}" for p in network_outputs(function)],
    )


def permutation(model: Model, *order: int) -> int:
    return model.constant(np.array(order, np.int32))


def doubled(model: Model, x: int, shape: Sequence[int]) -> int:
    """A layer in the middle that is no boundary."""
    return model.op("ADD", [x, x], shape, 0.25, 3)


def test_float_boundary():
    model = Model()
    x = model.input((1, 8), None, 0, "float32", name="x")
    y = doubled(model, model.op("QUANTIZE", [x], (1, 8), 0.125, -5), (1, 8))
    model.output(model.op("DEQUANTIZE", [y], (1, 8), None, type="float32", name="y"))
    whole = model.imported()
    inner = without_boundary(whole)
    assert op_names(inner) == ["add"]
    assert ports(inner) == (
        ['memref<1x8xi8> #tinyml.tensor<"x", 1.250000e-01 : -5>'],
        ['memref<1x8xi8> #tinyml.tensor<"y", 2.500000e-01 : 3>'],
    )
    reals = np.random.default_rng(1).uniform(-20, 20, (1, 8)).astype(np.float32)
    quantized, total, _ = inside(whole, [reals])
    assert np.array_equal(run_network(inner, [quantized])[0], total)


def test_transposed_float_boundary():
    """NCHW floats outside, NHWC bytes inside."""
    model = Model()
    nchw, nhwc = (1, 3, 2, 4), (1, 2, 4, 3)
    x = model.input(nchw, None, 0, "float32", name="x")
    order = permutation(model, 0, 2, 3, 1)
    y = model.op("TRANSPOSE", [x, order], nhwc, None, type="float32")
    y = doubled(model, model.op("QUANTIZE", [y], nhwc, 0.125, -5), nhwc)
    y = model.op("DEQUANTIZE", [y], nhwc, None, type="float32")
    back = permutation(model, 0, 3, 1, 2)
    y = model.op("TRANSPOSE", [y, back], nchw, None, type="float32", name="y")
    whole = model.output(y).imported()
    inner = without_boundary(whole)
    assert op_names(inner) == ["add"]
    assert ports(inner) == (
        ['memref<1x2x4x3xi8> #tinyml.tensor<"x", 1.250000e-01 : -5>'],
        ['memref<1x2x4x3xi8> #tinyml.tensor<"y", 2.500000e-01 : 3>'],
    )
    reals = np.random.default_rng(2).uniform(-20, 20, nchw).astype(np.float32)
    _, quantized, total, *_ = inside(whole, [reals])
    assert np.array_equal(run_network(inner, [quantized])[0], total)


def test_unsigned_boundary():
    """Bytes from 0 on outside, int8 inside; the scale follows the factor."""
    model = Model()
    x = model.input((1, 4), 0.5, 128, "uint8", name="x")
    y = doubled(model, model.op("QUANTIZE", [x], (1, 4), 0.125, 7), (1, 4))
    y = model.op("QUANTIZE", [y], (1, 4), 0.5, 100, type="uint8", name="y")
    whole = model.output(y).imported()
    inner = without_boundary(whole)
    assert op_names(inner) == ["add"]
    assert ports(inner) == (
        ['memref<1x4xi8> #tinyml.tensor<"x", 1.250000e-01 : 7>'],
        ['memref<1x4xi8> #tinyml.tensor<"y", 2.500000e-01 : 3>'],
    )
    values = random_int8(3, 1, 4).view(np.uint8)
    quantized, total, _ = inside(whole, [values])
    assert np.array_equal(run_network(inner, [quantized])[0], total)


@pytest.mark.parametrize("shape, is_dropped", [((1, 2, 4, 1), True), ((1, 8), False)])
def test_reshape_that_only_moves_ones(shape: tuple[int, ...], is_dropped: bool):
    """With one channel a change of layout is a reshape; other reshapes stay."""
    model = Model()
    x = model.input((1, 1, 2, 4), None, 0, "float32", name="x")
    y = model.op("QUANTIZE", [x], (1, 1, 2, 4), 0.125, -5)
    y = doubled(model, model.op("RESHAPE", [y], shape, 0.125, -5), shape)
    y = model.op("RESHAPE", [y], (1, 1, 2, 4), 0.25, 3)
    y = model.op("DEQUANTIZE", [y], (1, 1, 2, 4), None, type="float32", name="y")
    whole = model.output(y).imported()
    inner = without_boundary(whole)
    kept = ["add"] if is_dropped else ["reshape", "add", "reshape"]
    assert op_names(inner) == kept
    outside = "1x2x4x1" if is_dropped else "1x1x2x4"
    assert ports(inner) == (
        [f'memref<{outside}xi8> #tinyml.tensor<"x", 1.250000e-01 : -5>'],
        [f'memref<{outside}xi8> #tinyml.tensor<"y", 2.500000e-01 : 3>'],
    )
    reals = np.random.default_rng(4).uniform(-9, 9, (1, 1, 2, 4)).astype(np.float32)
    _, quantized, total, *_ = inside(whole, [reals])
    (got,) = run_network(inner, [quantized])
    assert np.array_equal(got.reshape(shape), total)


def test_network_without_a_boundary_stays():
    model = Model()
    x = model.input((1, 4), 0.125, 0)
    whole = model.output(doubled(model, x, (1, 4))).imported()
    assert str(without_boundary(whole)) == str(whole)


def test_input_that_other_layers_read_stays():
    """The float is needed as it is: for a second output."""
    model = Model()
    x = model.input((1, 4), None, 0, "float32", name="x")
    y = doubled(model, model.op("QUANTIZE", [x], (1, 4), 0.125, 0), (1, 4))
    flat = model.op("RESHAPE", [x], (4,), None, type="float32")
    whole = model.output(y, flat).imported()
    assert str(without_boundary(whole)) == str(whole)


def test_output_whose_source_others_read():
    """What the output is made of becomes the output, and stays readable."""
    model = Model()
    x = model.input((1, 4), 0.125, 0, name="x")
    y = doubled(model, x, (1, 4))
    real = model.op("DEQUANTIZE", [y], (1, 4), None, type="float32")
    whole = model.output(real, doubled(model, y, (1, 4))).imported()
    inner = without_boundary(whole)
    tensor = network_outputs(network_function(inner))[0].tensor
    assert isinstance(tensor.scale, FloatAttr)
    values = random_int8(5, 1, 4)
    reals, rest = run_network(whole, [values])
    bytes, same = run_network(inner, [values])
    centred = (bytes.astype(np.int32) - tensor.zero_point.data).astype(np.float32)
    assert np.array_equal(centred * np.float32(tensor.scale.value.data), reals)
    assert np.array_equal(rest, same)


def test_nothing_but_a_boundary():
    """From input to output directly: there is no tensor inside."""
    model = Model()
    x = model.input((1, 4), None, 0, "float32")
    whole = model.output(model.op("QUANTIZE", [x], (1, 4), 0.5)).imported()
    assert str(without_boundary(whole)) == str(whole)


def test_one_boundary_behind_both_ends():
    """The last tensor inside becomes the input, so the output keeps its layer."""
    model = Model()
    x = model.input((1, 4), None, 0, "float32", name="x")
    y = model.op("QUANTIZE", [x], (1, 4), 0.5, 1)
    y = model.op("DEQUANTIZE", [y], (1, 4), None, type="float32", name="y")
    whole = model.output(y).imported()
    inner = without_boundary(whole)
    assert op_names(inner) == ["dequantize"]
    reals = np.array([[1.0, -3.0, 0.25, 99.0]], np.float32)
    quantized, result = inside(whole, [reals])
    assert np.array_equal(run_network(inner, [quantized])[0], result)


def test_twice_is_once():
    whole = load_model(DIGITS)
    once = without_boundary(whole)
    assert str(without_boundary(once)) == str(once)


def test_digits():
    """A network from PyTorch: what it gives between its ends, bit by bit."""
    whole = load_model(DIGITS)
    inner = without_boundary(whole)
    names = [op.name for op in only_layers(inner)]
    assert "tinyml.quantize" not in names
    assert "tinyml.dequantize" not in names
    (x,), (y,) = ports(inner)
    assert x.startswith("memref<1x8x8x1xi8>")
    assert "xi8> " in y
    dropped = len(only_layers(whole)) - len(names)
    first = next(i for i, op in enumerate(only_layers(whole)) if op.name == names[0])
    image = np.random.default_rng(6).uniform(-1, 1, (1, 1, 8, 8)).astype(np.float32)
    values = inside(whole, [image])
    (got,) = run_network(inner, [values[first - 1]])
    last = values[first + len(names) - 1]
    assert dropped >= 2
    assert np.array_equal(got.reshape(-1), last.reshape(-1))
