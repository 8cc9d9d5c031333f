"""
What all computing instructions of the `acle` dialect have in common.

A word is a signless i32; the instructions read its halves or bytes as lanes, the lowest
first. Sums wrap: where an instruction would set the sticky flag Q, nobody looks at it.
"""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import I32, IntegerAttr, i32
from xdsl.irdl import IRDLOperation, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException


class InstructionOp(IRDLOperation, ABC):
    """One instruction that computes a word, or two, from others."""

    traits = traits_def(Pure())

    @property
    def mnemonic(self) -> str:
        """The instruction's name."""
        return self.name.removeprefix("acle.")

    @property
    def immediates(self) -> dict[str, int]:
        """The numbers that are part of the instruction, by what they are."""
        return {}


def number(value: int) -> IntegerAttr[I32]:
    return IntegerAttr(value, i32)


def verify_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise VerifyException(f"{what} {value} is not in [{low}, {high}]")
