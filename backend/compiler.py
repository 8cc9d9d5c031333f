"""
From a model file to a compiled network: the work of `tinyml compile`.

Imports the model, runs a pipeline of passes over it, prints C, measures the C with the
target's compiler, and checks budgets. Nothing is written before all of that is done.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline
from xdsl.universe import Universe
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException

from tinyml.backend.budgets import Variant, excess, missed_budget
from tinyml.backend.c_package import CPackage, c_package
from tinyml.backend.memory_map import MemoryMap, memory_map
from tinyml.backend.memory_svg import memory_svg
from tinyml.backend.mlir_target import ExactPrinter
from tinyml.backend.network_report import describe, measure
from tinyml.backend.target_machine import TargetMachine, get_target
from tinyml.dialects.kernel import Method, kernel_of
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.builder import c_identifier
from tinyml.frontend.load import load_model, one_line
from tinyml.passes.pipelines import (
    FAST_KERNELS,
    OBJECTIVES,
    SMALL_KERNELS,
    TO_LOOPS,
    estimated,
    expand,
    fewer_products,
    instructions,
    planned_stages,
    staged,
)

TAKEN_NAMES = frozenset(
    """
    assert complex ctype errno fenv float glue harness harness_io hooks inttypes
    iso646 limits locale math semihosting setjmp signal stdalign stdarg stdatomic
    stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar
    wchar wctype
    """.split()
)
"""Headers of C and of the harness, which a network's header must not hide."""


SPENDING_TRIES = 3
"""How often it is tried to spend what is left of a budget for flash."""

MOST_EXTRA = 100
"""Percent of work that stages may do twice to fit a budget, if nothing else is said."""

FITTING_KERNELS = {
    "cycles": (FAST_KERNELS, FAST_KERNELS, SMALL_KERNELS, SMALL_KERNELS),
    "size": (SMALL_KERNELS, SMALL_KERNELS),
    "ram": (SMALL_KERNELS, SMALL_KERNELS),
}
"""
The kernels with which stages are searched for a budget, one attempt after the other;
twice with each, as the stack may grow with the first plan.
"""


@dataclass(frozen=True)
class CompileOptions:
    """What `tinyml compile` is asked for. Budgets in bytes."""

    target: str = "cortex-m4"
    toolchain: str | None = None
    ram: int | None = None
    flash: int | None = None
    pipeline: str | None = None
    """Instead of those of the objective."""
    quantized_io: bool = False
    name: str | None = None
    objective: str = "cycles"
    stages: str = "auto"
    """`auto` searches them, `off` makes none; else the passes that make them."""
    max_extra_macs: float | None = None
    """
    Work that may be done more than once, in percent; None for as little as fits into
    the budget for RAM, or none without one.
    """

    input: str = "resident"
    """Or `callback` or `stream`: what images of bytes come by (`tinyml-read-input`)."""

    @property
    def budgets(self) -> dict[str, int | None]:
        return {"ram": self.ram, "flash": self.flash}

    @property
    def pipelines(self) -> tuple[str, ...]:
        """What to try, until the budgets are met."""
        if self.pipeline is not None:
            return (self.pipeline,)
        if self.stages not in ("auto", "off"):
            return (staged(self.stages),)
        if self.stages == "auto" and self.objective == "ram":
            return (planned_stages(self.max_extra_macs or 0),)
        return OBJECTIVES[self.objective]

    def fitting(self, report: Mapping[str, Any], kernels: str) -> str | None:
        """
        The pipeline whose stages, with such kernels, leave as much of the budget for
        RAM to the arena as the attempt of this report would; None if there is nothing
        to try.
        """
        searched = self.pipeline is None and self.stages == "auto"
        if not searched or self.ram is None or not self.misses_ram(report):
            return None
        ram = report["ram"]
        room = self.ram - (ram["total"] - ram["arena"])
        if room <= 0:
            return None
        extra = self.max_extra_macs
        return planned_stages(MOST_EXTRA if extra is None else extra, room, kernels)

    def spare_flash(self, report: Mapping[str, Any], pipeline: str) -> int:
        """
        What an attempt leaves of the budget for flash, or lacks, if that may be spent
        on cycles.
        """
        if self.pipeline is not None or pipeline != "@default":
            return 0
        if self.flash is None or self.objective != "cycles":
            return 0
        return self.flash - report["flash"]["total"]

    def misses_ram(self, report: Mapping[str, Any]) -> bool:
        """Whether an attempt needs more RAM than the budget."""
        return self.ram is not None and report["ram"]["total"] > self.ram

    @property
    def smallest(self) -> str | None:
        """The pipeline for the least RAM, if it is none of those to try anyway."""
        if self.pipeline is not None:
            return None
        found = dataclasses.replace(self, objective="ram").pipelines
        return None if found[0] in self.pipelines else found[0]


