"""
Instruction selection: a hot function of `scf`, `arith`, `memref` and `acle` ops as
instructions in virtual registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Block, Operation, Region, SSAValue

from tinyml.dialects import acle
from tinyml.dialects import thumb_alu as alu
from tinyml.dialects import thumb_dsp as dsp
from tinyml.dialects import thumb_memory as mem
from tinyml.dialects.thumb_control import FuncOp, RepeatNeOp, RetOp, make_loop
from tinyml.dialects.thumb_registers import ARGUMENT_REGISTERS, CoreRegisterType
from tinyml.dialects.thumb_shapes import (
    Accumulate,
    Binary,
    Instruction,
    LoadPost,
    Shift,
    Shifted,
    StorePost,
    is_modified_immediate,
)
from tinyml.passes.linear_index import Linear, Product
from tinyml.passes.thumb_pointers import (
    HIGHEST,
    LOWEST,
    NOTHING,
    Pointers,
    Thread,
    loops_around,
)

PRODUCT_SUMS: dict[type[Operation], type[Accumulate]] = {
    acle.SmladOp: dsp.SmladOp,
    acle.SmladxOp: dsp.SmladxOp,
    acle.SmlabbOp: dsp.SmlabbOp,
    acle.SmlabtOp: dsp.SmlabtOp,
    acle.SmlatbOp: dsp.SmlatbOp,
    acle.SmlattOp: dsp.SmlattOp,
    acle.SmmlaOp: dsp.SmmlaOp,
    acle.SmmlarOp: dsp.SmmlarOp,
}
PRODUCTS: dict[type[Operation], type[Binary]] = {
    acle.SmuadOp: dsp.SmuadOp,
    acle.SmulbbOp: dsp.SmulbbOp,
    acle.SmulbtOp: dsp.SmulbtOp,
    acle.SmultbOp: dsp.SmultbOp,
    acle.SmulttOp: dsp.SmulttOp,
    acle.SmmulOp: dsp.SmmulOp,
    acle.SmmulrOp: dsp.SmmulrOp,
    acle.Sadd16Op: dsp.Sadd16Op,
    acle.Uadd8Op: dsp.Uadd8Op,
    acle.Uqsub8Op: dsp.Uqsub8Op,
    acle.Ssub16Op: dsp.Ssub16Op,
}
ARITHMETIC: dict[type[Operation], type[Shifted]] = {
    arith.AddiOp: alu.AddOp,
    arith.SubiOp: alu.SubOp,
    arith.AndIOp: alu.AndOp,
    arith.OrIOp: alu.OrrOp,
    arith.XOrIOp: alu.EorOp,
}
IMMEDIATES: dict[type[Operation], Callable[[SSAValue, int], Instruction]] = {
    arith.AndIOp: alu.AndImmOp,
    arith.OrIOp: alu.OrrImmOp,
    arith.XOrIOp: alu.EorImmOp,
}
SHIFTS: dict[type[Operation], Shift] = {
    arith.ShLIOp: Shift.LSL,
    arith.ShRSIOp: Shift.ASR,
    arith.ShRUIOp: Shift.LSR,
}
SHIFT_IMMEDIATES: dict[Shift, Callable[[SSAValue, int], Instruction]] = {
    Shift.LSL: alu.LslImmOp,
    Shift.ASR: alu.AsrImmOp,
    Shift.LSR: alu.LsrImmOp,
}
COMMUTATIVE = (arith.AddiOp, arith.AndIOp, arith.OrIOp, arith.XOrIOp, arith.MuliOp)
LOADS = {
    (4, True): (mem.LdrOp, mem.LdrPostOp),
    (2, True): (mem.LdrshOp, mem.LdrshPostOp),
    (2, False): (mem.LdrhOp, mem.LdrhPostOp),
    (1, True): (mem.LdrsbOp, mem.LdrsbPostOp),
    (1, False): (mem.LdrbOp, mem.LdrbPostOp),
}
"""By bytes, and whether the sign counts."""
STORES = {
    4: (mem.StrOp, mem.StrPostOp),
    2: (mem.StrhOp, mem.StrhPostOp),
    1: (mem.StrbOp, mem.StrbPostOp),
}
WORD = 0xFFFF_FFFF


class Unselectable(Exception):
    """There is no instruction for an op."""


def known(value: SSAValue) -> int | None:
    """The number that a value is, if it is constant."""
    if isinstance(op := value.owner, arith.ConstantOp) and isinstance(
        op.value, IntegerAttr
    ):
        return op.value.value.data
    return None


def is_summand(number: int | None) -> bool:
    """Whether an instruction can add a number that is part of it."""
    if number is None:
        return False
    return abs(number) <= HIGHEST or is_modified_immediate(abs(number))


def only_user(value: SSAValue) -> Operation | None:
    """The only op that uses a value, if it stands in the same block."""
    user = value.get_user_of_unique_use()
    if user is None or isinstance(value.owner, Block):
        return None
    return user if user.parent is value.owner.parent else None


def width(value: SSAValue) -> int:
    """Bytes of an integer."""
    if not isinstance(type := value.type, IntegerType) or type.width.data % 8:
        raise Unselectable(f"a value of {type}")
    return type.width.data // 8


class Selector:
    """Selects instructions for one function."""

    def __init__(self, function: func.FuncOp):
        self.source = function
        self.pointers = Pointers(function)
        self.values: dict[SSAValue, SSAValue] = {}
        self.longs: dict[SSAValue, tuple[SSAValue, SSAValue]] = {}
        self.unsigned: set[SSAValue] = set()
        self.raw: set[SSAValue] = set()
        """Values whose upper bits are anything."""
        self.at: dict[Thread, SSAValue] = {}
        self.moved: dict[Thread, Linear] = {}
        """How far a thread's register is from where its argument points. Bytes."""
        self.started: dict[Thread, SSAValue] = {}
        self.post: dict[Operation, int] = {}
        """Accesses that move their pointer, and by how much."""
        self.products: dict[Product, SSAValue] = {}
        self.constants: dict[tuple[Block, int], SSAValue] = {}
        self.head: list[Operation] = []
        self.depth = 0
        self.nests: bool = False
        """Whether the loop at hand has loops in it."""

    # Building

    def add(self, op: Instruction) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def add_to_entry(self, op: Instruction) -> SSAValue:
        """Puts an instruction in front of all others."""
        self.head.append(op)
        return op.results[0]

    def select(self, name: str) -> FuncOp:
        """The function of instructions. Raises Unselectable."""
        arguments = list(self.source.body.block.args)
        registers = ARGUMENT_REGISTERS[: len(arguments)]
        self.entry = Block(
            arg_types=[CoreRegisterType.from_name(name) for name in registers]
        )
        self.block = self.entry
        places: dict[SSAValue, SSAValue] = {}
        for index, argument in enumerate(arguments):
            if index < len(registers):
                place: SSAValue = self.entry.args[index]
            else:
                place = self.add_to_entry(mem.LdrSpOp(4 * (index - len(registers))))
            place.name_hint = argument.name_hint
            places[argument] = place
            if not isinstance(argument.type, MemRefType):
                self.values[argument] = place
        for thread in self.pointers.threads:
            place = places[thread.argument]
            place = self.advanced(place, thread.origin, in_entry=True)
            self.started[thread] = self.at[thread] = place
            self.moved[thread] = thread.origin
        self.body(self.source.body.block)
        self.block.add_op(RetOp())
        assert self.entry.first_op is not None
        self.entry.insert_ops_before(self.head, self.entry.first_op)
        types = [argument.type for argument in arguments]
        return FuncOp(name, Region(self.entry), types)

    # Constants and pointers

    @staticmethod
    def constant_ops(number: int) -> list[Instruction]:
        number &= WORD
        if is_modified_immediate(number):
            return [alu.MovImmOp(number)]
        low = alu.MovwOp(number & 0xFFFF)
        return [low, alu.MovtOp(low.d, number >> 16)] if number >> 16 else [low]

    def constant(self, number: int) -> SSAValue:
        """
        A register with a number: made where it is used if that takes one instruction
        and no inner loop, else once.
        """
        ops = self.constant_ops(number)
        here = self.block is self.entry or (len(ops) == 1 and self.nests)
        key = self.block if here else self.entry, number & WORD
        if key not in self.constants:
            if here:
                self.block.add_ops(ops)
            else:
                self.head += ops
            self.constants[key] = ops[-1].results[0]
        return self.constants[key]

    def forget_constants(self) -> None:
        """Behind a loop they are made again, so that none is kept through it."""
        if self.block is not self.entry:
            for key in [key for key in self.constants if key[0] is self.block]:
                del self.constants[key]

    def fresh_constant(self, number: int) -> SSAValue:
        ops = self.constant_ops(number)
        self.block.add_ops(ops)
        return ops[-1].results[0]

    def moved_by(self, pointer: SSAValue, delta: int) -> Instruction:
        """What adds a number to a pointer."""
        size = abs(delta)
        if size <= HIGHEST or is_modified_immediate(size):
            make = alu.AddImmOp if delta >= 0 else alu.SubImmOp
            return make(pointer, size)
        raise Unselectable(f"a pointer moves by {delta}")

    def product(self, values: Product) -> SSAValue:
        """A product of sizes, made in front of everything."""
        if values not in self.products:
            found = self.word(values[0])
            if len(values) > 1:
                found = dsp.MulOp(self.product(values[:-1]), self.word(values[-1]))
                found = self.add_to_entry(found)
            self.products[values] = found
        return self.products[values]

    def advanced(
        self, pointer: SSAValue, delta: Linear, in_entry: bool = False
    ) -> SSAValue:
        """A pointer with bytes added, which may depend on sizes."""
        add, sum = self.add, self.sum
        if in_entry:
            add, sum = self.add_to_entry, self.entry_sum
        for values, factor in delta.terms.items():
            make = alu.AddOp if factor > 0 else alu.SubOp
            size, odd = self.product(values), abs(factor)
            shift = (odd & -odd).bit_length() - 1
            if (odd := odd >> shift) > 1:
                self.head += (ops := self.constant_ops(odd))
                size = self.add_to_entry(dsp.MulOp(size, ops[-1].results[0]))
            shifted = (Shift.LSL, shift) if shift else (None, 0)
            pointer = add(make(pointer, size, *shifted))
        return sum(pointer, delta.constant) if delta.constant else pointer

    def move(self, thread: Thread, target: Linear) -> None:
        """Moves a thread's register to so many bytes from its argument."""
        delta = target - self.moved[thread]
        if delta != NOTHING:
            self.at[thread] = self.advanced(self.at[thread], delta)
            self.moved[thread] = target

    def sum(self, value: SSAValue, number: int) -> SSAValue:
        if is_summand(number):
            return self.add(self.moved_by(value, number))
        return self.add(alu.AddOp(value, self.constant(number)))

    def entry_sum(self, value: SSAValue, number: int) -> SSAValue:
        """A sum in front of all other instructions."""
        if is_summand(number):
            return self.add_to_entry(self.moved_by(value, number))
        self.head += (ops := self.constant_ops(number))
        return self.add_to_entry(alu.AddOp(value, ops[-1].results[0]))

    # Control flow

    def body(self, block: Block) -> None:
        for op in block.ops:
            self.select_op(op)

    def loop(self, op: scf.ForOp) -> None:
        known_turns = self.pointers.turns[op]
        source = op.body.block
        if known_turns.count == Linear(1):
            for argument, start in zip(source.args[1:], op.iter_args, strict=True):
                self.values[argument] = self.start(start)
            self.body(source)
            self.results(op, [self.word(v) for v in source.last_op.operands])  # pyright: ignore[reportOptionalMemberAccess]
            return
        moving = [t for t in self.pointers.threads if t.moves_in(op)]
        carried = [t for t in moving if not self.pointers.is_found_again(t, op)]
        again = {t: (self.at[t], self.moved[t]) for t in moving if t not in carried}
        starts = [self.start(value) for value in op.iter_args]
        test, end = self.end_of(op, carried)
        before = dict(self.moved)
        counter = [] if test is not None else [self.counter(known_turns.count)]
        values = [*(self.at[thread] for thread in carried), *starts, *counter]
        loop, block = make_loop(values)
        outside = self.block, self.nests
        self.nests = any(isinstance(inner, scf.ForOp) for inner in source.ops)
        self.block, self.depth = block, self.depth + 1
        arguments = iter(block.args)
        for thread, argument in zip(carried, arguments, strict=False):
            argument.name_hint = self.at[thread].name_hint
            self.at[thread] = argument
        for value, argument in zip(source.args[1:], arguments, strict=False):
            argument.name_hint = value.name_hint
            self.values[value] = argument
        self.choose_post(op, carried)
        self.body(source)
        for thread, (place, moved) in again.items():
            self.at[thread], self.moved[thread] = place, moved
        for thread in carried:
            self.move(thread, before[thread] + thread.step(op))
        assert source.last_op is not None
        yielded = [self.word(value) for value in source.last_op.operands]
        if test is not None:
            assert end is not None
            flags = alu.CmpOp(self.at[test], end)
            block.add_op(flags)
            left: list[SSAValue] = []
        else:
            flags = alu.SubsImmOp(block.args[-1], 1)
            block.add_op(flags)
            left = [flags.d]
        pointers = [self.at[thread] for thread in carried]
        block.add_op(RepeatNeOp(flags.flags, [*pointers, *yielded, *left]))
        (self.block, self.nests), self.depth = outside, self.depth - 1
        self.block.add_op(loop)
        self.forget_constants()
        ends = list(loop.ends)
        for thread, value in zip(carried, ends, strict=False):
            self.at[thread] = value
            step = thread.step(op).times(known_turns.count)
            self.moved[thread] = before[thread] + step
        self.results(op, ends[len(carried) : len(carried) + len(starts)])

    def start(self, value: SSAValue) -> SSAValue:
        """What a loop carries at first; constants get registers of their own."""
        number = known(value)
        return self.word(value) if number is None else self.fresh_constant(number)

    def counter(self, count: Linear) -> SSAValue:
        if count.is_constant:
            return self.fresh_constant(count.constant)
        (value,) = count.values
        return self.word(value)

    def results(self, op: scf.ForOp, values: Sequence[SSAValue]) -> None:
        for result, value in zip(op.results, values, strict=True):
            self.values[result] = value

    def end_of(
        self, op: scf.ForOp, carried: Sequence[Thread]
    ) -> tuple[Thread, SSAValue] | tuple[None, None]:
        """A thread that moves on in each turn, and where it is when the loop ends."""
        count = self.pointers.turns[op].count
        moving = [thread for thread in carried if thread.step(op) != NOTHING]
        around = loops_around(op)
        steps = {thread: thread.step(op).times(count) for thread in moving}
        for thread in moving:
            if all(thread.step(loop) == NOTHING for loop in around):
                delta = self.moved[thread] + steps[thread] - thread.origin
                start = self.started[thread]
                if self.depth == 0:
                    return thread, self.advanced(start, delta)
                if not delta.is_constant:
                    continue
                number = delta.constant
                if number >= 0 and (number <= HIGHEST or is_modified_immediate(number)):
                    return thread, self.add_to_entry(self.moved_by(start, number))
        for thread in moving:
            return thread, self.advanced(self.at[thread], steps[thread])
        return None, None

    def choose_post(self, op: scf.ForOp, carried: Sequence[Thread]) -> None:
        """Finds accesses that may move their pointers by all that a turn does."""
        block = op.body.block
        for thread in carried:
            if not thread.step(op).is_constant:
                continue
            delta = thread.step(op).constant
            users = [a for a, t in self.pointers.thread.items() if t is thread]
            users = [a for a in users if a.parent is block or op.is_ancestor(a)]
            if any(a.parent is not block for a in users):
                continue
            ordered = [a for a in block.ops if a in users]
            moved = self.moved[thread]
            offsets = [self.pointers.spots[a].constant - moved for a in ordered]
            if not all(offset.is_constant for offset in offsets):
                continue
            offsets = [offset.constant for offset in offsets]
            for number, access in enumerate(ordered):
                later = [offset - delta for offset in offsets[number + 1 :]]
                if (
                    offsets[number] == 0
                    and -255 <= delta <= 255
                    and all(LOWEST <= offset <= HIGHEST for offset in later)
                ):
                    self.post[access] = delta
                    break

    # Values

    def word(self, value: SSAValue) -> SSAValue:
        """The register of a value."""
        number = known(value)
        if number is not None:
            return self.constant(number)
        if value in self.values:
            return self.values[value]
        raise Unselectable(f"a value of {value.type} that no instruction makes")

    def define(self, value: SSAValue, op: Instruction) -> None:
        result = self.add(op)
        result.name_hint = value.name_hint
        self.values[value] = result

    def select_op(self, op: Operation) -> None:
        match op:
            case _ if op.results and isinstance(op.results[0].type, IndexType):
                pass
            case arith.ConstantOp() | scf.YieldOp() | func.ReturnOp():
                pass
            case scf.ForOp():
                self.loop(op)
            case memref.LoadOp() | acle.LoadOp():
                self.load(op)
            case memref.StoreOp() | acle.StoreWordOp():
                self.store(op)
            case acle.InstructionOp():
                self.instruction(op)
            case _ if self.is_deferred(op):
                pass
            case _:
                self.arithmetic(op)

    # Memory

    def access(self, op: Operation) -> tuple[SSAValue, int, Thread, int | None]:
        thread, spot = self.pointers.thread[op], self.pointers.spots[op]
        offset = spot.constant - self.moved[thread]
        post = self.post.get(op)
        if offset.terms or not LOWEST <= offset.constant <= HIGHEST:
            raise Unselectable("an access is too far from its pointer")
        return self.at[thread], offset.constant, thread, post

    def load(self, op: memref.LoadOp | acle.LoadOp) -> None:
        result = op.results[0]
        size = op.SIZE if isinstance(op, acle.LoadOp) else width(result)
        extended = [isinstance(use.operation, arith.ExtUIOp) for use in result.uses]
        is_unsigned = size < 4 and bool(extended) and all(extended)
        if size not in (1, 2, 4):
            raise Unselectable(f"loads {size} bytes")
        plain, posted = LOADS[size, not is_unsigned]
        base, offset, thread, post = self.access(op)
        if post is None:
            self.define(result, plain(base, offset))
        else:
            load = posted(base, post)
            assert isinstance(load, LoadPost)
            self.define(result, load)
            self.moved_to(thread, load.base, post)
        if is_unsigned:
            self.unsigned.add(result)

    def store(self, op: memref.StoreOp | acle.StoreWordOp) -> None:
        size = op.SIZE if isinstance(op, acle.StoreWordOp) else width(op.value)
        if size not in STORES:
            raise Unselectable(f"stores {size} bytes")
        plain, posted = STORES[size]
        value = self.word(op.value)
        base, offset, thread, post = self.access(op)
        if post is None:
            self.block.add_op(plain(value, base, offset))
        else:
            store = posted(value, base, post)
            assert isinstance(store, StorePost)
            self.block.add_op(store)
            self.moved_to(thread, store.base, post)

    def moved_to(self, thread: Thread, base: SSAValue, delta: int) -> None:
        base.name_hint = self.at[thread].name_hint
        self.at[thread] = base
        self.moved[thread] += Linear(delta)

    # Instructions of the core

    def instruction(self, op: acle.InstructionOp) -> None:
        result = op.results[0]
        words = [v for v in op.operands if v.type == i32]
        match op:
            case acle.SmlalOp() | acle.SmlaldOp():
                self.long_product(op)
            case acle.Sxtb16Op():
                (a,) = map(self.word, words)
                self.define(result, dsp.Sxtb16Op(a, op.ror.value.data))
            case acle.Uxtb16Op():
                (a,) = map(self.word, words)
                self.define(result, dsp.Uxtb16Op(a, op.ror.value.data))
            case acle.Sxtab16Op():
                a, b = map(self.word, words)
                self.define(result, dsp.Sxtab16Op(a, b, op.ror.value.data))
            case acle.PkhbtOp():
                a, b = map(self.word, words)
                lsl = op.lsl.value.data
                shift = (Shift.LSL, lsl) if lsl else (None, 0)
                self.define(result, dsp.PkhbtOp(a, b, *shift))
            case acle.PkhtbOp():
                a, b = map(self.word, words)
                self.define(result, dsp.PkhtbOp(a, b, Shift.ASR, op.asr.value.data))
            case acle.SsatOp() | acle.UsatOp():
                (a,) = map(self.word, words)
                make = dsp.SsatOp if isinstance(op, acle.SsatOp) else dsp.UsatOp
                shift = (None, 0)
                if op.lsl is not None:
                    shift = (Shift.LSL, op.lsl.value.data)
                elif op.asr is not None:
                    shift = (Shift.ASR, op.asr.value.data)
                self.define(result, make(op.bits.value.data, a, *shift))
            case acle.Ssat16Op():
                (a,) = map(self.word, words)
                self.define(result, dsp.Ssat16Op(op.bits.value.data, a))
            case acle.Usat16Op():
                (a,) = map(self.word, words)
                self.define(result, dsp.Usat16Op(op.bits.value.data, a))
            case _ if type(op) in PRODUCT_SUMS:
                a, b, total = map(self.word, words)
                self.define(result, PRODUCT_SUMS[type(op)](a, b, total))
            case _ if type(op) in PRODUCTS:
                a, b = map(self.word, words)
                self.define(result, PRODUCTS[type(op)](a, b))
            case _:
                raise Unselectable(f"{op.name} has no instruction")

    def long_product(self, op: acle.SmlalOp | acle.SmlaldOp) -> None:
        if isinstance(op, acle.SmlaldOp):
            raise Unselectable(f"{op.name} has no instruction")
        a, b = self.word(op.a), self.word(op.b)
        if known(op.accumulator) == 0:
            product = dsp.SmullOp(a, b)
            self.block.add_op(product)
            self.longs[op.result] = product.lo, product.hi
            return
        low, high = self.long(op.accumulator)
        total = dsp.SmlalOp(low, high, a, b)
        self.block.add_op(total)
        self.longs[op.result] = total.new_lo, total.new_hi

    def long(self, value: SSAValue) -> tuple[SSAValue, SSAValue]:
        """The two registers of a value of 64 bits."""
        number = known(value)
        if number is not None:
            low = self.fresh_constant(number)
            return low, self.fresh_constant(number >> 32)
        if value not in self.longs:
            raise Unselectable(f"a value of {value.type} that no instruction makes")
        return self.longs[value]

    # Arithmetic

    def is_deferred(self, op: Operation) -> bool:
        """Whether the only user of an op computes it, too."""
        if len(op.results) != 1 or (user := only_user(op.results[0])) is None:
            return False
        if isinstance(op, arith.ShRSIOp) and op.result.type == i64:
            return isinstance(user, arith.TruncIOp)
        if type(op) in SHIFTS and known(op.operands[1]) is not None:
            return type(user) in ARITHMETIC and self.folded(user) is op
        if isinstance(op, arith.MuliOp):
            return isinstance(user, arith.AddiOp) and self.folded(user) is op
        if isinstance(op, arith.MaxSIOp):
            return isinstance(user, arith.MinSIOp) and self.saturation(user) is not None
        return False

    def folded(self, user: Operation) -> Operation | None:
        """The operand that an addition or the like computes as well: one at most."""
        numbers = [known(value) for value in user.operands]
        if any(number is not None for number in numbers):
            # What is too large for an instruction needs a register in any case.
            is_sum = isinstance(user, arith.AddiOp)
            if not is_sum or any(map(is_summand, numbers)):
                return None
        if user.results[0].type != i32:
            return None
        for value in reversed(user.operands):
            op = value.owner
            if isinstance(op, Block) or only_user(value) is not user:
                continue
            if isinstance(op, arith.MuliOp) and isinstance(user, arith.AddiOp):
                return op
            shift = type(op) in SHIFTS and known(op.operands[1])
            if shift and 0 < shift < 32:
                if isinstance(user, arith.SubiOp) and value is user.lhs:
                    continue
                return op
        return None

    @staticmethod
    def saturation(op: arith.MinSIOp) -> tuple[SSAValue, int, int] | None:
        """What is clamped, and to what, if an op is the end of a clamp."""
        inner, high = op.lhs.owner, known(op.rhs)
        if high is None or not isinstance(inner, arith.MaxSIOp):
            return None
        low = known(inner.rhs)
        if low is None or only_user(inner.result) is not op:
            return None
        return inner.lhs, low, high

    def arithmetic(self, op: Operation) -> None:
        (result,) = op.results
        if result.type == i64:
            self.long_arithmetic(op)
            return
        match op:
            case arith.TruncIOp():
                self.truncate(op)
            case arith.ExtSIOp() | arith.ExtUIOp():
                self.extend(op)
            case arith.MinSIOp() if (found := self.saturation(op)) is not None:
                self.clamp(result, *found)
            case arith.MuliOp():
                self.multiply(op)
            case _ if type(op) in SHIFTS:
                self.shift(op)
            case _ if type(op) in ARITHMETIC and result.type == i32:
                self.combine(op)
            case _:
                raise Unselectable(f"{op.name} has no instruction")

    def combine(self, op: Operation) -> None:
        """Additions and bitwise operations."""
        (result,) = op.results
        a, b = op.operands
        if known(a) is not None and isinstance(op, COMMUTATIVE):
            a, b = b, a
        number = known(b)
        first = known(a)
        inner = self.folded(op)
        if isinstance(op, arith.SubiOp) and first is not None:
            if is_modified_immediate(first):
                self.define(result, alu.RsbImmOp(self.word(b), first))
                return
        elif number is not None and inner is None:
            if isinstance(op, arith.AddiOp | arith.SubiOp):
                sign = 1 if isinstance(op, arith.AddiOp) else -1
                total = self.sum(self.word(a), sign * number)
                total.name_hint = result.name_hint
                self.values[result] = total
                return
            if isinstance(op, arith.AndIOp) and number in (0xFF, 0xFFFF):
                make = alu.UxtbOp if number == 0xFF else alu.UxthOp
                self.define(result, make(self.word(a)))
                return
            if is_modified_immediate(number):
                self.define(result, IMMEDIATES[type(op)](self.word(a), number))
                return
        if inner is not None:
            other = b if a.owner is inner else a
            if isinstance(inner, arith.MuliOp):
                n, m = map(self.word, inner.operands)
                self.define(result, dsp.MlaOp(n, m, self.word(other)))
                return
            amount = known(inner.operands[1])
            assert amount is not None
            source = self.word(inner.operands[0])
            shift = SHIFTS[type(inner)]
            make = ARITHMETIC[type(op)]
            self.define(result, make(self.word(other), source, shift, amount))
            return
        self.define(result, ARITHMETIC[type(op)](self.word(a), self.word(b)))

    def multiply(self, op: arith.MuliOp) -> None:
        a, b = op.lhs, op.rhs
        if known(a) is not None:
            a, b = b, a
        number = known(b)
        if number is not None and number > 0 and number & (number - 1) == 0:
            bits = number.bit_length() - 1
            if bits:
                self.define(op.result, alu.LslImmOp(self.word(a), bits))
            else:
                self.values[op.result] = self.word(a)
            return
        self.define(op.result, dsp.MulOp(self.word(a), self.word(b)))

    def shift(self, op: Operation) -> None:
        (result,) = op.results
        amount = known(op.operands[1])
        if result.type != i32 or amount is None or not 0 <= amount < 32:
            raise Unselectable(f"{op.name} by what is not known")
        source = self.word(op.operands[0])
        if amount:
            self.define(result, SHIFT_IMMEDIATES[SHIFTS[type(op)]](source, amount))
        else:
            self.values[result] = source

    def clamp(self, result: SSAValue, value: SSAValue, low: int, high: int) -> None:
        """
        By saturation. Between other bounds than those of a number of bits: what is
        above the lower one is counted up from there, and down from the upper one.
        """
        word = self.word(value)
        bits = (high - low).bit_length()
        if low == 0 and high == (1 << bits) - 1:
            self.define(result, dsp.UsatOp(bits, word))
            return
        if low == -high - 1 and high == (1 << bits - 1) - 1:
            self.define(result, dsp.SsatOp(bits, word))
            return
        if not -(1 << 15) <= low < high < 1 << 15:
            raise Unselectable(f"a clamp to {low}..{high}")
        word = self.add(dsp.SsatOp(16, word))
        word = self.add(dsp.UsatOp(17, self.sum(word, -low)))
        word = self.add(dsp.UsatOp(17, self.difference(high - low, word)))
        self.values[result] = self.difference(high, word)

    def difference(self, number: int, value: SSAValue) -> SSAValue:
        if is_modified_immediate(number):
            return self.add(alu.RsbImmOp(value, number))
        return self.add(alu.SubOp(self.constant(number), value))

    def truncate(self, op: arith.TruncIOp) -> None:
        """The low bits; shifts of long values are a part of it."""
        source = op.input
        if source.type != i64:
            self.values[op.result] = self.word(source)
            self.raw.add(op.result)
            return
        if op.result.type != i32:
            raise Unselectable("cuts 64 bits to less than 32")
        shift = source.owner
        if isinstance(shift, arith.ShRSIOp):
            low, high = self.long(shift.lhs)
            amount = known(shift.rhs)
            if amount is None or not 0 < amount < 64:
                raise Unselectable("a long shift by what is not known")
            if amount == 32:
                self.values[op.result] = high
            elif amount > 32:
                self.define(op.result, alu.AsrImmOp(high, amount - 32))
            else:
                rest = self.add(alu.LsrImmOp(low, amount))
                joined = alu.OrrOp(rest, high, Shift.LSL, 32 - amount)
                self.define(op.result, joined)
            return
        self.values[op.result] = self.long(source)[0]

    def extend(self, op: arith.ExtSIOp | arith.ExtUIOp) -> None:
        source, is_signed = op.input, isinstance(op, arith.ExtSIOp)
        if op.result.type != i32 or source.type not in (i8, i16):
            raise Unselectable(f"extends {source.type} to {op.result.type}")
        word = self.word(source)
        loaded_as_wanted = (source in self.unsigned) != is_signed
        if source not in self.raw and loaded_as_wanted:
            self.values[op.result] = word
        elif source.type == i8:
            self.define(op.result, (alu.SxtbOp if is_signed else alu.UxtbOp)(word))
        else:
            self.define(op.result, (alu.SxthOp if is_signed else alu.UxthOp)(word))

    def long_arithmetic(self, op: Operation) -> None:
        if isinstance(op, arith.ExtSIOp) and op.input.type == i32:
            word = self.word(op.input)
            # Both are overwritten in place by what adds to them.
            self.longs[op.result] = word, self.add(alu.AsrImmOp(word, 31))
            return
        raise Unselectable(f"{op.name} of 64 bits has no instruction")
