"""Shapes, and their spelling as a self-contained SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement


@dataclass(frozen=True)
class Box:
    """A rectangle, with a title that browsers show under the pointer."""

    x: float
    y: float
    width: float
    height: float
    look: str
    """A class of the drawing's style sheet."""
    title: str = ""
    radius: float = 0


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    look: str


@dataclass(frozen=True)
class Text:
    """A line of text, at its start, middle or end; turned by degrees, clockwise."""

    x: float
    y: float
    text: str
    look: str
    anchor: str = "start"
    turn: float = 0


Shape = Box | Line | Text


@dataclass(frozen=True)
class Drawing:
    """Shapes from back to front."""

    width: float
    height: float
    title: str
    description: str
    style: str
    patterns: tuple[tuple[str, str], ...]
    """Hatchings: an id, and the class of their lines."""
    shapes: Sequence[Shape]


def number(value: float) -> str:
    """At most one decimal."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def clean(text: str) -> str:
    """Text without what XML cannot hold, such as control characters."""

    def allowed(c: str) -> bool:
        code = ord(c)
        if code < 0x20 or 0x7F <= code < 0xA0:
            return c in "\t\n"
        return not (0xD800 <= code < 0xE000 or code in (0xFFFE, 0xFFFF))

    return "".join(c if allowed(c) else "\N{REPLACEMENT CHARACTER}" for c in text)


def add(
    parent: Element, tag: str, text: str = "", **attributes: float | str
) -> Element:
    named = {
        key.rstrip("_").replace("_", "-"): value
        if isinstance(value, str)
        else number(value)
        for key, value in attributes.items()
    }
    element = SubElement(parent, tag, named)
    if text:
        element.text = clean(text)
    return element


def add_shape(parent: Element, shape: Shape) -> None:
    match shape:
        case Box(x, y, width, height, look, title, radius):
            box = add(parent, "rect", class_=look, x=x, y=y, width=width, height=height)
            if radius:
                box.set("rx", number(radius))
            if title:
                add(box, "title", title)
        case Line(points, look):
            path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
            add(parent, "polyline", class_=look, points=path)
        case Text(x, y, text, look, anchor, turn):
            element = add(parent, "text", text, x=x, y=y)
            if look:
                element.set("class", look)
            if anchor != "start":
                element.set("text-anchor", anchor)
            if turn:
                centre = f"{number(turn)} {number(x)} {number(y)}"
                element.set("transform", f"rotate({centre})")


def svg(drawing: Drawing) -> str:
    """The drawing as an SVG document."""
    root = svg_element(drawing)
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def svg_element(drawing: Drawing) -> Element:
    """The drawing as an element; without style or patterns those of its page count."""
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
    root.set("viewBox", f"0 0 {number(drawing.width)} {number(drawing.height)}")
    root.set("width", number(drawing.width))
    root.set("height", number(drawing.height))
    add(root, "title", drawing.title)
    add(root, "desc", drawing.description)
    if drawing.style:
        add(root, "style", drawing.style)
    definitions = add(root, "defs")
    for name, look in drawing.patterns:
        pattern = add(
            definitions,
            "pattern",
            id=name,
            width=5,
            height=5,
            patternUnits="userSpaceOnUse",
        )
        add(pattern, "path", class_=look, d="M-1,1 L1,-1 M0,5 L5,0 M4,6 L6,4")
    for shape in drawing.shapes:
        add_shape(root, shape)
    return root
