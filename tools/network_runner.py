"""
Runs a network of any level on several input sets, by the quickest way that is exact.

Layers are vectorised. Kernels of little work run op by op in the interpreter, which
knows the IR and nothing else; where that would take too long they run as C on this
machine, and each new kernel of little work in the interpreter once more, to see that
both compute the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from tinyml.backend.network_info import network_info
from tinyml.interp.run import run_network
from tinyml.tools.arena_owners import CallOwners
from tinyml.tools.guarded_memory import copied
from tinyml.tools.input_sets import InputSet, in_arena
from tinyml.tools.isolated_run import isolated
from tinyml.tools.kernel_keys import KernelKey, KernelKeys, kernel_functions
from tinyml.tools.kernel_steps import KernelSteps
from tinyml.tools.native_kernels import NativeKernel, NativeKernels
from tinyml.tools.network_signature import network_of
from tinyml.tools.network_trace import Trace, trace_network
from tinyml.tools.thumb_samples import ThumbSamples

SAMPLE_STEPS = 20_000
"""Ops of a kernel that also runs in the interpreter where it runs natively."""


class How(StrEnum):
    """How the kernels of a network were run."""

    INTERPRETED = "interpreted"
    NATIVELY = "natively"


@dataclass(frozen=True)
class NetworkRun:
    """What a network does on each of the input sets."""

    traces: Sequence[Trace]
    how: How
    problem: str | None = None
    """A read of memory that something else was written to."""


@dataclass
class Calls:
    """Runs the calls of one network, by kernels if there are some."""

    kernels: Mapping[str, NativeKernel]
    images: Mapping[int, np.ndarray]
    samples: set[str]
    """Kernels to run in the interpreter too, each once."""
    owners: CallOwners | None

    def run_op(
        self, interpreter: Interpreter, op: Operation, args: tuple[Any, ...]
    ) -> PythonValues:
        if self.owners is not None:
            self.owners.before(op, args)
        results = self.run(interpreter, op, args)
        if self.owners is not None:
            self.owners.after(op, args, results)
        return results

    def run(
        self, interpreter: Interpreter, op: Operation, args: tuple[Any, ...]
    ) -> PythonValues:
        if not isinstance(op, func.CallOp):
            return interpreter.run_op(op, args)
        name = op.callee.string_value()
        if name not in self.kernels:
            return interpreter.run_op(op, args)
        if name not in self.samples:
            self.kernels[name](args, self.images)
            return ()
        self.samples.remove(name)
        same, memories = copied(args)
        interpreter.call_op(name, same)
        self.kernels[name](args, self.images)
        if not all(memory.is_original for memory in memories):
            raise InterpretationError(
                f"@{name} as C computes something else than in the interpreter"
            )
        return ()


@dataclass
class NetworkRunner:
    """Runs networks, one after the other; kernels once compiled are kept."""

    native: NativeKernels
    most_steps: int
    """Ops that may be interpreted for all input sets of a network."""
    sampled: set[KernelKey] = field(default_factory=set[KernelKey])
    hot: ThumbSamples = field(default_factory=ThumbSamples)

    def run(
        self, module: ModuleOp, sets: Sequence[InputSet], keys: KernelKeys
    ) -> NetworkRun:
        """
        Runs a network on all sets. Raises ToolchainError or DiagnosticException if its
        kernels are too large to interpret and do not compile, and InterpretationError,
        or whatever NumPy raises, if they do what they must not.
        """
        names = called_kernels(module)
        steps = KernelSteps(kernel_functions(module))
        work = sum(steps.of(name) for name in names)
        if work * len(sets) <= self.most_steps:
            return self.interpret(module, sets)
        distinct = list(dict.fromkeys(names))
        kernels = self.native.prepare(module, distinct, keys)
        samples = self.new_samples(distinct, steps, keys)
        run = isolated(lambda: run_sets(module, sets, kernels, samples))
        return NetworkRun(run.traces, How.NATIVELY, run.problem)

    def interpret(self, module: ModuleOp, sets: Sequence[InputSet]) -> NetworkRun:
        run = run_sets(module, sets, {}, set())
        if run.problem is None and in_arena(module) and called_kernels(module):
            # Once more with an owner of each element; slow, so on the last set only.
            try:
                run_network(module, sets[-1].arrays, check_owners=True)
            except InterpretationError as error:
                return NetworkRun(run.traces, How.INTERPRETED, str(error))
        return run

    def sample_calls(
        self, module: ModuleOp, inputs: InputSet, keys: KernelKeys
    ) -> None:
        """Gathers calls of functions that stand for instructions, from one run."""
        names = list(dict.fromkeys(called_kernels(module)))
        kernels = self.hot.prepare(self.native, module, names, keys)
        run_sets(module, [inputs], kernels, set())

    def new_samples(
        self, names: Sequence[str], steps: KernelSteps, keys: KernelKeys
    ) -> set[str]:
        """Kernels of little work that were not sampled yet, while there is room."""
        found, room = set[str](), self.most_steps
        for name in names:
            key, work = keys.key(name), steps.of(name)
            if key not in self.sampled and work <= min(SAMPLE_STEPS, room):
                self.sampled.add(key)
                found.add(name)
                room -= work
        return found


def called_kernels(module: ModuleOp) -> list[str]:
    """The functions that a network calls, as often as it calls them; no hooks."""
    functions = kernel_functions(module)
    return [
        name
        for op in network_of(module).body.block.ops
        if isinstance(op, func.CallOp)
        and not functions[name := op.callee.string_value()].is_declaration
    ]


def run_sets(
    module: ModuleOp,
    sets: Sequence[InputSet],
    kernels: Mapping[str, NativeKernel],
    samples: set[str],
) -> NetworkRun:
    traces: list[Trace] = []
    problem: str | None = None
    info = network_info(module) if in_arena(module) else None
    for inputs in sets:
        images = {n: a for n, a in enumerate(inputs.arrays) if a.ndim == 4}
        owners = None if info is None else CallOwners(info)
        calls = Calls(kernels, images, samples, owners)
        traces.append(trace_network(module, inputs, calls.run_op))
        if owners is not None and problem is None:
            problem = owners.problem
    return NetworkRun(traces, How.INTERPRETED, problem)
