"""Lowered layers as C on this machine against the interpreter, on larger shapes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from networks import LAYER_INPUTS, Limits, lower, random_inputs, random_layer, seeds

from tinyml.interp.run import run_network

CASES = 16
"""Layers of each kind; each runs on three sets of inputs."""


@pytest.mark.parametrize("number", range(2))
def test_layers_in_c(tmp_path: Path, number: int):
    modules = {
        f"{kind}_{seed}": random_layer(random.Random(f"{kind} {seed}"), kind, limits)[0]
        for kind in LAYER_INPUTS
        for seed in seeds(CASES)[number::2]
        for limits in [Limits(size=11, channels=9, kernel=5)]
    }
    lowered = {name: lower(module, "@default") for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        for seed in range(3):
            inputs = random_inputs(random.Random(f"{name} {seed}"), module)
            (expected,) = run_network(module, inputs)
            (found,) = library.run(name, inputs)
            np.testing.assert_array_equal(found, expected, name, strict=True)
