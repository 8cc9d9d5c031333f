"""
Runs a compiled network and compares every integer: the work of `tinyml run`.

Builds the C with the harness, runs it on a simulated core or natively on every input
set, and compares outputs, and on request every layer's output, with a reference.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from xdsl.utils.exceptions import DiagnosticException
from xdsl.utils.hints import isa

from tinyml.backend.block_profile import FunctionProfile
from tinyml.backend.c_package import harness_glue, harness_hooks, is_asked
from tinyml.backend.layer_profile import profile_network
from tinyml.backend.poison import unwritten_reads
from tinyml.backend.simulator import RunResult, SimulatorName, run_program
from tinyml.backend.target_machine import TargetMachine, get_target
from tinyml.backend.toolchain import DEFAULT_STACK_BYTES, find_toolchain
from tinyml.frontend.load import first_line

OUTPUT_KEYS = (
    "tflm_outputs",
    "litert_ref_outputs",
    "ort_noopt_outputs",
    "torch_outputs",
)
"""Reference outputs in a file, in the order of preference."""

KEYS = (
    ("net", str),
    ("target", str),
    ("ram", dict),
    ("flash", dict),
    ("inputs", list),
    ("outputs", list),
    ("layers", list),
)
"""What a report has to hold for its network to be run."""

HARNESS_FLASH, HARNESS_RAM = 16 << 10, 4 << 10
"""Room for the harness beside a network, in bytes."""

Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class RunOptions:
    """What `tinyml run` is asked for. Memory sizes in bytes."""

    simulator: SimulatorName | None = None
    toolchain: str | None = None
    flash_size: int | None = None
    ram_size: int | None = None
    measure: bool = True
    check_alignment: bool = False
    timeout: float = 1800.0
    poison: bool = False


@dataclass(frozen=True)
class InputSets:
    """Inputs of some sets, and what should come out: an array per input and output."""

    inputs: Arrays
    outputs: Arrays | None

    @property
    def count(self) -> int:
        return len(self.inputs[0])

    def first(self, count: int) -> InputSets:
        """The first `count` sets."""
        outputs = None if self.outputs is None else [a[:count] for a in self.outputs]
        return InputSets([a[:count] for a in self.inputs], outputs)


Explain = Callable[[int, Mapping[str, Any], bytes], Mapping[str, Any]]
"""Gets a set, a layer of the report and the layer's output there."""


@dataclass(frozen=True)
class LayerChecks:
    """
    The CRC-32 of layers' outputs: for each set, a layer to its CRC. A layer is known
    by its `tensor`, the number of its output in the model's file, or by its `position`
    in the imported network. One that writes neither is not compared.
    """

    key: Literal["tensor", "position"]
    sets: Sequence[Mapping[int, int]]
    explain: Explain | None = None
    """What else there is to say of the first layer that differs."""


