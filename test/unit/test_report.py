"""The page about a compiled network: what it says, and that it is one sound HTML file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_lines import Cli, is_refusal

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.report_cards import largest, short
from tinyml.backend.report_data import (
    ReportData,
    load_report_data,
    read_front,
    search_front,
)
from tinyml.backend.report_html import Cell, element, page, scoped, table
from tinyml.backend.report_page import report_page
from tinyml.backend.report_rings import Piece, held_pieces, pieces
from tinyml.passes.stage_plan import planned_stage

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"

PATCHES = "tinyml-patch{layers=3 rows=2 columns=3}"
VOID = {"meta", "wbr"}


class Reader(HTMLParser):
    """What is in a page; raises AssertionError where tags do not nest."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.classes: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), "handlers stand in the script"
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "class":
                self.classes += (value or "").split()

    def handle_endtag(self, tag: str):
        assert self.open.pop() == tag

    def handle_data(self, data: str):
        self.text.append(data)


def compiled(folder: Path, **options: Any) -> Path:
    compile_model(DIGITS, CompileOptions(**options)).write(folder)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    folder = tmp_path_factory.mktemp("staged")
    options = {"stages": PATCHES, "quantized_io": True, "ram": 8192}
    return load_report_data(compiled(folder, **options))


def check_sound(text: str) -> Reader:
    """A page that nests, has each id once, and points to nothing outside."""
    assert text.startswith("<!DOCTYPE html>\n<html lang")
    assert "http" not in text
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#hatch"}
    found = Reader(text)
    assert len(found.ids) == len(set(found.ids))
    assert {"hatch"} <= set(found.ids)
    assert found.links
    assert all(link[0] == "#" and link[1:] in found.ids for link in found.links)
    assert len(text) < 500_000
    return found


def test_page_of_a_network(digits: Path):
    data = load_report_data(digits)
    text = report_page(data)
    words = " ".join(check_sound(text).text)
    report = json.loads((digits / "report.json").read_text("utf-8"))
    for number in (
        report["ram"]["total"],
        report["ram"]["arena"],
        report["flash"]["total"],
        report["macs"],
        report["cycles_estimated"],
        data.before.arena,
    ):
        assert f"{number:,}" in words
    assert "no budget" in words
    for layer in report["layers"]:
        assert layer["name"] in words
    assert report["pipeline"].split(",")[3] in words
    assert len(data.rows) == len(report["layers"])
    # All that is said of cycles is said to be an estimate.
    assert words.count("cycles (est.)") == 2
    assert "cycles, estimated before the C is compiled" in words
    assert "There is no stage" in words
    # Read again, the directory gives the same bytes.
    assert report_page(load_report_data(digits)) == text


def test_memory_before_and_after(digits: Path):
    """Before: no two maps share a byte while both live; after is the report's arena."""
    data = load_report_data(digits)
    assert data.after.arena == data.report["ram"]["arena"]
    assert not any(list(data.before.shared(n)) for n in range(len(data.before.steps)))
    assert data.before.arena >= max(data.before.live)
    assert data.before.arena > data.after.arena


def test_page_with_stages(staged: ReportData):
    found = check_sound(report_page(staged))
    words = " ".join(found.text)
    assert "2 by 3 tiles that share nothing" in words
    # Six tiles on the input and on the output; between them one halo of rows, two of
    # columns.
    assert found.classes.count("tile") == 12
    assert found.classes.count("halo") == 3
    assert found.classes.count("field") == 3 * 4
    assert "8,192 B" in words
    stage = staged.report["stages"][0]
    inside = [row for row in staged.rows if row.stage == 0]
    assert [row.name for row in inside] == stage["ops"]
    assert [row.macs for row in inside] == stage["macs"]
    total = [row.cycles for row in staged.rows if row.cycles is not None]
    assert sum(total) == staged.report["cycles_estimated"]


def test_front_and_run(digits: Path, cli: Cli):
    assert cli("tinyml", "report", digits, "-o", "a.html", "--run").status == 0
    words = " ".join(check_sound(Path("a.html").read_text("utf-8")).text)
    assert "Of a simulated run of the compiled C" in words
    assert "outputs are equal to the reference" in words
    assert "digits_int8_layer_01_conv2d" in words
    assert cli("tinyml", "run", digits, "--json", "run.json").status == 0
    assert cli("tinyml", "pareto", DIGITS, "--json", "front.json").status == 0
    arguments = ("-o", "b.html", "--run", "run.json", "--pareto", "front.json")
    assert cli("tinyml", "report", digits, *arguments).status == 0
    with_front = Path("b.html").read_text("utf-8")
    words = " ".join(check_sound(with_front).text)
    assert "What less RAM costs" in words
    # What is searched now is what was written before.
    data = load_report_data(digits)
    front = search_front(digits, data.report, lambda what, done, of: None)
    assert front.points == read_front(Path("front.json"), data.report).points


