"""Names that models have, as messages can show them."""

from __future__ import annotations

from unicodedata import category

LONGEST_MESSAGE = 800
"""Characters; a list of all operators that are supported is shorter."""


UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of Unicode: control characters, halves of pairs, ends of lines."""


def is_printable(name: str) -> bool:
    """Whether a message that quotes the name is still one line."""
    return name.isprintable() or not any(category(c) in UNPRINTABLE for c in name)


def printable(name: str) -> str:
    """A name with line breaks, control characters and the like escaped."""
    return "".join(
        c if is_printable(c) else c.encode("unicode_escape").decode() for c in name
    )


def shortened(message: str) -> str:
    """A message that quotes something very long without the middle of it."""
    if len(message) <= LONGEST_MESSAGE:
        return message
    half = LONGEST_MESSAGE // 2 - 3
    return f"{message[:half]} ... {message[-half:]}"
