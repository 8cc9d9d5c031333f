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
from dataclasses import dataclass, field

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    UnitAttr,
    UnrealizedConversionCastOp,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from tinyml.dialects.constants import constant_global
from tinyml.dialects.layer import (
    LayerOp,
    buffer_bytes,
    buffer_type,
    shape,
)
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.pooling import gathers
from tinyml.dialects.reading import ReadRowsOp, note_input
from tinyml.dialects.stage import StageOp
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.views import view_of
from tinyml.passes.convert_layers_to_loops import (
    LOWERINGS,
    lookup_tables,
    named_constants,
    scratch_offset,
    signless,
)
from tinyml.passes.convert_layers_to_loops import lowering as lowering_of
from tinyml.passes.count_macs import counter
from tinyml.passes.geometry import Range
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.loops.kernel import Carried, Image, Kernel, Part
from tinyml.passes.loops.pooling import lower_gather
from tinyml.passes.loops.reading import declare_readers
from tinyml.passes.stage_plan import (
    STAGE,
    WINDOWED,
    PlannedStage,
    pixel_bytes,
    planned_stage,
)
from tinyml.passes.stage_schedule import Clock, Turn

Number = SSAValue | int
"""A number that is known to the compiler, or else a value."""


@dataclass(frozen=True)
class LowerStagesPass(ModulePass):
    """Turns each stage into a function that runs its layers tile by tile."""

    name = "tinyml-lower-stages"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = network_function(op)
        for number, layer in enumerate(layers(network)):
            if isinstance(layer, StageOp):
                StageLowering(network, f"stage_{number:02}", layer).lower()
        declare_readers(op)


def bytes_of(value: SSAValue) -> Operation:
    """A buffer as so many bytes. Unsigned ones become signless with the network."""
    type = buffer_type(value)
    size = buffer_bytes(type)
    if type.element_type == i8:
        return view_of(value, [size])
    return UnrealizedConversionCastOp.get([value], [MemRefType(i8, [size])])


@dataclass(frozen=True)
class TileRanges:
    """What one tile makes along one axis: by layer, and the times of its loops."""

    outputs: Sequence[tuple[Number, Number]]
    times: Mapping[tuple[int, ...], tuple[Number, Number]]


