"""
When each buffer of a network holds something that is still needed.

Pure reading of IR: no pass state, no change. Time is the position of a layer. A view of
a buffer (`dialects/views.py`) is that buffer: its life covers the uses of its views.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import FixedBitwidthType, MemRefType
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type
from tinyml.dialects.network import layers, network_inputs, network_outputs
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import buffer_uses
from tinyml.passes.failure import FailedAtOp


@dataclass(frozen=True)
class LiveRange:
    """A root buffer, its size in bytes, and the first and last layer of its life."""

    value: SSAValue
    size: int
    first: int
    last: int
    unit: int = 1
    """Bytes that its address is a multiple of, whatever its elements are."""

    @property
    def element_size(self) -> int:
        """Bytes of an element; its address is a multiple of that."""
        element = buffer_type(self.value).element_type
        size = element.size if isinstance(element, FixedBitwidthType) else 1
        return max(size, self.unit)

    def overlaps(self, other: LiveRange) -> bool:
        return self.first <= other.last and other.first <= self.last


def live_ranges(function: func.FuncOp) -> list[LiveRange]:
    """
    The life of every buffer that is no view: inputs from the start, outputs to the end,
    all others from their writer to their last reader. A layer's inputs and output live
    together.

    Raises DiagnosticException for a buffer that is read but never written, written
    twice, or used by what is neither a layer nor a view.
    """
    order = {op: position for position, op in enumerate(layers(function))}
    inputs = {port.value for port in network_inputs(function)}
    outputs = {port.value for port in network_outputs(function)}
    buffers = [*function.body.block.args]
    buffers += [op.buffer for op in function.body.block.ops if isinstance(op, AllocOp)]
    for type in (value.type for value in buffers):
        if not (isinstance(type, MemRefType) and type.has_static_shape()):
            raise DiagnosticException(
                f"argument of type {type} is not a buffer of static shape"
            )
    end = max(len(order) - 1, 0)
    found: list[LiveRange] = []
    for number, value in enumerate(buffers):
        name = f"%{value.name_hint or number}"
        writes: list[int] = []
        reads: list[int] = []
        for use in buffer_uses(value):
            if not isinstance(layer := use.operation, LayerOp) or layer not in order:
                raise FailedAtOp(
                    use.operation,
                    f"buffer {name} is used by {use.operation.name}, which is not a "
                    "layer of the network or a view of the whole buffer",
                )
            is_write = use.index == len(layer.operands) - 1
            (writes if is_write else reads).append(order[layer])
        if len(writes) + (value in inputs) > 1:
            raise DiagnosticException(f"buffer {name} is written more than once")
        if not writes and value not in inputs and (reads or value in outputs):
            raise DiagnosticException(f"buffer {name} is read but never written")
        first = 0 if value in inputs else min(writes, default=0)
        last = end if value in outputs else max(reads, default=first)
        if min(reads, default=first) < first:
            raise DiagnosticException(f"buffer {name} is read before it is written")
        found.append(LiveRange(value, buffer_bytes(buffer_type(value)), first, last))
    return found
