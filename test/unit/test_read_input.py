"""
Networks that ask for their input compute what they compute of a resident one, in the
interpreter and in C, and ask for it as they promise.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from host_library import HostLibrary
from networks import Limits, lower, random_inputs, random_network, seeds
from test_stages import PIPELINE, SPATIAL, WAYS, assert_equal, decide_buffers
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.reading import ReadRowsOp
from tinyml.dialects.stage import Halo
from tinyml.interp.run import run_network
from tinyml.passes.make_stage import make_stage
from tinyml.passes.stage_plan import planned_stage, refusal

SMALL = Limits(size=12, channels=4, kernel=4)
TINY = Limits(size=6, channels=2, kernel=3)


def reading_network(
    r: random.Random, depth: int, limits: Limits
) -> tuple[ModuleOp, ModuleOp] | None:
    """
    A network, and the same asking for its input, as a rule in a stage with random
    decisions; None if it has no input to ask for, or the stage cannot run.
    """
    module = random_network(r, depth, limits, SPATIAL)
    mode = r.choice(["callback", "callback", "stream"])
    asking = lower(module, f"tinyml-read-input{{mode={mode}}}")
    order = layers(network_function(asking))
    if not isinstance(order[0], ReadRowsOp):
        return None
    group = order[: r.randint(0, 6)]
    if not group:
        return module, asking
    if any(refusal(layer) is not None for layer in group):
        return None
    size = shape(group[-1].layer_output)[1:3]
    halo = r.choice(WAYS)
    rows, columns = (
        1 if kept is Halo.CACHE else r.randint(1, min(n, 3))
        for kept, n in zip(halo, size, strict=True)
    )
    try:
        stage = make_stage(group, (rows, columns), halo, r.randint(1, 4))
        if r.random() < 0.5:
            decide_buffers(stage, r)
        asking.verify()
        planned_stage(stage)
    except (DiagnosticException, PassFailedException):
        return None
    return module, asking


def test_equal_in_c(tmp_path: Path):
    pairs: dict[str, tuple[ModuleOp, ModuleOp]] = {}
    for seed in seeds(250):
        pair = reading_network(random.Random(seed), 7, SMALL)
        if pair is not None:
            pairs[f"net_{seed}"] = pair
    assert len(pairs) > 60
    lowered = {name: lower(asking, PIPELINE) for name, (_, asking) in pairs.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, (module, _) in pairs.items():
        inputs = random_inputs(random.Random(name), module)
        assert_equal(library.run(name, inputs), run_network(module, inputs), name)


def test_equal_in_the_interpreter():
    pairs = (reading_network(random.Random(seed), 4, TINY) for seed in seeds(30))
    found = [pair for pair in pairs if pair is not None]
    assert len(found) >= 6
    for number, (module, asking) in enumerate(found[:8]):
        inputs = random_inputs(random.Random(number), module)
        expected = run_network(module, inputs)
        assert_equal(run_network(asking, inputs), expected, f"layers {number}")
        lowered = lower(asking, PIPELINE)
        owned = run_network(lowered, inputs, check_owners=True)
        assert_equal(owned, expected, f"loops {number}")


@pytest.mark.parametrize("staged", [False, True])
def test_inputs_keep_their_order(staged: bool, tmp_path: Path):
    """A vector stays, two images of different sizes are asked for."""
    module = parse(
        """
