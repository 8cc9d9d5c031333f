"""Changes of resolution as loops over the output."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.layer import shape
from tinyml.dialects.resizing import ResizeBilinearOp, ResizeNearestOp, ResizeOp
from tinyml.interp.moving import modes, nearest_places
from tinyml.interp.resampling import FRACTION_BITS, bilinear_taps
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.loops.moves import Line, Move, lower_move
from tinyml.passes.loops.operands import Lowerings, Operands, Tables


def sizes(op: ResizeOp) -> tuple[tuple[int, int], tuple[int, int]]:
    """(input, output) of the height and of the width."""
    source, result = shape(op.input), shape(op.output)
    return (source[1], result[1]), (source[2], result[2])


def nearest_tables(op: ResizeNearestOp) -> dict[str, np.ndarray]:
    """
    The input row of each output row, likewise columns; none where each element is
    repeated a whole number of times.
    """
    tables: dict[str, np.ndarray] = {}
    for name, (size, outputs), indices in zip(
        ("rows", "columns"), sizes(op), nearest_places(op), strict=True
    ):
        if repeats(indices, size, outputs) is None:
            tables[name] = indices
    return tables


def repeats(indices: np.ndarray, size: int, outputs: int) -> int | None:
    """How often each element is repeated, if all are equally often and in order."""
    times, rest = divmod(outputs, size)
    if rest == 0 and (indices == np.arange(outputs) // max(times, 1)).all():
        return times
    return None


def repeated(op: ResizeNearestOp) -> Move:
    """A copy that repeats each element a whole number of times."""
    batch, rows, columns, depth = shape(op.output)
    _, height, width, _ = shape(op.input)
    down, right = rows // height, columns // width
    pitch = columns * depth
    return Move(
        (
            Line(batch * height, width * depth, down * pitch),
            Line(down, 0, pitch),
            Line(width, depth, right * depth),
            Line(right, 0, depth),
            Line(depth, 1, 1),
        )
    )


def lower_resize_nearest(k: Kernel, op: ResizeNearestOp, operands: Operands) -> None:
    if k.part is None and not nearest_tables(op):
        lower_move(k, repeated(op), operands["input"], operands["output"])
        return
    x, y = k.image(operands, "input"), k.image(operands, "output")
    (height, rows), (width, columns) = sizes(op)
    batch, _, _, channels = shape(op.output)

    def source(name: str, i: SSAValue, size: int, outputs: int) -> SSAValue:
        if name in operands:
            return k.to_index(k.load(operands[name], i))
        return k.div(i, k.index(outputs // size))

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        iy = k.add(k.mul(n, k.index(height)), source("rows", oy, height, rows))
        row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            place = k.pixel(x, iy, source("columns", ox, width, columns))
            target = k.pixel(y, row, ox)

            def element(at: tuple[SSAValue, ...]) -> None:
                k.store(k.load(x.pixels, place, *at), y.pixels, target, *at)

            k.nest([channels], element, ["c"])

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)


def bilinear_tables(op: ResizeBilinearOp) -> dict[str, np.ndarray]:
    """Lower and upper input row and position between them; likewise columns."""
    along_h, along_w = sizes(op)
    return {
        "rows": bilinear_taps(*along_h, *modes(op)),
        "columns": bilinear_taps(*along_w, *modes(op)),
    }


def lower_resize_bilinear(k: Kernel, op: ResizeBilinearOp, operands: Operands) -> None:
    x, y = k.image(operands, "input"), k.image(operands, "output")
    batch, rows, columns, channels = shape(op.output)
    height = shape(op.input)[1]
    one, half = k.i32(1 << FRACTION_BITS), k.i32(1 << (2 * FRACTION_BITS - 1))

    def taps(name: str, i: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue]:
        lower, upper, position = (
            k.load(operands[name], i, k.index(part)) for part in range(3)
        )
        return k.to_index(lower), k.to_index(upper), position

    def output_row(n: SSAValue, oy: SSAValue) -> None:
        y0, y1, down = taps("rows", oy)
        up = k.sub(one, down)
        first = k.mul(n, k.index(height))
        row = k.add(k.mul(n, k.index(rows)), oy)

        def output_pixel(ox: SSAValue) -> None:
            x0, x1, right = taps("columns", ox)
            left = k.sub(one, right)
            corners = [
                (k.pixel(x, k.add(first, y0), ix), k.pixel(x, k.add(first, y1), ix))
                for ix in (x0, x1)
            ]
            target = k.pixel(y, row, ox)

            def element(c: SSAValue) -> None:
                def column(upper: SSAValue, lower: SSAValue) -> SSAValue:
                    """The blend of two rows, with 10 fractional bits."""
                    above = k.mul(k.load_i32(x.pixels, upper, c), up)
                    return k.add(above, k.mul(k.load_i32(x.pixels, lower, c), down))

                parts = [column(*corner) for corner in corners]
                total = k.add(k.mul(parts[0], left), k.mul(parts[1], right), "total")
                positive = k.compare("sgt", total, k.i32(0))
                nudged = k.select(positive, k.add(total, half), k.sub(total, half))
                value = k.div(nudged, k.i32(1 << (2 * FRACTION_BITS)))
                k.store(value, y.pixels, target, c)

            k.nest([channels], lambda at: element(*at), ["c"])

        k.over_columns(columns, output_pixel)

    k.over_rows(batch, rows, output_row)


LOWERINGS: Lowerings = {
    ResizeBilinearOp: lower_resize_bilinear,
    ResizeNearestOp: lower_resize_nearest,
}
TABLES: Tables = {
    ResizeBilinearOp: bilinear_tables,
    ResizeNearestOp: nearest_tables,
}
