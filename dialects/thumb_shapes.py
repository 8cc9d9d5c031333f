"""
What instructions of the `thumb` dialect have in common: operands, immediates, syntax.

An op is one instruction. Its name is the mnemonic, with a suffix where one mnemonic has
several forms: `_imm` for an immediate, `_reg` for a shift by a register, `_post` for an
access that moves its base. Registers are operands and results, immediates properties.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from xdsl.backend.register_allocatable import (
    HasRegisterConstraints,
    RegisterConstraints,
)
from xdsl.backend.register_type import RegisterAllocatedMemoryEffect, RegisterType
from xdsl.dialects.builtin import I32, IntegerAttr, i32
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Operation, OpResult, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from tinyml.dialects.thumb_registers import REG, CoreRegisterType

TYPES = " attr-dict `:` functional-type(operands, results)"
Value = SSAValue | Operation


def is_modified_immediate(number: int) -> bool:
    """
    Whether an instruction of data processing can name a number: a byte, a byte repeated
    (00XY00XY, XY00XY00, XYXYXYXY), or a byte with its top bit set, shifted left.
    """
    number &= 0xFFFF_FFFF
    low, second = number & 0xFF, number >> 8 & 0xFF
    repeated = (low, low << 16 | low, second << 24 | second << 8, low * 0x01010101)
    if number in repeated:
        return True
    above_a_byte = max(number.bit_length() - 8, 0)
    return number >> above_a_byte << above_a_byte == number


def integer(number: int) -> IntegerAttr[I32]:
    return IntegerAttr(number, i32)


def check_range(op: Operation, what: str, number: int, low: int, high: int) -> None:
    """Raises a VerifyException unless low <= number <= high."""
    if not low <= number <= high:
        raise VerifyException(f"{op.name}: {what} {number} is not within {low}..{high}")


def register_name(value: SSAValue) -> str:
    """The register of a value; empty before allocation."""
    return value.type.register_name.data if isinstance(value.type, RegisterType) else ""


def may_share(*values: SSAValue) -> bool:
    """Whether values are of one kind, and in one register as far as they have any."""
    kinds = {type(value.type) for value in values}
    names = {register_name(value) for value in values} - {""}
    return len(kinds) == 1 and len(names) <= 1


class Instruction(HasRegisterConstraints, IRDLOperation, ABC):
    """An instruction. `TIED` pairs operands with results that take their register."""

    TIED: ClassVar[tuple[tuple[int, int], ...]] = ()
    MNEMONIC: ClassVar[str] = ""
    """The mnemonic, where it isn't the op's name up to its suffix."""

    traits = traits_def(RegisterAllocatedMemoryEffect())
    irdl_options = (ParsePropInAttrDict(),)

    @property
    def stem(self) -> str:
        """The op's name up to its suffix: what it computes."""
        return self.name.removeprefix("thumb.").partition("_")[0]

    @property
    def mnemonic(self) -> str:
        return self.MNEMONIC or self.stem

    def tied(self) -> Sequence[tuple[SSAValue, OpResult]]:
        """Operands whose register the instruction overwrites, and with what."""
        return [(self.operands[a], self.results[b]) for a, b in self.TIED]

    def get_register_constraints(self) -> RegisterConstraints:
        tied_operands = {a for a, _ in self.TIED}
        tied_results = {b for _, b in self.TIED}
        ins = [v for i, v in enumerate(self.operands) if i not in tied_operands]
        outs = [v for i, v in enumerate(self.results) if i not in tied_results]
        return RegisterConstraints(ins, outs, self.tied())

    def verify_(self) -> None:
        for operand, result in self.tied():
            if not may_share(operand, result):
                raise VerifyException(
                    f"{self.name}: writes {operand.type} in place, not {result.type}"
                )
        self.verify_numbers()

    def verify_numbers(self) -> None:
        """Checks immediates."""

    @abstractmethod
    def assembly_operands(self) -> Sequence[SSAValue | str]:
        """What stands behind the mnemonic, in order: values for their registers."""


