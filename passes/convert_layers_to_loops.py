"""
Turns each layer into a call of a kernel function that holds its loops.

Expects a network of `tinyml` layers. Guarantees that only `func`, `scf`, `memref` and
`arith` ops compute afterwards (buffers stay `tinyml.alloc` until
`tinyml-lower-arena`), that integers are signless, and that each call carries the
layer's discardable attributes and location, with `tinyml.op`, `tinyml.macs` and
`tinyml.elements` added; functions have the layer's `tinyml.kind` (`layer_kind.py`).

A kernel takes the layer's inputs, its constants and its output as arguments, in that
order, and holds nothing of the network but the layer's own numbers.

Before:

    tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)

After:

    func.func private @layer_00_reshape(%input: memref<1x4xi8>, %output: memref<4xi8>)
    ...
    func.call @layer_00_reshape(%x, %y) {tinyml.op = "tinyml.reshape", ...}

Not handled: layers inside of regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    UnrealizedConversionCastOp,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import constant_global
from tinyml.dialects.kernel import Method, Traversal, is_shared, kernel_of
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.reading import ReadRowsOp, note_input
from tinyml.dialects.tinyml import (
    AllocOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    PReluOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.dialects.views import view_of
from tinyml.dialects.weighted import WeightedOp
from tinyml.passes.constant_pool import erase_unused_constants, globals_of
from tinyml.passes.count_macs import counter
from tinyml.passes.failure import FailedAtOp
from tinyml.passes.kernel_scratch import SCRATCH_AT, kernel_scratch
from tinyml.passes.layer_kind import ELEMENTS, KIND, layer_elements, layer_kind
from tinyml.passes.loops import (
    elementwise,
    log_softmax,
    moving,
    pooling,
    reading,
    resizing,
    scaling,
    softmax,
    weighted,
)
from tinyml.passes.loops.depthwise_by_channels import lower_by_channels
from tinyml.passes.loops.depthwise_direct import (
    direct_constants,
    direct_tables,
    lower_depthwise_direct,
)
from tinyml.passes.loops.depthwise_dot import depthwise_tables, lower_depthwise_dot
from tinyml.passes.loops.depthwise_planar import lower_planar, planar_tables
from tinyml.passes.loops.dot import dot_tables, lower_dot
from tinyml.passes.loops.fully_connected_dot import is_row, lower_rows, row_tables
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.operands import Lowerings, Operands, Tables
from tinyml.passes.loops.shared_dot import has_shared_dot, lower_shared_dot
from tinyml.passes.loops.winograd import lower_winograd, winograd_tables

LOWERINGS: Lowerings = {
    **elementwise.LOWERINGS,
    **log_softmax.LOWERINGS,
    **moving.LOWERINGS,
    **pooling.LOWERINGS,
    **reading.LOWERINGS,
    **resizing.LOWERINGS,
    **scaling.LOWERINGS,
    **softmax.LOWERINGS,
    **weighted.LOWERINGS,
}
TABLES: Tables = {
    **elementwise.TABLES,
    **log_softmax.TABLES,
    **resizing.TABLES,
    **softmax.TABLES,
}


REVERSIBLE = frozenset(
    {
        *elementwise.LOWERINGS,
        *pooling.LOWERINGS,
        *resizing.LOWERINGS,
        *scaling.LOWERINGS,
        *weighted.LOWERINGS,
        ReshapeOp,
        SliceOp,
        TransposeOp,
    }
)
"""Layers whose loops over outputs may run backwards as well (`Kernel.nest`)."""


def scratch_offset(op: LayerOp) -> int | None:
    """Where the plan has put a layer's scratch memory, if there is a plan."""
    at = op.attributes.get(SCRATCH_AT)
    return at.value.data if isinstance(at, IntegerAttr) else None


def packs_rows(op: LayerOp) -> TypeGuard[WeightedOp]:
    """Whether a kernel takes rows of activations and packed weights."""
    fast = kernel_of(op).method in (Method.DOT, Method.DIRECT)
    return fast and isinstance(op, WeightedOp) and is_row(op)


