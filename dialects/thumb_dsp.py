"""Instructions of the `thumb` dialect that multiply, pack and saturate."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I32, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.thumb_registers import REG, CoreRegisterType
from tinyml.dialects.thumb_shapes import (
    TYPES,
    Accumulate,
    Accumulate64,
    Binary,
    Instruction,
    Multiply64,
    Rotated,
    RotatedAdd,
    Shift,
    ShiftAttr,
    Shifted,
    Value,
    check_range,
    integer,
    shift_text,
    verify_shift,
)


@irdl_op_definition
class Sxtb16Op(Rotated):
    """Extends bytes 0 and 2 with their signs, to two halves."""

    name = "thumb.sxtb16"


@irdl_op_definition
class Uxtb16Op(Rotated):
    """Extends bytes 0 and 2 with zeros, to two halves."""

    name = "thumb.uxtb16"


@irdl_op_definition
class Sxtab16Op(RotatedAdd):
    """Adds bytes 0 and 2, with their signs, to two halves."""

    name = "thumb.sxtab16"


@irdl_op_definition
class Uxtab16Op(RotatedAdd):
    """Adds bytes 0 and 2, without signs, to two halves."""

    name = "thumb.uxtab16"


@irdl_op_definition
class SxtabOp(RotatedAdd):
    """Adds the low byte, with its sign."""

    name = "thumb.sxtab"


@irdl_op_definition
class UxtabOp(RotatedAdd):
    """Adds the low byte, without a sign."""

    name = "thumb.uxtab"


@irdl_op_definition
class SxtahOp(RotatedAdd):
    """Adds the low half, with its sign."""

    name = "thumb.sxtah"


@irdl_op_definition
class MulOp(Binary):
    """The low word of a product."""

    name = "thumb.mul"


@irdl_op_definition
class SmmulOp(Binary):
    """The high word of a signed product."""

    name = "thumb.smmul"


@irdl_op_definition
class SmmulrOp(Binary):
    """The high word of a signed product, rounded."""

    name = "thumb.smmulr"


@irdl_op_definition
class SmuadOp(Binary):
    """The sum of the products of the halves."""

    name = "thumb.smuad"


@irdl_op_definition
class SmuadxOp(Binary):
    """The sum of the products of the halves, crosswise."""

    name = "thumb.smuadx"


@irdl_op_definition
class SmulbbOp(Binary):
    """The product of two low halves."""

    name = "thumb.smulbb"


@irdl_op_definition
class SmulbtOp(Binary):
    """The product of a low and a high half."""

    name = "thumb.smulbt"


@irdl_op_definition
class SmultbOp(Binary):
    """The product of a high and a low half."""

    name = "thumb.smultb"


@irdl_op_definition
class SmulttOp(Binary):
    """The product of two high halves."""

    name = "thumb.smultt"


@irdl_op_definition
class Sadd16Op(Binary):
    """Adds halves; they wrap around."""

    name = "thumb.sadd16"


@irdl_op_definition
class Ssub16Op(Binary):
    """Subtracts halves; they wrap around."""

    name = "thumb.ssub16"


@irdl_op_definition
class Qadd16Op(Binary):
    """Adds halves; they saturate."""

    name = "thumb.qadd16"


@irdl_op_definition
class Uadd8Op(Binary):
    """Adds bytes; they wrap around."""

    name = "thumb.uadd8"


@irdl_op_definition
class Uqsub8Op(Binary):
    """Subtracts unsigned bytes; they saturate."""

    name = "thumb.uqsub8"


@irdl_op_definition
class SdivOp(Binary):
    """The quotient of signed words; 0 if there is none."""

    name = "thumb.sdiv"


@irdl_op_definition
class MlaOp(Accumulate):
    """Adds a product."""

    name = "thumb.mla"


@irdl_op_definition
class MlsOp(Accumulate):
    """Subtracts a product."""

    name = "thumb.mls"


@irdl_op_definition
class SmladOp(Accumulate):
    """Adds the products of the low and of the high halves."""

    name = "thumb.smlad"


@irdl_op_definition
class SmladxOp(Accumulate):
    """Adds the products of the halves, crosswise."""

    name = "thumb.smladx"


@irdl_op_definition
class SmlabbOp(Accumulate):
    """Adds the product of two low halves."""

    name = "thumb.smlabb"


@irdl_op_definition
class SmlabtOp(Accumulate):
    """Adds the product of a low and a high half."""

    name = "thumb.smlabt"


@irdl_op_definition
class SmlatbOp(Accumulate):
    """Adds the product of a high and a low half."""

    name = "thumb.smlatb"


@irdl_op_definition
class SmlattOp(Accumulate):
    """Adds the product of two high halves."""

    name = "thumb.smlatt"


@irdl_op_definition
class SmmlaOp(Accumulate):
    """Adds the high word of a signed product."""

    name = "thumb.smmla"


@irdl_op_definition
class SmmlarOp(Accumulate):
    """Adds the high word of a signed product, rounded with the sum."""

    name = "thumb.smmlar"


@irdl_op_definition
class SmullOp(Multiply64):
    """The product of signed words."""

    name = "thumb.smull"


@irdl_op_definition
class UmullOp(Multiply64):
    """The product of unsigned words."""

    name = "thumb.umull"


@irdl_op_definition
class SmlalOp(Accumulate64):
    """Adds the product of signed words to 64 bits."""

    name = "thumb.smlal"


@irdl_op_definition
class UmlalOp(Accumulate64):
    """Adds the product of unsigned words to 64 bits."""

    name = "thumb.umlal"


@irdl_op_definition
class PkhbtOp(Shifted):
    """The low half of `n` below the high half of `m` shifted left."""

    name = "thumb.pkhbt"
    ALLOWED: ClassVar = (Shift.LSL,)


@irdl_op_definition
class PkhtbOp(Shifted):
    """
    The low half of `m` shifted right below the high half of `n`. Without a shift it is
    a `thumb.pkhbt` of the operands the other way round.
    """

    name = "thumb.pkhtb"
    ALLOWED: ClassVar = (Shift.ASR,)

    def verify_numbers(self) -> None:
        super().verify_numbers()
        if self.shift is None:
            raise VerifyException(f"{self.name}: has to shift; else use thumb.pkhbt")


class Saturate(Instruction, ABC):
    """`d = m shifted, saturated to bits`"""

    BITS: ClassVar[tuple[int, int]]

    d = result_def(CoreRegisterType)
    bits = prop_def(IntegerAttr[I32])
    m = operand_def(CoreRegisterType)
    shift = opt_prop_def(ShiftAttr)
    amount = opt_prop_def(IntegerAttr[I32])
    assembly_format = "$bits `,` $m (`,` $shift^ $amount)?" + TYPES

    def __init__(
        self,
        bits: int,
        m: Value,
        shift: Shift | None = None,
        amount: int = 0,
        d: CoreRegisterType = REG,
    ):
        super().__init__(
            operands=[m],
            properties={
                "bits": integer(bits),
                "shift": None if shift is None else ShiftAttr(shift),
                "amount": None if shift is None else integer(amount),
            },
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        check_range(self, "bits", self.bits.value.data, *self.BITS)
        verify_shift(self, self.shift, self.amount, (Shift.LSL, Shift.ASR))
        if self.amount is not None:
            check_range(self, "amount", self.amount.value.data, 1, 31)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        kind = "" if self.shift is None else self.shift.data
        bits = f"#{self.bits.value.data}"
        return self.d, bits, self.m, *shift_text(kind, self.amount)


@irdl_op_definition
class SsatOp(Saturate):
    """Saturates to a signed number of so many bits."""

    name = "thumb.ssat"
    BITS: ClassVar = (1, 32)


@irdl_op_definition
class UsatOp(Saturate):
    """Saturates to an unsigned number of so many bits."""

    name = "thumb.usat"
    BITS: ClassVar = (0, 31)


class SaturateHalves(Instruction, ABC):
    """`d = halves of m, saturated to bits`"""

    BITS: ClassVar[tuple[int, int]]

    d = result_def(CoreRegisterType)
    bits = prop_def(IntegerAttr[I32])
    m = operand_def(CoreRegisterType)
    assembly_format = "$bits `,` $m" + TYPES

    def __init__(self, bits: int, m: Value, d: CoreRegisterType = REG):
        super().__init__(
            operands=[m], properties={"bits": integer(bits)}, result_types=[d]
        )

    def verify_numbers(self) -> None:
        check_range(self, "bits", self.bits.value.data, *self.BITS)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, f"#{self.bits.value.data}", self.m


@irdl_op_definition
class Ssat16Op(SaturateHalves):
    """Saturates both halves to signed numbers of so many bits."""

    name = "thumb.ssat16"
    BITS: ClassVar = (1, 16)


@irdl_op_definition
class Usat16Op(SaturateHalves):
    """Saturates both halves to unsigned numbers of so many bits."""

    name = "thumb.usat16"
    BITS: ClassVar = (0, 15)


class BitField(Instruction, ABC):
    """`d = the width bits of m from lsb on`"""

    d = result_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    lsb = prop_def(IntegerAttr[I32])
    width = prop_def(IntegerAttr[I32])
    assembly_format = "$m `,` $lsb `,` $width" + TYPES

    def __init__(self, m: Value, lsb: int, width: int, d: CoreRegisterType = REG):
        super().__init__(
            operands=[m],
            properties={"lsb": integer(lsb), "width": integer(width)},
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        check_range(self, "lsb", self.lsb.value.data, 0, 31)
        check_range(self, "width", self.width.value.data, 1, 32 - self.lsb.value.data)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m, f"#{self.lsb.value.data}", f"#{self.width.value.data}"


@irdl_op_definition
class SbfxOp(BitField):
    """Bits as a signed number."""

    name = "thumb.sbfx"


@irdl_op_definition
class UbfxOp(BitField):
    """Bits as an unsigned number."""

    name = "thumb.ubfx"
