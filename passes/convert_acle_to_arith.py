"""
Spells Arm's DSP instructions out in `arith` and `memref`, for tools without them.

Expects nothing. Guarantees that no `acle` op is left, and that all results are the same
to the bit. After `tinyml-lower-arena` a network is IR that every tool of MLIR reads:
`func`, `scf`, `memref` and `arith`, and no other dialects. It is much slower than
what it replaces; C for Arm is printed without this pass.

Before:

    %r = acle.smulbb %a, %b

After:

    %0 = arith.shli %a, %c16_i32 : i32
    %1 = arith.shrsi %0, %c16_i32 : i32
    ...
    %r = arith.muli %1, %3 : i32
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import IndexType, IntegerType, ModuleOp, i8, i32, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.acle import (
    BytesOp,
    InstructionOp,
    LoadOp,
    PkhbtOp,
    PkhtbOp,
    StoreWordOp,
    Sxtab16Op,
    Uadd8Op,
)
from tinyml.dialects.acle_lanes import (
    ExtendOp,
    FourBytesOp,
    HalvesOp,
    SaturateHalvesOp,
    SaturateOp,
)
from tinyml.dialects.acle_multiply import MultiplyOp


@dataclass(frozen=True)
class ConvertAcleToArithPass(ModulePass):
    """Spells Arm's DSP instructions out, for tools that do not know them."""

    name = "tinyml-convert-acle-to-arith"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for found in list(op.walk()):
            if isinstance(found, InstructionOp):
                result = Words.before(found).computed(found)
                result.name_hint = found.results[0].name_hint
                Rewriter.replace_op(found, [], [result])
            elif isinstance(found, LoadOp):
                result = Words.before(found).loaded(found)
                result.name_hint = found.result.name_hint
                Rewriter.replace_op(found, [], [result])
            elif isinstance(found, StoreWordOp):
                Words.before(found).store(found)
                Rewriter.erase_op(found)


Halves = tuple[SSAValue, SSAValue]
"""The bottom and the top half of a word, as signed numbers of i32."""


