"""
Run a program in Unicorn, an instruction-set simulator that pip installs.

Facts about Unicorn 2.1.4 that this code is built around:

- UC_MODE_MCLASS selects Cortex-M33 whatever the model; plain Thumb mode does not.
- Hooks on memory writes corrupt IT blocks, so there are none: RAM is filled with a
  pattern before the run and compared behind it.
- `bkpt 0xab` arrives as interrupt 7 with the PC on the instruction.
- The sizes that block hooks see count every instruction; code hooks miss the bkpt.
- Unaligned LDRD, LDM and VLDR do not fault; `AlignmentCheck` looks for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import (
    UC_ARCH_ARM,
    UC_HOOK_BLOCK,
    UC_HOOK_INTR,
    UC_HOOK_MEM_INVALID,
    UC_MODE_THUMB,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
    arm_const,
    unicorn_const,
)

from tinyml.backend.elf_image import Program
from tinyml.backend.memory_use import MemoryUse
from tinyml.backend.raw_run import (
    INPUTS,
    LAYERS,
    OUTPUTS,
    REQUESTS,
    RawRun,
    RunOptions,
    SimulatorError,
    stack_region,
)
from tinyml.backend.semihosting import Semihosting, SemihostingError
from tinyml.backend.target_machine import Core, MemoryRegion, TargetMachine
from tinyml.backend.unicorn_hooks import (
    AlignmentCheck,
    Engine,
    UcError,
    count_blocks,
    new_engine,
)

MODELS: Mapping[Core, int] = {
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
}
PAGE = 0x1000
SYSTEM_CONTROL_SPACE = 0xE000_E000
BKPT_INTERRUPT = 7
BKPT_SEMIHOSTING = b"\xab\xbe"

INTERRUPTS = {
    1: "undefined instruction",
    2: "supervisor call",
    3: "prefetch abort",
    4: "data abort",
    7: "breakpoint",
    17: "coprocessor that is not there or not enabled",
    18: "invalid state",
    22: "unaligned access",
}

ACCESSES = {
    unicorn_const.UC_MEM_READ_UNMAPPED: "read",
    unicorn_const.UC_MEM_WRITE_UNMAPPED: "write",
    unicorn_const.UC_MEM_FETCH_UNMAPPED: "fetch",
    unicorn_const.UC_MEM_WRITE_PROT: "write to read-only memory",
    unicorn_const.UC_MEM_READ_PROT: "read of unreadable memory",
    unicorn_const.UC_MEM_FETCH_PROT: "fetch from memory without code",
}

WRITE_ERRORS = (unicorn_const.UC_ERR_WRITE_UNMAPPED, unicorn_const.UC_ERR_WRITE_PROT)


def _pages(length: int) -> int:
    return -(-length // PAGE) * PAGE


class StackWatch:
    """
    How deep the stack gets during `harness_run`.

    At its entry the stack below SP is filled anew; at `harness_run_end`, which the
    harness calls right behind it, the lowest byte that lost the fill is the depth.
    """

    def __init__(self, machine: UnicornMachine, fill: int):
        self._machine, self._fill = machine, fill
        self._bottom, size = stack_region(machine.program)
        self._sp = self._bottom + size
        self.written: npt.NDArray[np.bool_] = np.zeros(size, np.bool_)
        self.bytes = 0
        for name, hook in (
            ("harness_run", self._on_start),
            ("harness_run_end", self._on_end),
        ):
            symbol = machine.program.symbols.get(name)
            if symbol is not None:
                machine.engine.hook_add(
                    UC_HOOK_BLOCK, hook, None, symbol.address, symbol.address
                )

    def _scan(self) -> npt.NDArray[np.bool_]:
        length = self._sp - self._bottom
        data = self._machine.engine.mem_read(self._bottom, length)
        written = np.frombuffer(bytes(data), np.uint8) != self._fill
        self.written[:length] |= written
        return written

    def _on_start(self, engine: Any, address: int, size: int, data: Any) -> None:
        self._sp = self._machine.read_register(arm_const.UC_ARM_REG_SP)
        length = len(self._scan())
        engine.mem_write(self._bottom, bytes([self._fill]) * length)

    def _on_end(self, engine: Any, address: int, size: int, data: Any) -> None:
        places = np.flatnonzero(self._scan())
        if len(places):
            depth = self._sp - self._bottom - int(places[0])
            self.bytes = max(self.bytes, depth)


class UnicornMachine:
    """A core with its memories and the program loaded."""

    def __init__(self, program: Program, target: TargetMachine, fill: int):
        if target.core is None:
            raise SimulatorError(f"Unicorn has no model for target {target.name}")
        self.program, self.target = program, target
        self.fault: str | None = None
        self.engine: Engine = new_engine(UC_ARCH_ARM, UC_MODE_THUMB)
        self.engine.ctl_set_cpu_model(MODELS[target.core])
        writable = UC_PROT_READ | UC_PROT_WRITE
        self._map(target.flash, UC_PROT_READ | UC_PROT_EXEC)
        self._map(target.ram, writable)
        self.engine.mem_map(SYSTEM_CONTROL_SPACE, PAGE, writable)
        self.engine.mem_write(target.ram.origin, bytes([fill]) * target.ram.length)
        for segment in program.segments:
            if not target.flash.contains(segment.address, len(segment.data)):
                raise SimulatorError(
                    f"{len(segment.data)} bytes at {segment.address:#x} do not lie in"
                    f" the flash of {target.name}, {target.flash}"
                )
            self.engine.mem_write(segment.address, segment.data)
        self.semihosting = Semihosting(self._read, self.engine.mem_write)
        self.engine.hook_add(UC_HOOK_INTR, self._on_interrupt)
        self.engine.hook_add(UC_HOOK_MEM_INVALID, self._on_bad_access)

    def _map(self, region: MemoryRegion, protection: int) -> None:
        self.engine.mem_map(region.origin, _pages(region.length), protection)

    def _read(self, address: int, length: int) -> bytes:
        return bytes(self.engine.mem_read(address, length))

    def read_register(self, number: int) -> int:
        value = self.engine.reg_read(number)
        return value if isinstance(value, int) else 0

    @property
    def pc(self) -> int:
        return self.read_register(arm_const.UC_ARM_REG_PC)

    def _on_interrupt(self, engine: Any, number: int, data: Any) -> None:
        pc = self.pc
        is_call = number == BKPT_INTERRUPT and self._read(pc, 2) == BKPT_SEMIHOSTING
        if not is_call:
            what = INTERRUPTS.get(number, f"exception {number}")
            self._stop(f"{what} in {self.program.where(pc)}")
            return
        try:
            result = self.semihosting.call(
                self.read_register(arm_const.UC_ARM_REG_R0),
                self.read_register(arm_const.UC_ARM_REG_R1),
            )
        except (SemihostingError, UcError) as error:
            self._stop(f"semihosting failed in {self.program.where(pc)}: {error}")
            return
        if self.semihosting.exit_status is not None:
            self.engine.emu_stop()
            return
        self.engine.reg_write(arm_const.UC_ARM_REG_R0, result)
        self.engine.reg_write(arm_const.UC_ARM_REG_PC, (pc + 2) | 1)

    def _stop(self, fault: str) -> None:
        self.fault = self.fault or fault
        self.engine.emu_stop()

    def _on_bad_access(
        self, engine: Any, kind: int, address: int, size: int, value: int, data: Any
    ) -> bool:
        what = ACCESSES.get(kind, f"access {kind}")
        bottom, _ = stack_region(self.program)
        if bottom - (64 << 10) <= address < bottom:
            what = f"stack overflow: {what}"
        self.fault = self.fault or f"{what} of {size} bytes at {address:#010x}"
        return False

    def run(self, timeout: float) -> bool:
        """Run from reset; True if it ended within `timeout` seconds."""
        origin = self.target.flash.origin
        vectors = self._read(origin, 8)
        self.engine.reg_write(
            arm_const.UC_ARM_REG_SP, int.from_bytes(vectors[:4], "little")
        )
        entry = int.from_bytes(vectors[4:], "little")
        try:
            # Nothing is at the address that would end it: the program exits by itself.
            self.engine.emu_start(entry | 1, 0xFFFF_FFFE, timeout=int(timeout * 1e6))
        except UcError as error:
            number: int = getattr(error, "errno", 0)
            illegal = number == unicorn_const.UC_ERR_INSN_INVALID
            what = "undefined instruction" if illegal else str(error)
            # Only now is the PC that of the instruction; of a write, the block's.
            where = self.program.where(self.pc)
            if number in WRITE_ERRORS:
                where = where.partition("+")[0]
            self.fault = f"{self.fault or what} in {where}"
        if self.semihosting.exit_status is None and self.fault is None:
            self.fault = (
                f"timed out after {timeout:g} s in {self.program.where(self.pc)}"
            )
            return False
        return True


def run_unicorn(
    program: Program, target: TargetMachine, inputs: bytes, options: RunOptions
) -> RawRun:
    """Run `program` from reset on `inputs`."""
    fill = 0 if options.fill is None else options.fill
    machine = UnicornMachine(program, target, fill)
    machine.semihosting.files[INPUTS] = bytearray(inputs)
    counter = count_blocks(machine.engine, program) if options.count else None
    watch = StackWatch(machine, fill) if options.fill is not None else None
    check = AlignmentCheck(machine.engine, program) if options.check_alignment else None
    ended = machine.run(options.timeout)
    files = machine.semihosting.files
    calls = None if counter is None else counter.calls()
    run = RawRun(
        exit_status=machine.semihosting.exit_status,
        fault=machine.fault,
        timed_out=not ended,
        outputs=bytes(files.get(OUTPUTS, b"")),
        layers=bytes(files.get(LAYERS, b"")),
        requests=bytes(files.get(REQUESTS, b"")),
        console=machine.semihosting.console.decode(errors="replace"),
        blocks=None if counter is None else tuple(counter.blocks()),
        calls=None if calls is None else tuple(calls),
        unaligned=() if check is None else check.unaligned(),
    )
    if watch is None:
        return run
    ram = target.ram
    content = np.frombuffer(
        bytes(machine.engine.mem_read(ram.origin, ram.length)), "u1"
    )
    written = content != fill
    bottom, size = stack_region(program)
    written[bottom - ram.origin :][:size] |= watch.written
    return dataclasses.replace(
        run,
        memory=MemoryUse(ram.origin, written),
        network_stack_bytes=watch.bytes,
    )
