"""What simulators are made of: semihosting, the map of written memory, layer records."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tinyml.backend.memory_use import MemoryUse
from tinyml.backend.semihosting import Operation, Semihosting, SemihostingError
from tinyml.backend.simulator import split_layers


def test_split_layers():
    record = struct.pack("<II", 7, 3) + b"abc"
    assert split_layers(record * 2) == ((7, b"abc"), (7, b"abc"))
    assert split_layers(record + record[:-1]) == ((7, b"abc"),)
    assert split_layers(b"") == ()


def test_memory_use():
    written = np.zeros(32, np.bool_)
    written[[4, 5, 9]] = True
    use = MemoryUse(0x100, written)
    assert use.bytes_written == 3
    assert use.bytes_written_in(0x105, 4) == 1
    assert (use.highest(0x100, 32), use.lowest(0x100, 32)) == (10, 4)
    assert (use.highest(0x110, 8), use.lowest(0x110, 8)) == (0, 8)
    assert use.holes(0x100, 32) == ((0, 4), (6, 9))
    assert use.holes(0x110, 8) == ()
    other = np.zeros(32, np.bool_)
    other[20] = True
    assert (use | MemoryUse(0x100, other)).highest(0x100, 32) == 21
    with pytest.raises(ValueError, match="do not lie in RAM"):
        use.highest(0xFF, 4)


class TestSemihosting:
    """Semihosting against a little memory."""

    def setup_method(self):
        self.memory = bytearray(256)
        self.host = Semihosting(
            lambda address, size: bytes(self.memory[address : address + size]),
            self._write,
            files={"in": bytearray(b"abcdef")},
        )

    def _write(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def call(self, operation: int, *words: int) -> int:
        self._write(0, struct.pack(f"<{len(words)}I", *words))
        return self.host.call(operation, 0)

    def open(self, name: bytes, mode: int) -> int:
        self._write(100, name + b"\0")
        return self.call(Operation.OPEN, 100, mode, len(name))

    def test_read(self):
        handle = self.open(b"in", 1)
        assert self.call(Operation.READ, handle, 50, 4) == 0
        assert self.memory[50:54] == b"abcd"
        assert self.call(Operation.READ, handle, 50, 4) == 2
        assert self.memory[50:54] == b"efcd"
        assert self.call(Operation.READ, handle, 50, 4) == 4
        assert self.call(Operation.WRITE, handle, 50, 4) == 4
        assert self.call(Operation.CLOSE, handle) == 0
        with pytest.raises(SemihostingError, match="not an open file"):
            self.call(Operation.READ, handle, 50, 4)

    def test_missing_file(self):
        assert self.open(b"nothing", 1) == 0xFFFFFFFF

    def test_write_and_append(self):
        self._write(60, b"xyz")
        handle = self.open(b"out", 5)
        assert self.call(Operation.WRITE, handle, 60, 2) == 0
        assert self.call(Operation.WRITE, handle, 60, 3) == 0
        assert self.host.files["out"] == b"xyxyz"
        more = self.open(b"out", 9)
        assert more != handle
        self.call(Operation.WRITE, more, 62, 1)
        assert self.host.files["out"] == b"xyxyzz"
        self.open(b"out", 5)
        assert self.host.files["out"] == b""

    def test_console_and_exit(self):
        self._write(30, b"hello\0")
        self.host.call(Operation.WRITE0, 30)
        self.host.call(Operation.WRITEC, 30)
        assert self.host.console == b"helloh"
        assert self.host.exit_status is None
        self.call(Operation.EXIT_EXTENDED, 0x20026, 9)
        assert self.host.exit_status == 9
        self.host.call(Operation.EXIT, 0x20026)
        assert self.host.exit_status == 0
        with pytest.raises(SemihostingError, match="0x77 is unknown"):
            self.host.call(0x77, 0)
