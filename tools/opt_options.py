"""The options of `tinyml-opt` that `xdsl-opt` does not have."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


class TellAction(argparse.Action):
    """Prints what a function says, of the option's value if it has one, and ends."""

    def __init__(
        self, *args: Any, tell: Callable[..., str], nargs: int | None = 0, **kwargs: Any
    ):
        super().__init__(*args, nargs=nargs, **kwargs)
        self.tell = tell

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            print(self.tell() if self.nargs == 0 else self.tell(values))
        except LookupError as error:
            parser.exit(1, f"tinyml-opt: {error.args[0]}\n")
        parser.exit()


def list_passes() -> str:
    from tinyml.tools.pass_help import list_passes

    return list_passes()


def list_targets() -> str:
    from tinyml.tools.pass_help import list_targets

    return list_targets()


def help_pass(name: str) -> str:
    from tinyml.tools.pass_help import help_pass

    return help_pass(name)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_help_options(parser.add_argument_group("what there is"))
    running = parser.add_argument_group("while passes run")
    add_print_options(running)
    add_check_options(running)
    add_failure_options(parser.add_argument_group("when a pass fails"))
    parser.add_argument(
        "--debug",
        action="store_true",
        help="show a traceback where an error comes from",
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.py",
        help="make the passes that a Python file defines known, by their names",
    )


def add_help_options(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument(
        "--list-passes",
        action=TellAction,
        tell=list_passes,
        help="describe the passes and pipelines of this project",
    )
    group.add_argument(
        "--list-targets",
        action=TellAction,
        tell=list_targets,
        help="describe the targets of this project",
    )
    group.add_argument(
        "--help-pass",
        action=TellAction,
        tell=help_pass,
        nargs=None,
        metavar="NAME",
        help="say all about a pass, a pipeline or a target",
    )
    group.add_argument(
        "--print-pipeline",
        action="store_true",
        help="print the passes that -p stands for, all by name, and end",
    )


def add_print_options(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    for when in ("before", "after"):
        group.add_argument(
            f"--print-ir-{when}",
            action="append",
            default=[],
            metavar="PASS",
            help=f"print the IR {when} a pass, on stderr; may be repeated",
        )
    group.add_argument(
        "--remarks",
        nargs="?",
        const="",
        metavar="PASS,...",
        help="print on stderr what passes did not do, and why; --remarks=PASS for some",
    )
    group.add_argument(
        "--pass-stats",
        choices=["text", "json"],
        nargs="?",
        const="text",
        help="on stderr, for each pass: seconds, ops, arena, MACs, cycles",
    )
    group.add_argument(
        "--pass-stats-file", type=Path, metavar="FILE", help="there instead of stderr"
    )
    group.add_argument(
        "--dump-ir-dir",
        type=Path,
        metavar="DIR",
        help="write the IR as 00_input.mlir, 01_PASS.mlir, 02_PASS.mlir, ...",
    )
    group.add_argument(
        "--elide",
        action=argparse.BooleanOptionalAction,
        help="shorten long constants; default: where IR goes to a terminal",
    )


def add_check_options(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument(
        "--check-each",
        action="store_true",
        help="run the network before and after every pass, stop where it changes",
    )
    group.add_argument(
        "--check-each-seeds",
        type=int,
        default=2,
        metavar="N",
        help="sets of random inputs, besides three extreme ones; default 2",
    )
    group.add_argument(
        "--check-each-steps",
        type=int,
        default=100_000,
        metavar="N",
        help="ops to interpret for all sets of a network; more run natively",
    )


def add_failure_options(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument(
        "--crash-reproducer",
        type=Path,
        default=Path("tinyml_reproducer.mlir"),
        metavar="FILE",
        help="where the passes that are left and their input are written if a pass "
        "crashes; default: tinyml_reproducer.mlir",
    )
    group.add_argument(
        "--reproducer",
        action="store_true",
        help="write that file for any failure, what a pass refuses and what does not "
        "verify among it",
    )
