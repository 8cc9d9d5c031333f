"""
Semantics of the scalar `arith` ops that kernels are made of, exact to the bit.

Integers are Python ints in the signed range of their type (i1: 0 or 1), floats are
Python floats that hold an f32. What C leaves undefined is an error here: an `nsw` or
`index` result that does not fit (`index` has 32 bits, as on the cores), a shift by the
width or more, a division by zero, a float that does not fit its integer.
"""

from __future__ import annotations

from ctypes import c_float
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
)
from xdsl.interpreter import Interpreter, PythonValues, impl, register_impls
from xdsl.interpreters.arith import ArithFunctions
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import InterpretationError

from tinyml.interp.fixed_point import fma_f32

Args = tuple[Any, ...]

INDEX_BITS = 32

COMPARISONS = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")


def bits_of(type: Attribute) -> int:
    """Bits of an integer or an index."""
    if isinstance(type, IndexType):
        return INDEX_BITS
    if not isinstance(type, IntegerType):
        raise InterpretationError(f"{type} is not an integer type")
    return type.width.data


def wrapped(value: int, bits: int) -> int:
    """The number that is left of `value` in so many bits."""
    if bits == 1:
        return value & 1
    half = 1 << (bits - 1)
    return ((value + half) & (2 * half - 1)) - half


def may_wrap(op: Operation) -> bool:
    """Whether a result that does not fit is defined."""
    if isinstance(op.results[0].type, IndexType):
        return False
    if isinstance(op, arith.SignlessIntegerBinaryOperationWithOverflow):
        return arith.IntegerOverflowFlag.NSW not in op.overflow_flags.data
    return not isinstance(op, arith.DivSIOp)


def integer_result(op: Operation, value: int) -> tuple[int]:
    """`value` as the result of `op`."""
    result = wrapped(value, bits_of(op.results[0].type))
    if result != value and not may_wrap(op):
        raise InterpretationError(
            f"{op.name}: {value} does not fit {op.results[0].type}"
        )
    return (result,)


def shift_amount(op: Operation, amount: int) -> int:
    bits = bits_of(op.results[0].type)
    if not 0 <= amount < bits:
        raise InterpretationError(f"{op.name} of {bits} bits by {amount}")
    return amount


def single(op: Operation, value: float) -> tuple[float]:
    """
    `value` as f32. Sums, differences and products of two f32 that were computed in
    double precision round to the same f32 as if they had been rounded once.
    """
    if not isinstance(type := op.results[0].type, Float32Type):
        raise InterpretationError(f"{op.name}: {type} is not f32")
    return (c_float(value).value,)


def quotient(op: Operation, a: int, b: int) -> int:
    """`a / b` towards zero."""
    if b == 0:
        raise InterpretationError(f"{op.name}: {a} by zero")
    magnitude = abs(a) // abs(b)
    return magnitude if (a < 0) == (b < 0) else -magnitude


