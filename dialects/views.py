"""
Views of a whole buffer under another shape: aliases of the buffer.

A `memref.reinterpret_cast` from a buffer to as many bytes, from its start and densely
packed, holds the same elements in the same order. Buffers of a network are used through
such views freely; what has a life, a writer and a place in the arena is their root.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TypeGuard

from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, NoneAttr
from xdsl.ir import Operation, SSAValue, Use


def dense_strides(shape: Sequence[int]) -> list[int]:
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def view_of(buffer: SSAValue, shape: Sequence[int]) -> memref.ReinterpretCastOp:
    """The bytes of a buffer under another static shape of as many elements."""
    type = buffer.type
    assert isinstance(type, MemRefType)
    result = MemRefType(type.element_type, shape)
    strides = dense_strides(shape)
    view = memref.ReinterpretCastOp(buffer, [], [], [], [0], shape, strides, result)
    view.result.name_hint = buffer.name_hint
    return view


def is_view(op: object) -> TypeGuard[memref.ReinterpretCastOp]:
    """Whether an op only gives a buffer another shape."""
    if not isinstance(op, memref.ReinterpretCastOp):
        return False
    source, result = op.source.type, op.result.type
    if not isinstance(source, MemRefType):
        return False
    if not (source.has_static_shape() and result.has_static_shape()):
        return False
    shape = result.get_shape()
    return (
        source.element_type == result.element_type
        and isinstance(source.layout, NoneAttr)
        and isinstance(result.layout, NoneAttr)
        and prod(source.get_shape()) == prod(shape)
        and op.static_offsets.get_values() == (0,)
        and op.static_sizes.get_values() == shape
        and list(op.static_strides.get_values()) == dense_strides(shape)
    )


def root(value: SSAValue) -> SSAValue:
    """The buffer that a value is, or is a view of."""
    while is_view(view := value.owner):
        value = view.source
    return value


def views(value: SSAValue) -> Iterator[Operation]:
    """The views of a buffer and the views of those, sources before results."""
    for use in value.uses:
        if is_view(view := use.operation):
            yield view
            yield from views(view.result)


def buffer_uses(value: SSAValue) -> Iterator[Use]:
    """All uses of a buffer and of its views, but for the views themselves."""
    for use in value.uses:
        if is_view(view := use.operation):
            yield from buffer_uses(view.result)
        else:
            yield use
