"""
Instructions of the `acle` dialect that take words apart, join them, and saturate.
"""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import I32, IntegerAttr, i32
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.acle_instruction import InstructionOp, number, verify_range

ROTATIONS = (0, 8, 16, 24)


class ExtendOp(InstructionOp, ABC):
    """Takes bytes 0 and 2 of a word that is rotated right, each as 16 bits."""

    a = operand_def(i32)
    result = result_def(i32)
    ror = prop_def(IntegerAttr[I32], default_value=number(0))

    assembly_format = "$a (`ror` $ror^)? attr-dict"

    SIGNED: ClassVar[bool]
    """Whether the bytes are."""

    def __init__(self, a: SSAValue, ror: int = 0):
        super().__init__(
            operands=[a], result_types=[i32], properties={"ror": number(ror)}
        )

    @property
    def immediates(self) -> dict[str, int]:
        return {"ror": ror} if (ror := self.ror.value.data) else {}

    def verify_(self) -> None:
        verify_rotation(self.ror)


@irdl_op_definition
class Sxtb16Op(ExtendOp):
    """
    Bytes 0 and 2 of a word, rotated right first, as two signed halves.

    ```mlir
    %r = acle.sxtb16 %a ror 8
    ```
    """

    name = "acle.sxtb16"
    SIGNED: ClassVar = True


@irdl_op_definition
class Uxtb16Op(ExtendOp):
    """
    Bytes 0 and 2 of a word, rotated right first, as two unsigned halves.

    ```mlir
    %r = acle.uxtb16 %a ror 8
    ```
    """

    name = "acle.uxtb16"
    SIGNED: ClassVar = False


@irdl_op_definition
class Sxtab16Op(InstructionOp):
    """
    Adds bytes 0 and 2 of `b`, rotated right first, with sign to the halves of `a`, each
    modulo 2^16.

    ```mlir
    %r = acle.sxtab16 %a, %b ror 8
    ```
    """

    name = "acle.sxtab16"

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)
    ror = prop_def(IntegerAttr[I32], default_value=number(0))

    assembly_format = "$a `,` $b (`ror` $ror^)? attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue, ror: int = 0):
        super().__init__(
            operands=[a, b], result_types=[i32], properties={"ror": number(ror)}
        )

    @property
    def immediates(self) -> dict[str, int]:
        return {"ror": ror} if (ror := self.ror.value.data) else {}

    def verify_(self) -> None:
        verify_rotation(self.ror)


class HalvesOp(InstructionOp, ABC):
    """The sums or differences of the halves of two words, each modulo 2^16."""

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)

    assembly_format = "$a `,` $b attr-dict"

    SIGN: ClassVar[int]
    """Of what is added: 1 or -1."""

    def __init__(self, a: SSAValue, b: SSAValue):
        super().__init__(operands=[a, b], result_types=[i32])


@irdl_op_definition
class Sadd16Op(HalvesOp):
    """
    Adds the halves of two words, each modulo 2^16.

    ```mlir
    %r = acle.sadd16 %a, %b
    ```
    """

    name = "acle.sadd16"
    SIGN: ClassVar = 1


@irdl_op_definition
class Ssub16Op(HalvesOp):
    """
    Subtracts the halves of `b` from those of `a`, each modulo 2^16.

    ```mlir
    %r = acle.ssub16 %a, %b
    ```
    """

    name = "acle.ssub16"
    SIGN: ClassVar = -1


class FourBytesOp(InstructionOp, ABC):
    """The four bytes of two words, lane by lane, as unsigned numbers."""

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)

    assembly_format = "$a `,` $b attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue):
        super().__init__(operands=[a, b], result_types=[i32])


@irdl_op_definition
class Uadd8Op(FourBytesOp):
    """
    Adds the bytes of two words, each modulo 2^8.

    ```mlir
    %r = acle.uadd8 %a, %b
    ```
    """

    name = "acle.uadd8"


@irdl_op_definition
class Uqsub8Op(FourBytesOp):
    """
    Subtracts the bytes of `b` from those of `a`; what would be negative is 0.

    ```mlir
    %r = acle.uqsub8 %a, %b
    ```
    """

    name = "acle.uqsub8"


def verify_rotation(ror: IntegerAttr) -> None:
    if ror.value.data not in ROTATIONS:
        raise VerifyException(f"ror {ror.value.data} is not one of {ROTATIONS}")


@irdl_op_definition
class PkhbtOp(InstructionOp):
    """
    The bottom half of `a`, and the top half of `b` after a shift to the left.

    ```mlir
    %r = acle.pkhbt %a, %b lsl 16
    ```
    """

    name = "acle.pkhbt"

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)
    lsl = prop_def(IntegerAttr[I32], default_value=number(0))

    assembly_format = "$a `,` $b (`lsl` $lsl^)? attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue, lsl: int = 0):
        super().__init__(
            operands=[a, b], result_types=[i32], properties={"lsl": number(lsl)}
        )

    @property
    def immediates(self) -> dict[str, int]:
        return {"lsl": lsl} if (lsl := self.lsl.value.data) else {}

    def verify_(self) -> None:
        verify_range("lsl", self.lsl.value.data, 0, 31)


