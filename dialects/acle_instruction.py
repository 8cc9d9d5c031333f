"""
What all computing instructions of the `acle` dialect have in common.

A word is a signless i32; the instructions read its halves or bytes as lanes, the lowest
first. Sums wrap: where an instruction would set the sticky flag Q, nobody looks at it.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import I32, IntegerAttr, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException


class InstructionOp(IRDLOperation, ABC):
    """One instruction that computes a word, or two, from others."""

    traits = traits_def(Pure())

    def __init__(
        self,
        operands: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        properties: Mapping[str, Attribute | None] = {},
    ):
        # As `create` does, which does not ask the definition how many of each there
        # are: kernels have thousands of instructions, each of which has all of them.
        Operation.__init__(
            self,
            operands=operands,
            result_types=result_types,
            properties={k: v for k, v in properties.items() if v is not None},
        )

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
