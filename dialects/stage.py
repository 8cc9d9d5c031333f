"""
A group of layers that run tile by tile instead of one after the other.

The region holds ordinary layers on the whole, logical tensors; the attributes are the
entire decision of how it runs. Lowering turns it into loops over tiles with views, so
that no tensor inside is ever whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    IntegerAttr,
    MemRefType,
    i64,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Block, Operation, Region, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    integers,
    shape,
)
from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.pooling import gathers
from tinyml.dialects.views import buffer_uses, is_view, root


class Halo(StrEnum):
    """What becomes of the inputs that neighbouring tiles share along one axis."""

    RECOMPUTE = "recompute"
    """Each tile makes them anew: more work, nothing kept."""
    CACHE = "cache"
    """They stay in a ring from one tile to the next: no more work, more memory."""


class Passing(StrEnum):
    """How a buffer inside is passed on to its readers, from the least memory up."""

    PIXELS = "pixels"
    """A few columns at a time: halos are kept along both axes."""
    ROWS = "rows"
    """A row of the tile at a time: halos are kept along the height."""
    TILE = "tile"
    """A tile at a time: nothing is kept."""


@irdl_attr_definition
class HaloAttr(EnumAttribute[Halo], SpacedOpaqueSyntaxAttribute):
    """What becomes of a halo along one axis, `#tinyml<halo recompute>`."""

    name = "tinyml.halo"


HALO = "tinyml.halo"
"""The attribute of a buffer inside that is not passed on as its stage says."""


def passing(rows: Halo, columns: Halo) -> Passing:
    """How a buffer is passed on whose halos are kept, or made anew, along the axes."""
    if rows is Halo.RECOMPUTE:
        return Passing.TILE
    return Passing.ROWS if columns is Halo.RECOMPUTE else Passing.PIXELS


@irdl_op_definition
class StageOp(LayerOp):
    """
    Layers that run tile by tile. `grid` is the number of tiles of the output along the
    height and along the width; `halo` says, for rows and for columns, what becomes of
    what neighbouring tiles, rows or pixels share. With `recompute, recompute` the
    layers of a tile run one after the other and tiles share nothing, as MCUNetV2's
    patches; with `cache, recompute` rows stream through rings, in vertical strips if
    the grid has several columns; with `cache, cache` blocks of `block` pixels do. Along
    an axis that is kept there is one tile. A buffer inside may be passed on in another
    way than its stage says:
    `{tinyml.halo = [#tinyml<halo cache>, #tinyml<halo cache>]}`.

    The region's arguments are the buffers of `ins` and `outs`; it holds buffers of its
    own, views, and layers whose output rows and columns are made of their inputs' rows
    and columns.

    ```mlir
    tinyml.stage ins(%x : memref<1x32x32x3xi8>) outs(%y : memref<1x16x16x8xi8>)
        grid [1, 4] halo cache, recompute {
    ^bb0(%a: memref<1x32x32x3xi8>, %b: memref<1x16x16x8xi8>):
      %t = tinyml.alloc : memref<1x16x16x16xi8>
      tinyml.conv2d ins(%a : ...) outs(%t : ...) ...
      tinyml.conv2d ins(%t : ...) outs(%b : ...) ...
    }
    ```
    """

    name = "tinyml.stage"

    inputs = var_operand_def(MemRefType)
    output = operand_def(MemRefType)
    grid = prop_def(DenseArrayBase[I64])
    halo_rows = prop_def(HaloAttr)
    halo_columns = prop_def(HaloAttr)
    block_columns = opt_prop_def(IntegerAttr[I64], prop_name="block")
    body = region_def("single_block")

    traits = traits_def(LayerMemoryEffect(), NoTerminator())
    custom_directives = (Integers,)
    assembly_format = (
        "`ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $output `:` type($output)"
        " `)` `grid` custom<Integers>($grid) `halo` $halo_rows `,` $halo_columns"
        " (`block` $block^)? $body attr-dict"
    )

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        output: SSAValue,
        grid: Sequence[int],
        halo: tuple[Halo, Halo],
        body: Region,
        block: int = 1,
    ):
        super().__init__(
            operands=[inputs, output],
            properties={
                "grid": integer_array(grid),
                "halo_rows": HaloAttr(halo[0]),
                "halo_columns": HaloAttr(halo[1]),
                "block": None if block == 1 else IntegerAttr(block, i64),
            },
            regions=[body],
        )

    @property
    def block(self) -> Block:
        return self.body.block

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles along the height and along the width."""
        rows, columns = integers(self.grid)
        return rows, columns

    @property
    def halo(self) -> tuple[Halo, Halo]:
        """What becomes of halos along the height and along the width."""
        return self.halo_rows.data, self.halo_columns.data

    @property
    def pixels(self) -> int:
        """Columns at a time, where layers run pixel by pixel."""
        return 1 if self.block_columns is None else self.block_columns.value.data

    def passing(self, buffer: SSAValue) -> Passing:
        """How a buffer inside is passed on."""
        assert isinstance(buffer.owner, Operation)
        own = buffer.owner.attributes.get(HALO)
        if isinstance(own, ArrayAttr):
            rows, columns = (halo.data for halo in own if isinstance(halo, HaloAttr))
            return passing(rows, columns)
        return passing(*self.halo)

    @property
    def layers(self) -> Iterator[LayerOp]:
        """The layers inside, in order."""
        return (op for op in self.block.ops if isinstance(op, LayerOp))

    @property
    def image(self) -> tuple[int, int] | None:
        """
        Rows and columns of what the tiles are parts of: the output, or the input of a
        last layer that gathers all of it; None if that is not one image.
        """
        *_, last = self.layers
        buffer = last.layer_inputs[0] if gathers(last) else last.layer_output
        _, rows, columns, _ = shape(buffer) if len(shape(buffer)) == 4 else (0,) * 4
        return (rows, columns) if shape(buffer)[:1] == (1,) and rows else None

    def access(self, index: int) -> None:
        return None

    def macs(self) -> int:
        """Of the layers inside, each run once as a whole."""
        return sum(layer.macs() for layer in self.layers)

    def verify_layer(self) -> None:
        if not any(self.layers):
            raise VerifyException("no layer of the stage writes its output")
        if (size := self.image) is None:
            raise VerifyException(f"{self.output.type} is not one image")
        parts = integers(self.grid)
        if len(parts) != 2:
            raise VerifyException(f"grid {list(parts)} is not [rows, columns]")
        for count, size, axis in zip(parts, size, ("rows", "columns"), strict=True):
            if not 1 <= count <= size:
                raise VerifyException(f"{count} tiles of {size} {axis}")
        if self.halo == (Halo.RECOMPUTE, Halo.CACHE):
            raise VerifyException("rows are kept where columns are")
        for count, kept, axis in zip(
            parts, self.halo, ("rows", "columns"), strict=True
        ):
            if kept is Halo.CACHE and count != 1:
                raise VerifyException(f"{count} tiles along {axis} that are kept")
        if self.pixels < 1:
            raise VerifyException(f"block {self.pixels} is not positive")
        types = [value.type for value in self.operands]
        if [argument.type for argument in self.block.args] != types:
            raise VerifyException(
                "the region's arguments are not the buffers of ins and outs"
            )
        self.verify_body()

    def verify_body(self) -> None:
        """Each buffer inside has one writer before its readers; inputs have none."""
        *sources, result = self.block.args
        written: set[SSAValue] = {*sources}
        for op in self.block.ops:
            if not isinstance(op, LayerOp):
                if op.name != "tinyml.alloc" and not is_view(op):
                    raise VerifyException(f"{op.name} cannot stand in a stage")
                verify_halo(op)
                continue
            if isinstance(op, StageOp):
                raise VerifyException("a stage cannot stand in a stage")
            for index, value in enumerate(op.layer_inputs):
                if root(value) not in written:
                    raise VerifyException(f"{op.name} reads what is not written yet")
                if not op.is_spatial(index) and not gathers(op):
                    raise VerifyException(
                        f"the rows of {op.name} are not made of its input's rows"
                    )
            if (target := root(op.layer_output)) in written:
                raise VerifyException(f"{op.name} writes a buffer a second time")
            written.add(target)
        if result not in written:
            raise VerifyException("no layer of the stage writes its output")
        *others, last = self.layers
        if any(gathers(op) for op in others):
            raise VerifyException("a layer that gathers an image is not the last one")
        if root(last.layer_output) is not result:
            raise VerifyException(
                "the last layer of the stage does not write its output"
            )
        if any(
            use.index < len(use.operation.operands) - 1 for use in buffer_uses(result)
        ):
            raise VerifyException("a layer of the stage reads the stage's output")


def verify_halo(op: Operation) -> None:
    """The halo of one buffer, where it has its own."""
    own = op.attributes.get(HALO)
    if own is None:
        return
    kinds = (
        [item.data for item in own if isinstance(item, HaloAttr)]
        if isinstance(own, ArrayAttr)
        else []
    )
    if len(kinds) != 2 or kinds == [Halo.RECOMPUTE, Halo.CACHE]:
        raise VerifyException(
            f"{HALO} is {own}, expected two of #tinyml<halo ...>; rows are kept where "
            "columns are"
        )
