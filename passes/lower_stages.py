"""
Turns each stage into a function that runs its layers tile by tile and row by row.

Expects stages (`tinyml.stage`) whose decisions are complete; runs before
`tinyml-convert-layers-to-loops`. Guarantees that no stage is left: a call of a function
takes its place, which gets the stage's buffers as bytes and one piece of scratch memory
that holds all rings. The function loops over tiles, over the times at which rows are
made, and, where layers run pixel by pixel, over the times of columns; in each turn it
calls the kernels of the layers whose turn it is (`stage_schedule.py`). A kernel makes
one block of pixels of one row, wherever that lies: it knows the layer's borders, so
there is one kernel for all tiles.

Before:

    tinyml.stage ins(%x : ...) outs(%y : ...) grid [1, 1] halo cache, recompute { ... }

After:

    func.func private @stage_00_0_conv2d(%y: index, %x: index, %input: memref<...>, ...)
    func.func private @stage_00(%x: memref<3072xi8>, %scratch: ..., %y: memref<2048xi8>)
    ...
    func.call @stage_00(%x_bytes, %scratch, %y_bytes) {tinyml.op = "tinyml.stage", ...}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    UnrealizedConversionCastOp,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import constant_global
from tinyml.dialects.layer import buffer_bytes, buffer_type
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.pooling import gathers
from tinyml.dialects.reading import ReadRowsOp, note_input
from tinyml.dialects.stage import StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import view_of
from tinyml.passes.convert_layers_to_loops import (
    lookup_tables,
    named_constants,
    scratch_offset,
)
from tinyml.passes.geometry import Range
from tinyml.passes.kernel_costs import CYCLES
from tinyml.passes.layer_kind import ELEMENTS, layer_elements, layer_kind
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.loops.kernel import Carried, Kernel
from tinyml.passes.loops.reading import declare_readers
from tinyml.passes.stage_kernels import (
    Number,
    StageKernel,
    StageParts,
    kernel_function,
)
from tinyml.passes.stage_loops import StageOperands, Tile, TileRanges
from tinyml.passes.stage_plan import STAGE, pixel_bytes


@dataclass(frozen=True)
class LowerStagesPass(ModulePass):
    """Turns each stage into a function that runs its layers tile by tile."""

    name = "tinyml-lower-stages"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        for number, layer in enumerate(layers(network)):
            if isinstance(layer, StageOp):
                parts = StageParts(network, f"stage_{number:02}", layer)
                StageLowering(parts).lower()
        declare_readers(op)


def bytes_of(value: SSAValue) -> Operation:
    """A buffer as so many bytes. Unsigned ones become signless with the network."""
    type = buffer_type(value)
    size = buffer_bytes(type)
    if type.element_type == i8:
        return view_of(value, [size])
    return UnrealizedConversionCastOp.get([value], [MemRefType(i8, [size])])


@dataclass
class StageLowering:
    """Lowers one stage."""

    parts: StageParts

    def lower(self) -> None:
        parts, stage = self.parts, self.parts.stage
        views = [bytes_of(value) for value in stage.operands]
        for view, value in zip(views, stage.operands, strict=True):
            view.results[0].name_hint = value.name_hint
        values = [view.results[0] for view in views]
        if parts.plan.scratch:
            type = MemRefType(i8, [parts.plan.scratch])
            scratch = AllocOp(type, scratch_offset(stage))
            scratch.buffer.name_hint = "rings"
            Rewriter.insert_op(scratch, InsertPoint.before(stage))
            values.insert(-1, scratch.buffer)
        function = self.build(values)
        Rewriter.insert_op(function, InsertPoint.before(parts.network))
        call = func.CallOp(parts.name, values, [])
        call.location = stage.location
        call.attributes |= stage.attributes
        call.attributes["tinyml.op"] = StringAttr(stage.name)
        work = sum(parts.plan.schedule.work)
        call.attributes["tinyml.macs"] = IntegerAttr(work, i64)
        call.attributes[ELEMENTS] = IntegerAttr(layer_elements(stage), i64)
        call.attributes[STAGE] = self.summary(work)
        Rewriter.replace_op(stage, [*views, call], [])

    def summary(self, work: int) -> DictionaryAttr:
        """What a report says of the stage."""
        parts = self.parts
        names = [layer_name(layer) for layer in parts.layers]
        kinds = [layer_kind(layer) for layer in parts.layers]
        elements = [layer_elements(layer) for layer in parts.layers]
        extra = work - sum(layer.macs() for layer in parts.layers)
        found: dict[str, Attribute] = {
            "ops": ArrayAttr(StringAttr(name) for name in names),
            "kinds": ArrayAttr(StringAttr(kind) for kind in kinds),
            "macs": DenseArrayBase.from_list(i64, parts.plan.schedule.work),
            "elements": DenseArrayBase.from_list(i64, elements),
            "grid": parts.stage.grid,
            "halo": ArrayAttr(StringAttr(kept) for kept in parts.stage.halo),
            "bytes": IntegerAttr(parts.plan.scratch, i64),
            "extra_macs": IntegerAttr(extra, i64),
        }
        told = [layer.attributes.get(CYCLES) for layer in parts.layers]
        cycles = [taken.value.data for taken in told if isinstance(taken, IntegerAttr)]
        if len(cycles) == len(told):
            found["cycles"] = DenseArrayBase.from_list(i64, cycles)
        return DictionaryAttr(found)

    # The stage's function

    def build(self, values: Sequence[SSAValue]) -> func.FuncOp:
        block = Block(arg_types=[value.type for value in values])
        for argument, value in zip(block.args, values, strict=True):
            argument.name_hint = value.name_hint
        k = Kernel(block)
        numbers = range(len(self.parts.layers))
        scratch = self.scratch(k, block)
        others = [[*self.constants(k, i), *scratch[i]] for i in numbers]
        operands = StageOperands(self.memory(k, block), others)
        for i in numbers:
            self.kernel(i)

        def rows(tile: TileRanges) -> None:
            def columns(part: TileRanges) -> None:
                Tile(self.parts, k, operands, tile, part).run()

            self.over_tiles(k, 1, columns)

        self.over_tiles(k, 0, rows)
        return kernel_function(self.parts.name, block, self.parts.stage.location)

    def memory(self, k: Kernel, block: Block) -> dict[SSAValue, SSAValue]:
        """The bytes of each buffer of the stage: arguments, and rings in scratch."""
        parts = self.parts
        *sources, result = parts.stage.block.args
        found: dict[SSAValue, SSAValue] = {}
        found.update(zip(sources, block.args, strict=False))
        found[result] = block.args[-1]
        for value, number in parts.plan.numbers.items():
            if (ring := parts.plan.schedule.rings.get(number)) is not None:
                type = MemRefType(i8, [ring.pixels * pixel_bytes(value)])
                offset = k.index(parts.plan.offsets[number])
                view = memref.ViewOp(block.args[-2], offset, [], type)
                found[value] = k.insert(view, value.name_hint)
        return found

    def scratch(self, k: Kernel, block: Block) -> list[list[SSAValue]]:
        """For each layer what its kernel works in: sums of an image, words, nothing."""
        parts, plan = self.parts, self.parts.plan

        def view(at: int, type: MemRefType, name: str) -> SSAValue:
            place = memref.ViewOp(block.args[-2], k.index(at), [], type)
            return k.insert(place, name)

        working = [layer for layer in parts.layers if layer_scratch(layer)]
        sums = [] if plan.sums is None else [view(plan.sums, parts.sums_type, "sums")]
        work = [view(plan.work, parts.work_type, "work")] if working else []
        return [
            [*(sums if gathers(layer) else ()), *(work if layer in working else ())]
            for layer in parts.layers
        ]

    def constants(self, k: Kernel, i: int) -> list[SSAValue]:
        """What the kernel of a layer gets of weights and tables."""
        layer = self.parts.layers[i]
        found = [
            k.insert(memref.GetGlobalOp(symbol, type), name)
            for name, (symbol, type) in named_constants(layer).items()
        ]
        for key, array in lookup_tables(layer).items():
            found.append(
                self.table(k, f"{self.parts.kernel_name(i)}_{key}", array, key)
            )
        return found

    def table(self, k: Kernel, symbol: str, array: np.ndarray, hint: str) -> SSAValue:
        """A constant that the stage adds to the module."""
        table = constant_global(symbol, array)
        Rewriter.insert_op(table, InsertPoint.before(self.parts.network))
        return k.insert(memref.GetGlobalOp(symbol, table.type), hint)

    def over_tiles(
        self, k: Kernel, axis: int, body: Callable[[TileRanges], None]
    ) -> None:
        """One turn for each tile along an axis; its numbers come from a table."""
        rows = [self.numbers(axis, tile) for tile in range(len(self.axis_tiles(axis)))]
        count, keys = len(self.parts.layers), self.loop_keys(axis)

        def ranges(numbers: Sequence[Number]) -> TileRanges:
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            return TileRanges(
                pairs[:count], dict(zip(keys, pairs[count:], strict=True))
            )

        if len(rows) == 1:
            body(ranges(rows[0]))
            return
        what = ("rows", "columns")[axis]
        array = np.array(rows, np.int32)
        table = self.table(k, f"{self.parts.name}_{what}", array, what)

        def turn(tile: SSAValue, _: Carried) -> None:
            def entry(place: int) -> Number:
                if (array[:, place] == array[0, place]).all():
                    return rows[0][place]
                return k.to_index(k.load(table, tile, k.index(place)))

            body(ranges([entry(place) for place in range(len(rows[0]))]))

        k.loop(0, len(rows), turn, hint="tile")

    def axis_tiles(self, axis: int) -> Sequence[Mapping[int, Range]]:
        schedule = self.parts.plan.schedule
        return schedule.columns if axis else schedule.rows

    def loop_keys(self, axis: int) -> list[tuple[int, ...]]:
        """The loops over time along an axis: of each sweep, or of each group."""
        sweeps = self.parts.plan.schedule.sweeps
        if axis == 0:
            return [(sweep,) for sweep in range(len(sweeps))]
        return [
            (sweep, group)
            for sweep, groups in enumerate(sweeps)
            for group in range(len(groups))
        ]

    def numbers(self, axis: int, tile: int) -> list[int]:
        """What a tile makes of each layer's output, then the times of the loops."""
        schedule, ranges = self.parts.plan.schedule, self.axis_tiles(axis)[tile]
        found = [
            number for layer in schedule.graph.layers for number in ranges[layer.output]
        ]
        for key in self.loop_keys(axis):
            found += (
                schedule.column_times(ranges, *key)
                if axis
                else schedule.row_times(ranges, *key)
            )
        return found

    def kernel(self, i: int) -> None:
        """Adds the kernel of a layer to the module."""
        parts = self.parts
        if isinstance(layer := parts.layers[i], ReadRowsOp):
            ring, size = parts.plan.ring(layer.output), buffer_type(layer.output)
            held = ring.pixels * pixel_bytes(layer.output) if ring else None
            note_input(parts.network, layer, held or buffer_bytes(size))
        function = StageKernel(parts, i).build()
        Rewriter.insert_op(function, InsertPoint.before(parts.network))
