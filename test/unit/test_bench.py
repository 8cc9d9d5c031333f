"""`tinyml bench`: a row for every model of a folder, right, wrong or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from tflite_models import Model, random_int8, small_network

from tinyml.backend.bench_functions import function_tables
from tinyml.backend.bench_peers import baselines, cmsis_nn, peers
from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import interpreted, load_report, load_sets
from tinyml.backend.toolchain import ToolchainError, find_toolchain
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network

SETS = 2
CORES = ("cortex-m4", "cortex-m7")


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Cli:
    """The command lines, in a directory with a folder of models."""
    monkeypatch.chdir(tmp_path)
    for place in ("models/tflite", "models/reference", "models/layers"):
        Path(place).mkdir(parents=True)
    return Cli(capfd, monkeypatch)


def add_model(name: str, wrong_sets: int = 0) -> None:
    """A model with its reference outputs, some of which are off by one."""
    path = Path(f"models/tflite/{name}.tflite")
    path.write_bytes(small_network().bytes)
    module = load_model(path)
    inputs = random_int8(1, SETS, 1, 8, 8, 2)
    outputs = np.stack([run_network(module, [x])[0] for x in inputs])
    outputs[:wrong_sets] ^= 1
    reference = f"models/reference/{name}.npz"
    np.savez(reference, inputs=inputs, tflm_outputs=outputs)


def bench(cli: Cli, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    told = cli(
        "tinyml", "bench", "--models", "models", "--json", "rows.json", *arguments
    )
    assert told.status == status, told.err
    assert told.err == ""
    return json.loads(Path("rows.json").read_text())


def test_rows_in_the_order_of_names(cli: Cli):
    add_model("b")
    add_model("a", wrong_sets=1)
    model = Model()
    x = model.input((1, 2), 0.5, 0)
    model.output(model.op("HASHTABLE_LOOKUP", [x], (1, 2), None, name="y"))
    Path("models/tflite/c.tflite").write_bytes(model.bytes)
    np.savez("models/reference/c.npz")
    a, b, c = bench(cli, "--target", "host", "--markdown", "page.md", status=1)
    assert (a["name"], a["equal"], a["result"]["sets_equal"]) == ("a", False, 1)
    assert (b["name"], b["equal"], b["result"]["sets_equal"]) == ("b", True, SETS)
    assert (c["name"], c["equal"], c["result"]) == ("c", False, None)
    assert "operator 0 HASHTABLE_LOOKUP" in c["refused"]
    page = Path("page.md").read_text()
    assert "`tinyml bench --models MODELS --target host`" in page
    assert "| a | host | DIFFERS | 1 of 2 |" in page
    assert "| b | host | equal | 2 of 2 |" in page
    assert "| c | host | refused |" in page


def test_refused_models_are_no_failure(cli: Cli):
    add_model("a")
    Path("models/tflite/b.tflite").write_bytes(b"no model")
    Path("models/tflite/c.tflite").write_bytes(small_network().bytes)
    rows = bench(cli, "--target", "host", "--sets", "1")
    assert [row["name"] for row in rows if row["equal"]] == ["a"]
    assert rows[0]["result"]["sets"] == 1
    assert rows[2]["refused"] == "c.npz is not there to compare with"


def test_a_core_is_measured(cli: Cli):
    add_model("a")
    (row,) = bench(cli, "a")
    assert row["target"] == "cortex-m4"
    result, report = row["result"], row["report"]
    assert result["instructions"] > report["macs"] > 0
    assert result["arena_high_water"] == report["ram"]["arena"]


@pytest.mark.parametrize("wrong", [False, True])
def test_layers_are_compared(cli: Cli, wrong: bool):
    add_model("a")
    checks = layer_checks("a")
    checks[1][0][2] ^= int(wrong)
    Path("models/layers/a.layers.json").write_text(json.dumps({"crc": checks}))
    (row,) = bench(cli, "a", "--target", "host", "--layers", status=int(wrong))
    assert row["result"]["outputs_equal"]
    assert row["layers"]["layers_compared"] == len(checks[0]) > 1
    assert row["equal"] is not wrong


def layer_checks(name: str) -> list[list[list[int]]]:
    """Rows of [operator, tensor, crc32] per set, from the interpreter."""
    options = CompileOptions("host", pipeline="@reference")
    path = Path("net")
    compile_model(Path(f"models/tflite/{name}.tflite"), options).write(path)
    report = load_report(path)
    sets = load_sets(report, None, Path(f"models/reference/{name}.npz"))
    _, checks = interpreted(path, sets)
    layers = report["layers"]
    return [
        [[layers[i]["index"], layers[i]["tensor"], crc] for i, crc in found.items()]
        for found in checks.sets
    ]


def test_functions_and_kinds(cli: Cli):
    """Shares of kinds and functions; calls of kernels are their layers'."""
    add_model("a")
    arguments = ("--models", "models", "--functions", "--markdown", "page.md")
    told = cli("tinyml", "bench", *arguments, "--json", "rows.json")
    assert told.status == 0
    (row,) = json.loads(Path("rows.json").read_text())
    page = Path("page.md").read_text()
    assert "`tinyml bench --models MODELS --target cortex-m4 --functions`" in page
    assert "## a\n" in page
    cycles = row["result"]["cycles_estimated"]
    for kind in row["result"]["profile"]["kinds"]:
        estimated = kind["cycles_estimated"]
        share = f"{100 * estimated / cycles:.1f}%"
        assert f"| {estimated:,} | {share} |" in page
        assert kind["kind"] in told.out
        count = kind["macs"] or kind["elements"]
        assert f"| {estimated / count:.2f} |" in page
    kernels = {layer["kernel"] for layer in row["report"]["layers"]}
    assert kernels <= set(row["report"]["functions"])
    for kernel in kernels:
        assert kernel.removeprefix("a_") in told.out


