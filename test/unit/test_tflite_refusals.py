"""What the TFLite importer cannot do, and what it makes of damaged files: one line."""

from __future__ import annotations

import dataclasses
import math
import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tflite
from tflite_models import Model, small_network
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.frontend.tflite import import_tflite


@dataclass
class Conv:
    """A convolution of which a test spoils one thing."""

    weights: np.ndarray = field(default_factory=lambda: np.ones((3, 1, 1, 2), np.int8))
    scales: float | Sequence[float] | None = 0.5
    zeros: int | Sequence[int] = 0
    bias: np.ndarray | None = None
    x: dict[str, Any] = field(default_factory=dict[str, Any])
    y: dict[str, Any] = field(default_factory=dict[str, Any])
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    shape: tuple[int, ...] = (1, 2, 2, 3)

    @property
    def model(self) -> Model:
        model = Model()
        x = model.input((1, 2, 2, 2), **self.x)
        inputs = [x, model.constant(self.weights, self.scales, self.zeros)]
        if self.bias is not None:
            inputs.append(model.constant(self.bias))
        y = model.op("CONV_2D", inputs, self.shape, **self.y, **self.options)
        return model.output(y)


@pytest.mark.parametrize(
    "conv, says",
    [
        (Conv(weights=np.ones((3, 1, 1, 1), np.int8)), "divide into 2 groups"),
        (Conv(weights=np.ones((3, 1, 1, 4), np.int8)), "does not fit the input"),
        (Conv(weights=np.ones((3, 2), np.int8)), "filter"),
        (Conv(weights=np.ones((3, 1, 1, 2), np.int16)), "int16, supported are int8"),
        (Conv(zeros=1), "zero point other than 0"),
        (Conv(scales=[0.5, 0.5]), "2 filter scales for 3 output channels"),
        (Conv(scales=None), "0 filter scales"),
        (Conv(scales=math.inf), "not a finite number"),
        (Conv(scales=1e30, y={"scale": 1e-10}), "too large"),
        (Conv(bias=np.ones(3, np.int64)), "int64, supported are int32"),
        (Conv(bias=np.ones(2, np.int32)), "expected memref<3xi32>"),
        (Conv(x={"scale": None}), "0 scales, expected 1"),
        (Conv(x={"scale": [0.5, 0.25]}), "2 scales, expected 1"),
        (Conv(x={"scale": 0.0}), "scale 0.0 is not a positive number"),
        (Conv(x={"scale": math.nan}), "scale nan is not a positive number"),
        (Conv(x={"zero": 200}), "zero point 200"),
        (Conv(x={"type": "int16"}), "int16, supported are int8"),
        (Conv(y={"scale": -0.5}), "expected a positive number"),
        (Conv(y={"type": "uint8"}), "uint8, supported are int8"),
        (Conv(options={"StrideH": 0}), "below 1"),
        (Conv(options={"StrideW": -1}), "below 1"),
        (Conv(options={"DilationHFactor": 0}), "below 1"),
        (Conv(options={"FusedActivationFunction": 5}), "SIGN_BIT"),
        (Conv(options={"FusedActivationFunction": 100}), "activation 100"),
        (Conv(shape=(1, 1, 2, 3)), "output is 1x2"),
        (Conv(shape=(1, 0, 2, 3)), "non-empty"),
        (Conv(shape=()), "no shape"),
    ],
)
def test_convolution_that_is_refused(conv: Conv, says: str):
    with pytest.raises(DiagnosticException) as error:
        conv.model.imported()
    message = str(error.value)
    assert says in message
    assert "\n" not in message


def pool_on_two_grids(model: Model) -> int:
    size: dict[str, Any] = {"FilterHeight": 1, "FilterWidth": 1}
    return model.op(
        "MAX_POOL_2D", [model.input((1, 2, 2, 1))], (1, 2, 2, 1), 0.25, **size
    )


def softmax_on_its_own_grid(model: Model) -> int:
    return model.op("SOFTMAX", [model.input((1, 4))], (1, 4), 0.5)


def log_softmax_on_its_own_grid(model: Model) -> int:
    return model.op("LOG_SOFTMAX", [model.input((1, 4))], (1, 4), 1 / 16, 0)


def pad_by_an_activation(model: Model) -> int:
    x, pads = model.input((1, 4)), model.input((2, 2), None, type="int32")
    return model.op("PAD", [x, pads], (1, 4))


def sum_with_a_shape(model: Model) -> int:
    """Which is folded, to another type than the model says."""
    x = model.input((1, 4))
    size = model.op("SHAPE", [x], (2,))
    return model.op("ADD", [size, size], (2,))


def add_of_one(model: Model) -> int:
    return model.op("ADD", [model.input((1, 4))], (1, 4))


def reshape_to_another_size(model: Model) -> int:
    return model.op("RESHAPE", [model.input((1, 4))], (5,))


def reshape_to_another_type(model: Model) -> int:
    return model.op("RESHAPE", [model.input((1, 4))], (4,), type="uint8")


