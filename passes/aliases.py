"""
What passes do with layers that vanish: two buffers that hold the same become one, and
the layer that stays takes the other's place in the model.
"""

from __future__ import annotations

from xdsl.ir import BlockArgument, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.layer import LayerOp, shape
from tinyml.dialects.network import writer
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import root, view_of

TENSOR_IN_MODEL = ("tinyml.tensor", "tinyml.position")
"""Attributes of a layer that say which tensor of the model it writes."""

PLACE_IN_MODEL = ("tinyml.index", *TENSOR_IN_MODEL)


def can_be_one(a: SSAValue, b: SSAValue) -> bool:
    """
    Whether two buffers could be one: not two ports of a network, which its users tell
    apart, no constant, and none that is never written, which is an error.
    """
    if isinstance(root(a).owner, AllocOp) and writer(a) is None:
        return False
    inner = [isinstance(root(value).owner, AllocOp) for value in (a, b)]
    ports = [isinstance(root(value), BlockArgument) for value in (a, b)]
    return any(inner) and sum(inner) + sum(ports) == 2


def take_place(op: LayerOp, vanished: LayerOp) -> None:
    """Gives a layer the place in the model of the one whose tensor it writes now."""
    op.location = vanished.location
    for key in PLACE_IN_MODEL:
        op.attributes.pop(key, None)
        if (attr := vanished.attributes.get(key)) is not None:
            op.attributes[key] = attr


def leave_place(op: LayerOp) -> None:
    """Marks that what a layer writes is no tensor of the model any more."""
    for key in TENSOR_IN_MODEL:
        op.attributes.pop(key, None)


def bypass(op: LayerOp, source: SSAValue) -> bool:
    """
    Erases a layer whose output holds, byte for byte, what its input `source` does: the
    two buffers become one, each in its own shape. Returns whether they could.
    """
    source, target = root(source), root(op.layer_output)
    if not can_be_one(source, target):
        return False
    Rewriter.erase_op(op)
    # An output of the network stays; what was copied there is written there.
    if isinstance(target, BlockArgument):
        source, target = target, source
    alloc = target.owner
    assert isinstance(alloc, AllocOp)
    kept = source.owner
    if isinstance(kept, AllocOp) and alloc.is_before_in_block(kept):
        kept.detach()
        Rewriter.insert_op(kept, InsertPoint.before(alloc))
    if shape(source) == shape(target):
        target.replace_all_uses_with(source)
        Rewriter.erase_op(alloc)
        return True
    view = view_of(source, shape(target))
    view.result.name_hint = target.name_hint
    Rewriter.replace_op(alloc, view)
    return True
