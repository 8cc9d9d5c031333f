"""How many taps of windows, and how many windows, lie in an image. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml.dialects.access import AxisAccess

Counts = Mapping[str, float]
"""How often a kernel does what."""


def taps_inside(axis: AxisAccess, outputs: int, size: int) -> int:
    """Taps of all windows along an axis that meet the image."""
    return sum(
        0 <= at * axis.stride - axis.pad_before + tap * axis.dilation < size
        for at in range(outputs)
        for tap in range(axis.kernel)
    )


def inside(axis: AxisAccess, outputs: int, size: int, together: int = 1) -> int:
    """So many neighbours whose windows all lie in the image, along an axis."""
    reach = axis.extent + (together - 1) * axis.stride
    starts = range(0, outputs - together + 1, together)
    return sum(0 <= at * axis.stride - axis.pad_before <= size - reach for at in starts)
