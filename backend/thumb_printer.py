"""
Prints a `thumb.func` as C: one naked function of one block of assembly.

Nothing is left to the C compiler: registers, saves and returns are in the IR, labels
are local numbers, so every compiler makes the same bytes of it. Parameters have names
for the prototype's sake only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

from xdsl.backend.register_type import RegisterType
from xdsl.dialects.builtin import ArrayAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.thumb_control import FuncOp, LoopOp, PushOp, RepeatNeOp, RetOp
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.dialects.thumb_shapes import Instruction, register_name

__all__ = ["assembly_lines", "print_thumb_function"]


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


def print_thumb_function(
    output: IO[str], function: FuncOp, parameters: Sequence[str]
) -> None:
    """Prints a function; `parameters` are the C types of its arguments."""
    ret = function.body.block.last_op
    assert isinstance(ret, RetOp)
    result = "void" if ret.value is None else "int32_t"
    declared = [
        f"{type}{'' if type.endswith('*') else ' '}a{index} __attribute__((unused))"
        for index, type in enumerate(parameters)
    ]
    arguments = ",\n    ".join(declared) or "void"
    name = function.sym_name.data
    output.write(
        f"__attribute__((naked, used)) {result} {name}(\n    {arguments}) {{\n"
        '  __asm__ volatile(\n      ".syntax unified\\n"\n'
    )
    for line in assembly_lines(function):
        output.write(f'      "{line}\\n"\n')
    output.write("  );\n}\n")
