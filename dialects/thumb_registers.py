"""Registers of a Cortex-M with an FPU, as types of the values that they hold."""

from __future__ import annotations

from xdsl.backend.register_type import RegisterType
from xdsl.ir import ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition

CORE_INDICES = {**{f"r{index}": index for index in range(13)}, "lr": 14}
FPU_INDICES = {f"s{index}": index for index in range(32)}

ARGUMENT_REGISTERS = ("r0", "r1", "r2", "r3")
"""Where the AAPCS puts the first arguments."""

SAVED_REGISTERS = (*(f"r{index}" for index in range(4, 12)), "lr")
"""What a function that writes them restores; lr is where it returns to."""


@irdl_attr_definition
class CoreRegisterType(RegisterType):
    """
    One of r0 to r12 and lr: `!thumb.reg<r4>`, or `!thumb.reg` before allocation. The
    stack pointer and the program counter hold no values.
    """

    name = "thumb.reg"

    @classmethod
    def index_by_name(cls) -> dict[str, int]:
        return CORE_INDICES

    @classmethod
    def infinite_register_prefix(cls) -> str:
        return "v"


@irdl_attr_definition
class FpuRegisterType(RegisterType):
    """
    A register of the FPU that holds a word: `!thumb.freg<s4>`, or `!thumb.freg`. Those
    above s15 have to be restored by who writes them, which nobody here does.
    """

    name = "thumb.freg"

    @classmethod
    def index_by_name(cls) -> dict[str, int]:
        return FPU_INDICES

    @classmethod
    def infinite_register_prefix(cls) -> str:
        return "v"


@irdl_attr_definition
class FlagsType(ParametrizedAttribute, TypeAttribute):
    """The flags N, Z, C and V, of which there is one set."""

    name = "thumb.flags"


REG = CoreRegisterType.unallocated()
FREG = FpuRegisterType.unallocated()
FLAGS = FlagsType()
