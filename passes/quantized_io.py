"""
Drops the float or transposed boundary of a network.

Expects a network of layers. Guarantees that what is left computes the same bytes.

An input that only a `quantize`, `requantize` or `transpose` reads is replaced by that
layer's output, again and again; an output that a `dequantize`, `requantize` or
`transpose` writes, by that layer's input. So it is with a `reshape` that moves
dimensions of 1 only, which is what a transposition of one channel is. What is left are,
as a rule, the int8 NHWC tensors behind them.

Before:

    func.func @network(%x: memref<1x8xf32> {tinyml.input = #tinyml.tensor<"x">}, ...)
      %q = tinyml.alloc : memref<1x8xi8>
      tinyml.quantize ins(%x : ...) outs(%q : ...) scale 5.0e-01 : f32 ...

After:

    func.func @network(%q: memref<1x8xi8>
                    {tinyml.input = #tinyml.tensor<"x", 5.0e-01 : -1>}, ...)
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    ModuleOp,
    NoneAttr,
)
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.layer import LayerOp, buffer_type, integers, shape
from tinyml.dialects.network import network_function, network_inputs, network_outputs
from tinyml.dialects.tinyml import (
    AllocOp,
    DequantizeOp,
    QuantizeOp,
    RequantizeOp,
    ReshapeOp,
    TransposeOp,
)
from tinyml.dialects.views import is_view, root, view_of, views


def is_boundary(op: Operation | None, inward: bool) -> bool:
    """Whether this layer changes how a tensor is written down, not what it holds."""
    if isinstance(op, ReshapeOp):
        a, b = shape(op.input), shape(op.output)
        return a != b and [n for n in a if n != 1] == [n for n in b if n != 1]
    to_bytes = QuantizeOp if inward else DequantizeOp
    return isinstance(op, to_bytes | RequantizeOp | TransposeOp)


def only_user(value: SSAValue) -> Operation | None:
    """The only user of a buffer, directly or through views."""
    user = value.get_user_of_unique_use()
    return only_user(user.result) if is_view(user) else user


def boundary_reader(value: SSAValue) -> LayerOp | None:
    """The boundary layer that is the only user of an input, if it writes a buffer."""
    user = only_user(value)
    if (
        isinstance(user, LayerOp)
        and is_boundary(user, inward=True)
        and isinstance(root(user.layer_output).owner, AllocOp)
    ):
        return user
    return None


def boundary_writer(value: SSAValue) -> LayerOp | None:
    """The boundary layer that writes an output nobody reads, if it reads a buffer."""
    user = only_user(value)
    if (
        isinstance(user, LayerOp)
        and is_boundary(user, inward=False)
        and root(user.layer_output) is value
        and isinstance(root(user.layer_inputs[0]).owner, AllocOp)
    ):
        return user
    return None


def requantized(tensor: TensorAttr, op: LayerOp, inward: bool) -> TensorAttr:
    """The quantization on the other side of a boundary layer."""
    scale, zero_point = tensor.scale, tensor.zero_point.data
    match op:
        case QuantizeOp() if inward:
            scale, zero_point = op.scale, integers(op.zero_points)[0]
        case DequantizeOp() if not inward:
            scale, zero_point = op.scale, integers(op.zero_points)[0]
        case RequantizeOp() if isinstance(scale, FloatAttr) and (
            op.requant.multiplier.data > 0
        ):
            factor = op.requant.multiplier.data * 2.0 ** (op.requant.shift.data - 31)
            points = integers(op.zero_points)
            real = scale.value.data
            real = real / factor if inward else real * factor
            return TensorAttr.get(tensor.label.data, real, points[1 if inward else 0])
        case TransposeOp() | ReshapeOp():
            pass
        case _:
            scale = NoneAttr()
    number = scale.value.data if isinstance(scale, FloatAttr) else None
    return TensorAttr.get(tensor.label.data, number, zero_point)


def replace_argument(
    function: func.FuncOp, argument: SSAValue, op: LayerOp, role: str
) -> SSAValue:
    """
    Makes the buffer on the other side of `op` the argument, and drops `op`. Returns the
    argument in its new type.
    """
    assert isinstance(argument, BlockArgument)
    inward = role == "tinyml.input"
    inner = op.layer_output if inward else op.layer_inputs[0]
    attributes = [dict(a.data) for a in function.arg_attrs or ()]
    tensor = attributes[argument.index][role]
    assert isinstance(tensor, TensorAttr)
    attributes[argument.index][role] = requantized(tensor, op, inward)
    function.arg_attrs = ArrayAttr(DictionaryAttr(a) for a in attributes)
    Rewriter.erase_op(op)
    erase_views(argument)
    changed = Rewriter.replace_value_with_new_type(argument, buffer_type(inner))
    replace_buffer(inner, changed)
    function.update_function_type()
    return changed


def replace_buffer(value: SSAValue, argument: SSAValue) -> None:
    """Puts an argument in place of a buffer, or of a view and the buffer behind it."""
    buffer = root(value)
    alloc = buffer.owner
    assert isinstance(alloc, AllocOp)
    value.replace_all_uses_with(argument)
    if value is buffer:
        Rewriter.erase_op(alloc)
        return
    whole = view_of(argument, shape(buffer))
    Rewriter.replace_op(alloc, whole)
    erase_views(argument)


def erase_views(buffer: SSAValue) -> None:
    """Erases the views of a buffer that nobody uses."""
    for view in reversed([*views(buffer)]):
        if not view.results[0].uses:
            Rewriter.erase_op(view)


@dataclass(frozen=True)
class QuantizedIOPass(ModulePass):
    """Drops the float or transposed boundary of a network."""

    name = "tinyml-quantized-io"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        for value in [port.value for port in network_inputs(function)]:
            while (layer := boundary_reader(value)) is not None:
                value = replace_argument(function, value, layer, "tinyml.input")
        for value in [port.value for port in network_outputs(function)]:
            while (layer := boundary_writer(value)) is not None:
                value = replace_argument(function, value, layer, "tinyml.output")
