"""
Inputs that a network asks for instead of finding them in its arena.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from xdsl.dialects import func
from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.utils.exceptions import DiagnosticException, VerifyException

from tinyml.dialects.attributes import TensorAttr
from tinyml.dialects.layer import LayerMemoryEffect, LayerOp, buffer_type, shape
from tinyml.dialects.scaling import verify_byte

READS_INPUT = "tinyml.reads_input"
"""
The attribute of a function that the network's user defines, and of its calls: the
number of the input that it reads.
"""

READ_INPUTS = "tinyml.read_inputs"
"""The attribute of a lowered network: the inputs that it asks for."""

Item = TypeVar("Item")


@irdl_op_definition
class ReadRowsOp(LayerOp):
    """
    Fills its output with an input of the network, row by row, by asking for it: `input`
    is its number among the model's inputs, the tensor what the model says of it. With
    `once` each row may be asked for only once, whole, and in order.

    ```mlir
    tinyml.read_rows outs(%x : memref<1x32x32x3xi8>) input 0
      tensor <"image", 5.000000e-01 : -1> once
    ```
    """

    name = "tinyml.read_rows"

    output = operand_def(MemRefType[IntegerType])
    input = prop_def(IntegerAttr[I64])
    tensor = prop_def(TensorAttr)
    once = opt_prop_def(UnitAttr)

    traits = traits_def(LayerMemoryEffect())
    assembly_format = (
        "`outs` `(` $output `:` type($output) `)` `input` $input `tensor` $tensor"
        " (`once` $once^)? attr-dict"
    )

    def __init__(
        self, output: SSAValue, input: int, tensor: TensorAttr, once: bool = False
    ):
        super().__init__(
            operands=[output],
            properties={
                "input": IntegerAttr(input, i64),
                "tensor": tensor,
                "once": UnitAttr() if once else None,
            },
        )

    @property
    def number(self) -> int:
        """Of the input among the model's."""
        return self.input.value.data

    @property
    def mode(self) -> str:
        """`stream` if rows come once, or else `callback`."""
        return "callback" if self.once is None else "stream"

    def access(self, index: int) -> None:
        """There is no input."""
        return None

    def verify_layer(self) -> None:
        if len(shape(self.output)) != 4 or shape(self.output)[0] != 1:
            raise VerifyException(f"{self.output.type} is not one image")
        verify_byte(self.output)
        if self.number < 0:
            raise VerifyException(f"input {self.number} is negative")


def note_input(function: func.FuncOp, op: ReadRowsOp, held: int) -> None:
    """
    Notes on a network that a layer is about to be lowered which asks for an input, and
    the bytes of the arena that hold what it has read.

    Raises DiagnosticException if another layer asks for it too.
    """
    old = noted_inputs(function)
    if op.number in old:
        raise DiagnosticException(f"two layers read input {op.number}")
    entry: dict[str, Attribute] = {
        "input": op.input,
        "tensor": op.tensor,
        "type": op.output.type,
        "mode": StringAttr(op.mode),
        "held": IntegerAttr(held, i64),
    }
    function.attributes[READ_INPUTS] = ArrayAttr([*old.values(), DictionaryAttr(entry)])


def noted_inputs(function: func.FuncOp) -> dict[int, DictionaryAttr]:
    """What `note_input` has noted, by the number of the input."""
    found: dict[int, DictionaryAttr] = {}
    noted = function.attributes.get(READ_INPUTS)
    if noted is None:
        return found
    assert isinstance(noted, ArrayAttr)
    for entry in noted:
        assert isinstance(entry, DictionaryAttr)
        number = entry.data["input"]
        assert isinstance(number, IntegerAttr)
        found[number.value.data] = entry
    return found


def asked_inputs(function: func.FuncOp) -> dict[int, MemRefType]:
    """The inputs that a network asks for, lowered or not, and their types."""
    found: dict[int, MemRefType] = {}
    for number, entry in noted_inputs(function).items():
        type = entry.data["type"]
        assert isinstance(type, MemRefType)
        found[number] = type
    for op in function.walk():
        if isinstance(op, ReadRowsOp):
            found[op.number] = buffer_type(op.output)
    return found


def in_model_order(resident: Sequence[Item], asked: Mapping[int, Item]) -> list[Item]:
    """
    All inputs in the order of the model: those that are asked for have their numbers,
    and the others take the rest.
    """
    count = len(resident) + len(asked)
    if wrong := [number for number in asked if number >= count]:
        raise DiagnosticException(
            f"the network reads input {wrong[0]}, but has {count} inputs"
        )
    rest = iter(resident)
    return [asked[i] if i in asked else next(rest) for i in range(count)]
