"""
`tinyml`: from a model file to C for a microcontroller, and to a run of it.

    tinyml compile MODEL -o DIR    C, textual IR and a report
    tinyml run DIR                 run it on a simulated core, compare every integer
    tinyml diff A B                where two networks differ first, and why
    tinyml pareto MODEL            what less RAM costs in work
    tinyml report DIR              a page about it: memory, stages, layers, cycles
    tinyml import MODEL            the model as textual IR
    tinyml new-pass NAME           a pass to start from

Errors are one line and exit status 1; `--debug` shows where they come from.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import math
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import tinyml
from tinyml.tools import diff_command

if TYPE_CHECKING:
    from tinyml.backend.bench import BenchOptions

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


def command_new_pass(args: argparse.Namespace) -> int:
    from tinyml.tools.new_pass import new_pass

    for file in new_pass(args.name, args.dir):
        print(file)
    return 0


def command_compile(args: argparse.Namespace) -> int:
    from tinyml.backend import runner
    from tinyml.backend.compiler import CompileOptions, compile_model
    from tinyml.backend.pareto import read_plan

    stages = args.stages
    if stages not in ("auto", "off"):
        stages = read_plan(stages, args.input, args.io)
    compiled = compile_model(
        args.model,
        CompileOptions(
            args.target,
            args.toolchain,
            args.ram,
            args.flash,
            args.pipeline,
            args.io == "quantized",
            args.name,
            args.objective,
            stages,
            args.max_extra_macs,
            args.input,
        ),
    )
    if args.run or args.reference:
        # What is wrong with these files is told before anything is written.
        runner.load_sets(compiled.report, args.inputs, args.reference)
    compiled.write(args.output)
    print(describe_compiled(compiled.report))
    if args.run or args.reference:
        args.directory = args.output
        return command_run(args)
    return 0


def describe_compiled(report: Mapping[str, Any]) -> str:
    ram, flash = report["ram"], report["flash"]
    return (
        f"{report['net']} for {report['target']}: "
        f"RAM {ram['total']} B (arena {ram['arena']}, static {ram['static']}, "
        f"stack {ram['stack']}), flash {flash['total']} B (weights {flash['weights']}, "
        f"tables {flash['tables']}, code {flash['code']}), {report['macs']} MACs"
    )


def command_run(args: argparse.Namespace) -> int:
    from tinyml.backend import runner
    from tinyml.tools import explain_layer

    report = runner.load_report(args.directory)
    sets = runner.load_sets(report, args.inputs, args.reference)
    layers = None
    if args.layers == "interpreter" or sets.outputs is None:
        told, checks = runner.interpreted(args.directory, sets)
        sets = told if sets.outputs is None else sets
        layers = checks if args.layers == "interpreter" else None
    if args.layers == "tflm":
        from tinyml.tools.tflm_layers import tflm_checks

        layers = tflm_checks(args.model, report, sets)
    elif args.layers not in (None, "interpreter"):
        layers = runner.load_layer_checks(Path(args.layers))
    if layers is not None:
        file = args.directory / f"{report['net']}.mlir"
        explainer = explain_layer.LayerExplainer(file, sets, layers)
        layers = dataclasses.replace(layers, explain=explainer.explain)
    options = runner.RunOptions(
        args.simulator,
        args.toolchain,
        args.flash_size,
        args.ram_size,
        not args.no_measure,
        args.check_alignment,
        poison=args.poison,
    )
    result = runner.run_directory(args.directory, sets, layers, options)
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(describe_run(result))
    if result["faults"]:
        print(f"tinyml: {result['faults'][0]}", file=sys.stderr)
    elif result["first_difference"] is not None:
        text = explain_layer.describe_difference(result["first_difference"])
        print(f"tinyml: differs: {text}", file=sys.stderr)
    else:
        return 0
    return 1


def describe_run(result: Mapping[str, Any]) -> str:
    equal = "equal" if result["outputs_equal"] else "NOT EQUAL"
    text = f"{result['target']} ({result['simulator']}): outputs {equal} on "
    text += f"{result['sets']} sets"
    if result["layers_compared"]:
        verdict = "equal" if result["layers_equal"] else "NOT EQUAL"
        text += f", {result['layers_compared']} layers {verdict}"
    if result["instructions"]:
        text += (
            f"; one inference: {result['instructions']} instructions, "
            f"{result['cycles_estimated']} cycles (estimated)"
        )
    if result["stack_high_water"] is not None:
        text += (
            f", arena {result['arena_high_water']} B, "
            f"stack {result['stack_high_water']} B used"
        )
    if (asked := result["input_requests"]) is not None:
        text += f", {asked['pixels']} pixels of input asked for, "
        text += f"{asked['repeated_pixels']} of them again"
    if result["memory_map"]["enlarged"]:
        text += "; memories were enlarged for this run"
    return text


def command_quantize(args: argparse.Namespace) -> int:
    from xdsl.utils.exceptions import DiagnosticException

    from tinyml.backend.runner import load_arrays, numbered

    suffix = args.model.suffix
    if suffix not in (".onnx", ".pt2"):
        raise DiagnosticException(
            f"{args.model}: unknown kind of model {suffix!r}; known are .onnx, .pt2"
        )
    if args.output.suffix != suffix:
        raise DiagnosticException(
            f"-o {args.output}: expected a {suffix} file, as the model is"
        )
    if suffix == ".pt2":
        from tinyml.frontend.quantize_pt2 import quantize_pt2 as quantize
        from tinyml.frontend.quantize_pt2 import write_reference
    else:
        from tinyml.frontend.quantize_onnx import quantize_onnx as quantize
        from tinyml.frontend.quantize_onnx import write_reference
    inputs = numbered(load_arrays(args.calibration), "inputs")
    quantize(args.model, inputs, args.output)
    if args.reference is not None:
        write_reference(args.output, inputs, args.reference)
    return 0


@contextmanager
def shown_progress() -> Generator[Callable[[str, int, int], None]]:
    """Shows on a terminal what is being done, and how many steps of how many are."""
    from rich.console import Console
    from rich.progress import Progress

    shown = Console(stderr=True)
    quiet = not sys.stderr.isatty()
    with Progress(console=shown, transient=True, disable=quiet) as progress:
        task = progress.add_task("")

        def tell(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        yield tell


def command_pareto(args: argparse.Namespace) -> int:
    from tinyml.backend.pareto import ParetoOptions, pareto, table
    from tinyml.backend.pareto_svg import pareto_svg

    options = ParetoOptions(args.io == "quantized", args.input, args.max_extra_macs)
    with shown_progress() as tell:
        front = pareto(args.model, options, tell)
    if args.json is not None:
        args.json.write_text(json.dumps(front.data(), indent=1) + "\n", "utf-8")
    if args.svg is not None:
        args.svg.write_text(pareto_svg(front), "utf-8")
    print(table(front))
    return 0


def command_report(args: argparse.Namespace) -> int:
    from tinyml.backend import report_data, runner
    from tinyml.backend.report_page import report_page

    report = runner.load_report(args.directory)
    front = run = None
    # What is wrong with these files is told before any work is done.
    if isinstance(args.pareto, str):
        front = report_data.read_front(Path(args.pareto), report)
    if isinstance(args.run, str):
        run = report_data.read_run(Path(args.run), report)
    data = report_data.load_report_data(args.directory)
    if args.pareto is True:
        with shown_progress() as tell:
            front = report_data.search_front(args.directory, report, tell)
    if args.run is True:
        sets = runner.load_sets(report, None, None)
        told, _ = runner.interpreted(args.directory, sets)
        options = runner.RunOptions(toolchain=args.toolchain)
        run = runner.run_directory(args.directory, told, None, options)
    args.output.write_text(report_page(data, front, run), "utf-8")
    return 0


def command_bench(args: argparse.Namespace) -> int:
    from tinyml.backend import bench, bench_peers, bench_table

    options = bench.BenchOptions(
        args.target,
        args.sets,
        args.layers,
        args.objective,
        args.io or "model",
        check_alignment=args.check_alignment,
    )
    if args.compilers:
        return compare_compilers(args, options)
    if args.peers:
        found = bench_peers.bench_peers(args.models, args.names, options, args.io)
        print(bench_table.aligned(bench_peers.COLUMNS, bench_peers.WIDTHS))
    else:
        found = bench.bench_models(args.models, args.names, options)
        print(bench_table.text_line(bench_table.COLUMNS))
    rows: list[bench.BenchRow] = []
    for row in found:
        rows.append(row)
        lines = [bench_table.text_line(bench_table.cells(row))]
        if args.functions:
            lines += bench_table.function_lines(row)
        if args.peers:
            texts = bench_table.peer_rows(row)
            lines = [bench_table.aligned(text, bench_peers.WIDTHS) for text in texts]
        print("\n".join(lines), flush=True)
    if args.json is not None:
        content = [dataclasses.asdict(row) | {"equal": row.equal} for row in rows]
        args.json.write_text(json.dumps(content, indent=1) + "\n")
    if args.markdown is not None:
        command = bench_command(args)
        page = bench_table.markdown(rows, command, args.functions)
        if args.peers:
            page = bench_table.peers_markdown(rows, command)
        args.markdown.write_text(page)
    return 0 if all(row.equal or row.refused for row in rows) else 1


def bench_command(args: argparse.Namespace) -> str:
    """The command line without what differs from place to place."""
    words = ["tinyml bench", *args.names, "--models MODELS", f"--target {args.target}"]
    words += [] if args.objective == "cycles" else [f"--objective {args.objective}"]
    words += [] if args.io is None else [f"--io {args.io}"]
    words += [] if args.sets is None else [f"--sets {args.sets}"]
    flags = ("layers", "check_alignment", "functions", "peers", "compilers")
    given = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(args, flag)]
    return " ".join([*words, *given])


def compare_compilers(args: argparse.Namespace, options: BenchOptions) -> int:
    from tinyml.backend import bench_compilers, bench_table

    found: list[bench_compilers.CompilerRow] = []
    print(bench_table.aligned(bench_compilers.COLUMNS, bench_compilers.WIDTHS))
    for row in bench_compilers.compare_compilers(args.models, args.names, options):
        found.append(row)
        print(bench_table.aligned(row.cells, bench_compilers.WIDTHS), flush=True)
    if args.json is not None:
        content = [row.data() for row in found]
        args.json.write_text(json.dumps(content, indent=1) + "\n")
    if args.markdown is not None:
        args.markdown.write_text(
            bench_compilers.markdown(found, bench_command(args)), "utf-8"
        )
    return 0 if all(row.verdict in ("equal", "refused") for row in found) else 1


def command_import(args: argparse.Namespace) -> int:
    from xdsl.context import Context

    from tinyml.backend.compiler import textual_ir
    from tinyml.backend.mlir_target import MLIRTarget
    from tinyml.frontend.load import load_model

    module = load_model(args.model)
    if args.elide:
        MLIRTarget().emit(Context(), module, sys.stdout)
        return 0
    text = textual_ir(module)
    if args.output is None:
        print(text, end="")
    else:
        args.output.write_text(text, "utf-8")
    return 0


def main() -> None:
    # IR is one web of references; looking for garbage in it finds none.
    gc.set_threshold(1_000_000)
    args = make_parser().parse_args()
    try:
        status = args.function(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # A reader such as `head` has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        if args.debug:
            raise
        # Imported late: an argument error is answered at once.
        from tinyml.tools.errors import describe_error

        print(f"tinyml: {describe_error(error)}", file=sys.stderr)
        status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
