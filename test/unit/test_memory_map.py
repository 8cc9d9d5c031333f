"""What lies in the arena, as the memory targets tell it: against the plan, and drawn."""

from __future__ import annotations

import dataclasses
import json
import random
from xml.etree import ElementTree

import pytest
from networks import lower, random_network, seeds
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i8, i64
from xdsl.utils.exceptions import DiagnosticException, PassFailedException

from tinyml.backend.memory_map import Kind, MemoryMap, Place, Step, memory_map
from tinyml.backend.memory_svg import bytes_text, free_areas, memory_svg, ticks
from tinyml.backend.memory_table import bar, elide, memory_table
from tinyml.backend.memory_target import memory_data
from tinyml.backend.network_info import network_info
from tinyml.backend.svg import clean, number
from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.network import layer_calls, layers, network_function
from tinyml.dialects.tinyml import ReshapeOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.passes.live_ranges import live_ranges

PLANS = {
    "greedy": "tinyml-plan-memory",
    "separate": "tinyml-plan-memory{strategy=separate}",
    "overlap": "tinyml-select-kernels,tinyml-overlap,tinyml-plan-memory",
    "in place": (
        "tinyml-fold-reshape,tinyml-select-kernels,tinyml-inplace,tinyml-overlap,"
        "tinyml-plan-memory"
    ),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("seed", seeds(12))
def test_map_is_the_plan(plan: str, seed: int):
    """Read off the calls: the lives and bytes that the plan was made for."""
    module = random_network(random.Random(seed), 6)
    planned = lower(module, f"{plan},tinyml-annotate-memory")
    function = network_function(planned)
    memory = memory_map(planned)
    told = [layer.attributes["tinyml.live_bytes"] for layer in layers(function)]
    assert memory.live == [t.value.data for t in told if isinstance(t, IntegerAttr)]
    assert function.attributes["tinyml.arena_bytes"] == IntegerAttr(memory.arena, i64)
    assert max(place.end for place in memory.places) == memory.arena
    assert memory.lower_bound <= memory.arena
    lives = [p for p in memory.places if p.kind is not Kind.SCRATCH]
    expected = [(r.size, r.first, r.last) for r in live_ranges(function)]
    assert sorted((p.size, p.first, p.last) for p in lives) == sorted(expected)


@pytest.mark.parametrize("pipeline", ["@default", "@ram", "@reference"])
@pytest.mark.parametrize("seed", seeds(6))
def test_map_of_a_lowered_network(pipeline: str, seed: int):
    lowered = lower(random_network(random.Random(seed), 6), pipeline)
    memory, info = memory_map(lowered), network_info(lowered)
    told = [call.attributes["tinyml.live_bytes"] for call in layer_calls(lowered)]
    assert memory.live == [t.value.data for t in told if isinstance(t, IntegerAttr)]
    kinds = [place.kind for place in memory.places]
    assert kinds.count(Kind.INPUT) == len(info.inputs)
    assert kinds.count(Kind.OUTPUT) == len(info.outputs)
    assert memory.weights + memory.tables == sum(info.constants.values())
    first_read = [name for step in memory.steps for name in step.constants]
    assert sorted(first_read) == sorted(info.constants)
    # Views that are one do not make their buffers one.
    same = memory_map(lower(lowered, "cse"))
    assert (same.places, same.steps) == (memory.places, memory.steps)


def test_inputs_that_nobody_reads():
    builder = NetworkBuilder("main")
    x = builder.input([4], i8, TensorAttr.get("x"))
    builder.input([8], i8, TensorAttr.get("unused"))
    y = builder.buffer([4], i8)
    builder.layer(ReshapeOp(x, y), "y")
    module = builder.finish([(y, TensorAttr.get("y"))])
    memory = memory_map(lower(module, "@default"))
    assert [(p.name, p.kind, p.size) for p in memory.places] == [
        ("x", Kind.INPUT, 4),
        ("y", Kind.OUTPUT, 4),
        ("unused", Kind.INPUT, 8),
    ]
    assert memory.holes == []


def test_network_without_layers():
    builder = NetworkBuilder("main")
    builder.input([4], i8, TensorAttr.get("x"))
    memory = memory_map(lower(builder.finish([]), "@default"))
    assert (memory.peak, memory.live, memory.arena) == (None, [], 4)
    assert "arena 4 bytes" in memory_table(memory)
    assert memory_data(memory)["peak"] is None
    ElementTree.fromstring(memory_svg(memory))


def test_no_plan():
    module = random_network(random.Random(1), 2)
    with pytest.raises(PassFailedException, match="run tinyml-plan-memory first"):
        memory_map(module)
    with pytest.raises(DiagnosticException, match="does not end in a lowered network"):
        memory_map(ModuleOp([]))


# Table and picture


def tower(*names: str) -> MemoryMap:
    """Three buffers of 8 of 16 bytes; the second step's output lies upon its input."""
    kinds = Kind.INPUT, Kind.ACTIVATION, Kind.OUTPUT
    lives = (0, 0, 0), (8, 0, 1), (4, 1, 1)
    places = [
        Place(name, kind, (8,), at, 8, first, last)
        for name, kind, (at, first, last) in zip(names, kinds, lives, strict=True)
    ]
    steps = Step(0, "conv2d", names[1], (0,), 1, None, ("a_weights", "a_requant"))
    last = Step(1, "reshape", names[2], (1,), 2, None, ())
    constants = {"a_weights": 100, "a_requant": 8}
    return MemoryMap("net", 16, 16, tuple(places), (steps, last), constants)


def test_bar():
    memory = tower("x", "a", "y")
    assert memory.live == [16, 12]
    assert memory.peak == 0
    assert list(memory.shared(1)) == [(8, 12)]
    assert bar(memory, 0, 8) == "iiiioooo"
    assert bar(memory, 1, 8) == "..oo**ii"
    # A byte shows, however wide the arena.
    assert bar(dataclasses.replace(memory, arena=1 << 20), 1, 4) == "*..."


def test_free_areas():
    memory = tower("x", "a", "y")
    assert list(free_areas(memory, 0)) == [(0, 0, 0, 8)]
    # All of it in the first layer, what the output leaves of it in the second.
    assert list(free_areas(memory, 1)) == [(0, 0, 8, 16), (1, 1, 12, 16)]
    assert list(free_areas(memory, 2)) == [(1, 1, 4, 8)]


NAMES = "<&\"'>", "]]>\x00\x1b[31m\ud800\uffff", "n" * 300 + "\n\u202eé漢"


def test_names_are_escaped_and_shortened():
    memory = tower(*NAMES)
    root = ElementTree.fromstring(memory_svg(memory))
    titles = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("<&\"'>: input") for title in titles)
    texts = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(len(text) < 120 for text in texts)
    table = memory_table(memory)
    assert "\x1b" not in table
    assert all(len(line) < 400 for line in table.splitlines())
    json.dumps(memory_data(memory))


