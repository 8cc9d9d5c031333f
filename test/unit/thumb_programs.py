"""Random instructions and programs of the `thumb` dialect."""

from __future__ import annotations

import random
from collections.abc import Sequence

from xdsl.builder import ImplicitBuilder
from xdsl.dialects.test import TestOp
from xdsl.ir import Block, Region, SSAValue

from tinyml.dialects import thumb_alu as alu
from tinyml.dialects import thumb_dsp as dsp
from tinyml.dialects import thumb_memory as mem
from tinyml.dialects import thumb_shapes as shapes
from tinyml.dialects.thumb import instructions
from tinyml.dialects.thumb_control import FuncOp, RepeatNeOp, RetOp, make_loop
from tinyml.dialects.thumb_registers import (
    CORE_INDICES,
    CoreRegisterType,
    FpuRegisterType,
)
from tinyml.dialects.thumb_shapes import Instruction, Shift

CONSTANTS = (0, 1, 255, 256, 0xFF00, 0x00AB00AB, -0x54FF5500, -1, 0x3FC00, -(1 << 31))
"""Some that data processing can name."""
POSITIVE = tuple(number for number in CONSTANTS if number >= 0)


def shift_of(
    rng: random.Random, kinds: Sequence[Shift], always: bool = False
) -> tuple[Shift | None, int]:
    if rng.random() < 0.3 and not always:
        return None, 0
    kind = rng.choice(kinds)
    low, high = shapes.AMOUNTS[kind]
    return kind, rng.choice((low, high, rng.randint(low, high)))


def arithmetic(
    rng: random.Random, kind: type[Instruction], values: Sequence[SSAValue]
) -> Instruction | None:
    """An instruction of a kind on some of the values; None if it is none of these."""

    def any_value() -> SSAValue:
        return rng.choice(values)

    two = any_value(), any_value()
    if issubclass(kind, shapes.Unary):
        return kind(any_value())
    if issubclass(kind, shapes.Rotated):
        return kind(any_value(), rng.choice(shapes.ROTATIONS))
    if issubclass(kind, shapes.RotatedAdd):
        return kind(*two, rng.choice(shapes.ROTATIONS))
    if issubclass(kind, shapes.Binary | shapes.Multiply64):
        return kind(*two)
    if issubclass(kind, shapes.Shifted):
        return kind(*two, *shift_of(rng, kind.ALLOWED, kind is dsp.PkhtbOp))
    if issubclass(kind, shapes.WideImmediate):
        return kind(any_value(), rng.choice((*POSITIVE, 4095, rng.randint(0, 4095))))
    if issubclass(kind, shapes.ShiftImmediate):
        return kind(any_value(), rng.randint(1, 31))
    if issubclass(kind, alu.MovtOp):
        return kind(any_value(), rng.randint(0, 0xFFFF))
    if issubclass(kind, shapes.Immediate):
        return kind(any_value(), rng.choice(CONSTANTS))
    if issubclass(kind, shapes.Accumulate):
        return kind(*two, any_value())
    if issubclass(kind, shapes.Accumulate64):
        low, high = rng.sample(list(values), 2)
        return kind(low, high, *two)
    if issubclass(kind, dsp.Saturate):
        shift = shift_of(rng, (Shift.LSL, Shift.ASR))
        shift = (shift[0], min(shift[1], 31))
        return kind(rng.randint(*kind.BITS), any_value(), *shift)
    if issubclass(kind, dsp.SaturateHalves):
        return kind(rng.randint(*kind.BITS), any_value())
    if issubclass(kind, dsp.BitField):
        low = rng.randint(0, 31)
        return kind(any_value(), low, rng.randint(1, 32 - low))
    if issubclass(kind, alu.MovImmOp):
        return kind(rng.choice(CONSTANTS))
    if issubclass(kind, alu.MovwOp):
        return kind(rng.randint(0, 0xFFFF))
    return None


