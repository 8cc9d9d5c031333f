"""
Moves hot loops into functions of their own, equal ones into one.

Expects lowered kernels. Guarantees that what is computed stays, and that no mark is
left.

A loop that has the attribute `tinyml.hot` becomes a call of a function of pointers and
words, which instructions can be selected for (`tinyml-select-thumb`). Accesses to a
buffer whose places differ only by what is known in the loop share a pointer; whatever
else decides a place is added to the pointer where the function is called. So loops of
different layers with the same constants are one function.

Before:

    scf.for %i = %c0 to %c8 step %c4 {
      %at = arith.addi %row, %i : index
      %w = acle.load_word %x[%at] : memref<64xi8>
      acle.store_word %w, %y[%i] : memref<8xi8>
    } {tinyml.hot}

After:

    %x_at = memref.reinterpret_cast %x to offset: [%row], sizes: [8], strides: [1]
    func.call @hot_0(%x_at, %y_at)

Parameters (`tinyml.parameter`) become arguments as well: numbers of turns, which
addresses may be products with, and words. So layers of different sizes can be one
function.

Loops that are not as hot loops have to be stay where they are: bounds and steps are
constants or parameters, no loop is left out, and addresses are sums of products with
those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    ArrayAttr,
    DictionaryAttr,
    FixedBitwidthType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    NoneAttr,
    StridedLayoutAttr,
    UnitAttr,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects import acle
from tinyml.passes.linear_index import (
    Linear,
    Product,
    linear,
    linear_place,
    parameter_number,
)
from tinyml.passes.loops.kernel import HOT
from tinyml.passes.mark_readonly import READONLY

Access = memref.LoadOp | memref.StoreOp | acle.BytesOp


class NotHot(Exception):
    """The loop has something that stands in no function of instructions."""


@dataclass
class Pointer:
    """Accesses to a buffer that share what is not known in the loop; in elements."""

    buffer: SSAValue
    outside: Linear
    accesses: list[tuple[Access, Linear]] = field(
        default_factory=list[tuple[Access, Linear]]
    )
    low: int | None = None
    high: int | None = None
    """What is reached, without the end; None where that is not known."""

    @property
    def element(self) -> Attribute:
        assert isinstance(self.buffer.type, MemRefType)
        return self.buffer.type.element_type

    @property
    def type(self) -> MemRefType:
        """Of the argument: as many elements in a row as are reached."""
        layout = StridedLayoutAttr([1], NoneAttr())
        return MemRefType(self.element, [self.size], layout)

    @property
    def start(self) -> int:
        """Where the argument points, from what is known outside."""
        return self.low or 0

    @property
    def size(self) -> int:
        if self.low is None or self.high is None:
            return DYNAMIC_INDEX
        return self.high - self.low

    def reach(self, place: Linear, ranges: Mapping[SSAValue, Turns], size: int) -> None:
        """Takes up what an access reaches, if that is constant."""
        ends = [
            (ranges[value].low * factor, ranges[value].last * factor)
            for (value,), factor in place.terms.items()
        ]
        low = place.constant + sum(min(pair) for pair in ends)
        high = place.constant + sum(max(pair) for pair in ends) + size
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)


def constant(value: SSAValue) -> int:
    known = linear(value)
    if known.terms:
        raise NotHot("a bound is not constant")
    return known.constant


@dataclass(frozen=True)
class Turns:
    """
    A loop of constant bounds, or of as many turns as a parameter says: its induction
    variable is `low + step * turn`.
    """

    low: int
    step: int
    count: Linear

    @property
    def last(self) -> int:
        assert self.count.is_constant
        return self.low + self.step * (self.count.constant - 1)

    @property
    def end(self) -> int:
        return self.last + self.step


def turns(loop: scf.ForOp) -> Turns:
    if parameter_number(loop.ub) is not None:
        if constant(loop.lb) != 0 or constant(loop.step) != 1:
            raise NotHot("a loop does not take as many turns as a parameter says")
        return Turns(0, 1, linear(loop.ub))
    low, high, step = (constant(value) for value in (loop.lb, loop.ub, loop.step))
    count = -((low - high) // step) if step > 0 else 0
    if count < 1:
        raise NotHot("a loop is left out")
    return Turns(low, step, Linear(count))


def accesses(loop: scf.ForOp) -> Iterator[Access]:
    for op in loop.walk():
        if isinstance(op, memref.LoadOp | memref.StoreOp | acle.BytesOp):
            yield op


def access_size(op: Access) -> int:
    """Elements that are accessed together."""
    return op.SIZE if isinstance(op, acle.BytesOp) else 1


def is_constant(value: SSAValue) -> bool:
    """Whether a function of the loop has the value in it."""
    is_number = isinstance(value.owner, arith.ConstantOp)
    return is_number and parameter_number(value) is None


class HotLoop:
    """What a loop takes from outside, found without changing anything."""

    def __init__(self, loop: scf.ForOp):
        self.loop = loop
        self.ranges: dict[SSAValue, Turns] = {}
        self.pointers: list[Pointer] = []
        self.words: list[SSAValue] = []
        self.sizes: list[SSAValue] = []
        """Parameters that say how many turns a loop takes."""
        if loop.results:
            raise NotHot("the loop has results")
        for op in loop.walk():
            if isinstance(op, scf.ForOp):
                known = self.ranges[op.body.block.args[0]] = turns(op)
                for value in known.count.values:
                    if value not in self.sizes:
                        self.sizes.append(value)
            elif op.regions or isinstance(op, func.CallOp):
                raise NotHot(f"{op.name} is in it")
        for op in accesses(loop):
            self.add(op)
        for pointer in self.pointers:
            self.find_reach(pointer)
        for op in loop.walk():
            self.add_words(op)

    def is_inside(self, value: SSAValue) -> bool:
        block = value.owner if isinstance(value.owner, Block) else value.owner.parent
        while block is not None:
            if block is self.loop.body.block:
                return True
            block = block.parent_block()
        return False

    def add(self, op: Access) -> None:
        """Finds the pointer of an access."""
        buffer = op.memref
        assert isinstance(buffer.type, MemRefType)
        place = linear_place(buffer.type, list(op.indices))
        if place is None or self.is_inside(buffer):
            raise NotHot("a buffer is made in it, or its strides are not known")
        inner: dict[Product, int] = {}
        outer: dict[Product, int] = {}
        for values, factor in place.terms.items():
            inside = any(value in self.ranges for value in values)
            known = values[1:] if inside else values
            if any(map(self.is_inside, known)) or (
                inside and any(value not in self.sizes for value in known)
            ):
                raise NotHot("an address depends on more than induction variables")
            # What is known of the sizes in the function is computed there.
            inside = inside or all(value in self.sizes for value in values)
            (inner if inside else outer)[values] = factor
        local, outside = Linear(place.constant, inner), Linear(0, outer)
        for pointer in self.pointers:
            if pointer.buffer is buffer and pointer.outside.terms == outside.terms:
                break
        else:
            pointer = Pointer(buffer, outside)
            self.pointers.append(pointer)
        pointer.accesses.append((op, local))

    def find_reach(self, pointer: Pointer) -> None:
        """What a pointer's accesses reach, if no parameter decides it."""
        values = [value for _, place in pointer.accesses for value in place.values]
        if all(
            value in self.ranges and self.ranges[value].count.is_constant
            for value in values
        ):
            for op, place in pointer.accesses:
                pointer.reach(place, self.ranges, access_size(op))

    def add_words(self, op: Operation) -> None:
        """Notes values from outside that are no part of an address."""
        if isinstance(op, scf.ForOp):
            operands: Sequence[SSAValue] = op.iter_args
        elif isinstance(op, memref.LoadOp | acle.LoadOp):
            return
        elif isinstance(op, memref.StoreOp | acle.StoreWordOp):
            operands = [op.value]
        else:
            operands = op.operands
        for value in operands:
            if isinstance(value.type, IndexType) or self.is_inside(value):
                continue
            if is_constant(value) or value in self.words:
                continue
            if not isinstance(value.type, FixedBitwidthType) or value.type.size != 4:
                raise NotHot(f"takes a value of {value.type}")
            self.words.append(value)

    def key(self) -> tuple[object, ...]:
        """What the loop's function is made of: equal keys, equal functions."""
        numbers: dict[SSAValue, object] = {
            value: f"word {index}" for index, value in enumerate(self.words)
        }
        for index, value in enumerate(self.sizes):
            numbers[value] = f"size {index}"
        places: dict[Operation, tuple[int, Linear]] = {
            op: (index, place + Linear(-pointer.start))
            for index, pointer in enumerate(self.pointers)
            for op, place in pointer.accesses
        }
        found: list[object] = [
            (pointer.element, pointer.size) for pointer in self.pointers
        ]
        found += [value.type for value in self.words]

        def numbered(sum: Linear) -> object:
            terms = [
                (tuple(numbers[value] for value in values), factor)
                for values, factor in sum.terms.items()
            ]
            return sum.constant, tuple(terms)

        def name(value: SSAValue) -> object:
            if isinstance(op := value.owner, arith.ConstantOp) and is_constant(value):
                return op.value
            return numbers[value]

        def visit(op: Operation) -> None:
            if op.results and isinstance(op.results[0].type, IndexType):
                return
            found.append(type(op))
            found.extend(op.properties.values())
            if op in places:
                pointer, place = places[op]
                found.extend((pointer, numbered(place)))
                if isinstance(op, memref.StoreOp | acle.StoreWordOp):
                    found.append(name(op.value))
            elif isinstance(op, scf.ForOp):
                arguments = op.body.block.args
                known = self.ranges[arguments[0]]
                found.extend((known.low, known.step, numbered(known.count)))
                found.extend(name(value) for value in op.iter_args)
                for argument in arguments:
                    numbers[argument] = len(numbers)
                for inner in op.body.block.ops:
                    visit(inner)
            elif not isinstance(op, arith.ConstantOp):
                found.extend(name(value) for value in op.operands)
            for result in op.results:
                numbers[result] = len(numbers)

        visit(self.loop)
        return tuple(found)


