"""
Compares networks before and after a pass that changes their inputs and outputs.

Such a pass drops layers at the boundary: an input is now what the first layers made of
it, and the run before the pass has that tensor. Where no tensor is found the pass
cannot be checked, and a remark says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import network_inputs, network_outputs, readers, writer
from tinyml.tools.input_sets import (
    InputSet,
    NetworkPort,
    Ports,
    in_arena,
    network_ports,
)
from tinyml.tools.network_signature import network_of
from tinyml.tools.network_trace import Key, Trace, tensor_key


@dataclass(frozen=True)
class Interface:
    """
    The ports of a network, for each input the tensors made of it alone, and of each
    output the tensor that it is. A network in its arena has ports only.
    """

    ports: Ports
    chains: tuple[tuple[Key, ...], ...]
    written: tuple[Key | None, ...]


def interface_of(module: ModuleOp) -> Interface:
    """Raises DiagnosticException if the module has no network, or several."""
    ports = network_ports(module)
    chains = ((),) * len(ports.inputs)
    if in_arena(module):
        return Interface(ports, chains, (None,) * len(ports.outputs))
    network = network_of(module)
    inputs = network_inputs(network)
    if len(inputs) == len(ports.inputs):
        chains = tuple(chain(port.value) for port in inputs)
    ends = [writer(port.value) for port in network_outputs(network)]
    written = tuple(None if op is None else tensor_key(op) for op in ends)
    return Interface(ports, chains, written)


def chain(value: SSAValue) -> tuple[Key, ...]:
    """The layers that are reached from a buffer while each is its only reader."""
    found: list[Key] = []
    while len(users := readers(value)) == 1:
        (user,) = users
        if not isinstance(user, LayerOp) or len(user.layer_inputs) != 1:
            break
        found.append(tensor_key(user))
        value = user.layer_output
    return tuple(found)


@dataclass(frozen=True)
class Matched:
    """Inputs for the network after a pass, and what cannot be compared, in words."""

    sets: Sequence[InputSet] | None
    """None if there are none that belong to those before."""
    outputs: frozenset[int]
    """The outputs that are what they were."""
    remarks: tuple[str, ...]


def match_interfaces(
    before: Interface,
    after: Interface,
    sets: Sequence[InputSet],
    traces: Sequence[Trace],
) -> Matched:
    """How to compare a network that had these sets and traces with what it is now."""
    old, new = before.ports, after.ports
    if len(old.inputs) != len(new.inputs) or len(old.outputs) != len(new.outputs):
        text = f"{len(new.inputs)} inputs and {len(new.outputs)} outputs now, were "
        text += f"{len(old.inputs)} and {len(old.outputs)}: nothing is compared"
        return Matched(None, frozenset(), (text,))
    remarks: list[str] = []
    arrays = [list(inputs.arrays) for inputs in sets]
    for number, (a, b) in enumerate(zip(old.inputs, new.inputs, strict=True)):
        if a == b:
            continue
        key = dropped_tensor(before.chains[number], after.chains[number])
        tensors = [None if key is None else t.tensors.get(key) for t in traces]
        text = f'input "{b.label}" is {b} now, was {a}: '
        for row, tensor in zip(arrays, tensors, strict=True):
            if tensor is None or not fits(tensor.values.nbytes, b):
                remarks.append(text + "nothing is compared")
                return Matched(None, frozenset(), tuple(remarks))
            row[number] = tensor.values.reshape(-1).view(b.dtype).reshape(b.shape)
        remarks.append(text + "it gets what the layers before it made")
    same: set[int] = set()
    for number, (a, b) in enumerate(zip(old.outputs, new.outputs, strict=True)):
        if a == b:
            same.add(number)
            continue
        known = after.written[number] in traces[0].tensors
        how = "compared as the tensor of its layer" if known else "not compared"
        remarks.append(f'output "{b.label}" is {b} now, was {a}: {how}')
    matched = [
        InputSet(inputs.name, row) for inputs, row in zip(sets, arrays, strict=True)
    ]
    return Matched(matched, frozenset(same), tuple(remarks))


def dropped_tensor(before: Sequence[Key], after: Sequence[Key]) -> Key | None:
    """The tensor that an input is now, if layers were dropped between."""
    count = len(before) - len(after)
    if count <= 0 or tuple(before[count:]) != tuple(after):
        return None
    return before[count - 1]


def fits(size: int, port: NetworkPort) -> bool:
    """Whether a tensor of so many bytes can be an input."""
    expected = port.dtype.itemsize
    for length in port.shape:
        expected *= length
    return size == expected
