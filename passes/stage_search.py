"""
The search for stages: which layers run together, in how many strips.

A plan cuts the layers, in their order, into segments; each is one layer or a stage. Its
memory is the largest of its segments', its work the sum of theirs, so all plans that
are not beaten in both are found by dynamic programming over the cuts, with a Pareto
front at each. What a segment needs is exact up to where the planner can place buffers:
bytes that live through it, its inputs and output less what they may share, and its
rings.

To know what a stage needs costs time, to bound it from below little. So the front is
searched with bounds, the stages of its plans are looked at, and so on until no plan of
the front rests on a bound: no plan that was never looked at can be better.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

STRIPS = (*range(1, 17), 20, 24, 28)
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
    block: int = 1
    """Columns at a time."""

    @property
    def key(self) -> tuple[int, int, int]:
        return self.first, self.end, self.strips


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
    The segments of a network: its layers, and what stages need at least. What a stage
    really needs is found on demand.
    """

    layers: Sequence[Segment]
    bounds: Sequence[Segment]
    costs: Costs
    found: dict[tuple[int, int, int], Segment | None] = field(
        default_factory=dict[tuple[int, int, int], Segment | None]
    )

    def look(self, stage: Segment) -> None:
        if stage.key not in self.found:
            self.found[stage.key] = self.costs(*stage.key)

    def settled(self, plan: StagePlan) -> bool:
        """Whether nothing in a plan is a bound; looks at one stage that is."""
        open = [stage for stage in plan.stages if stage.key not in self.found]
        for stage in open:
            self.look(stage)
        return not open

    def known(self, bounds: Iterable[Segment]) -> list[Segment]:
        """Stages as far as they are known."""
        found = [self.found.get(bound.key, bound) for bound in bounds]
        return [stage for stage in found if stage is not None]


@dataclass(frozen=True)
class Limits:
    """Plans that there are, least bytes first: what is not better is of no use."""

    bytes: Sequence[int]
    extra: Sequence[int]

    @staticmethod
    def of(plans: Sequence[StagePlan]) -> Limits:
        return Limits([plan.bytes for plan in plans], [plan.extra for plan in plans])

    def beat(self, size: int, extra: int) -> bool:
        """Whether one of the plans is better than what needs so much at least."""
        i = bisect_right(self.bytes, size) - 1
        if i < 0 or self.extra[i] > extra:
            return False
        return self.extra[i] < extra or self.bytes[i] < size


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first segments of a plan."""

    bytes: int
    extra: int
    stages: int
    last: Segment | None = None
    before: Beginning | None = None

    def plan(self) -> StagePlan:
        segments: list[Segment] = []
        here: Beginning | None = self
        while here is not None and here.last is not None:
            segments.append(here.last)
            here = here.before
        return StagePlan(self.bytes, self.extra, tuple(reversed(segments)))


def pareto_front(
    count: int,
    segments: Sequence[Segment],
    most_extra: int,
    limits: Limits | None = None,
) -> list[StagePlan]:
    """
    All plans of `count` layers that no other plan beats in bytes and extra work, least
    bytes first, of those with at most so much extra work; plans that the limits beat
    may be left out.
    """
    limits = limits or Limits([], [])
    starting: list[list[Segment]] = [[] for _ in range(count)]
    for segment in segments:
        starting[segment.first].append(segment)
    fronts: list[list[Beginning]] = [[] for _ in range(count + 1)]
    fronts[0] = [Beginning(0, 0, 0)]
    behind = least_behind(count, starting)
    for place in range(count):
        fronts[place] = thinned(fronts[place])
        for beginning in fronts[place]:
            for segment in starting[place]:
                extra = beginning.extra + segment.extra
                size = max(beginning.bytes, segment.bytes)
                least = max(size, behind[segment.end])
                if extra <= most_extra and not limits.beat(least, extra):
                    stages = beginning.stages + bool(segment.strips)
                    longer = Beginning(size, extra, stages, segment, beginning)
                    fronts[segment.end].append(longer)
    return [beginning.plan() for beginning in thinned(fronts[count])]


def least_behind(count: int, starting: Sequence[Sequence[Segment]]) -> list[int]:
    """The least bytes of the layers from each one on, whatever the work."""
    least = [0] * (count + 1)
    for place in reversed(range(count)):
        least[place] = min(
            (max(s.bytes, least[s.end]) for s in starting[place]), default=0
        )
    return least


def thinned(plans: list[Beginning]) -> list[Beginning]:
    """The plans that no other beats, least bytes first; of equals the fewest stages."""
    order = sorted(plans, key=lambda p: (p.bytes, p.extra, p.stages))
    kept: list[Beginning] = []
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
    known = Limits.of(pareto_front(count, layers, 0))
    bounds = [
        bound
        for bound in options.bounds
        if bound.extra <= most_extra and (most_extra > 0 or bound.strips == 1)
    ]
    while True:
        bounds = [bound for bound in bounds if not known.beat(bound.bytes, bound.extra)]
        stages = options.known(bounds)
        front = pareto_front(count, [*layers, *stages], most_extra, known)
        if all([options.settled(plan) for plan in front]):
            break
        real = [stage for bound in bounds if (stage := options.found.get(bound.key))]
        known = Limits.of(pareto_front(count, [*layers, *real], most_extra))
    exact: list[StagePlan] = []
    for plan in front:
        while True:
            stages = options.known(bounds)
            found = cheapest(count, [*layers, *stages], plan.bytes)
            assert found is not None
            if options.settled(found):
                exact.append(found)
                break
    return exact
