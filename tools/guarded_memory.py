"""
Memory that native code works on in place of arrays: copies with guards around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.utils.exceptions import InterpretationError

GUARD = 4096
"""Bytes before and behind a memory that nobody may write."""
GUARD_BYTE = 0x5A


class GuardedMemory:
    """A copy of the memory of an array, for a kernel to work on."""

    def __init__(self, whole: np.ndarray):
        self.whole = whole
        data = np.ascontiguousarray(whole).reshape(-1).view(np.uint8)
        # Of 64-bit words, so that it is aligned.
        words = (data.nbytes + 2 * GUARD + 7) // 8
        self.copy = np.full(words * 8, GUARD_BYTE, np.uint8)
        self.size = data.nbytes
        self.copy[GUARD : GUARD + self.size] = data

    def start(self, array: np.ndarray) -> int:
        """Where in the whole a view of it begins, in bytes."""
        return 0 if array is self.whole else array.ctypes.data - self.whole.ctypes.data

    def offset(self, array: np.ndarray) -> int:
        """Where in the copy that is."""
        return GUARD + self.start(array)

    @property
    def first(self) -> int:
        """The address of the copy's first byte."""
        return self.copy.ctypes.data + GUARD

    def address(self, array: np.ndarray) -> int:
        """Where that is in the memory of this machine."""
        return self.first + self.start(array)

    def view(self, array: np.ndarray) -> np.ndarray:
        """The same part of the copy as the array is of the whole."""
        return np.ndarray(
            array.shape,
            array.dtype,
            buffer=self.copy,
            offset=self.offset(array),
            strides=None if array is self.whole else array.strides,
        )

    @property
    def data(self) -> np.ndarray:
        """The bytes of the copy."""
        return self.copy[GUARD : GUARD + self.size]

    @property
    def is_original(self) -> bool:
        """Whether the copy has the bytes that the array has now."""
        whole = np.ascontiguousarray(self.whole).reshape(-1).view(np.uint8)
        return bool((whole == self.data).all())

    def finish(self) -> None:
        """Gives back what the kernel has written."""
        front, back = self.copy[:GUARD], self.copy[GUARD + self.size :]
        if (front != GUARD_BYTE).any() or (back != GUARD_BYTE).any():
            raise InterpretationError("a kernel writes outside of its buffers")
        data = self.copy[GUARD : GUARD + self.size]
        if self.whole.flags.writeable:
            self.whole.reshape(-1).view(np.uint8)[...] = data
        elif (
            np.ascontiguousarray(self.whole).reshape(-1).view(np.uint8) != data
        ).any():
            raise InterpretationError("a kernel writes to a constant")


Memories = dict[tuple[int, int], GuardedMemory]
"""Copies by the addresses and sizes of what they are copies of."""


def whole_memory(array: np.ndarray) -> np.ndarray:
    """The array that an array is a view of; itself if it repeats an element."""
    if any(stride == 0 for stride in array.strides):
        return array
    base = array
    while isinstance(base.base, np.ndarray):
        base = base.base
    return base if base.flags.c_contiguous else array


def memory_of(array: np.ndarray, memories: Memories) -> GuardedMemory:
    """The copy of an array's memory, which other arrays may share."""
    whole = whole_memory(array)
    place = whole.ctypes.data, whole.size
    if place not in memories:
        memories[place] = GuardedMemory(whole)
    return memories[place]


def copied(args: Sequence[Any]) -> tuple[tuple[Any, ...], list[GuardedMemory]]:
    """Arguments that share no memory with the given ones, but do among themselves."""
    memories: Memories = {}
    same = tuple(
        memory_of(arg, memories).view(arg) if isinstance(arg, np.ndarray) else arg
        for arg in args
    )
    return same, list(memories.values())
