"""
Moves values of a `thumb` function to the FPU, as plans of `thumb_spill_policy` say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyml.dialects.thumb_alu import MovOp, VmovFromFpuOp, VmovToFpuOp
from tinyml.dialects.thumb_registers import (
    FREG,
    REG,
    CoreRegisterType,
    FpuRegisterType,
)
from tinyml.passes.thumb_allocate import FPU
from tinyml.passes.thumb_code import Code, Line
from tinyml.passes.thumb_liveness import Span, lives
from tinyml.passes.thumb_spill_policy import Crowd, Plan, Stay, choose, crowd, plan
from tinyml.passes.thumb_values import AT_HAND, Values

MOVES = (*AT_HAND, VmovToFpuOp)
NEVER = -1_000_000
"""Values alive where that does not matter."""


def span_of(stay: Stay, birth: int) -> Span:
    """When a value is in a register for a stay."""
    if stay.from_birth:
        return birth, max(2 * stay.last, birth) + 1
    return 2 * stay.first, 2 * stay.last + 1


def add(counts: list[int], span: Span, change: int) -> None:
    """One value more or less, at each number of a span."""
    for number in range(span[0] + 1, span[1] + 1):
        counts[number] += change


class Relief:
    """Which values to move so that no more than so many are alive, as far as it can."""

    def __init__(self, values: Values, limits: Sequence[int]):
        self.values = values
        self.plans: dict[int, Plan] = {}
        self.counts = values.alive(CoreRegisterType)
        self.kept = values.alive(FpuRegisterType)
        # What is alive at an instruction that only brings a value, or takes one away,
        # is so at others next to it, too.
        for place, line in enumerate(values.code.lines):
            if issubclass(line.kind, MOVES):
                self.counts[2 * place + 1] = self.counts[2 * place + 2] = NEVER
        self.open = dict(values.candidates)
        self.known: dict[int, tuple[int, Plan | None]] = {}
        """How to move a value, found when so many numbers of its life were crowded."""
        while (crowded := crowd(self.counts, limits)).total:
            value = choose(self.possible(crowded))
            if value is None:
                return
            self.move(value)

    def possible(self, crowded: Crowd) -> dict[int, Plan]:
        """
        How to move the values that may be moved. Nothing becomes crowded: a plan stays
        what it is as long as as much of the value's life is, and none comes up again.
        """
        is_full = max(self.kept) >= len(FPU)
        found: dict[int, Plan] = {}
        for value, candidate in list(self.open.items()):
            count = crowded.count(candidate.span)
            known = self.known.get(value)
            if known is None or known[0] != count:
                known = self.known[value] = count, plan(candidate, crowded)
            if known[1] is None:
                del self.open[value]
            elif not is_full or self.has_room(value):
                found[value] = known[1]
        return found

    def has_room(self, value: int) -> bool:
        """Whether a register of the FPU is free for all of a value's life."""
        line = self.values.at_hand(value)
        if line is not None and not line.reads:
            return True
        start, end = self.values.spans[value]
        own: Span = (end, end) if line is None else self.values.spans[line.reads[0]]
        return all(
            self.kept[place + 1] - (own[0] <= place < own[1]) < len(FPU)
            for place in range(start, end)
        )

    def move(self, value: int) -> None:
        plan = self.known[value][1]
        assert plan is not None
        span = self.values.spans[value]
        add(self.counts, span, -1)
        for stay in plan.stays:
            add(self.counts, span_of(stay, span[0]), 1)
        if self.values.at_hand(value) is None:
            add(self.kept, span, 1)
        self.plans[value] = plan
        del self.open[value]


class Mover:
    """Code in which values are kept elsewhere."""

    def __init__(self, values: Values, plans: Mapping[int, Plan]):
        self.values = values
        self.code = values.code.copy()
        self.before: dict[int, list[Line]] = {}
        self.behind: dict[int, list[Line]] = {}
        self.dropped: set[int] = set()
        for value, found in plans.items():
            self.move(value, found)
        lines = list(self.behind.get(-1, ()))
        for place, line in enumerate(self.code.lines):
            lines += self.before.get(place, ())
            if place not in self.dropped:
                lines.append(line)
            lines += self.behind.get(place, ())
        self.code.lines = lines

    def move(self, value: int, found: Plan) -> None:
        """Copies a value to the FPU, unless it is there, and back where it is read."""
        values, code = self.values, self.code
        place, hint = values.places[value], code.hints[value]
        owner = bring = values.at_hand(value)
        if bring is None:
            location = code.lines[max(place, 0)].location
            kept = code.new(FREG, hint)
            save = Line(VmovToFpuOp, (value,), (kept,), location)
            self.behind.setdefault(place, []).append(save)
            bring = Line(VmovFromFpuOp, (kept,), (), location)
        left = set(values.reads[value])
        for stay in found.stays:
            if stay.from_birth:
                continue
            again = code.new(REG, hint)
            line = bring._replace(
                writes=(again,), location=values.code.lines[stay.first].location
            )
            self.before.setdefault(stay.first, []).append(line)
            for reader in values.reads[value]:
                if stay.first <= reader <= stay.last:
                    left.discard(reader)
                    code.rename({value: again}, reader, reader + 1)
        if owner is not None and not left:
            self.dropped.add(place)


def drop_copies(code: Code, copies: Sequence[int]) -> None:
    """Drops copies of what nobody needs any more behind them."""
    spans = lives(code)
    for place, line in enumerate(code.lines):
        if line.kind is not MovOp or line.writes[0] not in copies:
            continue
        (source,), (copy,) = line.reads, line.writes
        if spans[source][1] == 2 * place + 1:
            del code.lines[place]
            code.rename({copy: source})
            drop_copies(code, copies)
            return
