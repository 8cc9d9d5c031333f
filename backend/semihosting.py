"""
Arm semihosting against files in memory: what a simulated program can ask of its host.

Pure logic; a simulator gives access to the core's memory and acts on what `call` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import IntEnum


class Operation(IntEnum):
    """The calls that are implemented."""

    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    READ = 0x06
    SEEK = 0x0A
    FLEN = 0x0C
    EXIT = 0x18
    EXIT_EXTENDED = 0x20


APPLICATION_EXIT = 0x20026
FIRST_HANDLE = 3
READING_MODES = range(0, 4)
APPENDING_MODES = range(8, 12)


class SemihostingError(Exception):
    """A call that does not exist or makes no sense."""


@dataclasses.dataclass
class OpenFile:
    """A file and where in it the next access goes."""

    name: str
    position: int
    writable: bool


@dataclasses.dataclass
class Semihosting:
    """The host's side: its files, what was printed, how the program ended."""

    read_memory: Callable[[int, int], bytes]
    """(address, bytes) -> data."""
    write_memory: Callable[[int, bytes], None]
    files: dict[str, bytearray] = dataclasses.field(
        default_factory=dict[str, bytearray]
    )
    console: bytearray = dataclasses.field(default_factory=bytearray)
    exit_status: int | None = None
    """None while the program runs."""
    open_files: dict[int, OpenFile] = dataclasses.field(
        default_factory=dict[int, OpenFile]
    )

    def call(self, operation: int, argument: int) -> int:
        """Carry out a call; its result, which belongs into r0."""
        match operation:
            case Operation.OPEN:
                return self._open(*self._words(argument, 3))
            case Operation.CLOSE:
                (handle,) = self._words(argument, 1)
                self._file(handle)
                del self.open_files[handle]
                return 0
            case Operation.WRITEC:
                self.console += self.read_memory(argument, 1)
                return 0
            case Operation.WRITE0:
                self.console += self._string(argument)
                return 0
            case Operation.WRITE:
                return self._write(*self._words(argument, 3))
            case Operation.READ:
                return self._read(*self._words(argument, 3))
            case Operation.SEEK:
                handle, position = self._words(argument, 2)
                self._file(handle).position = position
                return 0
            case Operation.FLEN:
                (handle,) = self._words(argument, 1)
                return len(self.files[self._file(handle).name])
            case Operation.EXIT:
                self.exit_status = 0 if argument == APPLICATION_EXIT else 1
                return 0
            case Operation.EXIT_EXTENDED:
                reason, status = self._words(argument, 2)
                self.exit_status = status if reason == APPLICATION_EXIT else 1
                return 0
            case _:
                raise SemihostingError(f"semihosting call {operation:#x} is unknown")

    def _words(self, address: int, count: int) -> list[int]:
        data = self.read_memory(address, 4 * count)
        return [
            int.from_bytes(data[start : start + 4], "little")
            for start in range(0, 4 * count, 4)
        ]

    def _string(self, address: int) -> bytes:
        text = bytearray()
        while (char := self.read_memory(address + len(text), 1)) != b"\0":
            text += char
        return bytes(text)

    def _file(self, handle: int) -> OpenFile:
        if handle not in self.open_files:
            raise SemihostingError(f"{handle} is not an open file")
        return self.open_files[handle]

    def _open(self, name_address: int, mode: int, length: int) -> int:
        name = self.read_memory(name_address, length).decode(errors="replace")
        reading = mode in READING_MODES
        if reading and name not in self.files:
            return 0xFFFF_FFFF
        if not reading and mode not in APPENDING_MODES:
            self.files[name] = bytearray()
        content = self.files.setdefault(name, bytearray())
        handle = max(self.open_files, default=FIRST_HANDLE - 1) + 1
        position = len(content) if mode in APPENDING_MODES else 0
        self.open_files[handle] = OpenFile(name, position, not reading)
        return handle

    def _write(self, handle: int, address: int, length: int) -> int:
        """The number of bytes that were not written."""
        file = self._file(handle)
        if not file.writable:
            return length
        content = self.files[file.name]
        content[file.position : file.position + length] = self.read_memory(
            address, length
        )
        file.position += length
        return 0

    def _read(self, handle: int, address: int, length: int) -> int:
        """The number of bytes that were not read."""
        file = self._file(handle)
        data = self.files[file.name][file.position : file.position + length]
        self.write_memory(address, bytes(data))
        file.position += len(data)
        return length - len(data)
