"""
What outsiders need to know of a lowered network, read from its IR.

Expects a module after `tinyml-lower-arena`: everything stands in attributes of the
network's function and of the calls that its layers became.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    NameLoc,
    StringAttr,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.layer import buffer_bytes, buffer_type, integers
from tinyml.dialects.network import layer_calls
from tinyml.dialects.views import root
from tinyml.passes.arena import align_up
from tinyml.passes.kernel_costs import CYCLES
from tinyml.passes.layer_kind import ELEMENTS, KIND
from tinyml.passes.stage_plan import STAGE


@dataclass(frozen=True)
class PortInfo:
    """
    An input or output: where it lies in the arena, and what its numbers mean. An input
    that the network asks for has no place there.
    """

    label: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float | None
    zero_point: int
    at: int | None
    mode: str = "resident"
    """Or `callback` or `stream`, for an input that the network asks for."""
    held: int | None = None
    """Bytes of the arena that hold what the network has asked for."""

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def offset(self) -> int:
        """In the arena, of one that lies there."""
        assert self.at is not None
        return self.at


@dataclass(frozen=True)
class LayerInfo:
    """A layer: its operator in the model, its work, and where its output lies."""

    index: int
    """The operator's position in the model's file; the layer's own if it has none."""
    tensor: int | None
    """The number of the output in the model's file, if it is a tensor there."""
    position: int | None
    """The imported network's layer whose output this is (`tinyml-number-layers`)."""
    op: str
    name: str
    kernel: str
    kind: str
    """Layers of a kind do like work (`layer_kind`)."""
    macs: int
    elements: int
    """Of its largest input or of its output."""
    at: int
    size: int
    cycles_estimated: int | None = None
    """What its kernel is estimated to take, if that is known."""


@dataclass(frozen=True)
class StageInfo:
    """A stage: its layers, its decision, what its rings take, and its extra work."""

    ops: tuple[str, ...]
    kinds: tuple[str, ...]
    macs: tuple[int, ...]
    elements: tuple[int, ...]
    grid: tuple[int, ...]
    halo: tuple[str, ...]
    bytes: int
    extra_macs: int
    cycles_estimated: tuple[int, ...] | None = None
    """Of each layer, if all are known."""