def test_refusals(digits: Path, cli: Cli):
    def refuses(*arguments: str | Path, says: str):
        is_refusal(cli("tinyml", "report", *arguments, "-o", "out.html"), says)
        assert not Path("out.html").exists()

    Path("empty").mkdir()
    refuses("empty", says="expected a directory that tinyml compile wrote")
    old = Path("old")
    old.mkdir()
    report = json.loads((digits / "report.json").read_text("utf-8"))
    del report["pipeline"]
    (old / "report.json").write_text(json.dumps(report))
    refuses(old, says="compile the model again")
    report |= {"pipeline": "tinyml-plan-memory,tinyml-convert-layers-to-loops"}
    (old / "report.json").write_text(json.dumps(report))
    refuses(old, says="old/digits_int8.mlir: No such file")
    source = (digits / "digits_int8.mlir").read_text("utf-8")
    (old / "digits_int8.mlir").write_text(source, "utf-8")
    refuses(old, says="old/digits_int8.mlir: the passes of report.json make an arena")
    Path("list.json").write_text("[]")
    refuses(digits, "--run", "list.json", says="not what tinyml run --json wrote")
    refuses(digits, "--run", "gone.json", says="gone.json: No such file")
    refuses(digits, "--pareto", "list.json", says="not what tinyml pareto --json")
    refuses(digits, "--pareto", "gone.json", says="gone.json: No such file")
    point = {"arena": 1, "macs": 1, "plan": ""}
    front: dict[str, Any] = {"model": "m", "input": "resident", "io": "model"}
    front |= {"layer_by_layer": point, "points": [], "image": [1], "macs_model": 7}
    Path("other.json").write_text(json.dumps(front))
    refuses(digits, "--pareto", "other.json", says="a network of 7 multiply")
    out = cli("tinyml", "report", digits, "-o", "nowhere/out.html")
    is_refusal(out, "nowhere/out.html: No such file")


@pytest.mark.parametrize(
    "start, end, expected",
    [
        (0, 10, [((0, 1), (0, 10))]),
        (0, 30, [((0, 3), (0, 10))]),
        (3, 7, [((0, 1), (3, 7))]),
        (3, 10, [((0, 1), (3, 10))]),
        (8, 12, [((0, 1), (8, 10)), ((1, 2), (0, 2))]),
        (14, 43, [((1, 2), (4, 10)), ((2, 4), (0, 10)), ((4, 5), (0, 3))]),
        (7, 7, []),
    ],
)
def test_pieces_of_a_ring(start: int, end: int, expected: list[Piece]):
    assert list(pieces(start, end, 10)) == expected


@pytest.mark.parametrize("pitch", [1, 3, 7])
def test_pieces_hold_each_pixel_once(pitch: int):
    for start in range(20):
        for end in range(start, 30):
            found = [
                row * pitch + column
                for rows, columns in pieces(start, end, pitch)
                for row in range(*rows)
                for column in range(*columns)
            ]
            assert found == list(range(start, end))


def test_what_is_held(staged: ReportData):
    """Patches hold what the tile in the middle needs, and no ring more than it has."""
    (stage,) = staged.stages
    plan = planned_stage(stage)
    held = held_pieces(stage, plan)
    assert set(held) == set(plan.schedule.rings)
    for buffer, parts in held.items():
        pixels = sum((b - a) * (d - c) for (a, b), (c, d) in parts)
        assert 0 < pixels <= plan.schedule.rings[buffer].capacity


# The elements of a page


def texts(built: Any) -> Iterator[str]:
    return built.itertext()


def test_names_are_text():
    name = '</td><script>alert("x")</script>\x00'
    body = [table("caption", ["layer"], [[Cell(name)]]), element("p", name, title=name)]
    text = page(name, "", "", body)
    assert "<script>alert" not in text
    assert "\x00" not in text
    words = "".join(Reader(text).text)
    assert words.count('<script>alert("x")</script>\N{REPLACEMENT CHARACTER}') == 3


def test_children_stay_in_order():
    made = element("p", "a", element("b", "c"), "d", "e", element("i"), "f")
    assert "".join(texts(made)) == "acdef"


def test_scoped_rules():
    style = " text { font-family: A, B; x: 1 }\n .a, .b { y: 2 }\n"
    assert (
        scoped(style, ".memory").split()
        == (
            ".memory text { font-family: A, B; x: 1 } .memory .a, .memory .b { y: 2 }"
        ).split()
    )


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (999, "999"),
        (81_234, "81.2 k"),
        (7_490_000, "7.49 M"),
        (10**9, "1,000 M"),
    ],
)
def test_short_numbers(number: int, text: str):
    assert short(number) == text


def test_largest_parts():
    parts = [("a", 1), ("b", 5), ("c", 0), ("d", 4)]
    assert largest(parts) == [("b", 5), ("d", 4), ("a", 1)]
    more = [*parts, ("e", 3), ("f", 3)]
    assert largest(more) == [("b", 5), ("d", 4), ("e", 3), ("others", 4)]
