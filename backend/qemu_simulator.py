"""
Run a program in QEMU, if it is installed: fast, and a second opinion on Unicorn.

Files and exit go through semihosting in a directory of its own. Instructions are
counted by a TCG plugin of ours, compiled once into the user's cache.

QEMU faults on unaligned LDRD and LDM as a core does. It lets programs write to flash,
and below RAM, where its boards have a device that ignores writes: a stack overflow runs
until the timeout. Find those with Unicorn.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from tinyml.backend.block_profile import BlockCount
from tinyml.backend.compiler_process import (
    ToolchainError,
    harness_directory,
    run_compiler,
    zig_command,
)
from tinyml.backend.elf_image import Program
from tinyml.backend.raw_run import (
    INPUTS,
    LAYERS,
    OUTPUTS,
    REQUESTS,
    RawRun,
    RunOptions,
    SimulatorError,
    read_if_there,
)
from tinyml.backend.target_machine import TargetError, TargetMachine
from tinyml.backend.user_cache import cache_key, cached_file

COUNTS = "counts.txt"

CFSR_BITS = {
    0: "fetch violation",
    1: "data access violation",
    8: "instruction bus error",
    9: "precise data bus error",
    10: "imprecise data bus error",
    11: "bus error on return from exception",
    12: "bus error on stacking",
    16: "undefined instruction",
    17: "invalid state",
    18: "invalid PC",
    19: "coprocessor that is not there or not enabled",
    24: "unaligned access",
    25: "divide by zero",
}
"""Bits of the configurable fault status register."""

_FAULT = re.compile(r"harness fault: pc=([0-9a-f]{8}) cfsr=([0-9a-f]{8})")


def find_qemu() -> str:
    """The path of qemu-system-arm; raises if it is not installed."""
    found = shutil.which("qemu-system-arm")
    if found is None:
        raise SimulatorError("QEMU is not installed: no qemu-system-arm on the path")
    return found


@functools.cache
def plugin_version(qemu: str) -> int:
    """The version of the plugin interface that `qemu` wants: 2 from QEMU 9 on."""
    text = subprocess.run([qemu, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)\.", text)
    return 2 if match is not None and int(match.group(1)) >= 9 else 1


def block_plugin(qemu: str) -> Path:
    """The compiled plugin."""
    source = harness_directory() / "qemu_plugin.c"
    define = f"-DPLUGIN_VERSION={plugin_version(qemu)}"
    flags = ["-O2", "-shared", "-fPIC", define]

    def build(out: Path) -> None:
        system = shutil.which("cc")
        command = [system] if system else [*zig_command(), "-fno-sanitize=all"]
        run_compiler([*command, *flags, str(source), "-o", str(out)])

    key = cache_key([source.read_bytes(), define])
    try:
        return cached_file(f"qemu_plugin-{key}.so", build)
    except ToolchainError as error:
        raise SimulatorError(f"cannot build QEMU's plugin: {error}") from None


def _code_size(program: Program, address: int, instructions: int) -> int:
    """Bytes of so many Thumb instructions."""
    end = address
    for _ in range(instructions):
        halfword = program.read_loaded(end, 2)
        if halfword is None:
            break
        end += 4 if halfword[1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
    return end - address


def parse_counts(text: str, program: Program) -> tuple[BlockCount, ...]:
    """What the plugin wrote; blocks that QEMU translated twice are put together."""
    executions: Counter[tuple[int, int]] = Counter()
    falls: Counter[tuple[int, int]] = Counter()
    for line in text.splitlines():
        address, instructions, count, fell = map(int, line.split())
        size = _code_size(program, address, instructions)
        executions[address, size] += count
        falls[address, size] += fell
    return tuple(
        BlockCount(*key, count, falls[key]) for key, count in executions.items()
    )


def fault_text(console: str, program: Program) -> str | None:
    """What the harness's fault handler printed, in words."""
    match = _FAULT.search(console)
    if match is None:
        return None
    pc, status = (int(value, 16) for value in match.groups())
    causes = [text for bit, text in CFSR_BITS.items() if status >> bit & 1]
    where = f"in {program.where(pc)}" if pc else "by stack overflow"
    return f"{', '.join(causes) or 'hard fault'} {where}"


def run_qemu(
    program: Program, target: TargetMachine, inputs: bytes, options: RunOptions
) -> RawRun:
    """Run `program` from reset on `inputs`. Does not measure memory."""
    qemu = find_qemu()
    try:
        target.check_qemu()
    except TargetError as error:
        raise SimulatorError(str(error)) from None
    command = [
        *(qemu, "-M", str(target.qemu_machine), "-nographic"),
        *("-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native"),
        *("-kernel", str(program.path.absolute())),
    ]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / INPUTS).write_bytes(inputs)
        if options.count:
            plugin = f"file={block_plugin(qemu)},out={directory / COUNTS}"
            command += ["-plugin", plugin]
        status: int | None = None
        fault: str | None = None
        console, timed_out = "", False
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=options.timeout,
            )
            console = (done.stdout + done.stderr).decode(errors="replace")
            fault = fault_text(console, program)
            if fault is None and done.returncode < 0:
                fault = f"QEMU gave up: {console.strip().splitlines()[:1]}"
            status = done.returncode if fault is None else None
        except subprocess.TimeoutExpired:
            timed_out, fault = True, f"timed out after {options.timeout:g} s"
        counts = directory / COUNTS
        return RawRun(
            exit_status=status,
            fault=fault,
            timed_out=timed_out,
            outputs=read_if_there(directory / OUTPUTS),
            layers=read_if_there(directory / LAYERS),
            requests=read_if_there(directory / REQUESTS),
            console=console,
            blocks=(
                parse_counts(counts.read_text(), program) if counts.exists() else None
            ),
        )
