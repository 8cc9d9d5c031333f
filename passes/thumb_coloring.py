"""
Which of a few registers each value gets, from when the values are alive. Pure.

A web is what has to be in one register: values that instructions overwrite in place,
values that loops carry around. Webs get registers in the order of their birth, which
finds a way for straight code whenever there is one; what a web would like decides among
the registers that are free for all of its life.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from tinyml.passes.thumb_liveness import Span, alive

PATIENCE = 4
"""How often webs lose their registers to others, on average, until all give up."""


@dataclass(frozen=True)
class Web:
    """Values of one register: when they are alive, and what they would like."""

    spans: tuple[Span, ...]
    """In order; they do not overlap."""
    fixed: str | None = None
    """The register that it has to be in."""
    like: tuple[int, ...] = ()
    """Webs whose register it would like to have, the dearest first."""
    follows: tuple[int, ...] = ()
    """Webs whose register it takes over if they end where it begins."""

    @property
    def birth(self) -> int:
        return self.spans[0][0]

    @property
    def death(self) -> int:
        return self.spans[-1][1]


@dataclass(frozen=True)
class Row:
    """Webs that want ascending registers, one behind the other if `dense`."""

    webs: tuple[int, ...]
    dense: bool = False


class RegisterFile:
    """When each register is taken, and by which web."""

    def __init__(self, names: Sequence[str]):
        self.names = names
        self.taken: dict[str, list[tuple[int, int, int]]] = {n: [] for n in names}

    def is_free(self, name: str, spans: Iterable[Span]) -> bool:
        taken = self.taken[name]
        for start, end in spans:
            place = bisect_left(taken, (end,))
            if place and taken[place - 1][1] > start:
                return False
        return True

    def takers(self, name: str, spans: Iterable[Span]) -> set[int]:
        """The webs that have a register when one would need it."""
        found: set[int] = set()
        taken = self.taken[name]
        for start, end in spans:
            place = bisect_left(taken, (end,)) - 1
            while place >= 0 and taken[place][1] > start:
                found.add(taken[place][2])
                place -= 1
        return found

    def take(self, name: str, spans: Iterable[Span], web: int) -> None:
        for start, end in spans:
            insort(self.taken[name], (start, end, web))

    def leave(self, name: str, web: int) -> None:
        self.taken[name] = [item for item in self.taken[name] if item[2] != web]


class NoRegister(Exception):
    """Raised for a web that no register is free for."""

    def __init__(self, web: int):
        super().__init__(web)
        self.web = web


def chains(webs: Sequence[Web]) -> list[int]:
    """For each web the first one of those that hand a register on to one another."""
    heads = list(range(len(webs)))
    for index in sorted(range(len(webs)), key=lambda index: webs[index].birth):
        for other in webs[index].follows:
            if webs[other].death == webs[index].birth:
                heads[index] = heads[other]
                break
    return heads


def ascending(
    file: RegisterFile, spans: Sequence[Span], order: Mapping[str, int], dense: bool
) -> list[str] | None:
    """Free registers for spans, in ascending order."""
    names = sorted(file.names, key=order.__getitem__)
    if dense:
        for start in range(len(names) - len(spans) + 1):
            row = names[start : start + len(spans)]
            if all(map(file.is_free, row, ([span] for span in spans))):
                return row
        return None
    # High ones first: what comes and goes has the low ones.
    row: list[str] = []
    for span in reversed(spans):
        while names and not file.is_free(names[-1], [span]):
            names.pop()
        if not names:
            return None
        row.append(names.pop())
    return row[::-1]


class Coloring:
    """Registers of webs, found one after the other."""

    def __init__(
        self,
        webs: Sequence[Web],
        names: Sequence[str],
        order: Mapping[str, int],
        rows: Sequence[Row],
    ):
        self.webs, self.names, self.order = webs, names, order
        self.file = RegisterFile(names)
        self.found: dict[int, str] = {}
        self.moved = [0] * len(webs)
        """How often each has lost its register again."""
        self.heads = chains(webs)
        self.ends: dict[int, int] = {}
        for index, head in enumerate(self.heads):
            self.ends[head] = max(self.ends.get(head, 0), webs[index].death)
        self.wishes: dict[int, str] = {}
        """Registers of rows, by the head of a chain."""
        self.row_of = {self.heads[w]: row for row in reversed(rows) for w in row.webs}

    def run(self) -> list[str]:
        webs, found = self.webs, self.found
        patience = PATIENCE * len(webs) if self.may_succeed() else 0
        for index, web in enumerate(webs):
            if web.fixed is not None:
                if not self.file.is_free(web.fixed, web.spans):
                    raise NoRegister(index)
                self.give(index, web.fixed)
        left = [(web.birth, i) for i, web in enumerate(webs) if i not in found]
        heapify(left)
        first: int | None = None
        while left:
            _, index = heappop(left)
            name = self.choose(index)
            if name is None:
                first = index if first is None else first
                name = self.dearest(index)
                if name is None or sum(self.moved) >= patience:
                    raise NoRegister(first)
                for other in self.file.takers(name, webs[index].spans):
                    self.file.leave(name, other)
                    del found[other]
                    self.moved[other] += 1
                    heappush(left, (webs[other].birth, other))
            self.give(index, name)
        return [found[index] for index in range(len(webs))]

    def may_succeed(self) -> bool:
        """Whether there are as many registers as webs alive anywhere."""
        spans = [span for web in self.webs for span in web.spans]
        length = max((end for _, end in spans), default=0)
        return max(alive(spans, length)) <= len(self.names)

    def give(self, index: int, name: str) -> None:
        self.file.take(name, self.webs[index].spans, index)
        self.found[index] = name

    def choose(self, index: int) -> str | None:
        """A register that is free for all of a web's life."""
        web, head, wishes = self.webs[index], self.heads[index], self.wishes
        if head in self.row_of and head not in wishes:
            self.wish(self.row_of[head])
        dear = [self.found[other] for other in web.like if other in self.found]
        liked = [wishes[head], *dear] if head in wishes else dear
        reserved = {name for other, name in wishes.items() if other != head}
        others = sorted(self.names, key=reserved.__contains__)
        for name in (*liked, *(others if reserved else self.names)):
            if self.file.is_free(name, web.spans):
                return name
        return None

    def wish(self, row: Row) -> None:
        """Looks for registers for a row."""
        heads = [self.heads[web] for web in row.webs]
        spans = [(self.webs[head].birth, self.ends[head]) for head in heads]
        names = ascending(self.file, spans, self.order, row.dense)
        for head, name in zip(heads, names or (), strict=False):
            self.wishes.setdefault(head, name)

    def dearest(self, index: int) -> str | None:
        """The register that is had by the fewest webs, none of which is fixed."""
        best: tuple[int, str] | None = None
        for name in self.names:
            takers = self.file.takers(name, self.webs[index].spans)
            if any(self.webs[other].fixed is not None for other in takers):
                continue
            cost = sum(1 + self.moved[other] for other in takers)
            if best is None or cost < best[0]:
                best = cost, name
        return None if best is None else best[1]


def color(
    webs: Sequence[Web],
    names: Sequence[str],
    order: Mapping[str, int],
    rows: Sequence[Row] = (),
) -> list[str]:
    """
    A register for each web, from `names`, of which the first ones are taken first;
    `order` is their number. Where none is free, others have to look for one again;
    raises NoRegister for the first of them if that does not help.
    """
    return Coloring(webs, names, order, rows).run()
