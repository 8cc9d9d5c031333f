"""
Run a program with the harness and say what it did.

`run_program` takes the linked program and the bytes of all its input sets, runs it in
Unicorn, in QEMU or natively, and returns a `RunResult`: outputs, faults, instructions
and estimated cycles per function, the RAM and the stack that were used.

What is counted and measured is, unless asked otherwise, one inference: the first set.
The rest of the sets run without any hook, as fast as the simulator goes. Instruction
counts of Unicorn and QEMU are equal. Cycles are estimated (see `cycle_model`); two
simulators may cut straight code into other blocks, which moves the estimate a little.
"""

from __future__ import annotations

import dataclasses
import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from tinyml.backend.block_profile import (
    BlockDecoder,
    FunctionProfile,
    profile_blocks,
)
from tinyml.backend.call_tree import CallProfile, profile_calls
from tinyml.backend.elf_image import Program, read_program
from tinyml.backend.memory_use import FILLS, MemoryUse
from tinyml.backend.raw_run import RawRun, RunOptions, SimulatorError, stack_region
from tinyml.backend.target_machine import TargetMachine

SimulatorName = Literal["unicorn", "qemu", "host"]

HARNESS_STATUS: Mapping[int, str] = {
    111: "the core took a fault",
    112: "inputs.bin cannot be opened",
    113: "inputs.bin ends within a set",
    114: "an output file cannot be written",
    115: "the network asked for pixels outside of an input",
    116: "the network asked for a row of a stream that is not the next one",
}
"""Exit statuses of the harness itself; see harness_io.h."""


class Request(NamedTuple):
    """Pixels that the network asked for."""

    set: int
    """Where the set of inputs begins."""
    input: int
    row: int
    column: int
    columns: int


class LayerRecord(NamedTuple):
    """What a layer hook recorded."""

    layer: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a program did. Sizes in bytes."""

    simulator: SimulatorName
    program: Program | None
    """None on the host."""
    exit_status: int | None
    """What the program returned, 0 if all went well; None if it did not end."""
    fault: str | None
    """What went wrong, in one line; None if nothing did."""
    timed_out: bool
    outputs: bytes
    """All outputs of all sets, in order."""
    layers: tuple[LayerRecord, ...]
    requests: tuple[Request, ...]
    """For pixels of inputs, by the first set."""
    console: str
    functions: tuple[FunctionProfile, ...]
    """Of the counted sets, most cycles first; empty if nothing was counted."""
    calls: CallProfile | None
    """What called what in them; only if the simulator follows calls."""
    memory: MemoryUse | None
    """RAM written by the counted sets; None if it was not measured."""
    repeatable: bool | None
    """
    False if the contents of RAM before the run changed what it did: it read memory
    that it had not written. None if it was not measured.
    """
    network_stack_bytes: int | None
    """Stack below the call of `harness_run`, its own frame included."""
    unaligned: tuple[str, ...]
    """Where accesses of several words were not aligned; only if asked for."""
    seconds: float

    @property
    def ok(self) -> bool:
        return self.exit_status == 0 and self.fault is None

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that is wrong with the run, a line each."""
        found = [] if self.fault is None else [self.fault]
        if self.fault is None and self.exit_status:
            meaning = HARNESS_STATUS.get(self.exit_status, "returned by the network")
            found.append(f"exit status {self.exit_status}: {meaning}")
        if self.repeatable is False:
            found.append("the run depends on memory that it read before writing it")
        found += [f"unaligned access in {where}" for where in self.unaligned]
        return tuple(found)

    @property
    def instructions(self) -> int:
        """Instructions of the counted sets, harness included."""
        return sum(item.instructions for item in self.functions)

    @property
    def cycles_estimated(self) -> int:
        """Estimated cycles of the counted sets, harness included."""
        return sum(item.cycles_estimated for item in self.functions)

    @property
    def network_functions(self) -> tuple[FunctionProfile, ...]:
        """The functions that are not the harness's."""
        return tuple(item for item in self.functions if not item.is_harness)

    @property
    def inference_instructions(self) -> int:
        """Instructions of the network itself in the counted sets."""
        return sum(item.instructions for item in self.network_functions)

    @property
    def inference_cycles(self) -> int:
        """Estimated cycles of the network itself in the counted sets."""
        return sum(item.cycles_estimated for item in self.network_functions)

    @property
    def ram_touched(self) -> int | None:
        """Bytes of RAM written by the counted sets, harness included."""
        return None if self.memory is None else self.memory.bytes_written

    @property
    def stack_high_water(self) -> int | None:
        """The deepest the stack got, harness included."""
        if self.memory is None or self.program is None:
            return None
        bottom, size = stack_region(self.program)
        return size - self.memory.lowest(bottom, size)

    def symbol_high_water(self, name: str) -> int:
        """Offset of the last byte written in variable `name`, plus one."""
        memory, address, size = self._variable(name)
        return memory.highest(address, size)

    def symbol_holes(self, name: str) -> tuple[tuple[int, int], ...]:
        """Ranges (start, end) within variable `name` that were not written."""
        memory, address, size = self._variable(name)
        return memory.holes(address, size)

    def _variable(self, name: str) -> tuple[MemoryUse, int, int]:
        if self.memory is None or self.program is None:
            raise SimulatorError("the run did not measure memory")
        symbol = self.program.symbols.get(name)
        if symbol is None:
            raise SimulatorError(f"the program has no variable {name!r}")
        return self.memory, symbol.address, symbol.size


