"""Instructions of the `thumb` dialect that move, add, shift and compare words."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I32, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.thumb_registers import (
    FLAGS,
    FREG,
    REG,
    CoreRegisterType,
    FlagsType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import (
    TYPES,
    Binary,
    Immediate,
    Instruction,
    Shifted,
    ShiftImmediate,
    Unary,
    Value,
    WideImmediate,
    check_range,
    integer,
    is_modified_immediate,
    register_name,
    verify_positive,
)


@irdl_op_definition
class MovOp(Unary):
    """Copies a register."""

    name = "thumb.mov"


@irdl_op_definition
class MvnOp(Unary):
    """Inverts all bits."""

    name = "thumb.mvn"


@irdl_op_definition
class SxtbOp(Unary):
    """Extends the low byte with its sign."""

    name = "thumb.sxtb"


@irdl_op_definition
class SxthOp(Unary):
    """Extends the low half with its sign."""

    name = "thumb.sxth"


@irdl_op_definition
class UxtbOp(Unary):
    """Extends the low byte with zeros."""

    name = "thumb.uxtb"


@irdl_op_definition
class UxthOp(Unary):
    """Extends the low half with zeros."""

    name = "thumb.uxth"


@irdl_op_definition
class ClzOp(Unary):
    """Counts leading zeros."""

    name = "thumb.clz"


@irdl_op_definition
class RevOp(Unary):
    """Reverses the bytes."""

    name = "thumb.rev"


@irdl_op_definition
class AddOp(Shifted):
    """Adds."""

    name = "thumb.add"


@irdl_op_definition
class SubOp(Shifted):
    """Subtracts."""

    name = "thumb.sub"


@irdl_op_definition
class RsbOp(Shifted):
    """Subtracts the first operand from the second."""

    name = "thumb.rsb"


@irdl_op_definition
class AndOp(Shifted):
    """Bitwise and."""

    name = "thumb.and"


@irdl_op_definition
class OrrOp(Shifted):
    """Bitwise or."""

    name = "thumb.orr"


@irdl_op_definition
class EorOp(Shifted):
    """Bitwise exclusive or."""

    name = "thumb.eor"


@irdl_op_definition
class BicOp(Shifted):
    """Clears bits."""

    name = "thumb.bic"


@irdl_op_definition
class AddImmOp(WideImmediate):
    """Adds a constant."""

    name = "thumb.add_imm"


@irdl_op_definition
class SubImmOp(WideImmediate):
    """Subtracts a constant."""

    name = "thumb.sub_imm"


@irdl_op_definition
class RsbImmOp(Immediate):
    """Subtracts from a constant."""

    name = "thumb.rsb_imm"


@irdl_op_definition
class AndImmOp(Immediate):
    """Bitwise and with a constant."""

    name = "thumb.and_imm"


@irdl_op_definition
class OrrImmOp(Immediate):
    """Bitwise or with a constant."""

    name = "thumb.orr_imm"


@irdl_op_definition
class EorImmOp(Immediate):
    """Bitwise exclusive or with a constant."""

    name = "thumb.eor_imm"


@irdl_op_definition
class BicImmOp(Immediate):
    """Clears bits that a constant names."""

    name = "thumb.bic_imm"


@irdl_op_definition
class LslImmOp(ShiftImmediate):
    """Shifts left."""

    name = "thumb.lsl_imm"


@irdl_op_definition
class LsrImmOp(ShiftImmediate):
    """Shifts right, zeros come in."""

    name = "thumb.lsr_imm"


@irdl_op_definition
class AsrImmOp(ShiftImmediate):
    """Shifts right, the sign comes in."""

    name = "thumb.asr_imm"


@irdl_op_definition
class RorImmOp(ShiftImmediate):
    """Rotates right."""

    name = "thumb.ror_imm"


@irdl_op_definition
class LslRegOp(Binary):
    """Shifts left by the low byte of a register."""

    name = "thumb.lsl_reg"


@irdl_op_definition
class LsrRegOp(Binary):
    """Shifts right by the low byte of a register, zeros come in."""

    name = "thumb.lsr_reg"


@irdl_op_definition
class AsrRegOp(Binary):
    """Shifts right by the low byte of a register, the sign comes in."""

    name = "thumb.asr_reg"


class Constant(Instruction, ABC):
    """`d = #imm`"""

    d = result_def(CoreRegisterType)
    imm = prop_def(IntegerAttr[I32])
    assembly_format = "$imm attr-dict `:` type($d)"

    def __init__(self, imm: int, d: CoreRegisterType = REG):
        super().__init__(properties={"imm": integer(imm)}, result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, f"#{self.imm.value.data & 0xFFFF_FFFF}"


@irdl_op_definition
class MovImmOp(Constant):
    """A constant that data processing can name."""

    name = "thumb.mov_imm"
    MNEMONIC: ClassVar = "mov.w"  # Else clang takes a movw here and there, GCC not.

    def verify_numbers(self) -> None:
        if not is_modified_immediate(self.imm.value.data):
            raise VerifyException(f"{self.name}: cannot name {self.imm.value.data}")


@irdl_op_definition
class MovwOp(Constant):
    """A constant of 16 bits."""

    name = "thumb.movw"

    def verify_numbers(self) -> None:
        check_range(self, "constant", self.imm.value.data, 0, 0xFFFF)


@irdl_op_definition
class MovtOp(Immediate):
    """Overwrites the high half with a constant, in place."""

    name = "thumb.movt"
    TIED: ClassVar = ((0, 0),)

    def verify_numbers(self) -> None:
        check_range(self, "constant", self.imm.value.data, 0, 0xFFFF)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, f"#{self.number}"


@irdl_op_definition
class CmpOp(Instruction):
    """The flags of a difference."""

    name = "thumb.cmp"

    flags = result_def(FlagsType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$n `,` $m" + TYPES

    def __init__(self, n: Value, m: Value):
        super().__init__(operands=[n, m], result_types=[FLAGS])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.n, self.m


@irdl_op_definition
class CmpImmOp(Instruction):
    """The flags of a difference from a constant."""

    name = "thumb.cmp_imm"

    flags = result_def(FlagsType)
    n = operand_def(CoreRegisterType)
    imm = prop_def(IntegerAttr[I32])
    assembly_format = "$n `,` $imm" + TYPES

    def __init__(self, n: Value, imm: int):
        super().__init__(
            operands=[n], properties={"imm": integer(imm)}, result_types=[FLAGS]
        )

    def verify_numbers(self) -> None:
        verify_positive(self, self.imm)
        if not is_modified_immediate(self.imm.value.data):
            raise VerifyException(f"{self.name}: cannot name {self.imm.value.data}")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.n, f"#{self.imm.value.data & 0xFFFF_FFFF}"


@irdl_op_definition
class SubsImmOp(Instruction):
    """Subtracts a constant and has the flags of the difference."""

    name = "thumb.subs_imm"
    MNEMONIC: ClassVar = "subs.w"  # There are two short ones; GCC and clang differ.

    d = result_def(CoreRegisterType)
    flags = result_def(FlagsType)
    n = operand_def(CoreRegisterType)
    imm = prop_def(IntegerAttr[I32])
    assembly_format = "$n `,` $imm" + TYPES

    def __init__(self, n: Value, imm: int, d: CoreRegisterType = REG):
        super().__init__(
            operands=[n], properties={"imm": integer(imm)}, result_types=[d, FLAGS]
        )

    def verify_numbers(self) -> None:
        verify_positive(self, self.imm)
        if not is_modified_immediate(self.imm.value.data):
            raise VerifyException(f"{self.name}: cannot name {self.imm.value.data}")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.n, f"#{self.imm.value.data & 0xFFFF_FFFF}"


class Vmov(Instruction, ABC):
    """Copies a register from or to the FPU."""

    MNEMONIC: ClassVar = "vmov"


@irdl_op_definition
class VmovToFpuOp(Vmov):
    """Copies a word to the FPU."""

    name = "thumb.vmov_to_fpu"

    d = result_def(FpuRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$m" + TYPES

    def __init__(self, m: Value, d: FpuRegisterType = FREG):
        super().__init__(operands=[m], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m


@irdl_op_definition
class VmovFromFpuOp(Vmov):
    """Copies a word from the FPU."""

    name = "thumb.vmov_from_fpu"

    d = result_def(CoreRegisterType)
    m = operand_def(FpuRegisterType)
    assembly_format = "$m" + TYPES

    def __init__(self, m: Value, d: CoreRegisterType = REG):
        super().__init__(operands=[m], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m


@irdl_op_definition
class VmovFpuOp(Instruction):
    """Copies a word within the FPU."""

    name = "thumb.vmov_fpu"
    MNEMONIC: ClassVar = "vmov.f32"

    d = result_def(FpuRegisterType)
    m = operand_def(FpuRegisterType)
    assembly_format = "$m" + TYPES

    def __init__(self, m: Value, d: FpuRegisterType = FREG):
        super().__init__(operands=[m], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m


@irdl_op_definition
class VmovPairToFpuOp(Vmov):
    """Copies two words to two registers of the FPU, one behind the other."""

    name = "thumb.vmov_pair_to_fpu"

    d = result_def(FpuRegisterType)
    e = result_def(FpuRegisterType)
    m = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    assembly_format = "$m `,` $n" + TYPES

    def __init__(
        self, m: Value, n: Value, d: FpuRegisterType = FREG, e: FpuRegisterType = FREG
    ):
        super().__init__(operands=[m, n], result_types=[d, e])

    def verify_numbers(self) -> None:
        verify_neighbours(self, self.d, self.e)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.e, self.m, self.n


@irdl_op_definition
class VmovPairFromFpuOp(Vmov):
    """Copies two words from two registers of the FPU, one behind the other."""

    name = "thumb.vmov_pair_from_fpu"

    d = result_def(CoreRegisterType)
    e = result_def(CoreRegisterType)
    m = operand_def(FpuRegisterType)
    n = operand_def(FpuRegisterType)
    assembly_format = "$m `,` $n" + TYPES

    def __init__(
        self, m: Value, n: Value, d: CoreRegisterType = REG, e: CoreRegisterType = REG
    ):
        super().__init__(operands=[m, n], result_types=[d, e])

    def verify_numbers(self) -> None:
        verify_neighbours(self, self.m, self.n)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.e, self.m, self.n


def verify_neighbours(op: Vmov, first: SSAValue, second: SSAValue) -> None:
    """Two registers of the FPU have to be one behind the other."""
    low, high = register_name(first), register_name(second)
    if low and high and int(high[1:]) != int(low[1:]) + 1:
        raise VerifyException(f"{op.name}: {high} is not the register behind {low}")
