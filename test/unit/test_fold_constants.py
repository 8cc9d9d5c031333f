"""
Layers that read constants: computed at compile time, they change no output; those that
stay compile like all others.
"""

from __future__ import annotations

import random
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import (
    LAYER_INPUTS,
    STABLE,
    Limits,
    lower,
    random_input,
    random_inputs,
    random_layer,
    random_network,
    seeds,
)
from xdsl.context import Context
from xdsl.dialects import memref
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, MemRefType, ModuleOp
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.backend.memory_target import MemoryTarget
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import (
    layers,
    network_function,
    network_inputs,
    network_outputs,
)
from tinyml.dialects.tinyml import AllocOp, ReshapeOp
from tinyml.dialects.views import root, view_of
from tinyml.interp.run import run_network
from tinyml.passes import fold_constants
from tinyml.passes.arena import live_bytes
from tinyml.passes.constant_pool import add_constant
from tinyml.passes.live_ranges import live_ranges

FOLD = "tinyml-fold-constants"
SMALL = Limits(size=6, channels=4, kernel=3)
TINY = Limits(size=4, channels=2, kernel=2)


def on_constants(r: random.Random, module: ModuleOp, share: float) -> ModuleOp:
    """
    A copy of a network in which a share of the inputs are constants, some of them under
    another shape, and outputs are copies, so that other layers write buffers.
    """
    module = module.clone()
    function = network_function(module)
    block = function.body.block
    attributes = list(function.arg_attrs or ())
    assert block.first_op is not None
    assert block.last_op is not None
    start, end = InsertPoint.before(block.first_op), InsertPoint.before(block.last_op)
    for port in network_outputs(function):
        inner = AllocOp(buffer_type(port.value))
        port.value.replace_all_uses_with(inner.buffer)
        Rewriter.insert_op(inner, start)
        Rewriter.insert_op(ReshapeOp(inner.buffer, port.value), end)
    for number, port in reversed([*enumerate(network_inputs(function))]):
        if r.random() >= share:
            continue
        size, type = shape(port.value), buffer_type(port.value)
        array = random_input(r, size, type.element_type)
        if is_turned := r.random() < 0.3:
            array = array.reshape(-1)
        name = add_constant(function, f"{port.value.name_hint}_constant", array)
        constant = memref.GetGlobalOp(name, MemRefType(type.element_type, array.shape))
        view = view_of(constant.memref, size)
        value = view.result if is_turned else constant.memref
        Rewriter.insert_op([constant, view] if is_turned else constant, start)
        port.value.replace_all_uses_with(value)
        block.erase_arg(block.args[number])
        del attributes[number]
    function.arg_attrs = ArrayAttr[DictionaryAttr](attributes)
    function.update_function_type()
    module.verify()
    return module


def random_constants(r: random.Random, depth: int, limits: Limits) -> ModuleOp:
    """A network that reads some constants."""
    return on_constants(r, random_network(r, depth, limits), r.choice([0.5, 0.8, 1]))


def reads_constants_only(op: LayerOp) -> bool:
    return all(
        isinstance(root(value).owner, memref.GetGlobalOp) for value in op.layer_inputs
    )


def foldable(module: ModuleOp) -> list[LayerOp]:
    """The layers that write a buffer and read nothing but constants."""
    return [
        op
        for op in layers(network_function(module))
        if reads_constants_only(op) and isinstance(root(op.layer_output).owner, AllocOp)
    ]


def peak(module: ModuleOp) -> int:
    function = network_function(module)
    return max(live_bytes(live_ranges(function), len(layers(function))), default=0)


@settings(STABLE, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_outputs_are_the_same(r: random.Random):
    module = random_constants(r, 6, SMALL)
    folded = lower(module, FOLD)
    for _ in range(2):
        inputs = random_inputs(r, module)
        pairs = zip(run_network(module, inputs), run_network(folded, inputs))
        for expected, found in pairs:
            np.testing.assert_array_equal(found, expected, strict=True)
    assert not foldable(folded)
    assert peak(folded) <= peak(module)
    # What is folded is folded at once.
    assert str(lower(folded, FOLD)) == str(folded)


def test_there_is_something_to_fold():
    found = [random_constants(random.Random(seed), 6, SMALL) for seed in seeds(20)]
    assert sum(bool(foldable(module)) for module in found) >= 15


@pytest.mark.parametrize("kind", LAYER_INPUTS)
def test_all_layers_are_computed(kind: str):
    """What the pass computes is what the layer does when the network runs."""
    for seed in seeds(6):
        r = random.Random(f"{kind} {seed}")
        module = on_constants(r, random_layer(r, kind, SMALL)[0], 1)
        folded = lower(module, FOLD)
        (copy,) = layers(network_function(folded))
        assert isinstance(copy, ReshapeOp)
        (expected,), (found,) = run_network(module, []), run_network(folded, [])
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("pipeline", ["@default", "@ram", "@reference"])
def test_constants_in_c(tmp_path: Path, pipeline: str):
    """Networks and single layers that read constants, folded or not, on this machine."""
    modules: dict[str, ModuleOp] = {}
    for seed in seeds(12):
        r = random.Random(seed)
        modules[f"network_{seed}"] = random_constants(r, 5, TINY)
    for kind in LAYER_INPUTS:
        r = random.Random(kind)
        layer, _ = random_layer(r, kind, TINY)
        modules[kind] = on_constants(r, layer, 0.5 if r.random() < 0.3 else 1)
    lowered = {name: lower(module, pipeline) for name, module in modules.items()}
    library = HostLibrary(lowered, tmp_path)
    for name, module in modules.items():
        inputs = random_inputs(random.Random(name), module)
        expected = run_network(module, inputs)
        for runs in (
            run_network(lowered[name], inputs, check_owners=True),
            library.run(name, inputs),
        ):
            for found, truth in zip(runs, expected, strict=True):
                np.testing.assert_array_equal(found, truth, name, strict=True)


def test_constants_take_no_arena():
    """They are in flash: neither planned as buffers nor mapped as such."""
    r = random.Random(0)
    module = on_constants(r, random_layer(r, "extremum", SMALL)[0], 1)
    (layer, _) = layers(network_function(module))
    size = buffer_bytes(buffer_type(layer.layer_output))
    assert [item.size for item in live_ranges(network_function(module))] == [size] * 2
    for pipeline, count in (("@reference", 2), ("@default", 1)):
        text = StringIO()
        MemoryTarget().emit(Context(), lower(module, pipeline), text)
        assert f"RAM    arena {count * size} bytes" in text.getvalue()


def test_large_results_stay(monkeypatch: pytest.MonkeyPatch):
    r = random.Random(0)
    module = on_constants(r, random_layer(r, "extremum", SMALL)[0], 1)
    size = buffer_bytes(buffer_type(foldable(module)[0].layer_output))
    monkeypatch.setattr(fold_constants, "LARGEST", size - 1)
    assert len(foldable(lower(module, FOLD))) == 1
    monkeypatch.setattr(fold_constants, "LARGEST", size)
    assert not foldable(lower(module, FOLD))
