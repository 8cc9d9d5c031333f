"""
A kernel function under construction, with the few idioms that loop nests are made of.

Methods insert one op each, at the place where building has arrived. Constants are kept
once per kernel, at its head. `loop` takes the body as a Python function from the
induction variable and the carried values to the next carried values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.builder import Builder
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    UnitAttr,
    f32,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.layer import buffer_type
from tinyml.dialects.views import view_of
from tinyml.passes.linear_index import PARAMETER

NSW = arith.IntegerOverflowAttr([arith.IntegerOverflowFlag.NSW])
WRAP = arith.IntegerOverflowAttr("none")

INDEX = IndexType()

Carried = tuple[SSAValue, ...]

HOT = "tinyml.hot"
"""Marks a loop that becomes a function of instructions (`tinyml-outline-hot-loops`)."""

COUNTER = "count_macs"
"""The hook that counts multiply-accumulates (`tinyml-count-macs`)."""


@dataclass(frozen=True)
class Image:
    """
    A feature map in memory, as a buffer of pixels times channels. Pixel (y, x) has the
    number `y * pitch + x - base`; in a ring it lies at that number modulo `capacity`.
    """

    pixels: SSAValue
    pitch: int
    base: SSAValue | int = 0
    capacity: int | None = None


@dataclass(frozen=True)
class Part:
    """
    What a kernel makes of its layer's output: a few columns of row `y` from `x` on, and
    where the feature maps lie, by operand name.
    """

    y: SSAValue
    x: SSAValue
    columns: int
    images: Mapping[str, Image]


class Kernel:
    """
    Inserts loop IR into a block. A kernel that runs `backward` takes the turns of its
    nests, which are over outputs, from the last to the first. `i32` sums and products
    are marked free of overflow (`nsw`) unless `wrap` is asked for; `index` ones never
    overflow. With a `part` it makes that part of its
    layer's output.
    """

    def __init__(
        self, block: Block, backward: bool = False, counter: str | None = None
    ):
        self.head = block
        self.counter = counter
        self.backward = backward
        self.part: Part | None = None
        self.builder = Builder(InsertPoint.at_end(block))
        self._constants: dict[tuple[Attribute, int | float], SSAValue] = {}
        self._parameters = 0
        self._indices: dict[tuple[Block, type, SSAValue, SSAValue], SSAValue] = {}

    def insert(self, op: Operation, hint: str | None = None) -> SSAValue:
        """Inserts an op of one result and returns that, named `hint`."""
        self.builder.insert(op)
        op.results[0].name_hint = hint
        return op.results[0]

    def count(self, work: int) -> None:
        """Tells the counter, if there is one, of so many multiply-accumulates."""
        if self.counter is not None:
            self.builder.insert(func.CallOp(self.counter, [self.i32(work)], []))

    # Constants

    def _constant(self, value: float, type: Attribute, name: str) -> SSAValue:
        if (type, value) not in self._constants:
            attr = (
                FloatAttr(float(value), f32)
                if type == f32
                else IntegerAttr(int(value), self._integer_type(type))
            )
            op = arith.ConstantOp(attr)
            op.result.name_hint = name.replace("-", "m").replace(".", "_")
            if (first := self.head.first_op) is None:
                self.head.add_op(op)
            elif self._constants:
                last = next(reversed(self._constants.values())).owner
                assert isinstance(last, Operation)
                self.head.insert_op_after(op, last)
            else:
                self.head.insert_op_before(op, first)
            self._constants[type, value] = op.result
        return self._constants[type, value]

    @staticmethod
    def _integer_type(type: Attribute) -> IntegerType | IndexType:
        assert isinstance(type, IntegerType | IndexType)
        return type

    def index(self, value: int) -> SSAValue:
        return self._constant(value, IndexType(), f"c{value}")

    def i32(self, value: int) -> SSAValue:
        return self._constant(value, i32, f"c{value}_i32")

    def i64(self, value: int) -> SSAValue:
        return self._constant(value, i64, f"c{value}_i64")

    def f32(self, value: float) -> SSAValue:
        return self._constant(value, f32, "cst")

    def integer(self, value: int, type: Attribute) -> SSAValue:
        """A constant of an integer type, wrapped into its signed range."""
        if isinstance(type, IntegerType):
            half = 1 << (type.width.data - 1)
            value = (value + half) % (2 * half) - half
        return self._constant(value, type, f"c{value}_{type}")

    def parameter(
        self, value: int, hint: str, type: IndexType | IntegerType = INDEX
    ) -> SSAValue:
        """A constant that hot functions take as an argument (`linear_index.py`)."""
        op = arith.ConstantOp(IntegerAttr(value, type))
        op.attributes[PARAMETER] = IntegerAttr(self._parameters, i64)
        self._parameters += 1
        return self.insert(op, hint)

    @staticmethod
    def known(value: SSAValue) -> int | None:
        """The number, if the value is an integer constant and no parameter."""
        if isinstance(op := value.owner, arith.ConstantOp) and isinstance(
            op.value, IntegerAttr
        ):
            return None if PARAMETER in op.attributes else op.value.value.data
        return None

    # Arithmetic

    def add(
        self, a: SSAValue, b: SSAValue, hint: str | None = None, wrap: bool = False
    ) -> SSAValue:
        if self.known(b) == 0:
            return a
        if self.known(a) == 0:
            return b
        return self._binary(arith.AddiOp, a, b, hint, wrap)

    def sub(
        self, a: SSAValue, b: SSAValue, hint: str | None = None, wrap: bool = False
    ) -> SSAValue:
        if self.known(b) == 0:
            return a
        return self._binary(arith.SubiOp, a, b, hint, wrap)

    def mul(
        self, a: SSAValue, b: SSAValue, hint: str | None = None, wrap: bool = False
    ) -> SSAValue:
        if self.known(b) == 1 or self.known(a) == 0:
            return a
        if self.known(a) == 1 or self.known(b) == 0:
            return b
        return self._binary(arith.MuliOp, a, b, hint, wrap)

    def _binary(
        self,
        kind: type[arith.AddiOp | arith.SubiOp | arith.MuliOp],
        a: SSAValue,
        b: SSAValue,
        hint: str | None,
        wrap: bool,
    ) -> SSAValue:
        """What an op makes of two values; that of indices is made once in a block."""
        if not isinstance(a.type, IndexType):
            return self.insert(kind(a, b, overflow=WRAP if wrap else NSW), hint)
        key = self.builder.insertion_point.block, kind, a, b
        if key not in self._indices:
            # As its constructor does, which asks what there may be: most ops are these.
            made = kind.create(
                operands=[a, b],
                result_types=[a.type],
                properties={"overflowFlags": WRAP},
            )
            self._indices[key] = self.insert(made, hint)
        return self._indices[key]

    def shl(self, a: SSAValue, bits: SSAValue) -> SSAValue:
        return a if self.known(bits) == 0 else self.insert(arith.ShLIOp(a, bits))

    def shr(self, a: SSAValue, bits: SSAValue) -> SSAValue:
        """Arithmetic shift right."""
        return a if self.known(bits) == 0 else self.insert(arith.ShRSIOp(a, bits))

    def bit_and(self, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.AndIOp(a, b))

    def div(self, a: SSAValue, b: SSAValue, hint: str | None = None) -> SSAValue:
        """Signed division, towards zero."""
        return a if self.known(b) == 1 else self.insert(arith.DivSIOp(a, b), hint)

    def max(self, a: SSAValue, b: SSAValue, hint: str | None = None) -> SSAValue:
        return self.insert(arith.MaxSIOp(a, b), hint)

    def min(self, a: SSAValue, b: SSAValue, hint: str | None = None) -> SSAValue:
        return self.insert(arith.MinSIOp(a, b), hint)

    def clamp(self, a: SSAValue, low: int, high: int) -> SSAValue:
        return self.min(
            self.max(a, self.integer(low, a.type)),
            self.integer(high, a.type),
            "clamped",
        )

    def clamp_float(self, a: SSAValue, limit: int) -> SSAValue:
        """A float in [-limit, limit]; not-a-number becomes -limit."""
        low, high = self.f32(-limit), self.f32(limit)
        above = self.insert(arith.CmpfOp(a, low, "ogt"))
        a = self.select(above, a, low)
        below = self.insert(arith.CmpfOp(a, high, "olt"))
        return self.select(below, a, high)

    def compare(self, predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.CmpiOp(a, b, predicate))

    def both(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """Whether two conditions hold."""
        return self.insert(arith.AndIOp(a, b))

    def select(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        return self.insert(arith.SelectOp(condition, a, b))

    # Conversions

    def extend(self, a: SSAValue, type: IntegerType) -> SSAValue:
        return self.insert(arith.ExtSIOp(a, type))

    def extend_unsigned(self, a: SSAValue, type: IntegerType) -> SSAValue:
        return self.insert(arith.ExtUIOp(a, type))

    def truncate(
        self, a: SSAValue, type: IntegerType, hint: str | None = None
    ) -> SSAValue:
        return self.insert(arith.TruncIOp(a, type), hint)

    def to_i32(self, a: SSAValue) -> SSAValue:
        """An index as i32; buffers are smaller than 2^31."""
        if (number := self.known(a)) is not None:
            return self.i32(number)
        return self.insert(arith.IndexCastOp(a, i32))

    def to_index(self, a: SSAValue) -> SSAValue:
        return self.insert(arith.IndexCastOp(a, IndexType()))

    # Memory

    def load(
        self, buffer: SSAValue, *indices: SSAValue, hint: str | None = None
    ) -> SSAValue:
        hint = hint or f"{buffer.name_hint}_value"
        return self.insert(memref.LoadOp.get(buffer, indices), hint)

    def load_i32(
        self, buffer: SSAValue, *indices: SSAValue, unsigned: bool = False
    ) -> SSAValue:
        """An element of a byte buffer, widened."""
        byte = self.load(buffer, *indices)
        extend = self.extend_unsigned if unsigned else self.extend
        return extend(byte, i32)

    def store(self, value: SSAValue, buffer: SSAValue, *indices: SSAValue) -> None:
        """Stores a value; an i32 that is too wide for the buffer is truncated."""
        element = buffer_type(buffer).element_type
        if isinstance(element, IntegerType) and value.type != element:
            value = self.truncate(value, element)
        self.builder.insert(memref.StoreOp.get(value, buffer, indices))

    def reshape(self, buffer: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The same bytes under another static shape of as many elements."""
        type = buffer_type(buffer)
        if tuple(shape) == type.get_shape():
            return buffer
        assert prod(shape) == prod(type.get_shape())
        return self.insert(view_of(buffer, shape), buffer.name_hint)

    def flat(self, buffer: SSAValue) -> SSAValue:
        """The buffer as one dimension."""
        return self.reshape(buffer, [prod(buffer_type(buffer).get_shape())])

    # Feature maps

    def image(self, operands: Mapping[str, SSAValue], name: str) -> Image:
        """A feature map by pixels; a whole batch counts as one image, row by row."""
        if self.part is not None:
            return self.part.images[name]
        buffer = operands[name]
        batch, rows, columns, channels = buffer_type(buffer).get_shape()
        pixels = self.reshape(buffer, [batch * rows * columns, channels])
        return Image(pixels, columns)

    def pixel(self, image: Image, y: SSAValue, x: SSAValue) -> SSAValue:
        """Where a pixel lies; those to its right lie behind it."""
        number = self.add(self.mul(y, self.index(image.pitch)), x, "pixel")
        base = self.index(image.base) if isinstance(image.base, int) else image.base
        number = self.sub(number, base, "pixel")
        if image.capacity is None:
            return number
        return self.remainder(number, image.capacity)

    def remainder(self, number: SSAValue, divisor: int) -> SSAValue:
        """Of a number that is not negative."""
        if divisor == 1:
            return self.index(0)
        return self.insert(arith.RemSIOp(number, self.index(divisor)), "slot")

    def rows_below(self, image: Image, pixel: SSAValue, rows: int) -> SSAValue:
        """Where the pixel lies that is so many rows below one whose place is known."""
        if image.capacity is None:
            return self.add(pixel, self.index(rows * image.pitch), "pixel")
        step = rows * image.pitch % image.capacity
        below = self.add(pixel, self.index(step))
        around = self.sub(below, self.index(image.capacity))
        inside = self.compare("slt", below, self.index(image.capacity))
        return self.select(inside, below, around)

    def over_rows(
        self, batch: int, rows: int, body: Callable[[SSAValue, SSAValue], None]
    ) -> None:
        """`body(image, row)` for each row of the output that the kernel makes."""
        if self.part is not None:
            body(self.index(0), self.part.y)
        else:
            self.nest([batch, rows], lambda at: body(*at), ["n", "oy"])

    def over_columns(self, columns: int, body: Callable[[SSAValue], None]) -> None:
        """`body(column)` for each column of the output that the kernel makes."""
        if (part := self.part) is not None:
            columns = part.columns
            first = part.x

            def turn(i: SSAValue, _: Carried) -> None:
                body(self.add(first, i, "ox"))

            self.loop(0, columns, turn, hint="i")
        else:
            self.nest([columns], lambda at: body(*at), ["ox"])

    # Loops

    def loop(
        self,
        low: SSAValue | int,
        high: SSAValue | int,
        body: Callable[[SSAValue, Carried], Sequence[SSAValue] | None],
        carried: Sequence[SSAValue] = (),
        hint: str = "i",
        hints: Sequence[str] = (),
        step: int = 1,
        hot: bool = False,
    ) -> Carried:
        """
        `for low <= i < high` in steps; returns what the last turn yields. A loop of
        exactly one turn is not built. `hints` name the carried values. A `hot` one,
        which is always built, becomes a function of instructions where the core has
        them (`tinyml.hot`).
        """
        low = self.index(low) if isinstance(low, int) else low
        high = self.index(high) if isinstance(high, int) else high
        if (a := self.known(low)) is not None and (b := self.known(high)) is not None:
            if 0 < b - a <= step and not hot:
                return tuple(body(low, tuple(carried)) or ())
        block = Block(arg_types=[IndexType(), *(value.type for value in carried)])
        for argument, name in zip(block.args, [hint, *hints]):
            argument.name_hint = name
        outer = self.builder
        self.builder = Builder(InsertPoint.at_end(block))
        results = body(block.args[0], tuple(block.args[1:])) or ()
        self.builder.insert(scf.YieldOp(*results))
        self.builder = outer
        loop = scf.ForOp(low, high, self.index(step), list(carried), block)
        if hot:
            loop.attributes[HOT] = UnitAttr()
        self.builder.insert(loop)
        for result, name in zip(loop.results, hints):
            result.name_hint = name
        return tuple(loop.results)

    def when(self, condition: SSAValue | None, body: Callable[[], None]) -> None:
        """What happens only if a condition holds; None always does."""
        if condition is None:
            body()
            return
        block = Block()
        outer = self.builder
        self.builder = Builder(InsertPoint.at_end(block))
        body()
        self.builder.insert(scf.YieldOp())
        self.builder = outer
        self.builder.insert(scf.IfOp(condition, [], [block]))

    def either(
        self,
        condition: SSAValue | None,
        body: Callable[[], None],
        otherwise: Callable[[], None],
    ) -> None:
        """One of two things, as a condition says; None always holds."""
        if condition is None:
            body()
            return
        blocks: list[Block] = []
        outer = self.builder
        for each in (body, otherwise):
            blocks.append(Block())
            self.builder = Builder(InsertPoint.at_end(blocks[-1]))
            each()
            self.builder.insert(scf.YieldOp())
        self.builder = outer
        self.builder.insert(scf.IfOp(condition, [], [blocks[0]], [blocks[1]]))

    def nest(
        self,
        extents: Sequence[int],
        body: Callable[[tuple[SSAValue, ...]], None],
        hints: Sequence[str] = "ijkl",
    ) -> None:
        """
        A perfect nest over all indices of a shape, the last one innermost, in the
        kernel's direction.
        """

        def level(indices: tuple[SSAValue, ...]) -> None:
            if len(indices) == len(extents):
                body(indices)
                return
            depth = len(indices)

            def turn(i: SSAValue, _: Carried) -> None:
                if self.backward:
                    i = self.sub(self.index(extents[depth] - 1), i, i.name_hint)
                level((*indices, i))

            self.loop(0, extents[depth], turn, hint=hints[depth % len(hints)])

        level(())

    def taps(
        self, axis: AxisAccess, output: SSAValue, size: int, name: str
    ) -> tuple[SSAValue, SSAValue, SSAValue]:
        """
        `(start, low, high)`: the input index of tap 0 of an output, and the taps
        `[low, high)` that lie inside an input of `size` (`AxisAccess.taps`).
        """
        start = self.sub(
            self.mul(output, self.index(axis.stride)), self.index(axis.pad_before), name
        )
        if axis.pad_before == 0 and axis.pad_after == 0:
            return start, self.index(0), self.index(axis.kernel)
        round_up = self.index(axis.dilation - 1)
        dilation = self.index(axis.dilation)
        before = self.sub(self.index(0), start)
        inside = self.sub(self.index(size), start)
        first = self.div(self.add(before, round_up), dilation)
        last = self.div(self.add(inside, round_up), dilation)
        return (
            start,
            self.max(first, self.index(0), f"{name}_low"),
            self.min(last, self.index(axis.kernel), f"{name}_high"),
        )

    def tap(self, start: SSAValue, tap: SSAValue, axis: AxisAccess) -> SSAValue:
        """The input index of a tap."""
        return self.add(start, self.mul(tap, self.index(axis.dilation)))
