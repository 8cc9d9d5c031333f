"""
Windows of a convolution as words of two activations, in scratch memory.

Segments of a window lie behind one another in memory: rows of taps, or taps where they
are dilated. Four elements are a *quad*, of which 0 and 2 share a word and 1 and 3, as
SXTB16 takes them apart. First come the quads of all segments; what is left over of each
makes quads of its own at the end (`dot_packing.window_order`), the last one filled up
with anything, as its weights are zero. Words of two pixels take turns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType, i16, i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import LoadWordOp, PkhbtOp, StoreWordOp, Sxtb16Op
from tinyml.dialects.layer import buffer_bytes, buffer_type, integers, shape
from tinyml.dialects.weighted import Conv2DOp
from tinyml.passes.dot_packing import QUAD, window_order
from tinyml.passes.linear_index import linear
from tinyml.passes.loops.kernel import Carried, Image, Kernel

WIDENED = 4
"""Words of activations that are loaded before they are widened and stored."""

TURNED = 2
"""How often that is done in a turn of a loop."""

WORD = 4
"""Bytes."""


def across(op: Conv2DOp) -> int:
    """Segments of a row of a window."""
    along_w = op.window.axes[1]
    return 1 if along_w.dilation == 1 else along_w.kernel


def segment(op: Conv2DOp) -> int:
    """Elements of a window that lie behind one another in memory."""
    return op.window.axes[1].kernel // across(op) * shape(op.input)[3]


def window(op: Conv2DOp) -> np.ndarray:
    """The elements of a window in the order of their words."""
    return window_order(op.window.axes[0].kernel * across(op), segment(op))


def window_words(op: Conv2DOp) -> int:
    """Words that a window takes when it is widened."""
    return len(window(op)) // 2


def half_places(op: Conv2DOp) -> np.ndarray:
    """For each element of a window its word, times four, plus its half of that."""
    order = window(op)
    positions = np.arange(len(order))
    words = positions // QUAD * 2 + positions % 2
    places = words * 4 + positions % QUAD // 2
    found = np.zeros(order.max() + 1, np.int16)
    found[order[order >= 0]] = places[order >= 0]
    return found


def has_whole_taps(op: Conv2DOp) -> bool:
    """Whether each tap is of whole quads."""
    return shape(op.input)[3] % QUAD == 0


class Windows:
    """
    Widens the windows of `together` pixels at most. `places` are the `half_places`;
    only windows at the border whose taps are not of whole quads need them. Without
    scratch memory quads of pixels are taken apart as they are.
    """

    def __init__(
        self,
        k: Kernel,
        op: Conv2DOp,
        x: Image,
        scratch: SSAValue | None,
        together: int,
        places: SSAValue | None,
    ):
        self.k, self.op, self.x = k, op, x
        self.scratch, self.together, self.places = scratch, together, places
        size = buffer_bytes(buffer_type(x.pixels))
        self.bytes = k.reshape(x.pixels, [size])
        self.depth = shape(op.input)[3]
        if places is not None and scratch is not None:
            count = buffer_bytes(buffer_type(scratch)) // 2
            view = memref.ViewOp(scratch, k.index(0), [], MemRefType(i16, [count]))
            self.halves = k.insert(view, "halves")

    # Places

    def word_byte(self, word: SSAValue, j: int) -> SSAValue:
        """Where a word of a pixel lies: those of two pixels take turns."""
        k = self.k
        stride = self.together * WORD
        return k.add(k.mul(word, k.index(stride)), k.index(j * WORD))

    def load_word(self, word: SSAValue, j: int) -> SSAValue:
        assert self.scratch is not None
        load = LoadWordOp(self.scratch, self.word_byte(word, j), True)
        return self.k.insert(load, "x")

    def load_quad(
        self, pixel: SSAValue, word: SSAValue, count: int
    ) -> tuple[Callable[[], list[SSAValue]], ...]:
        """What gives a word, and the one behind it, of pixels of the image."""
        k, length = self.k, segment(self.op)
        source = k.add(k.mul(pixel, k.index(self.depth)), k.mul(word, k.index(2)))
        starts = [k.add(source, k.index(j * self.apart)) for j in range(count)]
        place = linear(word)
        number = place.constant
        if not place.terms and number * 2 + QUAD > length:
            # Bytes behind the image are nobody's.
            left = [
                self.joined(
                    [
                        k.load_i32(self.bytes, k.add(at, k.index(e)))
                        for e in range(length - number * 2)
                    ]
                )
                for at in starts
            ]
            return (lambda: [a for a, _ in left]), (lambda: [b for _, b in left])
        quads = [k.insert(LoadWordOp(self.bytes, at), "quad") for at in starts]

        def halves(ror: int) -> list[SSAValue]:
            return [k.insert(Sxtb16Op(quad, ror), "x") for quad in quads]

        return (lambda: halves(0)), (lambda: halves(8))

    def store_word(self, value: SSAValue, word: SSAValue, j: int) -> None:
        assert self.scratch is not None
        store = StoreWordOp(value, self.scratch, self.word_byte(word, j), True)
        self.k.builder.insert(store)

    def first(self, oy: SSAValue, ox: SSAValue) -> tuple[SSAValue, SSAValue]:
        """Where the window of a pixel begins."""
        k = self.k
        found: list[SSAValue] = []
        for axis, at in zip(self.op.window.axes, (oy, ox), strict=True):
            start = k.mul(at, k.index(axis.stride))
            found.append(k.sub(start, k.index(axis.pad_before)))
        return found[0], found[1]

    def within(self, value: SSAValue, low: int, high: int) -> SSAValue:
        k = self.k
        least = k.compare("sge", value, k.index(low))
        return k.both(least, k.compare("slt", value, k.index(high)))

    def inside(self, oy: SSAValue, ox: SSAValue, count: int) -> SSAValue | None:
        """Whether the windows of pixels lie in the image; None if they all do."""
        k = self.k
        _, height, width, _ = shape(self.op.input)
        found: SSAValue | None = None
        for axis, start, size, others in zip(
            self.op.window.axes,
            self.first(oy, ox),
            (height, width),
            (0, count - 1),
            strict=True,
        ):
            if axis.pad_before or axis.pad_after:
                reach = axis.extent + others * axis.stride
                fits = self.within(start, 0, size - reach + 1)
                found = fits if found is None else k.both(found, fits)
        return found

    def may_be_inside(self, count: int) -> bool:
        """Whether there are such pixels whose windows all lie in the image."""
        _, *sizes, _ = shape(self.op.input)
        _, *extents, _ = shape(self.op.output)
        steps = 1, 1 if self.k.part is not None else count
        for axis, size, extent, others, step in zip(
            self.op.window.axes, sizes, extents, (0, count - 1), steps, strict=True
        ):
            places = range(0, extent - others, step)
            starts = (at * axis.stride - axis.pad_before for at in places)
            reach = axis.extent + others * axis.stride
            if not any(0 <= start <= size - reach for start in starts):
                return False
        return True

    # Windows inside of the image

    def widen(self, n: SSAValue, oy: SSAValue, ox: SSAValue, count: int) -> None:
        """The windows of neighbouring pixels."""

        def borders() -> None:
            for j in range(count):
                self.widen_at_border(n, oy, self.k.add(ox, self.k.index(j)), j)

        if not self.may_be_inside(count):
            borders()
            return
        self.k.either(
            self.inside(oy, ox, count),
            lambda: self.widen_inside(n, oy, ox, count),
            borders,
        )

    def widen_inside(self, n: SSAValue, oy: SSAValue, ox: SSAValue, count: int) -> None:
        k, op = self.k, self.op
        along_h, along_w = op.window.axes
        y0, x0 = self.first(oy, ox)
        height = shape(op.input)[1]
        corner = k.pixel(self.x, k.add(k.mul(n, k.index(height)), y0), x0)
        quads, left = divmod(segment(op), QUAD)

        def window_row(pixel: SSAValue, ky: SSAValue) -> None:
            for kx in range(across(op)):
                number = k.add(k.mul(ky, k.index(across(op))), k.index(kx))
                first = k.add(pixel, k.index(kx * along_w.dilation))
                self.copy_quads(first, k.mul(number, k.index(2 * quads)), count)

        if self.x.capacity is None and not left:
            pitch = along_h.dilation * self.x.pitch

            def turn(ky: SSAValue, _: Carried) -> None:
                window_row(k.add(corner, k.mul(ky, k.index(pitch))), ky)

            k.loop(0, along_h.kernel, turn, hint="ky", hot=True)
            return
        pixels = [corner]
        while len(pixels) < along_h.kernel:
            pixels.append(k.rows_below(self.x, pixels[-1], along_h.dilation))

        def once(_: SSAValue, __: Carried) -> None:
            for ky, pixel in enumerate(pixels):
                window_row(pixel, k.index(ky))
            self.copy_left(
                [
                    k.add(pixel, k.index(kx * along_w.dilation))
                    for pixel in pixels
                    for kx in range(across(op))
                ],
                count,
            )

        k.loop(0, 1, once, hint="once", hot=True)

    def widen_pixels(self, pixel: SSAValue, count: int) -> None:
        """Windows that are neighbouring pixels of the image, in a hot loop."""
        self.copy_quads(pixel, self.k.index(0), count)
        self.copy_left([pixel], count)

    @property
    def apart(self) -> int:
        """Bytes between the windows of neighbours."""
        return self.op.window.axes[1].stride * self.depth

    def copy_quads(self, pixel: SSAValue, start: SSAValue, count: int) -> None:
        """The quads of a segment from a pixel on, and of its neighbours."""
        k = self.k
        source = k.mul(pixel, k.index(self.depth))

        def quads(q: SSAValue, number: int) -> None:
            """Loads some quads of each pixel, and stores them behind that."""
            words: list[tuple[SSAValue, SSAValue, int]] = []
            for i in range(number):
                at = k.add(source, k.mul(k.add(q, k.index(i)), k.index(QUAD)))
                place = k.add(start, k.mul(k.add(q, k.index(i)), k.index(2)))
                for j in range(count):
                    byte = k.add(at, k.index(j * self.apart))
                    word = k.insert(LoadWordOp(self.bytes, byte), "quad")
                    words.append((word, place, j))
            for word, place, j in words:
                for odd, ror in enumerate((0, 8)):
                    wide = k.insert(Sxtb16Op(word, ror))
                    self.store_word(wide, k.add(place, k.index(odd)), j)

        whole = segment(self.op) // QUAD
        together = WIDENED // count
        turn = TURNED * together
        looped = whole // turn * turn if whole > 2 * turn else 0
        if looped:

            def turns(q: SSAValue, _: Carried) -> None:
                for i in range(TURNED):
                    quads(k.add(q, k.index(i * together)), together)

            k.loop(0, looped, turns, hint="q", step=turn)
        for q in range(looped, whole, together):
            quads(k.index(q), min(together, whole - q))

    def copy_left(self, segments: list[SSAValue], count: int) -> None:
        """What is left over of all segments, which begin at these pixels."""
        k, length = self.k, segment(self.op)
        first = length // QUAD * QUAD
        start = len(segments) * first // 2
        for j in range(count):
            left = [
                k.add(k.mul(pixel, k.index(self.depth)), k.index(e + j * self.apart))
                for pixel in segments
                for e in range(first, length)
            ]
            for q in range(0, len(left), QUAD):
                bytes = [k.load_i32(self.bytes, at) for at in left[q : q + QUAD]]
                for odd, word in enumerate(self.joined(bytes)):
                    self.store_word(word, k.index(start + q // 2 + odd), j)

    def joined(self, bytes: list[SSAValue]) -> list[SSAValue]:
        """The two words of up to four elements; what is missing is anything."""
        words = [bytes[0], bytes[min(1, len(bytes) - 1)]]
        for odd, high in enumerate(bytes[2:]):
            words[odd] = self.k.insert(PkhbtOp(words[odd], high, 16))
        return words

    # Windows at the border

    def widen_at_border(self, n: SSAValue, oy: SSAValue, ox: SSAValue, j: int) -> None:
        """The window of a pixel, with the zero point where it leaves the image."""
        k, op = self.k, self.op
        _, height, width, _ = shape(op.input)
        along_h, along_w = op.window.axes
        y0, x0 = self.first(oy, ox)

        def tap(ky: SSAValue, kx: SSAValue) -> None:
            iy, ix = k.tap(y0, ky, along_h), k.tap(x0, kx, along_w)
            inside = k.both(self.within(iy, 0, height), self.within(ix, 0, width))
            number = k.add(k.mul(ky, k.index(along_w.kernel)), kx)
            row = k.add(k.mul(n, k.index(height)), iy)

            def copied() -> None:
                pixel = k.pixel(self.x, row, ix)
                self.put_tap(number, j, pixel)

            k.either(inside, copied, lambda: self.put_tap(number, j, None))

        def row(ky: SSAValue, _: Carried) -> None:
            k.loop(0, along_w.kernel, lambda kx, _: tap(ky, kx), hint="kx")

        k.loop(0, along_h.kernel, row, hint="ky")
        order = window(op)
        if not has_whole_taps(op):
            for position in np.flatnonzero(order < 0).tolist():
                word = position // QUAD * 2 + position % 2
                place = 2 * (word * self.together + j) + position % QUAD // 2
                k.store(k.i32(0), self.halves, k.index(place))

    def put_tap(self, number: SSAValue, j: int, pixel: SSAValue | None) -> None:
        """A tap of a window: a pixel, or outside of the image."""
        k, depth = self.k, self.depth
        zero_point = integers(self.op.zero_points)[0]
        if has_whole_taps(self.op):
            start = k.mul(number, k.index(depth // 2))
            outside = k.integer((zero_point & 0xFFFF) * 0x10001, i32)

            def quad(q: SSAValue, _: Carried) -> None:
                words = [outside, outside]
                if pixel is not None:
                    at = k.add(k.mul(pixel, k.index(depth)), k.mul(q, k.index(QUAD)))
                    word = k.insert(LoadWordOp(self.bytes, at), "quad")
                    words = [k.insert(Sxtb16Op(word, ror)) for ror in (0, 8)]
                place = k.add(start, k.mul(q, k.index(2)))
                for odd, word in enumerate(words):
                    self.store_word(word, k.add(place, k.index(odd)), j)

            k.loop(0, depth // QUAD, quad, hint="q")
            return

        def element(c: SSAValue, _: Carried) -> None:
            value = k.i32(zero_point)
            if pixel is not None:
                value = k.load_i32(self.x.pixels, pixel, c)
            self.put_element(k.add(k.mul(number, k.index(depth)), c), j, value)

        k.loop(0, depth, element, hint="c")

    def put_element(self, element: SSAValue, j: int, value: SSAValue) -> None:
        k = self.k
        assert self.places is not None
        known = k.to_index(k.load_i32(self.places, element))
        word, half = k.div(known, k.index(4)), k.remainder(known, 4)
        place = k.add(k.mul(word, k.index(2 * self.together)), k.index(2 * j))
        k.store(value, self.halves, k.add(place, half))