Terms = tuple[tuple[Product, int], ...]
"""Products of values, each with a factor."""


class Outlined:
    """The function of a hot loop under construction."""

    def __init__(self, hot: HotLoop):
        self.hot = hot
        types: list[Attribute] = [pointer.type for pointer in hot.pointers]
        types += [value.type for value in (*hot.sizes, *hot.words)]
        self.block = Block(arg_types=types)
        self.values: dict[SSAValue, SSAValue] = {}
        self.constants: dict[Attribute, SSAValue] = {}
        self.places: dict[Operation, tuple[SSAValue, Linear]] = {}
        self.head: list[Operation] = []
        self.sums: dict[tuple[Block, Terms], SSAValue] = {}
        arguments = iter(self.block.args)
        for pointer, argument in zip(hot.pointers, arguments, strict=False):
            argument.name_hint = pointer.buffer.name_hint
            for op, local in pointer.accesses:
                self.places[op] = argument, local + Linear(-pointer.start)
        for value, argument in zip((*hot.sizes, *hot.words), arguments, strict=True):
            argument.name_hint = value.name_hint
            self.values[value] = argument
        self.copy_loop(hot.loop, self.block)
        self.block.add_op(func.ReturnOp())
        assert self.block.first_op is not None
        self.block.insert_ops_before(self.head, self.block.first_op)

    def constant(self, attr: IntegerAttr) -> SSAValue:
        if attr not in self.constants:
            op = arith.ConstantOp(attr)
            op.result.name_hint = f"c{attr.value.data}".replace("-", "m")
            self.head.append(op)
            self.constants[attr] = op.result
        return self.constants[attr]

    def index(self, number: int) -> SSAValue:
        return self.constant(IntegerAttr(number, IndexType()))

    def value(self, value: SSAValue) -> SSAValue:
        if isinstance(op := value.owner, arith.ConstantOp) and is_constant(value):
            assert isinstance(op.value, IntegerAttr)
            return self.constant(op.value)
        return self.values[value]

    def copy_loop(self, loop: scf.ForOp, block: Block) -> None:
        known = self.hot.ranges[loop.body.block.args[0]]
        arguments = loop.body.block.args
        body = Block(arg_types=[argument.type for argument in arguments])
        constant = known.count.is_constant
        high = self.index(known.end) if constant else self.values[loop.ub]
        bounds = [self.index(known.low), high, self.index(known.step)]
        starts = [self.value(value) for value in loop.iter_args]
        self.rename(arguments, body.args)
        for op in loop.body.block.ops:
            self.copy(op, body)
        new = scf.ForOp(bounds[0], bounds[1], bounds[2], starts, body)
        block.add_op(new)
        self.rename(loop.results, new.results)

    def rename(self, old: Sequence[SSAValue], new: Sequence[SSAValue]) -> None:
        for a, b in zip(old, new, strict=True):
            b.name_hint = a.name_hint
            self.values[a] = b

    def copy(self, op: Operation, block: Block) -> None:
        if op in self.places:
            assert isinstance(op, memref.LoadOp | memref.StoreOp | acle.BytesOp)
            self.copy_access(op, block)
        elif isinstance(op, scf.ForOp):
            self.copy_loop(op, block)
        elif isinstance(op, arith.ConstantOp) or (
            op.results and all(isinstance(r.type, IndexType) for r in op.results)
        ):
            pass
        else:
            for value in op.operands:
                if isinstance(value.type, IndexType):
                    raise NotHot(f"{op.name} takes an index")
            new = op.clone_without_regions({v: self.value(v) for v in op.operands})
            block.add_op(new)
            self.rename(op.results, new.results)

    def copy_access(self, op: Access, block: Block) -> None:
        buffer, place = self.places[op]
        index = self.place(place, block)
        match op:
            case memref.LoadOp():
                new: Operation = memref.LoadOp.get(buffer, [index])
            case memref.StoreOp():
                new = memref.StoreOp.get(self.value(op.value), buffer, [index])
            case acle.StoreWordOp():
                aligned = op.aligned is not None
                new = acle.StoreWordOp(self.value(op.value), buffer, index, aligned)
            case acle.LoadOp():
                new = type(op)(buffer, index, op.aligned is not None)
            case _:
                raise NotHot(f"{op.name} is in it")
        block.add_op(new)
        self.rename(op.results, new.results)

    def place(self, place: Linear, block: Block) -> SSAValue:
        """An index expression at the end of a block."""
        total = self.sum(tuple(place.terms.items()), block)
        if total is None:
            return self.index(place.constant)
        if place.constant:
            return self.add(total, self.index(place.constant), block)
        return total

    def sum(self, terms: Terms, block: Block) -> SSAValue | None:
        """The sum of terms, made once in a block; None of none."""
        if not terms:
            return None
        if (block, terms) not in self.sums:
            *before, (values, factor) = terms
            term, *others = map(self.values.__getitem__, values)
            if factor != 1:
                others.append(self.index(factor))
            for other in others:
                product = arith.MuliOp(term, other)
                block.add_op(product)
                term = product.result
            total = self.sum(tuple(before), block)
            made = term if total is None else self.add(total, term, block)
            self.sums[block, terms] = made
        return self.sums[block, terms]

    @staticmethod
    def add(a: SSAValue, b: SSAValue, block: Block) -> SSAValue:
        op = arith.AddiOp(a, b)
        block.add_op(op)
        return op.result

    def function(self, name: str) -> func.FuncOp:
        types = [argument.type for argument in self.block.args]
        function = func.FuncOp(
            name, (types, []), Region(self.block), visibility="private"
        )
        function.attributes[HOT] = function.attributes["no_inline"] = UnitAttr()
        stored = {
            op.memref
            for op in function.walk()
            if isinstance(op, memref.StoreOp | acle.StoreWordOp)
        }
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({READONLY: UnitAttr()})
            if isinstance(argument.type, MemRefType) and argument not in stored
            else DictionaryAttr({})
            for argument in self.block.args
        )
        return function


