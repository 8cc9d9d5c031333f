"""
The `thumb` dialect: instructions of Cortex-M4 and M7 on registers, for hot kernels.

One op is one instruction. Its operands and results are registers, which are none in
particular until `tinyml-thumb-allocate`; an instruction that sets flags has
them as a result. Control flow is structured: a `thumb.func` with `thumb.loop`s in it.
The sticky flags Q and GE are no values here; nothing depends on them.
"""

from __future__ import annotations

from xdsl.ir import Dialect, Operation

from tinyml.dialects import thumb_alu, thumb_dsp, thumb_memory
from tinyml.dialects.thumb_control import FuncOp, LoopOp, PushOp, RepeatNeOp, RetOp
from tinyml.dialects.thumb_registers import (
    CoreRegisterType,
    FlagsType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Instruction, ShiftAttr


def instructions() -> list[type[Instruction]]:
    """Every instruction that has a name."""
    return [
        op
        for module in (thumb_alu, thumb_dsp, thumb_memory)
        for op in vars(module).values()
        if isinstance(op, type) and issubclass(op, Instruction) and hasattr(op, "name")
    ]


CONTROL: list[type[Operation]] = [FuncOp, PushOp, RetOp, LoopOp, RepeatNeOp]

Thumb = Dialect(
    "thumb",
    [*instructions(), *CONTROL],
    [CoreRegisterType, FpuRegisterType, FlagsType, ShiftAttr],
)
