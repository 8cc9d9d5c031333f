"""Reduction of modules: what is left still shows what is looked for, and little else."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.compiler import run_pipeline
from tinyml.dialects.elementwise import AddOp
from tinyml.frontend.load import load_model
from tinyml.tools.reduction import fewest, network_layers, reduced

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"


@given(st.sets(st.integers(0, 40), max_size=5), st.integers(0, 41))
def test_fewest(needed: set[int], count: int):
    tries = 0

    def holds(kept: Sequence[int]) -> bool:
        nonlocal tries
        tries += 1
        return needed <= set(kept)

    found = fewest(range(41), holds)
    assert sorted(found) == sorted(needed)
    assert tries < 41 * 4


def test_one_layer_of_a_network():
    def holds(module: ModuleOp) -> bool:
        return any(isinstance(layer, AddOp) for layer in network_layers(module))

    small = reduced(load_model(DIGITS), holds)
    assert len(network_layers(small)) == 1
    # The module, its function, the layer, the return.
    assert len(list(small.walk())) == 4


def test_lowered_network():
    module = load_model(DIGITS)
    run_pipeline(module, "@default")

    def holds(module: ModuleOp) -> bool:
        return any(op.name == "arith.maxsi" for op in module.walk())

    small = reduced(module, holds)
    assert len(list(small.walk())) < 60
