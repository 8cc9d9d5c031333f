"""
The loops of a stage: over the times of rows and columns of a tile, with a call of a
layer's kernel wherever its clock says so (`stage_schedule.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.ir import SSAValue

from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.stage_clocks import Clock
from tinyml.passes.stage_kernels import Number, StageParts
from tinyml.passes.stage_schedule import Turn


@dataclass(frozen=True)
class TileRanges:
    """What one tile makes along one axis: by layer, and the times of its loops."""

    outputs: Sequence[tuple[Number, Number]]
    times: Mapping[tuple[int, ...], tuple[Number, Number]]


@dataclass(frozen=True)
class StageOperands:
    """
    What kernels are called with: the bytes of each buffer of the stage, and by layer
    what comes between inputs and output: constants, sums, scratch memory.
    """

    buffers: Mapping[SSAValue, SSAValue]
    others: Sequence[Sequence[SSAValue]]


@dataclass
class Tile:
    """The loops of one tile."""

    parts: StageParts
    k: Kernel
    operands: StageOperands
    rows: TileRanges
    columns: TileRanges

    def run(self) -> None:
        self.bases = self.find_bases()
        for sweep, groups in enumerate(self.parts.plan.schedule.sweeps):

            def row(t: SSAValue, _: Carried) -> None:
                for group in range(len(groups)):
                    self.run_group(sweep, group, t)

            low, high = self.rows.times[sweep,]
            self.k.loop(low, high, row, hint="t")

    def find_bases(self) -> dict[SSAValue, SSAValue]:
        """The number of the first pixel of each ring, where tiles differ in it."""
        parts, k = self.parts, self.k
        if not parts.moves:
            return {}
        found: dict[SSAValue, SSAValue] = {}
        for i, layer in enumerate(parts.layers):
            if (ring := parts.plan.ring(layer.layer_output)) is not None:
                y, x = (
                    value(k, tile.outputs[i][0]) for tile in (self.rows, self.columns)
                )
                base = k.add(k.mul(y, k.index(ring.pitch)), x)
                found[layer.layer_output] = base
        return found

    def run_group(self, sweep: int, group: int, t: SSAValue) -> None:
        """What a group of layers does at time `t` of the rows."""
        schedule, k = self.parts.plan.schedule, self.k
        members = schedule.sweeps[sweep][group]
        if len(members) == 1:
            (i,) = members
            turn = schedule.turns[i]
            y, due = self.due(turn.rows, t, self.rows.outputs[i], 1)

            def blocks() -> None:
                low, high = self.columns.outputs[i]

                def call(x: SSAValue, _: Carried) -> None:
                    self.call(i, y, x)

                k.loop(low, high, call, hint="x", step=turn.block)

            k.when(due, blocks)
            return
        step = schedule.steps[sweep, group]
        rows = {
            i: self.due(schedule.turns[i].rows, t, self.rows.outputs[i], 1)
            for i in members
        }

        def column(u: SSAValue, _: Carried) -> None:
            for i in members:
                turn = schedule.turns[i]
                y, due = rows[i]

                def at_row(i: int = i, turn: Turn = turn, y: SSAValue = y) -> None:
                    clock, part = turn.columns, self.columns.outputs[i]
                    # All times are a multiple of the step apart from the first one.
                    apart = turn.block if clock.period * turn.block != step else 0
                    x, due = self.due(clock, u, part, apart)
                    k.when(due, lambda: self.call(i, y, x))

                k.when(due, at_row)

        low, high = self.columns.times[sweep, group]
        k.loop(low, high, column, hint="u", step=step)

    def due(
        self, clock: Clock, time: SSAValue, part: tuple[Number, Number], block: int
    ) -> tuple[SSAValue, SSAValue]:
        """
        The place that a clock says at a time, and whether it is one of a part of the
        axis, and the start of a block of it; with `block` 0 it is known to be a start.
        """
        k = self.k
        low, high = (value(k, number) for number in part)
        since = k.sub(
            k.sub(time, k.index(clock.delay)), k.mul(low, k.index(clock.period))
        )
        length = k.mul(k.sub(high, low), k.index(clock.period))
        due = k.both(
            k.compare("sge", since, k.index(0)), k.compare("slt", since, length)
        )
        apart = clock.period * block
        if apart > 1:
            rest = k.remainder(since, apart)
            due = k.both(due, k.compare("eq", rest, k.index(0)))
        place = k.add(low, k.div(since, k.index(clock.period)))
        return place, due

    def call(self, i: int, y: SSAValue, x: SSAValue) -> None:
        layer, operands = self.parts.layers[i], self.operands
        *inputs, output = (operands.buffers[v] for v in layer.operands)
        bases = [self.bases[v] for v in layer.operands if v in self.bases]
        values = [y, x, *bases, *inputs, *operands.others[i], output]
        self.k.builder.insert(func.CallOp(self.parts.kernel_name(i), values, []))


def value(k: Kernel, number: Number) -> SSAValue:
    return k.index(number) if isinstance(number, int) else number
