"""Pages that are generated are what their generators say."""

from pathlib import Path

from tinyml.tools.operators_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_operators_page_is_fresh():
    """Else: .venv/bin/python -m tinyml.tools.operators_page > docs/operators.md"""
    assert (DOCS / "operators.md").read_text() == page()
