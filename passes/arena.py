"""
Offsets of buffers in one arena: pure functions on sizes and lives.

Buffers whose lives overlap get disjoint bytes; the arena ends at its highest byte. No
element lies at an address that is not a multiple of its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinyml.passes.live_ranges import LiveRange


def align_up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def arena_size(ranges: Sequence[LiveRange], offsets: Sequence[int]) -> int:
    """Bytes from the start of the arena to the end of its highest buffer."""
    return max((o + r.size for o, r in zip(offsets, ranges, strict=True)), default=0)


def place_separately(ranges: Sequence[LiveRange], alignment: int) -> list[int]:
    """No sharing: each buffer after the one before."""
    offsets: list[int] = []
    offset = 0
    for item in ranges:
        offset = align_up(offset, max(alignment, item.element_size))
        offsets.append(offset)
        offset += item.size
    return offsets


def place_in_order(
    ranges: Sequence[LiveRange], order: Sequence[int], alignment: int
) -> list[int]:
    """Places buffers in `order`, each at the lowest offset free all its life."""
    offsets = [0] * len(ranges)
    placed: list[int] = []
    for index in order:
        item = ranges[index]
        taken = sorted(
            (offsets[other], offsets[other] + ranges[other].size)
            for other in placed
            if ranges[other].overlaps(item)
        )
        step = max(alignment, item.element_size)
        offset = 0
        for start, end in taken:
            if offset + item.size <= start:
                break
            offset = max(offset, align_up(end, step))
        offsets[index] = offset
        placed.append(index)
    return offsets


def place_greedily(ranges: Sequence[LiveRange], alignment: int) -> list[int]:
    """
    The best of a few greedy orders: large first, as TFLite Micro's planner; long-lived
    first; area first; in order of time; and as they come, which is never worse than no
    sharing. Ties go to the earlier order.
    """
    keys: list[Callable[[LiveRange], tuple[int, ...]]] = [
        lambda r: (-r.size, r.first),
        lambda r: (r.first - r.last, -r.size),
        lambda r: (-r.size * (r.last - r.first + 1), r.first),
        lambda r: (r.first, -r.size),
        lambda r: (),
    ]
    plans = [
        place_in_order(
            ranges,
            sorted(range(len(ranges)), key=lambda i, key=key: (*key(ranges[i]), i)),
            alignment,
        )
        for key in keys
    ]
    return min(plans, key=lambda offsets: arena_size(ranges, offsets))


def gaps(used: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Byte ranges [start, end) from 0 to the last end that no range covers."""
    found: list[tuple[int, int]] = []
    reached = 0
    for start, end in sorted(used):
        if start > reached:
            found.append((reached, start))
        reached = max(reached, end)
    return found
