"""
`tinyml-opt`: `xdsl-opt` plus importers by file extension, named pipelines, and help.

`-p @default` runs a named pipeline; `--list-passes` and `--list-targets` say what each
pass and target is for; `--load FILE.py` adds the passes of a file. Errors are one line;
`--debug` shows where they come from.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.arg_spec import ArgSpecConvertible
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from tinyml.frontend.load import PARSER_ERRORS, describe_parser_error
from tinyml.passes.pipelines import PIPELINES, expand
from tinyml.tools.instrumentation import PassInstrumentation, run_passes
from tinyml.tools.load_passes import load_passes
from tinyml.universe import PASSES, TARGETS, TINYML_UNIVERSE


def describe(factory: Callable[[], type[Any]]) -> str:
    """A pass or target with its options, from docstring and fields."""
    cls = factory()
    lines = [(cls.__doc__ or "").strip().splitlines()[0]]
    assert issubclass(cls, ArgSpecConvertible)
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING
        default = "required" if required else f"default {field.default}"
        lines.append(f"    {field.name}: {field.type} ({default})")
    return "\n".join(lines)


class ListAction(argparse.Action):
    """Prints names with their descriptions, and ends."""

    def __init__(self, *args: Any, describe: Callable[[], str], **kwargs: Any):
        super().__init__(*args, nargs=0, **kwargs)
        self.describe = describe

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        print(self.describe())
        parser.exit()


def list_passes() -> str:
    """Every pass of this project, then the named pipelines."""
    texts = [
        f"{name}\n  {describe(TINYML_UNIVERSE.all_passes[name])}" for name in PASSES
    ]
    texts += [f"@{name}\n  {passes}" for name, passes in PIPELINES.items()]
    return "\n".join(texts)


def list_targets() -> str:
    factories: dict[str, Any] = dict(TINYML_UNIVERSE.all_targets)
    return "\n".join(f"{name}\n  {describe(factories[name])}" for name in TARGETS)


def importer(suffix: str) -> Callable[[IO[bytes]], ModuleOp]:
    def run(stream: IO[bytes]) -> ModuleOp:
        from tinyml.frontend.load import import_bytes

        return import_bytes(stream.read(), suffix, "network")

    return run


class TinyMLOptMain(xDSLOptMain):
    """The driver; everything not named here is `xdsl-opt`'s."""

    version_format = "tinyml-opt (xdsl {xdsl_version})"

    def register_all_frontends(self) -> None:
        super().register_all_frontends()
        for suffix in ("tflite", "onnx", "pt2"):
            self.available_frontends[suffix] = importer(f".{suffix}")

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.add_argument(
            "--list-passes",
            action=ListAction,
            describe=list_passes,
            help="describe the passes and pipelines of this project",
        )
        arg_parser.add_argument(
            "--list-targets",
            action=ListAction,
            describe=list_targets,
            help="describe the targets of this project",
        )
        arg_parser.add_argument(
            "--debug",
            action="store_true",
            help="show a traceback where an error comes from",
        )
        arg_parser.add_argument(
            "--load",
            action="append",
            default=[],
            type=Path,
            metavar="FILE.py",
            help="make the passes that a Python file defines known, by their names",
        )

    def setup_pipeline(self) -> None:
        for file in self.args.load:
            for name, factory in load_passes(file).items():
                self.register_pass(name, factory)
        try:
            self.args.passes = expand(self.args.passes)
            super().setup_pipeline()
        except ValueError as error:
            raise DiagnosticException(str(error)) from error

    def observers(self) -> Sequence[PassInstrumentation]:
        """What the options ask to look on while passes run."""
        return ()

    def apply_passes(self, prog: ModuleOp) -> None:
        run_passes(
            self.ctx,
            prog,
            self.pipeline.passes,
            self.observers(),
            verify=not self.args.disable_verify,
        )

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        try:
            return super().prepare_input()
        except ValueError as error:
            raise DiagnosticException(str(error)) from error

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        try:
            return super().parse_chunk(chunk, file_extension, start_offset)
        except PARSER_ERRORS as error:
            # `--parsing-diagnostics` wants to see a ParseError.
            if file_extension != "mlir" or isinstance(error, ParseError):
                raise
            raise DiagnosticException(describe_parser_error(error)) from error


def main() -> None:
    # IR is one web of references; looking for garbage in it finds none.
    gc.set_threshold(1_000_000)
    try:
        TinyMLOptMain(description="tinyml modular optimizer driver").run()
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Exception, ArgSpecParseError) as error:
        if "--debug" in sys.argv:
            raise
        from tinyml.tools.errors import describe_error

        print(f"tinyml-opt: {describe_error(error)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
