"""
Which registers point where in a function of instructions, and how they move.

Every access of a hot function is at `pointer + sum(turn of loop * step) + offset`, in
bytes; steps and offsets may depend on the sizes that the function is called with.
Accesses through one argument whose steps agree wherever both are known share a
*thread*: one register that is carried through the loops, and that each loop moves on by
its step. What an inner loop has moved it counts: behind a loop of n turns a thread is n
steps further, so a stream that several loops and the code between them read needs one
thread, and moves only where it is read. A thread that a loop does not move is found
again behind each turn where what inner loops add to it depends on sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import FixedBitwidthType, MemRefType
from xdsl.ir import Block, Operation, SSAValue

from tinyml.dialects import acle
from tinyml.passes.linear_index import Linear, linear_place
from tinyml.passes.outline_hot_loops import Access, Turns, turns

LOWEST, HIGHEST = -255, 4095
"""Offsets that an access can name."""

NOTHING = Linear()


@dataclass(eq=False)
class Thread:
    """A register that points into a buffer, and what each loop adds to it."""

    argument: SSAValue
    steps: dict[scf.ForOp, Linear]
    """Bytes; loops in which it has no access are missing."""
    origin: Linear = NOTHING
    """Bytes from where the argument points to where it starts."""

    def step(self, loop: scf.ForOp) -> Linear:
        return self.steps.get(loop, NOTHING)

    def moves_in(self, loop: scf.ForOp) -> bool:
        """Whether the loop, or one in it, moves the register."""
        return any(
            step != NOTHING and (inner is loop or loop.is_ancestor(inner))
            for inner, step in self.steps.items()
        )


@dataclass(frozen=True)
class Spot:
    """Where an access is: bytes from the argument, and per turn of the loops around."""

    argument: SSAValue
    constant: Linear
    steps: Mapping[scf.ForOp, Linear]


def loops_around(op: Operation) -> list[scf.ForOp]:
    """The loops that an op is in, outermost first."""
    found: list[scf.ForOp] = []
    parent = op.parent_op()
    while isinstance(parent, scf.ForOp):
        found.insert(0, parent)
        parent = parent.parent_op()
    return found


@dataclass
class Pointers:
    """The threads of a function, and which of them each access goes through."""

    function: func.FuncOp
    turns: dict[scf.ForOp, Turns] = field(default_factory=dict[scf.ForOp, Turns])
    spots: dict[Operation, Spot] = field(default_factory=dict[Operation, Spot])
    threads: list[Thread] = field(default_factory=list[Thread])
    thread: dict[Operation, Thread] = field(default_factory=dict[Operation, Thread])

    def __post_init__(self) -> None:
        for op in self.function.walk():
            if isinstance(op, scf.ForOp):
                self.turns[op] = turns(op)
        for op in self.function.walk():
            if isinstance(op, memref.LoadOp | memref.StoreOp | acle.BytesOp):
                self.spots[op] = self.find(op)
        # Deepest first: what lies in fewer loops joins what lies in more.
        for op in sorted(self.spots, key=lambda op: -len(loops_around(op))):
            self.join(op)
        while (far := self.too_far()) is not None:
            self.part(far)

    def find(self, op: Access) -> Spot:
        buffer = op.memref
        type = buffer.type
        assert isinstance(type, MemRefType)
        element = type.element_type
        size = element.size if isinstance(element, FixedBitwidthType) else 1
        place = linear_place(type, list(op.indices), size)
        assert place is not None
        constant, around = place, loops_around(op)
        steps: dict[scf.ForOp, Linear] = dict.fromkeys(around, NOTHING)
        for loop in around:
            variable = loop.body.block.args[0]
            known = self.turns[loop]
            terms = {v: n for v, n in place.terms.items() if v[0] is variable}
            if terms:
                factor = Linear()
                for values, number in terms.items():
                    rest = values[1:]
                    factor += Linear(0, {rest: number}) if rest else Linear(number)
                constant += factor.scaled(known.low) - Linear(0, terms)
                if known.count.terms or known.count.constant > 1:
                    steps[loop] = factor.scaled(known.step)
        return Spot(buffer, constant, steps)

    def join(self, op: Operation) -> None:
        """Gives an access a thread that moves as it does, or a new one."""
        spot = self.spots[op]
        for thread in self.threads:
            known = thread.steps
            if thread.argument is spot.argument and all(
                known.get(loop, step) == step for loop, step in spot.steps.items()
            ):
                break
        else:
            thread = Thread(spot.argument, {})
            self.threads.append(thread)
        thread.steps |= spot.steps
        self.thread[op] = thread

    def too_far(self) -> Operation | None:
        """An access that its thread cannot reach."""
        for op, displacement in self.displacements():
            origin = self.thread[op].origin
            offset = self.spots[op].constant - origin - displacement
            if offset.terms or not LOWEST <= offset.constant <= HIGHEST:
                return op
        return None

    def part(self, far: Operation) -> None:
        """
        Gives an access, and those behind it in reach, a thread of their own; also those
        in front of it where that place depends on sizes.
        """
        old = self.thread[far]
        starts = {
            op: self.spots[op].constant - displacement
            for op, displacement in self.displacements()
            if self.thread[op] is old
        }
        new = Thread(old.argument, dict(old.steps), starts[far])
        self.threads.append(new)
        lowest = 0 if new.origin.is_constant else LOWEST
        for op, start in starts.items():
            distance = start - new.origin
            if distance.is_constant and lowest <= distance.constant <= HIGHEST:
                self.thread[op] = new
        if old not in self.thread.values():
            self.threads.remove(old)

    def is_found_again(self, thread: Thread, loop: scf.ForOp) -> bool:
        """
        Whether only loops in a loop move a thread, by what is not known: a turn begins
        where the one before it has begun.
        """
        if thread.step(loop) != NOTHING:
            return False
        inner = [other for other in thread.steps if loop.is_ancestor(other)]
        moves = [thread.step(each).times(self.turns[each].count) for each in inner]
        return any(not move.is_constant for move in moves)

    def displacements(self) -> Iterator[tuple[Operation, Linear]]:
        """
        For each access how far its thread is from where the loops around it have moved
        it, as inner loops before it have moved it too.
        """
        block = self.function.body.block
        yield from self._walk(block, {id(t): NOTHING for t in self.threads})

    def _walk(
        self, block: Block, displaced: dict[int, Linear]
    ) -> Iterator[tuple[Operation, Linear]]:
        for op in block.ops:
            if isinstance(op, scf.ForOp):
                yield from self._walk(op.body.block, dict(displaced))
                for thread in self.threads:
                    if (step := thread.step(op)) is not NOTHING:
                        displaced[id(thread)] += step.times(self.turns[op].count)
            elif op in self.thread:
                yield op, displaced[id(self.thread[op])]
