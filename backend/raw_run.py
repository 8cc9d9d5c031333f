"""
What every simulator is asked and what it answers, before `simulator` interprets it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tinyml.backend.block_profile import BlockCount
from tinyml.backend.call_tree import CallSite
from tinyml.backend.elf_image import Program
from tinyml.backend.memory_use import MemoryUse

INPUTS, OUTPUTS, LAYERS = "inputs.bin", "outputs.bin", "layers.bin"
REQUESTS = "requests.bin"
"""The files of the harness."""


class SimulatorError(Exception):
    """A simulator that is missing, or a program that it cannot run."""


@dataclasses.dataclass(frozen=True)
class RawRun:
    """What one run of a simulator reports."""

    exit_status: int | None
    """None if the program did not end by itself."""
    fault: str | None = None
    timed_out: bool = False
    outputs: bytes = b""
    layers: bytes = b""
    requests: bytes = b""
    console: str = ""
    blocks: tuple[BlockCount, ...] | None = None
    """None if they were not counted."""
    calls: tuple[CallSite, ...] | None = None
    """None if they were not followed."""
    memory: MemoryUse | None = None
    network_stack_bytes: int | None = None
    unaligned: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What a simulator is to do besides running."""

    count: bool = True
    fill: int | None = None
    """Fill RAM with this byte and find out what was written."""
    check_alignment: bool = False
    timeout: float = 600.0
    """Seconds."""


def read_if_there(path: Path) -> bytes:
    """The contents of a file, nothing if it does not exist."""
    return path.read_bytes() if path.exists() else b""


def stack_region(program: Program) -> tuple[int, int]:
    """Address and size of the memory that the linker script gives to the stack."""
    bottom = program.symbols.get("harness_stack_bottom")
    top = program.symbols.get("harness_stack_top")
    if bottom is None or top is None:
        raise SimulatorError(f"{program.path} was not linked with the harness")
    return bottom.address, top.address - bottom.address