@dataclass
class StageLowering:
    """Lowers one stage."""

    network: func.FuncOp
    name: str
    stage: StageOp
    plan: PlannedStage = field(init=False)
    layers: list[LayerOp] = field(init=False)
    sums: SSAValue | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.plan = planned_stage(self.stage)
        self.layers = list(self.stage.layers)

    def lower(self) -> None:
        stage = self.stage
        views = [bytes_of(value) for value in stage.operands]
        for view, value in zip(views, stage.operands, strict=True):
            view.results[0].name_hint = value.name_hint
        values = [view.results[0] for view in views]
        if self.plan.scratch:
            type = MemRefType(i8, [self.plan.scratch])
            scratch = AllocOp(type, scratch_offset(stage))
            scratch.buffer.name_hint = "rings"
            Rewriter.insert_op(scratch, InsertPoint.before(stage))
            values.insert(-1, scratch.buffer)
        function = self.build(values)
        Rewriter.insert_op(function, InsertPoint.before(self.network))
        call = func.CallOp(self.name, values, [])
        call.location = stage.location
        call.attributes |= stage.attributes
        call.attributes["tinyml.op"] = StringAttr(stage.name)
        work = sum(self.plan.schedule.work)
        call.attributes["tinyml.macs"] = IntegerAttr(work, i64)
        call.attributes[STAGE] = self.summary(work)
        Rewriter.replace_op(stage, [*views, call], [])

    def summary(self, work: int) -> DictionaryAttr:
        """What a report says of the stage."""
        names = [layer_name(layer) for layer in self.layers]
        extra = work - sum(layer.macs() for layer in self.layers)
        return DictionaryAttr(
            {
                "ops": ArrayAttr(StringAttr(name) for name in names),
                "grid": self.stage.grid,
                "halo": ArrayAttr(StringAttr(kept) for kept in self.stage.halo),
                "bytes": IntegerAttr(self.plan.scratch, i64),
                "extra_macs": IntegerAttr(extra, i64),
            }
        )

    # The stage's function

    def build(self, values: Sequence[SSAValue]) -> func.FuncOp:
        block = Block(arg_types=[value.type for value in values])
        for argument, value in zip(block.args, values, strict=True):
            argument.name_hint = value.name_hint
        k = Kernel(block)
        buffers = self.memory(k, block)
        constants = [self.constants(k, i) for i in range(len(self.layers))]
        kernels = [self.kernel(i) for i in range(len(self.layers))]

        def rows(tile: TileRanges) -> None:
            def columns(part: TileRanges) -> None:
                Tile(self, k, kernels, buffers, constants, tile, part).run()

            self.over_tiles(k, 1, columns)

        self.over_tiles(k, 0, rows)
        k.builder.insert(func.ReturnOp())
        types = [argument.type for argument in block.args]
        function = func.FuncOp(
            self.name, (types, []), Region(block), visibility="private"
        )
        function.attributes["no_inline"] = UnitAttr()
        function.location = self.stage.location
        return function

    def memory(self, k: Kernel, block: Block) -> dict[SSAValue, SSAValue]:
        """The bytes of each buffer of the stage: arguments, and rings in scratch."""
        arguments = self.stage.block.args
        found: dict[SSAValue, SSAValue] = {}
        found.update(zip(arguments[:-1], block.args, strict=False))
        found[arguments[-1]] = block.args[-1]
        for value, number in self.plan.numbers.items():
            if (ring := self.plan.schedule.rings.get(number)) is not None:
                type = MemRefType(i8, [ring.pixels * pixel_bytes(value)])
                offset = k.index(self.plan.offsets[number])
                view = memref.ViewOp(block.args[-2], offset, [], type)
                found[value] = k.insert(view, value.name_hint)
        if (at := self.plan.sums) is not None:
            view = memref.ViewOp(block.args[-2], k.index(at), [], self.sums_type())
            self.sums = k.insert(view, "sums")
        return found

    def sums_type(self) -> MemRefType:
        """A sum for each channel of the image that the last layer gathers."""
        return MemRefType(i32, [shape(self.layers[-1].layer_inputs[0])[3]])

    def constants(self, k: Kernel, i: int) -> list[SSAValue]:
        """What the kernel of a layer gets of weights and tables."""
        found = [
            k.insert(memref.GetGlobalOp(symbol, type), name)
            for name, (symbol, type) in named_constants(self.layers[i]).items()
        ]
        for key, array in lookup_tables(self.layers[i]).items():
            table = constant_global(f"{self.kernel_name(i)}_{key}", array)
            Rewriter.insert_op(table, InsertPoint.before(self.network))
            found.append(
                k.insert(memref.GetGlobalOp(table.sym_name.data, table.type), key)
            )
        return found

    def over_tiles(
        self, k: Kernel, axis: int, body: Callable[[TileRanges], None]
    ) -> None:
        """One turn for each tile along an axis; its numbers come from a table."""
        schedule = self.plan.schedule
        rows = [self.numbers(axis, tile) for tile in range(len(self.axis_tiles(axis)))]
        outputs = range(len(self.layers))
        keys = self.loop_keys(axis)

        def ranges(numbers: Sequence[Number]) -> TileRanges:
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            times = dict(zip(keys, pairs[len(outputs) :], strict=True))
            return TileRanges(pairs[: len(outputs)], times)

        if len(rows) == 1:
            body(ranges(rows[0]))
            return
        what = ("rows", "columns")[axis]
        table = constant_global(f"{self.name}_{what}", np.array(rows, np.int32))
        Rewriter.insert_op(table, InsertPoint.before(self.network))
        get = k.insert(memref.GetGlobalOp(table.sym_name.data, table.type), what)
        same = [len({row[i] for row in rows}) == 1 for i in range(len(rows[0]))]
        assert schedule.turns

        def turn(tile: SSAValue, _: Carried) -> None:
            body(
                ranges(
                    [
                        number if alike else self.entry(k, get, tile, place)
                        for place, (number, alike) in enumerate(
                            zip(rows[0], same, strict=True)
                        )
                    ]
                )
            )

        k.loop(0, len(rows), turn, hint="tile")

    @staticmethod
    def entry(k: Kernel, table: SSAValue, row: SSAValue, place: int) -> SSAValue:
        return k.to_index(k.load(table, row, k.index(place)))

    def axis_tiles(self, axis: int) -> Sequence[Mapping[int, Range]]:
        schedule = self.plan.schedule
        return schedule.columns if axis else schedule.rows

    def loop_keys(self, axis: int) -> list[tuple[int, ...]]:
        """The loops over time along an axis: of each sweep, or of each group."""
        sweeps = self.plan.schedule.sweeps
        if axis == 0:
            return [(sweep,) for sweep in range(len(sweeps))]
        return [
            (sweep, group)
            for sweep, groups in enumerate(sweeps)
            for group in range(len(groups))
        ]

    def numbers(self, axis: int, tile: int) -> list[int]:
        """What a tile makes of each layer's output, then the times of the loops."""
        schedule, ranges = self.plan.schedule, self.axis_tiles(axis)[tile]
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

    # Kernels

    def kernel_name(self, i: int) -> str:
        return f"{self.name}_{i}_{self.layers[i].name.removeprefix('tinyml.')}"

    def kernel(self, i: int) -> str:
        """Builds the kernel of a layer and returns its name."""
        if isinstance(layer := self.layers[i], ReadRowsOp):
            ring, size = self.plan.ring(layer.output), buffer_type(layer.output)
            held = ring.pixels * pixel_bytes(layer.output) if ring else None
            note_input(self.network, layer, held or buffer_bytes(size))
        KernelOfPart(self, i).build()
        return self.kernel_name(i)

    def moves(self) -> bool:
        """Whether rings begin somewhere else in each tile."""
        return any(len(self.axis_tiles(axis)) > 1 for axis in (0, 1))

    def ringed(self, layer: LayerOp) -> list[SSAValue]:
        """The operands of a layer that lie in rings."""
        return [v for v in layer.operands if self.plan.ring(v) is not None]


