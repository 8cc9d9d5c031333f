"""
Weights from a seed, the same bytes on every machine.

They are drawn by NumPy, uniformly: no transcendental function is involved, which
libraries round differently, and PyTorch's global generator stays as it was. Weights
keep the variance of activations (He et al., arXiv:1502.01852); batch normalization is
close to, but not, the identity, so that folding it wrongly shows.
"""

from __future__ import annotations

from importlib import import_module
from math import prod, sqrt
from typing import Any

import numpy as np

RANGES = {
    "bias": (-0.1, 0.1),
    "running_mean": (-0.1, 0.1),
    "running_var": (0.8, 1.2),
    "weight": (0.8, 1.2),
}
"""Where the vectors of a layer lie, by name; a vector of weights is a factor."""


def fill(module: Any, seed: int) -> None:
    """Replaces all tensors of a module, in the order it lists them."""
    torch = import_module("torch")
    generator = np.random.default_rng(seed)
    state = {
        name: torch.from_numpy(draw(generator, name, tuple(tensor.shape)))
        for name, tensor in module.state_dict().items()
    }
    module.load_state_dict(state, assign=True)


def draw(
    generator: np.random.Generator, name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """
    A tensor of a layer, by the name and shape that PyTorch gives it. Each output of a
    matrix or kernel sums over all axes but the first; a scalar counts batches seen.
    """
    if not shape:
        return np.zeros(shape, np.int64)
    low, high = RANGES[name.rpartition(".")[2]]
    if len(shape) > 1:
        high = sqrt(6 / prod(shape[1:]))
        low = -high
    unit = generator.random(shape, np.float32)
    return np.float32(low) + np.float32(high - low) * unit
