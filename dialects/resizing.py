"""
Layers that change the resolution of a map.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import I8, I64, DenseArrayBase, MemRefType, UnitAttr
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, traits_def
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.layer import (
    LayerMemoryEffect,
    LayerOp,
    integers,
    shape,
    verify_rank,
)
from tinyml.dialects.layer_format import INS, integer_array

MODES = " (`align_corners` $align_corners^)? (`half_pixel` $half_pixel^)?"


class ResizeOp(LayerOp, ABC):
    """
    NHWC to another height and width. `align_corners` maps the corners onto each other,
    `half_pixel` measures from the middle of elements; at most one of them.
    """

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    align_corners = opt_prop_def(UnitAttr)
    half_pixel = opt_prop_def(UnitAttr)

    traits = traits_def(LayerMemoryEffect())
    assembly_format = f"{INS}{MODES} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        align_corners: bool = False,
        half_pixel: bool = False,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "align_corners": UnitAttr() if align_corners else None,
                "half_pixel": UnitAttr() if half_pixel else None,
            },
        )

    def access(self, index: int) -> None:
        return None

    def is_spatial(self, index: int) -> bool:
        # By a table, not by a rule that `access` could give.
        return True

    def verify_layer(self) -> None:
        verify_rank(4, self.input, self.output)
        source, result = shape(self.input), shape(self.output)
        if (source[0], source[3]) != (result[0], result[3]):
            raise VerifyException(
                f"batch and channels of {source} and {result} are not the same"
            )
        if self.align_corners is not None and self.half_pixel is not None:
            raise VerifyException("align_corners and half_pixel exclude each other")


@irdl_op_definition
class ResizeNearestOp(ResizeOp):
    """
    The nearest element (TFLite RESIZE_NEAREST_NEIGHBOR), or, for those who count
    otherwise, the one in the row and column of the input that `rows` and `columns` list
    for each row and column of the output.

    ```mlir
    tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x8x8x8xi8>)
    tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>)
      rows [0, 1, 3] columns [1, 3]
    ```
    """

    name = "tinyml.resize_nearest"

    rows = opt_prop_def(DenseArrayBase[I64])
    columns = opt_prop_def(DenseArrayBase[I64])

    assembly_format = f"{INS}{MODES} (`rows` $rows^ `columns` $columns)? attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        align_corners: bool = False,
        half_pixel: bool = False,
        rows: Sequence[int] | None = None,
        columns: Sequence[int] | None = None,
    ):
        super().__init__(input, output, align_corners, half_pixel)
        if rows is not None and columns is not None:
            self.properties["rows"] = integer_array(rows)
            self.properties["columns"] = integer_array(columns)

    def verify_layer(self) -> None:
        super().verify_layer()
        if (self.rows is None) != (self.columns is None):
            raise VerifyException("rows and columns come together")
        if self.rows is None or self.columns is None:
            return
        if self.align_corners is not None or self.half_pixel is not None:
            raise VerifyException("rows and columns leave no choice of a mode")
        for what, listed, axis in (
            ("rows", self.rows, 1),
            ("columns", self.columns, 2),
        ):
            places, size = integers(listed), shape(self.input)[axis]
            if len(places) != (count := shape(self.output)[axis]):
                raise VerifyException(f"{len(places)} {what} for {count} of the output")
            for place in places:
                if not 0 <= place < size:
                    raise VerifyException(f"{what} has {place}, not in [0, {size - 1}]")


@irdl_op_definition
class ResizeBilinearOp(ResizeOp):
    """
    Between the four nearest elements, in fixed point with 10 fractional bits (TFLite
    RESIZE_BILINEAR).

    ```mlir
    tinyml.resize_bilinear ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x8x8x8xi8>)
      half_pixel
    ```
    """

    name = "tinyml.resize_bilinear"
