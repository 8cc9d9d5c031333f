"""
Random networks through random pipelines: what is run where has to be the same.

The truth is the interpreter of layers. Compared with it are the interpreter of the
lowered network, which watches whose bytes are read, if the network is small; C on this
machine; and the program on a simulated core, with its instructions.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from host_library import HostLibrary
from networks import Limits, lower, random_inputs, random_network
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.compiler import CompileOptions, compile_model, textual_ir
from tinyml.backend.runner import InputSets, RunOptions, run_directory
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import FOLDING, LOWERING

TINY = Limits(size=5, channels=5, kernel=3)
SMALL = Limits(size=12, channels=17, kernel=5)

KERNELS = (
    "tinyml-select-kernels",
    "tinyml-select-kernels{words=free}",
    "tinyml-select-kernels{words=all}",
    "tinyml-select-kernels{words=all core=cortex-m4}",
    "tinyml-select-kernels{words=all core=cortex-m4 winograd=100000}",
    "tinyml-select-kernels{words=all core=cortex-m7}",
    "tinyml-select-kernels{words=all shared=true unroll=4 least=1}",
)
STAGES = (
    "tinyml-plan-stages",
    "tinyml-plan-stages{max-extra-macs=40}",
    "tinyml-plan-stages{block=2}",
)
STRATEGIES = ("greedy", "optimal", "separate")
CORES = ("cortex-m4", "cortex-m7")


@dataclass(frozen=True)
class Case:
    """A network, what becomes of it, and where that runs."""

    module: ModuleOp
    inputs: Sequence[Sequence[np.ndarray]]
    """For each set the model's inputs."""
    pipeline: str
    core: str
    is_tiny: bool

    @property
    def text(self) -> str:
        """What it takes to see a failure again."""
        return f"-p '{self.pipeline}' for {self.core}:\n{textual_ir(self.module)}"


def random_pipeline(r: random.Random) -> str:
    """Passes from layers to C: most may be left out, some come in several ways."""

    def some(*passes: str) -> Iterator[str]:
        return (name for name in passes if r.random() < 0.7)

    chosen = [*some(*FOLDING.split(",")), r.choice(KERNELS)]
    chosen += ["tinyml-overlap", *some("tinyml-schedule")]
    if r.random() < 0.4:
        chosen += [r.choice(STAGES), "tinyml-overlap"]
    chosen += some("tinyml-inplace,tinyml-overlap", "tinyml-fill-memory")
    strategy, alignment = r.choice(STRATEGIES), r.choice([1, 2, 4, 16])
    chosen.append(f"tinyml-plan-memory{{strategy={strategy} alignment={alignment}}}")
    return ",".join([*chosen, LOWERING])


def random_case(r: random.Random) -> Case:
    is_tiny = r.random() < 0.5
    module = random_network(r, r.randint(1, 6), TINY if is_tiny else SMALL)
    inputs = [random_inputs(r, module) for _ in range(2)]
    return Case(module, inputs, random_pipeline(r), r.choice(CORES), is_tiny)


def judge(case: Case) -> None:
    """Fails where a run says something else than the interpreter of layers."""
    expected = [run_network(case.module, inputs) for inputs in case.inputs]
    lowered = lower(case.module, case.pipeline)
    if case.is_tiny:
        found = run_network(lowered, case.inputs[0], check_owners=True)
        compare(found, expected[0], f"the interpreter, {case.text}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        library = HostLibrary({"net": lowered}, folder)
        for inputs, outputs in zip(case.inputs, expected, strict=True):
            compare(library.run("net", inputs), outputs, f"C, {case.text}")
        judge_on_core(case, expected, folder)


def judge_on_core(
    case: Case, expected: Sequence[Sequence[np.ndarray]], folder: Path
) -> None:
    """Compiles as a user does, and runs the program on the simulated core."""
    model = folder / "net.mlir"
    model.write_text(textual_ir(case.module), "utf-8")
    options = CompileOptions(case.core, pipeline=case.pipeline, name="net")
    compile_model(model, options).write(folder / "out")
    sets = InputSets(
        [np.stack(arrays) for arrays in zip(*case.inputs, strict=True)],
        [np.stack(arrays) for arrays in zip(*expected, strict=True)],
    )
    result = run_directory(folder / "out", sets, None, RunOptions(check_alignment=True))
    assert result["faults"] == [], case.text
    assert result["outputs_equal"], f"{result['first_difference']}, {case.text}"


def compare(
    found: Sequence[np.ndarray], expected: Sequence[np.ndarray], what: str
) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, what, strict=True)
