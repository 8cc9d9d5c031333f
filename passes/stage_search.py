"""
The search for stages: which layers run together, in how many strips.

A plan cuts the layers, in their order, into segments; each is one layer or a stage. Its
memory is the largest of its segments', its work the sum of theirs, so all plans that
are not beaten in both are found by dynamic programming over the cuts, with a Pareto
front at each. What a segment needs is exact up to where the planner can place buffers:
bytes that live through it, its inputs and output less what they may share, and its
rings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

STRIPS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)
"""Numbers of vertical strips that are tried."""

LARGEST_FRONT = 200
"""Plans that are kept at a cut."""


@dataclass(frozen=True)
class Segment:
    """Layers `first` to `end` as a stage of strips, or one layer by itself."""

    first: int
    end: int
    strips: int = 0
    """0 for a layer by itself."""
    bytes: int = 0
    """What is in the arena while it runs."""
    extra: int = 0
    """Multiply-accumulates that are made more than once."""


@dataclass(frozen=True)
class StagePlan:
    """Segments that follow one another, the most bytes of one, and all extra work."""

    bytes: int
    extra: int
    segments: tuple[Segment, ...]

    @property
    def stages(self) -> list[Segment]:
        return [segment for segment in self.segments if segment.strips]


Costs = Callable[[int, int, int], Segment | None]
"""Of a stage from `first` to `end` in so many strips; None if it cannot be."""


@dataclass
class Options:
    """
    The segments of a network: its layers, and stages whose costs are found on demand.
    `least(first, end)` is what a stage needs at least, whatever its strips; None if
    there can be none.
    """

    layers: Sequence[Segment]
    least: Callable[[int, int], int | None]
    costs: Costs
    found: dict[tuple[int, int, int], Segment | None] = field(
        default_factory=dict[tuple[int, int, int], Segment | None]
    )

    def stage(self, first: int, end: int, strips: int) -> Segment | None:
        key = first, end, strips
        if key not in self.found:
            self.found[key] = self.costs(*key)
        return self.found[key]

    def of_strips(self, strips: Iterable[int], below: int) -> list[Segment]:
        """All stages in so many strips that need less than so many bytes."""
        found: list[Segment] = []
        count = len(self.layers)
        for first in range(count):
            for end in range(first + 1, count + 1):
                least = self.least(first, end)
                if least is None or least >= below:
                    continue
                for number in strips:
                    stage = self.stage(first, end, number)
                    if stage is not None and stage.bytes < below:
                        found.append(stage)
        return found


def pareto_front(
    count: int, segments: Sequence[Segment], most_extra: int
) -> list[StagePlan]:
    """
    All plans of `count` layers that no other plan beats in bytes and extra work, least
    bytes first, of those with at most so much extra work.
    """
    starting: list[list[Segment]] = [[] for _ in range(count)]
    for segment in segments:
        starting[segment.first].append(segment)
    fronts: list[list[StagePlan]] = [[] for _ in range(count + 1)]
    fronts[0] = [StagePlan(0, 0, ())]
    for place in range(count):
        fronts[place] = thinned(fronts[place])
        for plan in fronts[place]:
            for segment in starting[place]:
                extra = plan.extra + segment.extra
                if extra <= most_extra:
                    size = max(plan.bytes, segment.bytes)
                    longer = StagePlan(size, extra, (*plan.segments, segment))
                    fronts[segment.end].append(longer)
    return thinned(fronts[count])


def thinned(plans: list[StagePlan]) -> list[StagePlan]:
    """The plans that no other beats, least bytes first; of equals the fewest stages."""
    order = sorted(plans, key=lambda p: (p.bytes, p.extra, len(p.stages)))
    kept: list[StagePlan] = []
    for plan in order:
        if not kept or plan.extra < kept[-1].extra:
            kept.append(plan)
    return kept[:LARGEST_FRONT]


def cheapest(
    count: int, segments: Sequence[Segment], most_bytes: int
) -> StagePlan | None:
    """
    Of the plans that need at most so many bytes the one with the least extra work, then
    the fewest layers in stages; None if there is none.
    """
    best: list[tuple[int, int, StagePlan] | None] = [None] * (count + 1)
    best[0] = (0, 0, StagePlan(0, 0, ()))
    order = sorted(segments, key=lambda s: s.first)
    for segment in order:
        if segment.bytes > most_bytes or (before := best[segment.first]) is None:
            continue
        extra, staged, plan = before
        extra += segment.extra
        staged += (segment.end - segment.first) * bool(segment.strips)
        known = best[segment.end]
        if known is None or (extra, staged) < known[:2]:
            size = max(plan.bytes, segment.bytes)
            longer = StagePlan(size, extra, (*plan.segments, segment))
            best[segment.end] = (extra, staged, longer)
    found = best[count]
    return None if found is None else found[2]


def all_plans(options: Options, most_extra: int) -> list[StagePlan]:
    """The front of a network, least bytes first."""
    layers = list(options.layers)
    count = len(layers)
    highest = max((layer.bytes for layer in layers), default=0)
    plain = options.of_strips([1], highest)
    front = pareto_front(count, [*layers, *plain], 0)
    if most_extra > 0 and front:
        strips = options.of_strips(STRIPS[1:], front[0].bytes)
        front = pareto_front(count, [*layers, *plain, *strips], most_extra)
    segments = [*layers, *plain]
    if most_extra > 0:
        segments += [
            s for s in options.found.values() if s is not None and s.strips > 1
        ]
    exact = (cheapest(count, segments, plan.bytes) for plan in front)
    return [plan for plan in exact if plan is not None]
