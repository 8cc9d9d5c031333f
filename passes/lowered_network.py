"""
What stands in a network that is in one arena (`tinyml-lower-arena`): reading of IR.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    NameLoc,
)
from xdsl.ir import Operation, SSAValue

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.constants import find_global, global_array
from tinyml.passes.memory_accesses import buffer_span


class Buffer(NamedTuple):
    """A view of the arena, or an input or output, and the bytes it has."""

    name: str
    start: int
    end: int


def memrefs(op: Operation) -> list[SSAValue]:
    return [v for v in op.operands if isinstance(v.type, MemRefType)]


def span(buffer: SSAValue) -> int:
    """Bytes from the start to the end of a memref."""
    assert isinstance(buffer.type, MemRefType)
    return buffer_span(buffer.type)


def layer(call: func.CallOp) -> str:
    """The kernel of a call, and the layer's name in the model."""
    name = f"@{call.callee.string_value()}"
    if isinstance(call.location, NameLoc):
        name += f' ("{call.location.desc.data}")'
    return name


def ports(network: func.FuncOp, key: str) -> Iterator[Buffer]:
    """The inputs or outputs of a network that lie in the arena, from its attributes."""
    found = network.attributes[key]
    assert isinstance(found, ArrayAttr)
    for port in found:
        assert isinstance(port, DictionaryAttr)
        if "at" not in port.data:
            # An input that the network asks for.
            continue
        tensor, at, type = (port.data[key] for key in ("tensor", "at", "type"))
        assert isinstance(tensor, TensorAttr)
        assert isinstance(at, IntegerAttr)
        assert isinstance(type, MemRefType)
        start = at.value.data
        yield Buffer(f'"{tensor.label.data}"', start, start + buffer_span(type))


def constant_content(op: memref.GetGlobalOp) -> np.ndarray:
    found = find_global(op, op.name_)
    assert found is not None
    return global_array(found)