@dataclass(frozen=True)
class CompiledNetwork:
    """A network's files by name, and its report."""

    name: str
    files: Mapping[str, str]
    report: dict[str, Any]

    def write(self, directory: Path) -> None:
        """Writes all files; each one appears whole or not at all."""
        directory.mkdir(parents=True, exist_ok=True)
        report = json.dumps(self.report, indent=1) + "\n"
        with tempfile.TemporaryDirectory(dir=directory) as temporary:
            for name, text in {**self.files, "report.json": report}.items():
                whole = Path(temporary) / name
                whole.write_text(text, "utf-8")
                os.replace(whole, directory / name)


def run_pipeline(module: ModuleOp, spec: str, each: bool = True) -> None:
    """
    Runs passes (`a,b{x=1}` or `@name`) and verifies the module after each of them, or
    else once: where layers, which say most about themselves, become loops, or at the
    end of passes that make none.
    """
    passes = dict(Universe.get_multiverse().all_passes)
    try:
        pipeline = PassPipeline.parse_spec(passes, expand(spec))
    except (ValueError, ArgSpecParseError) as error:
        raise DiagnosticException(one_line(error)) from error
    context, lowered = Context(), False
    for pass_ in pipeline.passes:
        if not each and pass_.name == TO_LOOPS:
            module.verify()
            lowered = True
        pass_.apply(context, module)
        if each:
            module.verify()
    if not each and not lowered:
        module.verify()


def textual_ir(module: ModuleOp) -> str:
    """The module as text that parses, with locations."""
    output = StringIO()
    ExactPrinter(output, print_debuginfo=True).print_op(module)
    return output.getvalue() + "\n"


def network_name(path: Path, asked: str | None) -> str:
    """The name that was asked for, or one made of the file's."""
    if asked is None:
        name = c_identifier(path.stem)
        return f"net_{name}" if name in TAKEN_NAMES else name
    if asked != c_identifier(asked):
        raise DiagnosticException(
            f"--name {asked!r} is not a C identifier in lower case"
        )
    if asked in TAKEN_NAMES:
        raise DiagnosticException(
            f"--name {asked!r} is taken: {asked}.h is another header"
        )
    return asked