def test_what_functions_cost():
    report = {
        "net": "n",
        "functions": {"n_layer_00": 100, "n_hot_0": 50, "n_init": 8},
    }
    layer = {"kernel": "n_layer_00", "macs": 400, "cycles_estimated": 300}
    result = {
        "cycles_estimated": 1000,
        "functions": [
            {"name": "n_layer_00", "cycles_estimated": 100},
            {"name": "n_hot_0", "cycles_estimated": 500},
            {"name": "memset", "cycles_estimated": 1},
        ],
        "profile": {"layers": [layer, layer], "kinds": []},
    }
    (_, _, kinds), (_, _, functions) = function_tables(report, result)
    assert kinds == []
    assert functions == [
        ["layer_00", "100", "100", "10.0%", "2", "600", "60.0%", "0.75"],
        ["hot_0", "50", "500", "50.0%", "", "", "", ""],
        ["memset", "", "1", "0.1%", "", "", "", ""],
        ["init", "8", "", "", "", "", "", ""],
    ]
    _, (_, _, functions) = function_tables(report, {**result, "profile": None})
    assert [row[0] for row in functions] == ["hot_0", "layer_00", "memset", "init"]


def test_peers(cli: Cli):
    """A network that peers were run on, as far as names go, and one that they were not."""
    add_model("mlperf_ad01")
    add_model("other")
    page = ("--markdown", "page.md")
    told = cli("tinyml", "bench", "other", "--models", "models", "--peers")
    assert "no peer was run" in told.out
    named = ("mlperf_ad01", "--models", "models")
    told = cli("tinyml", "bench", *named, "--peers", *page)
    heading, cmsis_nn, board = told.out.splitlines()
    assert "theirs est." in heading
    assert "TFLite Micro + CMSIS-NN" in cmsis_nn
    assert " exact " in cmsis_nn
    assert "743,999" in cmsis_nn
    assert "Plumerai" in board
    assert "~360,000" in board
    assert "never measured" in Path("page.md").read_text().replace("\n", " ")
    # They were run on it with the inputs and outputs of the model.
    told = cli("tinyml", "bench", *named, "--peers", "--io", "quantized")
    assert "no peer was run" in told.out
    told = cli("tinyml", "bench", "--models", "models", "--peers", "--io", "quantized")
    is_refusal(told._replace(out=""), "there is no model 'te_vww'")
    add_model("te_vww")
    told = cli("tinyml", "bench", "te_vww", "--models", "models", "--peers")
    assert "TinyEngine" in told.out


def test_figures_of_peers():
    """What stands in the data agrees with itself, and every model has CMSIS-NN's."""
    data = baselines()
    every = [
        peer for core in CORES for model in data["io"] for peer in peers(core, model)
    ]
    assert len(every) == len(data["peers"])
    for peer in every:
        assert peer.ram == peer.arena + peer.static + peer.stack
        assert peer.arithmetic in data["arithmetic"]
        assert peer.instructions * 0.6 < peer.cycles_estimated < peer.instructions * 1.4
    for model, io in data["io"].items():
        for core in CORES:
            assert cmsis_nn(core, model, io) is not None
            assert cmsis_nn(core, model, "other") is None
    for board in data["boards"]:
        # A board takes more cycles than the model, which has no wait states.
        ratio = board["ms"] * board["mhz"] * 1000 / board["model_cycles"]
        assert 1.15 < ratio < 1.36


def test_compilers(cli: Cli):
    add_model("a")
    arguments = ("--models", "models", "--compilers", "--json", "rows.json")
    try:
        find_toolchain("arm-none-eabi-gcc", "cortex-m4")
    except ToolchainError:
        is_refusal(cli("tinyml", "bench", *arguments)._replace(out=""), "not installed")
        pytest.skip("arm-none-eabi-gcc is not installed")
    told = cli("tinyml", "bench", *arguments, "--markdown", "page.md")
    assert told.status == 0, told.err
    (row,) = json.loads(Path("rows.json").read_text())
    clang, gcc = row["cycles_estimated"]
    assert row["difference_percent"] == pytest.approx(100 * (gcc / clang - 1))
    assert row["verdict"] == "equal"
    for text in (told.out, Path("page.md").read_text()):
        assert f"{clang:,}" in text
        assert f"{gcc:,}" in text


def test_quantized_inputs_against_the_interpreter(cli: Cli):
    add_model("a")
    (row,) = bench(cli, "--io", "quantized", "--target", "host", "--objective", "ram")
    assert (row["io"], row["equal"], row["result"]["sets"]) == ("quantized", True, 1)


@pytest.mark.parametrize(
    "arguments, part",
    [
        (("--models", "nowhere"), "nowhere"),
        (("--models", "models"), "there are no models"),
        (("other", "--models", "models"), "other"),
    ],
)
def test_what_is_refused(cli: Cli, arguments: tuple[str, ...], part: str):
    told = cli("tinyml", "bench", *arguments)
    is_refusal(told._replace(out=""), part)
