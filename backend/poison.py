"""
Finds reads of arena bytes that nothing has written, by two runs on other garbage.

The arena is filled with one byte before the inputs are written, then with another one;
what comes out differs only if a layer has read what was there before. It has no say
about layers whose result does not depend on such a byte, and there is no need to run on
a simulator: the machine at hand will do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyml.backend.memory_use import FILLS
from tinyml.backend.simulator import RunResult


def unwritten_reads(
    run: Callable[[int], RunResult], report: Mapping[str, Any]
) -> list[str]:
    """
    What `run`, which gets the byte to fill the arena with, does differently: the layers
    in order, so that the first one is to blame, and the outputs.
    """
    one, other = (run(fill) for fill in FILLS)
    for result in (one, other):
        if not result.ok:
            return [f"the run ({result.faults[0]})"]
    found = [
        f"layer {record.layer} {layer['op']} {layer['name']!r}"
        for record, again in zip(one.layers, other.layers, strict=True)
        for layer in [report["layers"][record.layer]]
        if record.data != again.data
    ]
    start = 0
    for port in report["outputs"]:
        part = slice(start, start + port["bytes"])
        if one.outputs[part] != other.outputs[part]:
            found.append(f"output {port['name']!r}")
        start += port["bytes"]
    return found