@register_impls
class ScalarFunctions(ArithFunctions):
    """xDSL's functions, faster and stricter, and those it lacks."""

    @impl(arith.ConstantOp)
    def run_constant(
        self, interpreter: Interpreter, op: arith.ConstantOp, args: Args
    ) -> PythonValues:
        match op.value:
            case IntegerAttr(value=value, type=type):
                return (wrapped(int(value.data), bits_of(type)),)
            case FloatAttr(value=value):
                return single(op, value.data)
            case other:
                raise InterpretationError(f"{op.name} of {other.name}")

    @impl(arith.AddiOp)
    def run_addi(
        self, interpreter: Interpreter, op: arith.AddiOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] + args[1])

    @impl(arith.SubiOp)
    def run_subi(
        self, interpreter: Interpreter, op: arith.SubiOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] - args[1])

    @impl(arith.MuliOp)
    def run_muli(
        self, interpreter: Interpreter, op: arith.MuliOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] * args[1])

    @impl(arith.DivSIOp)
    def run_divsi(
        self, interpreter: Interpreter, op: arith.DivSIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, quotient(op, *args))

    @impl(arith.RemSIOp)
    def run_remsi(
        self, interpreter: Interpreter, op: arith.RemSIOp, args: Args
    ) -> PythonValues:
        a, b = args
        return integer_result(op, a - quotient(op, a, b) * b)

    @impl(arith.ShLIOp)
    def run_shlsi(
        self, interpreter: Interpreter, op: arith.ShLIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] << shift_amount(op, args[1]))

    @impl(arith.ShRSIOp)
    def run_shrsi(
        self, interpreter: Interpreter, op: arith.ShRSIOp, args: Args
    ) -> PythonValues:
        return (args[0] >> shift_amount(op, args[1]),)

    @impl(arith.AndIOp)
    def run_andi(
        self, interpreter: Interpreter, op: arith.AndIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] & args[1])

    @impl(arith.OrIOp)
    def run_ori(
        self, interpreter: Interpreter, op: arith.OrIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] | args[1])

    @impl(arith.XOrIOp)
    def run_xori(
        self, interpreter: Interpreter, op: arith.XOrIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0] ^ args[1])

    @impl(arith.MaxSIOp)
    def run_maxsi(
        self, interpreter: Interpreter, op: arith.MaxSIOp, args: Args
    ) -> PythonValues:
        return (max(args),)

    @impl(arith.MinSIOp)
    def run_minsi(
        self, interpreter: Interpreter, op: arith.MinSIOp, args: Args
    ) -> PythonValues:
        return (min(args),)

    @impl(arith.CmpiOp)
    def run_cmpi(
        self, interpreter: Interpreter, op: arith.CmpiOp, args: Args
    ) -> PythonValues:
        a, b = args
        predicate = COMPARISONS[op.predicate.value.data]
        if predicate[0] == "u":
            mask = (1 << bits_of(op.lhs.type)) - 1
            a, b = a & mask, b & mask
        match predicate:
            case "eq":
                return (int(a == b),)
            case "ne":
                return (int(a != b),)
            case "slt" | "ult":
                return (int(a < b),)
            case "sle" | "ule":
                return (int(a <= b),)
            case "sgt" | "ugt":
                return (int(a > b),)
            case _:
                return (int(a >= b),)

    @impl(arith.ExtSIOp)
    def run_extsi(
        self, interpreter: Interpreter, op: arith.ExtSIOp, args: Args
    ) -> PythonValues:
        # Numbers are signed already, but for i1.
        return (-args[0] if bits_of(op.input.type) == 1 else args[0],)

    @impl(arith.ExtUIOp)
    def run_extui(
        self, interpreter: Interpreter, op: arith.ExtUIOp, args: Args
    ) -> PythonValues:
        return (int(args[0]) & ((1 << bits_of(op.input.type)) - 1),)

    @impl(arith.TruncIOp)
    def run_trunci(
        self, interpreter: Interpreter, op: arith.TruncIOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0])

    @impl(arith.IndexCastOp)
    def run_indexcast(
        self, interpreter: Interpreter, op: arith.IndexCastOp, args: Args
    ) -> PythonValues:
        return integer_result(op, args[0])

    @impl(arith.AddfOp)
    def run_addf(
        self, interpreter: Interpreter, op: arith.AddfOp, args: Args
    ) -> PythonValues:
        return single(op, args[0] + args[1])

    @impl(arith.SubfOp)
    def run_subf(
        self, interpreter: Interpreter, op: arith.SubfOp, args: Args
    ) -> PythonValues:
        return single(op, args[0] - args[1])

    @impl(arith.MulfOp)
    def run_mulf(
        self, interpreter: Interpreter, op: arith.MulfOp, args: Args
    ) -> PythonValues:
        return single(op, args[0] * args[1])

    @impl(math.FmaOp)
    def run_fma(
        self, interpreter: Interpreter, op: math.FmaOp, args: Args
    ) -> PythonValues:
        a, b, c = (np.asarray(x, np.float32) for x in args)
        return single(op, float(fma_f32(a, b, c)))

    @impl(arith.DivfOp)
    def run_divf(
        self, interpreter: Interpreter, op: arith.DivfOp, args: Args
    ) -> PythonValues:
        with np.errstate(all="ignore"):
            return single(op, float(np.float32(args[0]) / np.float32(args[1])))

    @impl(arith.FPToSIOp)
    def run_fptosi(
        self, interpreter: Interpreter, op: arith.FPToSIOp, args: Args
    ) -> PythonValues:
        bits = bits_of(op.result.type)
        # Not-a-number is in no range.
        if not -(1 << (bits - 1)) - 1 < args[0] < 1 << (bits - 1):
            raise InterpretationError(
                f"{op.name}: {args[0]} does not fit {op.result.type}"
            )
        return (int(args[0]),)

    @impl(arith.SIToFPOp)
    def run_sitofp(
        self, interpreter: Interpreter, op: arith.SIToFPOp, args: Args
    ) -> PythonValues:
        # Through int64: a double on the way would round twice.
        return single(op, float(np.int64(args[0]).astype(np.float32)))
