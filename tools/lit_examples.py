"""Examples for generated pages: small IR from the lit tests, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import dedent

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.universe import Universe
from xdsl.utils.exceptions import DiagnosticException, ParseError

from tinyml.backend.compiler import run_pipeline
from tinyml.backend.mlir_target import ElidingPrinter

TESTS = Path(__file__).parents[1] / "test" / "filecheck"
LONGEST = 24
"""Lines of IR in an example of a pass, before it or after it."""

PASSES = re.compile(r"^// RUN: tinyml-opt %s (?:.* )?-p (?:'([^']*)'|(\S+))", re.M)


@dataclass(frozen=True)
class PassExample:
    """What a pass string makes of a module."""

    passes: str
    before: str
    after: str


def pass_example(name: str) -> PassExample | None:
    """The first chunk of a pass's test that fits on a page, if there is one."""
    file = TESTS / "passes" / f"{name.removeprefix('tinyml-').replace('-', '_')}.mlir"
    if not file.is_file():
        return None
    text = file.read_text("utf-8")
    runs = ["".join(found) for found in PASSES.findall(text)]
    passes = next((run for run in runs if run.partition("{")[0] == name), None)
    if passes is None:
        return None
    for chunk in chunks(text):
        try:
            module = parse(chunk)
            before = text_of(module)
            run_pipeline(module, passes)
        except (DiagnosticException, ParseError):
            continue
        after = text_of(module)
        if before != after and max(map(lines, (before, after))) <= LONGEST:
            return PassExample(passes, before, after)
    return None


def lines(text: str) -> int:
    return text.count("\n")


def op_examples(folder: Path) -> dict[str, str]:
    """For each op the first one of its name in the tests of a folder, as it prints."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.mlir")):
        if file.stem.endswith("_invalid"):
            continue
        for chunk in chunks(file.read_text("utf-8")):
            try:
                module = parse(chunk)
            except (DiagnosticException, ParseError):
                continue
            for op in module.walk():
                if op.name not in found:
                    found[op.name] = text_of(op)
    return found


def chunks(text: str) -> Iterator[str]:
    """The inputs of a lit test, without comments."""
    for chunk in text.split("// -----"):
        rows = chunk.splitlines()
        code = [row for row in rows if not row.strip().startswith("//")]
        yield "\n".join(code).strip() + "\n"


def parse(text: str) -> ModuleOp:
    context = Context()
    for dialect, factory in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(dialect, factory)
    return Parser(context, text).parse_module()


def text_of(op: Operation) -> str:
    """An op as it prints; of a module what is in it."""
    output = StringIO()
    ElidingPrinter(output).print_op(op)
    text = output.getvalue() + "\n"
    if isinstance(op, ModuleOp):
        text = dedent(text.partition("\n")[2].rpartition("}")[0])
    return text
