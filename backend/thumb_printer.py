"""
Prints a `thumb.func` as C: one naked function of one block of assembly.

Nothing is left to the C compiler: registers, saves and returns are in the IR, labels
are local numbers, so every compiler makes the same bytes of it. Parameters have names
for the prototype's sake only.

A function of a lower level may name a `thumb.func` that computes the same, in its
attribute `tinyml.thumb`. Then the assembly is what a core with DSP and FPU gets, under
the other's name, and the other what everyone else gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from xdsl.backend.register_type import RegisterType
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, SymbolRefAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.thumb_control import FuncOp, LoopOp, PushOp, RepeatNeOp, RetOp
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.dialects.thumb_shapes import Instruction, register_name

__all__ = ["PRELUDE", "assembly_lines", "print_thumb_function", "thumb_alternative"]

THUMB = "tinyml.thumb"
"""Names the `thumb.func` that a function is on a core which has its instructions."""

# No compiler may conclude from the body what a function leaves alone. A caller that
# ended in a jump to it would need less stack than is reported.
PRELUDE = """\
/* Functions in instructions of the core, for which some others are in C. */
#ifndef TINYML_NAKED
#if defined(__clang__)
#define TINYML_NAKED __attribute__((naked, used, not_tail_called))
#else
#define TINYML_NAKED __attribute__((naked, used, noipa))
#endif
#if defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8)
#if defined(__thumb2__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FP) && \\
    defined(__ARM_FEATURE_UNALIGNED) && !defined(__ARM_BIG_ENDIAN)
#define TINYML_HAS_THUMB
#pragma GCC diagnostic ignored "-Woverlength-strings"
#endif
#endif
#endif
"""


def check_allocated(op: Operation) -> None:
    for value in (*op.operands, *op.results):
        if isinstance(value.type, RegisterType) and not register_name(value):
            raise DiagnosticException(
                f"tinyml-c: {op.name} has values without registers; run "
                "tinyml-thumb-allocate first"
            )


def instruction_line(op: Instruction) -> str:
    operands = [
        register_name(operand) if isinstance(operand, SSAValue) else operand
        for operand in op.assembly_operands()
    ]
    return f"{op.mnemonic} {', '.join(operands)}"


def names(registers: ArrayAttr[CoreRegisterType]) -> list[str]:
    return [register.register_name.data for register in registers]


def block_lines(block: Block, depth: int = 1) -> Iterator[str]:
    """The lines of a block; a loop has its depth for a label."""
    for op in block.ops:
        check_allocated(op)
        match op:
            case Instruction():
                yield instruction_line(op)
            case PushOp():
                yield f"push {{{', '.join(names(op.registers))}}}"
            case LoopOp():
                yield f"{depth}:"
                yield from block_lines(op.body.block, depth + 1)
            case RepeatNeOp():
                yield f"bne {depth - 1}b"
            case RetOp() if op.registers is None:
                yield "bx lr"
            case RetOp():
                assert op.registers is not None
                popped = ", ".join(names(op.registers)).replace("lr", "pc")
                yield f"pop {{{popped}}}"
            case _:
                raise DiagnosticException(
                    f"tinyml-c: {op.name} is no instruction; lower it first"
                )


def assembly_lines(function: FuncOp) -> list[str]:
    """The instructions and labels of a function, in unified syntax."""
    return list(block_lines(function.body.block))


def thumb_alternative(function: Operation) -> FuncOp | None:
    """The `thumb.func` that a function names, if it names one."""
    name, module = function.attributes.get(THUMB), function.parent_op()
    if name is None:
        return None
    assert isinstance(name, SymbolRefAttr)
    assert isinstance(module, ModuleOp)
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == name.string_value():
            return op
    raise DiagnosticException(f"tinyml-c: there is no thumb.func {name}")


def print_thumb_function(
    output: IO[str], function: FuncOp, head: str, parameters: Sequence[str]
) -> None:
    """Prints a function; `head` is what stands before its parameters."""
    unused = [f"{parameter} __attribute__((unused))" for parameter in parameters]
    arguments = ",\n    ".join(unused) or "void"
    output.write(
        f"TINYML_NAKED {head}(\n    {arguments}) {{\n"
        '  __asm__ volatile(\n      ".syntax unified\\n"\n'
    )
    for line in assembly_lines(function):
        output.write(f'      "{line}\\n"\n')
    output.write("  );\n}\n")