@pytest.mark.parametrize("seed", seeds(8))
def test_picture(seed: int):
    """Self-contained, the same each time, and everything is on the page."""
    memory = memory_map(lower(random_network(random.Random(seed), 8), "@ram"))
    text = memory_svg(memory)
    assert memory_svg(memory) == text
    assert "script" not in text
    assert text.count("http") == 1  # the name space
    root = ElementTree.fromstring(text)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    drawn = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(drawn) >= len(memory.places)
    for box in drawn:
        x, y = float(box.attrib["x"]), float(box.attrib["y"])
        w, h = float(box.attrib["width"]), float(box.attrib["height"])
        assert w > 0
        assert h > 0
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


@pytest.mark.parametrize(
    "size, text",
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (9728, "9.5 KiB"),
        (33312, "32.5 KiB"),
        (200 * 1024, "200 KiB"),
        (1024 * 1024 * 5 // 4, "1.25 MiB"),
    ],
)
def test_bytes_text(size: int, text: str):
    assert bytes_text(size) == text


def test_small_functions():
    assert ticks(36, 8) == [0, 8, 16, 24, 32]
    assert ticks(3, 8) == [0, 1, 2, 3]
    assert ticks(0, 8) == [0]
    assert elide("abcdefgh", 8) == "abcdefgh"
    assert elide("abcdefghi", 8) == "abc…fghi"
    assert [number(n) for n in (1, 1.04, 1.25, -0.0)] == ["1", "1", "1.2", "0"]
    assert clean("a\x00\ud800b\tc") == "a\ufffd\ufffdb\tc"
