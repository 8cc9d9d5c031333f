"""`tinyml new-pass`: what it writes works as it stands."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import Cli, is_refusal

from tinyml.tools.new_pass import NewPass, passes_page, registered

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PARTS = ["backend", "dialects", "docs", "frontend", "interp", "passes", "tools"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What there is of a checkout, as far as a pass needs it."""
    root = tmp_path / "checkout" / "tinyml"
    for part in [*PARTS, "test/filecheck"]:
        skipped = shutil.ignore_patterns("__pycache__", "Output")
        shutil.copytree(ROOT / part, root / part, ignore=skipped)
    for file in ("__init__.py", "universe.py", "pyproject.toml"):
        shutil.copy(ROOT / file, root / file)
    return root


def run(*words: str | Path) -> str:
    done = subprocess.run(
        list(map(str, words)), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_in_a_checkout(cli: Cli, checkout: Path):
    told = cli("tinyml", "new-pass", "count-zeros", "--dir", checkout)
    assert told.status == 0, told.err
    made = checkout / "passes" / "count_zeros.py"
    assert str(made) in told.out
    assert "tinyml-count-zeros" in (checkout / "docs" / "passes.md").read_text("utf-8")
    assert (checkout / "docs" / "passes.md").read_text("utf-8") == passes_page(checkout)
    run(BIN / "ruff", "check", made, checkout / "universe.py")
    run(BIN / "ruff", "format", "--check", made, checkout / "universe.py")
    test = checkout / "test" / "filecheck" / "passes" / "count_zeros.mlir"
    printed = run(BIN / "tinyml-opt", test, "--load", made, "-p", "tinyml-count-zeros")
    assert "{tinyml.count_zeros}" in printed
    is_refusal(
        cli("tinyml", "new-pass", "count-zeros", "--dir", checkout),
        "universe.py: tinyml-count-zeros is there already",
    )


def test_in_another_folder(cli: Cli):
    assert cli("tinyml", "new-pass", "tinyml-my-idea", "--dir", "ideas").status == 0
    loaded = ["ideas/my_idea.mlir", "--load", "ideas/my_idea.py"]
    printed = cli("tinyml-opt", *loaded, "-p", "tinyml-my-idea").out
    assert "{tinyml.my_idea}" in printed
    printed = cli("tinyml-opt", *loaded, "-p", "tinyml-my-idea{macs=1}").out
    assert "{tinyml.my_idea}" not in printed
    is_refusal(
        cli("tinyml", "new-pass", "my-idea", "--dir", "ideas"),
        "my_idea.py is there already",
    )


@pytest.mark.parametrize("name", ["", "My", "a_b", "a--b", "a/b", "1a"])
def test_wrong_name(cli: Cli, name: str):
    told = cli("tinyml", "new-pass", name, "--dir", "ideas")
    is_refusal(told, "is not a name of a pass such as count-zeros")
    assert not Path("ideas").exists()


def test_long_name_is_wrapped():
    made = NewPass("a-name-of-a-pass-that-is-too-long-for-one-line")
    text = registered((ROOT / "universe.py").read_text("utf-8"), made)
    assert max(map(len, text.splitlines())) <= 88
