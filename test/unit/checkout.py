"""A copy of this checkout for tests that change it, and commands that run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = """
backend benchmarks dialects docs examples frontend interp passes tools
test/filecheck test/unit
"""
FILES = "CONTRIBUTING.md README.md __init__.py pyproject.toml py.typed universe.py"


def copy_checkout(folder: Path) -> Path:
    """
    What there is of this checkout but for Git, as `tinyml`. There is no Makefile, which
    would install the copy into the environment that both share.
    """
    root = folder / "tinyml"
    skipped = shutil.ignore_patterns("__pycache__", "Output", "results")
    for name in FOLDERS.split():
        shutil.copytree(ROOT / name, root / name, ignore=skipped)
    for name in FILES.split():
        shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(Path(sys.prefix))
    return root


def run_in(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script in a copy, whose package is the copy; stderr is part of stdout."""
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=root,
        env={**os.environ, "PATH": tools, "PYTHONPATH": str(root.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
