"""
The tiles of Winograd's minimal filtering: what a block of outputs sees of an input, put
together and transformed.

What neighbouring tiles see, with the zero point where that is over the border, is
copied into scratch memory, the *patch*. Its transform is 16 numbers for each tile and
channel, two channels in the halves of a word (`WinogradPlan.place`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, i8
from xdsl.ir import SSAValue

from tinyml.dialects.acle import (
    LoadWordOp,
    Sadd16Op,
    Ssub16Op,
    StoreWordOp,
    Sxtb16Op,
)
from tinyml.dialects.layer import buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import QUAD, padded
from tinyml.passes.loops.kernel import Carried, Image, Kernel
from tinyml.passes.loops.winograd_plan import WORD, WinogradPlan
from tinyml.passes.winograd_packing import OUTPUTS, ROWS, TILE

COPIED, MOVED = 24, 8
"""Words that are copied without a loop, and in a turn of one; and at a time."""


def scratch_part(
    k: Kernel, scratch: SSAValue, start: int, size: int, name: str
) -> SSAValue:
    """A part of the scratch memory."""
    view = memref.ViewOp(scratch, k.index(start), [], MemRefType(i8, [size]))
    return k.insert(view, name)


class Tiles:
    """What makes the transformed tiles of a block in a kernel under construction."""

    def __init__(self, k: Kernel, op: Conv2DOp, x: Image, scratch: SSAValue):
        self.k, self.op, self.x, self.scratch = k, op, x, scratch
        self.plan = WinogradPlan.of(op)
        self.bytes = k.reshape(x.pixels, [buffer_bytes(buffer_type(x.pixels))])
        start, size = self.plan.transformed, self.plan.patch
        self.patch = scratch_part(k, scratch, start, size, "patch")

    # The patch

    def gather(self, n: SSAValue, oy: SSAValue, ox: SSAValue, j: SSAValue) -> None:
        """Puts together what block `j` of a row of blocks sees."""
        k, plan = self.k, self.plan
        _, height, width, _ = shape(self.op.input)
        along_h, along_w = self.op.window.axes
        y0 = k.sub(oy, k.index(along_h.pad_before))
        x0 = k.sub(ox, k.index(along_w.pad_before))
        row = k.add(k.mul(n, k.index(height)), y0)
        above = None
        if along_h.pad_before or along_h.pad_after:
            above = self.within(y0, k.index(height - TILE + 1))

        def seen(start: int) -> tuple[int, int]:
            first = start - along_w.pad_before
            low = min(max(0, -first), plan.columns)
            return low, max(low, min(plan.columns, width - first))

        def rows(low: int, high: int) -> None:
            def whole(r: SSAValue, _: Carried) -> None:
                self.patch_row(r, k.pixel(self.x, k.add(row, r), x0), low, high)

            def one(r: SSAValue, _: Carried) -> None:
                def inside() -> None:
                    def once(_: SSAValue, __: Carried) -> None:
                        whole(r, ())

                    k.loop(0, 1, once, hint="once", hot=True)

                def outside() -> None:
                    def once(_: SSAValue, __: Carried) -> None:
                        self.patch_row(r, None, 0, 0)

                    k.loop(0, 1, once, hint="once", hot=True)

                k.either(self.within(k.add(y0, r), k.index(height)), inside, outside)

            k.either(
                above,
                lambda: void(k.loop(0, TILE, whole, hint="r", hot=True)),
                lambda: void(k.loop(0, TILE, one, hint="r")),
            )

        starts = plan.starts(shape(self.op.output)[2], True)
        runs = [(kind, len(list(run))) for kind, run in groupby(map(seen, starts))]

        def choose(runs: Sequence[tuple[tuple[int, int], int]], first: int) -> None:
            (kind, count), *rest = runs
            if not rest:
                rows(*kind)
                return
            end = first + count
            is_here = k.compare("slt", j, k.index(end))
            k.either(is_here, lambda: rows(*kind), lambda: choose(rest, end))

        choose(runs, 0)

    def within(self, value: SSAValue, end: SSAValue) -> SSAValue:
        k = self.k
        low = k.compare("sge", value, k.index(0))
        return k.both(low, k.compare("slt", value, end))

    def patch_row(
        self, r: SSAValue, pixel: SSAValue | None, low: int, high: int
    ) -> None:
        """
        A row of the patch: the columns from `low` up to `high` are in the image, of
        which `pixel` would be the first column.
        """
        k, depth = self.k, shape(self.op.input)[3]
        channels, columns = self.plan.turns.channels, self.plan.columns
        target = k.mul(r, k.index(columns * channels))
        self.fill(target, low * channels)
        self.fill(k.add(target, k.index(high * channels)), (columns - high) * channels)
        if pixel is None or low == high:
            return
        source = k.mul(k.add(pixel, k.index(low)), k.index(depth))
        target = k.add(target, k.index(low * channels))
        if depth == channels:
            self.copy(source, target, (high - low) * depth)
            return

        def column(c: SSAValue, _: Carried) -> None:
            to = k.add(target, k.mul(c, k.index(channels)))
            self.copy(k.add(source, k.mul(c, k.index(depth))), to, depth)
            end = padded(depth, WORD)
            for e in range(depth, end):
                k.store(k.integer(0, i8), self.patch, k.add(to, k.index(e)))
            self.fill(k.add(to, k.index(end)), channels - end)

        k.loop(0, high - low, column, hint="c")

    def words(self, count: int, body: Callable[[SSAValue, int], None]) -> None:
        """`body(first, number)` for words, a few at a time."""
        k = self.k
        turns = count // COPIED
        if turns:
            k.loop(
                0,
                turns * COPIED,
                lambda i, _: body(i, COPIED),
                hint="i",
                step=COPIED,
            )
        if rest := count - turns * COPIED:
            body(k.index(turns * COPIED), rest)

    def fill(self, target: SSAValue, size: int) -> None:
        """Zero points."""
        k = self.k
        zero_point = integers(self.op.zero_points)[0] & 0xFF
        word = k.integer(zero_point * 0x01010101, k.i32(0).type)

        def store(first: SSAValue, number: int) -> None:
            for i in range(number):
                at = k.mul(k.add(first, k.index(i)), k.index(WORD))
                self.store(word, self.patch, k.add(target, at))

        self.words(size // WORD, store)

    def copy(self, source: SSAValue, target: SSAValue, size: int) -> None:
        k = self.k

        def move(first: SSAValue, number: int) -> None:
            places = [
                k.mul(k.add(first, k.index(i)), k.index(WORD)) for i in range(number)
            ]
            for start in range(0, number, MOVED):
                some = places[start : start + MOVED]
                words = [LoadWordOp(self.bytes, k.add(source, at)) for at in some]
                values = [k.insert(word, "x") for word in words]
                for value, at in zip(values, some, strict=True):
                    self.store(value, self.patch, k.add(target, at))

        self.words(size // WORD, move)
        for e in range(size // WORD * WORD, size):
            value = k.load(self.bytes, k.add(source, k.index(e)))
            k.store(value, self.patch, k.add(target, k.index(e)))

    def store(self, word: SSAValue, buffer: SSAValue, at: SSAValue) -> None:
        self.k.builder.insert(StoreWordOp(word, buffer, at, True))

    # The transform of tiles

    def transform(self) -> None:
        """Of the patch, four channels at a time, two in the halves of a word."""
        k, turns = self.k, self.plan.turns

        def quad(turn: SSAValue, q: SSAValue) -> None:
            for odd in range(2):
                self.transform_pair(turn, q, odd)

        def turn(turn: SSAValue, _: Carried) -> None:
            k.loop(0, turns.words // 2, lambda q, _: quad(turn, q), hint="q")

        k.loop(0, turns.count, turn, hint="turn", hot=True)

    def transform_pair(self, turn: SSAValue, q: SSAValue, odd: int) -> None:
        """
        Channels 0 and 2, or 1 and 3, of four. Along the tiles columns are combined as
        they come: each is part of two tiles.
        """
        older, old = self.column(turn, q, odd, 0), self.column(turn, q, odd, 1)
        for tile in range(self.plan.tiles):
            for first in (2, 3):
                new = self.column(turn, q, odd, tile * OUTPUTS + first)
                for i in range(TILE):
                    at = turn, q, odd, tile, i
                    if first == 2:
                        self.put(*at, 0, self.halves(Ssub16Op, older[i], new[i]))
                        self.put(*at, 1, self.halves(Sadd16Op, old[i], new[i]))
                        self.put(*at, 2, self.halves(Ssub16Op, new[i], old[i]))
                    else:
                        self.put(*at, 3, self.halves(Ssub16Op, older[i], new[i]))
                older, old = old, new

    def halves(
        self, kind: type[Sadd16Op | Ssub16Op], a: SSAValue, b: SSAValue
    ) -> SSAValue:
        return self.k.insert(kind(a, b), "v")

    def column(
        self, turn: SSAValue, q: SSAValue, odd: int, column: int
    ) -> list[SSAValue]:
        """A column of the patch, combined along itself."""
        k, plan = self.k, self.plan
        quads = k.add(k.mul(turn, k.index(plan.turns.words // 2)), q)
        found: list[SSAValue] = []
        for r in range(TILE):
            pixel = (r * plan.columns + column) * plan.turns.channels
            at = k.add(k.mul(quads, k.index(QUAD)), k.index(pixel))
            word = k.insert(LoadWordOp(self.patch, at, True), "quad")
            found.append(k.insert(Sxtb16Op(word, 8 * odd), "x"))
        a, b, c, d = found
        return [
            self.halves(Ssub16Op, a, c),
            self.halves(Sadd16Op, b, c),
            self.halves(Ssub16Op, c, b),
            self.halves(Ssub16Op, b, d),
        ]

    def put(
        self,
        turn: SSAValue,
        q: SSAValue,
        odd: int,
        tile: int,
        row: int,
        column: int,
        value: SSAValue,
    ) -> None:
        k, plan = self.k, self.plan
        fixed = plan.place(column, ROWS.index(row), 0, odd) + tile * WORD
        at = k.add(
            k.mul(turn, k.index(plan.place(0, 0, 1, 0))),
            k.mul(q, k.index(plan.place(0, 0, 0, 2))),
        )
        self.store(value, self.scratch, k.add(at, k.index(fixed)))


def void(_: object) -> None:
    """Drops a result."""
