"""
Index expressions as sums of products of values with constants, plus a constant.

A *parameter* is a number that a function takes as an argument: a constant that says so
(`tinyml.parameter`, with its number among those of its kernel), or an index argument of
the function. Products of parameters with one another and with other values are taken
apart; any other product of two values is a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, func
from xdsl.dialects.builtin import IndexType, IntegerAttr, MemRefType
from xdsl.ir import Block, SSAValue

PARAMETER = "tinyml.parameter"
"""Marks a constant that hot functions take as an argument, and numbers it."""

Product = tuple[SSAValue, ...]
"""Values that are multiplied: at most one that is no parameter, first."""


def parameter_number(value: SSAValue) -> int | None:
    """The number of a parameter among those of its function; None for other values."""
    owner = value.owner
    if not isinstance(owner, Block):
        number = owner.attributes.get(PARAMETER)
        return number.value.data if isinstance(number, IntegerAttr) else None
    if isinstance(value.type, IndexType) and isinstance(owner.parent_op(), func.FuncOp):
        return owner.args.index(value)
    return None


def product(*values: SSAValue) -> Product:
    """A product in the order that equal ones have."""

    def number(value: SSAValue) -> int:
        found = parameter_number(value)
        return -1 if found is None else found

    return tuple(sorted(values, key=number))


@dataclass(frozen=True)
class Linear:
    """`sum(product * factor) + constant`; no factor is 0."""

    constant: int = 0
    terms: Mapping[Product, int] = field(default_factory=dict[Product, int])

    def __add__(self, other: Linear) -> Linear:
        if not other.terms:
            return Linear(self.constant + other.constant, self.terms)
        terms = dict(self.terms)
        for values, factor in other.terms.items():
            terms[values] = terms.get(values, 0) + factor
        kept = {values: factor for values, factor in terms.items() if factor}
        return Linear(self.constant + other.constant, kept)

    def __sub__(self, other: Linear) -> Linear:
        return self + other.scaled(-1)

    def scaled(self, factor: int) -> Linear:
        if not factor:
            return Linear()
        terms = {values: each * factor for values, each in self.terms.items()}
        return Linear(self.constant * factor, terms)

    def times(self, other: Linear) -> Linear:
        """The product, in which values that are no parameters do not meet."""
        total = self.scaled(other.constant)
        for values, factor in other.terms.items():
            terms = {product(*v, *values): n * factor for v, n in self.terms.items()}
            own = {values: self.constant * factor} if self.constant else {}
            total += Linear(0, terms) + Linear(0, own)
        return total

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def is_known(self) -> bool:
        """Whether there are only parameters in it."""
        return all(parameter_number(v[0]) is not None for v in self.terms)

    @property
    def values(self) -> Iterable[SSAValue]:
        return (value for values in self.terms for value in values)


def linear(value: SSAValue) -> Linear:
    """An index as a sum; what is no sum of products with constants is a value in it."""
    if parameter_number(value) is not None:
        return Linear(0, {(value,): 1})
    match value.owner:
        case arith.ConstantOp(value=IntegerAttr(value=number)):
            return Linear(number.data)
        case arith.AddiOp() as op:
            return linear(op.lhs) + linear(op.rhs)
        case arith.SubiOp() as op:
            return linear(op.lhs) - linear(op.rhs)
        case arith.MuliOp() as op:
            a, b = linear(op.lhs), linear(op.rhs)
            if b.is_known:
                return a.times(b)
            if a.is_known:
                return b.times(a)
        case arith.DivSIOp() | arith.RemSIOp() as op:
            a, b = linear(op.lhs), linear(op.rhs)
            if not a.terms and not b.terms and a.constant >= 0 < b.constant:
                quotient, rest = divmod(a.constant, b.constant)
                return Linear(quotient if isinstance(op, arith.DivSIOp) else rest)
        case _:
            pass
    return Linear(0, {(value,): 1})


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
        place += linear(index).scaled(stride * multiply)
    return place
