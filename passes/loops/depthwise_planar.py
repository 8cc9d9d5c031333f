"""
A depthwise convolution on planar rows (`depthwise_plan.py`), a few channels at a time.

The rows of four channels are copied, then each channel's filter goes over them: tiles
of four outputs, whose products are taken two at once (`depthwise_taps.py`). Words of
weights, the start value of the sums, into which the zero point is folded, and the
factors of requantization of a channel are one stream.

All pixels of some channels are made before the next ones are looked at, so the output
may take the input's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypeGuard, cast

import numpy as np
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import (
    LoadWordOp,
    PkhbtOp,
    PkhtbOp,
    SmlabbOp,
    SmlabtOp,
    SmladOp,
    SmlatbOp,
    SmlattOp,
    StoreWordOp,
    Sxtb16Op,
)
from tinyml.dialects.layer import LayerOp, buffer_type, integers, shape
from tinyml.dialects.weighted import DepthwiseConv2DOp
from tinyml.passes.loops.depthwise_plan import LANES, WORD, PlanarPlan
from tinyml.passes.loops.depthwise_tiles import Step, Weight, Word
from tinyml.passes.loops.high_products import (
    high_factors,
    high_requantized,
    start_values,
)
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands
from tinyml.passes.loops.weighted import constant_array

MOVED = 8
"""Words that are loaded before they are stored somewhere else."""

STRAIGHT = 4
"""Words of a planar row that are copied without a loop."""

HALVES = {
    None: SmladOp,
    (0, 0): SmlabbOp,
    (0, 1): SmlabtOp,
    (1, 0): SmlatbOp,
    (1, 1): SmlattOp,
}
"""What multiplies which halves of activations and weights."""


def has_planar(op: LayerOp) -> TypeGuard[DepthwiseConv2DOp]:
    """Whether there is this kernel for a layer."""
    return isinstance(op, DepthwiseConv2DOp) and high_factors(op) is not None


def planar_tables(op: DepthwiseConv2DOp) -> dict[str, np.ndarray]:
    """What the kernel reads: for each output channel its stream."""
    factors = high_factors(op)
    assert factors is not None
    plan = PlanarPlan.of(op)
    taps = constant_array(op, "weights").astype(np.int64)
    words = [start_values(op), *factors.T.astype(np.int64)]
    for low, high in plan.tiles.weights.words:
        top = 0 if high is None else taps[high] << 16
        words.append((taps[low] & 0xFFFF) | top)
    stream = np.stack(words, 1) & 0xFFFFFFFF
    return {"stream": stream.astype(np.uint32).view(np.int32)}


@dataclass(frozen=True)
class Place:
    """`sum(value * factor) + constant`: an address in a buffer."""

    terms: tuple[tuple[SSAValue, int], ...] = ()
    constant: int = 0

    def plus(self, *terms: tuple[SSAValue, int], constant: int = 0) -> Place:
        return Place((*self.terms, *terms), self.constant + constant)


def lower_planar(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    PlanarKernel(k, cast(DepthwiseConv2DOp, layer), operands).build()


class PlanarKernel:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: DepthwiseConv2DOp, operands: Operands):
        self.k, self.op, self.plan = k, op, PlanarPlan.of(op)
        self.x, self.y = k.flat(operands["input"]), k.flat(operands["output"])
        self.stream, self.scratch = k.flat(operands["stream"]), operands["scratch"]
        self.zero_point = integers(op.zero_points)[0]
        _, self.stream_words = buffer_type(operands["stream"]).get_shape()
        self.first_weight = self.stream_words - len(self.plan.tiles.weights.words)

    def at(self, place: Place) -> SSAValue:
        k = self.k
        total = k.index(place.constant)
        for value, factor in place.terms:
            total = k.add(k.mul(value, k.index(factor)), total)
        return total

    def build(self) -> None:
        k, plan = self.k, self.plan
        self.fill()

        def image(n: SSAValue, _: Carried) -> None:
            whole = plan.depth // LANES
            if plan.is_whole:

                def group(g: SSAValue, _: Carried) -> None:
                    self.group(n, g, LANES)

                if whole:
                    k.loop(0, whole, group, hint="g", hot=True)
                if rest := plan.depth - whole * LANES:
                    k.loop(
                        whole,
                        whole + 1,
                        lambda g, _: self.group(n, g, rest),
                        hint="g",
                        hot=True,
                    )
            else:
                if whole:
                    k.loop(0, whole, lambda g, _: self.steps(n, g, LANES), hint="g")
                if rest := plan.depth - whole * LANES:
                    self.steps(n, k.index(whole), rest)

        k.loop(0, shape(self.op.output)[0], image, hint="n")

    # Places

    def source(self, n: SSAValue, g: SSAValue) -> Place:
        """Of the first pixel of a group of channels."""
        plan = self.plan
        return Place(((n, plan.height * plan.width * plan.depth), (g, LANES)))

    def target(self, n: SSAValue, g: SSAValue) -> Place:
        """Of the first output of a group of channels."""
        plan = self.plan
        outputs = plan.depth * plan.multiplier
        return Place(
            ((n, plan.rows * plan.columns * outputs), (g, LANES * plan.multiplier))
        )

    @property
    def input_row(self) -> int:
        return self.plan.width * self.plan.depth

    @property
    def output_row(self) -> int:
        return self.plan.columns * self.plan.depth * self.plan.multiplier

    # All rows at once

    def group(self, n: SSAValue, g: SSAValue, lanes: int) -> None:
        """All outputs of some channels, from all rows that they see."""
        k, plan = self.k, self.plan
        top = plan.along_h.pad_before
        rows = max(0, min(plan.height, plan.planar_rows(plan.rows) - top))

        def copy(y: SSAValue, _: Carried) -> None:
            source = self.source(n, g).plus((y, self.input_row))
            row = Place(((y, plan.all_lanes),), top * plan.all_lanes)
            self.copy_row(source, row, lanes)

        if rows and plan.copied_columns:
            k.loop(0, rows, copy, hint="y")
        self.compute(Place(), self.target(n, g), g, lanes, plan.rows)

    # Some rows at a time

    def steps(self, n: SSAValue, g: SSAValue, lanes: int) -> None:
        """All outputs of some channels, by and by."""
        k, plan = self.k, self.plan
        count = -(-plan.rows // plan.step)

        def step(q: SSAValue, _: Carried) -> None:
            self.step(n, g, q, lanes)

        k.loop(0, count, step, hint="step")
        if not plan.is_even and plan.rows % plan.tiles.high:
            # The last of its rows, which is the last row of all.
            last = plan.rows - (count - 1) * plan.step - 1
            down = last * plan.along_h.stride * plan.all_lanes
            across = (plan.rows - 1) * self.output_row
            target = self.target(n, g).plus(constant=across)
            self.compute_hot(Place((), down), target, g, lanes, 1)

    def step(self, n: SSAValue, g: SSAValue, q: SSAValue, lanes: int) -> None:
        k, plan = self.k, self.plan
        stride, height = plan.along_h.stride, plan.tiles.high
        # The row of the input that planar row 0 is.
        first = k.mul(q, k.index(plan.step * stride))
        first = k.sub(first, k.index(plan.along_h.pad_before), "first")
        outputs, end = k.index(plan.step), k.index(plan.planar_rows(plan.step))
        if not plan.is_even:
            left = k.sub(k.index(plan.rows), k.mul(q, outputs), "left")
            outputs = k.min(outputs, left, "outputs")
            end = k.mul(k.sub(outputs, k.index(1)), k.index(stride))
            end = k.add(end, k.index(plan.along_h.extent), "end")
        fresh = k.index(0)
        if plan.kept:
            again = k.compare("sgt", q, k.index(0))
            fresh = k.select(again, k.index(plan.kept), k.index(0))
            k.when(again, lambda: self.keep())
        low = k.max(fresh, k.sub(k.index(0), first), "low")
        high = k.min(end, k.sub(k.index(plan.height), first), "high")

        def copy(j: SSAValue, _: Carried) -> None:
            y = k.add(first, j, "y")
            source = self.source(n, g).plus((y, self.input_row))

            def row(_: SSAValue, __: Carried) -> None:
                self.copy_row(source, Place(((j, plan.all_lanes),)), lanes)

            if plan.copied_columns:
                k.loop(0, 1, row, hot=True)

        def pad(j: SSAValue, _: Carried) -> None:
            self.fill_row(j)

        k.loop(fresh, k.min(low, end), pad, hint="j")
        k.loop(low, high, copy, hint="j")
        k.loop(k.max(high, fresh), end, pad, hint="j")
        target = self.target(n, g).plus((q, plan.step * self.output_row))

        if plan.is_even:
            self.compute_hot(Place(), target, g, lanes, plan.step)
            return

        def tiles(r: SSAValue, _: Carried) -> None:
            x = Place(((r, height * stride * plan.all_lanes),))
            y = target.plus((r, height * self.output_row))
            self.compute_hot(x, y, g, lanes, height)

        k.loop(0, k.div(outputs, k.index(height)), tiles, hint="r")

    def compute_hot(
        self, x: Place, target: Place, g: SSAValue, lanes: int, rows: int
    ) -> None:
        def all_lanes(_: SSAValue, __: Carried) -> None:
            self.compute(x, target, g, lanes, rows)

        self.k.loop(0, 1, all_lanes, hot=True)

    # Scratch memory

    def words(self, first: Place, count: int, word: SSAValue) -> None:
        """Stores a word so many times, four a turn."""
        k = self.k

        def turn(i: SSAValue, _: Carried) -> None:
            for j in range(4):
                self.put(word, first.plus((i, 4 * WORD), constant=j * WORD))

        if count // 4:
            k.loop(0, count // 4, turn, hint="i")
        for j in range(count // 4 * 4, count):
            self.put(word, first.plus(constant=j * WORD))

    def put(self, value: SSAValue, place: Place) -> None:
        store = StoreWordOp(value, self.scratch, self.at(place), True)
        self.k.builder.insert(store)

    @property
    def padding(self) -> SSAValue:
        """Two zero points."""
        half = self.zero_point & 0xFFFF
        return self.k.integer(half << 16 | half, i32)

    def fill(self) -> None:
        """The zero point everywhere, which is what stays where padding is."""

        def all_words(_: SSAValue, __: Carried) -> None:
            self.words(Place(), self.plan.scratch // WORD, self.padding)

        self.k.loop(0, 1, all_words, hot=True)

    def fill_row(self, j: SSAValue) -> None:
        """A row of padding."""
        row = Place(((j, self.plan.all_lanes),))

        def lanes(_: SSAValue, __: Carried) -> None:
            self.words(row, self.plan.all_lanes // WORD, self.padding)

        self.k.loop(0, 1, lanes, hot=True)

    def keep(self) -> None:
        """Moves the last rows of a step to the front, for the next one."""
        k, plan = self.k, self.plan
        count = plan.kept * plan.all_lanes // WORD
        ahead = plan.step * plan.along_h.stride * plan.all_lanes

        def move(first: Place, words: int) -> None:
            found = [
                self.get(first.plus(constant=ahead + j * WORD)) for j in range(words)
            ]
            for j, word in enumerate(found):
                self.put(word, first.plus(constant=j * WORD))

        def turn(i: SSAValue, _: Carried) -> None:
            move(Place(((i, MOVED * WORD),)), MOVED)

        def rows(_: SSAValue, __: Carried) -> None:
            if count // MOVED:
                k.loop(0, count // MOVED, turn, hint="i")
            move(Place((), count // MOVED * MOVED * WORD), count % MOVED)

        k.loop(0, 1, rows, hot=True)

    def get(self, place: Place) -> SSAValue:
        return self.k.insert(LoadWordOp(self.scratch, self.at(place), True), "x")

    # A planar row

    def copy_row(self, source: Place, row: Place, lanes: int) -> None:
        """A row of the input, taken apart into channels."""
        k, plan = self.k, self.plan
        pad, columns = plan.along_w.pad_before, plan.copied_columns
        first, end = -(-pad // 2), (pad + columns) // 2

        def word(number: int, i: SSAValue | None = None) -> None:
            """Word `number` of the planar row, or one so far behind turn `i`."""
            pixels: list[Place | None] = []
            for x in (2 * number - pad, 2 * number + 1 - pad):
                inside = 0 <= x < columns
                pixel = source.plus(constant=x * plan.depth)
                if i is not None:
                    pixel = pixel.plus((i, 4 * plan.depth))
                pixels.append(pixel if inside else None)
            place = row.plus(constant=number * WORD)
            if i is not None:
                place = place.plus((i, 2 * WORD))
            self.copy_word(pixels[0], pixels[1], place, lanes)

        if pad % 2:
            word(pad // 2)
        turns = (end - first) // 2 if end - first > STRAIGHT else 0

        def turn(i: SSAValue, _: Carried) -> None:
            word(first, i)
            word(first + 1, i)

        if turns:
            k.loop(0, turns, turn, hint="i")
        for number in range(first + 2 * turns, end):
            word(number)
        if (pad + columns) % 2:
            word(end)

    def copy_word(
        self, left: Place | None, right: Place | None, place: Place, lanes: int
    ) -> None:
        """Two pixels side by side, or one and the padding, of each channel."""
        k, plan = self.k, self.plan
        if lanes == LANES:
            a, b = (self.pixel(pixel) for pixel in (left, right))
            halves = [
                k.insert(PkhbtOp(a, b, 16), "low"),
                k.insert(PkhtbOp(b, a, 16), "high"),
            ]
            for lane in range(LANES):
                value = k.insert(Sxtb16Op(halves[lane // 2], 8 * (lane % 2)), "x")
                self.put(value, place.plus(constant=lane * plan.row_bytes))
            return
        for lane in range(lanes):
            a, b = (self.byte(pixel, lane) for pixel in (left, right))
            value = k.insert(PkhbtOp(a, b, 16), "x")
            self.put(value, place.plus(constant=lane * plan.row_bytes))

    def pixel(self, place: Place | None) -> SSAValue:
        """Four channels of a pixel, or of the padding."""
        if place is None:
            return self.k.integer((self.zero_point & 0xFF) * 0x01010101, i32)
        return self.k.insert(LoadWordOp(self.x, self.at(place)), "pixel")

    def byte(self, place: Place | None, lane: int) -> SSAValue:
        if place is None:
            return self.k.i32(self.zero_point)
        return self.k.load_i32(self.x, self.at(place.plus(constant=lane)))

    # Sums

    def compute(
        self, x: Place, target: Place, g: SSAValue, lanes: int, rows: int
    ) -> None:
        """So many rows of outputs of some channels, from a planar row on."""
        k, plan = self.k, self.plan
        length = self.stream_words

        def channel(c: SSAValue, i: SSAValue) -> None:
            stream = Place(
                (
                    (g, LANES * plan.multiplier * length),
                    (c, plan.multiplier * length),
                    (i, length),
                )
            )
            planes = x.plus((c, plan.row_bytes))
            y = target.plus((c, plan.multiplier), (i, 1))
            PlanarChannel(self, stream, planes, y).rows(rows)

        def outputs(c: SSAValue, _: Carried) -> None:
            k.loop(0, plan.multiplier, lambda i, _: channel(c, i), hint="m")

        k.loop(0, lanes, outputs, hint="c")


class PlanarChannel:
    """The sums of one channel, from where its planar rows and its outputs begin."""

    def __init__(self, kernel: PlanarKernel, stream: Place, x: Place, y: Place):
        self.kernel, self.k, self.plan = kernel, kernel.k, kernel.plan
        self.stream, self.x, self.y = stream, x, y
        self.first = kernel.first_weight
        self.start, *self.factors = map(self.word, range(self.first))
        self.held: list[SSAValue] = []
        if self.plan.tiles.holds_weights:
            words = len(self.plan.tiles.weights.words)
            self.held = [self.word(self.first + i) for i in range(words)]

    def word(self, number: int) -> SSAValue:
        """A word of the channel's stream."""
        kernel = self.kernel
        return self.k.load(kernel.stream, kernel.at(self.stream.plus(constant=number)))

    def rows(self, rows: int) -> None:
        k, plan = self.k, self.plan
        high = plan.tiles.high
        down = high * plan.along_h.stride * plan.all_lanes
        across = high * self.kernel.output_row

        def tiles(r: SSAValue, _: Carried) -> None:
            self.row(self.x.plus((r, down)), self.y.plus((r, across)), high)

        turns = rows // high
        if turns:
            k.loop(0, turns, tiles, hint="r")
        for r in range(turns * high, rows):
            x = self.x.plus(constant=r * plan.along_h.stride * plan.all_lanes)
            y = self.y.plus(constant=r * self.kernel.output_row)
            self.row(x, y, 1)

    def row(self, x: Place, y: Place, high: int) -> None:
        """A row of tiles."""
        k, plan = self.k, self.plan
        wide = plan.tiles.wide
        turns, rest = divmod(plan.columns, wide)
        taken = 2 * wide * plan.along_w.stride
        pixel = plan.depth * plan.multiplier

        def tile(t: SSAValue, _: Carried) -> None:
            self.tile(x.plus((t, taken)), y.plus((t, wide * pixel)), high, wide)

        k.loop(0, turns, tile, hint="t")
        if rest:
            behind = x.plus(constant=turns * taken)
            self.tile(behind, y.plus(constant=turns * wide * pixel), high, rest)

    def tile(self, x: Place, y: Place, high: int, wide: int) -> None:
        k, plan = self.k, self.plan
        sums = {(r, u): self.start for r, u in product(range(high), range(wide))}
        words: dict[Word, SSAValue] = {}
        weights = {Weight(i): value for i, value in enumerate(self.held)}
        for step in plan.tiles.code(high, wide):
            match step:
                case Word(row, number):
                    at = row * plan.all_lanes + number * WORD
                    words[step] = self.kernel.get(x.plus(constant=at))
                case Weight(number):
                    weights[step] = self.word(self.first + number)
                case Step(output):
                    pair = words[step.word], weights[step.weight]
                    multiply = HALVES[step.halves](*pair, sums[output])
                    sums[output] = k.insert(multiply, "acc")
        for (r, u), acc in sums.items():
            pixel = plan.depth * plan.multiplier
            place = y.plus(constant=r * self.kernel.output_row + u * pixel)
            self.finish(acc, place)

    def finish(self, acc: SSAValue, place: Place) -> None:
        """Requantization, zero point, clamp and store of one sum."""
        k, op = self.k, self.kernel.op
        k.count(prod(op.weights_shape) // op.output_channels)
        value = high_requantized(k, op, acc, self.factors)
        k.store(value, self.kernel.y, self.kernel.at(place))
