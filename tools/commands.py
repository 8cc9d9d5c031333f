"""
What the subcommands of `tinyml` do. What is heavy is imported where it is used.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml.backend.bench import BenchOptions


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
