"""`tinyml bench`: a row for every model of a folder, right, wrong or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import Cli, is_refusal
from tflite_models import Model, random_int8, small_network

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import interpreted, load_report, load_sets
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network

SETS = 2


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
