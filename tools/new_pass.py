"""
`tinyml new-pass NAME`: a pass to start from, with its test, that works as it stands.

In a checkout of this project the pass is registered in universe.py and described in
docs/passes.md; in any other folder it is a file for `tinyml-opt --load`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from xdsl.utils.exceptions import DiagnosticException

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

PASS = '''\
"""
Marks layers that do much work.

Expects a network of layers. Guarantees an attribute on every layer that makes at least
as many multiply-accumulates as the option says. Nothing else changes.

Before: `tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)`
After: the same with `{{tinyml.{snake}}}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.passes import ModulePass

from tinyml.dialects.network import layers, network_function


@dataclass(frozen=True)
class {camel}Pass(ModulePass):
    """Marks layers that do much work."""

    name = "{name}"

    macs: int = 0
    """Multiply-accumulates that a layer makes at least to be marked."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if layer.macs() >= self.macs:
                layer.attributes["tinyml.{snake}"] = UnitAttr()
'''

TEST = """\
// RUN: tinyml-opt %s{load} -p {name} | filecheck %s
// RUN: tinyml-opt %s{load} -p '{name}{{macs=1}}' | filecheck %s --check-prefix=MACS

// A reshape multiplies nothing.
func.func @network(%x: memref<1x4xi8> {{tinyml.input = #tinyml.tensor<"x">}}, \
%y: memref<4xi8> {{tinyml.output = #tinyml.tensor<"y">}}) {{
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)
  func.return
}}

// CHECK:    tinyml.reshape {{{{.*}}}} {{tinyml.{snake}}}
// MACS-NOT: tinyml.{snake}
"""


@dataclass(frozen=True)
class NewPass:
    """The names that derive from one another."""

    stem: str
    """As it is asked for: `count-zeros`."""

    @property
    def name(self) -> str:
        return f"tinyml-{self.stem}"

    @property
    def snake(self) -> str:
        return self.stem.replace("-", "_")

    @property
    def camel(self) -> str:
        return "".join(part.capitalize() for part in self.stem.split("-"))

    def filled(self, template: str, load: str = "") -> str:
        return template.format(
            name=self.name, snake=self.snake, camel=self.camel, load=load
        )


def new_pass(asked: str, folder: Path | None) -> list[Path]:
    """
    Writes a pass into a folder, by default the checkout that this package is. Returns
    the files that it wrote or changed. Raises DiagnosticException if one is there.
    """
    stem = asked.removeprefix("tinyml-")
    if not NAME.fullmatch(stem):
        raise DiagnosticException(
            f"{asked!r} is not a name of a pass such as count-zeros"
        )
    made, root = NewPass(stem), folder or Path(__file__).parents[1]
    if (root / "universe.py").is_file() and (root / "test" / "filecheck").is_dir():
        return in_checkout(made, root)
    if folder is None:
        raise DiagnosticException("this package is no checkout; expected --dir DIR")
    load = f" --load %S/{made.snake}.py"
    files = {
        root / f"{made.snake}.py": made.filled(PASS),
        root / f"{made.snake}.mlir": made.filled(TEST, load),
    }
    write_new(files)
    return list(files)


def in_checkout(made: NewPass, root: Path) -> list[Path]:
    universe, page = root / "universe.py", root / "docs" / "passes.md"
    text = universe.read_text("utf-8")
    if f'"{made.name}"' in text:
        raise DiagnosticException(f"{universe}: {made.name} is there already")
    tests = root / "test" / "filecheck" / "passes"
    files = {
        root / "passes" / f"{made.snake}.py": made.filled(PASS),
        tests / f"{made.snake}.mlir": made.filled(TEST),
    }
    write_new(files)
    universe.write_text(registered(text, made), "utf-8")
    page.write_text(passes_page(root), "utf-8")
    return [*files, universe, page]


def registered(universe: str, made: NewPass) -> str:
    """The text of universe.py with the pass behind all others."""
    end = universe.index("\n}\n", universe.index("PASSES = {"))
    place = f'"{made.snake}", "{made.camel}Pass"'
    line = f'\n    "{made.name}": ({place}),'
    if len(line) > 89:
        lines = place.replace(", ", ",\n        ")
        line = f'\n    "{made.name}": (\n        {lines},\n    ),'
    return universe[:end] + line + universe[end:]


def write_new(files: dict[Path, str]) -> None:
    """Writes files that are not there, or none of them."""
    for file in files:
        if file.exists():
            raise DiagnosticException(f"{file} is there already")
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


def passes_page(root: Path) -> str:
    """The page of passes of a checkout, which need not be the one that runs."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tinyml").symlink_to(root.resolve())
        return subprocess.run(
            [sys.executable, "-m", "tinyml.tools.passes_page"],
            env={**os.environ, "PYTHONPATH": folder},
            cwd=folder,
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout
