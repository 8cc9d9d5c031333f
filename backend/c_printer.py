"""
Spells a module of `func`, `scf`, `memref`, `arith` and `acle` ops as C99.

Every op has one C form. A pure op that is used once, in its own block, is spelled where
it is used; every other value gets a name, unique within its function. Signed `nsw`
arithmetic is plain, arithmetic that may wrap goes through unsigned types, `index` is
`int32_t`. Right shifts of negative numbers are arithmetic, as in gcc and clang.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import IO, NamedTuple

import numpy as np
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    NameLoc,
    i1,
    i64,
)
from xdsl.dialects.memref import GlobalOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.acle_c import acle_functions, c_macro
from tinyml.backend.c_comment import comment
from tinyml.backend.constant_buffers import constant_buffers
from tinyml.backend.thumb_printer import PRELUDE as THUMB_PRELUDE
from tinyml.backend.thumb_printer import print_thumb_function, thumb_alternative
from tinyml.dialects import acle
from tinyml.dialects.constants import global_array
from tinyml.dialects.reading import READS_INPUT
from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp
from tinyml.dialects.thumb_control import RetOp

RESERVED = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t
    char32_t class compl const const_cast constexpr continue decltype default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if
    inline int int16_t int32_t int64_t int8_t long main mutable namespace new noexcept
    not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast restrict return short signed sizeof static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid
    typename uint16_t uint32_t uint64_t uint8_t union unsigned using virtual void
    volatile wchar_t while xor xor_eq
    """.split()
)

INFIX: dict[type[Operation], str] = {
    arith.AddiOp: "+",
    arith.SubiOp: "-",
    arith.MuliOp: "*",
    arith.DivSIOp: "/",
    arith.RemSIOp: "%",
    arith.ShRSIOp: ">>",
    arith.ShLIOp: "<<",
    arith.AndIOp: "&",
    arith.OrIOp: "|",
    arith.XOrIOp: "^",
    arith.AddfOp: "+",
    arith.SubfOp: "-",
    arith.MulfOp: "*",
    arith.DivfOp: "/",
}
WRAPPING = (arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.ShLIOp)
INTEGER_COMPARISONS = {0: "==", 1: "!=", 2: "<", 3: "<=", 4: ">", 5: ">="}
FLOAT_COMPARISONS = {1: "==", 2: ">", 3: ">=", 4: "<", 5: "<="}
CASTS = (
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.TruncIOp,
    arith.IndexCastOp,
    arith.FPToSIOp,
    arith.SIToFPOp,
)
INLINED = (
    *INFIX,
    *CASTS,
    arith.CmpiOp,
    arith.CmpfOp,
    arith.SelectOp,
    arith.MaxSIOp,
    arith.MinSIOp,
    math_dialect.FmaOp,
    acle.InstructionOp,
)
TRUTHS = (
    arith.ConstantOp,
    arith.AndIOp,
    arith.OrIOp,
    arith.XOrIOp,
    arith.CmpiOp,
    arith.CmpfOp,
    arith.SelectOp,
    arith.ExtUIOp,
)
"""Ops that may take or make an i1, which is 0 or 1 in C."""

REPEATING = (arith.MaxSIOp, arith.MinSIOp)
"""Ops whose C form names its operands twice."""

LONGEST_EXPRESSION = 60
"""An expression above so many characters gets a name."""


def c_type(type: Attribute) -> str:
    """The C type of a scalar."""
    match type:
        case IndexType():
            return "int32_t"
        case IntegerType(width=width) if width.data == 1:
            return "int32_t"
        case IntegerType(width=width) if width.data in (8, 16, 32, 64):
            return f"int{width.data}_t"
        case Float32Type():
            return "float"
        case _:
            raise DiagnosticException(f"tinyml-c: no C type for {type}")


def element_strides(type: MemRefType) -> Sequence[int]:
    strides = type.get_strides()
    if strides is None or any(stride is None for stride in strides):
        raise DiagnosticException(
            f"tinyml-c: {type} has strides known only at run time"
        )
    return [stride for stride in strides if stride is not None]


class Binding(IntEnum):
    """How tightly an expression holds together; looser ones need parentheses."""

    PRIMARY = 0
    UNARY = 1
    PRODUCT = 2
    LOOSE = 3


class Expression(NamedTuple):
    """A C expression and its binding."""

    text: str
    binding: Binding = Binding.PRIMARY

    def operand(self, loosest: Binding = Binding.UNARY) -> str:
        """The text, in parentheses if it binds more loosely than `loosest`."""
        return self.text if self.binding <= loosest else f"({self.text})"


def cast(type: Attribute, operand: str) -> Expression:
    return Expression(f"({c_type(type)}){operand}", Binding.UNARY)


def wraps(op: arith.SignlessIntegerBinaryOperationWithOverflow) -> bool:
    """Whether the result may leave its type. C shifts no negative number left."""
    if isinstance(op.result.type, IndexType):
        return False
    nsw = arith.IntegerOverflowFlag.NSW in op.overflow_flags.data
    return isinstance(op, arith.ShLIOp) or not nsw


def signed(number: str) -> Expression:
    return Expression(number, Binding.UNARY if number[0] == "-" else Binding.PRIMARY)


def literal(attr: Attribute) -> Expression:
    """A constant as C spells it."""
    match attr:
        case IntegerAttr(value=value, type=type) if type == i64:
            least = value.data == -(1 << 63)
            return Expression("INT64_MIN" if least else f"INT64_C({value.data})")
        case IntegerAttr(value=value, type=type) if type == i1:
            return Expression("1" if value.data else "0")
        case IntegerAttr(value=value):
            if value.data == -(1 << 31):
                return Expression("INT32_MIN")
            return signed(str(int(value.data)))
        case FloatAttr(value=value) if math.isfinite(value.data):
            return signed(float_text(value.data))
        case _:
            raise DiagnosticException(f"tinyml-c: no C literal for {attr}")


def float_text(value: float) -> str:
    """The C literal of a number in single precision; all NaNs are one."""
    if not math.isfinite(value):
        # INFINITY and NAN are in <math.h>, which not every core's compiler has.
        part = 0.0 if math.isnan(value) else math.copysign(1.0, value)
        return f"({part}f / 0.0f)"
    text = str(np.float32(value))
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def symbols_around(function: func.FuncOp) -> set[str]:
    """What the functions and constants of the function's module are called."""
    module = function.parent_op()
    assert isinstance(module, ModuleOp)
    return {
        op.sym_name.data
        for op in module.ops
        if isinstance(op, func.FuncOp | GlobalOp | ThumbFuncOp)
    }


class FunctionPrinter:
    """Prints one function: names its values and spells its ops."""

    def __init__(self, output: IO[str], function: func.FuncOp):
        self.output = output
        self.function = function
        self.depth = 0
        self.taken: set[str] = set(RESERVED | symbols_around(function))
        self.spelled: dict[SSAValue, Expression] = {}
        self.constant = constant_buffers(function)

    # Names and lines

    def unique(self, hint: str) -> str:
        """An identifier like `hint` that nothing else here is called."""
        base = re.sub(r"\W", "_", hint, flags=re.ASCII)
        base = base if base[0].isalpha() else f"v{base}"
        name, number = base, 0
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def name(self, value: SSAValue) -> str:
        """Gives a value a name of its own."""
        name = self.unique(value.name_hint or "v")
        self.spelled[value] = Expression(name)
        return name

    def line(self, text: str) -> None:
        self.output.write(f"{'  ' * self.depth}{text}\n")

    @contextmanager
    def indented(self) -> Generator[None]:
        self.depth += 1
        yield
        self.depth -= 1

    def pointer(self, value: SSAValue) -> str:
        """The declaration's type of a buffer, up to its name."""
        assert isinstance(value.type, MemRefType)
        const = "const " if value in self.constant else ""
        return f"{const}{c_type(value.type.element_type)} *"

    def variable(self, value: SSAValue, name: str) -> str:
        """The declaration of a variable that holds a value, a scalar or a buffer."""
        if isinstance(value.type, MemRefType):
            return f"{self.pointer(value)}{name}"
        return f"{c_type(value.type)} {name}"

    # Values

    def use(self, value: SSAValue, loosest: Binding = Binding.UNARY) -> str:
        """A value as an operand."""
        return self.value(value).operand(loosest)

    def text(self, value: SSAValue) -> str:
        """A value where it stands alone, as between commas."""
        return self.value(value).text

    def value(self, value: SSAValue) -> Expression:
        if value not in self.spelled:
            owner = value.owner
            assert isinstance(owner, Operation)
            self.spelled[value] = self.expression(owner)
        return self.spelled[value]

    def expression(self, op: Operation) -> Expression:
        """The C expression of a pure op."""
        if not isinstance(op, TRUTHS):
            for value in (*op.operands, *op.results):
                if value.type == i1:
                    raise DiagnosticException(
                        f"tinyml-c: {op.name} of i1 has no C form"
                    )
        match op:
            case arith.ConstantOp():
                return literal(op.value)
            case arith.CmpiOp() if op.predicate.value.data in INTEGER_COMPARISONS:
                sign = INTEGER_COMPARISONS[op.predicate.value.data]
                return self.infix(op, sign)
            case arith.CmpfOp() if op.predicate.value.data in FLOAT_COMPARISONS:
                sign = FLOAT_COMPARISONS[op.predicate.value.data]
                return self.infix(op, sign)
            case arith.SelectOp():
                condition, a, b = (self.use(v) for v in op.operands)
                return Expression(f"{condition} ? {a} : {b}", Binding.LOOSE)
            case arith.MaxSIOp() | arith.MinSIOp():
                sign = ">" if isinstance(op, arith.MaxSIOp) else "<"
                a, b = (self.use(v) for v in op.operands)
                return Expression(f"{a} {sign} {b} ? {a} : {b}", Binding.LOOSE)
            case arith.ExtUIOp() if op.input.type != i1:
                return cast(
                    op.result.type, f"(u{c_type(op.input.type)}){self.use(op.input)}"
                )
            case math_dialect.FmaOp():
                a, b, c = (self.text(v) for v in op.operands)
                return Expression(f"TINYML_FMAF({a}, {b}, {c})", Binding.UNARY)
            case acle.InstructionOp():
                arguments = ", ".join(self.text(v) for v in op.operands)
                return Expression(f"{c_macro(op)}({arguments})", Binding.UNARY)
            case _ if isinstance(op, CASTS):
                return cast(op.results[0].type, self.use(op.operands[0]))
            case _ if isinstance(op, WRAPPING) and wraps(op):
                return self.wrapping(op)
            case _ if type(op) in INFIX:
                return self.infix(op, INFIX[type(op)])
            case _:
                raise DiagnosticException(
                    f"tinyml-c: {op.name} has no C form; lower it first"
                )

    def infix(self, op: Operation, sign: str) -> Expression:
        """`a sign b`; products stand in sums without parentheses."""
        loosest = Binding.PRODUCT if sign in "+-" else Binding.UNARY
        a, b = (self.use(v, loosest) for v in op.operands)
        if sign == "+" and b.startswith("-") and b[1:].isdigit():
            sign, b = "-", b[1:]
        binding = Binding.PRODUCT if sign == "*" else Binding.LOOSE
        return Expression(f"{a} {sign} {b}", binding)

    def wrapping(self, op: Operation) -> Expression:
        """Arithmetic that may leave its type, which C defines for unsigned ones."""
        sign, to = INFIX[type(op)], c_type(op.results[0].type)
        a, b = (self.use(v) for v in op.operands)
        if not isinstance(op, arith.ShLIOp):
            b = f"(u{to}){b}"
        return Expression(f"({to})((u{to}){a} {sign} {b})", Binding.UNARY)

    def place(self, buffer: SSAValue, indices: Sequence[SSAValue]) -> str:
        """The offset of an element in elements, as an expression."""
        assert isinstance(buffer.type, MemRefType)
        return self.offset(indices, element_strides(buffer.type))

    def address(self, op: acle.BytesOp) -> str:
        """A pointer to the first byte of an access."""
        place = self.place(op.memref, op.indices)
        base = self.text(op.memref)
        return base if place == "0" else f"{base} + {place}"

    def offset(self, indices: Sequence[SSAValue | int], strides: Sequence[int]) -> str:
        terms: list[str] = []
        constant = 0
        for index, stride in zip(indices, strides, strict=True):
            if isinstance(index, int):
                constant += index * stride
            elif isinstance(owner := index.owner, arith.ConstantOp):
                assert isinstance(owner.value, IntegerAttr)
                constant += owner.value.value.data * stride
            elif stride == 1:
                terms.append(self.use(index))
            else:
                terms.append(f"{self.use(index)} * {stride}")
        if constant or not terms:
            terms.append(str(constant))
        return " + ".join(terms)

    # Statements

    @property
    def head(self) -> str:
        """What stands before the parameters."""
        visibility = self.function.sym_visibility
        static = "static " if visibility and visibility.data == "private" else ""
        return f"{static}void {self.function.sym_name.data}"

    def parameters(self) -> list[str]:
        arguments = self.function.body.block.args
        return [self.variable(argument, self.name(argument)) for argument in arguments]

    def print(self) -> None:
        function = self.function
        block = function.body.block
        arguments = self.parameters()
        if isinstance(function.location, NameLoc):
            self.line(comment(function.location.desc.data))
        head = self.head
        if "no_inline" in function.attributes:
            head = f"TINYML_NO_INLINE {head}"
        signature = f"{head}({', '.join(arguments) or 'void'})"
        if len(signature) > 80:
            joined = ",\n    ".join(arguments)
            signature = f"{head}(\n    {joined})"
        self.line(f"{signature} {{")
        with self.indented():
            for argument in block.args:
                if not argument.uses:
                    self.line(f"(void){self.text(argument)};")
            self.body(block)
        self.line("}")

    def body(self, block: Block) -> None:
        for op in block.ops:
            self.statement(op)

    def shared(self, call: func.CallOp) -> None:
        """Says which layer a call is of, if the function is named after another."""
        callee = SymbolTable.lookup_symbol(call, call.callee)
        if not isinstance(callee, func.FuncOp) or callee.location == call.location:
            return
        if isinstance(callee.location, NameLoc) and isinstance(call.location, NameLoc):
            self.line(comment(call.location.desc.data))

    def statement(self, op: Operation) -> None:
        match op:
            case arith.ConstantOp() | scf.YieldOp():
                pass
            case func.ReturnOp() if not op.arguments:
                pass
            case memref.GetGlobalOp():
                self.spelled[op.memref] = Expression(op.name_.string_value())
            case memref.ReinterpretCastOp() | memref.ViewOp() | memref.SubviewOp():
                self.view(op)
            case memref.LoadOp():
                place = self.place(op.memref, op.indices)
                value = f"{self.text(op.memref)}[{place}]"
                self.define(op.res, value)
            case memref.StoreOp():
                target = f"{self.text(op.memref)}[{self.place(op.memref, op.indices)}]"
                self.line(f"{target} = {self.text(op.value)};")
            case acle.LoadOp():
                self.define(op.result, f"{c_macro(op)}({self.address(op)})")
            case acle.StoreWordOp():
                arguments = f"{self.address(op)}, {self.text(op.value)}"
                self.line(f"{c_macro(op)}({arguments});")
            case func.CallOp() if not op.results:
                self.shared(op)
                arguments = ", ".join(self.text(v) for v in op.operands)
                self.line(f"{op.callee.string_value()}({arguments});")
            case scf.ForOp():
                self.loop(op)
            case scf.IfOp():
                self.branch(op)
            case _ if isinstance(op, INLINED):
                self.scalar(op)
            case _:
                raise DiagnosticException(
                    f"tinyml-c: {op.name} has no C form; lower it first"
                )

    def define(self, value: SSAValue, expression: str) -> None:
        if value.uses:
            self.line(f"const {c_type(value.type)} {self.name(value)} = {expression};")

    def scalar(self, op: Operation) -> None:
        """Names the result of a pure op, or leaves it to be spelled at its use."""
        (result,) = op.results
        if (use := result.get_user_of_unique_use()) is not None:
            if use.parent is op.parent and not isinstance(use, REPEATING):
                expression = self.expression(op)
                if len(expression.text) <= LONGEST_EXPRESSION:
                    self.spelled[result] = expression
                    return
        self.define(result, self.expression(op).text)

    def view(
        self, op: memref.ReinterpretCastOp | memref.ViewOp | memref.SubviewOp
    ) -> None:
        """A view is a pointer into its source."""
        source, result = op.source, op.result
        base = self.text(source)
        if isinstance(op, memref.ViewOp):
            offset = self.text(op.byte_shift)
            pointer = base if offset == "0" else f"{base} + {offset}"
            target = self.pointer(result)
            if target != self.pointer(source):
                pointer = f"({target})(void *)({pointer})"
        else:
            dynamic = iter(op.offsets)
            offsets = [
                next(dynamic) if offset == DYNAMIC_INDEX else int(offset)
                for offset in op.static_offsets.get_values()
            ]
            assert isinstance(source.type, MemRefType)
            strides = (
                [1]
                if isinstance(op, memref.ReinterpretCastOp)
                else element_strides(source.type)
            )
            offset = self.offset(offsets, strides)
            if offset == "0":
                self.spelled[result] = self.value(source)
                return
            pointer = f"{base} + {offset}"
        if result.uses:
            self.line(f"{self.pointer(result)}{self.name(result)} = {pointer};")

    def loop(self, op: scf.ForOp) -> None:
        induction, *arguments = op.body.block.args
        for result, argument, start in zip(
            op.results, arguments, op.iter_args, strict=True
        ):
            text = self.text(start)
            name = self.name(result)
            self.spelled[argument] = Expression(name)
            self.line(f"{self.variable(result, name)} = {text};")
        low, high, step = (self.use(v) for v in (op.lb, op.ub, op.step))
        i = self.name(induction)
        self.line(f"for (int32_t {i} = {low}; {i} < {high}; {i} += {step}) {{")
        with self.indented():
            self.body(op.body.block)
            self.assign(op.results, op.body.block)
        self.line("}")

    def assign(self, targets: Sequence[SSAValue], block: Block) -> None:
        """Gives the values that a block yields to variables."""
        yielded = block.last_op
        assert isinstance(yielded, scf.YieldOp)
        pairs = [
            (target, self.text(value))
            for target, value in zip(targets, yielded.operands, strict=True)
            if self.text(target) != self.text(value)
        ]
        if isinstance(yielded.parent_op(), scf.ForOp) and len(pairs) > 1:
            # A turn may yield what it was given: read all before writing any.
            for position, (target, text) in enumerate(pairs):
                temporary = self.unique(f"next_{self.text(target)}")
                self.line(f"{self.variable(target, temporary)} = {text};")
                pairs[position] = (target, temporary)
        for target, text in pairs:
            self.line(f"{self.text(target)} = {text};")

    def branch(self, op: scf.IfOp) -> None:
        for result in op.results:
            self.line(f"{self.variable(result, self.name(result))};")
        self.line(f"if ({self.text(op.cond)}) {{")
        with self.indented():
            self.body(op.true_region.block)
            if op.results:
                self.assign(op.results, op.true_region.block)
        if op.false_region.blocks:
            self.line("} else {")
            with self.indented():
                self.body(op.false_region.block)
                if op.results:
                    self.assign(op.results, op.false_region.block)
        self.line("}")