@dataclass
class KernelOfPart:
    """The kernel that makes one block of pixels of a layer."""

    lowering: StageLowering
    number: int

    def build(self) -> None:
        lowering = self.lowering
        layer = lowering.layers[self.number]
        turn = lowering.plan.schedule.turns[self.number]
        names = [*layer.operand_names]
        constants = {key: type for key, (_, type) in named_constants(layer).items()}
        for key, array in lookup_tables(layer).items():
            constants[key] = constant_global(key, array).type
        types: dict[str, Attribute] = {"y": IndexType(), "x": IndexType()}
        if lowering.moves():
            for value, name in zip(layer.operands, names, strict=True):
                if lowering.plan.ring(value) is not None:
                    types[f"{name}_base"] = IndexType()
        for value, name in zip(layer.layer_inputs, names, strict=False):
            types[name] = self.bytes_type(value)
        types |= constants
        if gathers(layer):
            types["sums"] = lowering.sums_type()
        if size := layer_scratch(layer):
            types["scratch"] = MemRefType(i8, [size])
        types[names[-1]] = self.bytes_type(layer.layer_output)
        block = Block(arg_types=[signless(type) for type in types.values()])
        for argument, name in zip(block.args, types, strict=True):
            argument.name_hint = name
        arguments: dict[str, SSAValue] = dict(zip(types, block.args, strict=True))
        k = Kernel(block, counter=counter(lowering.network))
        images = {
            name: self.image(k, value, name, arguments)
            for value, name in zip(layer.operands, names, strict=True)
            if not (gathers(layer) and value is layer.layer_output)
        }
        k.part = Part(arguments["y"], arguments["x"], turn.block, images)
        operands = {name: arguments[name] for name in constants}
        if gathers(layer):
            lower_gather(k, layer, arguments)
        elif isinstance(layer, WINDOWED):
            if "scratch" in arguments:
                operands["scratch"] = arguments["scratch"]
            lowering_of(layer)(k, layer, operands)
        else:
            self.lower_alike(k, layer, arguments, operands)
        self.mirror(k, layer, images.get(names[-1]), turn)
        k.builder.insert(func.ReturnOp())
        signature = [argument.type for argument in block.args]
        function = func.FuncOp(
            lowering.kernel_name(self.number),
            (signature, []),
            Region(block),
            visibility="private",
        )
        function.attributes["no_inline"] = UnitAttr()
        function.location = layer.location
        Rewriter.insert_op(function, InsertPoint.before(lowering.network))

    def bytes_type(self, value: SSAValue) -> MemRefType:
        ring = self.lowering.plan.ring(value)
        if ring is None:
            return MemRefType(i8, [buffer_bytes(buffer_type(value))])
        return MemRefType(i8, [ring.pixels * pixel_bytes(value)])

    def image(
        self, k: Kernel, value: SSAValue, name: str, arguments: Mapping[str, SSAValue]
    ) -> Image:
        """Where the pixels of an operand lie."""
        plan, channels = self.lowering.plan, shape(value)[3]
        element = signless(buffer_type(value).element_type)
        ring = plan.ring(value)
        count = shape(value)[1] * shape(value)[2] if ring is None else ring.pixels
        buffer = arguments[name]
        if element == i8:
            pixels = k.reshape(buffer, [count, channels])
        else:
            type = MemRefType(element, [count, channels])
            pixels = k.insert(memref.ViewOp(buffer, k.index(0), [], type), name)
        if ring is None:
            return Image(pixels, shape(value)[2])
        number = plan.numbers[value]
        base: Number = arguments.get(f"{name}_base", -1)
        if isinstance(base, int):
            (rows,), (columns,) = plan.schedule.rows, plan.schedule.columns
            base = rows[number][0] * ring.pitch + columns[number][0]
        heights = [tile[number][1] - tile[number][0] for tile in plan.schedule.rows]
        whole = ring.capacity >= max(heights) * ring.pitch
        return Image(pixels, ring.pitch, base, None if whole else ring.capacity)

    def lower_alike(
        self,
        k: Kernel,
        layer: LayerOp,
        arguments: Mapping[str, SSAValue],
        constants: Mapping[str, SSAValue],
    ) -> None:
        """
        A layer that makes each pixel of the same pixel of its inputs: the layer itself,
        on buffers of one block.
        """
        part = k.part
        assert part is not None
        views: dict[SSAValue, SSAValue] = {}
        operands = dict(constants)
        for value, name in zip(layer.operands, layer.operand_names, strict=True):
            image = part.images[name]
            _, rows, columns, channels = shape(value)
            output = shape(layer.layer_output)
            y = part.y if rows == output[1] else k.index(0)
            x = part.x if columns == output[2] else k.index(0)
            count = part.columns if columns == output[2] else 1
            at = k.mul(k.pixel(image, y, x), k.index(pixel_bytes(value)))
            element = buffer_type(value).element_type
            block = [1, 1, count, channels]
            signed = MemRefType(signless(element), block)
            view = k.insert(memref.ViewOp(arguments[name], at, [], signed), name)
            operands[name] = view
            views[value] = k_typed(view, MemRefType(element, block))
        k.part = None
        clone = layer.clone(views)
        LOWERINGS[type(layer)](k, clone, operands)
        clone.drop_all_references()

    def mirror(
        self, k: Kernel, layer: LayerOp, image: Image | None, turn: Turn
    ) -> None:
        """Pixels at the ring's start stand behind its end once more."""
        ring = self.lowering.plan.ring(layer.layer_output)
        if ring is None or not ring.mirror:
            return
        assert image is not None
        assert image.capacity is not None
        part = Part(k.head.args[0], k.head.args[1], turn.block, {})
        slot = k.pixel(image, part.y, part.x)
        early = k.compare("slt", slot, k.index(ring.mirror))

        def copy(at: tuple[SSAValue, ...]) -> None:
            i, c = at
            source = k.add(slot, i)
            value = k.load(image.pixels, source, c)
            k.store(value, image.pixels, k.add(source, k.index(ring.capacity)), c)

        channels = buffer_type(image.pixels).get_shape()[1]
        k.when(early, lambda: k.nest([turn.block, channels], copy))


