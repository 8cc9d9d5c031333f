"""NumPy semantics of the layers that move elements or change a map's resolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)

from tinyml.dialects.layer import integers, shape
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.dialects.resizing import ResizeBilinearOp, ResizeNearestOp, ResizeOp
from tinyml.interp.fixed_point import divide_half_away
from tinyml.interp.resampling import (
    FRACTION_BITS,
    bilinear_taps,
    nearest_indices,
)


def modes(op: ResizeOp) -> tuple[bool, bool]:
    """(align_corners, half_pixel)"""
    return op.align_corners is not None, op.half_pixel is not None


def nearest_places(op: ResizeNearestOp) -> tuple[np.ndarray, np.ndarray]:
    """The input row of each output row; likewise columns."""
    if op.rows is not None and op.columns is not None:
        rows, columns = integers(op.rows), integers(op.columns)
        return np.array(rows, np.int32), np.array(columns, np.int32)
    source, result = shape(op.input), shape(op.output)
    return (
        nearest_indices(source[1], result[1], *modes(op)),
        nearest_indices(source[2], result[2], *modes(op)),
    )


@register_impls
class MovingFunctions(InterpreterFunctions):
    @impl(PadOp)
    def run_pad(
        self, interpreter: Interpreter, op: PadOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        y[...] = op.value.value.data
        inside = tuple(
            slice(low, low + size)
            for low, size in zip(integers(op.low), x.shape, strict=True)
        )
        y[inside] = x
        return ()

    @impl(ConcatOp)
    def run_concat(
        self, interpreter: Interpreter, op: ConcatOp, args: tuple[Any, ...]
    ) -> PythonValues:
        *inputs, y = args
        y[...] = np.concatenate(inputs, axis=op.axis.value.data)
        return ()

    @impl(SliceOp)
    def run_slice(
        self, interpreter: Interpreter, op: SliceOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        places: list[np.ndarray] = [
            start + step * np.arange(size)
            for start, step, size in zip(
                integers(op.offsets), integers(op.strides), y.shape, strict=True
            )
        ]
        y[...] = x[np.ix_(*places)]
        return ()

    @impl(ReshapeOp)
    def run_reshape(
        self, interpreter: Interpreter, op: ReshapeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        y[...] = x.reshape(y.shape)
        return ()

    @impl(TransposeOp)
    def run_transpose(
        self, interpreter: Interpreter, op: TransposeOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        y[...] = x.transpose(integers(op.permutation))
        return ()

    @impl(ResizeNearestOp)
    def run_resize_nearest(
        self, interpreter: Interpreter, op: ResizeNearestOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        rows, columns = nearest_places(op)
        y[...] = x[:, rows][:, :, columns]
        return ()

    @impl(ResizeBilinearOp)
    def run_resize_bilinear(
        self, interpreter: Interpreter, op: ResizeBilinearOp, args: tuple[Any, ...]
    ) -> PythonValues:
        x, y = args
        rows = bilinear_taps(x.shape[1], y.shape[1], *modes(op))
        columns = bilinear_taps(x.shape[2], y.shape[2], *modes(op))
        one = 1 << FRACTION_BITS
        wide = x.astype(np.int64)
        down = rows[:, 2].astype(np.int64)[None, :, None, None]
        right = columns[:, 2].astype(np.int64)[None, None, :, None]
        upper, lower = wide[:, rows[:, 0]], wide[:, rows[:, 1]]
        blend = upper * (one - down) + lower * down
        blend = (
            blend[:, :, columns[:, 0]] * (one - right)
            + blend[:, :, columns[:, 1]] * right
        )
        y[...] = divide_half_away(blend, one * one)
        return ()
