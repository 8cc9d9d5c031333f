"""
Everything that the tests of dialects spell goes through mlir-opt and back, in the generic
form: ops, types and attributes of ours are such that any tool of MLIR reads them.

MLIR's tools are not part of this project; where they are absent this test skips.
"""

from __future__ import annotations

import shutil
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from tinyml.frontend.load import parse_mlir

DIALECTS = Path(__file__).parents[1] / "filecheck" / "dialects"
SEPARATOR = "// -----\n"

NAMES = ("mlir-opt", *(f"mlir-opt-{version}" for version in range(30, 18, -1)))
MLIR_OPT = next(filter(None, map(shutil.which, NAMES)), None)


def parsed(text: str, name: str) -> ModuleOp:
    module = parse_mlir(text.encode(), name)
    module.verify()
    return module


def generic(module: ModuleOp) -> str:
    text = StringIO()
    Printer(text, print_generic_format=True).print_op(module)
    return text.getvalue() + "\n"


@pytest.mark.skipif(MLIR_OPT is None, reason="mlir-opt is not installed")
def test_dialects():
    texts = {file.name: file.read_text("utf-8") for file in DIALECTS.glob("*.mlir")}
    # The others are of what is refused.
    chunks = [
        (name, chunk)
        for name, text in sorted(texts.items())
        if "diagnostics" not in text.partition("\n")[0]
        for chunk in text.split(SEPARATOR)
    ]
    ours = [parsed(chunk, name) for name, chunk in chunks]
    options = ["--allow-unregistered-dialect", "--mlir-print-op-generic"]
    done = subprocess.run(
        [str(MLIR_OPT), "--split-input-file", *options],
        input=SEPARATOR.join(map(generic, ours)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:2000]
    theirs = done.stdout.split(SEPARATOR)
    assert len(ours) == len(theirs) > 20
    for (name, _), module, text in zip(chunks, ours, theirs, strict=True):
        assert module.is_structurally_equivalent(parsed(text, name)), name