def transpose_by_no_permutation(model: Model) -> int:
    order = model.constant(np.array([0, 0], np.int32))
    return model.op("TRANSPOSE", [model.input((1, 4)), order], (1, 1))


def mean_of_no_axis(model: Model) -> int:
    axes = model.constant(np.array([7], np.int32))
    return model.op("MEAN", [model.input((1, 4)), axes], (1,))


def unwritten(model: Model) -> int:
    model.input((1, 4))
    return model.op("RESHAPE", [model.tensor((1, 4), name="ghost")], (4,))


def nothing_written(model: Model) -> int:
    model.input((1, 4))
    return model.tensor((1, 4), name="ghost")


def shuffled(model: Model) -> int:
    weights = model.constant(np.ones((2, 4), np.int8), 0.5)
    return model.op(
        "FULLY_CONNECTED", [model.input((1, 4)), weights], (1, 2), WeightsFormat=1
    )


def quantize_to_int16(model: Model) -> int:
    return model.op("QUANTIZE", [model.input((1, 4))], (1, 4), type="int16")


def reals(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def axes_that_are_reals(model: Model) -> int:
    return model.op("MEAN", [model.input((1, 4)), model.constant(reals(1))], (1,))


def places_that_are_reals(model: Model) -> int:
    parts = [model.constant(reals(0, n)) for n in (0, 2)]
    return model.op("SLICE", [model.input((1, 4)), *parts], (1, 2))


def two_axes_of_a_split(model: Model) -> int:
    axes = model.constant(np.array([0, 1], np.int32))
    return model.op("SPLIT", [axes, model.input((1, 4))], (1, 4), NumSplits=1)


def pads_of_half_a_dimension(model: Model) -> int:
    pads = model.constant(np.array([0, 0, 1], np.int32))
    return model.op("PAD", [model.input((1, 4)), pads], (1, 5))


def padding_of_another_type(model: Model) -> int:
    pads = model.constant(np.zeros((2, 2), np.int32))
    return model.op(
        "PADV2", [model.input((1, 4)), pads, model.constant(reals(0))], (4,)
    )


def parts_of_two_shapes(model: Model) -> int:
    model.input((1, 4))
    parts = [model.constant(np.zeros(n, np.int32)) for n in (1, 2)]
    return model.op("PACK", parts, (2, 2), None, type="int32", ValuesCount=2)


def matrix_of_no_dimensions(model: Model) -> int:
    weights = model.constant(np.array(1, np.int8), 0.5)
    return model.op("FULLY_CONNECTED", [model.input((1, 4)), weights], (1, 2))


def slopes_of_a_number(model: Model) -> int:
    slopes = model.constant(np.array([1], np.int8), 0.5)
    return model.op("PRELU", [model.input(()), slopes], (1,))


def mean_of_nothing(model: Model) -> int:
    axes = model.constant(np.array([1], np.int32))
    return model.op("MEAN", [model.input((1, 0)), axes], (1,))


def table_of_a_distant_zero_point(model: Model) -> int:
    return model.op("TANH", [model.input((1, 4), 0.5, 1 << 62)], (1, 4), 1 / 128)


def nine_dimensions(model: Model) -> int:
    return model.op("RESHAPE", [model.input([1] * 9)], (1,))


def input_of_three_gigabytes(model: Model) -> int:
    x = model.input((1, 3 << 28), None, type="float32")
    return model.op("QUANTIZE", [x], (1, 3 << 28))


def slopes_of_a_gigabyte(model: Model) -> int:
    slopes = model.constant(np.array([1], np.int8), 0.5)
    return model.op("PRELU", [model.input((1, 1 << 30)), slopes], (1, 1 << 30))


REFUSALS = [
    (pool_on_two_grids, "not quantized alike"),
    (softmax_on_its_own_grid, "expected 1/256 and -128"),
    (log_softmax_on_its_own_grid, "expected 1/16 and 127"),
    (pad_by_an_activation, "is not constant"),
    (sum_with_a_shape, "is int8, but folds to int32"),
    (add_of_one, "input 1 is missing"),
    (reshape_to_another_size, "differ in size"),
    (reshape_to_another_type, "uint8, supported are int8"),
    (transpose_by_no_permutation, "does not permute"),
    (mean_of_no_axis, "axis 7"),
    (unwritten, '"ghost" is not yet written'),
    (nothing_written, '"ghost" is written by no operator'),
    (shuffled, "shuffled"),
    (quantize_to_int16, "int16, supported are int8, uint8"),
    (axes_that_are_reals, "float32, supported are int32, int64"),
    (places_that_are_reals, "float32, supported are int32, int64"),
    (two_axes_of_a_split, "has 2 elements, expected 1"),
    (pads_of_half_a_dimension, "2 low and 1 high pads for 2 dimensions"),
    (padding_of_another_type, "is float32, supported are int8"),
    (parts_of_two_shapes, "the inputs differ in shape"),
    (matrix_of_no_dimensions, "filter [] is not a matrix"),
    (slopes_of_a_number, "shapes () and (1,) differ"),
    (mean_of_nothing, "memref<1x0xi8> is not a non-empty static shape"),
    (table_of_a_distant_zero_point, "expected one in [-128, 127]"),
    (nine_dimensions, "has 9 dimensions, at most 8 are supported"),
    (input_of_three_gigabytes, "3221225472 bytes, at most 2147483647"),
    (slopes_of_a_gigabyte, "1073741824 bytes, constants have at most 268435456"),
]


@pytest.mark.parametrize(
    "build, says", REFUSALS, ids=lambda x: getattr(x, "__name__", "")
)
def test_operator_that_is_refused(build: Any, says: str):
    model = Model()
    model.output(build(model))
    with pytest.raises(DiagnosticException) as error:
        model.imported()
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_tensor_written_twice():
    model = small_network()
    model.operators.append(model.operators[-1])
    with pytest.raises(DiagnosticException, match='"scores" is written twice'):
        model.imported()


def test_operator_without_options():
    model = small_network()
    model.operators[0] = dataclasses.replace(model.operators[0], options=None)
    with pytest.raises(DiagnosticException, match="options are missing"):
        model.imported()


@pytest.mark.parametrize("number", [-2, -1, 1000, 2**31 - 1])
def test_tensor_numbers_that_do_not_exist(number: int):
    for place in ("inputs", "outputs", "operator"):
        model = small_network()
        lists = {"inputs": model.inputs, "outputs": model.outputs}
        if place == "operator":
            spec = model.operators[0]
            wrong = dataclasses.replace(spec, outputs=[*spec.outputs, number])
            model.operators[0] = wrong
        else:
            lists[place].append(number)
        with pytest.raises(DiagnosticException, match=rf"tensor {number} of \d+"):
            model.imported()


# Damage


def damaged(data: bytes, generator: random.Random) -> bytes:
    """A few bytes, a word, a range, or the end of the file is not what it was."""
    changed = bytearray(data)
    match generator.randrange(4):
        case 0:
            for _ in range(generator.randint(1, 4)):
                changed[generator.randrange(len(data))] = generator.randrange(256)
        case 1:
            at = generator.randrange(len(data) // 4) * 4
            words = (0, 1, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
            changed[at : at + 4] = generator.choice(words).to_bytes(4, "little")
        case 2:
            start, end = sorted(generator.randrange(len(data)) for _ in range(2))
            changed[start:end] = bytes(end - start)
        case _:
            del changed[generator.randrange(len(data)) :]
    return bytes(changed)


def refusal(data: bytes) -> str | None:
    """What the importer says against a file, if anything."""
    try:
        import_tflite(data, "main").verify()
    except (DiagnosticException, VerifyException) as error:
        return str(error)
    return None


def largest_memory() -> int:
    """Bytes that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(seed: int):
    """A clean refusal or a valid network, in bounded time and memory."""
    generator, data = random.Random(seed), small_network().bytes
    start, memory = time.monotonic(), largest_memory()
    answers = [refusal(damaged(data, generator)) for _ in range(200)]
    refusals = [answer for answer in answers if answer is not None]
    assert 100 < len(refusals) < 200
    assert not any("\n" in answer for answer in refusals)
    assert largest_memory() - memory < 64 << 20
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("size", [-(1 << 31), -1, 0, (1 << 31) - 1])
def test_absurd_sizes(size: int):
    """Every dimension of every tensor in turn; nothing is allocated for them."""
    memory = largest_memory()
    specs = small_network().tensors
    for number, spec in enumerate(specs):
        for axis in range(len(spec.shape)):
            model = small_network()
            shape = list(spec.shape)
            shape[axis] = size
            model.tensors[number] = dataclasses.replace(spec, shape=shape)
            answer = refusal(model.bytes)
            assert answer is not None
            assert "\n" not in answer
    assert largest_memory() - memory < 64 << 20


def test_name_of_two_lines():
    """A name cannot end the line of a message that quotes it."""
    model = Model()
    x = model.input((1, 4), name="a\nb\x1b[31m\u2028")
    model.output(model.op("MEAN", [x, x], (1,)))
    assert r'"a\nb\x1b[31m\u2028" is int8' in (refusal(model.bytes) or "")


def test_clamp_on_a_very_fine_grid():
    """6 divided by the scale is no number of single precision; all bytes are below."""
    model = Model()
    x = model.input((1, 4), 1e-39)
    y = model.op("RELU6", [x], (1, 4), 1e-39)
    (found,) = model.output(y).run(np.array([[-128, -1, 0, 127]], np.int8))
    np.testing.assert_array_equal(found, [[0, 0, 0, 127]])


def test_options_outside_the_file():
    """Every number of an operator's options is read from the file or not at all."""
    data = small_network().bytes
    reader: Any = tflite.Model
    options = reader.GetRootAsModel(data, 0).Subgraphs(0).Operators(0).BuiltinOptions()
    slots = options.Pos - int.from_bytes(data[options.Pos :][:4], "little", signed=True)
    changed = bytearray(data)
    changed[slots + 4 : slots + 6] = (60000).to_bytes(2, "little")
    answer = refusal(bytes(changed)) or ""
    assert answer.startswith("the file is damaged (a field at 60000")