def print_function(output: IO[str], function: func.FuncOp) -> None:
    """
    Prints a function. A declared hook becomes a macro that does nothing; what reads an
    input is declared, and defined by the user. What has an alternative in instructions
    is printed as both.
    """
    name = function.sym_name.data
    if thumb := thumb_alternative(function):
        printer = FunctionPrinter(output, function)
        output.write("#if defined(TINYML_HAS_THUMB)\n")
        print_thumb_function(output, thumb, printer.head, printer.parameters())
        output.write("#else\n")
        FunctionPrinter(output, function).print()
        output.write("#endif\n")
    elif not function.is_declaration:
        FunctionPrinter(output, function).print()
    elif "tinyml.hook" in function.attributes:
        output.write(f"#ifndef {name}\n#define {name}(layer) ((void)(layer))\n#endif\n")
    elif is_reader(function):
        output.write(f"{reader_declaration(name)}\n")
    else:
        raise DiagnosticException(f"tinyml-c: @{name} is declared but not a hook")


def print_only_thumb(output: IO[str], function: ThumbFuncOp) -> None:
    """Prints a function that there is in instructions only."""
    arguments = function.body.block.args
    types = ["uint32_t"] * len(arguments)
    if function.c_types is not None:
        types = [
            f"const {c_type(type.element_type)} *"
            if isinstance(type, MemRefType)
            else c_type(type)
            for type in function.c_types
        ]
    parameters = [
        f"{type}{'' if type.endswith('*') else ' '}a{index}"
        for index, type in enumerate(types)
    ]
    ret = function.body.block.last_op
    assert isinstance(ret, RetOp)
    result = "void" if ret.value is None else "int32_t"
    head = f"{result} {function.sym_name.data}"
    print_thumb_function(output, function, head, parameters)