def k_typed(view: SSAValue, type: MemRefType) -> SSAValue:
    """A value of a type, for a layer that is looked at and never run."""
    return view if view.type == type else Block(arg_types=[type]).args[0]


@dataclass
class Tile:
    """The loops of one tile."""

    lowering: StageLowering
    k: Kernel
    kernels: Sequence[str]
    buffers: Mapping[SSAValue, SSAValue]
    constants: Sequence[Sequence[SSAValue]]
    rows: TileRanges
    columns: TileRanges

    def run(self) -> None:
        self.bases = self.find_bases()
        for sweep, groups in enumerate(self.lowering.plan.schedule.sweeps):

            def row(t: SSAValue, _: Carried) -> None:
                for group in range(len(groups)):
                    self.run_group(sweep, group, t)

            low, high = self.rows.times[sweep,]
            self.k.loop(low, high, row, hint="t")

    def find_bases(self) -> dict[SSAValue, SSAValue]:
        """The number of the first pixel of each ring, where tiles differ in it."""
        lowering, k = self.lowering, self.k
        if not lowering.moves():
            return {}
        found: dict[SSAValue, SSAValue] = {}
        for i, layer in enumerate(lowering.layers):
            if (ring := lowering.plan.ring(layer.layer_output)) is not None:
                y, x = (
                    value(k, part.outputs[i][0]) for part in (self.rows, self.columns)
                )
                base = k.add(k.mul(y, k.index(ring.pitch)), x)
                found[layer.layer_output] = base
        return found

    def run_group(self, sweep: int, group: int, t: SSAValue) -> None:
        """What a group of layers does at time `t` of the rows."""
        schedule, k = self.lowering.plan.schedule, self.k
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
                    clock, range = turn.columns, self.columns.outputs[i]
                    # All times are a multiple of the step apart from the first one.
                    apart = turn.block if clock.period * turn.block != step else 0
                    x, due = self.due(clock, u, range, apart)
                    k.when(due, lambda: self.call(i, y, x))

                k.when(due, at_row)

        low, high = self.columns.times[sweep, group]
        k.loop(low, high, column, hint="u", step=step)

    def due(
        self, clock: Clock, time: SSAValue, range: tuple[Number, Number], block: int
    ) -> tuple[SSAValue, SSAValue | None]:
        """
        The place that a clock says at a time, and whether one of the range is made
        then, at the start of a block; None where it always is. `block` is 0 where times
        are known to be starts of blocks.
        """
        k = self.k
        low, high = (value(k, number) for number in range)
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
        layer = self.lowering.layers[i]
        *inputs, output = (self.buffers[v] for v in layer.operands)
        bases = [self.bases[v] for v in layer.operands if v in self.bases]
        sums = [self.lowering.sums] if gathers(layer) and self.lowering.sums else []
        work = self.work(layer)
        values = [y, x, *bases, *inputs, *self.constants[i], *sums, *work, output]
        self.k.builder.insert(func.CallOp(self.kernels[i], values, []))

    def work(self, layer: LayerOp) -> list[SSAValue]:
        """The scratch memory of a layer's kernel, which all of them share."""
        if not (size := layer_scratch(layer)):
            return []
        scratch, at = self.k.head.args[-2], self.k.index(self.lowering.plan.work)
        view = memref.ViewOp(scratch, at, [], MemRefType(i8, [size]))
        return [self.k.insert(view, "work")]


def value(k: Kernel, number: Number) -> SSAValue:
    return k.index(number) if isinstance(number, int) else number
