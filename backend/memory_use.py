"""
Which bytes of RAM a run wrote, found by filling RAM with a pattern before the run.

Two runs over two fills (0xA5 and 0x5A): the union of the bytes that lost the fill is
exactly the bytes written. One run misses those that were written with the fill's value.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

FILLS = (0xA5, 0x5A)


@dataclasses.dataclass(frozen=True)
class MemoryUse:
    """A flag for each byte of RAM: was it written?"""

    origin: int
    """Address of the first byte."""
    written: npt.NDArray[np.bool_]

    def __or__(self, other: MemoryUse) -> MemoryUse:
        return MemoryUse(self.origin, self.written | other.written)

    def _range(self, address: int, size: int) -> npt.NDArray[np.bool_]:
        start = address - self.origin
        if start < 0 or start + size > len(self.written):
            raise ValueError(f"{size} bytes at {address:#x} do not lie in RAM")
        return self.written[start : start + size]

    @property
    def bytes_written(self) -> int:
        """Bytes of RAM that were written."""
        return int(np.count_nonzero(self.written))

    def bytes_written_in(self, address: int, size: int) -> int:
        """How many of `size` bytes from `address` were written."""
        return int(np.count_nonzero(self._range(address, size)))

    def highest(self, address: int, size: int) -> int:
        """Offset of the last byte written of `size` bytes from `address`, plus one."""
        places = np.flatnonzero(self._range(address, size))
        return int(places[-1]) + 1 if len(places) else 0

    def lowest(self, address: int, size: int) -> int:
        """Offset of the first byte written of `size` from `address`; `size` if none."""
        places = np.flatnonzero(self._range(address, size))
        return int(places[0]) if len(places) else size

    def holes(self, address: int, size: int) -> tuple[tuple[int, int], ...]:
        """Ranges (start, end), as offsets, of what was not written up to `highest`."""
        used = self._range(address, self.highest(address, size))
        edges = np.flatnonzero(np.diff(np.concatenate(([True], used, [True]))))
        starts, ends = edges[::2].tolist(), edges[1::2].tolist()
        return tuple(zip(starts, ends, strict=True))
