"""
`tinyml diff`: where two networks, or a network and a reference, first differ, and why.

Both run on the same inputs. Layers are paired, and the first one whose output differs
in any set is shown, with the first element, both values and the likely cause.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.runner import LayerChecks
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import network_outputs, writer
from tinyml.tools.input_sets import InputSet, in_arena, network_ports
from tinyml.tools.kernel_keys import KernelKeys
from tinyml.tools.layer_cause import Observed, cause_of, cause_of_checksum
from tinyml.tools.layer_pairs import pair_layers
from tinyml.tools.native_kernels import NativeKernels
from tinyml.tools.network_runner import NetworkRunner
from tinyml.tools.network_signature import network_of
from tinyml.tools.network_trace import (
    Key,
    Tensor,
    Trace,
    compare_arrays,
    tensor_key,
    trace_network,
)

STEPS = 100_000
"""Ops of kernels to interpret; more run natively."""


@dataclass(frozen=True)
class Network:
    """A network, and what it does on the input sets."""

    module: ModuleOp
    sets: Sequence[InputSet]
    traces: Sequence[Trace]

    @staticmethod
    def run(module: ModuleOp, sets: Sequence[InputSet]) -> Network:
        with tempfile.TemporaryDirectory() as folder:
            runner = NetworkRunner(NativeKernels(Path(folder)), STEPS)
            run = runner.run(module, sets, KernelKeys(module))
        return Network(module, sets, run.traces)

    def layer(self, key: Key) -> LayerOp | None:
        """The layer that writes a tensor; None if it is lowered."""
        for op in self.module.walk():
            if isinstance(op, LayerOp) and tensor_key(op) == key:
                return op
        return None

    def tensor(self, key: Key) -> Tensor:
        return self.traces[0].tensors[key]

    def values(self, key: Key) -> list[np.ndarray]:
        """A tensor on every set."""
        return [trace.tensors[key].values for trace in self.traces]

    def observed(self, key: Key, other: Sequence[np.ndarray]) -> Observed:
        """What is known of a tensor, where others have something else."""
        layer = self.layer(key)
        inputs: list[list[np.ndarray]] = []
        if layer is not None:
            inputs = [layer_inputs(self.module, layer, each) for each in self.sets]
        return Observed(layer, inputs, self.values(key), other)


def layer_inputs(
    module: ModuleOp, layer: LayerOp, inputs: InputSet
) -> list[np.ndarray]:
    """What a layer reads in a run of its network."""
    found: list[np.ndarray] = []

    def run_op(
        interpreter: Interpreter, op: Operation, args: tuple[Any, ...]
    ) -> PythonValues:
        if op is layer:
            found.extend(array.copy() for array in args[:-1])
        return interpreter.run_op(op, args)

    trace_network(module, inputs, run_op)
    return found


@dataclass(frozen=True)
class Verdict:
    """What a comparison has found, in lines for a user."""

    is_equal: bool
    lines: Sequence[str]


def check_ports(a: ModuleOp, b: ModuleOp) -> None:
    """Raises DiagnosticException if two networks have different inputs."""
    first, second = (network_ports(module).inputs for module in (a, b))
    if len(first) != len(second):
        raise DiagnosticException(
            f"the networks have {len(first)} and {len(second)} inputs"
        )
    for old, new in zip(first, second, strict=True):
        if old.dtype != new.dtype or np.prod(old.shape) != np.prod(new.shape):
            raise DiagnosticException(
                f'input "{old.label}" is {old} in one network and {new} in the other; '
                "expected the same inputs"
            )


def diff_networks(a: Network, b: Network) -> Verdict:
    """Compares two networks that ran on the same sets."""
    pairs = pair_layers(a.traces[0], b.traces[0])
    for number, (key, other) in enumerate(pairs.keys):
        theirs = b.values(other)
        where = first_set(a.values(key), theirs)
        if where is None:
            continue
        mine = a.tensor(key)
        name = f"layer {mine.name} ({mine.op})"
        difference = compare_arrays(name, a.values(key)[where], theirs[where])
        cause = cause_of(a.observed(key, theirs), b.layer(other))
        return Verdict(
            False,
            [
                f"different: {difference}, on input set {a.sets[where].name}",
                f"cause: {cause}",
                f"{pairs}; the first {number} are equal",
            ],
        )
    ports = network_ports(a.module).outputs
    for number, port in enumerate(ports):
        mine = [trace.outputs[number] for trace in a.traces]
        theirs = [
            trace.outputs[number] for trace in b.traces if number < len(trace.outputs)
        ]
        if len(theirs) < len(mine) or mine[0].nbytes != theirs[0].nbytes:
            text = f'different: output "{port.label}" is not the same in both'
            return Verdict(False, [text, str(pairs)])
        if (where := first_set(mine, theirs)) is not None:
            name = f'output "{port.label}"'
            difference = compare_arrays(name, mine[where], theirs[where])
            text = f"different: {difference}, on input set {a.sets[where].name}"
            return Verdict(False, [text, f"{pairs}, which are equal"])
    text = f"equal on {len(a.sets)} input sets: {len(ports)} outputs, {pairs}"
    return Verdict(True, [text])


def first_set(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> int | None:
    """The first set in which arrays differ."""
    for number, (x, y) in enumerate(zip(a, b, strict=True)):
        if compare_arrays("", x, y) is not None:
            return number
    return None


def diff_outputs(a: Network, expected: Sequence[np.ndarray]) -> Verdict:
    """Compares outputs with a reference, which has the sets along axis 0."""
    ports = network_ports(a.module).outputs
    for number, (port, arrays) in enumerate(zip(ports, expected, strict=True)):
        mine = [trace.outputs[number] for trace in a.traces]
        theirs = [np.ascontiguousarray(each).reshape(mine[0].shape) for each in arrays]
        if (where := first_set(mine, theirs)) is None:
            continue
        name = f'output "{port.label}"'
        difference = compare_arrays(name, mine[where], theirs[where])
        lines = [f"different: {difference}, on input set {a.sets[where].name}"]
        if (key := output_key(a.module, number)) is not None:
            lines.append(f"cause, if its layer's: {cause_of(a.observed(key, theirs))}")
        return Verdict(False, lines)
    return Verdict(True, [f"equal on {len(a.sets)} input sets: {len(ports)} outputs"])


def output_key(module: ModuleOp, number: int) -> Key | None:
    """How the layer that writes an output is known."""
    if in_arena(module):
        return None
    layer = writer(network_outputs(network_of(module))[number].value)
    return None if layer is None else tensor_key(layer)


def diff_checksums(a: Network, checks: LayerChecks) -> Verdict:
    """Compares every tensor with the CRC-32 of a reference."""
    count = 0
    for key, tensor in a.traces[0].tensors.items():
        if key[0] != "tinyml.tensor":
            continue
        expected = [each.get(int(key[1])) for each in checks.sets[: len(a.sets)]]
        if None in expected:
            continue
        count += 1
        values = a.values(key)
        found = [zlib.crc32(array.tobytes()) for array in values]
        wrong = [n for n, (x, y) in enumerate(zip(found, expected)) if x != y]
        if not wrong:
            continue
        cause = cause_of_checksum(
            a.observed(key, values), [int(e or 0) for e in expected]
        )
        return Verdict(
            False,
            [
                f"different: layer {tensor.name} ({tensor.op}), on input set "
                f"{a.sets[wrong[0]].name}; the reference holds no values",
                f"cause: {cause}",
                f"the first {count - 1} layers that the reference has are equal",
            ],
        )
    if not count:
        raise DiagnosticException("the reference has no tensor of the network")
    return Verdict(True, [f"equal on {len(a.sets)} input sets: {count} layers"])
