"""
Memory accesses of the `acle` dialect: words and halves in buffers of bytes.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I8, IndexType, MemRefType, UnitAttr, i32
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import EffectInstance, MemoryEffect, MemoryEffectKind
from xdsl.utils.exceptions import VerifyException


class BytesMemoryEffect(MemoryEffect):
    """An access reads or writes its buffer, and touches nothing else."""

    @classmethod
    def get_effects(cls, op: Operation) -> set[EffectInstance]:
        assert isinstance(op, BytesOp)
        kind = MemoryEffectKind.WRITE if op.WRITES else MemoryEffectKind.READ
        return {EffectInstance(kind, op.memref)}


class BytesOp(IRDLOperation, ABC):
    """
    Several bytes of a buffer as one number, the lowest byte first, from any byte on.
    With `aligned` the address is promised to be a multiple of their number, which lets
    a compiler merge accesses.
    """

    memref = operand_def(MemRefType[I8])
    byte = operand_def(IndexType())
    aligned = opt_prop_def(UnitAttr)

    traits = traits_def(BytesMemoryEffect())

    SIZE: ClassVar[int]
    """Bytes."""
    WRITES: ClassVar[bool]

    @property
    def indices(self) -> Sequence[SSAValue]:
        """Of the first byte, as the accesses of `memref` have them."""
        return [self.byte]

    def verify_(self) -> None:
        type = self.memref.type
        assert isinstance(type, MemRefType)
        if list(type.get_strides() or ()) != [1]:
            raise VerifyException(f"{type} is not one row of bytes")


class LoadOp(BytesOp, ABC):
    """A number that is read."""

    result = result_def(i32)

    WRITES: ClassVar = False
    assembly_format = (
        "$memref `[` $byte `]` (`aligned` $aligned^)? attr-dict `:` type($memref)"
    )

    def __init__(self, memref: SSAValue, byte: SSAValue, aligned: bool = False):
        super().__init__(
            operands=[memref, byte],
            result_types=[i32],
            properties={"aligned": UnitAttr() if aligned else None},
        )


@irdl_op_definition
class LoadWordOp(LoadOp):
    """
    Four bytes as a word.

    ```mlir
    %w = acle.load_word %x[%byte] aligned : memref<64xi8>
    ```
    """

    name = "acle.load_word"
    SIZE: ClassVar = 4


@irdl_op_definition
class LoadHalfOp(LoadOp):
    """
    Two bytes as a signed number.

    ```mlir
    %h = acle.load_half %x[%byte] : memref<64xi8>
    ```
    """

    name = "acle.load_half"
    SIZE: ClassVar = 2


@irdl_op_definition
class StoreWordOp(BytesOp):
    """
    Writes a word as four bytes.

    ```mlir
    acle.store_word %w, %x[%byte] : memref<64xi8>
    ```
    """

    name = "acle.store_word"

    value = operand_def(i32)

    SIZE: ClassVar = 4
    WRITES: ClassVar = True
    assembly_format = (
        "$value `,` $memref `[` $byte `]` (`aligned` $aligned^)? attr-dict `:` "
        "type($memref)"
    )

    def __init__(
        self, value: SSAValue, memref: SSAValue, byte: SSAValue, aligned: bool = False
    ):
        super().__init__(
            operands=[value, memref, byte],
            properties={"aligned": UnitAttr() if aligned else None},
        )
