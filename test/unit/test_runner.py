"""
`tinyml run`: its JSON, what it compares, what it measures, and what it refuses; and the
report that `tinyml compile` leaves for it.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from tflite_models import Model, random_int8, small_network

from tinyml.backend import runner
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network

SETS = 3


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small network for cortex-m4, with inputs and outputs of three sets."""
    from tinyml.backend.compiler import CompileOptions, compile_model

    folder = tmp_path_factory.mktemp("compiled")
    model = folder / "small.tflite"
    model.write_bytes(small_network().bytes)
    compile_model(model, CompileOptions(pipeline="@reference")).write(folder / "net")
    inputs = random_int8(1, SETS, 1, 8, 8, 2)
    module = load_model(model)
    outputs = np.stack([run_network(module, [x])[0] for x in inputs])
    np.savez(folder / "reference.npz", inputs=inputs, tflm_outputs=outputs)
    return folder


def altered(compiled: Path, path: Path, **arrays: np.ndarray | None) -> Path:
    """The reference file with some arrays replaced, or left out."""
    with np.load(compiled / "reference.npz") as file:
        content: dict[str, Any] = {key: file[key] for key in file.files}
    content.update(arrays)
    np.savez(
        path, **{key: value for key, value in content.items() if value is not None}
    )
    return path


def expected_outputs(compiled: Path) -> np.ndarray:
    with np.load(compiled / "reference.npz") as file:
        return file["tflm_outputs"]


def run_json(cli: Cli, *arguments: str | Path, status: int = 0) -> dict[str, Any]:
    told = cli("tinyml", "run", *arguments, "--json", "result.json")
    assert told.status == status, told.err
    return json.loads(Path("result.json").read_text())


# Results


def is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


RESULT: dict[str, Callable[[Any], bool]] = {
    "simulator": lambda v: v in ("unicorn", "qemu", "host"),
    "target": lambda v: isinstance(v, str),
    "toolchain": lambda v: isinstance(v, str),
    "memory_map": lambda v: set(v) == {"flash", "ram", "enlarged"},
    "sets": is_count,
    "sets_equal": is_count,
    "outputs_equal": lambda v: isinstance(v, bool),
    "max_abs_diff": lambda v: isinstance(v, int | float),
    "layers_equal": lambda v: isinstance(v, bool),
    "layers_compared": is_count,
    "first_difference": lambda v: v is None or isinstance(v, dict),
    "instructions": is_count,
    "cycles_estimated": is_count,
    "ram_touched": lambda v: v is None or is_count(v),
    "stack_high_water": lambda v: v is None or is_count(v),
    "arena_high_water": lambda v: v is None or is_count(v),
    "unwritten_reads": lambda v: v is None,
    "faults": lambda v: isinstance(v, list),
    "functions": lambda v: isinstance(v, list),
}


def is_result(result: dict[str, Any]) -> None:
    """All keys, each of its type."""
    wrong = [key for key, test in RESULT.items() if not test(result[key])]
    assert wrong == []
    for function in result["functions"]:
        assert set(function) >= {"name", "calls", "instructions", "cycles_estimated"}


def test_result(cli: Cli, compiled: Path):
    options = ("--reference", compiled / "reference.npz", "--layers", "interpreter")
    result = run_json(cli, compiled / "net", *options)
    is_result(result)
    assert result["simulator"] == "unicorn"
    assert result["target"] == "cortex-m4"
    assert result["sets"] == SETS
    assert result["outputs_equal"] is True
    assert result["max_abs_diff"] == 0
    assert result["layers_equal"] is True
    assert result["layers_compared"] == 5
    assert result["first_difference"] is None
    assert result["faults"] == []
    assert result["memory_map"] == {"flash": 1 << 20, "ram": 1 << 18, "enlarged": False}
    functions = result["functions"]
    assert result["instructions"] == sum(f["instructions"] for f in functions)
    assert result["cycles_estimated"] == sum(f["cycles_estimated"] for f in functions)
    assert result["cycles_estimated"] >= result["instructions"] > 10_000
    names = [function["name"] for function in functions]
    assert "small_run" in names
    assert "small_init" not in names
    assert sum("layer" in name for name in names) == 5
    assert all(function["calls"] == 1 for function in functions)


