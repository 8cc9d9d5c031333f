"""
A network in a module: its function, its inputs and outputs, its layers.

The function that has an argument marked `tinyml.input` or `tinyml.output` is the
network; inputs come before outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, NameLoc
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.views import buffer_uses, root


@dataclass(frozen=True)
class Port:
    """An input or output of a network: its buffer, and what the model says of it."""

    value: SSAValue
    tensor: TensorAttr


def ports(function: func.FuncOp, role: str) -> list[Port]:
    """The arguments that are marked `tinyml.input` or `tinyml.output`."""
    if function.arg_attrs is None:
        return []
    found: list[Port] = []
    for argument, attributes in zip(
        function.body.block.args, function.arg_attrs, strict=True
    ):
        assert isinstance(attributes, DictionaryAttr)
        tensor = attributes.data.get(role)
        if isinstance(tensor, TensorAttr):
            found.append(Port(argument, tensor))
    return found


def network_inputs(function: func.FuncOp) -> list[Port]:
    return ports(function, "tinyml.input")


def network_outputs(function: func.FuncOp) -> list[Port]:
    return ports(function, "tinyml.output")


def network_function(module: ModuleOp) -> func.FuncOp:
    """The one network of a module."""
    found = [
        op
        for op in module.ops
        if isinstance(op, func.FuncOp)
        and not op.is_declaration
        and (network_inputs(op) or network_outputs(op))
    ]
    if len(found) != 1:
        raise DiagnosticException(
            f"the module has {len(found)} functions with tinyml.input or tinyml.output "
            "arguments, expected 1"
        )
    return found[0]


def layers(function: func.FuncOp) -> list[LayerOp]:
    """The layers of a network in order."""
    return [op for op in function.body.block.ops if isinstance(op, LayerOp)]


def writer(buffer: SSAValue) -> LayerOp | None:
    """The layer that writes a buffer, directly or through a view."""
    for use in buffer_uses(root(buffer)):
        op = use.operation
        if isinstance(op, LayerOp) and use.index == len(op.operands) - 1:
            return op
    return None


def readers(buffer: SSAValue) -> list[Operation]:
    """What reads a buffer, directly or through views; once for each of its operands."""
    written = writer(buffer)
    uses = buffer_uses(root(buffer))
    return [use.operation for use in uses if use.operation is not written]


def layer_name(op: Operation) -> str:
    """The name that the model gives a layer's output, or else the op's own."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else op.name


def layer_calls(module: ModuleOp) -> list[func.CallOp]:
    """The calls that layers became (`tinyml-convert-layers-to-loops`), in order."""
    return [
        op
        for function in module.ops
        if isinstance(function, func.FuncOp)
        for block in function.body.blocks
        for op in block.ops
        if isinstance(op, func.CallOp) and "tinyml.op" in op.attributes
    ]
