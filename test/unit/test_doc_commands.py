"""The commands that README.md and the pages of docs show work, in their order."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from checkout import ROOT, copy_checkout, run_in
from markdown_blocks import commands
from tflite_models import small_network

PAGES = ["README.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]

NOT_RUN = {
    "make demo": "it installs, and runs for a minute",
    "make test": "it is what runs this",
    ".venv/bin/tinyml-opt back.mlir": "back.mlir comes from MLIR's mlir-opt",
    "tinyml compile model.tflite -o out --input callback --stages front.json:3": (
        "the plan is that of a larger model"
    ),
    "tinyml-reduce": "it needs something that fails; test/filecheck/tools/crash.mlir",
    "make setup": "it installs",
    "mlir-opt{": "MLIR's mlir-opt need not be there",
}
"""Parts of commands that do not run here, and why."""


def reason_not_to_run(command: str) -> str | None:
    found = [why for part, why in NOT_RUN.items() if part in command]
    return found[0] if found else None


def write_models(root: Path) -> None:
    """The files that pages speak of: small models, and what one of them computes."""
    model = small_network()
    (root / "model.tflite").write_bytes(model.bytes)
    digits = root / "examples" / "digits" / "digits_int8.onnx"
    (root / "model.onnx").write_bytes(digits.read_bytes())
    shape = model.tensors[model.inputs[0]].shape
    image = np.random.default_rng(0).integers(-128, 128, shape, np.int8)
    (scores,) = model.run(image)
    np.savez(root / "reference.npz", inputs=image[None], tflm_outputs=scores[None])


def shown(page: str) -> list[str]:
    return list(commands((ROOT / page).read_text("utf-8")))


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)])
def test_commands(page: str, tmp_path: Path):
    root = copy_checkout(tmp_path)
    write_models(root)
    for command in shown(page):
        if reason_not_to_run(command) is not None:
            continue
        done = run_in(root, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}"


def test_there_are_commands():
    words = [shlex.split(c, comments=True) for page in PAGES for c in shown(page)]
    assert {"tinyml", "tinyml-opt"} <= {Path(word[0]).name for word in words}
    assert len(words) > 10