def load_report(directory: Path) -> dict[str, Any]:
    """The report of a compiled network's directory."""
    path = directory / "report.json"
    try:
        report: Any = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DiagnosticException(
            f"{path}: {error.strerror}; expected a directory that tinyml compile wrote"
        ) from error
    except (RecursionError, ValueError):
        report = None
    if not isa(report, dict[str, Any]) or not all(
        isinstance(report.get(key), kind) for key, kind in KEYS
    ):
        raise DiagnosticException(f"{path}: not a report that tinyml compile wrote")
    return report


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file."""
    try:
        with path.open("rb") as stream, NpzFile(stream) as file:
            return {key: file[key] for key in file.files}
    except OSError as error:
        raise DiagnosticException(f"{path}: {error.strerror or error}") from error
    except (BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise DiagnosticException(
            f"{path}: not an .npz file of plain arrays ({first_line(str(error))})"
        ) from error


def numbered(arrays: Mapping[str, np.ndarray], key: str) -> list[np.ndarray]:
    """`key`, `key_1`, `key_2`, ... as far as they go."""
    found: list[np.ndarray] = []
    name = key
    while name in arrays:
        found.append(arrays[name])
        name = f"{key}_{len(found)}"
    return found


def load_sets(
    report: Mapping[str, Any], inputs: Path | None, reference: Path | None
) -> InputSets:
    """
    The input sets of a run and their reference outputs; without files, one set of
    seeded random numbers.
    """
    file = inputs or reference
    if file is None:
        return InputSets(random_inputs(report), None)
    found = numbered(load_arrays(file), "inputs")
    expected = None
    if reference is not None:
        arrays = load_arrays(reference)
        key = next((key for key in OUTPUT_KEYS if key in arrays), None)
        if key is None:
            raise DiagnosticException(
                f"{reference}: no reference outputs; expected one of "
                + ", ".join(OUTPUT_KEYS)
            )
        expected = checked(
            numbered(arrays, key), report["outputs"], reference, "output"
        )
    sets = InputSets(checked(found, report["inputs"], file, "input"), expected)
    if expected and len(expected[0]) != sets.count:
        raise DiagnosticException(
            f"{reference}: outputs of {len(expected[0])} sets for {sets.count} inputs"
        )
    return sets


def checked(
    arrays: Arrays, ports: Sequence[Mapping[str, Any]], path: Path, what: str
) -> Arrays:
    """The arrays, if they fit the network's inputs or outputs."""
    if len(arrays) != len(ports):
        raise DiagnosticException(
            f"{path}: {len(arrays)} {what} arrays, the network has {len(ports)}"
        )
    for array, port in zip(arrays, ports, strict=True):
        if array.dtype.name != port["type"] or not fits(array.shape, port["shape"]):
            raise DiagnosticException(
                f"{path}: {what} {port['name']!r} is {array.dtype} of {array.shape}, "
                f"expected sets of {port['type']} {tuple(port['shape'])}"
            )
        if len(array) != len(arrays[0]):
            raise DiagnosticException(f"{path}: {what}s have different numbers of sets")
    return arrays


def fits(sets: Sequence[int], shape: Sequence[int]) -> bool:
    """
    Whether arrays of shape `sets` hold at least one tensor of `shape` along axis 0;
    dimensions of 1 may come and go, or all dimensions be flattened to one.
    """
    if not sets or not sets[0]:
        return False
    one = [size for size in sets[1:] if size != 1]
    return one in ([size for size in shape if size != 1], [math.prod(shape)])


def random_inputs(report: Mapping[str, Any]) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    found: list[np.ndarray] = []
    ports: list[dict[str, Any]] = report["inputs"]
    for port in ports:
        dtype, shape = np.dtype(port["type"]), (1, *port["shape"])
        if dtype.kind == "f":
            found.append(generator.uniform(-1, 1, shape).astype(dtype))
        else:
            info = np.iinfo(dtype)
            found.append(generator.integers(info.min, info.max + 1, shape, dtype))
    return found


