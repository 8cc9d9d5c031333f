"""Networks of layers on a simulated core, with the instructions that it has."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from networks import random_inputs
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import InputSets, RunOptions, run_directory
from tinyml.interp.run import run_network


def check_on_core(
    module: ModuleOp,
    directory: Path,
    target: str = "cortex-m4",
    sets: int = 3,
    objective: str = "cycles",
) -> int:
    """
    A network of bytes, compiled for a core, against the interpreter. How many functions
    of instructions it has.
    """
    model = directory / "network.mlir"
    model.write_text(str(module))
    options = CompileOptions(target=target, objective=objective)
    compile_model(model, options).write(directory / "out")
    found = [random_inputs(random.Random(seed), module) for seed in range(sets)]
    outputs = [run_network(module, inputs) for inputs in found]
    told = InputSets(
        [np.stack(arrays) for arrays in zip(*found, strict=True)],
        [np.stack(arrays) for arrays in zip(*outputs, strict=True)],
    )
    result = run_directory(directory / "out", told, None, RunOptions(measure=False))
    assert result["outputs_equal"], result
    (source,) = (directory / "out").glob("network.c")
    return source.read_text().count("TINYML_NAKED static")
