"""
`tinyml pareto`: every point compiles to just its bytes and its work, and the picture
shows what others have published where it is the same network.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command_lines import Cli
from networks import seeds
from xdsl.dialects import memref
from xdsl.dialects.builtin import BytesAttr, DenseIntOrFPElementsAttr, ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.compiler import CompileOptions, compile_model, textual_ir
from tinyml.backend.pareto import (
    ParetoFront,
    ParetoOptions,
    Point,
    front_of_network,
    pareto,
    read_plan,
    table,
    unbeaten,
)
from tinyml.backend.pareto_svg import pareto_drawing, pareto_svg, spread
from tinyml.backend.published_plans import NETWORKS, published_network
from tinyml.backend.runner import (
    InputSets,
    RunOptions,
    interpreted,
    load_report,
    load_sets,
    run_directory,
)
from tinyml.backend.svg import Text
from tinyml.frontend.zoo.layer_ir import network_layers
from tinyml.frontend.zoo.mobilenetv2_config import mobilenetv2_config

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"
MOBILENETV2 = mobilenetv2_config(0.35, 96)
STREAM = "tinyml-stream{first=0 layers=3 columns=2 block=1}"


def front(**changed: object) -> ParetoFront:
    points = (Point(100, 130, STREAM), Point(200, 100, "tinyml-stream{layers=2}"))
    made = ParetoFront(
        "net.tflite",
        "callback",
        "model",
        (1, 8, 8, 3),
        100,
        Point(400, 100, ""),
        points,
    )
    return replace(made, **changed)  # pyright: ignore[reportArgumentType]


def test_ordered():
    points = [Point(3, 5, "a"), Point(2, 9, "b"), Point(2, 8, "c"), Point(4, 5, "d")]
    assert [point.plan for point in unbeaten(points)] == ["c", "a"]


def small_network() -> ModuleOp:
    """MobileNetV2's first blocks at 64x64 pixels with random weights."""
    config = mobilenetv2_config(resolution=64)
    blocks = config.blocks[:5]
    module = network_layers(replace(config, blocks=blocks, mix=None, classes=None))
    generator = np.random.default_rng(1)
    for op in module.ops:
        if not isinstance(op, memref.GlobalOp):
            continue
        old = op.initial_value
        assert isinstance(old, DenseIntOrFPElementsAttr)
        size = [n.data for n in old.type.shape]
        if op.sym_name.data.endswith("_weights"):
            new = generator.integers(-60, 60, size).astype(np.int8)
        else:
            new = np.tile(np.array([1 << 30, -5], np.int32), (size[0], 1))
        op.initial_value = DenseIntOrFPElementsAttr(old.type, BytesAttr(new.tobytes()))
    return module


@pytest.mark.parametrize("input", ["resident", "callback"])
def test_points_compile_to_what_they_say(input: str, tmp_path: Path):
    """And compute what the network does layer by layer."""
    model = tmp_path / "net.mlir"
    model.write_text(textual_ir(small_network()))
    found = pareto(model, ParetoOptions(input=input, max_extra_macs=10))
    points = found.points
    assert len(points) > 1
    for less, more in pairwise(points):
        assert less.arena < more.arena
        assert less.macs > more.macs
    expected: InputSets | None = None
    for number, point in enumerate([found.layer_by_layer, *points]):
        folder = tmp_path / str(number)
        options = CompileOptions(target="host", stages=point.plan, input=input)
        compile_model(model, options).write(folder)
        report = load_report(folder)
        assert (report["ram"]["arena"], report["macs"]) == (point.arena, point.macs)
        if expected is None:
            expected, _ = interpreted(folder, load_sets(report, None, None))
        result = run_directory(folder, expected, None, RunOptions())
        assert result["outputs_equal"], result["first_difference"]


def test_a_network_of_the_zoo():
    """MobileNetV2 0.35 at 96x96: no point is beaten, the last does no work twice."""
    module, options = network_layers(MOBILENETV2), ParetoOptions(input="callback")
    found = front_of_network(module, "net", options, folding="tinyml-fold-reshape")
    assert len(found.points) >= 3
    assert found.points == unbeaten([*found.points, found.layer_by_layer])
    assert found.points[-1].macs == found.layer_by_layer.macs
    assert 4 * found.points[-1].arena < found.layer_by_layer.arena