func.func @main(
  %a: memref<1x4x6x2xi8> {tinyml.input = #tinyml.tensor<"a">},
  %v: memref<1x3xi8> {tinyml.input = #tinyml.tensor<"v">},
  %b: memref<1x4x6x3xi8> {tinyml.input = #tinyml.tensor<"b">},
  %y: memref<1x4x6x5xi8> {tinyml.output = #tinyml.tensor<"y">},
  %w: memref<3xi8> {tinyml.output = #tinyml.tensor<"w">}
) {
  tinyml.concat ins(%a, %b : memref<1x4x6x2xi8>, memref<1x4x6x3xi8>)
    outs(%y : memref<1x4x6x5xi8>) axis 3
  tinyml.reshape ins(%v : memref<1x3xi8>) outs(%w : memref<3xi8>)
  func.return
}
"""
    )
    stage = ",tinyml-stream{layers=3 block=2}" if staged else ""
    generator = np.random.default_rng(0)
    shapes = ((1, 4, 6, 2), (1, 3), (1, 4, 6, 3))
    inputs = [generator.integers(-128, 128, shape, np.int8) for shape in shapes]
    asking = lower(module, f"tinyml-read-input{stage}")
    expected = run_network(module, inputs)
    assert_equal(run_network(asking, inputs), expected, "layers")
    calls = "tinyml-lower-stages,tinyml-convert-layers-to-loops"
    assert_equal(run_network(lower(asking, calls), inputs), expected, "calls")
    lowered = lower(asking, PIPELINE)
    assert_equal(run_network(lowered, inputs), expected, "arena")
    library = HostLibrary({"net": lowered}, tmp_path)
    assert [port.label for port in library.infos["net"].inputs] == ["a", "v", "b"]
    assert [port.mode for port in library.infos["net"].inputs] == [
        *("callback", "resident", "callback")
    ]
    assert_equal(library.run("net", inputs), expected, "C")


def parse(text: str) -> ModuleOp:
    from xdsl.context import Context
    from xdsl.dialects.builtin import Builtin
    from xdsl.dialects.func import Func
    from xdsl.parser import Parser

    from tinyml.dialects.tinyml import TinyML

    context = Context()
    for dialect in (Builtin, Func, TinyML):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()


# The command line and the harness

POOLS = """
func.func @main(
  %x: memref<1x6x8x3xui8> {tinyml.input = #tinyml.tensor<"x", 0.5 : 1>},
  %y: memref<1x6x8x3xi8> {tinyml.output = #tinyml.tensor<"y", 0.5 : 1>}
) {
  %q = tinyml.alloc : memref<1x6x8x3xi8>
  tinyml.requantize ins(%x : memref<1x6x8x3xui8>) outs(%q : memref<1x6x8x3xi8>)
    requant <1073741824, 1> zero_points [128, 0] rounding double
  tinyml.max_pool2d ins(%q : memref<1x6x8x3xi8>) outs(%y : memref<1x6x8x3xi8>)
    window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  func.return
}
"""
"""Six rows of eight pixels; a pixel needs its neighbours."""

LOWERED = f"tinyml-stream{{layers=3}},{PIPELINE}"
STRIPS = f"tinyml-stream{{layers=3 columns=2}},{PIPELINE}"


def compile_and_run(
    cli: Cli, mode: str, pipeline: str, *options: str, status: int = 0
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report and the result of a run on two sets."""
    Path("net.mlir").write_text(POOLS)
    made = cli(
        *("tinyml", "compile", "net.mlir", "-o", "out", "--target"),
        *("cortex-m4" if "--simulator" in options else "host", "--input", mode),
        *("--pipeline", pipeline),
    )
    assert made.status == 0, made.err
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), np.uint8)
    np.savez("inputs.npz", inputs=images)
    told = cli(
        *("tinyml", "run", "out", "--inputs", "inputs.npz", "--json", "r.json"),
        *options,
    )
    assert told.status == status, told.err
    return json.loads(Path("out/report.json").read_text()), json.loads(
        Path("r.json").read_text()
    )


SIMULATORS = [[], ["--simulator", "unicorn"], ["--simulator", "qemu"]]


@pytest.mark.parametrize("options", SIMULATORS, ids=["host", "unicorn", "qemu"])
def test_stream_asks_for_each_row_once(cli: Cli, options: list[str]):
    report, result = compile_and_run(cli, "stream", LOWERED, *options)
    assert result["outputs_equal"]
    assert result["faults"] == []
    requests = {"calls": 6, "pixels": 48, "repeated_pixels": 0}
    assert result["input_requests"] == requests
    # A row is turned over to the next layer at once.
    assert report["ram"]["input"] == 8 * 3
    (port,) = report["inputs"]
    assert (port["at"], port["mode"], port["bytes"]) == (None, "stream", 144)


@pytest.mark.parametrize("mode", ["callback", "stream"])
def test_whole_input(cli: Cli, mode: str):
    report, result = compile_and_run(cli, mode, "@reference")
    assert result["outputs_equal"]
    requests = {"calls": 6, "pixels": 48, "repeated_pixels": 0}
    assert result["input_requests"] == requests
    assert report["ram"]["input"] == 144


def test_strips_ask_for_their_halo_twice(cli: Cli):
    _, result = compile_and_run(cli, "callback", STRIPS, "--poison")
    assert result["outputs_equal"]
    assert result["unwritten_reads"] == []
    # Each strip needs one column of the other.
    assert result["input_requests"]["pixels"] == 6 * (8 + 2)
    assert result["input_requests"]["repeated_pixels"] == 6 * 2


def test_stream_cannot_be_in_strips(cli: Cli):
    Path("net.mlir").write_text(POOLS)
    told = cli(
        *("tinyml", "compile", "net.mlir", "-o", "out", "--target", "host"),
        *("--input", "stream", "--pipeline", STRIPS),
    )
    is_refusal(told, "x comes as a stream", "in one strip")


@pytest.mark.parametrize("options", SIMULATORS[:2], ids=["host", "unicorn"])
def test_harness_tells_rows_that_are_out_of_order(cli: Cli, options: list[str]):
    compile_and_run(cli, "callback", STRIPS, *options)
    path = Path("out/report.json")
    path.write_text(path.read_text().replace('"callback"', '"stream"'))
    told = cli(
        "tinyml", "run", "out", "--inputs", "inputs.npz", "--json", "r.json", *options
    )
    assert told.status == 1
    assert "asked for a row of a stream that is not the next one" in told.err


def test_harness_tells_pixels_that_are_not_there(cli: Cli):
    compile_and_run(cli, "callback", LOWERED)
    code = Path("out/net.c")
    changed = code.read_text().replace("read_rows_0((int32_t)y, ", "read_rows_0(6, ")
    assert changed != code.read_text()
    code.write_text(changed)
    told = cli("tinyml", "run", "out", "--json", "r.json")
    assert told.status == 1
    assert "asked for pixels outside of an input" in told.err


def test_measures_leave_the_image_out(cli: Cli):
    """The image is nowhere in the core's memory, and reading it is no work of its."""
    report, result = compile_and_run(cli, "callback", LOWERED, "--simulator", "unicorn")
    ram = report["ram"]
    assert result["arena_high_water"] == ram["arena"]
    assert ram["static"] == 0
    assert result["ram_touched"] < ram["arena"] + ram["stack"] + 400
    names = {item["name"] for item in result["functions"]}
    assert "net_run" in names
    assert not any("read_rows_0" in name for name in names)


def test_header(cli: Cli):
    compile_and_run(cli, "stream", LOWERED)
    text = Path("out/net.h").read_text()
    assert "void net_read_rows_0(int32_t row, int32_t column, int32_t" in text
    assert "Each row is asked for once, in order" in text
    assert "#define NET_INPUT_0_SHAPE {1, 6, 8, 3}" in text
    assert "NET_INPUT_0_OFFSET" not in text
    assert "net_input_0" not in text
    assert "net_output_0" in text


def test_floats_stay_resident(cli: Cli):
    text = POOLS.replace("memref<1x6x8x3xui8>", "memref<1x6x8x3xf32>")
    text = text.replace("tinyml.requantize", "tinyml.quantize")
    old = "requant <1073741824, 1> zero_points [128, 0] rounding double"
    text = text.replace(old, "scale 0.5 zero_points [1] rounding away")
    Path("net.mlir").write_text(text)
    options = ("--target", "host", "--input", "callback")
    made = cli("tinyml", "compile", "net.mlir", "-o", "out", *options)
    assert made.status == 0, made.err
    (port,) = json.loads(Path("out/report.json").read_text())["inputs"]
    assert (port["mode"], port["type"]) == ("resident", "float32")
    assert cli("tinyml", "run", "out", "--json", "r.json").status == 0
    assert json.loads(Path("r.json").read_text())["input_requests"] is None
