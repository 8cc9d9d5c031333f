"""
`tinyml-reduce`: makes IR smaller as long as a pipeline fails on it the same way.

    tinyml-reduce FILE -p PASSES [--check-each] -o OUT
    tinyml-reduce FILE --test COMMAND -o OUT

With `--test`, a command has to return the same status, not 0, and say the same on the
last line of stderr but for names and numbers; `%s` in it is the file, or else the file
stands behind it.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException

from tinyml.backend.compiler import textual_ir
from tinyml.frontend.load import load_model, one_line
from tinyml.passes.pipelines import expand
from tinyml.tools.failures import DETAIL, Failure, failure_of
from tinyml.tools.load_passes import load_passes
from tinyml.tools.print_ir import IRStyle
from tinyml.tools.reduction import Holds, network_layers, reduced


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinyml-reduce",
        description="Make IR smaller as long as it fails the same way.",
    )
    parser.add_argument("file", type=Path, help=".mlir, or a model")
    parser.add_argument("-p", "--passes", help="passes that fail, as of tinyml-opt")
    parser.add_argument(
        "--test", metavar="COMMAND", help="instead, a shell command that fails on %%s"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.py",
        help="as of tinyml-opt",
    )
    parser.add_argument(
        "--check-each",
        action="store_true",
        help="with -p: a pass that changes a result fails too, as of tinyml-opt",
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def parse_passes(spec: str, files: list[Path]) -> tuple[ModulePass, ...]:
    """The passes of a string, with those that files define."""
    from xdsl.universe import Universe

    known = dict(Universe.get_multiverse().all_passes)
    for file in files:
        known |= load_passes(file)
    try:
        return PassPipeline.parse_spec(known, expand(spec)).passes
    except (ValueError, ArgSpecParseError) as error:
        raise DiagnosticException(one_line(error)) from error


def fails_the_same(module: ModuleOp, args: argparse.Namespace) -> Holds:
    """Whether passes fail as they do on this module."""
    from xdsl.context import Context

    from tinyml.tools.check_each import CheckEach

    passes = parse_passes(args.passes, args.load)

    def failure(module: ModuleOp) -> Failure | None:
        looking_on = [CheckEach()] if args.check_each else []
        return failure_of(Context(), passes, module, looking_on)

    first = failure(module.clone())
    if first is None:
        raise DiagnosticException(f"{args.file}: {args.passes} does not fail")
    return lambda smaller: failure(smaller) == first


def command_fails(module: ModuleOp, command: str, file: Path) -> Holds:
    """Whether a command fails as on this module, which is written to a file."""
    quoted = shlex.quote(str(file))
    line = command.replace("%s", quoted) if "%s" in command else f"{command} {quoted}"

    def failure(smaller: ModuleOp) -> tuple[int, str]:
        """Exit status and last line of stderr, without names and numbers."""
        file.write_text(text_of(smaller), "utf-8")
        done = subprocess.run(
            line, shell=True, capture_output=True, check=False, text=True
        )
        return done.returncode, DETAIL.sub("", done.stderr.strip().rpartition("\n")[2])

    first = failure(module)
    if first[0] == 0:
        raise DiagnosticException(f"{line!r} returns 0, expected another status")
    return lambda smaller: failure(smaller) == first


def text_of(module: ModuleOp) -> str:
    """The module as text, with locations if there are any."""
    if all(isinstance(op.location, UnknownLoc) for op in module.walk()):
        return IRStyle().text(module)
    return textual_ir(module)


def reduce_file(args: argparse.Namespace) -> None:
    if (args.passes is None) == (args.test is None):
        raise DiagnosticException("expected either -p or --test")
    module = load_model(args.file)
    with tempfile.TemporaryDirectory() as folder:
        if args.test is None:
            holds = fails_the_same(module, args)
        else:
            holds = command_fails(module, args.test, Path(folder) / "reduced.mlir")
        smaller = reduced(module, holds)
    args.output.write_text(text_of(smaller), "utf-8")
    before, after = len(network_layers(module)), len(network_layers(smaller))
    ops = len(list(module.walk())), len(list(smaller.walk()))
    print(f"{before} layers become {after}, {ops[0]} ops {ops[1]}")


def main() -> None:
    args = make_parser().parse_args()
    try:
        reduce_file(args)
    except Exception as error:
        if args.debug:
            raise
        from tinyml.tools.errors import error_line

        print(error_line("tinyml-reduce", error), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