def takes_groups(op: LayerOp) -> TypeGuard[DepthwiseConv2DOp]:
    """Whether a kernel takes groups of channels of the buffers as they are."""
    direct = kernel_of(op).method is Method.DIRECT
    return direct and isinstance(op, DepthwiseConv2DOp)


def lowering(op: LayerOp) -> Callable[[Kernel, Any, Operands], None]:
    """What builds the loops of a layer's kernel."""
    kernel = kernel_of(op)
    if kernel.method is Method.PLANAR:
        return lower_planar
    if kernel.method is Method.WINOGRAD:
        return lower_winograd
    if packs_rows(op):
        return lower_rows
    if kernel.method is Method.DIRECT and is_shared(op) and has_shared_dot(op):
        return lower_shared_dot
    if takes_groups(op):
        return lower_depthwise_direct
    if kernel.method in (Method.DOT, Method.DIRECT):
        return lower_dot if isinstance(op, Conv2DOp) else lower_depthwise_dot
    by_channels = kernel.traversal is Traversal.CHANNELS
    return lower_by_channels if by_channels else LOWERINGS[type(op)]


def named_constants(op: LayerOp) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
    """The constants that a kernel reads as the layer names them."""
    if takes_groups(op):
        needed = direct_constants(op)
        return {name: value for name, value in op.constants().items() if name in needed}
    method = kernel_of(op).method
    words = method in (Method.DOT, Method.DIRECT)
    packed = words and isinstance(op, Conv2DOp)
    packed = packed or packs_rows(op)
    packed = packed or method in (Method.PLANAR, Method.WINOGRAD)
    if isinstance(op, PReluOp):
        packed = bool(lookup_tables(op))
    return {} if packed else op.constants()


def lookup_tables(op: LayerOp) -> dict[str, np.ndarray]:
    """Tables that a kernel reads and the layer implies."""
    if kernel_of(op).method is Method.PLANAR:
        assert isinstance(op, DepthwiseConv2DOp)
        return planar_tables(op)
    if takes_groups(op):
        return direct_tables(op)
    if kernel_of(op).method is Method.WINOGRAD:
        assert isinstance(op, Conv2DOp)
        return winograd_tables(op)
    if packs_rows(op):
        return row_tables(op)
    if kernel_of(op).method in (Method.DOT, Method.DIRECT):
        assert isinstance(op, Conv2DOp | DepthwiseConv2DOp)
        packed = isinstance(op, Conv2DOp)
        return dot_tables(op) if packed else depthwise_tables(op)
    return TABLES[type(op)](op) if type(op) in TABLES else {}


def signless(type: Attribute) -> Attribute:
    """The type with signless integers, as `arith` needs them."""
    match type:
        case IntegerType(width=width):
            return IntegerType(width.data)
        case MemRefType(element_type=element):
            return MemRefType(signless(element), type.get_shape(), type.layout)
        case _:
            return type


