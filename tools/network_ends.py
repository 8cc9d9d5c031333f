"""
Inputs and outputs of a network that has lost layers: what nobody writes any more is an
input, and what nobody reads any more an output.
"""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType
from xdsl.ir import BlockArgument, SSAValue
from xdsl.rewriter import Rewriter

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.network import network_outputs, readers, writer
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import views

INPUT, OUTPUT = "tinyml.input", "tinyml.output"


def mend_ends(network: func.FuncOp) -> None:
    """Makes every buffer one that is written and read, or an end of the network."""
    block = network.body.block
    allocs = [op for op in block.ops if isinstance(op, AllocOp)]
    outputs = {port.value for port in network_outputs(network)}
    roles: dict[SSAValue, str] = {}
    for value in [*block.args, *(op.buffer for op in allocs)]:
        for view in reversed(list(views(value))):
            if not view.results[0].uses:
                Rewriter.erase_op(view)
        if (role := role_of(value, value in outputs)) is not None:
            roles[value] = role
    give_arguments(network, roles)
    for op in allocs:
        if op.parent is not None and not op.buffer.uses:
            Rewriter.erase_op(op)


def role_of(value: SSAValue, is_output: bool) -> str | None:
    """What a buffer is to the network's user; None if it is inside, or unused."""
    written, read = writer(value) is not None, bool(readers(value))
    if written:
        return OUTPUT if is_output or not read else None
    return INPUT if read else None


def give_arguments(network: func.FuncOp, roles: dict[SSAValue, str]) -> None:
    """Makes these buffers the arguments of a network, inputs first, and no others."""
    block = network.body.block
    old = dict(zip(block.args, network.arg_attrs or (), strict=True))
    given: list[DictionaryAttr] = []
    for value, role in sorted(roles.items(), key=lambda item: item[1] == OUTPUT):
        argument = block.insert_arg(value.type, len(block.args))
        argument.name_hint = value.name_hint
        value.replace_all_uses_with(argument)
        before = old[value] if isinstance(value, BlockArgument) else DictionaryAttr({})
        assert isinstance(before, DictionaryAttr)
        kept = {k: v for k, v in before.data.items() if k not in (INPUT, OUTPUT)}
        tensor = before.data.get(role, TensorAttr.get(value.name_hint or "buffer"))
        given.append(DictionaryAttr({role: tensor, **kept}))
    for argument in old:
        block.erase_arg(argument)
    network.arg_attrs = ArrayAttr(given)
    types = [argument.type for argument in block.args]
    network.function_type = FunctionType.from_lists(types, [])
