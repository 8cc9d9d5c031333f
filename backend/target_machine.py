"""
The machines that generated C is compiled for and run on: pure data.

A `TargetMachine` says how each toolchain spells the core, and where its memories lie.
Lengths are bytes, addresses are what the core sees. The default maps are those of
common parts (an M4 with 1 MiB of flash, an M7 with 2 MiB); `with_memory` makes a
machine of other sizes, for a budget or for a network that is too large for any part
and is run for its arithmetic only.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

Core = Literal["cortex-m4", "cortex-m7"]

MIB = 1 << 20
KIB = 1 << 10

SRAM_ORIGIN = 0x2000_0000
"""Where the M-profile memory map puts SRAM; everything below is code."""

PERIPHERALS_ORIGIN = 0x4000_0000
"""End of the SRAM part of the M-profile memory map."""

QEMU_SRAM_BYTES = 4 * MIB
"""Code memory, and SRAM, of QEMU's MPS2 boards: 4 MiB each."""


class TargetError(ValueError):
    """A target that does not exist or cannot have the memory asked for."""


@dataclasses.dataclass(frozen=True)
class MemoryRegion:
    """`length` bytes from address `origin`."""

    origin: int
    length: int

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.origin + self.length

    def contains(self, address: int, length: int = 1) -> bool:
        """True if `length` bytes from `address` lie within the region."""
        return self.origin <= address and address + length <= self.end

    def __str__(self) -> str:
        return f"{self.origin:#010x}..{self.end:#010x}"


@dataclasses.dataclass(frozen=True)
class TargetMachine:
    """A core with its memories; `host` is the machine the compiler runs on."""

    name: str
    core: Core | None = None
    """The core, which may have another name than the part; None on the host."""
    zig_cpu: str = ""
    """Value of clang's `-mcpu` as zig spells it, FPU features included."""
    gcc_flags: tuple[str, ...] = ()
    """Flags that select core and FPU for arm-none-eabi-gcc."""
    qemu_machine: str | None = None
    flash: MemoryRegion = MemoryRegion(0, 0)
    """Code and constants. Empty on the host."""
    ram: MemoryRegion = MemoryRegion(0, 0)
    """Arena, static data and stack. Empty on the host."""

    @property
    def is_host(self) -> bool:
        return self.core is None

    def with_memory(
        self, flash: int | None = None, ram: int | None = None
    ) -> TargetMachine:
        """A copy with other lengths of flash and ram, in bytes."""
        if self.is_host:
            return self
        flash_length = self.flash.length if flash is None else flash
        ram_length = self.ram.length if ram is None else ram
        for what, length, limit in (
            ("flash", flash_length, self.ram.origin - self.flash.origin),
            ("ram", ram_length, PERIPHERALS_ORIGIN - self.ram.origin),
        ):
            if not 0 < length <= limit:
                raise TargetError(
                    f"{self.name}: {length} bytes of {what} is not within 1..{limit}"
                )
        return dataclasses.replace(
            self,
            flash=MemoryRegion(self.flash.origin, flash_length),
            ram=MemoryRegion(self.ram.origin, ram_length),
        )

    def check_qemu(self) -> None:
        """Raise unless QEMU has a board with this core and room for its memories."""
        if self.qemu_machine is None:
            raise TargetError(f"QEMU has no board for target {self.name}")
        for what, region in (("flash", self.flash), ("ram", self.ram)):
            if region.length > QEMU_SRAM_BYTES:
                raise TargetError(
                    f"QEMU's {self.qemu_machine} has {QEMU_SRAM_BYTES} bytes of {what}"
                    f" at {region.origin:#x}, {self.name} asks for {region.length}"
                )


TARGETS = (
    TargetMachine("host"),
    TargetMachine(
        "cortex-m4",
        "cortex-m4",
        "cortex_m4+vfp4d16sp",
        ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        "mps2-an386",
        MemoryRegion(0, 1 * MIB),
        MemoryRegion(SRAM_ORIGIN, 256 * KIB),
    ),
    TargetMachine(
        "cortex-m7",
        "cortex-m7",
        "cortex_m7+fp_armv8d16",
        ("-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-d16"),
        "mps2-an500",
        MemoryRegion(0, 2 * MIB),
        MemoryRegion(SRAM_ORIGIN, 512 * KIB),
    ),
)


def get_target(name: str) -> TargetMachine:
    """The machine called `name`."""
    for target in TARGETS:
        if target.name == name:
            return target
    known = ", ".join(target.name for target in TARGETS)
    raise TargetError(f"unknown target {name!r}; there are: {known}")
