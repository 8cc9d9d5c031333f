"""
Builds a network's module: one function on buffers, its constants beside it.

Frontends translate operators; everything that is the same for all of them is here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.constants import constant_global
from tinyml.dialects.layer import LayerOp, buffer_type, verify_buffer
from tinyml.dialects.tinyml import AllocOp, ReshapeOp

LARGEST_CONSTANT = 1 << 28
"""Bytes; more than any microcontroller has, and no trouble to hold here."""


def c_identifier(name: str) -> str:
    """A valid, readable C identifier for a model's or tensor's name."""
    text = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    return text if text and not text[0].isdigit() else f"net_{text}".rstrip("_")


def ascii_text(name: str) -> str:
    """
    A model's name for something with all characters but ASCII escaped: xDSL does not
    read back the strings of other characters that it prints.
    """
    return name.encode("ascii", "backslashreplace").decode()


def in_ascii(tensor: TensorAttr) -> TensorAttr:
    label = StringAttr(ascii_text(tensor.label.data))
    return TensorAttr(label, tensor.scale, tensor.zero_point)


@dataclass
class NetworkBuilder:
    """
    Collects inputs, constants and layers in the order of execution; `finish` returns
    the module `func.func @name(inputs..., outputs...)`.
    """

    name: str
    globals: list[memref.GlobalOp] = field(default_factory=list[memref.GlobalOp])
    block: Block = field(default_factory=Block)
    inputs: list[TensorAttr] = field(default_factory=list[TensorAttr])
    buffers: int = 0

    def input(
        self, shape: Sequence[int], element: Attribute, tensor: TensorAttr
    ) -> SSAValue:
        """
        A model input: an argument of the function.

        Raises DiagnosticException if no buffer can hold it.
        """
        value = self.block.insert_arg(MemRefType(element, shape), len(self.inputs))
        try:
            verify_buffer(value)
        except VerifyException as error:
            raise DiagnosticException(
                f'input "{tensor.label.data}": {error}'
            ) from error
        value.name_hint = f"input_{len(self.inputs)}"
        self.inputs.append(in_ascii(tensor))
        return value

    def buffer(self, shape: Sequence[int], element: Attribute) -> SSAValue:
        """A new intermediate buffer."""
        alloc = AllocOp(MemRefType(element, shape))
        alloc.buffer.name_hint = f"buffer_{self.buffers}"
        self.buffers += 1
        self.block.add_op(alloc)
        return alloc.buffer

    def constant(self, name: str, array: np.ndarray) -> str:
        """
        A constant; returns its symbol.

        Raises DiagnosticException if it is too large.
        """
        if array.nbytes > LARGEST_CONSTANT:
            raise DiagnosticException(
                f"@{name} has {array.nbytes} bytes, constants have at most "
                f"{LARGEST_CONSTANT}"
            )
        self.globals.append(constant_global(name, array))
        return name

    def constant_buffer(self, name: str, array: np.ndarray) -> SSAValue:
        """A constant as a buffer that layers read."""
        symbol = self.constant(name, array)
        op = memref.GetGlobalOp(symbol, self.globals[-1].type)
        op.memref.name_hint = symbol
        self.block.add_op(op)
        return op.memref

    def layer(
        self,
        op: LayerOp,
        label: str,
        index: int | None = None,
        tensor: int | None = None,
    ) -> None:
        """
        Appends a layer. `label` is the name of its output in the model, `index` the
        position of its operator in the model's file, `tensor` the number of its output
        there.

        Raises VerifyException if the layer is not a valid one.
        """
        op.verify_()
        op.location = NameLoc(StringAttr(ascii_text(label)), NoneAttr())
        if index is not None:
            op.attributes["tinyml.index"] = IntegerAttr(index, i64)
        if tensor is not None:
            op.attributes["tinyml.tensor"] = IntegerAttr(tensor, i64)
        self.block.add_op(op)

    def finish(self, outputs: Sequence[tuple[SSAValue, TensorAttr]]) -> ModuleOp:
        """
        Closes the function. Each output becomes an argument that its layer writes; a
        tensor that is an input, or an output twice, is copied.
        """
        written: dict[SSAValue, SSAValue] = {}
        for number, (value, tensor) in enumerate(outputs):
            value = written.get(value, value)
            argument = self.block.insert_arg(buffer_type(value), len(self.block.args))
            argument.name_hint = f"output_{number}"
            if isinstance(alloc := value.owner, AllocOp):
                value.replace_all_uses_with(argument)
                written[value] = argument
                alloc.detach()
                alloc.erase()
            else:
                self.layer(ReshapeOp(value, argument), tensor.label.data)
        self.block.add_op(func.ReturnOp())
        attributes = [DictionaryAttr({"tinyml.input": t}) for t in self.inputs]
        attributes += [
            DictionaryAttr({"tinyml.output": in_ascii(t)}) for _, t in outputs
        ]
        types = [argument.type for argument in self.block.args]
        function = func.FuncOp(
            self.name, (types, []), Region(self.block), arg_attrs=ArrayAttr(attributes)
        )
        return ModuleOp([*self.globals, function])
