"""Instructions of the `thumb` dialect that load and store."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I32, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.thumb_registers import CORE_INDICES, REG, CoreRegisterType
from tinyml.dialects.thumb_shapes import (
    TYPES,
    Access,
    Instruction,
    Load,
    LoadIndexed,
    LoadPost,
    Store,
    StorePost,
    Value,
    check_range,
    integer,
    register_name,
)


@irdl_op_definition
class LdrOp(Load):
    """Loads a word."""

    name = "thumb.ldr"


@irdl_op_definition
class LdrbOp(Load):
    """Loads a byte without a sign."""

    name = "thumb.ldrb"


@irdl_op_definition
class LdrsbOp(Load):
    """Loads a byte with its sign."""

    name = "thumb.ldrsb"


@irdl_op_definition
class LdrhOp(Load):
    """Loads a half without a sign."""

    name = "thumb.ldrh"


@irdl_op_definition
class LdrshOp(Load):
    """Loads a half with its sign."""

    name = "thumb.ldrsh"


@irdl_op_definition
class LdrPostOp(LoadPost):
    """Loads a word and moves the base."""

    name = "thumb.ldr_post"


@irdl_op_definition
class LdrbPostOp(LoadPost):
    """Loads a byte without a sign and moves the base."""

    name = "thumb.ldrb_post"


@irdl_op_definition
class LdrsbPostOp(LoadPost):
    """Loads a byte with its sign and moves the base."""

    name = "thumb.ldrsb_post"


@irdl_op_definition
class LdrhPostOp(LoadPost):
    """Loads a half without a sign and moves the base."""

    name = "thumb.ldrh_post"


@irdl_op_definition
class LdrshPostOp(LoadPost):
    """Loads a half with its sign and moves the base."""

    name = "thumb.ldrsh_post"


@irdl_op_definition
class StrOp(Store):
    """Stores a word."""

    name = "thumb.str"


@irdl_op_definition
class StrbOp(Store):
    """Stores the low byte."""

    name = "thumb.strb"


@irdl_op_definition
class StrhOp(Store):
    """Stores the low half."""

    name = "thumb.strh"


@irdl_op_definition
class StrPostOp(StorePost):
    """Stores a word and moves the base."""

    name = "thumb.str_post"


@irdl_op_definition
class StrbPostOp(StorePost):
    """Stores the low byte and moves the base."""

    name = "thumb.strb_post"


@irdl_op_definition
class StrhPostOp(StorePost):
    """Stores the low half and moves the base."""

    name = "thumb.strh_post"


@irdl_op_definition
class LdrRegOp(LoadIndexed):
    """Loads a word of a table."""

    name = "thumb.ldr_reg"


@irdl_op_definition
class LdrbRegOp(LoadIndexed):
    """Loads a byte without a sign of a table."""

    name = "thumb.ldrb_reg"


@irdl_op_definition
class LdrsbRegOp(LoadIndexed):
    """Loads a byte with its sign of a table."""

    name = "thumb.ldrsb_reg"


@irdl_op_definition
class LdrhRegOp(LoadIndexed):
    """Loads a half without a sign of a table."""

    name = "thumb.ldrh_reg"


@irdl_op_definition
class LdrshRegOp(LoadIndexed):
    """Loads a half with its sign of a table."""

    name = "thumb.ldrsh_reg"


class Pair(Access, ABC):
    """Two words, at an address that is a multiple of 4."""

    LOW: ClassVar = -1020
    HIGH: ClassVar = 1020
    MULTIPLE: ClassVar = 4


@irdl_op_definition
class LdrdOp(Pair):
    """Loads two words."""

    name = "thumb.ldrd"

    d = result_def(CoreRegisterType)
    e = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n `,` $offset" + TYPES

    def __init__(
        self,
        n: Value,
        offset: int = 0,
        d: CoreRegisterType = REG,
        e: CoreRegisterType = REG,
    ):
        super().__init__(
            operands=[n], properties={"offset": integer(offset)}, result_types=[d, e]
        )

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.e, *self.address(self.n)


@irdl_op_definition
class LdrdPostOp(Pair):
    """Loads two words and moves the base."""

    name = "thumb.ldrd_post"
    TIED: ClassVar = ((0, 2),)

    d = result_def(CoreRegisterType)
    e = result_def(CoreRegisterType)
    base = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n `,` $offset" + TYPES

    def __init__(
        self,
        n: Value,
        offset: int,
        d: CoreRegisterType = REG,
        e: CoreRegisterType = REG,
        base: CoreRegisterType = REG,
    ):
        super().__init__(
            operands=[n],
            properties={"offset": integer(offset)},
            result_types=[d, e, base],
        )

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, self.e, *self.address(self.n)


@irdl_op_definition
class StrdOp(Pair):
    """Stores two words."""

    name = "thumb.strd"

    t = operand_def(CoreRegisterType)
    u = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$t `,` $u `,` $n `,` $offset attr-dict `:` type(operands)"

    def __init__(self, t: Value, u: Value, n: Value, offset: int = 0):
        super().__init__(operands=[t, u, n], properties={"offset": integer(offset)})

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.t, self.u, *self.address(self.n)


@irdl_op_definition
class StrdPostOp(Pair):
    """Stores two words and moves the base."""

    name = "thumb.strd_post"
    TIED: ClassVar = ((2, 0),)

    base = result_def(CoreRegisterType)
    t = operand_def(CoreRegisterType)
    u = operand_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$t `,` $u `,` $n `,` $offset" + TYPES

    def __init__(
        self, t: Value, u: Value, n: Value, offset: int, base: CoreRegisterType = REG
    ):
        super().__init__(
            operands=[t, u, n],
            properties={"offset": integer(offset)},
            result_types=[base],
        )

    def verify_numbers(self) -> None:
        super().verify_numbers()
        if self.n in (self.t, self.u):
            raise VerifyException(f"{self.name}: stores the base that it moves")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.t, self.u, *self.address(self.n)


def verify_list(op: Instruction, values: Sequence[SSAValue]) -> None:
    """A list of registers is stored in the order of their numbers, at least two."""
    if len(values) < 2:
        raise VerifyException(f"{op.name}: moves two registers or more")
    if not all(map(register_name, (*op.operands, *op.results))):
        return
    names = [register_name(value) for value in values]
    indices = [CORE_INDICES[name] for name in names if name]
    if indices != sorted(set(indices)):
        raise VerifyException(f"{op.name}: registers {', '.join(names)} do not ascend")


class Transfer(Instruction, ABC):
    """Several words from an address on, a multiple of 4; moves the base behind them."""

    def register_list(self, values: Sequence[SSAValue]) -> str:
        return f"{{{', '.join(register_name(value) for value in values)}}}"


@irdl_op_definition
class LdmOp(Transfer):
    """Loads words to registers, in ascending order, and moves the base."""

    name = "thumb.ldm"
    TIED: ClassVar = ((0, 0),)

    base = result_def(CoreRegisterType)
    words = var_result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$n" + TYPES

    def __init__(self, n: Value, words: int | Sequence[CoreRegisterType]):
        types = [REG] * words if isinstance(words, int) else words
        super().__init__(operands=[n], result_types=[REG, types])

    def verify_numbers(self) -> None:
        verify_list(self, self.words)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return f"{register_name(self.n)}!", self.register_list(self.words)


@irdl_op_definition
class StmOp(Transfer):
    """Stores words of registers, in ascending order, and moves the base."""

    name = "thumb.stm"
    TIED: ClassVar = ((0, 0),)

    base = result_def(CoreRegisterType)
    n = operand_def(CoreRegisterType)
    words = var_operand_def(CoreRegisterType)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$n `,` $words" + TYPES

    def __init__(self, n: Value, words: Sequence[Value], base: CoreRegisterType = REG):
        super().__init__(operands=[n, words], result_types=[base])

    def verify_numbers(self) -> None:
        verify_list(self, self.words)
        if self.n in self.words:
            raise VerifyException(f"{self.name}: stores the base that it moves")

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return f"{register_name(self.n)}!", self.register_list(self.words)


@irdl_op_definition
class LdrSpOp(Instruction):
    """Loads a word of the stack: an argument that no register had room for."""

    name = "thumb.ldr_sp"

    d = result_def(CoreRegisterType)
    offset = prop_def(IntegerAttr[I32])
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$offset attr-dict `:` type($d)"

    def __init__(self, offset: int, d: CoreRegisterType = REG):
        super().__init__(properties={"offset": integer(offset)}, result_types=[d])

    def verify_numbers(self) -> None:
        check_range(self, "offset", self.offset.value.data, 0, 4095)

    def assembly_operands(self) -> Sequence[SSAValue | str]:
        return self.d, f"[sp, #{self.offset.value.data}]"
