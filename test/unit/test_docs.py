"""Pages that are generated are what their generators say."""

import re
import runpy
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from networks import lower

from tinyml.backend.memory_map import memory_map
from tinyml.backend.memory_svg import memory_svg
from tinyml.frontend.load import load_model
from tinyml.tools import dialects_page, operators_page, passes_page
from tinyml.tools.pass_help import described
from tinyml.universe import PASSES, TINYML_UNIVERSE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.parametrize("page", [operators_page, passes_page, dialects_page])
def test_page_is_fresh(page: ModuleType):
    """Else: make docs"""
    name = page.__name__.rpartition(".")[2].removesuffix("_page")
    assert (DOCS / f"{name}.md").read_text("utf-8") == page.page()


@pytest.mark.parametrize("name", PASSES)
def test_docstring_of_a_pass(name: str):
    """It says what the pass expects and guarantees, and shows IR before and after."""
    found = described(name)
    words = found.text.split()
    assert "Expects" in words
    assert "Guarantees" in words
    assert name == "tinyml-check-memory" or re.search(
        r"^Before\b.*^After\b", found.text, re.M | re.S
    )
    for option in found.options:
        assert option.text.endswith(".")


def test_every_op_has_a_docstring():
    for factory in TINYML_UNIVERSE.all_dialects.values():
        for op in factory().operations:
            assert op.__doc__


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
