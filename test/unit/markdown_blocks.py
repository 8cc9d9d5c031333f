"""
The fenced blocks of a page, as its reader would run them.

    ```sh                 runs
    ```python pass.py     is the content of a file
    ```text output        is what the last command prints

In what is printed, `...` stands for anything: alone for lines, else for a part of one.
Above a block that cannot run here stands `<!-- not run: why -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*) -->\n\n?)?"
    r"^```(?P<language>\w+)(?: (?P<title>\S+))?\n(?P<text>.*?)^```$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; its title is a file's name, or `output`."""

    line: int
    language: str
    title: str
    text: str
    not_run: str | None


def blocks(page: Path) -> Iterator[Block]:
    content = page.read_text("utf-8")
    for found in FENCE.finditer(content):
        line = content.count("\n", 0, found.start("language")) + 1
        language, title = found["language"], found["title"] or ""
        yield Block(line, language, title, found["text"], found["reason"])


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed."""
    parts: list[str] = []
    for line in shown.splitlines():
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            pieces = [re.escape(piece) for piece in line.rstrip().split("...")]
            parts.append(".*?".join(pieces) + r"[ \t]*\n")
    return re.fullmatch("".join(parts), printed.rstrip("\n") + "\n") is not None


def commands(text: str) -> Sequence[str]:
    """The lines of Markdown's indented blocks that call our programs."""
    found: list[str] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if not fenced and re.match(r" {4}(make|\.venv/bin/\w|tinyml(-\w+)? )", line):
            found.append(line.strip())
    return found