@contextmanager
def uncollected() -> Generator[None]:
    """Without looks for garbage: IR is one web of references, and all of it is kept."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@uncollected()
def compile_model(path: Path, options: CompileOptions) -> CompiledNetwork:
    """
    Compiles a model file. Raises DiagnosticException, PassFailedException,
    ToolchainError or TargetError, each with one line for the user.
    """
    target = get_target(options.target)
    name = network_name(path, options.name)
    module = load_model(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if options.quantized_io:
        run_pipeline(module, "tinyml-quantized-io")
    imported = textual_ir(module)
    run_pipeline(module, "tinyml-number-layers")
    macs = sum(layer.macs() for layer in layers(network_function(module)))
    banner = f"{path.name}, sha256 {digest[:16]}"

    def attempt(pipeline: str, module: ModuleOp) -> Attempt:
        # The pipelines that have a name are tested pass by pass.
        own = options.pipeline is not None and not pipeline.startswith("@")
        passes = network_passes(pipeline, options, target)
        run_pipeline(module, passes, each=own)
        package = c_package(module, name, banner)
        memory = dataclasses.replace(memory_map(module), network=name)
        measures = measure(package, target, options.toolchain)
        report = {
            **describe(package, memory, path, target, measures, macs),
            "budgets": options.budgets,
            "pipeline": f"tinyml-number-layers,{passes}",
        }
        return Attempt(package, memory, report)

    def best(options: CompileOptions, module: ModuleOp) -> Attempt:
        """The first pipeline that meets the budgets, or else the nearest."""
        tried: list[Attempt] = []
        for pipeline in options.pipelines:
            tried.append(attempt(pipeline, module.clone()))
            if not excess(tried[-1].report, options.budgets):
                return spend(tried[-1], pipeline, options, module)
        for kernels in FITTING_KERNELS[options.objective]:
            pipeline = options.fitting(tried[-1].report, kernels)
            if pipeline is None:
                break
            tried.append(attempt(pipeline, module.clone()))
            if not excess(tried[-1].report, options.budgets):
                return tried[-1]
        if options.misses_ram(tried[-1].report) and options.smallest is not None:
            tried.append(attempt(options.smallest, module.clone()))
        return min(tried, key=lambda each: excess(each.report, options.budgets))

    def spend(
        found: Attempt, pipeline: str, options: CompileOptions, module: ModuleOp
    ) -> Attempt:
        """An attempt that spends the rest of the budget for flash on fewer products."""
        spare = options.spare_flash(found.report, pipeline) if target.core else 0
        if spare <= 0:
            return found
        for _ in range(SPENDING_TRIES):
            choice, whole = fewer_products(spare)
            chosen = module.clone()
            run_pipeline(chosen, choice, each=False)
            if not has_fewer_products(chosen):
                break
            more = attempt(whole, module.clone())
            if not excess(more.report, options.budgets):
                return more
            if (lacking := options.spare_flash(more.report, pipeline)) >= 0:
                break
            spare += lacking
        return found

    def variants() -> Iterator[Variant]:
        if options.pipeline is not None:
            free = dataclasses.replace(options, pipeline=None)
            yield Variant("no --pipeline", lambda: best(free, module).report)
        elif options.objective != "ram":
            small = dataclasses.replace(options, objective="ram")
            yield Variant("--objective ram", lambda: best(small, module).report)
        if options.pipeline is None and options.stages != "auto":
            searched = dataclasses.replace(options, stages="auto", objective="ram")
            yield Variant(
                "--stages auto --objective ram", lambda: best(searched, module).report
            )
        inner = module.clone()
        run_pipeline(inner, "tinyml-quantized-io")
        if not inner.is_structurally_equivalent(module):
            yield Variant("--io quantized", lambda: best(options, inner).report)

    found = best(options, module)
    missed = missed_budget(found.report, found.memory, options.budgets, variants())
    if missed is not None:
        raise DiagnosticException(missed)
    files = {
        **found.package.files,
        f"{name}.mlir": imported,
        "memory.svg": memory_svg(found.memory),
    }
    return CompiledNetwork(name, files, found.report)


def network_passes(
    pipeline: str, options: CompileOptions, target: TargetMachine
) -> str:
    """All passes of a pipeline, with those that the target and the input ask for."""
    try:
        passes = expand(pipeline)
    except ValueError as error:
        raise DiagnosticException(one_line(error)) from error
    parts = [passes]
    if options.input != "resident":
        parts.insert(0, f"tinyml-read-input{{mode={options.input}}}")
    if target.core is not None:
        parts = [*parts[:-1], estimated(passes, target.core), instructions(target.core)]
    return ",".join(part for part in parts if part)


def has_fewer_products(module: ModuleOp) -> bool:
    """Whether a network has a kernel that flash was spent on."""
    order = layers(network_function(module))
    return any(kernel_of(layer).method is Method.WINOGRAD for layer in order)


@dataclass(frozen=True)
class Attempt:
    """What a pipeline made of a network."""

    package: CPackage
    memory: MemoryMap
    report: dict[str, Any]
