"""
`tinyml-opt --check-each`: runs the network before and after every pass.

The module before a pass is the module after the one before it, so each is run once, on
the same inputs; what a pass leaves as it was for a run is not run again. Outputs and
all tensors that both have are compared bit by bit, and in an arena every read has to be
of what was written for the buffer that is read. The first pass that changes anything
ends the pipeline, with one line that says where.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, InterpretationError

from tinyml.backend.compiler_process import ToolchainError
from tinyml.frontend.load import first_line
from tinyml.tools.arena_owners import plan_of, plan_problem
from tinyml.tools.check_interface import (
    Interface,
    Matched,
    interface_of,
    match_interfaces,
)
from tinyml.tools.input_sets import InputSet, in_arena, input_sets
from tinyml.tools.instrumentation import PassInstrumentation
from tinyml.tools.kernel_keys import KernelKeys, KernelTexts
from tinyml.tools.native_kernels import NativeKernels
from tinyml.tools.network_runner import NetworkRun, NetworkRunner
from tinyml.tools.network_signature import NetworkSignature
from tinyml.tools.network_trace import first_difference
from tinyml.tools.thumb_samples import thumb_texts

SEEDS, STEPS = 2, 100_000
"""Defaults: sets of random numbers, and ops to interpret for all sets of a network."""

NO_SEMANTICS = "Could not find interpretation function"
"""What xDSL says of an op that nobody has told it how to run."""


@dataclass(frozen=True)
class Snapshot:
    """What can be read off a network."""

    interface: Interface
    signature: Hashable
    plan: Sequence[int] | None
    """Offsets of the buffers, if there is a plan and no arena yet."""
    instructions: Mapping[str, str]
    """The functions of instructions, and their texts."""
    keys: KernelKeys

    @staticmethod
    def of(module: ModuleOp, interface: Interface, texts: KernelTexts) -> Snapshot:
        """Raises DiagnosticException if the network makes no sense."""
        keys = KernelKeys(module, texts)
        plan = None if in_arena(module) else plan_of(module)
        signature = NetworkSignature(module, keys).read()
        return Snapshot(interface, signature, plan, thumb_texts(module), keys)


@dataclass(frozen=True)
class State:
    """A network between two passes, and what it did on the input sets."""

    network: Snapshot
    sets: Sequence[InputSet]
    run: NetworkRun


@dataclass
class CheckEach(PassInstrumentation):
    """Compares what networks compute before and after every pass."""

    seeds: int = SEEDS
    steps: int = STEPS
    counts: Counter[str] = field(default_factory=Counter[str])
    state: State | None = None
    unchecked: list[str] = field(default_factory=list[str])
    """Passes since the last state that was run."""
    failed: bool = False
    where: str = ""
    """The pass at hand, for errors."""
    folder: tempfile.TemporaryDirectory[str] | None = None
    runner: NetworkRunner | None = None
    texts: KernelTexts = field(default_factory=KernelTexts)

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if number == 0:
            self.start(module)

    def start(self, module: ModuleOp) -> None:
        """Runs the network of a new module, if it has one."""
        self.state, self.unchecked = None, []
        if self.runner is None:
            self.folder = tempfile.TemporaryDirectory()
            native = NativeKernels(Path(self.folder.name))
            self.runner = NetworkRunner(native, self.steps)
        try:
            network = Snapshot.of(module, interface_of(module), self.texts)
            sets = input_sets(module, self.seeds)
            run = self.runner.run(module, sets, network.keys)
        except (DiagnosticException, ToolchainError) as error:
            self.remark(f"nothing is checked: {first_line(str(error))}")
            return
        except Exception as error:
            raise self.failure(f"the network does not run: {told(error)}") from error
        if run.problem is not None:
            raise self.failure(f"the network is wrong before any pass: {run.problem}")
        self.state = State(network, sets, run)

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        if self.state is None:
            self.counts["not run"] += 1
            return
        self.where = f"(pass {number + 1})"
        try:
            interface = interface_of(module)
        except DiagnosticException as error:
            # What is lowered to other dialects is no network any more.
            self.skip(pass_, str(error))
            self.counts["not run"] += 1
            return
        try:
            network = Snapshot.of(module, interface, self.texts)
        except Exception as error:
            # A wrong pass may make anything, and reading or running it raise anything.
            text = f"leaves no network that runs {self.where}: {told(error)}"
            raise self.failure(text) from error
        old = self.state.network
        done: list[str] = []
        if network.signature != old.signature:
            done.append(self.run(pass_, module, network))
        else:
            self.state = replace(self.state, network=network)
        if network.plan not in (None, old.plan):
            done.append("by their plan")
            self.follow_plan(module, network.plan)
        changed = network.instructions.items() - old.instructions.items()
        if changed:
            done.append(self.run_instructions(pass_, module, dict(changed)))
        self.counts[done[0] if done else "left as they were"] += 1

    def follow_plan(self, module: ModuleOp, plan: Sequence[int]) -> None:
        """Raises DiagnosticException if a plan frees what is still read."""
        assert self.state is not None
        problem = plan_problem(module, self.state.run.traces[-1], plan)
        if problem is not None:
            raise self.failure(f"breaks the network {self.where}: {problem}")

    def run_instructions(
        self, pass_: ModulePass, module: ModuleOp, names: Collection[str]
    ) -> str:
        """Raises DiagnosticException if instructions and the C differ; says how."""
        assert self.runner is not None
        assert self.state is not None
        hot, keys = self.runner.hot, self.state.network.keys
        try:
            if hot.unsampled(module, keys):
                self.runner.sample_calls(module, self.state.sets[-1], keys)
            folder = self.runner.native.folder
            problem = hot.problem(module, names, keys, self.steps // 4, folder)
        except (DiagnosticException, ToolchainError) as error:
            self.remark(f"{pass_.name}: not checked: {first_line(str(error))}")
            return "not run"
        except Exception as error:
            text = f"makes what does not run {self.where}: {told(error)}"
            raise self.failure(text) from error
        if problem is not None:
            raise self.failure(f"changes the result {self.where}: {problem}")
        for what, found in (
            ("never called", hot.unsampled(module, keys)),
            ("too long to interpret", hot.too_long(module, keys)),
        ):
            if missed := [f"@{name}" for name in found if name in names]:
                more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
                self.remark(f"{pass_.name}: {what}: {', '.join(missed[:3])}{more}")
        return "by their instructions"

    def run(self, pass_: ModulePass, module: ModuleOp, network: Snapshot) -> str:
        """Runs what a pass has made of the network, and compares; says how."""
        assert self.runner is not None
        assert self.state is not None
        old = self.state
        matched = match_interfaces(
            old.network.interface, network.interface, old.sets, old.run.traces
        )
        for remark in matched.remarks:
            self.remark(f"{pass_.name}: {remark}")
        sets = matched.sets or input_sets(module, self.seeds)
        try:
            run = self.runner.run(module, sets, network.keys)
        except (DiagnosticException, ToolchainError) as error:
            self.skip(pass_, first_line(str(error)))
            return "not run"
        except Exception as error:
            if NO_SEMANTICS in str(error):
                self.skip(pass_, first_line(str(error)))
                return "not run"
            text = f"makes what does not run {self.where}: {told(error)}"
            raise self.failure(text) from error
        new = State(network, sets, run)
        if matched.sets is not None:
            self.compare(old, new, matched)
        if run.problem is not None:
            raise self.failure(f"breaks the network {self.where}: {run.problem}")
        self.state, self.unchecked = new, []
        return "not compared" if matched.sets is None else run.how

    def compare(self, before: State, after: State, matched: Matched) -> None:
        """Raises DiagnosticException if the two have computed different numbers."""
        labels = [port.label for port in before.network.interface.ports.outputs]

        def output(number: int) -> str | None:
            return f'output "{labels[number]}"' if number in matched.outputs else None

        for inputs, old, new in zip(
            after.sets, before.run.traces, after.run.traces, strict=True
        ):
            difference = first_difference(old, new, output)
            if difference is None:
                continue
            text = f"changes the result {self.where}"
            if self.unchecked:
                text += f", or {', '.join(self.unchecked)} before it, not checked"
            text += f": {difference}, on input set {inputs.name}"
            if after.run.problem is not None:
                text += f"; {after.run.problem}"
            raise self.failure(text)

    def skip(self, pass_: ModulePass, why: str) -> None:
        """Says that a pass cannot be checked, and why."""
        self.unchecked.append(pass_.name)
        self.remark(f"{pass_.name}: not checked: {why}")

    def failure(self, text: str) -> DiagnosticException:
        self.failed = True
        return DiagnosticException(text)

    def remark(self, text: str) -> None:
        print(f"tinyml-opt: --check-each: remark: {text}", file=sys.stderr)

    def after_failure(self, number: int, pass_: ModulePass, error: Exception) -> None:
        self.failed = True

    def finish(self) -> None:
        """Says what was checked, and how."""
        if not self.failed and self.counts:
            parts = ", ".join(f"{n} {how}" for how, n in self.counts.items())
            total, sets = sum(self.counts.values()), 3 + self.seeds
            text = f"checked {total} passes on {sets} input sets: {parts}"
            if self.runner is not None and (both := len(self.runner.sampled)):
                text += f" ({both} kernels in the interpreter too)"
            print(f"tinyml-opt: --check-each: {text}", file=sys.stderr)
        if self.folder is not None:
            self.folder.cleanup()
            self.folder = None


def told(error: Exception) -> str:
    """What went wrong in a run, in a line."""
    text = first_line(str(error))
    if isinstance(error, DiagnosticException | InterpretationError):
        return text
    return f"{type(error).__name__}: {text}"
