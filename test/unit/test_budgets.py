"""What is said of budgets that are missed: where the bytes are, and true ways out."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from command_lines import Cli, is_refusal
from test_memory_map import tower
from tflite_models import Model, small_network

from tinyml.backend.budgets import Variant, excess, missed_budget


def report(ram: int, flash: int) -> dict[str, Any]:
    return {
        "model": "net.tflite",
        "ram": {"arena": ram - 2, "scratch": 1, "static": 0, "stack": 2, "total": ram},
        "flash": {"weights": flash, "tables": 0, "code": 0, "total": flash},
        "peak": {"op": "a", "bytes": 16},
    }


def test_excess():
    assert excess(report(10, 20), {"ram": None, "flash": None}) == 0
    assert excess(report(10, 20), {"ram": 10, "flash": 20}) == 0
    assert excess(report(10, 20), {"ram": 8, "flash": None}) == 0.25
    assert excess(report(10, 20), {"ram": 8, "flash": 10}) == 1.25
    assert excess(report(10, 20), {"ram": 0, "flash": 30}) == 10


def test_missed_budget():
    memory = tower("x", "a", "y")
    variants = [
        Variant("--more", lambda: report(19, 20)),
        Variant("--same", lambda: report(18, 20)),
        Variant("--less", lambda: report(12, 20)),
        Variant("--least", lambda: report(9, 20)),
    ]
    assert missed_budget(report(18, 20), memory, {"ram": 18}, variants) is None
    assert missed_budget(report(18, 20), memory, {"ram": 10}, variants) == (
        "net.tflite: needs 18 bytes of ram (arena 16, stack 2), 8 more than the budget "
        "of 10; the peak is conv2d 'a' with 16 bytes alive; ways out: --least (needs "
        "9), --less (needs 12), --ram 18"
    )
    named = {"net_a_weights": 100, "net_b_bias": 8, "net_c_bias": 9, "net_d_bias": 8}
    memory = dataclasses.replace(memory, constants=named)
    assert missed_budget(report(18, 20), memory, {"ram": 18, "flash": 5}, []) == (
        "net.tflite: needs 20 bytes of flash (weights 20), 15 more than the budget of "
        "5; the largest constants are a_weights 100, c_bias 9, b_bias 8; ways out: "
        "--flash 20"
    )


def test_names_in_the_message_are_one_line():
    found = report(18, 20) | {"peak": {"op": "\x1b[31m\n" + "n" * 500, "bytes": 16}}
    text = missed_budget(found, tower("x", "a", "y"), {"ram": 10}, [])
    assert text is not None
    assert text.isprintable()
    assert len(text) < 300


# Through the command line


def compiles(cli: Cli, directory: str, *options: str) -> dict[str, Any]:
    """The report of `tinyml compile`."""
    told = cli("tinyml", "compile", "net.tflite", "-o", directory, *options)
    assert told.status == 0, told.err
    return json.loads((Path(directory) / "report.json").read_text())


def floats_outside() -> Model:
    """The input is quantized first: without that the network is a fourth."""
    model = Model()
    x = model.input((1, 64), None, 0, "float32", name="x")
    y = model.op("QUANTIZE", [x], (1, 64), 0.5, 3)
    y = model.op("ADD", [y, y], (1, 64), 1.0, 3)
    model.output(model.op("DEQUANTIZE", [y], (1, 64), None, type="float32", name="y"))
    return model


def test_io_quantized_is_a_way_out(cli: Cli):
    """What the message promises holds."""
    Path("net.tflite").write_bytes(floats_outside().bytes)
    needed = compiles(cli, "a")["ram"]["total"]
    told = cli("tinyml", "compile", "net.tflite", "-o", "b", "--ram", "1")
    is_refusal(told, f"needs {needed} bytes of ram", f"--ram {needed}\n")
    found = re.search(r"--io quantized \(needs (\d+)\)", told.err)
    assert found is not None
    assert int(found[1]) < needed
    budget = "--io", "quantized", "--ram", found[1]
    assert compiles(cli, "c", *budget)["ram"]["total"] == int(found[1])
    # It is no way out of itself.
    told = cli("tinyml", "compile", "net.tflite", "-o", "b", *budget[:3], "1")
    is_refusal(told, f"ways out: --ram {found[1]}\n")
    assert not Path("b").exists()


def test_the_own_pipeline_is_a_way_out(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    needed = compiles(cli, "a", "--objective", "ram")["ram"]["total"]
    reference = "--pipeline", "@reference", "--ram", str(needed)
    told = cli("tinyml", "compile", "net.tflite", "-o", "b", *reference)
    is_refusal(told, f"no --pipeline (needs {needed})")


def test_flash_names_constants(cli: Cli):
    Path("net.tflite").write_bytes(small_network().bytes)
    told = cli("tinyml", "compile", "net.tflite", "-o", "b", "--flash", "1")
    is_refusal(told, "the largest constants are", "_weights 72", "ways out: ")
    assert re.search(r"--flash \d+\n$", told.err)


def test_memory_in_the_report(cli: Cli):
    """The peak is at most the arena, and the picture shows the same arena."""
    Path("net.tflite").write_bytes(small_network().bytes)
    for options in ((), ("--objective", "ram"), ("--pipeline", "@reference")):
        found = compiles(cli, "a", *options)
        live = {layer["name"]: layer["live_bytes"] for layer in found["layers"]}
        assert found["peak"]["bytes"] == max(live.values())
        assert live[found["peak"]["op"]] == found["peak"]["bytes"]
        arena = found["ram"]["arena"]
        assert found["peak"]["bytes"] <= arena
        assert found["lower_bound"] <= arena
        assert found["ram"]["scratch"] < arena
        text = Path("a/memory.svg").read_text()
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert f"arena {arena:,} B" in text
        assert "<title>Memory of net</title>" in text
