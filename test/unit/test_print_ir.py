"""Where `tinyml-opt` elides constants: on a terminal, unless it is told otherwise."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from command_lines import Cli

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"
ELIDED = "dense<__elided__>"


def on_terminal(*options: str) -> str:
    """What `tinyml-opt` writes to a terminal."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "tinyml.tools.tinyml_opt", str(DIGITS), *options]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer):
        os.close(writer)
        found = b""
        try:
            while part := os.read(reader, 1 << 16):
                found += part
        except OSError:
            # On Linux that is how a terminal ends.
            pass
    os.close(reader)
    return found.decode()


def test_terminal_gets_what_can_be_read():
    assert ELIDED in on_terminal()
    assert ELIDED not in on_terminal("--no-elide")


def test_pipe_and_file_get_all(cli: Cli):
    assert ELIDED not in cli("tinyml-opt", DIGITS).out
    assert ELIDED in cli("tinyml-opt", DIGITS, "--elide").out
    options = ["-p", "dce", "-o", "digits.mlir", "--dump-ir-dir", "steps"]
    assert cli("tinyml-opt", DIGITS, *options).status == 0
    for file in ("digits.mlir", "steps/00_input.mlir", "steps/01_dce.mlir"):
        assert ELIDED not in Path(file).read_text("utf-8")
