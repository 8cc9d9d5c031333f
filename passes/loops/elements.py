"""
Loops over elements that come in groups: all of a group are read before any is written.

Whatever shares bytes in the order of elements may do so in groups, as reading comes
earlier and writing not. Kernels that run backwards take groups from the last one on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from tinyml.dialects.acle import SmmlaOp, SmmlarOp, SsatOp, UsatOp
from tinyml.passes.byte_forms import HighForm, LineForm, NumberForm, PairForm
from tinyml.passes.loops.kernel import WRAP, Carried, Kernel

TOGETHER = 4
"""Elements of a group."""

TURN = 8
"""Elements that a turn of a loop takes."""

Body = Callable[[Sequence[SSAValue]], None]
"""Makes the elements of a group, at these places."""


def over_elements(
    k: Kernel, count: int, body: Body, hot: bool = False, together: int = TOGETHER
) -> None:
    """`body` for all places below `count`, so many at a time."""
    turn = TOGETHER if count % TURN and count % TOGETHER == 0 else TURN
    whole = count // turn * turn

    def groups(i: SSAValue, _: Carried) -> None:
        if k.backward:
            i = k.sub(k.index(whole - turn), i, "i")
        firsts = range(0, turn, together)
        for first in reversed(firsts) if k.backward else firsts:
            body([k.add(i, k.index(first + j)) for j in range(together)])

    def single(i: SSAValue, _: Carried) -> None:
        if k.backward:
            i = k.sub(k.index(count - 1 + whole), i, "i")
        body([i])

    def most() -> None:
        if whole:
            k.loop(0, whole, groups, step=turn, hot=hot)

    def rest() -> None:
        if whole < count:
            k.loop(whole, count, single)

    for part in (rest, most) if k.backward else (most, rest):
        part()


def hot_nest(
    k: Kernel, extents: Sequence[int], body: Callable[[tuple[SSAValue, ...]], None]
) -> None:
    """A nest in the kernel's direction, the outermost loop of which is hot."""

    def level(at: tuple[SSAValue, ...]) -> None:
        if len(at) == len(extents):
            body(at)
            return
        size = extents[len(at)]

        def turn(i: SSAValue, _: Carried) -> None:
            if k.backward:
                i = k.sub(k.index(size - 1), i, i.name_hint)
            level((*at, i))

        k.loop(0, size, turn, hint="ijkl"[len(at) % 4], hot=not at)

    level(())


def clamped_shift(
    k: Kernel, word: SSAValue, bits: int, clamp: tuple[int, int]
) -> SSAValue:
    """`word >> bits` between two bytes."""
    if clamp == (-128, 127):
        return k.insert(SsatOp(word, 8, asr=bits), "clamped")
    if clamp == (0, 255):
        return k.insert(UsatOp(word, 8, asr=bits), "clamped")
    return k.clamp(k.shr(word, k.i32(bits)), *clamp)


def pair_value(
    k: Kernel, form: PairForm, a: SSAValue, b: SSAValue, clamp: tuple[int, int]
) -> SSAValue:
    """What a form makes of two bytes."""
    total = k.i32(form.offset)
    for byte, factor in ((a, form.first), (b, form.second)):
        # A factor may be zero; what was read is used in any case.
        share = arith.MuliOp(k.extend(byte, i32), k.i32(factor), overflow=WRAP)
        total = k.insert(arith.AddiOp(k.insert(share), total, overflow=WRAP), "total")
    return clamped_shift(k, total, form.bits, clamp)


def line_value(
    k: Kernel, form: LineForm, number: SSAValue, clamp: tuple[int, int]
) -> SSAValue:
    """What a form makes of a word."""
    share = arith.MuliOp(number, k.i32(form.factor), overflow=WRAP)
    total = arith.AddiOp(k.insert(share), k.i32(form.offset), overflow=WRAP)
    return clamped_shift(k, k.insert(total, "total"), form.bits, clamp)


def number_value(
    k: Kernel,
    form: NumberForm | HighForm,
    number: SSAValue,
    clamp: tuple[int, int],
    shifted: bool = False,
) -> SSAValue:
    """What a form makes of a word, or of one that is already `shifted` to the left."""
    if isinstance(form, HighForm):
        return high_value(k, form, number, clamp)
    if not shifted:
        number = k.shl(number, k.i32(form.left))
    high = SmmlaOp(number, k.i32(form.factor), k.i32(form.offset))
    return clamped_shift(k, k.insert(high, "high"), form.bits, clamp)


def high_value(
    k: Kernel, form: HighForm, number: SSAValue, clamp: tuple[int, int]
) -> SSAValue:
    """What a form of two high products makes of a word."""
    number = k.add(number, k.i32(form.start))
    scaled = k.insert(SmmlarOp(number, k.i32(form.first), number), "scaled")
    if form.signed:
        scaled = k.add(scaled, k.shr(scaled, k.i32(31)), wrap=True)
    shifted = SmmlarOp(scaled, k.i32(form.second), k.i32(form.zero))
    return k.clamp(k.insert(shifted, "shifted"), *clamp)
