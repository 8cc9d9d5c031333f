"""
What each part of a network would need as a stage: the costs that the search compares.

Pure reading of IR: no pass state, no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from xdsl.dialects import func
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.network import layers, network_outputs
from tinyml.dialects.pooling import gathers
from tinyml.dialects.stage import Passing
from tinyml.dialects.tinyml import AllocOp
from tinyml.passes.arena import Allowance, align_up
from tinyml.passes.geometry import StageGraph, StageLayer
from tinyml.passes.inplace import candidate
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.live_ranges import LiveRange, live_ranges
from tinyml.passes.stage_bounds import StageBound, WindowRows, stage_bounds
from tinyml.passes.stage_graph import reach_of
from tinyml.passes.stage_overlap import least_below
from tinyml.passes.stage_plan import (
    RING_ALIGNMENT,
    SUM_BYTES,
    broken_stream,
    passed_by_rows,
    pixel_bytes,
    refusal,
)
from tinyml.passes.stage_schedule import (
    StageProblem,
    StageSchedule,
    inner_buffers,
    stage_schedule,
)
from tinyml.passes.stage_search import Options, Segment, StagePlan


@dataclass(frozen=True)
class NetworkStages:
    """The stages that a network could have."""

    function: func.FuncOp

    @cached_property
    def layers(self) -> list[LayerOp]:
        return layers(self.function)

    @cached_property
    def ranges(self) -> dict[SSAValue, LiveRange]:
        return {r.value: r for r in live_ranges(self.function)}

    @cached_property
    def numbers(self) -> dict[SSAValue, int]:
        return {value: number for number, value in enumerate(self.ranges)}

    @cached_property
    def buffers(self) -> list[LiveRange]:
        return list(self.ranges.values())

    @cached_property
    def kept(self) -> set[int]:
        """The buffers that the network's user reads."""
        return {self.numbers[port.value] for port in network_outputs(self.function)}

    @cached_property
    def nodes(self) -> list[StageLayer | None]:
        """Each layer in a stage; None if it cannot be in one."""
        return [self.node(layer) for layer in self.layers]

    def node(self, layer: LayerOp) -> StageLayer | None:
        plain = all(value in self.numbers for value in layer.operands)
        if not plain or refusal(layer) is not None:
            return None
        inputs = tuple(
            (self.numbers[v], reach_of(layer, i))
            for i, v in enumerate(layer.layer_inputs)
        )
        output = layer.layer_output
        work = 0 if gathers(layer) else layer.macs() // prod(shape(output)[1:3])
        return StageLayer(self.numbers[output], inputs, work)

    @cached_property
    def sizes(self) -> dict[int, tuple[int, int]]:
        """Rows and columns of each buffer; of an output that gathers an image, its."""
        found: dict[int, tuple[int, int]] = {}
        for value, number in self.numbers.items():
            if len(size := shape(value)) == 4:
                found[number] = size[1], size[2]
        for layer in self.layers:
            if gathers(layer) and layer.layer_output in self.numbers:
                _, rows, columns, _ = shape(layer.layer_inputs[0])
                found[self.numbers[layer.layer_output]] = rows, columns
        return found

    @cached_property
    def pixels(self) -> dict[int, int]:
        """Bytes of a pixel of each feature map."""
        return {
            number: pixel_bytes(value)
            for value, number in self.numbers.items()
            if len(shape(value)) == 4
        }

    @cached_property
    def macs(self) -> list[int]:
        return [layer.macs() for layer in self.layers]

    @cached_property
    def gathering(self) -> list[bool]:
        return [gathers(layer) for layer in self.layers]

    def options(self, strips: Iterable[int], block: int) -> Options:
        """
        All that the search may choose from: stages in these numbers of strips, that
        make so many columns at a time.
        """

        def costs(first: int, end: int, strips: int) -> Segment | None:
            return self.costs(first, end, strips, block)

        single = [
            Segment(i, i + 1, 0, self.layer_bytes(i)) for i in range(len(self.layers))
        ]
        return Options(single, list(self.bounds(strips)), costs)

    def layer_bytes(self, i: int) -> int:
        """Bytes alive while a layer runs by itself, at least."""
        found = candidate(self.layers[i], i, self.function, self.ranges)
        return min([found.bytes, *(size for _, size in found.in_place)])

    # Stages

    def stands_in(self, i: int, end: int) -> bool:
        """Whether a layer may be in a stage that ends after layer `end - 1`."""
        node = self.nodes[i]
        if node is None or i == end - 1:
            return node is not None
        life = self.buffers[node.output]
        # Nothing but the last layer's output is seen outside.
        inside = life.last < end and isinstance(life.value.owner, AllocOp)
        return inside and not self.gathering[i] and node.output not in self.kept

    def bounds(self, strips: Iterable[int]) -> Iterator[Segment]:
        """What all stages need at least."""
        numbers, windows = list(strips), WindowRows()
        for end in range(2, len(self.layers) + 1):
            output = self.nodes[end - 1]
            if output is None or not self.layers[end - 1].layer_inputs:
                continue
            start = end
            while start > 0 and self.stands_in(start - 1, end):
                start -= 1
            nodes = [node for node in self.nodes[start:end] if node is not None]
            for number in numbers:
                if self.sizes[output.output][1] < number:
                    continue
                for bound in stage_bounds(nodes, self.sizes, number, windows):
                    first = start + bound.first
                    if end - first > 1:
                        size = self.least(first, end, number, bound)
                        yield Segment(first, end, number, size, bound.extra)

    def sources(self, first: int, end: int) -> list[int]:
        """The buffers that a stage reads and does not write."""
        nodes = [node for node in self.nodes[first:end] if node is not None]
        written = {node.output for node in nodes}
        found = [b for node in nodes for b, _ in node.inputs if b not in written]
        return list(dict.fromkeys(found))

    def through(self, first: int, end: int, touched: set[int]) -> int:
        """Bytes of what lives while a stage runs and is none of its buffers."""
        return sum(
            life.size
            for number, life in enumerate(self.buffers)
            if number not in touched
            and life.first < end
            and life.last >= first
            # What is written and read inside has a ring.
            and (life.first < first or life.last >= end)
        )

    def least(self, first: int, end: int, strips: int, bound: StageBound) -> int:
        """What a stage needs at least."""
        node = self.nodes[end - 1]
        assert node is not None
        sources = self.sources(first, end)
        size = self.buffers[node.output].size
        total = self.through(first, end, {*sources, node.output})
        total += sum(self.buffers[number].size for number in sources) + size
        for number, pixels in bound.rings.items():
            total += align_up(pixels * self.pixel(number), RING_ALIGNMENT)
        if self.gathering[end - 1]:
            depth = shape(self.layers[end - 1].layer_inputs[0])[3]
            return total + SUM_BYTES * depth
        shared = 0
        for number in sources:
            life = self.buffers[number]
            if life.last >= end or number in self.kept:
                continue
            most = min(life.size, size)
            if strips > 1:
                # The last strip reads columns of the first row, still there when all
                # but the last columns of the last row are written.
                columns = self.sizes[node.output][1] - bound.before_last
                free = columns * self.pixel(node.output)
                rows = bound.rows[number][0] + 1
                free += rows * self.sizes[number][1] * self.pixel(number)
                most = min(most, free)
            shared += most
        return total - min(shared, size)

    def graph(self, first: int, end: int) -> StageGraph:
        nodes = tuple(node for node in self.nodes[first:end] if node is not None)
        used = {b for node in nodes for b, _ in node.inputs}
        used |= {node.output for node in nodes}
        return StageGraph(nodes, {b: self.sizes[b] for b in sorted(used)})

    def schedule(
        self, first: int, end: int, strips: int, block: int
    ) -> StageSchedule | None:
        graph = self.graph(first, end)
        if graph.sizes[graph.output][1] < strips:
            return None
        passing = {
            buffer: Passing.ROWS
            if passed_by_rows(self.buffers[buffer].value)
            else Passing.PIXELS
            for buffer in inner_buffers(graph)
        }
        try:
            found = stage_schedule(graph, (1, strips), passing, block)
        except StageProblem:
            return None
        return None if broken_stream(found, self.layers[first:end]) else found

    def costs(self, first: int, end: int, strips: int, block: int) -> Segment | None:
        """
        A stage from layer `first` to before layer `end` that makes `block` columns at a
        time; None if it cannot be.
        """
        schedule = self.schedule(first, end, strips, block)
        if schedule is None:
            return None
        output, sources = schedule.graph.output, self.sources(first, end)
        size = self.buffers[output].size
        total = self.through(first, end, {*sources, output})
        total += self.ring_bytes(schedule) + size
        total += max(
            layer_scratch(layer, turn.block)
            for layer, turn in zip(self.layers[first:end], schedule.turns, strict=True)
        )
        shared = 0
        for number in sources:
            life = self.buffers[number]
            total += life.size
            if life.last < end and number not in self.kept:
                shared += life.size + size - self.span(schedule, number, end - 1)
        if self.gathering[end - 1]:
            depth = shape(self.layers[end - 1].layer_inputs[0])[3]
            total += SUM_BYTES * depth
            shared = 0
        extra = sum(schedule.work) - sum(self.macs[first:end])
        total -= min(shared, size)
        return Segment(first, end, strips, total, max(extra, 0), block)

    def widened(self, plan: StagePlan, blocks: Iterable[int]) -> StagePlan:
        """
        A plan whose stages make as many columns at a time, of some numbers, as the
        plan's bytes allow.
        """

        def widest(stage: Segment) -> Segment:
            wider = (
                self.costs(stage.first, stage.end, stage.strips, block)
                for block in sorted(blocks, reverse=True)
                if stage.strips and block > stage.block
            )
            fitting = (s for s in wider if s is not None and s.bytes <= plan.bytes)
            return next(fitting, stage)

        return replace(plan, segments=tuple(map(widest, plan.segments)))

    def ring_bytes(self, schedule: StageSchedule) -> int:
        return sum(
            align_up(ring.pixels * self.pixel(number), RING_ALIGNMENT)
            for number, ring in schedule.rings.items()
        )

    def pixel(self, number: int) -> int:
        return self.pixels[number]

    def span(self, schedule: StageSchedule, number: int, last: int) -> int:
        """The least bytes that an input and the output of a stage take together."""
        source = self.buffers[number].size
        result = buffer_bytes(buffer_type(self.layers[last].layer_output))
        below = (
            least_below(
                schedule, number, self.pixel(number), self.pixel(schedule.graph.output)
            )
            if not self.gathering[last]
            else result
        )
        below = -source if below is None else max(-source, min(below, result))
        return Allowance(below, source).span(source, result)
