"""
Kernels of the layers of a stage: each makes one block of pixels of one row.

A kernel gets the row and the first column, the buffers as bytes, and where a tile's
rings begin if that differs from tile to tile; it knows the layer's borders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    IndexType,
    LocationAttr,
    MemRefType,
    StringAttr,
    UnitAttr,
    i8,
    i32,
)
from xdsl.ir import Attribute, Block, Region, SSAValue

from tinyml.dialects.constants import constant_global
from tinyml.dialects.layer import LayerOp, buffer_bytes, buffer_type, shape
from tinyml.dialects.pooling import gathers
from tinyml.dialects.stage import StageOp
from tinyml.passes.convert_layers_to_loops import (
    LOWERINGS,
    lookup_tables,
    lowering,
    named_constants,
    signless,
)
from tinyml.passes.count_macs import counter
from tinyml.passes.layer_kind import KIND, layer_kind
from tinyml.passes.layer_scratch import layer_scratch
from tinyml.passes.loops.kernel import Image, Kernel, Part
from tinyml.passes.loops.pooling import lower_gather
from tinyml.passes.stage_plan import (
    WINDOWED,
    PlannedStage,
    pixel_bytes,
    planned_stage,
)
from tinyml.passes.stage_schedule import Turn

Number = SSAValue | int
"""A number that is known to the compiler, or else a value."""


@dataclass(frozen=True)
class StageParts:
    """A stage that is being lowered: what its kernels and its loops agree on."""

    network: func.FuncOp
    name: str
    stage: StageOp

    @cached_property
    def plan(self) -> PlannedStage:
        return planned_stage(self.stage)

    @cached_property
    def layers(self) -> list[LayerOp]:
        return list(self.stage.layers)

    @property
    def moves(self) -> bool:
        """Whether rings begin somewhere else in each tile."""
        schedule = self.plan.schedule
        return len(schedule.rows) * len(schedule.columns) > 1

    @property
    def sums_type(self) -> MemRefType:
        """A sum for each channel of the image that the last layer gathers."""
        return MemRefType(i32, [shape(self.layers[-1].layer_inputs[0])[3]])

    @property
    def work_type(self) -> MemRefType:
        """What kernels work in, one after the other: as much as any of them needs."""
        return MemRefType(i8, [self.plan.work_bytes])

    def kernel_name(self, i: int) -> str:
        return f"{self.name}_{i}_{self.layers[i].name.removeprefix('tinyml.')}"


def kernel_function(name: str, block: Block, location: LocationAttr) -> func.FuncOp:
    """A function of the network's own, which compilers leave as it is."""
    block.add_op(func.ReturnOp())
    types = [argument.type for argument in block.args]
    function = func.FuncOp(name, (types, []), Region(block), visibility="private")
    function.attributes["no_inline"] = UnitAttr()
    function.location = location
    return function


@dataclass
class StageKernel:
    """The kernel of a layer of a stage."""

    parts: StageParts
    number: int

    def build(self) -> func.FuncOp:
        parts = self.parts
        layer = parts.layers[self.number]
        turn = parts.plan.schedule.turns[self.number]
        names = [*layer.operand_names]
        constants = {key: type for key, (_, type) in named_constants(layer).items()}
        for key, array in lookup_tables(layer).items():
            constants[key] = constant_global(key, array).type
        types: dict[str, Attribute] = {"y": IndexType(), "x": IndexType()}
        if parts.moves:
            for value, name in zip(layer.operands, names, strict=True):
                if parts.plan.ring(value) is not None:
                    types[f"{name}_base"] = IndexType()
        for value, name in zip(layer.layer_inputs, names, strict=False):
            types[name] = self.bytes_type(value)
        types |= constants
        if gathers(layer):
            types["sums"] = parts.sums_type
        if layer_scratch(layer):
            types["scratch"] = parts.work_type
        types[names[-1]] = self.bytes_type(layer.layer_output)
        block = Block(arg_types=[signless(type) for type in types.values()])
        for argument, name in zip(block.args, types, strict=True):
            argument.name_hint = name
        arguments: dict[str, SSAValue] = dict(zip(types, block.args, strict=True))
        k = Kernel(block, counter=counter(parts.network))
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
            lowering(layer)(k, layer, operands)
        else:
            self.lower_alike(k, layer, arguments, operands)
        self.mirror(k, layer, images.get(names[-1]), turn)
        name = parts.kernel_name(self.number)
        function = kernel_function(name, block, layer.location)
        function.attributes[KIND] = StringAttr(layer_kind(layer))
        return function

    def bytes_type(self, value: SSAValue) -> MemRefType:
        ring = self.parts.plan.ring(value)
        if ring is None:
            return MemRefType(i8, [buffer_bytes(buffer_type(value))])
        return MemRefType(i8, [ring.pixels * pixel_bytes(value)])

    def image(
        self, k: Kernel, value: SSAValue, name: str, arguments: Mapping[str, SSAValue]
    ) -> Image:
        """Where the pixels of an operand lie."""
        plan, channels = self.parts.plan, shape(value)[3]
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
            views[value] = typed_like(view, MemRefType(element, block))
        k.part = None
        clone = layer.clone(views)
        LOWERINGS[type(layer)](k, clone, operands)
        clone.drop_all_references()

    def mirror(
        self, k: Kernel, layer: LayerOp, image: Image | None, turn: Turn
    ) -> None:
        """Pixels at the ring's start stand behind its end once more."""
        ring = self.parts.plan.ring(layer.layer_output)
        if ring is None or not ring.mirror:
            return
        assert image is not None
        y, x, *_ = k.head.args
        slot = k.pixel(image, y, x)
        early = k.compare("slt", slot, k.index(ring.mirror))

        def copy(at: tuple[SSAValue, ...]) -> None:
            i, c = at
            source = k.add(slot, i)
            value = k.load(image.pixels, source, c)
            k.store(value, image.pixels, k.add(source, k.index(ring.capacity)), c)

        channels = buffer_type(image.pixels).get_shape()[1]
        k.when(early, lambda: k.nest([turn.block, channels], copy))


def typed_like(view: SSAValue, type: MemRefType) -> SSAValue:
    """A value of a type, for a layer that is looked at and never run."""
    return view if view.type == type else Block(arg_types=[type]).args[0]
