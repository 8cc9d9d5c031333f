"""
NumPy semantics of the `memref` ops: buffers of layers, and what kernels do to them.

A buffer is a NumPy array, a view of a buffer is a view of that array, so that two
buffers in one arena share bytes here as they do on a core. Accesses out of bounds,
misaligned views and stores to constants are errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.layer import integers
from tinyml.dialects.views import dense_strides

Args = tuple[Any, ...]

GARBAGE = 0xAA
"""Every byte of memory that nothing was written to."""


def uninitialized(shape: Sequence[int], dtype: np.dtype[np.generic]) -> np.ndarray:
    """A new array of garbage: a result that depends on it is a bug, and repeatable."""
    array = np.empty(shape, dtype)
    array.reshape(-1).view(np.uint8)[...] = GARBAGE
    return array


def alloc_array(type: MemRefType, dynamic_sizes: Sequence[int]) -> np.ndarray:
    sizes = iter(dynamic_sizes)
    shape = [next(sizes) if n == DYNAMIC_INDEX else n for n in type.get_shape()]
    return uninitialized(shape, numpy_dtype(type.element_type))


def mixed(static: Attribute, dynamic: Sequence[int]) -> list[int]:
    """Numbers that are partly attributes, partly operands."""
    rest = iter(dynamic)
    return [
        next(rest) if number == DYNAMIC_INDEX else number for number in integers(static)
    ]


def offsets_sizes_strides(
    op: memref.SubviewOp | memref.ReinterpretCastOp, args: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """The three lists of a view; `args` are its operands after the source."""
    first, second = len(op.offsets), len(op.offsets) + len(op.sizes)
    return (
        mixed(op.static_offsets, args[:first]),
        mixed(op.static_sizes, args[first:second]),
        mixed(op.static_strides, args[second:]),
    )


def check_indices(array: np.ndarray, indices: Sequence[int]) -> None:
    """NumPy counts negative indices from the end; memory does not."""
    for index, size in zip(indices, array.shape, strict=True):
        if not 0 <= index < size:
            raise InterpretationError(f"indices {indices} of a buffer {array.shape}")


def bytes_view(
    source: np.ndarray,
    dtype: np.dtype[np.generic],
    start: int,
    shape: Sequence[int],
    strides: Sequence[int],
) -> np.ndarray:
    """The bytes of a dense array from `start` on, under another shape and type."""
    reach = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    end = start + (reach + 1) * dtype.itemsize
    # NumPy does not check offsets from below.
    if start < 0 or min(strides, default=0) < 0 or end > source.nbytes:
        raise InterpretationError(
            f"a view of the bytes {start} to {end} of {source.nbytes}"
        )
    return np.ndarray(
        shape,
        dtype,
        buffer=source,
        offset=start,
        strides=[stride * dtype.itemsize for stride in strides],
    )


def kept_dimensions(sizes: Sequence[int], shape: Sequence[int]) -> list[bool]:
    """Which dimensions a subview of these sizes keeps; of size 1 it may drop some."""
    surplus = len(sizes) - len(shape)
    wanted = list(shape)
    kept: list[bool] = []
    for size in sizes:
        drop = surplus > 0 and size == 1 and wanted[:1] != [1]
        surplus -= drop
        kept.append(not drop)
        if not drop and wanted.pop(0) not in (size, DYNAMIC_INDEX):
            raise InterpretationError(f"a view of sizes {sizes} is not of {shape}")
    return kept


@register_impls
class MemRefFunctions(InterpreterFunctions):
    @impl(memref.GetGlobalOp)
    def run_get_global(
        self, interpreter: Interpreter, op: memref.GetGlobalOp, args: Args
    ) -> PythonValues:
        found = find_global(op, op.name_)
        assert found is not None
        return (global_array(found),)

    @impl(memref.AllocOp)
    def run_alloc(
        self, interpreter: Interpreter, op: memref.AllocOp, args: Args
    ) -> PythonValues:
        return (alloc_array(op.memref.type, args),)

    @impl(memref.AllocaOp)
    def run_alloca(
        self, interpreter: Interpreter, op: memref.AllocaOp, args: Args
    ) -> PythonValues:
        return (alloc_array(op.memref.type, args),)

    @impl(memref.DeallocOp)
    def run_dealloc(
        self, interpreter: Interpreter, op: memref.DeallocOp, args: Args
    ) -> PythonValues:
        return ()

    @impl(memref.LoadOp)
    def run_load(
        self, interpreter: Interpreter, op: memref.LoadOp, args: Args
    ) -> PythonValues:
        array, *indices = args
        check_indices(array, indices)
        return (array.item(*indices),)

    @impl(memref.StoreOp)
    def run_store(
        self, interpreter: Interpreter, op: memref.StoreOp, args: Args
    ) -> PythonValues:
        value, array, *indices = args
        check_indices(array, indices)
        array[tuple(indices)] = value
        return ()

    @impl(memref.CopyOp)
    def run_copy(
        self, interpreter: Interpreter, op: memref.CopyOp, args: Args
    ) -> PythonValues:
        source, destination = args
        destination[...] = source
        return ()

    @impl(memref.ViewOp)
    def run_view(
        self, interpreter: Interpreter, op: memref.ViewOp, args: Args
    ) -> PythonValues:
        source, shift, *dynamic = args
        type = op.result.type
        sizes = iter(dynamic)
        shape = [next(sizes) if n == DYNAMIC_INDEX else n for n in type.get_shape()]
        dtype = numpy_dtype(type.element_type)
        view = bytes_view(source, dtype, shift, shape, dense_strides(shape))
        if not view.flags.aligned:
            raise InterpretationError(f"a view of {type} at byte {shift} is misaligned")
        return (view,)

    @impl(memref.SubviewOp)
    def run_subview(
        self, interpreter: Interpreter, op: memref.SubviewOp, args: Args
    ) -> PythonValues:
        source, *rest = args
        offsets, sizes, strides = offsets_sizes_strides(op, rest)
        ends = [o + (n - 1) * s for o, n, s in zip(offsets, sizes, strides)]
        check_indices(source, offsets)
        check_indices(source, ends)
        kept = kept_dimensions(sizes, op.result.type.get_shape())
        place = tuple(
            slice(offset, end + 1, stride) if keep else offset
            for offset, end, stride, keep in zip(offsets, ends, strides, kept)
        )
        return (source[place],)

    @impl(memref.ReinterpretCastOp)
    def run_reinterpret_cast(
        self, interpreter: Interpreter, op: memref.ReinterpretCastOp, args: Args
    ) -> PythonValues:
        source, *rest = args
        (offset,), sizes, strides = offsets_sizes_strides(op, rest)
        start = offset * source.itemsize
        return (bytes_view(source, source.dtype, start, sizes, strides),)