@irdl_op_definition
class PkhtbOp(InstructionOp):
    """
    The top half of `a`, and the bottom half of `b` after a shift to the right, which
    keeps the sign.

    ```mlir
    %r = acle.pkhtb %a, %b asr 16
    ```
    """

    name = "acle.pkhtb"

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)
    asr = prop_def(IntegerAttr[I32])

    assembly_format = "$a `,` $b `asr` $asr attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue, asr: int):
        super().__init__(
            operands=[a, b], result_types=[i32], properties={"asr": number(asr)}
        )

    @property
    def immediates(self) -> dict[str, int]:
        return {"asr": self.asr.value.data}

    def verify_(self) -> None:
        verify_range("asr", self.asr.value.data, 1, 32)


class AnySaturateOp(InstructionOp, ABC):
    """The nearest number that has so many bits."""

    a = operand_def(i32)
    result = result_def(i32)
    bits = prop_def(IntegerAttr[I32])

    SIGNED: ClassVar[bool]
    """Whether the result is; the operand is in any case."""
    WIDTH: ClassVar[int]
    """Of a lane."""

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest result."""
        bits = self.bits.value.data
        if self.SIGNED:
            return -(1 << bits - 1), (1 << bits - 1) - 1
        return 0, (1 << bits) - 1

    def verify_(self) -> None:
        least, most = (1, self.WIDTH) if self.SIGNED else (0, self.WIDTH - 1)
        verify_range("bits", self.bits.value.data, least, most)


class SaturateOp(AnySaturateOp, ABC):
    """
    The nearest number to a shifted word that has so many bits. A shift to the left
    loses bits.
    """

    lsl = opt_prop_def(IntegerAttr[I32])
    asr = opt_prop_def(IntegerAttr[I32])

    WIDTH: ClassVar = 32
    assembly_format = "$a (`lsl` $lsl^)? (`asr` $asr^)? `bits` $bits attr-dict"

    def __init__(self, a: SSAValue, bits: int, *, lsl: int = 0, asr: int = 0):
        super().__init__(
            operands=[a],
            result_types=[i32],
            properties={
                "bits": number(bits),
                "lsl": number(lsl) if lsl else None,
                "asr": number(asr) if asr else None,
            },
        )

    @property
    def immediates(self) -> dict[str, int]:
        shifts = {"lsl": self.lsl, "asr": self.asr}
        return {"bits": self.bits.value.data} | {
            name: shift.value.data
            for name, shift in shifts.items()
            if shift is not None
        }

    def verify_(self) -> None:
        super().verify_()
        if self.lsl is not None and self.asr is not None:
            raise VerifyException("there are two shifts, lsl and asr")
        if self.lsl is not None:
            verify_range("lsl", self.lsl.value.data, 1, 31)
        if self.asr is not None:
            verify_range("asr", self.asr.value.data, 1, 31)


class SaturateHalvesOp(AnySaturateOp, ABC):
    """For each signed half of a word, the nearest number that has so many bits."""

    WIDTH: ClassVar = 16
    assembly_format = "$a `bits` $bits attr-dict"

    def __init__(self, a: SSAValue, bits: int):
        super().__init__(
            operands=[a], result_types=[i32], properties={"bits": number(bits)}
        )

    @property
    def immediates(self) -> dict[str, int]:
        return {"bits": self.bits.value.data}


@irdl_op_definition
class SsatOp(SaturateOp):
    """
    Saturates a word, shifted first, to a signed number of 1 to 32 bits.

    ```mlir
    %r = acle.ssat %a asr 4 bits 8
    ```
    """

    name = "acle.ssat"
    SIGNED: ClassVar = True


@irdl_op_definition
class UsatOp(SaturateOp):
    """
    Saturates a signed word, shifted first, to an unsigned number of 0 to 31 bits.

    ```mlir
    %r = acle.usat %a bits 8
    ```
    """

    name = "acle.usat"
    SIGNED: ClassVar = False


@irdl_op_definition
class Ssat16Op(SaturateHalvesOp):
    """
    Saturates both halves of a word to signed numbers of 1 to 16 bits.

    ```mlir
    %r = acle.ssat16 %a bits 8
    ```
    """

    name = "acle.ssat16"
    SIGNED: ClassVar = True


@irdl_op_definition
class Usat16Op(SaturateHalvesOp):
    """
    Saturates both signed halves of a word to unsigned numbers of 0 to 15 bits.

    ```mlir
    %r = acle.usat16 %a bits 8
    ```
    """

    name = "acle.usat16"
    SIGNED: ClassVar = False
