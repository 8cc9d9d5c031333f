"""
HTML as elements: the pages of `tinyml report` are built, escaped and spelled here.

A page stands alone: its style and its script are inside, and it names no other file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tinyml.backend.svg import Drawing, clean, svg_element

Content = Element | str


def element(tag: str, *children: Content, **attributes: str) -> Element:
    """An element; `class_` is its class, `data_value` the attribute `data-value`."""
    named = {
        key.rstrip("_").replace("_", "-"): clean(value)
        for key, value in attributes.items()
    }
    made = Element(tag, named)
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + clean(child)
        else:
            last.tail = (last.tail or "") + clean(child)
    return made


def figure(drawing: Drawing, look: str, caption: str) -> Element:
    """A drawing in the page; `look` is where the style sheet finds its classes."""
    picture = svg_element(dataclasses.replace(drawing, style="", patterns=()))
    del picture.attrib["xmlns"]
    for size in ("width", "height"):
        del picture.attrib[size]
    picture.set("style", f"max-width: {drawing.width:.0f}px")
    scroll = element("div", picture, class_="scroll")
    return element(
        "figure", scroll, element("figcaption", caption), class_=f"drawing {look}"
    )


def scoped(style: str, within: str) -> str:
    """The rules of a drawing's style sheet, for what is inside `within` only."""

    def rule(found: re.Match[str]) -> str:
        selectors = [f"{within} {part.strip()}" for part in found[1].split(",")]
        return f"{', '.join(selectors)} {{{found[2]}}}\n"

    return re.sub(r"\s*([^{}]+)\{([^{}]*)\}", rule, style)


@dataclass(frozen=True)
class Cell:
    """A cell of a table, with a bar behind it, and the number that sorting goes by."""

    content: Content
    number: float | None = None
    share: float | None = None
    """Of the cell's width that the bar takes, from 0 to 1."""

    @staticmethod
    def counted(number: int) -> Cell:
        """A number without a bar."""
        return Cell(f"{number:,}", number)

    @staticmethod
    def of(number: int | None, most: int) -> Cell:
        """A number with a bar, whose full width is `most`; nothing for None."""
        if number is None:
            return Cell("", -1)
        return Cell(f"{number:,}", number, number / most if most else 0.0)

    def build(self) -> Element:
        made = element("td", self.content)
        if self.number is not None:
            made.set("class", "number")
            made.set("data-value", str(self.number))
        if self.share is not None:
            made.set("class", "number bar")
            made.set("style", f"--share: {100 * min(max(self.share, 0), 1):.1f}%")
        return made


def name_cell(name: str) -> Cell:
    """A name of any length; all of it shows under the pointer."""
    return Cell(element("span", name, class_="name", title=name))


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    sortable: bool = False,
) -> Element:
    """A table; a click on a heading sorts one that is sortable."""
    built = [element("tr", *(cell.build() for cell in row)) for row in rows]
    numbers = [False] * len(columns)
    if built:
        numbers = ["number" in (cell.get("class") or "") for cell in built[0]]
    heads: list[Element] = []
    for name, is_number in zip(columns, numbers, strict=True):
        title = element("button", name, type="button") if sortable else name
        head = element("th", title, scope="col")
        if is_number:
            head.set("class", "number")
        heads.append(head)
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *built),
    )
    if sortable:
        made.set("class", "sortable")
    return element("div", made, class_="scroll")


def page(title: str, style: str, script: str, body: Iterable[Element]) -> str:
    """The whole document."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    root = element(
        "html",
        head,
        element("body", *body, element("script", script)),
        lang="en",
    )
    ElementTree.indent(root, "")
    text = ElementTree.tostring(root, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n"
