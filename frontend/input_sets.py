"""Writes the sets of inputs and outputs that `tinyml run --reference` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write_sets(
    path: Path,
    inputs: Sequence[np.ndarray],
    key: str,
    outputs: Sequence[np.ndarray],
) -> None:
    """
    Arrays with the sets along axis 0, one for each input and output; `key` says whose
    the outputs are.
    """

    def named(key: str, arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        return {f"{key}_{i}" if i else key: array for i, array in enumerate(arrays)}

    arrays = named("inputs", inputs) | named(key, outputs)
    np.savez_compressed(path, allow_pickle=False, **arrays)
