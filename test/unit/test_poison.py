"""
`tinyml run --poison`: reads of bytes that nothing has written are told by two runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_lines import Cli

PIPELINE = (
    "tinyml-convert-layers-to-loops,tinyml-lower-arena,tinyml-insert-layer-hooks,dce,"
    "tinyml-mark-readonly"
)


NETWORK = """
func.func @net(
  %x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x", 0.5 : 0>, tinyml.at = 0 : i64},
  %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y", 0.5 : 0>, tinyml.at = 4 : i64}
) attributes {tinyml.arena_bytes = 20 : i64} {
  %a = tinyml.alloc at 8 : memref<4xi8>
  %b = tinyml.alloc at 12 : memref<4xi8>
  tinyml.reshape ins(%x : memref<4xi8>) outs(%a : memref<4xi8>) loc("first")
  tinyml.reshape ins(%a : memref<4xi8>) outs(%b : memref<4xi8>) loc("second")
  tinyml.reshape ins(%b : memref<4xi8>) outs(%y : memref<4xi8>) loc("third")
  func.return
}
"""


def compile_network(cli: Cli, target: str, source: str) -> None:
    """The network, but its second layer reads `source`."""
    Path("net.mlir").write_text(NETWORK)
    options = ("--target", target, "--pipeline", PIPELINE)
    made = cli("tinyml", "compile", "net.mlir", "-o", "out", *options)
    assert made.status == 0, made.err
    code = Path("out/net.c")
    before, call, after = code.read_text().partition("net_layer_01_reshape(a, b)")
    assert call
    code.write_text(f"{before}net_layer_01_reshape({source}, b), (void)a{after}")


def run_json(cli: Cli, *options: str, status: int) -> dict[str, Any]:
    told = cli("tinyml", "run", "out", "--no-measure", *options, "--json", "r.json")
    assert told.status == status, told.err
    return json.loads(Path("r.json").read_text())


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_what_is_written_may_be_read(cli: Cli, target: str):
    compile_network(cli, target, "a")
    result = run_json(cli, "--poison", status=0)
    assert result["unwritten_reads"] == []
    assert result["faults"] == []


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_unwritten_reads(cli: Cli, target: str):
    compile_network(cli, target, "arena + 16")
    result = run_json(cli, "--poison", status=1)
    assert result["unwritten_reads"] == [
        "layer 1 tinyml.reshape 'second'",
        "layer 2 tinyml.reshape 'third'",
        "output 'y'",
    ]
    assert result["faults"] == [
        "layer 1 tinyml.reshape 'second' depends on bytes that nothing has written"
    ]


def test_only_if_asked_for(cli: Cli):
    compile_network(cli, "host", "arena + 16")
    assert run_json(cli, status=1)["unwritten_reads"] is None
