"""
What values inside of loops depend on: reading of IR, nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from xdsl.dialects import scf
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue


def yielded(block: Block) -> Sequence[SSAValue]:
    """What the turn of a loop, or a branch, ends with."""
    end = block.last_op
    assert isinstance(end, scf.YieldOp)
    return end.operands


def result_number(value: SSAValue) -> int:
    """Which result of its op a value is."""
    assert isinstance(value, OpResult)
    return value.index


def sources(value: SSAValue) -> list[SSAValue]:
    """The values that one depends on directly."""
    match value.owner:
        case Block() as block:
            assert isinstance(value, BlockArgument)
            if not isinstance(loop := block.parent_op(), scf.ForOp):
                return []
            if value.index == 0:
                return [loop.lb, loop.step]
            index = value.index - 1
            return [loop.iter_args[index], yielded(loop.body.block)[index]]
        case scf.ForOp() as loop:
            index = result_number(value)
            carried = [loop.iter_args[index], yielded(loop.body.block)[index]]
            return [loop.lb, loop.ub, loop.step, *carried]
        case scf.IfOp() as branch:
            ends = [yielded(r.block)[result_number(value)] for r in branch.regions]
            return [branch.cond, *ends]
        case op:
            return list(op.operands)


def values_behind(
    values: Iterable[SSAValue], through: Callable[[SSAValue], bool] = lambda value: True
) -> dict[SSAValue, None]:
    """All values that these depend on `through` such values, themselves included."""
    todo, found = [*values], dict[SSAValue, None]()
    while todo:
        value = todo.pop()
        if value not in found and through(value):
            found[value] = None
            todo += sources(value)
    return found


def loops_behind(values: Iterable[SSAValue]) -> set[Operation]:
    """The loops whose turn these values depend on."""
    blocks = (v.block for v in values_behind(values) if isinstance(v, BlockArgument))
    loops = (block.parent_op() for block in blocks)
    return {loop for loop in loops if isinstance(loop, scf.ForOp)}


def buffers_behind(memref: SSAValue) -> list[SSAValue]:
    """The buffers that a memref may be a view of."""

    def is_memref(value: SSAValue) -> bool:
        return isinstance(value.type, MemRefType)

    found = values_behind([memref], is_memref)
    return [v for v in found if not any(is_memref(source) for source in sources(v))]


def is_inside(value: SSAValue, block: Block) -> bool:
    """Whether a value is defined in a block or in the regions of its ops."""
    owner = value.owner
    inner = owner if isinstance(owner, Block) else owner.parent
    while inner is not None and inner is not block:
        inner = inner.parent_block()
    return inner is block