def test_command(cli: Cli, tmp_path: Path):
    """From the model to the front, to a point of it, to C of just so many bytes."""
    data, picture = tmp_path / "front.json", tmp_path / "front.svg"
    asked = "--input", "callback"
    told = cli("tinyml", "pareto", DIGITS, *asked, "--json", data, "--svg", picture)
    assert (told.status, told.err) == (0, "")
    points = json.loads(data.read_text())["points"]
    assert f"{points[0]['arena']:,}" in told.out
    ElementTree.fromstring(picture.read_text())
    point = "compile", DIGITS, "-o", tmp_path, "--stages", f"{data}:1"
    told = cli("tinyml", *point, *asked, "--target", "host")
    assert told.status == 0, told.err
    report = load_report(tmp_path)
    assert report["ram"]["arena"] == points[0]["arena"]
    assert report["macs"] == points[0]["macs"]
    told = cli("tinyml", *point)
    assert told.status == 1
    assert "made with --input callback" in told.err


def test_plans_from_files(tmp_path: Path):
    data = tmp_path / "front.json"
    data.write_text(json.dumps(front().data()))
    assert read_plan(f"{data}:1", "callback", "model") == STREAM
    plan = tmp_path / "plan"
    plan.write_text(STREAM + "\n")
    assert read_plan(str(plan), "resident", "model") == STREAM


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("f.json:3", json.dumps(front().data()), "points 1 to 2"),
        ("f.json:0", json.dumps(front().data()), "points 1 to 2"),
        ("f.json:1", json.dumps(front(io="quantized").data()), "--io quantized"),
        ("f.json:1", json.dumps(front(input="stream").data()), "--input stream"),
        ("f.json:1", "[1, 2]", "not what tinyml pareto wrote"),
        ("f.json:1", "{", "not what tinyml pareto wrote"),
        ("f.json", json.dumps(front().data()), "FILE.json:N"),
        ("f.txt", "", "not a stage plan"),
        ("none", None, "expected auto, off, a file"),
    ],
)
def test_refused_plans(name: str, content: str | None, problem: str, tmp_path: Path):
    if content is not None:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(DiagnosticException, match=problem):
        read_plan(str(tmp_path / name), "callback", "model")


def test_table():
    lines = table(front()).splitlines()
    assert lines[0].split() == "point arena KiB MACs extra stages strips".split()
    assert lines[1].split() == ["1", "100", "0.1", "130", "+30.00", "%", "1", "2"]
    assert lines[3].split()[:2] == ["layers", "400"]


# The picture


def test_published_networks_are_known_by_their_numbers():
    for each in NETWORKS:
        for macs in each.macs:
            assert published_network((1, *each.image), macs) is each
            channels, *rest = reversed(each.image)
            assert published_network((1, channels, *rest), macs + 100) is each
    assert published_network((1, 224, 224, 3), 35_900_000) is None


def test_published_points_stand_in_the_picture():
    known = front(image=(1, 224, 224, 3), macs_model=300_775_552)
    assert "MCUNetV2 4x4 patches 172 KiB" in pareto_svg(known)
    assert "arXiv:2110.15352" in pareto_svg(known)
    assert "MCUNetV2" not in pareto_svg(front())


@pytest.mark.parametrize("seed", seeds(20))
def test_labels_do_not_lie_upon_each_other(seed: int):
    r = random.Random(seed)
    for each in NETWORKS:
        smaller = sorted(r.randrange(5_000, 90_000) for _ in range(9))
        works = sorted((r.randrange(1000, 2500) for _ in range(8)), reverse=True)
        points = tuple(
            Point(size, work, STREAM)
            for size, work in zip(smaller, [*works, 1000], strict=True)
        )
        drawing = pareto_drawing(
            front(
                image=(1, *each.image),
                macs_model=each.macs[0],
                layer_by_layer=Point(200_000, 1000, ""),
                points=unbeaten(points),
            )
        )
        texts = [s for s in drawing.shapes if isinstance(s, Text)]
        boxes = [
            (t.x, t.y, t.x + 5 * len(t.text), t.y + 9)
            for t in texts
            if t.look in ("name", "value", "peername")
        ]
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
                assert apart, (each.name, a, b)


def test_a_front_of_layers_alone():
    plain = Point(400, 0, "")
    drawn = pareto_svg(front(points=(plain,), layer_by_layer=plain))
    assert "tinyml, layer by layer 400 B" in drawn


@pytest.mark.parametrize(
    "wanted, heights",
    [
        ([], []),
        ([1.0, 20.0], [1.0, 20.0]),
        ([10.0, 10.0], [5.0, 15.0]),
        ([10.0, 10.0, 10.0], [0.0, 10.0, 20.0]),
        ([10.0, 12.0, 40.0], [6.0, 16.0, 40.0]),
        ([0.0, 9.0, 9.0], [-4.0, 6.0, 16.0]),
    ],
)
def test_spread(wanted: list[float], heights: list[float]):
    assert spread(wanted, 10) == heights
