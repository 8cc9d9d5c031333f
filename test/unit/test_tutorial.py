"""The pages of docs/tutorial do what they show."""

from pathlib import Path

import pytest
from checkout import ROOT, copy_checkout, run_in
from markdown_blocks import Block, agrees, blocks

PAGES = sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, tmp_path: Path):
    root = copy_checkout(tmp_path)
    printed = ""
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.not_run is not None:
            continue
        if block.language == "sh":
            printed = run(root, block, where)
        elif block.title == "output":
            assert agrees(block.text, printed), f"{where}: printed was\n{printed}"
        elif block.title:
            file = root / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")


def run(root: Path, block: Block, where: str) -> str:
    done = run_in(root, block.text)
    assert done.returncode == 0, f"{where}: {done.stdout}"
    return done.stdout


def test_agreement():
    assert agrees("a\n...\nb\n", "a\nx\ny\nb\n")
    assert agrees("a\n...\nb\n", "a\nb\n")
    assert agrees("x = ... y\n", "x = 12 y  \n")
    assert not agrees("a\nb\n", "a\nx\nb\n")
    assert not agrees("a\n", "a\nb\n")
