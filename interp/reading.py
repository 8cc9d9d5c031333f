"""Inputs that a network asks for: the layer, and the function that users define."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    impl_callable,
    register_impls,
)
from xdsl.interpreters.func import FuncFunctions
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects.reading import READS_INPUT, ReadRowsOp
from tinyml.interp.owners import OwnedArray

Inputs = Mapping[int, np.ndarray]
"""The inputs that a network asks for, by their numbers among the model's."""


@register_impls
class ReadRowsFunctions(InterpreterFunctions):
    def __init__(self, inputs: Inputs):
        super().__init__()
        self.inputs = inputs

    @impl(ReadRowsOp)
    def run_read_rows(
        self, interpreter: Interpreter, op: ReadRowsOp, args: tuple[Any, ...]
    ) -> PythonValues:
        (output,) = args
        output[...] = self.inputs[op.number]
        return ()


@register_impls
class CallFunctions(FuncFunctions):
    """Functions; of those that are declared only, hooks do nothing, readers read."""

    def __init__(self, inputs: Inputs):
        super().__init__()
        self.inputs = inputs

    @impl_callable(func.FuncOp)
    def call_func(
        self, interpreter: Interpreter, op: func.FuncOp, args: tuple[Any, ...]
    ) -> PythonValues:
        if op.is_declaration and "tinyml.hook" in op.attributes:
            return ()
        number = op.attributes.get(READS_INPUT)
        if op.is_declaration and isinstance(number, IntegerAttr):
            read_pixels(self.inputs[number.value.data], *args)
            return ()
        return super().call_func(interpreter, op, args)


def read_pixels(
    image: np.ndarray,
    row: int,
    column: int,
    columns: int,
    pixels: np.ndarray | OwnedArray,
) -> None:
    """Copies some pixels of a row of an image."""
    _, rows, width, _ = image.shape
    if not (0 <= row < rows and 0 <= column <= column + columns <= width):
        raise InterpretationError(
            f"{columns} pixels from {row}, {column} on of an image {image.shape}"
        )
    data = image[0, row, column : column + columns].reshape(-1).view(np.int8)
    if isinstance(pixels, OwnedArray):
        start = pixels.place([0]).start
        pixels.arena.owners[start : start + data.size] = pixels.buffer
        pixels = pixels.values
    pixels[...] = data
