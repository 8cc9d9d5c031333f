"""
Who wrote each byte of an arena, call by call: pure functions of times.

A byte's owner is the buffer it was last written through. A read is right if the byte's
owner is the buffer that is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from tinyml.passes.memory_accesses import AccessTimes

NOBODY = -1


@dataclass(frozen=True)
class Operand:
    """A buffer that a call gets, where it starts, and when its bytes are accessed."""

    buffer: int
    start: int
    times: AccessTimes

    @property
    def end(self) -> int:
        return self.start + len(self.times.last_read)


@dataclass(frozen=True)
class WrongByte:
    """
    A byte of the arena that does not hold what a reader expects. It was overwritten by
    buffer `culprit` in call `call`, or, if that is None, by nobody: it was not written.
    """

    byte: int
    count: int
    """How many bytes are wrong in the same way, this one included."""
    reader: int
    culprit: int | None
    call: int | None


class ByteOwners:
    """The owner of each byte of an arena, and in which call it wrote the byte."""

    def __init__(self, size: int):
        self.owner = np.full(size, NOBODY, np.int32)
        self.call = np.full(size, NOBODY, np.int32)

    def write(self, buffer: int, start: int, end: int, call: int) -> None:
        """A buffer that is written as a whole."""
        self.owner[start:end] = buffer
        self.call[start:end] = call

    def check(self, buffer: int, start: int, end: int) -> WrongByte | None:
        """The first byte of a range that this buffer does not own."""
        return self.foreign(buffer, start, self.owner[start:end] != buffer)

    def foreign(self, buffer: int, start: int, wrong: np.ndarray) -> WrongByte | None:
        """The first wrong byte behind `start`, whose owner is to blame."""
        if not wrong.any():
            return None
        byte, count = start + int(wrong.argmax()), int(wrong.sum())
        if self.owner[byte] == NOBODY:
            return WrongByte(byte, count, buffer, None, None)
        culprit, call = int(self.owner[byte]), int(self.call[byte])
        return WrongByte(byte, count, buffer, culprit, call)

    def run_call(self, operands: Sequence[Operand], call: int) -> WrongByte | None:
        """
        What is wrong with a call, else None; then its writes have been noted.

        A value that two buffers write in turns in one byte counts as lost, although the
        turns might fit; no kernel needs that.
        """
        for operand in operands:
            times = operand.times
            owned = self.owner[operand.start : operand.end] == operand.buffer
            late = (times.last_read > NOBODY) & ~owned & ~written_first(times)
            if (found := self.foreign(operand.buffer, operand.start, late)) is not None:
                return found
        for reader, writer in permutations(operands, 2):
            if (found := self.clash(reader, writer, call)) is not None:
                return found
        for operand in operands:
            written = operand.times.last_write > NOBODY
            for other in operands:
                start, end = common(operand, other)
                if other is not operand and start < end:
                    mine, its = (
                        cut(o, start, end).last_write for o in (operand, other)
                    )
                    written[start - operand.start : end - operand.start] &= mine > its
            part = slice(operand.start, operand.end)
            self.owner[part][written] = operand.buffer
            self.call[part][written] = call
        return None

    def clash(self, reader: Operand, writer: Operand, call: int) -> WrongByte | None:
        """The first byte that one operand of a call overwrites under another one."""
        start, end = common(reader, writer)
        if start >= end:
            return None
        times = cut(reader, start, end)
        by = cut(writer, start, end)
        owned = self.owner[start:end] == reader.buffer
        # What was there before the call is needed from its start on.
        since = np.where(owned & ~written_first(times), NOBODY, times.first_write)
        lost = (by.first_write < times.last_read) & (by.last_write > since)
        if not lost.any():
            return None
        byte = start + int(lost.argmax())
        return WrongByte(byte, int(lost.sum()), reader.buffer, writer.buffer, call)


def written_first(times: AccessTimes) -> np.ndarray:
    """Which bytes are written before they are read."""
    return times.first_write < times.first_read


def common(a: Operand, b: Operand) -> tuple[int, int]:
    """The bytes of the arena that two operands share."""
    return max(a.start, b.start), min(a.end, b.end)


def cut(operand: Operand, start: int, end: int) -> AccessTimes:
    """The times of a part of the arena."""
    part = slice(start - operand.start, end - operand.start)
    times = operand.times
    return AccessTimes(
        times.first_read[part],
        times.last_read[part],
        times.first_write[part],
        times.last_write[part],
    )