def reader_declaration(name: str) -> str:
    """The declaration of a function that reads pixels of an input."""
    return f"void {name}(int32_t row, int32_t column, int32_t columns, void *pixels);"


ALIGNED = """\
#ifndef TINYML_ALIGNED
#if defined(__GNUC__)
#define TINYML_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define TINYML_ALIGNED(bytes)
#endif
#endif
"""


def declaration(op: GlobalOp) -> str:
    """A constant's declaration, aligned as its op says."""
    size = math.prod(op.type.get_shape())
    text = f"const {c_type(op.type.element_type)} {op.sym_name.data}[{size}]"
    if op.alignment is not None:
        text += f" TINYML_ALIGNED({op.alignment.value.data})"
    return text


def print_global(output: IO[str], op: GlobalOp, per_line: int = 16) -> None:
    """Prints a constant's definition."""
    array = global_array(op).reshape(-1)
    numbers = array.tolist()
    output.write(f"{declaration(op)} = {{\n")
    for start in range(0, len(numbers), per_line):
        row = numbers[start : start + per_line]
        if array.dtype.kind == "f":
            line = ", ".join(float_text(number) for number in row)
        else:
            # The text of a list of integers is C but for the least of them.
            line = str(row)[1:-1].replace("-2147483648", "INT32_MIN")
        output.write(f"  {line},\n")
    output.write("};\n")


