"""
What all layers of the `tinyml` dialect have in common.

A layer reads the buffers of its `ins`, overwrites the whole buffer of its `outs`, and
returns nothing. Passes ask it, through `LayerOp`, for its buffers, its work and its
spatial access, and never look at the class of an op to find them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import cast

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FixedBitwidthType,
    IntegerType,
    MemRefType,
    NoneAttr,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation
from xdsl.irdl.declarative_assembly_format import (
    AttributeVariable,
    CustomDirective,
    ParsingState,
    PrintingState,
    irdl_custom_directive,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import (
    EffectInstance,
    MemoryEffect,
    MemoryEffectKind,
    SymbolTable,
    SymbolUserOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.constants import ELEMENT_TYPES, find_global, is_unsigned
from tinyml.dialects.views import root

Shape = tuple[int, ...]

LARGEST_BUFFER = (1 << 31) - 1
"""Bytes; offsets in the generated C are 32-bit integers."""


def buffer_type(value: SSAValue) -> MemRefType:
    """The type of a value that an operand constraint already knows is a buffer."""
    assert isinstance(value.type, MemRefType)
    return value.type


def shape(value: SSAValue) -> Shape:
    """The shape of a buffer."""
    return buffer_type(value).get_shape()


def buffer_bytes(type: MemRefType) -> int:
    """Bytes of a buffer of static shape."""
    assert isinstance(type.element_type, FixedBitwidthType)
    return prod(type.get_shape()) * type.element_type.size


def integer_range(type: Attribute) -> tuple[int, int]:
    """Smallest and largest value of an integer type; signless counts as signed."""
    assert isinstance(type, IntegerType)
    if is_unsigned(type):
        return 0, (1 << type.width.data) - 1
    return -(1 << type.width.data - 1), (1 << type.width.data - 1) - 1


def integers(attr: Attribute) -> tuple[int, ...]:
    """The numbers of an `array<i64: ...>`."""
    assert isinstance(attr, DenseArrayBase)
    return tuple(cast("DenseArrayBase[I64]", attr).get_values())


class LayerMemoryEffect(MemoryEffect):
    """A layer reads its `ins` and writes its `outs`, and touches nothing else."""

    @classmethod
    def get_effects(cls, op: Operation) -> set[EffectInstance]:
        assert isinstance(op, LayerOp)
        reads = {EffectInstance(MemoryEffectKind.READ, v) for v in op.layer_inputs}
        return reads | {EffectInstance(MemoryEffectKind.WRITE, op.layer_output)}


class LayerSymbolUses(SymbolUserOpInterface):
    """The globals that a layer names exist and have the type that the layer needs."""

    def verify(self, op: Operation) -> None:
        assert isinstance(op, LayerOp)
        # xDSL verifies traits first, but the constants' types follow from the shapes.
        op.verify_alone()
        table = op.parent_op()
        while table is not None and not table.has_trait(SymbolTable):
            table = table.parent_op()
        if table is None:
            return
        for symbol, expected in op.constants().values():
            name = symbol.string_value()
            found = find_global(op, symbol)
            if found is None:
                raise VerifyException(f"@{name} is not a memref.global")
            if found.type != expected:
                raise VerifyException(f"@{name} is {found.type}, expected {expected}")
            if not isinstance(found.initial_value, DenseIntOrFPElementsAttr):
                raise VerifyException(f"@{name} has no value")
        op.verify_tables()


class LayerOp(IRDLOperation, ABC):
    """A layer: buffers in, one buffer out, everything else spelled on the op."""

    @property
    def layer_inputs(self) -> Sequence[SSAValue]:
        """The buffers that the layer reads, in the order of its zero points."""
        return self.operands[:-1]

    @property
    def layer_output(self) -> SSAValue:
        """The buffer that the layer writes, all of it."""
        return self.operands[-1]

    @abstractmethod
    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        """
        Which rows and which columns of input `index` an output row or column needs;
        None where the output's rows are not made of the input's rows.
        """

    def is_spatial(self, index: int) -> bool:
        """Whether output rows and columns are made of those of input `index`."""
        return self.access(index) is not None

    def macs(self) -> int:
        """Multiply-accumulates, as convolutions and fully connected layers count."""
        return 0

    def constants(self) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
        """The globals that the layer reads by name, and the type each has to have."""
        return {}

    @property
    def operand_names(self) -> tuple[str, ...]:
        """The names of the operands; those of a variadic operand are numbered."""
        defined = [name for name, _ in self.get_irdl_definition().operands]
        extra = len(self.operands) - len(defined)
        if extra == 0:
            return tuple(defined)
        first, *rest = defined
        return (*(f"{first}_{i}" for i in range(extra + 1)), *rest)

    def verify_tables(self) -> None:
        """Checks the content of those globals where compiling depends on it."""

    @abstractmethod
    def verify_layer(self) -> None:
        """Checks all that relates shapes, windows and numbers of this layer."""

    def verify_(self) -> None:
        self.verify_alone()

    def verify_alone(self) -> None:
        """Checks all that does not depend on the module around the layer."""
        for value in (*self.layer_inputs, self.layer_output):
            verify_buffer(value)
        if any(root(v) is root(self.layer_output) for v in self.layer_inputs):
            raise VerifyException(
                "the output is also an input; buffers share bytes only by their place "
                "in the arena"
            )
        self.verify_layer()


def verify_buffer(value: SSAValue) -> None:
    """What every buffer of a network has to be, to have a place in the arena."""
    type = buffer_type(value)
    if not type.has_static_shape() or any(n < 1 for n in type.get_shape()):
        raise VerifyException(f"{type} is not a non-empty static shape")
    if not isinstance(type.layout, NoneAttr):
        raise VerifyException(f"{type} is not densely packed")
    if type.element_type not in ELEMENT_TYPES.values():
        known = ", ".join(str(element) for element in ELEMENT_TYPES.values())
        raise VerifyException(f"{type} does not hold one of {known}")
    if buffer_bytes(type) > LARGEST_BUFFER:
        raise VerifyException(
            f"{type} has {buffer_bytes(type)} bytes, at most {LARGEST_BUFFER} are "
            "supported"
        )


def verify_has_dimensions(value: SSAValue) -> None:
    if not shape(value):
        raise VerifyException(f"{value.type} has no dimensions")


def verify_rank(rank: int, *values: SSAValue) -> None:
    for value in values:
        if len(shape(value)) != rank:
            raise VerifyException(f"{value.type} does not have {rank} dimensions")


def verify_same_shape(a: SSAValue, b: SSAValue) -> None:
    if shape(a) != shape(b):
        raise VerifyException(f"shapes {shape(a)} and {shape(b)} differ")


def verify_same_elements(a: SSAValue, b: SSAValue) -> None:
    a_type, b_type = buffer_type(a).element_type, buffer_type(b).element_type
    if a_type != b_type:
        raise VerifyException(f"element types {a_type} and {b_type} differ")


def verify_zero_points(zero_points: Attribute, *values: SSAValue) -> None:
    """One zero point per value, each in the range of the value's integers."""
    points = integers(zero_points)
    if len(points) != len(values):
        raise VerifyException(
            f"{len(points)} zero points for {len(values)} buffers (inputs, output)"
        )
    for point, value in zip(points, values, strict=True):
        verify_in_range("zero point", point, value)


def verify_in_range(what: str, number: int, value: SSAValue) -> None:
    low, high = integer_range(buffer_type(value).element_type)
    if not low <= number <= high:
        raise VerifyException(f"{what} {number} is not in [{low}, {high}]")


def verify_clamp(clamp: Attribute, output: SSAValue) -> None:
    numbers = integers(clamp)
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise VerifyException(f"clamp {list(numbers)} is not [low, high]")
    for number in numbers:
        verify_in_range("clamp", number, output)


@irdl_custom_directive
class Integers(CustomDirective):
    """Prints an `array<i64>` as `[1, 2]`."""

    values: AttributeVariable

    def parse(self, parser: Parser, state: ParsingState) -> None:
        numbers = parser.parse_comma_separated_list(
            parser.Delimiter.SQUARE, parser.parse_integer
        )
        self.values.set(state, DenseArrayBase.from_list(i64, numbers))

    def print(self, printer: Printer, state: PrintingState, op: IRDLOperation) -> None:
        state.print_whitespace(printer)
        attr = self.values.get(op)
        assert attr is not None
        with printer.in_square_brackets():
            printer.print_list(integers(attr), printer.print_int)