def load_layer_checks(path: Path) -> LayerChecks:
    """The checks of a .layers.json file: rows of [operator, tensor, crc32] per set."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return LayerChecks(
            "tensor",
            [{int(row[1]): int(row[2]) for row in rows} for rows in content["crc"]],
        )
    except OSError as error:
        raise DiagnosticException(f"{path}: {error.strerror}") from error
    except (LookupError, RecursionError, TypeError, ValueError) as error:
        raise DiagnosticException(f"{path}: not a file of layer checksums") from error


def interpreted(directory: Path, sets: InputSets) -> tuple[InputSets, LayerChecks]:
    """
    The outputs and layer checks that the interpreter gives for the imported network.
    """
    from tinyml.dialects.layer import LayerOp
    from tinyml.dialects.network import layers, network_function
    from tinyml.frontend.load import load_model
    from tinyml.interp.run import run_network

    report = load_report(directory)
    module = load_model(directory / f"{report['net']}.mlir")
    order = {op: i for i, op in enumerate(layers(network_function(module)))}
    outputs: list[list[np.ndarray]] = []
    checks: list[dict[int, int]] = []
    for number in range(sets.count):
        found: dict[int, int] = {}

        def record(op: LayerOp, value: np.ndarray, found: dict[int, int] = found):
            found[order[op]] = zlib.crc32(value.tobytes())

        outputs.append(run_network(module, [a[number] for a in sets.inputs], record))
        checks.append(found)
    stacked = [np.stack(arrays) for arrays in zip(*outputs, strict=True)]
    return InputSets(sets.inputs, stacked), LayerChecks("position", checks)


def run_machine(report: Mapping[str, Any], options: RunOptions) -> TargetMachine:
    """
    The machine to run on. A core has no memory of its own: where a network needs more
    than its usual map, the map grows, unless the sizes are given.
    """
    machine = get_target("host" if options.simulator == "host" else report["target"])
    if machine.is_host:
        return machine
    ram = report["ram"]
    needed = {
        "flash": report["flash"]["total"] + HARNESS_FLASH,
        "ram": ram["total"] + DEFAULT_STACK_BYTES + HARNESS_RAM,
    }
    given = {"flash": options.flash_size, "ram": options.ram_size}
    sizes = {
        what: max(getattr(machine, what).length, round_up(needed[what]))
        if (size := given[what]) is None
        else size
        for what in needed
    }
    return machine.with_memory(**sizes)


def round_up(size: int) -> int:
    """To a multiple of 64 KiB."""
    return -(-size // (1 << 16)) << 16


def build(
    directory: Path,
    report: Mapping[str, Any],
    machine: TargetMachine,
    toolchain: str | None,
    folder: Path,
    hooks: bool,
    fill: int | None = None,
) -> Path:
    """
    Builds the network with its harness; `hooks` records every layer's output, `fill` is
    in every byte of the arena at first.
    """
    name = report["net"]
    compiler = find_toolchain(toolchain, machine)
    glue = harness_glue(
        name,
        report["inputs"],
        [port["bytes"] for port in report["outputs"]],
        [(layer["at"], layer["bytes"]) for layer in report["layers"]],
    )
    (folder / "glue.c").write_text(glue, "utf-8")
    (folder / "hooks.h").write_text(harness_hooks(name), "utf-8")
    defines: dict[str, str | int | None] = {}
    if hooks:
        defines[f"{name.upper()}_HOOKS_HEADER"] = '"hooks.h"'
    if fill is not None:
        defines["HARNESS_FILL"] = fill
    if not machine.is_host:
        section = '__attribute__((section(".noinit")))'
        defines[f"{name.upper()}_ARENA_ATTR"] = section
    sources = [directory / f"{name}.c", directory / f"{name}_weights.c"]
    objects = compiler.compile(
        [*sources, folder / "glue.c"],
        folder / ("hooked" if hooks else "plain"),
        include_dirs=[directory, folder],
        defines=defines,
    )
    return compiler.link(objects, folder / ("hooked.elf" if hooks else "plain.elf"))


def run_directory(
    directory: Path,
    sets: InputSets,
    layers: LayerChecks | None,
    options: RunOptions,
) -> dict[str, Any]:
    """
    Runs the network of a directory on all sets; returns the content of the JSON that
    `tinyml run` writes.
    """
    report = load_report(directory)
    machine = run_machine(report, options)
    data = pack_inputs(sets)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def run(hooks: bool, measure: bool) -> RunResult:
            elf = build(directory, report, machine, options.toolchain, folder, hooks)
            return run_program(
                elf,
                machine,
                data,
                options.simulator,
                count=measure,
                memory=measure,
                check_alignment=measure and options.check_alignment,
                timeout=options.timeout,
            )

        recorded = None if layers is None else run(True, False)
        # Hooks cost instructions: what is measured runs without them.
        result = recorded
        if options.measure or result is None:
            result = run(False, options.measure)
    difference = None
    outputs_equal, sets_equal, worst = None, None, 0.0
    if result.ok and sets.outputs is not None:
        got = unpack_outputs(result.outputs, report, sets.count)
        difference, sets_equal, worst = compare_outputs(got, sets.outputs, report)
        outputs_equal = difference is None
    changed = None
    if options.poison:
        changed = find_unwritten_reads(directory, sets.first(1), options)
    layers_equal, compared = True, 0
    if layers is not None and recorded is not None:
        compared, at_layer = compare_layers(recorded, layers, report, sets.count)
        layers_equal = at_layer is None and recorded.ok
        difference = at_layer or difference
    functions = inference_functions(result, report)
    profile = profile_network(result.calls, report)
    faults = list(result.faults)
    if recorded is not None:
        faults += [f for f in recorded.faults if f not in faults]
    if changed:
        faults.append(f"{changed[0]} depends on bytes that nothing has written")
    return {
        "simulator": result.simulator,
        "target": machine.name,
        "toolchain": find_toolchain(options.toolchain, machine).name,
        "memory_map": memory_map(machine, report),
        "sets": sets.count,
        "sets_equal": sets_equal,
        "outputs_equal": outputs_equal,
        "max_abs_diff": worst,
        "layers_equal": layers_equal,
        "layers_compared": compared,
        "first_difference": difference,
        "instructions": sum(item.instructions for item in functions),
        "cycles_estimated": sum(item.cycles_estimated for item in functions),
        "ram_touched": result.ram_touched,
        "stack_high_water": result.network_stack_bytes,
        "arena_high_water": arena_high_water(result, report["net"]),
        "arena_holes": arena_holes(result, report["net"]),
        "input_requests": input_requests(result, report),
        "unwritten_reads": changed,
        "faults": faults,
        "functions": [dataclasses.asdict(item) for item in functions],
        "profile": None if profile is None else dataclasses.asdict(profile),
    }


def find_unwritten_reads(
    directory: Path, sets: InputSets, options: RunOptions
) -> list[str]:
    """The layers and outputs that depend on what the arena holds before the run."""
    report = load_report(directory)
    machine = run_machine(report, options)
    with tempfile.TemporaryDirectory() as temporary:

        def run(fill: int) -> RunResult:
            folder = Path(temporary)
            elf = build(
                directory, report, machine, options.toolchain, folder, True, fill
            )
            return run_program(
                elf,
                machine,
                pack_inputs(sets),
                options.simulator,
                count=False,
                memory=False,
                timeout=options.timeout,
            )

        return unwritten_reads(run, report)


def run_outputs(
    directory: Path, sets: InputSets, options: RunOptions
) -> list[np.ndarray]:
    """The outputs of all sets as the compiled network gives them, unmeasured."""
    report = load_report(directory)
    machine = run_machine(report, options)
    with tempfile.TemporaryDirectory() as temporary:
        elf = build(
            directory, report, machine, options.toolchain, Path(temporary), hooks=False
        )
        result = run_program(
            elf,
            machine,
            pack_inputs(sets),
            options.simulator,
            count=False,
            memory=False,
        )
    if not result.ok:
        raise DiagnosticException(f"the run failed: {result.faults[0]}")
    return unpack_outputs(result.outputs, report, sets.count)


def inference_functions(
    result: RunResult, report: Mapping[str, Any]
) -> list[FunctionProfile]:
    """The functions of one inference: not the harness, nor what it calls around it."""
    name = report["net"]
    around = {f"{name}_init"}
    around |= {f"{name}_input_{i}" for i in range(len(report["inputs"]))}
    around |= {f"{name}_read_rows_{i}" for i in range(len(report["inputs"]))}
    around |= {f"{name}_output_{i}" for i in range(len(report["outputs"]))}
    return [item for item in result.network_functions if item.name not in around]


def input_requests(
    result: RunResult, report: Mapping[str, Any]
) -> dict[str, int] | None:
    """What one inference asked for of its inputs, if it asks for any."""
    if not any(is_asked(port) for port in report["inputs"]):
        return None
    pixels = Counter(
        (request.input, request.row, column)
        for request in result.requests
        for column in range(request.column, request.column + request.columns)
    )
    return {
        "calls": len(result.requests),
        "pixels": pixels.total(),
        "repeated_pixels": pixels.total() - len(pixels),
    }


def memory_map(machine: TargetMachine, report: Mapping[str, Any]) -> dict[str, Any]:
    """Flash and RAM of the run, and whether they are more than the target's own."""
    usual = get_target(machine.name)
    return {
        "flash": machine.flash.length,
        "ram": machine.ram.length,
        "enlarged": machine.flash.length > usual.flash.length
        or machine.ram.length > usual.ram.length,
    }


