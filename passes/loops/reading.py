"""Inputs that are asked for, row by row, of a function that the user defines."""

from __future__ import annotations

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import MemRefType, ModuleOp, i8
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.layer import shape
from tinyml.dialects.reading import READS_INPUT, ReadRowsOp
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.operands import Lowerings, Operands


def lower_read_rows(k: Kernel, op: ReadRowsOp, operands: Operands) -> None:
    """`read_rows_N(row, column, columns, pixels)` for each row of input N."""
    batch, rows, columns, channels = shape(op.output)
    image = k.image(operands, "output")
    data = k.flat(image.pixels)
    part = k.part
    first = k.index(0) if part is None else part.x
    count = columns if part is None else part.columns
    type = MemRefType(i8, [count * channels])

    def row(_: SSAValue, y: SSAValue) -> None:
        at = k.mul(k.pixel(image, y, first), k.index(channels))
        pixels = k.insert(memref.ViewOp(data, at, [], type), "pixels")
        numbers = [k.to_i32(y), k.to_i32(first), k.i32(count)]
        call = func.CallOp(f"read_rows_{op.number}", [*numbers, pixels], [])
        call.attributes[READS_INPUT] = op.input
        k.builder.insert(call)

    k.over_rows(batch, rows, row)


def declare_readers(module: ModuleOp) -> None:
    """Declares the functions that `lower_read_rows` calls, which the user defines."""
    known = {op.sym_name.data for op in module.ops if isinstance(op, func.FuncOp)}
    for call in [op for op in module.walk() if isinstance(op, func.CallOp)]:
        name = call.callee.string_value()
        if READS_INPUT not in call.attributes or name in known:
            continue
        known.add(name)
        types = [value.type for value in call.operands]
        reader = func.FuncOp.external(name, types, [])
        reader.attributes[READS_INPUT] = call.attributes[READS_INPUT]
        Rewriter.insert_op(reader, InsertPoint.at_start(module.body.block))


LOWERINGS: Lowerings = {ReadRowsOp: lower_read_rows}
