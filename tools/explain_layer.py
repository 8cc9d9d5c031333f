"""
What `tinyml run` says of the first layer that differs: element, values and cause.

The interpreter runs the imported network once more on the set at hand. Where it agrees
with the reference, its numbers are those that the reference has; the cause is told from
them, as by `tinyml diff`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml.backend.runner import InputSets, LayerChecks, json_number
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.load import load_model
from tinyml.tools.input_sets import InputSet, network_ports
from tinyml.tools.layer_cause import Observed, cause_of, cause_of_checksum
from tinyml.tools.network_diff import layer_inputs
from tinyml.tools.network_trace import compare_arrays, tensor_key, trace_network


@dataclass(frozen=True)
class LayerExplainer:
    """Explains layers of the network that a directory was compiled from."""

    module_file: Path
    sets: InputSets
    checks: LayerChecks

    def explain(
        self, number: int, layer: Mapping[str, Any], data: bytes
    ) -> dict[str, Any]:
        """Keys for `first_difference`: element, got, expected, cause, where known."""
        module = load_model(self.module_file)
        key = layer[self.checks.key]
        op = self.find(layers(network_function(module)), key)
        if op is None:
            return {}
        ports = network_ports(module).inputs
        arrays = [
            each[number].reshape(port.shape)
            for each, port in zip(self.sets.inputs, ports, strict=True)
        ]
        inputs = InputSet(str(number), arrays)
        tensor = trace_network(module, inputs).tensors[tensor_key(op)]
        told, expected = tensor.values, self.checks.sets[number][key]
        if len(data) != told.nbytes:
            return {}
        got = np.frombuffer(data, told.dtype).reshape(told.shape)
        seen = Observed(op, [layer_inputs(module, op, inputs)], [told], [got])
        if zlib.crc32(told.tobytes()) != expected:
            agrees = compare_arrays("", told, got) is None
            text = cause_of_checksum(seen, [expected])
            if not agrees:
                text += "; nor does the interpreter agree with what was run"
            return {"cause": text}
        difference = compare_arrays("", told, got)
        if difference is None:
            return {}
        return {
            "element": list(difference.element),
            "got": json_number(difference.after),
            "expected": json_number(difference.before),
            "cause": cause_of(seen),
        }

    def find(self, order: list[LayerOp], key: int) -> LayerOp | None:
        """The layer that the checks know by a number."""
        if self.checks.key == "position":
            return order[key] if key < len(order) else None
        found = [op for op in order if tensor_key(op) == ("tinyml.tensor", key)]
        return found[0] if found else None


def describe_difference(found: Mapping[str, Any]) -> str:
    """The first difference in a line."""
    if "output" in found:
        what = f"output {found['output']!r} of set {found['set']}"
    else:
        what = f"layer {found['layer']}, {found['op']} {found['name']!r}, of set "
        what += str(found["set"])
    if "element" in found:
        what += f" at {found['element']} is {found['got']}, "
        what += f"expected {found['expected']}"
    if "cause" in found:
        what += f"; cause: {found['cause']}"
    return what