def arena_high_water(result: RunResult, name: str) -> int | None:
    """Offset of the arena's last byte that was written, plus one."""
    if result.memory is None:
        return None
    return result.symbol_high_water(f"{name}_arena")


def arena_holes(result: RunResult, name: str) -> list[list[int]] | None:
    """Ranges below that byte that were not written."""
    if result.memory is None:
        return None
    top = result.symbol_high_water(f"{name}_arena")
    found = result.symbol_holes(f"{name}_arena")
    return [[start, min(end, top)] for start, end in found if start < top]


def pack_inputs(sets: InputSets) -> bytes:
    """All inputs of a set behind one another, set by set."""
    return b"".join(
        np.ascontiguousarray(array[number]).tobytes()
        for number in range(sets.count)
        for array in sets.inputs
    )


def unpack_outputs(
    data: bytes, report: Mapping[str, Any], count: int
) -> list[np.ndarray]:
    """An array [sets, elements] per output."""
    ports = report["outputs"]
    size = sum(port["bytes"] for port in ports)
    if len(data) != size * count:
        raise DiagnosticException(
            f"the program wrote {len(data)} bytes of outputs, expected {size * count}"
        )
    rows = np.frombuffer(data, np.uint8).reshape(count, size)
    found: list[np.ndarray] = []
    start = 0
    for port in ports:
        part = np.ascontiguousarray(rows[:, start : start + port["bytes"]])
        found.append(part.view(port["type"]))
        start += port["bytes"]
    return found


