"""Passes with bugs, for tests of `--check-each`."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from tinyml.dialects.attributes import Rounding, RoundingAttr, WindowAttr
from tinyml.dialects.tinyml import AllocOp
from tinyml.dialects.weighted import WeightedOp
from tinyml.dialects.window import WindowOp


@dataclass(frozen=True)
class ShiftHaloPass(ModulePass):
    """Moves the first window that looks beyond the top border down by a row."""

    name = "test-shift-halo"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in op.walk():
            if isinstance(layer, WindowOp) and layer.window.pad.get_values()[0]:
                window = layer.window
                top, bottom, *sides = window.pad.get_values()
                layer.properties["window"] = WindowAttr.get(
                    window.kernel.get_values(),
                    window.strides.get_values(),
                    window.dilations.get_values(),
                    [top - 1, bottom + 1, *sides],
                )
                return


@dataclass(frozen=True)
class ShiftStagePass(ModulePass):
    """Makes the second layer of a lowered stage a row early."""

    name = "test-shift-stage"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                for row in function.walk():
                    if isinstance(row, arith.SubiOp) and row.lhs.name_hint == "t":
                        Rewriter.replace_op(row, [], [row.lhs])
                        return


@dataclass(frozen=True)
class FreeEarlyPass(ModulePass):
    """Gives the last buffer of the arena the place of the first."""

    name = "test-free-early"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        allocs = [a for a in op.walk() if isinstance(a, AllocOp)]
        if allocs:
            allocs[-1].properties["at"] = IntegerAttr(allocs[0].at.value.data, i64)
            return
        views = [v for v in op.walk() if isinstance(v, memref.ViewOp)]
        moved = arith.ConstantOp.from_int_and_width(0, IndexType())
        Rewriter.replace_op(views[-1].byte_shift.owner, moved)


@dataclass(frozen=True)
class DropRoundingPass(ModulePass):
    """Rounds once where the first convolution rounds twice."""

    name = "test-drop-rounding"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in op.walk():
            if isinstance(layer, WeightedOp):
                layer.properties["rounding"] = RoundingAttr(Rounding.SINGLE)
                return
