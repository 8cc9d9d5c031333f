"""
Dot products of 2 pixels and 4 output channels as a `thumb` function.

    void dot(const int16_t *x, const int8_t *w, int32_t *y, int32_t blocks);

For each block of 4 channels the 8 sums over K inputs, pixel by pixel. `x` holds pairs
of inputs, widened, of the first and the second pixel in turn; `w` one word for each
pair of inputs and two channels, whose halves are `c0 + 256 * c1`. What is added up with
such a word is `S0 + 256 * S1`, and sums wrap around; what is left in the end is exact
as long as S1 is within 24 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.builtin import MemRefType, i8, i16, i32
from xdsl.ir import Block, Region, SSAValue

from tinyml.dialects.thumb_alu import (
    AddImmOp,
    AsrImmOp,
    CmpOp,
    MovImmOp,
    SubOp,
    SubsImmOp,
    VmovFromFpuOp,
    VmovToFpuOp,
)
from tinyml.dialects.thumb_control import FuncOp, RepeatNeOp, RetOp, make_loop
from tinyml.dialects.thumb_dsp import SmladOp, Sxtb16Op
from tinyml.dialects.thumb_memory import LdrOp, LdrPostOp, StmOp
from tinyml.dialects.thumb_registers import CoreRegisterType

PIXELS, CHANNELS = 2, 4
STEP = 8
"""Bytes of a pair of inputs: of x for 2 pixels, of w for 4 channels."""


@dataclass
class Stream:
    """A pointer that a turn of a loop moves on with the first word that it loads."""

    pointer: SSAValue
    turn: int = 0
    """Bytes of a turn; 0 if the pointer stays."""
    moved: bool = False

    def load(self, offset: int) -> SSAValue:
        if not self.turn:
            return LdrOp(self.pointer, offset).d
        if self.moved:
            return LdrOp(self.pointer, offset - self.turn).d
        load = LdrPostOp(self.pointer, self.turn)
        self.pointer, self.moved = load.base, True
        return load.d


def pairs(
    sums: Sequence[SSAValue], count: int, x: Stream, w: Stream
) -> Sequence[SSAValue]:
    """Adds `count` pairs of inputs to the sums, those of the first pixel first."""
    sums = list(sums)
    for pair in range(count):
        inputs: list[SSAValue] = []
        for number in range(CHANNELS // 2):
            word = w.load(STEP * pair + 4 * number)
            for pixel in range(PIXELS):
                if not number:
                    inputs.append(x.load(STEP * pair + 4 * pixel))
                place = CHANNELS * pixel + 2 * number + 1
                sums[place] = SmladOp(inputs[pixel], word, sums[place]).d
            low = Sxtb16Op(word).d
            for pixel in range(PIXELS):
                place = CHANNELS * pixel + 2 * number
                sums[place] = SmladOp(inputs[pixel], low, sums[place]).d
    return sums


def odd_sums(sums: Sequence[SSAValue]) -> Sequence[SSAValue]:
    """Takes the even channels' sums out of the odd ones'."""
    result = list(sums)
    for odd in range(1, len(result), 2):
        difference = SubOp(result[odd], result[odd - 1]).d
        result[odd] = AsrImmOp(difference, 8).d
    return result


def zeros() -> Sequence[SSAValue]:
    return [MovImmOp(0).d for _ in range(PIXELS * CHANNELS)]


def dot_function(name: str, inputs: int, unroll: int | None = None) -> FuncOp:
    """The function for `inputs` inputs, of which a turn takes `unroll` pairs or all."""
    count, bytes = inputs // 2, STEP * inputs // 2
    names = ("r0", "r1", "r2", "r3")
    block = Block(arg_types=[CoreRegisterType.from_name(name) for name in names])
    c_types = [MemRefType(i16, [-1]), MemRefType(i8, [-1]), MemRefType(i32, [-1]), i32]
    function = FuncOp(name, Region(block), c_types)
    x, w, y, blocks = block.args
    with ImplicitBuilder(block):
        parked = [VmovToFpuOp(value).d for value in (y, blocks)]
        start, end = x, x
        if unroll is not None:
            end = VmovToFpuOp(AddImmOp(x, bytes).d).d
            start = VmovToFpuOp(x).d
        _, body = make_loop([w, *parked])
        RetOp()
    with ImplicitBuilder(body):
        w, y, blocks = body.args
        if unroll is None:
            sums = pairs(zeros(), count, Stream(start), Stream(w))
            w = AddImmOp(w, bytes).d
        else:
            starts = [VmovFromFpuOp(start).d, w, *zeros()]
            loop, turn = make_loop(starts)
            with ImplicitBuilder(turn):
                x, w, *sums = turn.args
                streams = Stream(x, STEP * unroll), Stream(w, STEP * unroll)
                sums = pairs(sums, unroll, *streams)
                x, w = (stream.pointer for stream in streams)
                flags = CmpOp(x, VmovFromFpuOp(end).d).flags
                RepeatNeOp(flags, [x, w, *sums])
            _, w, *sums = loop.ends
        stored = StmOp(VmovFromFpuOp(y).d, odd_sums(sums)).base
        left = SubsImmOp(VmovFromFpuOp(blocks).d, 1)
        RepeatNeOp(left.flags, [w, VmovToFpuOp(stored).d, VmovToFpuOp(left.d).d])
    return function