def test_measured_memory_is_what_the_report_says(cli: Cli, compiled: Path):
    report = runner.load_report(compiled / "net")
    result = run_json(cli, compiled / "net")
    assert result["arena_high_water"] == report["ram"]["arena"]
    assert result["stack_high_water"] <= report["ram"]["stack"]
    assert result["ram_touched"] >= report["ram"]["arena"] - sum(
        end - start for start, end in report["holes"]
    )


def test_without_files_the_interpreter_tells(cli: Cli, compiled: Path):
    """One set of random inputs, the same each time."""
    first = run_json(cli, compiled / "net")
    is_result(first)
    assert (first["sets"], first["outputs_equal"]) == (1, True)
    assert (first["layers_equal"], first["layers_compared"]) == (True, 0)
    assert run_json(cli, compiled / "net") == first


def test_no_measure(cli: Cli, compiled: Path):
    result = run_json(cli, compiled / "net", "--no-measure")
    is_result(result)
    assert result["outputs_equal"] is True
    assert (result["instructions"], result["functions"]) == (0, [])
    assert result["ram_touched"] is result["stack_high_water"] is None


def test_host_runs_what_was_compiled_for_a_core(cli: Cli, compiled: Path):
    options = ("--reference", compiled / "reference.npz", "--layers", "interpreter")
    result = run_json(cli, compiled / "net", *options, "--simulator", "host")
    is_result(result)
    assert (result["simulator"], result["target"]) == ("host", "host")
    assert (result["outputs_equal"], result["layers_compared"]) == (True, 5)


def test_qemu_counts_the_same_instructions(cli: Cli, compiled: Path):
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    unicorn = run_json(cli, compiled / "net")
    qemu = run_json(cli, compiled / "net", "--simulator", "qemu")
    is_result(qemu)
    assert qemu["outputs_equal"] is True
    assert qemu["instructions"] == unicorn["instructions"]


# Differences


@pytest.mark.parametrize("at, element", [(0, 0), (1, 3), (SETS - 1, 4)])
def test_one_output_is_off_by_one(cli: Cli, compiled: Path, at: int, element: int):
    outputs = expected_outputs(compiled).copy()
    outputs[at, 0, element] += 1
    outputs[-1, 0, 4] += 1
    worst = 2 if (at, element) == (SETS - 1, 4) else 1
    file = altered(compiled, Path("wrong.npz"), tflm_outputs=outputs)
    options = ("--reference", file, "--simulator", "host")
    result = run_json(cli, compiled / "net", *options, status=1)
    is_result(result)
    assert result["outputs_equal"] is False
    assert result["sets_equal"] == SETS - len({at, SETS - 1})
    assert result["max_abs_diff"] == worst
    right = int(expected_outputs(compiled)[at, 0, element])
    assert result["first_difference"] == {
        "set": at,
        "output": "scores",
        "element": element,
        "got": right,
        "expected": right + (2 if worst == 2 else 1),
    }
    told = cli("tinyml", "run", compiled / "net", *options)
    assert told.status == 1
    assert "NOT EQUAL" in told.out
    assert told.err.startswith("tinyml: differs: ")
    assert told.err.count("\n") == 1


def layer_file(compiled: Path, path: Path) -> list[list[list[Any]]]:
    """Writes checksums of all layers as the interpreter has them; the rows."""
    report = runner.load_report(compiled / "net")
    sets = runner.load_sets(report, compiled / "reference.npz", None)
    _, checks = runner.interpreted(compiled / "net", sets)
    layers = report["layers"]
    rows = [
        [
            [layers[i]["index"], layers[i].get("tensor", i), crc]
            for i, crc in found.items()
        ]
        for found in checks.sets
    ]
    path.write_text(json.dumps({"crc": rows}))
    return rows


def test_one_layer_differs(cli: Cli, compiled: Path):
    options = ("--reference", compiled / "reference.npz", "--simulator", "host")
    rows = layer_file(compiled, Path("layers.json"))
    given = ("--layers", "layers.json")
    result = run_json(cli, compiled / "net", *options, *given)
    assert (result["layers_equal"], result["layers_compared"]) == (True, 5)

    rows[1][2][2] ^= 1
    Path("layers.json").write_text(json.dumps({"crc": rows}))
    result = run_json(cli, compiled / "net", *options, *given, status=1)
    is_result(result)
    assert (result["outputs_equal"], result["layers_equal"]) == (True, False)
    assert result["first_difference"] == {
        "set": 1,
        "layer": 2,
        "index": 2,
        "op": "tinyml.max_pool2d",
        "name": "tensor_7",
        "cause": "unknown: no other rounding or zero point gives the reference",
    }


