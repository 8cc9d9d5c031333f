"""
Constants of a network: private `memref.global`s that hold raw little-endian bytes.
"""

from __future__ import annotations

from math import prod

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    FixedBitwidthType,
    Float32Type,
    IntegerType,
    MemRefType,
    Signedness,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    f32,
    i8,
    i16,
    i32,
)
from xdsl.ir import Attribute, Operation
from xdsl.traits import SymbolTable

UI8 = IntegerType(8, Signedness.UNSIGNED)

ELEMENT_TYPES: dict[str, IntegerType | Float32Type] = {
    "int8": i8,
    "uint8": UI8,
    "int16": i16,
    "int32": i32,
    "float32": f32,
}
"""Elements of activations and constants, by the name of their NumPy type."""


def is_unsigned(type: Attribute) -> bool:
    """Whether integers of this type count from 0."""
    return isinstance(type, IntegerType) and (
        type.signedness.data is Signedness.UNSIGNED
    )


def constant_global(name: str, array: np.ndarray) -> memref.GlobalOp:
    """A private constant that holds the array as little-endian bytes."""
    element = ELEMENT_TYPES[array.dtype.name]
    packed = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    value = DenseIntOrFPElementsAttr(
        TensorType(element, array.shape), BytesAttr(packed.tobytes())
    )
    return memref.GlobalOp.get(
        StringAttr(name),
        MemRefType(element, array.shape),
        value,
        constant=UnitAttr(),
        alignment=4,
    )


def find_global(user: Operation, symbol: SymbolRefAttr) -> memref.GlobalOp | None:
    """The global that `symbol` names where `user` stands, if there is one."""
    table: Operation | None = user
    while table is not None and not table.has_trait(SymbolTable):
        table = table.parent_op()
    if table is None:
        return None
    # As SymbolTable.lookup_symbol, which asks every op for its traits, does.
    name = symbol.string_value()
    for op in table.regions[0].block.ops:
        if isinstance(op, memref.GlobalOp) and op.sym_name.data == name:
            return op
    return None


def global_array(op: memref.GlobalOp) -> np.ndarray:
    """The content of a constant global of i8, i16, i32 or f32, without copying."""
    assert isinstance(op.initial_value, DenseIntOrFPElementsAttr)
    raw = np.frombuffer(op.initial_value.data.data, numpy_dtype(op.type.element_type))
    count = prod(op.type.get_shape())
    # A splat holds its one element only.
    full = raw if raw.size == count else np.broadcast_to(raw, (count,))
    return full.reshape(op.type.get_shape())


def numpy_dtype(type: Attribute) -> np.dtype[np.generic]:
    """The NumPy type of the elements of a buffer."""
    if isinstance(type, IntegerType):
        letter = "u" if is_unsigned(type) else "i"
        return np.dtype(f"{letter}{type.width.data // 8}")
    assert isinstance(type, FixedBitwidthType)
    return np.dtype(f"f{type.size}")
