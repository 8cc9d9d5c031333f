"""
Which input elements a resized map is made of, as TFLite counts them. Pure functions.

Source: `resize_nearest_neighbor.h` and `resize_bilinear.h` of TFLite's reference.
"""

from __future__ import annotations

import numpy as np

FRACTION_BITS = 10
"""Of a bilinear position."""


def nearest_indices(
    size: int, outputs: int, align_corners: bool, half_pixel: bool
) -> np.ndarray:
    """The input index of each output index, in single precision."""
    aligned = align_corners and outputs > 1
    scale = np.float32(size - 1) / np.float32(outputs - 1) if aligned else None
    if scale is None:
        scale = np.float32(size) / np.float32(outputs)
    offset = np.float32(0.5 if half_pixel else 0)
    places = (np.arange(outputs, dtype=np.float32) + offset) * scale
    # Positions are not negative: rounding half away from zero is rounding half up.
    found = np.floor(places + np.float32(0.5)) if align_corners else np.floor(places)
    return np.clip(found.astype(np.int32), 0, size - 1)


def bilinear_taps(
    size: int, outputs: int, align_corners: bool, half_pixel: bool
) -> np.ndarray:
    """
    For each output index the lower and the upper input index, and the position above
    the lower one in 1/1024: int32 [outputs, 3].
    """
    one = 1 << FRACTION_BITS
    if align_corners and outputs > 1:
        scale = (one * (size - 1) + (outputs - 1) // 2) // (outputs - 1)
    else:
        scale = (one * size + outputs // 2) // outputs
    places = np.arange(outputs, dtype=np.int64) * scale
    if half_pixel:
        places += scale // 2 - one // 2
    # C divides towards zero.
    # Rounded up, the scale of a hundredfold map can reach beyond its input.
    lower = np.clip(np.trunc(places / one).astype(np.int64), 0, size - 1)
    upper = np.trunc((places + one - 1) / one).astype(np.int64)
    upper = np.minimum(upper, size - 1)
    return np.stack([lower, upper, places - one * lower], axis=1).astype(np.int32)