def test_checksums_of_fewer_sets_and_layers(cli: Cli, compiled: Path):
    options = ("--reference", compiled / "reference.npz", "--simulator", "host")
    rows = layer_file(compiled, Path("layers.json"))
    Path("layers.json").write_text(json.dumps({"crc": [rows[0][1:3]]}))
    given = ("--layers", "layers.json")
    result = run_json(cli, compiled / "net", *options, *given)
    assert (result["layers_equal"], result["layers_compared"]) == (True, 2)


def test_floats_are_compared_by_their_bits(cli: Cli, tmp_path: Path):
    """-0.0 is not 0.0, and what is not a number is valid JSON all the same."""
    model = Model()
    x = model.input((1, 2), 0.5, 0)
    model.output(model.op("DEQUANTIZE", [x], (1, 2), None, type="float32", name="y"))
    Path("net.tflite").write_bytes(model.bytes)
    told = cli("tinyml", "compile", "net.tflite", "-o", "net", "--target", "host")
    assert told.status == 0
    inputs = np.array([[[0, 2]]], np.int8)
    for outputs, element in (
        ([0.0, 1.0], None),
        ([-0.0, 1.0], 0),
        ([0.0, math.nan], 1),
    ):
        y = np.array([[outputs]], np.float32)
        np.savez("reference.npz", inputs=inputs, tflm_outputs=y)
        status = 0 if element is None else 1
        result = run_json(cli, "net", "--reference", "reference.npz", status=status)
        assert result["outputs_equal"] is (element is None)
        if element is not None:
            assert result["first_difference"]["element"] == element
        json.loads(Path("result.json").read_text(), parse_constant=pytest.fail)


def test_outputs_by_the_first_key_there_is(cli: Cli, compiled: Path):
    wrong = expected_outputs(compiled) ^ 1
    options = ("--simulator", "host", "--reference")
    for key, equal in (("litert_ref_outputs", True), ("ort_noopt_outputs", True)):
        arrays = {key: expected_outputs(compiled), "tflm_outputs": None}
        file = altered(compiled, Path("other.npz"), **arrays)
        result = run_json(cli, compiled / "net", *options, file)
        assert result["outputs_equal"] is equal
    both = altered(compiled, Path("both.npz"), litert_ref_outputs=wrong)
    assert run_json(cli, compiled / "net", *options, both)["outputs_equal"]


def test_inputs_beside_a_reference(cli: Cli, compiled: Path):
    """Sets as flat vectors do as well."""
    with np.load(compiled / "reference.npz") as file:
        inputs = file["inputs"]
    flat = inputs.reshape(SETS, -1)
    np.savez("flat.npz", inputs=flat)
    reference = altered(compiled, Path("outputs.npz"), inputs=None)
    files = ("--inputs", "flat.npz", "--reference", reference)
    result = run_json(cli, compiled / "net", *files, "--simulator", "host")
    assert (result["sets"], result["outputs_equal"]) == (SETS, True)


# Memories


def test_memories_grow_where_the_network_needs_more(cli: Cli):
    model = Model()
    x = model.input((1, 400, 400, 1), 0.5, 0)
    y = model.op("ADD", [x, x], (1, 400, 400, 1), 1.0, 0)
    Path("large.tflite").write_bytes(model.output(y).bytes)
    assert cli("tinyml", "compile", "large.tflite", "-o", "net").status == 0
    result = run_json(cli, "net", "--no-measure")
    assert result["outputs_equal"] is True
    assert result["memory_map"]["enlarged"] is True
    assert result["memory_map"]["ram"] % (1 << 16) == 0
    told = cli("tinyml", "run", "net", "--ram-size", "256K")
    is_refusal(told, "ram of cortex-m4 overflows by", "it has 262144")
    told = cli("tinyml", "run", "net", "--flash-size", "512")
    is_refusal(told, "flash of cortex-m4 overflows by", "it has 512")


