"""
Pools and means.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I8,
    I64,
    DenseArrayBase,
    MemRefType,
)
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.attributes import (
    SUM_ROUNDINGS,
    RequantAttr,
    Rounding,
    RoundingAttr,
    WindowAttr,
)
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    integers,
    shape,
    verify_clamp,
    verify_zero_points,
)
from tinyml.dialects.layer_format import (
    CLAMP,
    INS,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)
from tinyml.dialects.window import WindowOp


class PoolOp(WindowOp, ABC):
    """A pool over a window; padding takes no part in it. Scales do not change."""

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    clamp = prop_def(DenseArrayBase[I64])

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)
    assembly_format = f"{INS} `window` $window{CLAMP} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        window: WindowAttr,
        clamp: Sequence[int],
    ):
        super().__init__(
            operands=[input, output],
            properties={"window": window, "clamp": integer_array(clamp)},
        )

    def verify_layer(self) -> None:
        self.verify_window(self.input, self.output)
        if shape(self.input)[-1] != shape(self.output)[-1]:
            raise VerifyException(
                f"{shape(self.input)[-1]} channels become {shape(self.output)[-1]}"
            )
        for axis, size, count in zip(
            self.window.axes, shape(self.input)[1:3], shape(self.output)[1:3]
        ):
            if (place := axis.first_empty(size, count)) is not None:
                raise VerifyException(
                    f"the window of output {place} holds nothing but padding"
                )
        verify_clamp(self.clamp, self.output)


@irdl_op_definition
class AvgPool2DOp(PoolOp):
    """
    The mean of the window's elements inside the input, rounded half away from zero.

    ```mlir
    tinyml.avg_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>)
      window <[2, 2], strides = [2, 2]> clamp [-128, 127]
    ```
    """

    name = "tinyml.avg_pool2d"


@irdl_op_definition
class MaxPool2DOp(PoolOp):
    """
    The largest of the window's elements inside the input.

    ```mlir
    tinyml.max_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>)
      window <[2, 2], strides = [2, 2]> clamp [-128, 127]
    ```
    """

    name = "tinyml.max_pool2d"


@irdl_op_definition
class MeanOp(LayerOp):
    """
    The mean over some dimensions: the sum of `x - zero_point`, scaled. The factor holds
    one over the number of elements. The reduced dimensions are kept as 1 or dropped.

    ```mlir
    tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%y : memref<1x8xi8>) axes [1, 2]
      requant <1402438300, -5> zero_points [-128, -128] rounding double
    ```
    """

    name = "tinyml.mean"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    axes = prop_def(DenseArrayBase[I64])
    requant = prop_def(RequantAttr)
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)
    assembly_format = (
        f"{INS} `axes` custom<Integers>($axes) `requant` $requant"
        f"{ZERO_POINTS}{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        axes: Sequence[int],
        requant: RequantAttr,
        zero_points: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "axes": integer_array(axes),
                "requant": requant,
                "zero_points": integer_array(zero_points),
                "rounding": RoundingAttr(rounding),
            },
        )

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        source, axes = shape(self.input), integers(self.axes)
        if not axes or sorted(set(axes)) != list(axes):
            raise VerifyException(f"axes {list(axes)} are not ascending and distinct")
        if axes[0] < 0 or axes[-1] >= len(source):
            raise VerifyException(
                f"axes {list(axes)} are not in [0, {len(source) - 1}]"
            )
        kept = tuple(1 if i in axes else n for i, n in enumerate(source))
        dropped = tuple(n for i, n in enumerate(source) if i not in axes)
        if shape(self.output) not in (kept, dropped):
            raise VerifyException(
                f"output is {shape(self.output)}, expected {kept} or {dropped}"
            )
        verify_zero_points(self.zero_points, self.input, self.output)
        self.rounding.verify_is_one_of(SUM_ROUNDINGS, "means")
        if self.rounding.data is Rounding.F32:
            self.requant.verify_is_float()


def gathers(op: Operation) -> bool:
    """Whether a layer makes one pixel of a whole image: a global pool, or a mean."""
    match op:
        case MeanOp():
            size = shape(op.input)
            return len(size) == 4 and size[0] == 1 and integers(op.axes) == (1, 2)
        case AvgPool2DOp():
            sizes = zip(op.window.axes, shape(op.input)[1:3], strict=True)
            return shape(op.output)[:3] == (1, 1, 1) and all(
                (axis.kernel, axis.dilation, axis.pad_before) == (size, 1, 0)
                for axis, size in sizes
            )
        case _:
            return False
