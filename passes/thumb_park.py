"""
Keeps values of `thumb` functions in the FPU that say so: constants, bounds, pointers.

An instruction whose attribute `parked` is there, or an argument of a function that is
named in the function's `parked`, gets its result copied to a register of the FPU, and
copied back wherever it is used: a cycle each time, and no core register in between.
What a use overwrites in place is the copy.

Before:

```mlir
%end = thumb.add_imm %x, 64 {parked} : (!thumb.reg) -> !thumb.reg
```

After:

```mlir
%0 = thumb.add_imm %x, 64 : (!thumb.reg) -> !thumb.reg
%1 = thumb.vmov_to_fpu %0 : (!thumb.reg) -> !thumb.freg
// before each use
%end = thumb.vmov_from_fpu %1 : (!thumb.freg) -> !thumb.reg
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import I64, DenseArrayBase, ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException
from xdsl.utils.hints import isa

from tinyml.dialects.thumb_alu import VmovFromFpuOp, VmovToFpuOp
from tinyml.dialects.thumb_control import FuncOp
from tinyml.dialects.thumb_registers import CoreRegisterType
from tinyml.dialects.thumb_shapes import Instruction

PARKED = "parked"


def parked_arguments(function: FuncOp) -> Iterator[SSAValue]:
    """The arguments that a function wants parked, by their numbers."""
    numbers = function.attributes.pop(PARKED, None)
    if numbers is None:
        return
    arguments = function.body.block.args
    if not isa(numbers, DenseArrayBase[I64]):
        raise PassFailedException(
            f"@{function.sym_name.data}: parked is an array of arguments' numbers"
        )
    for number in numbers.get_values():
        if not 0 <= number < len(arguments):
            raise PassFailedException(
                f"@{function.sym_name.data}: there is no argument {number} to park"
            )
        yield arguments[number]


def parked_results(function: FuncOp) -> Iterator[SSAValue]:
    for op in list(function.walk()):
        if isinstance(op, Instruction) and op.attributes.pop(PARKED, None) is not None:
            yield from (r for r in op.results if isinstance(r.type, CoreRegisterType))


def park(value: SSAValue) -> None:
    uses = list(value.uses)
    copy = VmovToFpuOp(value)
    copy.d.name_hint = value.name_hint
    owner = value.owner
    at_start = isinstance(owner, Block)
    place = InsertPoint.at_start(owner) if at_start else InsertPoint.after(owner)
    Rewriter.insert_op(copy, place)
    for use in uses:
        back = VmovFromFpuOp(copy.d)
        back.location = use.operation.location
        Rewriter.insert_op(back, InsertPoint.before(use.operation))
        use.operation.operands[use.index] = back.d


@dataclass(frozen=True)
class ThumbParkPass(ModulePass):
    """Keeps values of `thumb` functions in the FPU that say so."""

    name = "tinyml-thumb-park"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if not isinstance(function, FuncOp):
                continue
            values = [*parked_arguments(function), *parked_results(function)]
            for value in values:
                park(value)
