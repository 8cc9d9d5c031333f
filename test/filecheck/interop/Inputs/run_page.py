"""
Runs the commands of a page, those in indented blocks, one after the other, in a folder of
its own where `examples`, `.venv` and MLIR's tools are found. Exits with 1 if one fails.

    run_page.py MLIR_OPT PAGE
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

mlir_opt, page = map(Path, sys.argv[1:])
root = Path(__file__).resolve().parents[4]
commands = [
    line.strip()
    for line in page.read_text("utf-8").splitlines()
    if line.startswith("    ")
]
assert commands, f"{page} has no commands"
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "tools").mkdir()
    for tool in ("mlir-opt", "mlir-translate"):
        found = mlir_opt.with_name(mlir_opt.name.replace("mlir-opt", tool))
        (folder / "tools" / tool).symlink_to(found)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "examples").symlink_to(root / "examples")
    path = f"{folder / 'tools'}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["sh", "-e", "-c", command], cwd=folder, env={**os.environ, "PATH": path}
        )
        if done.returncode:
            sys.exit(f"{page}: this fails: {command}")
    for made in sorted(folder.glob("*.*")):
        if made.is_file():
            print(made.name, "empty" if made.stat().st_size == 0 else "made")
