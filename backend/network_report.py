"""
What a compiled network takes: sizes read off its objects, and what report.json holds.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xdsl.dialects import func

from tinyml.backend.c_package import CPackage
from tinyml.backend.memory_map import Kind, MemoryMap
from tinyml.backend.network_info import is_lookup, is_weight
from tinyml.backend.target_machine import TargetMachine
from tinyml.backend.toolchain import find_toolchain


@dataclass(frozen=True)
class Measures:
    """What the compiler made of the C. Bytes."""

    weights: int
    tables: int
    lookup: int
    """Of the tables those of functions, such as that of softmax."""
    code: int
    static: int
    stack: int
    functions: Mapping[str, int]
    """Code of each function."""


def measure(
    package: CPackage, target: TargetMachine, toolchain_name: str | None
) -> Measures:
    """Compiles the C for its target and reads sizes and stack use off the objects."""
    toolchain = find_toolchain(toolchain_name, target)
    name = package.name
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for file in (f"{name}.h", f"{name}.c"):
            (folder / file).write_text(package.files[file], "utf-8")
        (code,) = toolchain.compile(
            [folder / f"{name}.c"], folder, include_dirs=[folder]
        )
    sizes = package.info.constants
    weights = sum(size for key, size in sizes.items() if is_weight(key))
    arena = package.info.arena_bytes
    return Measures(
        weights,
        sum(sizes.values()) - weights,
        sum(size for key, size in sizes.items() if is_lookup(key)),
        code.text + code.rodata,
        code.data + code.bss + code.noinit - (arena if code.sizes else 0),
        stack_depth(package, code.stack_usage),
        {item.name: item.size for item in code.symbols if item.is_function},
    )


def stack_depth(package: CPackage, usage: Mapping[str, int]) -> int:
    """
    The deepest stack of one inference: the entry, the network's body, and the kernel
    that needs the most with what it calls. A function that was inlined is part of its
    caller's frame.
    """
    body = package.info.function
    functions = {
        op.sym_name.data: op
        for op in package.info.module.ops
        if isinstance(op, func.FuncOp)
    }

    def depth(function: func.FuncOp) -> int:
        calls = [op for op in function.walk() if isinstance(op, func.CallOp)]
        callees = {call.callee.string_value() for call in calls}
        below = (depth(functions[name]) for name in callees if name in functions)
        return usage.get(function.sym_name.data, 0) + max(below, default=0)

    return usage.get(f"{package.name}_run", 0) + depth(body)


def describe(
    package: CPackage,
    memory: MemoryMap,
    path: Path,
    target: TargetMachine,
    measures: Measures,
    macs_model: int,
) -> dict[str, Any]:
    """The content of report.json."""
    info = package.info
    inputs = sum(p.size if p.held is None else p.held for p in info.inputs)
    outputs = sum(port.size for port in info.outputs)
    scratch = [p.size for p in memory.places if p.kind is Kind.SCRATCH]
    peak = memory.peak
    flash = measures.weights + measures.tables + measures.code
    layers = info.layers
    if target.core is None:
        # Estimates that chose kernels are those of another core.
        layers = tuple(
            dataclasses.replace(layer, cycles_estimated=None) for layer in layers
        )
    return {
        "model": path.name,
        "target": target.name,
        "net": package.name,
        "macs": info.macs,
        "macs_model": macs_model,
        "cycles_estimated": total(layer.cycles_estimated for layer in layers),
        "ram": {
            "arena": info.arena_bytes,
            "input": inputs,
            "output": outputs,
            "scratch": max(scratch, default=0),
            "static": measures.static,
            "stack": measures.stack,
            "total": info.arena_bytes + measures.static + measures.stack,
        },
        "flash": {
            "weights": measures.weights,
            "tables": measures.tables,
            "lookup": measures.lookup,
            "code": measures.code,
            "total": flash,
        },
        "peak": {
            "op": "" if peak is None else info.layers[peak].name,
            "bytes": 0 if peak is None else memory.live[peak],
        },
        "lower_bound": memory.lower_bound,
        "holes": [[start, end] for start, end in memory.holes],
        "stages": [dataclasses.asdict(stage) for stage in info.stages],
        "inputs": [port_report(port) for port in info.inputs],
        "outputs": [port_report(port) for port in info.outputs],
        "layers": [
            {
                "index": layer.index,
                "tensor": layer.tensor,
                "position": layer.position,
                "op": layer.op,
                "name": layer.name,
                "kernel": layer.kernel,
                "kind": layer.kind,
                "macs": layer.macs,
                "cycles_estimated": layer.cycles_estimated,
                "elements": layer.elements,
                "live_bytes": live,
                "at": layer.at,
                "bytes": layer.size,
            }
            for layer, live in zip(layers, memory.live, strict=True)
        ],
        "kinds": info.kinds,
        "functions": dict(measures.functions),
    }


def total(numbers: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def port_report(port: Any) -> dict[str, Any]:
    return {
        "name": port.label,
        "shape": list(port.shape),
        "type": port.dtype.name,
        "scale": port.scale,
        "zero_point": port.zero_point,
        "at": port.at,
        "bytes": port.size,
        "mode": port.mode,
    }