def compare_outputs(
    got: Arrays, expected: Arrays, report: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, int, float]:
    """
    The first difference, if there is one; in how many sets there is none; and the
    largest of all.
    """
    first, worst = None, 0.0
    equal = np.ones(len(expected[0]), bool)
    for number, (mine, truth) in enumerate(zip(got, expected, strict=True)):
        truth = truth.reshape(len(truth), -1)
        # Bits are compared, so that even -0.0 and NaN have to be the same.
        differs = mine.view(np.uint8) != np.ascontiguousarray(truth).view(np.uint8)
        differs = differs.reshape(*mine.shape, -1).any(axis=-1)
        if not differs.any():
            continue
        equal &= ~differs.any(axis=1)
        with np.errstate(invalid="ignore"):
            gaps = np.abs(mine.astype(np.float64) - truth.astype(np.float64))
        worst = max(worst, float(gaps[np.isfinite(gaps)].max(initial=0.0)))
        if first is None:
            at, element = (int(i) for i in np.argwhere(differs)[0])
            first = {
                "set": at,
                "output": report["outputs"][number]["name"],
                "element": element,
                "got": json_number(mine[at, element].item()),
                "expected": json_number(truth[at, element].item()),
            }
    return first, int(equal.sum()), worst


def json_number(number: float) -> float | str:
    """The number, or its name where JSON has no number: `nan`, `inf`, `-inf`."""
    return number if math.isfinite(number) else str(number)


def compare_layers(
    result: RunResult, checks: LayerChecks, report: Mapping[str, Any], count: int
) -> tuple[int, dict[str, Any] | None]:
    """How many layers were compared in every set, and the first that differs."""
    layers = report["layers"]
    compared: set[int] = set()
    number, previous = 0, -1
    for record in result.layers:
        number += record.layer <= previous
        previous = record.layer
        layer = layers[record.layer]
        key = layer.get(checks.key)
        if number >= min(count, len(checks.sets)):
            break
        expected = checks.sets[number].get(key)
        if expected is None:
            continue
        compared.add(record.layer)
        if zlib.crc32(record.data) != expected:
            found = {
                "set": number,
                "layer": record.layer,
                "index": layer["index"],
                "op": layer["op"],
                "name": layer["name"],
            }
            if checks.explain is not None:
                found |= checks.explain(number, layer, record.data)
            return len(compared), found
    return len(compared), None
