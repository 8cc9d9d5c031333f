"""Which cause `tinyml diff` finds for layers that differ, and how it pairs layers."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from tflite_models import SAME, Model
from xdsl.dialects.builtin import ModuleOp

from tinyml.dialects.attributes import Rounding, RoundingAttr
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.load import parse_mlir
from tinyml.interp.run import run_network
from tinyml.tools.input_sets import input_sets
from tinyml.tools.layer_cause import (
    Observed,
    cause_of,
    cause_of_checksum,
    computed,
    layer_differences,
)
from tinyml.tools.layer_pairs import pair_layers
from tinyml.tools.network_trace import Key, Tensor, Trace

NETWORK = """
"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<2x3x3x2xi8>, initial_value = dense<[[[[3, -7], [12, 5], [-9, 4]], [[8, -2], [6, 11], [-5, 1]], [[7, 9], [-3, 2], [10, -8]]], [[[-4, 6], [5, -1], [2, 13]], [[9, 3], [-6, 7], [1, -12]], [[4, 8], [11, -10], [-2, 5]]]]> : tensor<2x3x3x2xi8>, constant}> : () -> ()
"memref.global"() <{sym_name = "r", sym_visibility = "private", type = memref<2x2xi32>, initial_value = dense<[[1234567890, -4], [1500000000, -5]]> : tensor<2x2xi32>, constant}> : () -> ()

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.conv2d ins(%x : memref<1x8x8x2xi8>) outs(%y : memref<1x8x8x2xi8>) weights @w requant @r window <[3, 3], pad = [1, 1, 1, 1]> zero_points [-3, 2] clamp [-128, 127] rounding double {tinyml.tensor = 7 : i64} loc("conv")
  func.return
}
"""


def parsed(text: str = NETWORK) -> ModuleOp:
    return parse_mlir(text.encode(), "network.mlir")


def observed(module: ModuleOp) -> Observed:
    """The layer on random inputs, which others compute as well."""
    (layer,) = layers(network_function(module))
    sets = [inputs.arrays for inputs in input_sets(module, 3)[3:]]
    mine = [run_network(module, arrays)[0] for arrays in sets]
    return Observed(layer, sets, mine, mine)


def with_other(seen: Observed, other: list[np.ndarray]) -> Observed:
    return Observed(seen.layer, seen.inputs, seen.mine, other)


def single(seen: Observed) -> list[np.ndarray]:
    return computed(seen, "rounding", RoundingAttr(Rounding.SINGLE))


def higher(seen: Observed) -> list[np.ndarray]:
    return [np.clip(a.astype(int) + 3, -128, 127).astype(np.int8) for a in seen.mine]


def clamped(seen: Observed) -> list[np.ndarray]:
    return [np.clip(array, -20, 90) for array in seen.mine]


def turned(seen: Observed) -> list[np.ndarray]:
    return [array[..., ::-1] for array in seen.mine]


def at_the_border(seen: Observed) -> list[np.ndarray]:
    found = [array.copy() for array in seen.mine]
    for array in found:
        array[:, 0] ^= np.arange(16, dtype=np.int8).reshape(8, 2) * 7
    return found


def stepped(seen: Observed) -> list[np.ndarray]:
    found = [array.copy() for array in seen.mine]
    for array in found:
        array[0, 3:5, 2:6] ^= 1
    return found


def scrambled(seen: Observed) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [
        generator.permuted(array.reshape(-1)).reshape(array.shape)
        for array in seen.mine
    ]


@pytest.mark.parametrize(
    "other, cause",
    [
        (single, "rounding: as single in place of double"),
        (higher, "zero point: all elements are +3, but for those at an end"),
        (clamped, "clamp to [-20, 90]"),
        (turned, "order of channels: 0 is 1, 1 is 0"),
        (
            at_the_border,
            "border: only elements differ whose windows reach into padding",
        ),
        (stepped, "perhaps rounding: 12 % of the elements differ, all by 1"),
        (scrambled, "unknown"),
    ],
)
def test_causes_are_found_in_numbers_alone(
    other: Callable[[Observed], list[np.ndarray]], cause: str
):
    seen = observed(parsed())
    assert cause_of(with_other(seen, other(seen))) == cause


def test_the_module_is_as_it_was():
    module = parsed()
    before = str(module)
    seen = observed(module)
    assert cause_of(with_other(seen, single(seen))).startswith("rounding")
    assert str(module) == before


@pytest.mark.parametrize(
    "old, new, difference",
    [
        (
            "clamp [-128, 127]",
            "clamp [-20, 90]",
            "clamp: array<i64: -20, 90>, was array<i64: -128, 127>",
        ),
        (
            "zero_points [-3, 2]",
            "zero_points [-3, 5]",
            "zero_points: array<i64: -3, 5>, was array<i64: -3, 2>",
        ),
        ("[12, 5]", "[12, 6]", "weights at [0, 0, 1, 1] is 6, was 5 (1 of 36 differ)"),
        (
            "1500000000",
            "1500000001",
            "requant at [1, 0] is 1500000001, was 1500000000 (1 of 4 differ)",
        ),
    ],
)
def test_attributes_that_differ_are_named(old: str, new: str, difference: str):
    (a,), (b,) = (
        layers(network_function(parsed(text)))
        for text in (NETWORK, NETWORK.replace(old, new))
    )
    assert layer_differences(a, b) == [difference]
    assert layer_differences(a, a) == []


def test_checksums_tell_the_rounding():
    seen = observed(parsed())
    expected = [zlib.crc32(array.tobytes()) for array in single(seen)]
    assert cause_of_checksum(seen, expected) == "rounding: as single in place of double"
    moved = [np.clip(a.astype(int) - 1, -128, 127).astype(np.int8) for a in seen.mine]
    expected = [zlib.crc32(array.tobytes()) for array in moved]
    assert cause_of_checksum(seen, expected) == "zero point: all elements are -1"
    assert cause_of_checksum(seen, [0] * len(expected)).startswith("unknown")


def trace(*tensors: tuple[Key, str, str, int]) -> Trace:
    return Trace(
        [],
        {
            key: Tensor(name, op, np.zeros(size, np.int8))
            for key, name, op, size in tensors
        },
    )


def test_layers_are_paired_by_number_then_name_then_order():
    a = trace(
        (("tinyml.tensor", 1), '"a"', "conv", 4),
        (("tinyml.tensor", 2), '"b"', "add", 4),
    )
    assert pair_layers(a, a).by == "number"
    b = trace((("name", "b"), '"b"', "add", 4), (("name", "c"), '"c"', "conv", 4))
    pairs = pair_layers(a, b)
    assert (pairs.by, pairs.only) == ("name", (1, 1))
    assert pairs.keys == [(("tinyml.tensor", 2), ("name", "b"))]
    c = trace(
        (("hint", "%0"), "%0", "pad", 9),
        (("hint", "%1"), "%1", "conv", 4),
        (("hint", "%2"), "%2", "add", 4),
    )
    pairs = pair_layers(a, c)
    assert (pairs.by, len(pairs.keys), pairs.only) == ("order", 2, (0, 1))


def test_references_of_outputs_and_of_checksums(tmp_path: Path, cli: Cli):
    """Files as `tinyml run` reads them."""
    model, file = tmp_path / "network.mlir", tmp_path / "reference.npz"
    model.write_text(NETWORK)
    module = parsed()
    inputs = np.stack([each.arrays[0] for each in input_sets(module, 2)])
    outputs = np.stack([run_network(module, [each])[0] for each in inputs])
    np.savez(file, inputs=inputs, tflm_outputs=outputs)
    told = cli("tinyml", "diff", model, "--reference", file)
    assert (told.status, told.out) == (0, "equal on 5 input sets: 1 outputs\n")
    checks = tmp_path / "network.layers.json"
    rows = [[[0, 7, zlib.crc32(output.tobytes())]] for output in outputs]
    checks.write_text(json.dumps({"crc": rows}))
    told = cli("tinyml", "diff", model, "--reference", checks, "--inputs", file)
    assert (told.status, told.out) == (0, "equal on 5 input sets: 1 layers\n")
    is_refusal(cli("tinyml", "diff", model, "--reference", checks), "--inputs FILE.npz")
    outputs[3, 0, 2, 1, 1] += 5
    np.savez(file, inputs=inputs, tflm_outputs=outputs)
    told = cli("tinyml", "diff", model, "--reference", file)
    assert told.status == 1
    assert 'different: output "y" at [0, 2, 1, 1] is ' in told.out
    assert "on input set 3" in told.out


def test_run_says_element_values_and_cause(tmp_path: Path, cli: Cli):
    """Of a network that was compiled with another rounding than its model has."""
    model = tmp_path / "network.mlir"
    model.write_text(NETWORK)
    told = cli(
        "tinyml", "compile", model, "-o", "net", "--target", "host", "--name", "net"
    )
    assert told.status == 0
    imported = tmp_path / "net" / "net.mlir"
    text = imported.read_text()
    imported.write_text(text.replace("rounding double", "rounding single"))
    told = cli(
        "tinyml", "run", "net", "--layers", "interpreter", "--json", "result.json"
    )
    assert told.status == 1
    found = json.loads((tmp_path / "result.json").read_text())["first_difference"]
    assert found["cause"] == "rounding: as double in place of single"
    assert abs(found["got"] - found["expected"]) == 1
    assert f" at {found['element']} is {found['got']}, expected" in told.err
    assert told.err.count("\n") == 1


def test_tflite_micro_is_optional(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
):
    model = tmp_path / "network.mlir"
    model.write_text(NETWORK)
    options = ("-o", "net", "--target", "host", "--name", "net")
    assert cli("tinyml", "compile", model, *options).status == 0
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    told = cli("tinyml", "run", "net", "--layers", "tflm", "--model", "x.tflite")
    is_refusal(told, "expected the package tflite-micro")


def test_tflite_micro_agrees(tmp_path: Path, cli: Cli):
    pytest.importorskip("tflite_micro", reason="TFLite Micro is not installed")
    network = Model()
    x = network.input((1, 6, 6, 2), 0.02, 3, name="image")
    numbers = np.random.default_rng(1)
    weights = network.constant(numbers.integers(-127, 128, (4, 3, 3, 2), np.int8), 0.01)
    bias = network.constant(np.arange(4, dtype=np.int32), 0.0002)
    operands = [x, weights, bias]
    y = network.op("CONV_2D", operands, (1, 6, 6, 4), 0.1, -8, Padding=SAME)
    y = network.op(
        "MAX_POOL_2D",
        [y],
        (1, 3, 3, 4),
        0.1,
        -8,
        FilterHeight=2,
        FilterWidth=2,
        StrideH=2,
        StrideW=2,
    )
    network.output(y)
    model = tmp_path / "small.tflite"
    model.write_bytes(network.bytes)
    options = ("-o", "net", "--target", "host", "--pipeline", "@reference")
    assert cli("tinyml", "compile", model, *options).status == 0
    run = ("tinyml", "run", "net", "--layers", "tflm")
    is_refusal(cli(*run), "expected --model FILE.tflite")
    told = cli(*run, "--model", model)
    assert told.status == 0, told.err
    assert "2 layers equal" in told.out