@pytest.mark.parametrize(
    "options, says",
    [
        (["--ram-size", "0"], "0 bytes of ram is not within"),
        (["--flash-size", "1024M"], "bytes of flash is not within"),
        (["--ram-size", "much"], "--ram-size"),
        (["--simulator", "bochs"], "--simulator"),
        (["--toolchain", "armcc"], "no toolchain 'armcc' for cortex-m4"),
        (["--simulator", "host", "--toolchain", "armcc"], "for host"),
        (["--layers", "gone.json"], "gone.json: No such file"),
        (["--inputs", "gone.npz"], "gone.npz: No such file"),
        (["--json", "gone/result.json"], "gone/result.json: No such file"),
    ],
)
def test_wrong_option(cli: Cli, compiled: Path, options: list[str], says: str):
    told = cli("tinyml", "run", compiled / "net", "--no-measure", *options)
    assert told.status == 1
    assert told.err.count("\n") == 1
    assert says in told.err
    assert "internal error" not in told.err


# Files


@pytest.mark.parametrize("name", ["gone", "file", "empty"])
def test_directory_that_is_none(cli: Cli, name: str):
    Path("empty").mkdir()
    Path("file").write_text("")
    says = "expected a directory that tinyml compile wrote"
    is_refusal(cli("tinyml", "run", name), f"{name}/report.json: ", says)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"net": 1}', '{"net": "a"}', "[" * 9999]
)
def test_damaged_report(cli: Cli, text: str):
    Path("net").mkdir()
    Path("net/report.json").write_text(text)
    is_refusal(cli("tinyml", "run", "net"), "net/report.json: not a report")


def test_damaged_directory(cli: Cli, compiled: Path):
    for name in ("small.c", "small.h", "small_weights.c", "small.mlir"):
        shutil.copytree(compiled / "net", "copy", dirs_exist_ok=True)
        Path("copy", name).unlink()
        told = cli("tinyml", "run", "copy", "--no-measure")
        is_refusal(told, name)


def bad_arrays() -> dict[str, tuple[dict[str, Any], str]]:
    right = random_int8(1, SETS, 1, 8, 8, 2)
    return {
        "none": ({"inputs": None}, "0 input arrays, the network has 1"),
        "two": ({"inputs_1": right}, "2 input arrays, the network has 1"),
        "type": ({"inputs": right.astype(np.float32)}, "float32"),
        "unsigned": ({"inputs": right.view(np.uint8)}, "uint8"),
        "no sets": ({"inputs": right[0, 0]}, "expected sets of int8 (1, 8, 8, 2)"),
        "no data": ({"inputs": right[:0]}, "expected sets of int8 (1, 8, 8, 2)"),
        "scalar": ({"inputs": np.int8(1)}, "expected sets"),
        "layout": ({"inputs": np.moveaxis(right, -1, 2)}, "(3, 1, 2, 8, 8)"),
        "size": ({"inputs": right[:, :, :7]}, "(3, 1, 7, 8, 2)"),
        "fewer": ({"inputs": right[:2]}, "outputs of 3 sets for 2 inputs"),
        "objects": ({"inputs": np.array([None, {}])}, "plain arrays"),
        "no outputs": ({"tflm_outputs": None}, "tflm_outputs, litert_ref_outputs"),
        "outputs": ({"tflm_outputs": right}, "output 'scores'"),
    }


@pytest.mark.parametrize("name", bad_arrays())
def test_arrays_that_do_not_fit(cli: Cli, compiled: Path, name: str):
    arrays, says = bad_arrays()[name]
    file = altered(compiled, Path("bad.npz"), **arrays)
    told = cli("tinyml", "run", compiled / "net", "--reference", file)
    is_refusal(told, "bad.npz: ", says)


