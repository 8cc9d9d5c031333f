"""
Which registers point where in a function of instructions, and how they move.

Every access of a hot function is at `pointer + sum(turn of loop * step) + offset`, in
bytes. Accesses through one argument whose steps agree wherever both are known share a
*thread*: one register that is carried through the loops, and that each loop moves on by
its step. What an inner loop has moved it counts: behind a loop of n turns a thread is n
steps further, so a stream that several loops and the code between them read needs one
thread, and moves only where it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import FixedBitwidthType, MemRefType
from xdsl.ir import Block, Operation, SSAValue

from tinyml.dialects import acle
from tinyml.passes.linear_index import linear_place
from tinyml.passes.outline_hot_loops import Access, Turns, turns

LOWEST, HIGHEST = -255, 4095
"""Offsets that an access can name."""


@dataclass(eq=False)
class Thread:
    """A register that points into a buffer, and what each loop adds to it."""

    argument: SSAValue
    steps: dict[scf.ForOp, int]
    """Bytes; loops in which it has no access are missing."""
    origin: int = 0
    """Bytes from where the argument points to where it starts."""

    def step(self, loop: scf.ForOp) -> int:
        return self.steps.get(loop, 0)

    def moves_in(self, loop: scf.ForOp) -> bool:
        """Whether the loop, or one in it, moves the register."""
        return any(
            step and (inner is loop or loop.is_ancestor(inner))
            for inner, step in self.steps.items()
        )


@dataclass(frozen=True)
class Spot:
    """Where an access is: bytes from the argument, and per turn of the loops around."""

    argument: SSAValue
    constant: int
    steps: Mapping[scf.ForOp, int]


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
        constant = place.constant
        steps: dict[scf.ForOp, int] = {}
        for loop in loops_around(op):
            factor = place.terms.get(loop.body.block.args[0], 0)
            known = self.turns[loop]
            constant += factor * known.low
            steps[loop] = factor * known.step if known.count > 1 else 0
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
            if not LOWEST <= offset <= HIGHEST:
                return op
        return None

    def part(self, far: Operation) -> None:
        """Gives an access, and those behind it in reach, a thread of their own."""
        old = self.thread[far]
        starts = {
            op: self.spots[op].constant - displacement
            for op, displacement in self.displacements()
            if self.thread[op] is old
        }
        new = Thread(old.argument, dict(old.steps), starts[far])
        self.threads.append(new)
        for op, start in starts.items():
            if 0 <= start - new.origin <= HIGHEST:
                self.thread[op] = new
        if old not in self.thread.values():
            self.threads.remove(old)

    def displacements(self) -> Iterator[tuple[Operation, int]]:
        """
        For each access how far its thread is from where the loops around it have moved
        it, as inner loops before it have moved it too.
        """
        block = self.function.body.block
        yield from self._walk(block, {id(t): 0 for t in self.threads})

    def _walk(
        self, block: Block, displaced: dict[int, int]
    ) -> Iterator[tuple[Operation, int]]:
        for op in block.ops:
            if isinstance(op, scf.ForOp):
                yield from self._walk(op.body.block, dict(displaced))
                for thread in self.threads:
                    displaced[id(thread)] += thread.step(op) * self.turns[op].count
            elif op in self.thread:
                yield op, displaced[id(self.thread[op])]