def access(
    rng: random.Random,
    kind: type[Instruction],
    values: Sequence[SSAValue],
    base: SSAValue,
    low: int,
    high: int,
) -> Instruction | None:
    """A load or store within some bytes around the base, which is a multiple of 4."""
    others = [value for value in values if value is not base]

    def offset(multiple: int, least: int, most: int) -> int:
        least, most = max(low, least), min(high, most)
        return rng.randint(-(-least // multiple), most // multiple) * multiple

    words = rng.randint(2, 4)
    if issubclass(kind, shapes.Load):
        return kind(base, offset(1, -255, 4095))
    if issubclass(kind, shapes.LoadIndexed):
        shift = rng.randint(0, 3)
        index = alu.MovwOp(rng.randint(0, min(max(high, 0), 65535) >> shift)).d
        return kind(base, index, shift)
    if issubclass(kind, shapes.LoadPost):
        return kind(base, offset(4, -255, 255))
    if issubclass(kind, shapes.Store):
        return kind(rng.choice(values), base, offset(1, -255, 4095))
    if issubclass(kind, shapes.StorePost):
        return kind(rng.choice(others), base, offset(4, -255, 255))
    if issubclass(kind, mem.LdrdOp | mem.LdrdPostOp):
        return kind(base, offset(4, -1020, 1020))
    if issubclass(kind, mem.StrdOp | mem.StrdPostOp):
        first, second = rng.sample(others, 2)
        return kind(first, second, base, offset(4, -1020, 1020))
    if issubclass(kind, mem.LdmOp):
        return kind(base, words)
    if issubclass(kind, mem.StmOp):
        return kind(base, rng.sample(others, words))
    return None


def sample(rng: random.Random, kind: type[Instruction]) -> Instruction:
    """An instruction whose registers are all given, at random, as it may have them."""
    names = rng.sample(sorted(CORE_INDICES, key=CORE_INDICES.__getitem__), 9)
    names.sort(key=CORE_INDICES.__getitem__)
    base = names.pop(rng.randrange(9))
    types = [CoreRegisterType.from_name(name) for name in names]
    values = list(TestOp(result_types=types).results)
    place = TestOp(result_types=[CoreRegisterType.from_name(base)]).results[0]
    word = rng.randint(0, 30)
    floats = TestOp(
        result_types=[FpuRegisterType.from_name(f"s{word + i}") for i in range(2)]
    ).results
    if issubclass(kind, shapes.LoadIndexed):
        indexed = kind(place, rng.choice(values), rng.randint(0, 3))
        return allocated(rng, indexed, names)
    op = arithmetic(rng, kind, values) or access(rng, kind, values, place, -999, 4999)
    match op:
        case None if issubclass(kind, alu.CmpOp):
            op = kind(values[1], values[0])
        case None if issubclass(kind, alu.CmpImmOp | alu.SubsImmOp):
            op = kind(rng.choice(values), rng.choice(POSITIVE))
        case None if issubclass(kind, alu.VmovToFpuOp | alu.VmovFpuOp):
            source = values[0] if kind is alu.VmovToFpuOp else floats[1]
            op = kind(source, FpuRegisterType.from_name("s9"))
        case None if issubclass(kind, alu.VmovFromFpuOp):
            op = kind(floats[0])
        case None if issubclass(kind, alu.VmovPairToFpuOp):
            low, high = (FpuRegisterType.from_name(f"s{n}") for n in (word, word + 1))
            op = kind(values[0], values[1], low, high)
        case None if issubclass(kind, alu.VmovPairFromFpuOp):
            op = kind(floats[0], floats[1])
        case None if issubclass(kind, mem.LdrSpOp):
            op = kind(4 * rng.randint(0, 100))
        case _:
            pass
    assert op is not None, kind
    return allocated(rng, op, names)


def allocated(rng: random.Random, op: Instruction, names: Sequence[str]) -> Instruction:
    """The op with registers for its results."""
    tied = {b: op.operands[a].type for a, b in op.TIED}
    free = rng.sample(list(names), len(names))
    if isinstance(op, mem.LdmOp):
        free = sorted(free[: len(op.words)], key=CORE_INDICES.__getitem__)
    if isinstance(op, mem.StmOp):
        ordered = sorted(op.words, key=lambda v: CORE_INDICES[shapes.register_name(v)])
        op.operands = [op.n, *ordered]
    types = [
        tied.get(index)
        or (
            CoreRegisterType.from_name(free.pop(0))
            if result.type == CoreRegisterType.unallocated()
            else result.type
        )
        for index, result in enumerate(op.results)
    ]
    return type(op).create(
        operands=op.operands, properties=op.properties, result_types=types
    )


BYTES = 512
"""The buffer that a program works on."""
POOL = 5
"""So many values are alive."""


class Program:
    """Makes a function of (buffer, word, word, word, word, word) that returns a word."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.kinds = [
            kind
            for kind in instructions()
            if kind is not mem.LdrSpOp and not issubclass(kind, alu.Vmov)
        ]

    def function(self, name: str, length: int, loops: int) -> FuncOp:
        types = [CoreRegisterType.from_name(f"r{index}") for index in range(4)]
        block = Block(arg_types=types)
        buffer, *words = block.args
        with ImplicitBuilder(block):
            kept = alu.VmovToFpuOp(buffer).d
            pool: list[SSAValue] = [*words, mem.LdrSpOp(0).d, mem.LdrSpOp(4).d]
            pool = self.straight(pool, buffer, length)
            for depth in range(loops):
                pool = self.loop(pool, kept, length, depth)
            base = alu.VmovFromFpuOp(kept).d
            for index, value in enumerate(pool[1:]):
                mem.StrOp(value, base, 4 * index)
            RetOp(pool[0])
        return FuncOp(name, Region(block))

    def loop(
        self, pool: list[SSAValue], kept: SSAValue, length: int, depth: int
    ) -> list[SSAValue]:
        turns = alu.MovwOp(self.rng.randint(1, 4)).d
        loop, body = make_loop([turns, *pool])
        with ImplicitBuilder(body):
            count, *inner = body.args
            base = alu.VmovFromFpuOp(kept).d
            result = self.straight(list(inner), base, length)
            result: list[SSAValue] = [alu.MovOp(value).d for value in result]
            if depth % 2:
                result = self.loop(result, kept, length // 2, depth - 1)
            left = alu.SubsImmOp(count, 1)
            RepeatNeOp(left.flags, [left.d, *result])
        return list(loop.ends[1:])

    def straight(
        self, pool: list[SSAValue], base: SSAValue, length: int
    ) -> list[SSAValue]:
        """Instructions on a pool of values; what is left in the pool."""
        at = 0
        rng = self.rng
        for _ in range(length):
            kind = rng.choice(self.kinds)
            op = arithmetic(rng, kind, pool)
            moves = issubclass(kind, mem.Transfer) or bool(kind.TIED)
            if op is None and (at <= BYTES - 32 or not issubclass(kind, mem.Transfer)):
                op = access(rng, kind, pool, base, -at, BYTES - 8 - at)
                if op is None:
                    op = self.flags(kind, pool) or self.through_fpu(pool)
                elif moves and isinstance(op, mem.LdmOp):
                    at += 4 * len(op.words)
                elif moves and isinstance(op, mem.StmOp):
                    at += 4 * len(op.words)
                elif moves and isinstance(op, shapes.Access):
                    at += op.offset.value.data
                if isinstance(op, shapes.Access | mem.Transfer) and moves:
                    base = next(
                        r for i, r in enumerate(op.results) if i == op.TIED[0][1]
                    )
            if op is None:
                continue
            new = [
                result
                for result in op.results
                if isinstance(result.type, CoreRegisterType) and result is not base
            ]
            pool = [*pool, *new][-POOL:]
        return pool

    def flags(
        self, kind: type[Instruction], pool: list[SSAValue]
    ) -> Instruction | None:
        if issubclass(kind, alu.SubsImmOp | alu.CmpImmOp):
            return kind(self.rng.choice(pool), self.rng.choice(POSITIVE))
        if issubclass(kind, alu.CmpOp):
            return kind(self.rng.choice(pool), self.rng.choice(pool))
        return None

    def through_fpu(self, pool: list[SSAValue]) -> Instruction:
        first, second = self.rng.sample(pool, 2)
        pair = alu.VmovPairToFpuOp(first, second)
        if self.rng.random() < 0.5:
            return alu.VmovFromFpuOp(alu.VmovFpuOp(pair.d).d)
        return alu.VmovPairFromFpuOp(pair.d, pair.e)
