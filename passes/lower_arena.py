"""
Replaces a network's buffers by views of one arena.

Expects offsets everywhere (`tinyml-plan-memory`) and layers as calls
(`tinyml-convert-layers-to-loops`). Guarantees a function of one argument, the arena,
where each buffer is a `memref.view` at its offset; what the network's users need to
know of its inputs and outputs moves to the function as `tinyml.inputs` and
`tinyml.outputs`: name and quantization, type, offset in bytes.

Before:

    func.func @net(%x: memref<1x4xi8> {tinyml.at = 0, ...}, ...)
      %b = tinyml.alloc at 8 : memref<4xi8>

After:

    func.func @net(%arena: memref<12xi8>) attributes {tinyml.inputs = [...], ...}
      %b = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    i8,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.layer import buffer_type
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.reading import READ_INPUTS, in_model_order, noted_inputs
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.failure import FailedAtOp


def arena_view(arena: SSAValue, at: int, type: MemRefType) -> list[Operation]:
    """The ops that view `type` at an offset in the arena; the last one is the view."""
    offset = arith.ConstantOp.from_int_and_width(at, IndexType())
    offset.result.name_hint = f"c{at}"
    view = memref.ViewOp(arena, offset, [], type)
    return [offset, view]


def number(attributes: dict[str, Attribute], key: str, what: str) -> int:
    """An integer attribute that planning has left."""
    if not isinstance(attr := attributes.get(key), IntegerAttr):
        raise PassFailedException(f"{what} has no {key}; run tinyml-plan-memory first")
    return attr.value.data


@dataclass(frozen=True)
class LowerArenaPass(ModulePass):
    """Replaces a network's buffers by views of one arena."""

    name = "tinyml-lower-arena"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        name = f"@{function.sym_name.data}"
        size = number(function.attributes, "tinyml.arena_bytes", name)
        block = function.body.block
        if remaining := layers(function):
            raise FailedAtOp(
                remaining[0],
                f"{name} still has layers such as {remaining[0].name}; run "
                "tinyml-convert-layers-to-loops first",
            )
        function.attributes["tinyml.inputs"] = describe_inputs(function)
        outputs = ArrayAttr(describe_ports(function, "tinyml.output"))
        function.attributes["tinyml.outputs"] = outputs
        arguments = list(block.args)
        places = [
            number(dict(attributes.data), "tinyml.at", f"an argument of {name}")
            for attributes in function.arg_attrs or ()
        ]
        arena = block.insert_arg(MemRefType(i8, [size]), 0)
        arena.name_hint = "arena"
        start = InsertPoint.at_start(block)
        for argument, at in zip(arguments, places, strict=True):
            ops = arena_view(arena, at, buffer_type(argument))
            Rewriter.insert_op(ops, start)
            ops[-1].results[0].name_hint = argument.name_hint
            argument.replace_all_uses_with(ops[-1].results[0])
            block.erase_arg(argument)
        for alloc in [op for op in block.ops if isinstance(op, AllocOp)]:
            at = number(dict(alloc.properties), "at", f"a buffer of {name}")
            ops = arena_view(arena, at, buffer_type(alloc.buffer))
            ops[-1].results[0].name_hint = alloc.buffer.name_hint
            Rewriter.replace_op(alloc, ops)
        function.arg_attrs = None
        function.update_function_type()


def describe_inputs(function: func.FuncOp) -> ArrayAttr[DictionaryAttr]:
    """
    What outsiders need to know of the inputs of a network. Those that it asks for have
    no offset, but a `mode`, and the bytes that are `held` of them.
    """
    asked = noted_inputs(function)
    function.attributes.pop(READ_INPUTS, None)
    return ArrayAttr(in_model_order(describe_ports(function, "tinyml.input"), asked))


def describe_ports(function: func.FuncOp, role: str) -> list[DictionaryAttr]:
    """The same of the inputs or outputs that lie in the arena."""
    return [
        DictionaryAttr(
            {
                "tensor": attributes.data[role],
                "type": attributes.data.get("tinyml.type", argument.type),
                "at": attributes.data["tinyml.at"],
            }
        )
        for argument, attributes in zip(
            function.body.block.args, function.arg_attrs or (), strict=True
        )
        if role in attributes.data
    ]
