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

from tinyml.passes.thumb_liveness import Span


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
    """When each register is taken."""

    def __init__(self, names: Sequence[str]):
        self.names = names
        self.taken: dict[str, list[Span]] = {}

    def is_free(self, name: str, spans: Iterable[Span]) -> bool:
        taken = self.taken.get(name, [])
        for start, end in spans:
            place = bisect_left(taken, (end, end))
            if place and taken[place - 1][1] > start:
                return False
        return True

    def take(self, name: str, spans: Iterable[Span]) -> None:
        for span in spans:
            insort(self.taken.setdefault(name, []), span)


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


def color(
    webs: Sequence[Web],
    names: Sequence[str],
    order: Mapping[str, int],
    rows: Sequence[Row] = (),
) -> list[str]:
    """
    A register for each web, from `names`, of which the first ones are taken first;
    `order` is their number. Raises NoRegister for the first web that gets none.
    """
    file = RegisterFile(names)
    found: dict[int, str] = {}
    for index, web in enumerate(webs):
        if web.fixed is not None:
            if not file.is_free(web.fixed, web.spans):
                raise NoRegister(index)
            file.take(web.fixed, web.spans)
            found[index] = web.fixed
    heads = chains(webs)
    ends: dict[int, int] = {}
    for index, head in enumerate(heads):
        ends[head] = max(ends.get(head, 0), webs[index].death)
    wishes: dict[int, str] = {}
    row_of = {heads[web]: row for row in reversed(rows) for web in row.webs}
    for index in sorted(range(len(webs)), key=lambda index: webs[index].birth):
        web = webs[index]
        if index in found:
            continue
        head = heads[index]
        if head in row_of and head not in wishes:
            row = row_of[head]
            spans = [(webs[heads[w]].birth, ends[heads[w]]) for w in row.webs]
            for other, name in zip(
                row.webs, ascending(file, spans, order, row.dense) or (), strict=False
            ):
                wishes.setdefault(heads[other], name)
        dear = [found[other] for other in web.like if other in found]
        liked = [wishes[head], *dear] if head in wishes else dear
        reserved = {name for other, name in wishes.items() if other != head}
        others = sorted(names, key=reserved.__contains__)
        for name in (*liked, *others):
            if file.is_free(name, web.spans):
                break
        else:
            raise NoRegister(index)
        file.take(name, web.spans)
        found[index] = name
    return [found[index] for index in range(len(webs))]