def test_damaged_npz(cli: Cli, compiled: Path):
    content = (compiled / "reference.npz").read_bytes()
    np.save("array.npy", np.zeros(4, np.int8))
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 0xFF
    wrong = [b"", b"text", content[: len(content) // 2], Path("array.npy").read_bytes()]
    for data in [*wrong, bytes(flipped)]:
        Path("bad.npz").write_bytes(data)
        told = cli("tinyml", "run", compiled / "net", "--reference", "bad.npz")
        is_refusal(told, "bad.npz: ")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"crc": 1}', '{"crc": [[[1]]]}', '{"crc": [[["a", "b", "c"]]]}'],
)
def test_damaged_checksums(cli: Cli, compiled: Path, text: str):
    Path("layers.json").write_text(text)
    told = cli("tinyml", "run", compiled / "net", "--layers", "layers.json")
    is_refusal(told, "layers.json: not a file of layer checksums")


# The report


def test_report(compiled: Path):
    report = runner.load_report(compiled / "net")
    assert (report["model"], report["target"], report["net"]) == (
        "small.tflite",
        "cortex-m4",
        "small",
    )
    # conv 8*8*4 * 3*3*2, depthwise 4*4*4 * 9, fully connected 4*5
    assert report["macs"] == report["macs_model"] == 4608 + 576 + 20
    ram, flash = report["ram"], report["flash"]
    parts = {"arena", "input", "output", "scratch", "static", "stack", "total"}
    assert set(ram) == parts
    assert ram["total"] == ram["arena"] + ram["static"] + ram["stack"]
    assert (ram["input"], ram["output"]) == (128, 5)
    assert ram["stack"] > 0
    assert set(flash) == {"weights", "tables", "lookup", "code", "total"}
    assert flash["total"] == flash["weights"] + flash["tables"] + flash["code"]
    # int8 filters and int32 biases; each constant fills up to four bytes
    assert flash["weights"] == 72 + 16 + 36 + 16 + 20 + 20
    assert flash["tables"] == 8 * (4 + 4 + 5)
    assert all(is_count(size) for size in (*ram.values(), *flash.values()))
    assert report["peak"] == {"op": "features", "bytes": 128 + 256}
    assert is_count(report["lower_bound"])
    assert report["stages"] == []
    assert [layer["index"] for layer in report["layers"]] == [0, 1, 2, 3, 4]
    for layer in report["layers"]:
        assert set(layer) >= {"index", "op", "name", "macs", "live_bytes"}
        assert is_count(layer["macs"])
        assert 0 < layer["live_bytes"] <= report["peak"]["bytes"]
    assert [layer["macs"] for layer in report["layers"]] == [4608, 576, 0, 0, 20]


def test_report_with_io_quantized(cli: Cli):
    model = Model()
    x = model.input((1, 4), None, 0, "float32", name="x")
    y = model.op("QUANTIZE", [x], (1, 4), 0.5, 3)
    y = model.op("ADD", [y, y], (1, 4), 1.0, 3)
    model.output(model.op("DEQUANTIZE", [y], (1, 4), None, type="float32", name="y"))
    Path("net.tflite").write_bytes(model.bytes)
    assert cli("tinyml", "compile", "net.tflite", "-o", "a").status == 0
    assert (
        cli("tinyml", "compile", "net.tflite", "-o", "b", "--io", "quantized").status
        == 0
    )
    whole, inner = (runner.load_report(Path(name)) for name in "ab")
    assert (whole["inputs"][0]["type"], whole["ram"]["input"]) == ("float32", 16)
    assert (inner["inputs"][0]["type"], inner["ram"]["input"]) == ("int8", 4)
    assert [(p["name"], p["scale"], p["zero_point"]) for p in inner["inputs"]] == [
        ("x", 0.5, 3)
    ]
    assert [(p["name"], p["scale"], p["zero_point"]) for p in inner["outputs"]] == [
        ("y", 1.0, 3)
    ]
    assert run_json(cli, "b")["outputs_equal"] is True


def test_compile_and_run_at_once(cli: Cli, compiled: Path):
    reference = ("--reference", compiled / "reference.npz")
    told = cli("tinyml", "compile", compiled / "small.tflite", "-o", "net", *reference)
    assert told.status == 0
    assert "outputs equal on 3 sets" in told.out
    outputs = expected_outputs(compiled) ^ 1
    file = altered(compiled, Path("wrong.npz"), tflm_outputs=outputs)
    options = ("--run", "--reference", file, "--target", "host")
    told = cli("tinyml", "compile", compiled / "small.tflite", "-o", "net", *options)
    assert told.status == 1
    assert "differs" in told.err