NO_INLINE = """\
#ifndef TINYML_NO_INLINE
#if defined(__GNUC__)
#define TINYML_NO_INLINE __attribute__((noinline))
#else
#define TINYML_NO_INLINE
#endif
#endif
"""


# Clang holds the instruction for slow on a Cortex-M and would call the C library.
FMAF = """\
#ifndef TINYML_FMAF
#if defined(__arm__) && defined(__ARM_FEATURE_FMA)
static inline float tinyml_fmaf(float a, float b, float c) {
  __asm__("vfma.f32 %0, %1, %2" : "+t"(c) : "t"(a), "t"(b));
  return c;
}
#define TINYML_FMAF tinyml_fmaf
#elif defined(__FP_FAST_FMAF)
#define TINYML_FMAF __builtin_fmaf
#else
#include <math.h>
#define TINYML_FMAF fmaf
#endif
#endif
"""


def is_reader(op: func.FuncOp) -> bool:
    """Whether a function is declared that the user defines, and that reads an input."""
    return op.is_declaration and READS_INPUT in op.attributes


def print_code(output: IO[str], module: ModuleOp, has_header: bool = False) -> None:
    """
    Prints the functions of a module, and a declaration of each constant; functions that
    the user defines are declared in the header, if there is one.
    """
    if any("no_inline" in op.attributes for op in module.ops):
        output.write(NO_INLINE)
    if any(isinstance(op, math_dialect.FmaOp) for op in module.walk()):
        output.write(FMAF)
    output.write(acle_functions(module.walk()))
    if any(isinstance(op, ThumbFuncOp) for op in module.ops):
        output.write(THUMB_PRELUDE)
    declare_constants(output, module)
    alternatives = {thumb_alternative(op) for op in module.ops}
    for op in module.ops:
        match op:
            case func.FuncOp() if has_header and is_reader(op):
                pass
            case func.FuncOp():
                output.write("\n")
                print_function(output, op)
            case ThumbFuncOp() if op in alternatives:
                pass
            case ThumbFuncOp():
                output.write("\n")
                print_only_thumb(output, op)
            case GlobalOp():
                pass
            case _:
                raise DiagnosticException(
                    f"tinyml-c: {op.name} has no C form; lower it first"
                )


def declare_constants(output: IO[str], module: ModuleOp) -> None:
    constants = [op for op in module.ops if isinstance(op, GlobalOp)]
    if any(op.alignment is not None for op in constants):
        output.write(ALIGNED)
    for op in constants:
        output.write(f"extern {declaration(op)};\n")


def print_constants(output: IO[str], module: ModuleOp) -> None:
    """Prints the definition of each constant, declared before as C++ wants it."""
    declare_constants(output, module)
    for op in module.ops:
        if isinstance(op, GlobalOp):
            print_global(output, op)