@dataclass(frozen=True)
class Words:
    """Arithmetic on words, inserted where an instruction stands."""

    builder: Builder
    replaced: Operation

    @staticmethod
    def before(op: Operation) -> Words:
        return Words(Builder(InsertPoint.before(op)), op)

    def insert(self, op: Operation) -> SSAValue:
        op.location = self.replaced.location
        return self.builder.insert(op).results[0]

    def number(self, value: int, type: IntegerType | IndexType = i32) -> SSAValue:
        made = self.insert(arith.ConstantOp.from_int_and_width(value, type))
        suffix = "" if isinstance(type, IndexType) else f"_i{type.width.data}"
        made.name_hint = f"c{value}{suffix}".replace("-", "m")
        return made

    def add(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.AddiOp(a, b))

    def mask(self, a: SSAValue, bits: int) -> SSAValue:
        # A mask of the upper half is a negative number of i32.
        signed = bits - (bits >> 31 << 32)
        return self.insert(arith.AndIOp(a, self.number(signed)))

    def either(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.OrIOp(a, b))

    def left(self, a: SSAValue, by: int) -> SSAValue:
        return self.insert(arith.ShLIOp(a, self.number(by))) if by else a

    def right(self, a: SSAValue, by: int) -> SSAValue:
        """Signed; by 32 and more nothing but the sign is left."""
        return self.insert(arith.ShRSIOp(a, self.number(min(by, 31)))) if by else a

    def field(self, a: SSAValue, at: int, width: int, signed: bool = True) -> SSAValue:
        """Some bits of a word, from bit `at` on, as a number."""
        if signed:
            return self.right(self.left(a, 32 - width - at), 32 - width)
        return self.mask(self.right(a, at), (1 << width) - 1)

    def halves(self, a: SSAValue) -> Halves:
        return self.field(a, 0, 16), self.field(a, 16, 16)

    def joined(self, bottom: SSAValue, top: SSAValue) -> SSAValue:
        """The word of two halves, of which the lower 16 bits count."""
        return self.either(self.mask(bottom, 0xFFFF), self.left(top, 16))

    def clamped(self, a: SSAValue, low: int, high: int) -> SSAValue:
        least = self.insert(arith.MaxSIOp(a, self.number(low)))
        return self.insert(arith.MinSIOp(least, self.number(high)))

    # Instructions

    def computed(self, op: InstructionOp) -> SSAValue:
        """The result of an instruction; `interp/acle.py` has the same as numbers."""
        operands = list(op.operands)
        match op:
            case MultiplyOp():
                return self.multiplied(op)
            case ExtendOp():
                bytes = self.two_bytes(operands[0], op.ror.value.data, op.SIGNED)
                return self.joined(*bytes)
            case Sxtab16Op():
                added = self.two_bytes(operands[1], op.ror.value.data, True)
                return self.by_halves(self.halves(operands[0]), added, self.add)
            case HalvesOp():
                x, y = (self.halves(word) for word in operands)
                return self.by_halves(x, y, self.add if op.SIGN > 0 else self.subtract)
            case FourBytesOp():
                return self.by_bytes(op)
            case PkhbtOp():
                top = self.left(operands[1], op.lsl.value.data)
                return self.packed(operands[0], top)
            case PkhtbOp():
                bottom = self.right(operands[1], op.asr.value.data)
                return self.packed(bottom, operands[0])
            case SaturateOp():
                shifts = op.immediates
                word = self.left(operands[0], shifts.get("lsl", 0))
                word = self.right(word, shifts.get("asr", 0))
                return self.clamped(word, *op.range)
            case SaturateHalvesOp():
                halves = self.halves(operands[0])
                return self.joined(*(self.clamped(half, *op.range) for half in halves))
            case _:
                raise AssertionError(f"{op.name} has no meaning in arith")

    def subtract(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.SubiOp(a, b))

    def by_halves(
        self, x: Halves, y: Halves, compute: Callable[[SSAValue, SSAValue], SSAValue]
    ) -> SSAValue:
        return self.joined(*(compute(a, b) for a, b in zip(x, y, strict=True)))

    def packed(self, bottom: SSAValue, top: SSAValue) -> SSAValue:
        """The lower half of a word beside the upper half of another."""
        return self.either(self.mask(bottom, 0xFFFF), self.mask(top, 0xFFFF_0000))

    def two_bytes(self, a: SSAValue, ror: int, signed: bool) -> Halves:
        """Bytes 0 and 2 of a word that is rotated right."""
        first, second = (self.field(a, (ror + at) % 32, 8, signed) for at in (0, 16))
        return first, second

    def by_bytes(self, op: FourBytesOp) -> SSAValue:
        """Sums of bytes modulo 256, or differences that end at 0."""
        found: list[SSAValue] = []
        for at in (0, 8, 16, 24):
            x, y = (self.field(word, at, 8, signed=False) for word in op.operands)
            if isinstance(op, Uadd8Op):
                byte = self.mask(self.add(x, y), 255)
            else:
                byte = self.insert(arith.MaxSIOp(self.subtract(x, y), self.number(0)))
            found.append(self.left(byte, at))
        low, high = (self.either(*found[n : n + 2]) for n in (0, 2))
        return self.either(low, high)

    def multiplied(self, op: MultiplyOp) -> SSAValue:
        """Products of halves that are added, or the product of two words."""
        a, b, *accumulators = op.operands
        is_long = op.results[0].type == i64
        if op.HALVES:
            x, y = (dict(zip("bt", self.halves(word), strict=True)) for word in (a, b))
            terms = [
                self.insert(arith.MuliOp(x[first], y[second]))
                for first, second in op.HALVES
            ]
            # Each fits into a word, their sum may not.
            terms = [self.wide(term) for term in terms] if is_long else terms
        else:
            product = self.insert(arith.MuliOp(self.wide(a), self.wide(b)))
            if op.ROUNDS:
                product = self.add(product, self.number(1 << 31, i64))
            terms = [product if is_long else self.upper(product)]
        total, *rest = [*terms, *accumulators]
        for term in rest:
            total = self.add(total, term)
        return total

    def wide(self, a: SSAValue) -> SSAValue:
        return self.insert(arith.ExtSIOp(a, i64))

    def upper(self, a: SSAValue) -> SSAValue:
        """The upper word of 64 bits."""
        shifted = self.insert(arith.ShRSIOp(a, self.number(32, i64)))
        return self.insert(arith.TruncIOp(shifted, i32))

    # Memory

    def place(self, op: BytesOp, byte: int) -> SSAValue:
        """The index of one of the bytes of an access."""
        return self.add(op.byte, self.number(byte, IndexType())) if byte else op.byte

    def loaded(self, op: LoadOp) -> SSAValue:
        total: SSAValue | None = None
        for byte in range(op.SIZE):
            read = self.insert(memref.LoadOp.get(op.memref, [self.place(op, byte)]))
            # The last byte has the sign of the number.
            last = byte == op.SIZE - 1
            extend = arith.ExtSIOp if last else arith.ExtUIOp
            part = self.left(self.insert(extend(read, i32)), 8 * byte)
            total = part if total is None else self.either(total, part)
        assert total is not None
        return total

    def store(self, op: StoreWordOp) -> None:
        for byte in range(op.SIZE):
            shifted = self.right(op.value, 8 * byte)
            written = self.insert(arith.TruncIOp(shifted, i8))
            self.builder.insert(
                memref.StoreOp.get(written, op.memref, [self.place(op, byte)])
            )
