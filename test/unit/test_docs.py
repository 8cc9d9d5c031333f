"""Pages that are generated are what their generators say."""

import runpy
from dataclasses import replace
from pathlib import Path

from networks import lower

from tinyml.backend.memory_map import memory_map
from tinyml.backend.memory_svg import memory_svg
from tinyml.frontend.load import load_model
from tinyml.tools.operators_page import page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_operators_page_is_fresh():
    """Else: .venv/bin/python -m tinyml.tools.operators_page > docs/operators.md"""
    assert (DOCS / "operators.md").read_text() == page()


def test_picture_of_memory_is_fresh():
    """
    Else: .venv/bin/tinyml-opt examples/digits/digits_int8.onnx -p @default
    -t 'tinyml-memory-svg{title=digits_int8}' > docs/memory_digits.svg
    """
    digits = load_model(ROOT / "examples" / "digits" / "digits_int8.onnx")
    memory = replace(memory_map(lower(digits, "@default")), network="digits_int8")
    assert (DOCS / "memory_digits.svg").read_text("utf-8") == memory_svg(memory)


def test_mcunetv2_page_is_fresh():
    """
    Else: .venv/bin/python benchmarks/mcunetv2.py > docs/mcunetv2.md, and with svg behind
    it > docs/pareto_mobilenetv2.svg
    """
    script = runpy.run_path(str(ROOT / "benchmarks" / "mcunetv2.py"))
    assert (DOCS / "mcunetv2.md").read_text() == script["page"]()
    picture = (DOCS / "pareto_mobilenetv2.svg").read_text("utf-8")
    assert picture == script["picture"]()
