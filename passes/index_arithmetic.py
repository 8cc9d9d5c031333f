"""
What integer `arith` ops do to arrays of numbers: an array holds the numbers that one
value has in many turns of the loops around it.

Numbers are signed and held in int64. Results wrap into the width of their type; `index`
does not wrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Operation

Numbers = np.ndarray
"""int64, of any shape."""

Function = Callable[[Numbers, Numbers], Numbers]


class UnknownNumber(Exception):
    """A number that the loops alone do not decide, and the op that gives it."""

    def __init__(self, op: Operation):
        super().__init__(op.name)
        self.op = op


def wrapped(numbers: Numbers, type: Attribute) -> Numbers:
    """The numbers in the signed range of a type; of i1, 0 and 1."""
    if not isinstance(type, IntegerType) or type.width.data >= 64:
        return numbers
    if type.width.data == 1:
        return numbers & 1
    half = 1 << (type.width.data - 1)
    return ((numbers + half) & (2 * half - 1)) - half


def unsigned(numbers: Numbers, type: Attribute) -> Numbers:
    """The numbers with their bits read as unsigned."""
    width = type.width.data if isinstance(type, IntegerType) else 32
    return numbers if width >= 64 else numbers & ((1 << width) - 1)


def divisor(b: Numbers) -> Numbers:
    """Without zeros: a turn that divides by one is a turn that does not happen."""
    return np.where(b == 0, 1, b)


def divide(a: Numbers, b: Numbers) -> Numbers:
    """The quotient towards zero."""
    return np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(divisor(b)))


SIGNED: dict[type[Operation], Function] = {
    arith.AddiOp: np.add,
    arith.AndIOp: np.bitwise_and,
    arith.CeilDivSIOp: lambda a, b: -(-a // divisor(b)),
    arith.DivSIOp: divide,
    arith.FloorDivSIOp: lambda a, b: a // divisor(b),
    arith.MaxSIOp: np.maximum,
    arith.MinSIOp: np.minimum,
    arith.MuliOp: np.multiply,
    arith.OrIOp: np.bitwise_or,
    arith.RemSIOp: lambda a, b: a - b * divide(a, b),
    arith.ShLIOp: np.left_shift,
    arith.ShRSIOp: np.right_shift,
    arith.SubiOp: np.subtract,
    arith.XOrIOp: np.bitwise_xor,
}
UNSIGNED: dict[type[Operation], Function] = {
    arith.DivUIOp: lambda a, b: a // divisor(b),
    arith.MaxUIOp: np.maximum,
    arith.MinUIOp: np.minimum,
    arith.RemUIOp: lambda a, b: a % divisor(b),
    arith.ShRUIOp: np.right_shift,
}
"""Ops that read their operands as unsigned numbers."""

COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
"""Predicates of `arith.cmpi` without the `s` or `u` before them."""


def compute(op: Operation, operands: Sequence[Numbers]) -> Numbers:
    """
    The numbers of the op's result; raises UnknownNumber for all that is not integer
    arithmetic.
    """
    if not all(
        isinstance(value.type, IntegerType | IndexType)
        for value in (*op.operands, *op.results)
    ):
        raise UnknownNumber(op)
    match op, operands:
        case arith.ConstantOp(value=IntegerAttr() as number), []:
            found = np.full((), number.value.data, np.int64)
        case arith.CmpiOp(), [a, b]:
            return compare(op, a, b)
        case arith.SelectOp(), [condition, a, b]:
            return np.where(condition != 0, a, b)
        case arith.ExtUIOp(), [a]:
            return unsigned(a, op.input.type)
        case arith.ExtSIOp(), [a]:
            return -a if op.input.type == IntegerType(1) else a
        case arith.IndexCastOp() | arith.TruncIOp(), [a]:
            found = a
        case _, [a, b] if type(op) in SIGNED:
            found = SIGNED[type(op)](a, b)
        case _, [a, b] if type(op) in UNSIGNED:
            kind = op.operands[0].type
            found = UNSIGNED[type(op)](unsigned(a, kind), unsigned(b, kind))
        case _:
            raise UnknownNumber(op)
    return wrapped(found, op.results[0].type)


def compare(op: arith.CmpiOp, a: Numbers, b: Numbers) -> Numbers:
    name = arith.CMPI_COMPARISON_OPERATIONS[op.predicate.value.data]
    if name.startswith("u"):
        a, b = unsigned(a, op.lhs.type), unsigned(b, op.lhs.type)
    if name not in COMPARISONS:
        name = name[1:]
    return COMPARISONS[name](a, b).astype(np.int64)
