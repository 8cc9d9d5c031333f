"""
Takes input images out of the arena: the network asks for their rows.

Expects layers. Every input that is one image of bytes, and that some layer reads, loses
its argument; a buffer and a `tinyml.read_rows` that fills it take its place, so that
what comes behind may keep as little of the image as it likes. With `mode=callback` the
same pixels may be asked for more than once; with `mode=stream` each row once, in order.
Guarantees one `tinyml.read_rows` for each such input. Inputs of other shapes and
elements, such as floats, stay where they are.

Before:

    func.func @main(%x: memref<1x8x8x3xi8> {tinyml.input = #tinyml.tensor<"x">}, ...)

After:

    func.func @main(...)
      %x = tinyml.alloc : memref<1x8x8x3xi8>
      tinyml.read_rows outs(%x : memref<1x8x8x3xi8>) input 0 tensor <"x">
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, NameLoc, NoneAttr, i8
from xdsl.ir import BlockArgument
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import UI8
from tinyml.dialects.layer import buffer_type
from tinyml.dialects.network import Port, network_function, network_inputs
from tinyml.dialects.reading import ReadRowsOp, asked_inputs, in_model_order
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import buffer_uses


@dataclass(frozen=True)
class ReadInputPass(ModulePass):
    """Takes input images out of the arena: the network asks for their rows."""

    name = "tinyml-read-input"

    mode: Literal["callback", "stream"] = "callback"
    """Whether the same pixels may be asked for more than once, or each row once."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        asked: dict[int, Port | None] = dict.fromkeys(asked_inputs(function))
        inputs = in_model_order(network_inputs(function), asked)
        start = InsertPoint.at_start(function.body.block)
        for number, port in enumerate(inputs):
            if port is not None and is_image(port):
                read_input(function, number, port, start, self.mode == "stream")


def is_image(port: Port) -> bool:
    """Whether an input is one image of bytes that is read."""
    type = buffer_type(port.value)
    size = type.get_shape()
    is_read = any(True for _ in buffer_uses(port.value))
    return (
        len(size) == 4 and size[0] == 1 and type.element_type in (i8, UI8) and is_read
    )


def read_input(
    function: func.FuncOp, number: int, port: Port, at: InsertPoint, once: bool
) -> None:
    """Puts a buffer that is read into the place of an argument."""
    argument = port.value
    assert isinstance(argument, BlockArgument)
    alloc = AllocOp(buffer_type(argument))
    alloc.buffer.name_hint = argument.name_hint
    read = ReadRowsOp(alloc.buffer, number, port.tensor, once)
    read.location = NameLoc(port.tensor.label, NoneAttr())
    Rewriter.insert_op([alloc, read], at)
    argument.replace_all_uses_with(alloc.buffer)
    attributes = list(function.arg_attrs or ())
    del attributes[argument.index]
    function.arg_attrs = ArrayAttr(attributes)
    function.body.block.erase_arg(argument)
    function.update_function_type()
