"""Networks of the zoo for tests, and inputs for them. Importing this needs PyTorch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tinyml.frontend.torch import quantize
from tinyml.frontend.zoo import build

OPTIONS: dict[str, dict[str, Any]] = {
    "mobilenetv2": {"width": 0.35, "resolution": 144, "narrow_head": True}
}


@cache
def quantized(name: str) -> Any:
    """The program of a network with the zoo's weights, calibrated with noise."""
    model, runs = drawn(name, 8, 1)
    return quantize(model, [[x] for x in runs])


def drawn(name: str, count: int, seed: int) -> tuple[Any, list[np.ndarray]]:
    """A network, and inputs for it."""
    model = build(name, **OPTIONS.get(name, {}))
    generator = np.random.default_rng(seed)
    sets = generator.uniform(-1, 1, (count, *model.input_shape))
    return model, list(sets.astype(np.float32))
