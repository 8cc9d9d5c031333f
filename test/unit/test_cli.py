"""
What the command lines say of wrong files, options and budgets: one line, exit status 1,
no traceback, and nothing written.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from tflite_models import TANH, Model, small_network

from tinyml.tools.command_line import parse_size

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"


def refuses(cli: Cli, model: str | Path, *options: str, says: Sequence[str]) -> None:
    """`tinyml compile` refuses and leaves no directory behind."""
    told = cli("tinyml", "compile", model, "-o", "out", *options)
    is_refusal(told, *says)
    assert not Path("out").exists()


# Files


WRONG_FILES = {
    "text.tflite": (b"not a network\n", "not a TensorFlow Lite model"),
    "text.onnx": (b"not a network\n", "not an ONNX model"),
    "text.mlir": (b"not a network\n", "line "),
    "empty.tflite": (b"", "not a TensorFlow Lite model"),
    "empty.onnx": (b"", "invalid ONNX"),
    "empty.mlir": (b"", "line 1"),
    "binary.mlir": (b"\xff\xfe\x00\x01", "utf-8"),
    "deep.mlir": (b"#a = " + b"[" * 40_000, "nested too deeply"),
    "number.mlir": (b"#a = dense<999> : tensor<1xi8>", "out of range"),
    "identifier.tflite": (b"\xff\xff\xff\xffTFL3" + b"\xff" * 40, "damaged"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file(cli: Cli, name: str):
    content, reason = WRONG_FILES[name]
    Path(name).write_bytes(content)
    refuses(cli, name, says=[f"{name}: ", reason])


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file_for_opt(cli: Cli, name: str):
    content, reason = WRONG_FILES[name]
    Path(name).write_bytes(content)
    told = f"{name}:1:" if reason.startswith("line ") else reason
    is_refusal(cli("tinyml-opt", name), told)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_truncated_file(cli: Cli, suffix: str):
    content = small_network().bytes if suffix == ".tflite" else DIGITS.read_bytes()
    for eighth in range(8):
        name = f"part{eighth}{suffix}"
        Path(name).write_bytes(content[: len(content) * eighth // 8])
        refuses(cli, name, says=[name])


def test_missing_file_directory_and_unknown_kind(cli: Cli):
    refuses(cli, "gone.tflite", says=["gone.tflite: No such file"])
    Path("folder.onnx").mkdir()
    refuses(cli, "folder.onnx", says=["folder.onnx: Is a directory"])
    Path("model.h5").write_bytes(b"")
    refuses(cli, "model.h5", says=["'.h5'", ".tflite, .onnx, .mlir"])
    refuses(cli, "model", says=["unknown kind of model ''"])
    is_refusal(cli("tinyml", "import", "gone.onnx"), "gone.onnx: No such file")
    is_refusal(cli("tinyml-opt", "gone.tflite"), "gone.tflite: No such file")
    is_refusal(cli("tinyml-opt", "folder.onnx"), "folder.onnx: Is a directory")
    is_refusal(cli("tinyml-opt", "model.h5"), "'h5'")


def test_pytorch_is_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("tinyml.frontend.torch.import_module", missing)
    Path("model.pt2").write_bytes(b"")
    np.savez("sets.npz", inputs=np.zeros((1, 1, 4), np.float32))
    reason = "model.pt2: torch is not installed; PyTorch programs need pip install"
    refuses(cli, "model.pt2", says=[reason])
    options = ("--calibration", "sets.npz", "-o", "int8.pt2")
    is_refusal(cli("tinyml", "quantize", "model.pt2", *options), reason)


# Models


def unsupported() -> Model:
    model = Model()
    x = model.input((1, 4))
    return model.output(model.op("GELU", [x], (1, 4), name="act"))


def custom() -> Model:
    model = Model()
    x = model.input((1, 4))
    return model.output(model.op("MyOwnOp", [x], (1, 4), name="act"))


def dynamic() -> Model:
    model = Model()
    x = model.input((1, 1), name="x", signature=(-1, -1))
    return model.output(model.op("RESHAPE", [x], (1,)))


def negative_shape() -> Model:
    model = Model()
    x = model.input((-1, 4), name="x")
    return model.output(model.op("RESHAPE", [x], (4,)))


def weighted(kind: str, weights: np.ndarray, **how: object) -> Model:
    model = Model()
    element = str(how.get("type", "int8"))
    scale = None if element == "float32" else 0.5
    x = model.input((1, 1, 1, 2), scale, type=element)
    filter = model.constant(weights, scale)
    y = model.op(kind, [x, filter], (1, 1, 1, 3), scale, type=element, name="conv")
    return model.output(y)


def float_only() -> Model:
    return weighted("CONV_2D", np.zeros((3, 1, 1, 2), np.float32), type="float32")


def unsigned() -> Model:
    return weighted("CONV_2D", np.zeros((3, 1, 1, 2), np.uint8), type="uint8")


def unsigned_weights() -> Model:
    return weighted("CONV_2D", np.zeros((3, 1, 1, 2), np.uint8))


def activation() -> Model:
    model = Model()
    x = model.input((1, 4))
    y = model.op("ADD", [x, x], (1, 4), FusedActivationFunction=TANH, name="sum")
    return model.output(y)


def broadcast() -> Model:
    model = Model()
    a, b = model.input((1, 2, 2, 4)), model.input((1, 1, 1, 3))
    return model.output(model.op("MUL", [a, b], (1, 2, 2, 4), name="gate"))


def two_subgraphs() -> Model:
    return dataclasses.replace(small_network(), subgraphs=2)


def no_outputs() -> Model:
    return dataclasses.replace(small_network(), outputs=[])


def no_inputs() -> Model:
    model = Model()
    x = model.constant(np.zeros((1, 4), np.int8), 0.5)
    return model.output(model.op("RESHAPE", [x], (4,)))


def huge() -> Model:
    model = Model()
    x = model.input((1, 65536, 65536, 65536), name="x")
    y = model.op("RESHAPE", [x], (65536, 65536, 65536))
    return model.output(y)


def too_large_together() -> Model:
    model = Model()
    x = model.input((1, 30_000, 30_000, 1))
    y = model.op("ADD", [x, x], (1, 30_000, 30_000, 1))
    return model.output(model.op("ADD", [x, y], (1, 30_000, 30_000, 1)))


MODELS: dict[str, tuple[Callable[[], Model], list[str]]] = {
    "operator": (unsupported, ["operator 0 GELU", '"act"', "CONV_2D, DEPTHWISE"]),
    "custom": (custom, ["operator 0 CUSTOM MyOwnOp", '"act"', "supported are ADD"]),
    "dynamic": (dynamic, ['"x"', "[-1, -1]", "static"]),
    "negative": (negative_shape, ['"x"', "[-1, 4]"]),
    "float": (float_only, ["CONV_2D", '"conv"', "float32", "int8"]),
    "uint8": (unsigned, ["CONV_2D", '"conv"', "uint8, supported are int8"]),
    "uint8 weights": (unsigned_weights, ["CONV_2D", "uint8, supported are int8"]),
    "activation": (activation, ['"sum"', "TANH", "NONE, RELU, RELU6"]),
    "broadcast": (broadcast, ["MUL", '"gate"', "1, 2, 2, 4"]),
    "subgraphs": (two_subgraphs, ["2 subgraphs"]),
    "no inputs": (no_inputs, ["no inputs"]),
    "no outputs": (no_outputs, ["no outputs"]),
    "huge": (huge, ['"x"', "elements"]),
    "large together": (too_large_together, ["arena", "at most 67108864 can"]),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_that_is_not_supported(cli: Cli, name: str):
    build, says = MODELS[name]
    Path("net.tflite").write_bytes(build().bytes)
    refuses(cli, "net.tflite", says=says)


def test_model_that_is_not_supported_for_opt(cli: Cli):
    Path("net.tflite").write_bytes(unsupported().bytes)
    is_refusal(cli("tinyml-opt", "net.tflite"), "operator 0 GELU", '"act"')


def test_open_batch_is_a_batch_of_one(cli: Cli):
    model = Model()
    x = model.input((1, 4), signature=(-1, 4))
    model.output(model.op("RESHAPE", [x], (4,)))
    Path("net.tflite").write_bytes(model.bytes)
    assert cli("tinyml", "import", "net.tflite").status == 0


INVALID_IR = """
builtin.module {
  func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">},
                  %y: memref<1x5xi8> {tinyml.output = #tinyml.tensor<"y">}) {
    tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<1x5xi8>)
    func.return
  }
}
"""
UNWRITTEN_IR = (
    INVALID_IR.replace(
        "tinyml.reshape", "%b = tinyml.alloc : memref<1x4xi8>\n    tinyml.reshape"
    )
    .replace(
        "ins(%x : memref<1x4xi8>) outs(%y : memref<1x5xi8>)",
        "ins(%b : memref<1x4xi8>) outs(%y : memref<1x4xi8>)",
    )
    .replace("%y: memref<1x5xi8>", "%y: memref<1x4xi8>")
)


def test_verifier_and_passes_speak_in_one_sentence(cli: Cli):
    Path("empty.mlir").write_text("builtin.module {}")
    refuses(cli, "empty.mlir", says=["0 functions", "tinyml.input"])
    Path("wrong.mlir").write_text(INVALID_IR)
    says = "(1, 4) and (1, 5) differ in size"
    refuses(cli, "wrong.mlir", says=["wrong.mlir: ", says])
    is_refusal(cli("tinyml-opt", "wrong.mlir"), says)
    Path("unwritten.mlir").write_text(UNWRITTEN_IR)
    says = "buffer %b is read but never written"
    refuses(cli, "unwritten.mlir", says=[says])
    is_refusal(cli("tinyml-opt", "unwritten.mlir", "-p", "tinyml-plan-memory"), says)


# Options


@pytest.mark.parametrize(
    "options, says",
    [
        (["--target", "z80"], ["'z80'", "host, cortex-m4"]),
        (["--toolchain", "armcc"], ["'armcc'", "ziglang, arm-none-eabi-gcc"]),
        (
            ["--pipeline", "@best"],
            ["'@best'", "@default, @size, @ram, @stages, @reference"],
        ),
        (["--pipeline", "tinyml-best"], ["tinyml-best"]),
        (["--pipeline", "tinyml-plan-memory{x=1}"], ['"x"', '"strategy"']),
        (["--pipeline", "tinyml-plan-memory{strategy=x}"], ["'x'", "'greedy'"]),
        (["--pipeline", "tinyml-plan-memory{alignment=3}"], ["3", "power of two"]),
        (["--pipeline", "tinyml-plan-memory{"], ["pass-pipeline:1:20", "argument"]),
        (["--pipeline", ",,"], ["pass-pipeline:1:1", "pass name"]),
        (["--pipeline", ""], ["tinyml-plan-memory"]),
        (["--pipeline", "tinyml-lower-arena"], ["run tinyml-plan-memory first"]),
        (
            ["--pipeline", "tinyml-plan-memory,tinyml-lower-arena"],
            ["run tinyml-convert-layers-to-loops first"],
        ),
        (["--ram", "256"], ["of ram", "more than the budget of 256", "the peak is"]),
        (["--flash", "1k"], ["of flash", "more than the budget of 1024", "weights"]),
        (["--ram", "lots"], ["--ram", "'lots'", "64K, 64KiB or 65536"]),
        (["--ram", "-1"], ["--ram", "-1"]),
        (["--flash", "1.5K"], ["--flash", "'1.5K'"]),
        (["--flash", ""], ["--flash", "''"]),
        (["--flash", "²K"], ["--flash", "'²K'"]),
        (["--ram", "9" * 5000], ["--ram"]),
        (["--name", ""], ["--name ''", "C identifier"]),
        (["--name", "1st"], ["--name '1st'", "C identifier"]),
        (["--name", "My-Net"], ["--name 'My-Net'", "C identifier"]),
        (["--name", "a\nb"], ["--name", "C identifier"]),
        (["--name", "stdint"], ["--name 'stdint'", "taken"]),
        (["--stages", "plan.txt"], ["--stages plan.txt", "expected auto, off"]),
        (["--input", "pigeon"], ["--input", "'pigeon'"]),
        (["--max-extra-macs", "-1"], ["--max-extra-macs", "-1"]),
        (["--max-extra-macs", "nan"], ["--max-extra-macs", "nan"]),
        (["--run", "--inputs", "gone.npz"], ["gone.npz: No such file"]),
        (["--reference", "gone.npz"], ["gone.npz: No such file"]),
        (["--unknown"], ["--unknown"]),
    ],
)
def test_wrong_option(cli: Cli, options: list[str], says: list[str]):
    Path("net.tflite").write_bytes(small_network().bytes)
    refuses(cli, "net.tflite", *options, says=says)


def test_budget_counts_what_is_missing(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    # One pipeline, with nothing smaller to fall back to.
    compile = ("tinyml", "compile", "net.tflite", "--objective", "ram")
    compile += ("--stages", "off", "-o")
    assert cli(*compile, "out").status == 0
    report = json.loads(Path("out/report.json").read_text())
    for what in ("ram", "flash"):
        total = report[what]["total"]
        assert cli(*compile, "exact", f"--{what}", str(total)).status == 0
        told = cli(*compile, "less", f"--{what}", str(total - 1))
        is_refusal(told, f"needs {total} bytes of {what}", "1 more than the budget")
        assert not Path("less").exists()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["-p", "tinyml-best"], ["tinyml-best"]),
        (["-p", "@best"], ["'@best'", "@default, @size, @ram, @stages, @reference"]),
        (["-p", "tinyml-plan-memory{x=1}"], ['"x"', '"strategy"']),
        (["-p", "tinyml-plan-memory{"], ["pass-pipeline:1:20"]),
        (["-p", "tinyml-plan-memory{alignment=3}"], ["power of two"]),
        (["-p", "tinyml-lower-arena"], ["run tinyml-plan-memory first"]),
        (["-t", "tinyml-c"], ["no C form"]),
    ],
)
def test_wrong_option_for_opt(cli: Cli, arguments: list[str], says: list[str]):
    Path("net.tflite").write_bytes(small_network().bytes)
    is_refusal(cli("tinyml-opt", "net.tflite", *arguments), *says)


def test_missing_toolchain(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    Path("net.tflite").write_bytes(small_network().bytes)
    monkeypatch.setenv("PATH", "")
    option = ("--toolchain", "arm-none-eabi-gcc")
    refuses(cli, "net.tflite", *option, says=["arm-none-eabi-gcc is not on the path"])
    options = ("--target", "host", "--toolchain", "cc")
    refuses(cli, "net.tflite", *options, says=["cc is not on the path"])


def test_output_that_is_a_file(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    Path("out").write_text("mine")
    is_refusal(cli("tinyml", "compile", "net.tflite", "-o", "out"), "out: File exists")
    is_refusal(cli("tinyml", "compile", "net.tflite", "-o", "out/x"), "out/x: ")
    assert Path("out").read_text() == "mine"


def test_failure_leaves_an_earlier_result_alone(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    assert cli("tinyml", "compile", "net.tflite", "-o", "out").status == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    told = cli("tinyml", "compile", "net.tflite", "-o", "out", "--ram", "16")
    is_refusal(told, "of ram")
    Path("net.tflite").write_bytes(b"damaged")
    is_refusal(cli("tinyml", "compile", "net.tflite", "-o", "out"))
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_names_made_of_file_names(cli: Cli):
    """Every file name makes a name, none hides a header that the C includes."""
    for stem, name in (
        ("9 lives", "net_9_lives"),
        ("モデル", "net"),
        ("stdint", "net_stdint"),
    ):
        Path(f"{stem}.tflite").write_bytes(small_network().bytes)
        assert cli("tinyml", "compile", f"{stem}.tflite", "-o", stem).status == 0
        assert (Path(stem) / f"{name}.h").exists()


def test_debug_shows_a_traceback(cli: Cli):
    with pytest.raises(Exception, match=r"gone\.onnx"):
        cli("tinyml", "compile", "gone.onnx", "-o", "out", "--debug")


def test_a_bug_is_one_line_too(cli: Cli, monkeypatch: pytest.MonkeyPatch):
    def fail(path: Path) -> None:
        raise KeyError(str(path))

    monkeypatch.setattr("tinyml.frontend.load.load_model", fail)
    told = cli("tinyml", "import", "x.onnx")
    assert told.status == 1
    assert told.err.count("\n") == 1
    assert "internal error" in told.err
    assert "KeyError: 'x.onnx'" in told.err


@pytest.mark.parametrize("program", ["tinyml", "tinyml-opt"])
def test_installed_programs(program: str, tmp_path: Path):
    """As users start them, in another process."""
    command = [str(Path(sys.executable).with_name(program))]
    command += ["import"] if program == "tinyml" else []
    done = subprocess.run(
        [*command, "gone.onnx"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{program}: gone.onnx: No such file or directory\n"


def test_import_prints_what_it_writes(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    printed = cli("tinyml", "import", "net.tflite")
    assert cli("tinyml", "import", "net.tflite", "-o", "net.mlir").out == ""
    assert printed.out == Path("net.mlir").read_text()
    elided = cli("tinyml", "import", "net.tflite", "--elide")
    assert elided.status == 0
    assert len(elided.out) < len(printed.out)
    assert "tinyml.conv2d" in elided.out
    assert cli("tinyml", "import", "net.mlir").out == printed.out


@pytest.mark.parametrize(
    "text, size",
    [
        ("65536", 65536),
        ("64K", 65536),
        ("64k", 65536),
        ("64KiB", 65536),
        ("64kB", 65536),
        ("1M", 1 << 20),
        ("1MiB", 1 << 20),
        ("7B", 7),
        ("0", 0),
    ],
)
def test_sizes(text: str, size: int):
    assert parse_size(text) == size
