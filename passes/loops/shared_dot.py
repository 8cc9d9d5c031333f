"""
A pointwise convolution as dot products of words, whose sizes are arguments.

As `dot.py` without scratch memory: two pixels and four channels at a time. Numbers of
pixels, of channels and of quads of activations are parameters of the hot loops, so all
layers that agree in how sums are requantized are computed by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TypeGuard, cast

from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, SmladOp, Sxtb16Op
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import GROUP, QUAD
from tinyml.passes.loops.dot import PIXELS, is_flat, packed_weights
from tinyml.passes.loops.fully_connected_dot import is_row
from tinyml.passes.loops.high_products import high_factors, high_requantized
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.operands import Operands


def has_shared_dot(op: LayerOp) -> TypeGuard[Conv2DOp]:
    """Whether there is this kernel for a layer."""
    return (
        isinstance(op, Conv2DOp)
        and op.group_count == 1
        and is_flat(op)
        and not is_row(op)
        and shape(op.input)[3] % QUAD == 0
        and shape(op.output)[3] % GROUP == 0
        and high_factors(op) is not None
    )


def lower_shared_dot(k: Kernel, layer: LayerOp, operands: Operands) -> None:
    SharedDot(k, cast(Conv2DOp, layer), operands).build()


class SharedDot:
    """One kernel under construction."""

    def __init__(self, k: Kernel, op: Conv2DOp, operands: Operands):
        self.k, self.op = k, op
        self.x, self.y = k.flat(operands["input"]), k.flat(operands["output"])
        self.packed, self.stream = (
            k.flat(operands["packed_weights"]),
            packed_weights(op),
        )
        self.depth, self.channels = shape(op.input)[3], shape(op.output)[3]
        self.pixels = prod(shape(op.output)[:3])

    def build(self) -> None:
        even = self.pixels // PIXELS * PIXELS
        parts: list[Callable[[], None]] = []
        if even:
            parts.append(lambda: self.blocks(0, even // PIXELS, PIXELS))
        if even < self.pixels:
            parts.append(lambda: self.blocks(even, 1, 1))
        for part in reversed(parts) if self.k.backward else parts:
            part()

    def blocks(self, first: int, count: int, pixels: int) -> None:
        """So many blocks of pixels behind one another."""
        k = self.k
        blocks = k.parameter(count, "blocks")
        self.groups = k.parameter(self.channels // GROUP, "groups")
        self.quads = k.parameter(self.depth // QUAD, "quads")
        source = k.parameter(first * self.depth, "source")
        target = k.parameter(first * self.channels, "target")
        self.together = pixels
        number = integers(self.op.zero_points)[1]
        self.zero_point = k.parameter(number, "zero_point", i32)

        def block(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.sub(blocks, k.index(1)), i, "i")
            x = k.add(source, self.scaled(i, self.quads, pixels * QUAD))
            y = k.add(target, self.scaled(i, self.groups, pixels * GROUP))

            def group(g: SSAValue, _: Carried) -> None:
                # As in `dot.py`, the last channels first.
                if k.backward:
                    g = k.sub(k.sub(self.groups, k.index(1)), g, "g")
                self.group(g, x, y)

            k.loop(0, self.groups, group, hint="g")

        k.loop(0, blocks, block, hint="i", hot=True)

    def scaled(self, value: SSAValue, size: SSAValue, factor: int) -> SSAValue:
        k = self.k
        return k.mul(k.mul(value, size), k.index(factor))

    def ahead(self, at: SSAValue, pixel: int, size: SSAValue, unit: int) -> SSAValue:
        """The same place in one of the pixels."""
        return self.k.add(at, self.k.mul(size, self.k.index(pixel * unit)))

    def group(self, g: SSAValue, x: SSAValue, y: SSAValue) -> None:
        """Four channels of some pixels."""
        k, stream, count = self.k, self.stream, self.together
        weights = self.scaled(g, self.quads, QUAD // 2 * GROUP // 2)
        others = GROUP * (1 + stream.factors)
        at = k.add(k.mul(g, k.index(others)), weights)
        start = [self.word(at, number, "acc") for number in range(GROUP)]
        hints = [f"acc{i}" for i in range(GROUP * count)]

        def quad(q: SSAValue, sums: Carried) -> Carried:
            found = list(sums)
            for odd in range(QUAD // 2):
                self.multiply(at, x, q, odd, found)
            return tuple(found)

        sums = list(k.loop(0, self.quads, quad, start * count, "q", hints))
        for number in range(GROUP // 2):
            if stream.raw(number):
                for j in range(count):
                    low, high = (j * GROUP + c for c in stream.pair(number))
                    apart = k.sub(sums[high], sums[low], wrap=True)
                    sums[high] = k.shr(apart, k.i32(8))
        behind = k.add(at, k.mul(self.quads, k.index(QUAD // 2 * GROUP // 2)))
        results: list[tuple[SSAValue, int, int]] = []
        for c in range(GROUP):
            first = GROUP + c * stream.factors
            names = ("multiplier", "power", "times")[: stream.factors]
            factors = [
                self.word(behind, first + i, name) for i, name in enumerate(names)
            ]
            for j in range(count):
                k.count(self.depth)
                acc = sums[j * GROUP + c]
                value = high_requantized(k, self.op, acc, factors, self.zero_point)
                results.append((value, j, c))
        target = k.add(y, k.mul(g, k.index(GROUP)))
        for value, j, c in reversed(results) if k.backward else results:
            place = self.ahead(target, j, self.groups, GROUP)
            k.store(value, self.y, k.add(place, k.index(c)))

    def word(self, at: SSAValue, number: int, hint: str) -> SSAValue:
        """A word of the stream."""
        return self.k.load(self.packed, self.k.add(at, self.k.index(number)), hint=hint)

    def multiply(
        self, at: SSAValue, x: SSAValue, q: SSAValue, odd: int, sums: list[SSAValue]
    ) -> None:
        """
        One word of activations of each pixel, into all sums. What is taken twice is
        loaded twice, so that nothing needs a register from one to the other.
        """
        k = self.k
        halves: list[SSAValue] = []
        for j in range(self.together):
            place = self.ahead(k.add(x, k.mul(q, k.index(QUAD))), j, self.quads, QUAD)
            word = k.insert(LoadWordOp(self.x, place), "quad")
            halves.append(k.insert(Sxtb16Op(word, 8 * odd), "x"))
        weights = k.add(at, k.mul(q, k.index(QUAD // 2 * GROUP // 2)))
        for number in range(GROUP // 2):
            place = GROUP + odd * GROUP // 2 + number
            both = self.word(weights, place, "w")
            high = both
            if not self.stream.raw(number):
                high = k.insert(Sxtb16Op(both, 8))
                both = self.word(weights, place, "w")
            low_channel, high_channel = self.stream.pair(number)
            for j, half in enumerate(halves):
                i = j * GROUP + high_channel
                sums[i] = k.insert(SmladOp(half, high, sums[i]), f"acc{i}")
            low = k.insert(Sxtb16Op(both))
            for j, half in enumerate(halves):
                i = j * GROUP + low_channel
                sums[i] = k.insert(SmladOp(half, low, sums[i]), f"acc{i}")
