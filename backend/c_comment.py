"""Comments in generated C, made of text that models bring along."""

from __future__ import annotations


def comment(text: str) -> str:
    """
    `/* text */` on one line. What does not print (line ends, controls, marks that turn
    the direction of writing) becomes `?`, and nothing begins or ends a comment.
    """
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return f"/* {plain.replace('*/', '* /').replace('/*', '/ *')} */"