class Unary(Instruction, ABC):
    """`d = op m`"""

    d = result_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$m" + TYPES

    def __init__(self, m: Value, d: CoreRegisterType = REG):
        super().__init__(operands=[m], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m


ROTATIONS = (0, 8, 16, 24)


class Rotated(Instruction, ABC):
    """`d = op m`, of `m` rotated right by 0, 8, 16 or 24 bits"""

    d = result_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    ror = opt_prop_def(IntegerAttr[I32])
    assembly_format = "$m (`ror` $ror^)?" + TYPES

    def __init__(self, m: Value, ror: int = 0, d: CoreRegisterType = REG):
        super().__init__(
            operands=[m],
            properties={"ror": integer(ror) if ror else None},
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        verify_rotation(self, self.ror)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.m, *shift_text("ror", self.ror)


class RotatedAdd(Instruction, ABC):
    """`d = n + op m`, of `m` rotated right by 0, 8, 16 or 24 bits"""

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    ror = opt_prop_def(IntegerAttr[I32])
    assembly_format = "$n `,` $m (`ror` $ror^)?" + TYPES

    def __init__(self, n: Value, m: Value, ror: int = 0, d: CoreRegisterType = REG):
        super().__init__(
            operands=[n, m],
            properties={"ror": integer(ror) if ror else None},
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        verify_rotation(self, self.ror)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.n, self.m, *shift_text("ror", self.ror)


def verify_rotation(op: Operation, ror: IntegerAttr | None) -> None:
    if ror is not None and ror.value.data not in ROTATIONS[1:]:
        raise VerifyException(
            f"{op.name}: rotates by 8, 16 or 24, not {ror.value.data}"
        )


def shift_text(kind: str, amount: IntegerAttr | None) -> tuple[str, ...]:
    return () if amount is None else (f"{kind} #{amount.value.data}",)


class Binary(Instruction, ABC):
    """`d = op n, m`"""

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$n `,` $m" + TYPES

    def __init__(self, n: Value, m: Value, d: CoreRegisterType = REG):
        super().__init__(operands=[n, m], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.n, self.m


class Shift(StrEnum):
    """A shift of the last operand."""

    LSL = "lsl"
    LSR = "lsr"
    ASR = "asr"
    ROR = "ror"


@irdl_attr_definition
class ShiftAttr(EnumAttribute[Shift], SpacedOpaqueSyntaxAttribute):
    """`lsl`, `lsr`, `asr` or `ror`."""

    name = "thumb.shift"


AMOUNTS = {
    Shift.LSL: (1, 31),
    Shift.LSR: (1, 32),
    Shift.ASR: (1, 32),
    Shift.ROR: (1, 31),
}
"""By how much each shifts."""


class Shifted(Instruction, ABC):
    """`d = op n, (m shifted)`; the shift is one of `ALLOWED` or none."""

    ALLOWED: ClassVar[tuple[Shift, ...]] = tuple(Shift)

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    shift = opt_prop_def(ShiftAttr)
    amount = opt_prop_def(IntegerAttr[I32])
    assembly_format = "$n `,` $m (`,` $shift^ $amount)?" + TYPES

    def __init__(
        self,
        n: Value,
        m: Value,
        shift: Shift | None = None,
        amount: int = 0,
        d: CoreRegisterType = REG,
    ):
        super().__init__(
            operands=[n, m],
            properties={
                "shift": None if shift is None else ShiftAttr(shift),
                "amount": None if shift is None else integer(amount),
            },
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        verify_shift(self, self.shift, self.amount, self.ALLOWED)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        kind = "" if self.shift is None else self.shift.data
        return self.d, self.n, self.m, *shift_text(kind, self.amount)


def verify_shift(
    op: Operation,
    shift: ShiftAttr | None,
    amount: IntegerAttr | None,
    allowed: Sequence[Shift],
) -> None:
    if (shift is None) != (amount is None):
        raise VerifyException(f"{op.name}: a shift needs a kind and an amount")
    if shift is None or amount is None:
        return
    if shift.data not in allowed:
        raise VerifyException(
            f"{op.name}: shifts by {', '.join(allowed)}, not {shift.data}"
        )
    check_range(op, shift.data, amount.value.data, *AMOUNTS[shift.data])


class Immediate(Instruction, ABC):
    """`d = op n, #imm`, where `imm` is what data processing can name"""

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    imm = prop_def(IntegerAttr[I32])
    assembly_format = "$n `,` $imm" + TYPES

    def __init__(self, n: Value, imm: int, d: CoreRegisterType = REG):
        super().__init__(
            operands=[n], properties={"imm": integer(imm)}, result_types=[d]
        )

    @property
    def number(self) -> int:
        """The immediate without a sign, as the core sees it."""
        return self.imm.value.data & 0xFFFF_FFFF

    def verify_numbers(self) -> None:
        if not is_modified_immediate(self.number):
            raise VerifyException(f"{self.name}: cannot name {self.imm.value.data}")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.n, f"#{self.number}"


def verify_positive(op: Operation, imm: IntegerAttr) -> None:
    """Assemblers differ in how they turn around what adds a negative number."""
    if imm.value.data < 0:
        raise VerifyException(f"{op.name}: {imm.value.data} is negative")


class WideImmediate(Immediate, ABC):
    """`d = op n, #imm`, where `imm` is positive and may be anything up to 4095"""

    def verify_numbers(self) -> None:
        verify_positive(self, self.imm)
        if not 0 <= self.imm.value.data <= 4095:
            super().verify_numbers()

    @property
    def mnemonic(self) -> str:
        narrow = is_modified_immediate(self.number)
        return super().mnemonic + ("" if narrow else "w")


class ShiftImmediate(Immediate, ABC):
    """`d = n shifted by #imm`"""

    def verify_numbers(self) -> None:
        check_range(self, "amount", self.imm.value.data, *AMOUNTS[Shift(self.stem)])


class Accumulate(Instruction, ABC):
    """
    `d = op n, m, a`: adds a product to `a`. The register of `d` need not be that of
    `a`.
    """

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    a = operand_def(CoreRegisterType)
    assembly_format = "$n `,` $m `,` $a" + TYPES

    def __init__(self, n: Value, m: Value, a: Value, d: CoreRegisterType = REG):
        super().__init__(operands=[n, m, a], result_types=[d])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.n, self.m, self.a


class Multiply64(Instruction, ABC):
    """`lo, hi = n * m`"""

    lo = result_def(CoreRegisterType)
    hi = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$n `,` $m" + TYPES

    def __init__(
        self,
        n: Value,
        m: Value,
        lo: CoreRegisterType = REG,
        hi: CoreRegisterType = REG,
    ):
        super().__init__(operands=[n, m], result_types=[lo, hi])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.lo, self.hi, self.n, self.m


class Accumulate64(Instruction, ABC):
    """`lo', hi' = lo, hi + n * m`, in place"""

    TIED: ClassVar = ((0, 0), (1, 1))

    new_lo = result_def(CoreRegisterType)
    new_hi = result_def(CoreRegisterType)
    lo = operand_def(CoreRegisterType)
    hi = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    assembly_format = "$lo `,` $hi `,` $n `,` $m" + TYPES

    def __init__(
        self,
        lo: Value,
        hi: Value,
        n: Value,
        m: Value,
        new_lo: CoreRegisterType = REG,
        new_hi: CoreRegisterType = REG,
    ):
        super().__init__(operands=[lo, hi, n, m], result_types=[new_lo, new_hi])

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.lo, self.hi, self.n, self.m


class Access(Instruction, ABC):
    """
    A load or store at `n + offset`. An access that is `_post` is at `n`, and adds the
    offset to the base behind that, which is its last result.
    """

    LOW: ClassVar[int] = -255
    HIGH: ClassVar[int] = 4095
    MULTIPLE: ClassVar[int] = 1

    offset = prop_def(IntegerAttr[I32])

    @property
    def post(self) -> bool:
        return bool(self.TIED)

    def verify_numbers(self) -> None:
        offset = self.offset.value.data
        check_range(self, "offset", offset, self.LOW, self.HIGH)
        if offset % self.MULTIPLE:
            raise VerifyException(
                f"{self.name}: offset {offset} is no multiple of {self.MULTIPLE}"
            )

    def address(self, n: SSAValue) -> Sequence[SSAValue | str]:
        offset = self.offset.value.data
        place = f"[{register_name(n)}"
        if self.post:
            return f"{place}]", f"#{offset}"
        return (f"{place}, #{offset}]" if offset else f"{place}]",)


class Load(Access, ABC):
    """`d = memory[n + offset]`"""

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n `,` $offset" + TYPES

    def __init__(self, n: Value, offset: int = 0, d: CoreRegisterType = REG):
        super().__init__(
            operands=[n], properties={"offset": integer(offset)}, result_types=[d]
        )

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, *self.address(self.n)


class LoadIndexed(Instruction, ABC):
    """`d = memory[n + (m << lsl)]`"""

    d = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    m = operand_def(CoreRegisterType)
    lsl = opt_prop_def(IntegerAttr[I32])
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n `,` $m (`lsl` $lsl^)?" + TYPES

    def __init__(self, n: Value, m: Value, lsl: int = 0, d: CoreRegisterType = REG):
        super().__init__(
            operands=[n, m],
            properties={"lsl": integer(lsl) if lsl else None},
            result_types=[d],
        )

    def verify_numbers(self) -> None:
        if self.lsl is not None:
            check_range(self, "lsl", self.lsl.value.data, 1, 3)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        index = ", ".join((register_name(self.m), *shift_text("lsl", self.lsl)))
        return self.d, f"[{register_name(self.n)}, {index}]"


class LoadPost(Access, ABC):
    """`d = memory[n]; base = n + offset`"""

    TIED: ClassVar = ((0, 1),)
    HIGH: ClassVar = 255

    d = result_def(CoreRegisterType)
    base = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n `,` $offset" + TYPES

    def __init__(
        self,
        n: Value,
        offset: int,
        d: CoreRegisterType = REG,
        base: CoreRegisterType = REG,
    ):
        super().__init__(
            operands=[n],
            properties={"offset": integer(offset)},
            result_types=[d, base],
        )

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, *self.address(self.n)


class Store(Access, ABC):
    """`memory[n + offset] = t`"""

    t = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$t `,` $n `,` $offset attr-dict `:` type(operands)"

    def __init__(self, t: Value, n: Value, offset: int = 0):
        super().__init__(operands=[t, n], properties={"offset": integer(offset)})

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.t, *self.address(self.n)


class StorePost(Access, ABC):
    """`memory[n] = t; base = n + offset`"""

    TIED: ClassVar = ((1, 0),)
    HIGH: ClassVar = 255

    base = result_def(CoreRegisterType)
    t = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$t `,` $n `,` $offset" + TYPES

    def __init__(self, t: Value, n: Value, offset: int, base: CoreRegisterType = REG):
        super().__init__(
            operands=[t, n],
            properties={"offset": integer(offset)},
            result_types=[base],
        )

    def verify_numbers(self) -> None:
        super().verify_numbers()
        if self.t == self.n:
            raise VerifyException(f"{self.name}: stores the base that it moves")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.t, *self.address(self.n)