@dataclass
class Outliner:
    """Moves the layers of one module into kernel functions."""

    module: ModuleOp
    network: func.FuncOp

    def outline(self, number: int, op: LayerOp) -> None:
        """Replaces one layer by a call of its kernel."""
        name = f"layer_{number:02}_{op.name.removeprefix('tinyml.')}"
        constants: dict[str, memref.GetGlobalOp] = {
            key: memref.GetGlobalOp(symbol, type)
            for key, (symbol, type) in named_constants(op).items()
        }
        for key, array in lookup_tables(op).items():
            table = constant_global(f"{name}_{key}", array)
            Rewriter.insert_op(table, InsertPoint.before(self.network))
            constants[key] = memref.GetGlobalOp(table.sym_name.data, table.type)
        *inputs, output = op.operands
        *input_names, output_name = op.operand_names
        values = [*inputs, *(c.memref for c in constants.values())]
        names = [*input_names, *constants]
        if size := kernel_scratch(op):
            scratch = AllocOp(MemRefType(i8, [size]), scratch_offset(op))
            scratch.buffer.name_hint = "scratch"
            Rewriter.insert_op(scratch, InsertPoint.before(op))
            values.append(scratch.buffer)
            names.append("scratch")
        values.append(output)
        names.append(output_name)
        self.build_kernel(name, op, names, values)
        call = func.CallOp(name, values, [])
        call.location = op.location
        call.attributes |= op.attributes
        call.attributes["tinyml.op"] = StringAttr(op.name)
        call.attributes["tinyml.macs"] = IntegerAttr(op.macs(), i64)
        call.attributes[ELEMENTS] = IntegerAttr(layer_elements(op), i64)
        Rewriter.replace_op(op, [*constants.values(), call], [])

    def build_kernel(
        self, name: str, op: LayerOp, names: list[str], values: list[SSAValue]
    ) -> None:
        block = Block(arg_types=[signless(value.type) for value in values])
        for argument, hint in zip(block.args, names, strict=True):
            argument.name_hint = hint
        traversal = kernel_of(op).traversal
        backward = traversal is Traversal.BACKWARD
        kernel = Kernel(block, backward, counter(self.network))
        operands: Operands = dict(zip(names, block.args, strict=True))
        lowering(op)(kernel, op, operands)
        kernel.builder.insert(func.ReturnOp())
        types = [argument.type for argument in block.args]
        function = func.FuncOp(name, (types, []), Region(block), visibility="private")
        function.attributes["no_inline"] = UnitAttr()
        function.attributes[KIND] = StringAttr(layer_kind(op))
        function.location = op.location
        Rewriter.insert_op(function, InsertPoint.before(self.network))


def make_signless(function: func.FuncOp) -> None:
    """
    Gives every buffer of the network's body signless elements. An argument whose type
    changes keeps the model's one as `tinyml.type`.
    """
    arguments = function.body.block.args
    old = function.arg_attrs or [DictionaryAttr({}) for _ in arguments]
    function.arg_attrs = ArrayAttr(
        DictionaryAttr({**attributes.data, "tinyml.type": argument.type})
        if signless(argument.type) != argument.type
        else attributes
        for argument, attributes in zip(arguments, old, strict=True)
    )
    values = [*arguments]
    values += [result for op in function.body.block.ops for result in op.results]
    for value in values:
        if signless(value.type) != value.type:
            Rewriter.replace_value_with_new_type(value, signless(value.type))
    function.update_function_type()
    for op in [*function.body.block.ops]:
        # Bytes of an unsigned buffer are a view of it from now on.
        if isinstance(op, UnrealizedConversionCastOp):
            (source,), (result,) = op.inputs, op.outputs
            Rewriter.replace_op(op, view_of(source, buffer_type(result).get_shape()))


def make_constant_signless(op: memref.GlobalOp) -> None:
    """Gives a constant that layers read as a buffer signless elements."""
    if signless(op.type) == op.type:
        return
    element, size = signless(op.type.element_type), op.type.get_shape()
    assert isinstance(element, IntegerType)
    op.properties["type"] = MemRefType(element, size)
    if isinstance(value := op.initial_value, DenseIntOrFPElementsAttr):
        op.properties["initial_value"] = DenseIntOrFPElementsAttr(
            TensorType(element, size), value.data
        )


@dataclass(frozen=True)
class ConvertLayersToLoopsPass(ModulePass):
    """Turns each layer into a call of a kernel function that holds its loops."""

    name = "tinyml-convert-layers-to-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        for layer in layers(network):
            if type(layer) not in LOWERINGS:
                raise FailedAtOp(
                    layer, f"{layer.name} is not a layer that has loops; lower it first"
                )
        outliner = Outliner(op, network)
        for number, layer in enumerate(layers(network)):
            if isinstance(layer, ReadRowsOp):
                note_input(network, layer, buffer_bytes(buffer_type(layer.output)))
            outliner.outline(number, layer)
        reading.declare_readers(op)
        make_signless(network)
        for constant in globals_of(op).values():
            make_constant_signless(constant)
        erase_unused_constants(op)
