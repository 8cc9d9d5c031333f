"""
The command line of `tinyml`: subcommands and their options.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NoReturn

import tinyml
from tinyml.tools import diff_command
from tinyml.tools.commands import (
    command_bench,
    command_compile,
    command_import,
    command_new_pass,
    command_pareto,
    command_quantize,
    command_report,
    command_run,
)

SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def parse_size(text: str) -> int:
    """Bytes from `64K`, `64KiB`, `64kB`, `1M` or `65536`."""
    number = text.lower().removesuffix("ib").removesuffix("b")
    unit = number[-1:] if number[-1:] in SIZE_UNITS else ""
    digits = number.removesuffix(unit) if unit else number
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size like 64K, 64KiB or 65536"
        )
    return int(digits) * SIZE_UNITS[unit]


def parse_percentage(text: str) -> float:
    """A percentage from 0 on."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage like 0 or 12.5")
    return number


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all other errors are."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}; see {self.prog} --help\n")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--inputs", type=Path, metavar="FILE.npz", help="input sets")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE.npz",
        help="outputs to compare with, and the inputs that belong to them",
    )
    parser.add_argument(
        "--layers",
        metavar="FILE",
        help="checksums of every layer's output, or `interpreter`, or `tflm`",
    )
    parser.add_argument(
        "--simulator",
        choices=["unicorn", "qemu", "host"],
        help="default: unicorn, for target host the machine itself",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the result as JSON"
    )
    parser.add_argument(
        "--flash-size", type=parse_size, help="flash of the simulated core"
    )
    parser.add_argument("--ram-size", type=parse_size, help="RAM of the simulated core")
    parser.add_argument(
        "--no-measure",
        action="store_true",
        help="compare only: no instruction counts, no RAM map",
    )
    parser.add_argument(
        "--check-alignment",
        action="store_true",
        help="report unaligned accesses of several words",
    )
    parser.add_argument(
        "--poison",
        action="store_true",
        help="run the first set on arenas of other garbage, report what differs",
    )