def index_sum(place: Linear, loop: Operation) -> SSAValue:
    """An index expression in front of a loop."""

    def insert(op: Operation) -> SSAValue:
        Rewriter.insert_op(op, InsertPoint.before(loop))
        return op.results[0]

    total: SSAValue | None = None
    for (term, *others), factor in place.terms.items():
        if factor != 1:
            constant = arith.ConstantOp.from_int_and_width(factor, IndexType())
            others.append(insert(constant))
        for other in others:
            term = insert(arith.MuliOp(term, other))
        total = term if total is None else insert(arith.AddiOp(total, term))
    if total is None or place.constant:
        attr = IntegerAttr(place.constant, IndexType())
        constant = insert(arith.ConstantOp(attr))
        total = constant if total is None else insert(arith.AddiOp(total, constant))
    return total


def elements(buffer: SSAValue) -> int:
    assert isinstance(buffer.type, MemRefType)
    return prod(buffer.type.get_shape())


def call_operands(hot: HotLoop) -> list[SSAValue]:
    operands: list[SSAValue] = []
    for pointer in hot.pointers:
        place = pointer.outside + Linear(pointer.start)
        size: SSAValue | int = pointer.size
        if size == DYNAMIC_INDEX:
            # All that there is from there on.
            size = index_sum(Linear(elements(pointer.buffer)) - place, hot.loop)
        offset = index_sum(place, hot.loop)
        view = memref.ReinterpretCastOp.from_dynamic(
            pointer.buffer, [offset], [size], [1], pointer.type
        )
        view.result.name_hint = f"{pointer.buffer.name_hint or 'x'}_at"
        Rewriter.insert_op(view, InsertPoint.before(hot.loop))
        operands.append(view.result)
    return [*operands, *hot.sizes, *hot.words]


def hot_loops(function: func.FuncOp) -> list[scf.ForOp]:
    """The outermost hot loops of a function."""
    found = [
        op
        for op in function.walk()
        if isinstance(op, scf.ForOp) and HOT in op.attributes
    ]
    for op in found:
        del op.attributes[HOT]
    return [
        op
        for op in found
        if not any(other.is_ancestor(op) for other in found if other is not op)
    ]


@dataclass(frozen=True)
class OutlineHotLoopsPass(ModulePass):
    """Moves hot loops into functions of their own, equal ones into one."""

    name = "tinyml-outline-hot-loops"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        known: dict[tuple[object, ...], str] = {}
        for function in [f for f in op.ops if isinstance(f, func.FuncOp)]:
            for loop in hot_loops(function):
                try:
                    hot = HotLoop(loop)
                    if (key := hot.key()) not in known:
                        name = f"hot_{len(known)}"
                        made = Outlined(hot).function(name)
                        known[key] = name
                        Rewriter.insert_op(made, InsertPoint.before(function))
                except NotHot:
                    continue
                call = func.CallOp(known[key], call_operands(hot), [])
                call.location = loop.location
                Rewriter.replace_op(loop, call, [])
