"""
Index expressions as sums of values times constants, plus a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, MemRefType
from xdsl.ir import SSAValue


@dataclass(frozen=True)
class Linear:
    """`sum(value * factor) + constant`; no factor is 0."""

    constant: int = 0
    terms: Mapping[SSAValue, int] = field(default_factory=dict[SSAValue, int])

    def __add__(self, other: Linear) -> Linear:
        terms = dict(self.terms)
        for value, factor in other.terms.items():
            terms[value] = terms.get(value, 0) + factor
        kept = {value: factor for value, factor in terms.items() if factor}
        return Linear(self.constant + other.constant, kept)

    def times(self, factor: int) -> Linear:
        if not factor:
            return Linear()
        terms = {value: each * factor for value, each in self.terms.items()}
        return Linear(self.constant * factor, terms)


def linear(value: SSAValue) -> Linear:
    """An index as a sum; what is no sum of products with constants is a value in it."""
    match value.owner:
        case arith.ConstantOp(value=IntegerAttr(value=number)):
            return Linear(number.data)
        case arith.AddiOp() as op:
            return linear(op.lhs) + linear(op.rhs)
        case arith.SubiOp() as op:
            return linear(op.lhs) + linear(op.rhs).times(-1)
        case arith.MuliOp() as op:
            a, b = linear(op.lhs), linear(op.rhs)
            if not b.terms:
                return a.times(b.constant)
            if not a.terms:
                return b.times(a.constant)
        case arith.DivSIOp() | arith.RemSIOp() as op:
            a, b = linear(op.lhs), linear(op.rhs)
            if not a.terms and not b.terms and a.constant >= 0 < b.constant:
                quotient, rest = divmod(a.constant, b.constant)
                return Linear(quotient if isinstance(op, arith.DivSIOp) else rest)
        case _:
            pass
    return Linear(0, {value: 1})


def linear_place(
    type: MemRefType, indices: Sequence[SSAValue], multiply: int = 1
) -> Linear | None:
    """Where an element lies, `multiply` times; None if strides are not known."""
    place = Linear()
    strides = type.get_strides()
    if strides is None:
        return None
    for index, stride in zip(indices, strides, strict=True):
        if stride is None:
            return None
        place += linear(index).times(stride * multiply)
    return place
