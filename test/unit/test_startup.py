"""What `tinyml-opt` imports before it knows what it is asked for: next to nothing."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from tinyml.tools.tinyml_opt import main
sys.argv = ["tinyml-opt", *{words!r}]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""

HEAVY = ["numpy", "onnx", "tflite", "torch", "unicorn", "capstone", "rich"]


@pytest.mark.parametrize("words", [["--help"], ["-p", "@default", "--print-pipeline"]])
def test_heavy_modules_stay_out(words: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(words=words)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout
    loaded = done.stderr.split()
    allowed = [] if words == ["--help"] else ["numpy"]
    assert [name for name in HEAVY if name in loaded] == allowed


def test_help_imports_no_pass():
    program = PROGRAM.format(words=["--help"])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    loaded = done.stderr.split()
    assert "tinyml.universe" in loaded
    assert not [name for name in loaded if name.startswith("tinyml.dialects.")]
    passes = [name for name in loaded if name.startswith("tinyml.passes.")]
    assert passes == ["tinyml.passes.pipelines"]