def input_set_bytes(program: Program) -> int | None:
    """Bytes of one set of inputs, if the program states them statically."""
    tensors = program.symbols.get("harness_inputs")
    count = program.symbols.get("harness_input_count")
    if tensors is None or count is None or tensors.kind not in ("data", "rodata"):
        return None
    number = program.read_loaded(count.address, 4)
    if number is None:
        return None
    table = program.read_loaded(tensors.address, 8 * int.from_bytes(number, "little"))
    if table is None:
        return None
    sizes = [size for _, size in struct.iter_unpack("<II", table)]
    return sum(sizes) if sizes and all(sizes) else None


def split_layers(data: bytes) -> tuple[LayerRecord, ...]:
    """The records of a layers.bin; one that is cut off is left out."""
    records: list[LayerRecord] = []
    start = 0
    while start + 8 <= len(data):
        index, size = struct.unpack_from("<II", data, start)
        end = start + 8 + size
        if end > len(data):
            break
        records.append(LayerRecord(index, data[start + 8 : end]))
        start = end
    return tuple(records)


def first_requests(data: bytes) -> tuple[Request, ...]:
    """What a requests.bin says of the first set of inputs."""
    whole = data[: len(data) // 20 * 20]
    found = (Request(*numbers) for numbers in struct.iter_unpack("<5i", whole))
    return tuple(request for request in found if request.set == 0)


Runner = Callable[[Program, TargetMachine, bytes, RunOptions], RawRun]


def _core_runner(simulator: SimulatorName) -> Runner:
    # Imported here: each drags in what the other does not need.
    if simulator == "unicorn":
        from tinyml.backend.unicorn_simulator import run_unicorn

        return run_unicorn
    if simulator == "qemu":
        from tinyml.backend.qemu_simulator import run_qemu

        return run_qemu
    raise SimulatorError(f"unknown simulator {simulator!r}; there are: unicorn, qemu")


def _same_behaviour(a: RawRun, b: RawRun) -> bool:
    def counts(run: RawRun) -> dict[int, int]:
        """
        Where it changes how often code is executed, and by how much: the same however
        the code was divided into blocks, which the look for unaligned accesses changes.
        """
        found: Counter[int] = Counter()
        for block in run.blocks or ():
            found[block.address] += block.executions
            found[block.address + block.size] -= block.executions
        return {address: change for address, change in found.items() if change}

    return (a.exit_status, a.fault, a.outputs, a.layers, a.console) == (
        b.exit_status,
        b.fault,
        b.outputs,
        b.layers,
        b.console,
    ) and counts(a) == counts(b)


def run_program(
    elf: Path,
    target: TargetMachine,
    inputs: bytes,
    simulator: SimulatorName | None = None,
    *,
    count: bool = True,
    memory: bool = True,
    measured_sets: int | None = 1,
    check_alignment: bool = False,
    timeout: float = 600.0,
) -> RunResult:
    """
    Run the program `elf`, built with the harness for `target`, on all sets of inputs in
    `inputs`. The simulator is Unicorn, on the host the host, if none is named.

    `count`: count instructions. `memory`: find out which RAM is written (Unicorn only),
    which takes a second run. Both, and `check_alignment`, look at the first
    `measured_sets` sets, None for all; with `count` and `memory` off nothing is looked
    at and everything runs at full speed. The sets behind the measured ones run in a
    program started anew. `timeout` is in seconds, for each of up to three runs.
    """
    chosen = simulator or ("host" if target.is_host else "unicorn")
    if (chosen == "host") != target.is_host:
        raise SimulatorError(f"simulator {chosen!r} does not run target {target.name}")
    started = time.perf_counter()
    if chosen == "host":
        from tinyml.backend.host_runner import run_host

        run = run_host(elf, inputs, timeout)
        return _result(chosen, None, target, [run], None, None, started)
    runner = _core_runner(chosen)
    program = read_program(elf)
    head, tail = inputs, b""
    set_bytes = input_set_bytes(program)
    if measured_sets is not None and set_bytes is not None:
        head = inputs[: measured_sets * set_bytes]
        tail = inputs[len(head) :]
    plain = RunOptions(count=False, timeout=timeout)
    memory = memory and chosen == "unicorn"
    if not (count or memory or check_alignment):
        run = runner(program, target, inputs, plain)
        return _result(chosen, program, target, [run], None, None, started)
    options = RunOptions(count, FILLS[0] if memory else None, check_alignment, timeout)
    runs = [runner(program, target, head, options)]
    repeatable: bool | None = None
    used = runs[0].memory
    if memory:
        again = dataclasses.replace(options, fill=FILLS[1], check_alignment=False)
        other = runner(program, target, head, again)
        repeatable = _same_behaviour(runs[0], other)
        if used is not None and other.memory is not None:
            used = used | other.memory
        depths = [run.network_stack_bytes or 0 for run in (runs[0], other)]
        runs[0] = dataclasses.replace(runs[0], network_stack_bytes=max(depths))
    if tail and runs[0].exit_status == 0 and runs[0].fault is None:
        runs.append(runner(program, target, tail, plain))
    return _result(chosen, program, target, runs, used, repeatable, started)


def _result(
    simulator: SimulatorName,
    program: Program | None,
    target: TargetMachine,
    runs: list[RawRun],
    memory: MemoryUse | None,
    repeatable: bool | None,
    started: float,
) -> RunResult:
    """Put runs one behind the other; the first is the measured one."""
    first, last = runs[0], runs[-1]
    functions: tuple[FunctionProfile, ...] = ()
    calls: CallProfile | None = None
    if first.blocks is not None and program is not None and target.core is not None:
        decoder = BlockDecoder(program)
        functions = profile_blocks(program, first.blocks, target.core, decoder)
        if first.calls is not None:
            calls = profile_calls(
                program, first.calls, first.blocks, target.core, decoder
            )
    return RunResult(
        simulator=simulator,
        program=program,
        exit_status=last.exit_status,
        fault=last.fault,
        timed_out=last.timed_out,
        outputs=b"".join(run.outputs for run in runs),
        layers=split_layers(b"".join(run.layers for run in runs)),
        requests=first_requests(first.requests),
        console="".join(run.console for run in runs),
        functions=functions,
        calls=calls,
        memory=memory,
        repeatable=repeatable,
        network_stack_bytes=first.network_stack_bytes,
        unaligned=first.unaligned,
        seconds=time.perf_counter() - started,
    )