@dataclass(frozen=True)
class NetworkInfo:
    """A lowered network. Sizes and offsets in bytes."""

    function: func.FuncOp
    arena_bytes: int
    inputs: tuple[PortInfo, ...]
    outputs: tuple[PortInfo, ...]
    layers: tuple[LayerInfo, ...]
    constants: dict[str, int]
    """Bytes of each constant in flash, with what its alignment adds."""
    stages: tuple[StageInfo, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """Of each kernel function the kind of its layer."""

    @property
    def module(self) -> ModuleOp:
        found = self.function.parent_op()
        assert isinstance(found, ModuleOp)
        return found

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def network_info(module: ModuleOp) -> NetworkInfo:
    """Raises DiagnosticException if the module is not lowered."""
    found = [
        op
        for op in module.ops
        if isinstance(op, func.FuncOp) and "tinyml.inputs" in op.attributes
    ]
    if len(found) != 1:
        raise DiagnosticException(
            "the pipeline does not end in a lowered network: it has to contain "
            "tinyml-plan-memory, tinyml-convert-layers-to-loops and tinyml-lower-arena"
        )
    function = found[0]
    return NetworkInfo(
        function,
        integer(function.attributes, "tinyml.arena_bytes"),
        ports(function.attributes["tinyml.inputs"]),
        ports(function.attributes["tinyml.outputs"]),
        tuple(layer_info(i, call) for i, call in enumerate(layer_calls(module))),
        {
            op.sym_name.data: constant_bytes(op)
            for op in module.ops
            if isinstance(op, memref.GlobalOp)
        },
        tuple(
            stage_info(found)
            for call in layer_calls(module)
            if isinstance(found := call.attributes.get(STAGE), DictionaryAttr)
        ),
        kernel_kinds(module),
    )


def kernel_kinds(module: ModuleOp) -> dict[str, str]:
    """Of each kernel function the kind of its layer."""
    return {
        op.sym_name.data: kind.data
        for op in module.ops
        if isinstance(op, func.FuncOp)
        and isinstance(kind := op.attributes.get(KIND), StringAttr)
    }


def stage_info(stage: DictionaryAttr) -> StageInfo:
    """From what `tinyml-lower-stages` leaves on the call of a stage."""
    data = stage.data
    return StageInfo(
        names(data["ops"]),
        names(data["kinds"]),
        integers(data["macs"]),
        integers(data["elements"]),
        integers(data["grid"]),
        names(data["halo"]),
        integer(dict(data), "bytes"),
        integer(dict(data), "extra_macs"),
        integers(data["cycles"]) if "cycles" in data else None,
    )


def names(attr: Attribute) -> tuple[str, ...]:
    assert isinstance(attr, ArrayAttr)
    return tuple(item.data for item in attr if isinstance(item, StringAttr))


def constant_bytes(op: memref.GlobalOp) -> int:
    """Bytes up to the next constant."""
    alignment = 1 if op.alignment is None else op.alignment.value.data
    return align_up(buffer_bytes(op.type), alignment)


def is_weight(symbol: str) -> bool:
    """
    Whether a constant is a layer's weights or bias, and not a table. Streams have
    factors behind the weights of each block.
    """
    return symbol.endswith(("_weights", "_bias", "_start", "_stream"))


def is_lookup(symbol: str) -> bool:
    """Whether a constant is a table of a function, and no parameter of a layer."""
    return not is_weight(symbol) and not symbol.endswith(("_requant", "_factors"))


def integer(
    attributes: dict[str, Attribute], key: str, default: int | None = None
) -> int:
    attr = attributes.get(key)
    if isinstance(attr, IntegerAttr):
        return attr.value.data
    if default is None:
        raise DiagnosticException(f"the lowered network has no {key}")
    return default


def ports(attr: Attribute) -> tuple[PortInfo, ...]:
    assert isinstance(attr, ArrayAttr)
    found: list[PortInfo] = []
    for item in attr:
        assert isinstance(item, DictionaryAttr)
        tensor, type = item.data["tensor"], item.data["type"]
        assert isinstance(tensor, TensorAttr)
        assert isinstance(type, MemRefType)
        scale, mode = tensor.scale, item.data.get("mode")
        assert mode is None or isinstance(mode, StringAttr)
        found.append(
            PortInfo(
                tensor.label.data,
                type.get_shape(),
                numpy_dtype(type.element_type),
                scale.value.data if isinstance(scale, FloatAttr) else None,
                tensor.zero_point.data,
                integer(dict(item.data), "at") if mode is None else None,
                "resident" if mode is None else mode.data,
                None if mode is None else integer(dict(item.data), "held"),
            )
        )
    return tuple(found)


def name_of(call: func.CallOp) -> str:
    """A layer's name in the model, or else its kernel's."""
    if isinstance(call.location, NameLoc):
        return call.location.desc.data
    return call.callee.string_value()


def layer_info(position: int, call: func.CallOp) -> LayerInfo:
    op = call.attributes["tinyml.op"]
    assert isinstance(op, StringAttr)
    output = call.operands[-1]
    tensor = integer(call.attributes, "tinyml.tensor", -1)
    imported = integer(call.attributes, "tinyml.position", -1)
    cycles = integer(call.attributes, CYCLES, -1)
    kernel = SymbolTable.lookup_symbol(call, call.callee)
    kind = kernel.attributes.get(KIND) if isinstance(kernel, func.FuncOp) else None
    return LayerInfo(
        integer(call.attributes, "tinyml.index", position),
        None if tensor < 0 else tensor,
        None if imported < 0 else imported,
        op.data,
        name_of(call),
        call.callee.string_value(),
        kind.data if isinstance(kind, StringAttr) else op.data.removeprefix("tinyml."),
        integer(call.attributes, "tinyml.macs", 0),
        integer(call.attributes, ELEMENTS, 0),
        arena_offset(output),
        buffer_bytes(buffer_type(output)),
        None if cycles < 0 else cycles,
    )


def arena_offset(buffer: SSAValue) -> int:
    """The offset of a buffer in the arena."""
    view = root(buffer).owner
    assert isinstance(view, memref.ViewOp)
    offset = view.byte_shift.owner
    assert isinstance(offset, arith.ConstantOp)
    assert isinstance(offset.value, IntegerAttr)
    return offset.value.value.data