def add_common_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--toolchain", help="ziglang (default), arm-none-eabi-gcc; on the host also cc"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="tinyml", description="Convolutional networks on microcontrollers."
    )
    parser.add_argument(
        "--version", action="version", version=f"tinyml {tinyml.__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True)

    compile = commands.add_parser("compile", help="a model to C")
    compile.add_argument("model", type=Path, help=".tflite, .onnx, .pt2 or .mlir")
    compile.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    compile.add_argument("--target", default="cortex-m4")
    compile.add_argument("--ram", type=parse_size, metavar="SIZE", help="budget")
    compile.add_argument("--flash", type=parse_size, metavar="SIZE", help="budget")
    compile.add_argument(
        "--objective", choices=["ram", "cycles", "size"], default="cycles"
    )
    compile.add_argument(
        "--stages",
        default="auto",
        metavar="auto|off|FILE",
        help="a plan's text, or FILE.json:N for point N of tinyml pareto",
    )
    compile.add_argument("--max-extra-macs", type=parse_percentage, metavar="PERCENT")
    compile.add_argument(
        "--input",
        choices=["resident", "callback", "stream"],
        default="resident",
        help="where an image of bytes is: in the arena, or asked for by the row",
    )
    compile.add_argument("--io", choices=["model", "quantized"], default="model")
    compile.add_argument("--pipeline", metavar="@NAME|PASSES")
    compile.add_argument("--name", metavar="NET", help="prefix of all symbols")
    compile.add_argument("--run", action="store_true", help="then run it")
    add_common_options(compile)
    add_run_options(compile)
    compile.set_defaults(function=command_compile)

    run = commands.add_parser("run", help="run compiled C and compare")
    run.add_argument("directory", type=Path, help="what tinyml compile wrote")
    add_common_options(run)
    run.add_argument(
        "--model", type=Path, metavar="FILE.tflite", help="for --layers tflm"
    )
    add_run_options(run)
    run.set_defaults(function=command_run)

    diff = commands.add_parser("diff", help="where two networks differ, and why")
    diff_command.add_options(diff)

    quantize = commands.add_parser("quantize", help="a model of floats to int8")
    quantize.add_argument("model", type=Path, help="a .onnx or .pt2 file of floats")
    quantize.add_argument(
        "--calibration",
        type=Path,
        required=True,
        metavar="FILE.npz",
        help="`inputs` (`inputs_1`, ...) with the sets along axis 0",
    )
    quantize.add_argument("-o", "--output", type=Path, required=True)
    quantize.add_argument(
        "--reference",
        type=Path,
        metavar="FILE.npz",
        help="also write the int8 model's outputs on these inputs",
    )
    quantize.add_argument("--debug", action="store_true", help="show tracebacks")
    quantize.set_defaults(function=command_quantize)

    pareto = commands.add_parser("pareto", help="what less RAM costs in work")
    pareto.add_argument("model", type=Path, help=".tflite, .onnx, .pt2 or .mlir")
    pareto.add_argument(
        "--input",
        choices=["resident", "callback", "stream"],
        default="resident",
        help="as of compile",
    )
    pareto.add_argument("--io", choices=["model", "quantized"], default="model")
    pareto.add_argument(
        "--max-extra-macs",
        type=parse_percentage,
        default=100.0,
        metavar="PERCENT",
        help="work that may be done more than once; default: 100",
    )
    pareto.add_argument("--json", type=Path, metavar="FILE", help="write the points")
    pareto.add_argument("--svg", type=Path, metavar="FILE", help="draw them")
    pareto.add_argument("--debug", action="store_true", help="show tracebacks")
    pareto.set_defaults(function=command_pareto)

    bench = commands.add_parser("bench", help="a table of networks")
    bench.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    bench.add_argument("--models", type=Path, required=True, metavar="DIR")
    bench.add_argument("--target", default="cortex-m4")
    bench.add_argument(
        "--objective", choices=["ram", "cycles", "size"], default="cycles"
    )
    bench.add_argument(
        "--io",
        choices=["model", "quantized"],
        help="as of compile; default: model, with --peers as peers were run",
    )
    bench.add_argument("--sets", type=int, help="input sets to run; default: all")
    bench.add_argument(
        "--layers", action="store_true", help="compare every layer too, natively"
    )
    bench.add_argument(
        "--check-alignment",
        action="store_true",
        help="report unaligned accesses of several words",
    )
    tables = bench.add_mutually_exclusive_group()
    tables.add_argument(
        "--functions",
        action="store_true",
        help="where cycles go: kinds of layers, kernel functions",
    )
    tables.add_argument(
        "--peers", action="store_true", help="beside other engines; default: theirs"
    )
    tables.add_argument(
        "--compilers", action="store_true", help="built by clang and by gcc"
    )
    bench.add_argument("--json", type=Path, metavar="FILE")
    bench.add_argument("--markdown", type=Path, metavar="FILE", help="write a page")
    bench.add_argument("--debug", action="store_true", help="show tracebacks")
    bench.set_defaults(function=command_bench)

    report = commands.add_parser("report", help="a page about a compiled network")
    report.add_argument("directory", type=Path, help="what tinyml compile wrote")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html")
    report.add_argument(
        "--pareto",
        nargs="?",
        const=True,
        metavar="FILE.json",
        help="with what less RAM costs: what tinyml pareto wrote, or searched now",
    )
    report.add_argument(
        "--run",
        nargs="?",
        const=True,
        metavar="FILE.json",
        help="with where cycles go in a run: what tinyml run wrote, or run now",
    )
    add_common_options(report)
    report.set_defaults(function=command_report)

    imports = commands.add_parser("import", help="a model to textual IR")
    imports.add_argument("model", type=Path)
    imports.add_argument("-o", "--output", type=Path, help="default: stdout")
    imports.add_argument(
        "--elide", action="store_true", help="shorten constants, for reading only"
    )
    imports.add_argument("--debug", action="store_true", help="show tracebacks")
    imports.set_defaults(function=command_import)

    scaffold = commands.add_parser("new-pass", help="a pass to start from")
    scaffold.add_argument("name", metavar="NAME", help="such as count-zeros")
    scaffold.add_argument(
        "--dir",
        type=Path,
        metavar="DIR",
        help="a checkout, or a folder for a file for tinyml-opt --load",
    )
    scaffold.add_argument("--debug", action="store_true", help="show tracebacks")
    scaffold.set_defaults(function=command_new_pass)
    return parser
