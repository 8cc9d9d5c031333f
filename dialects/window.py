"""
What layers with a spatial window have in common.
"""

from __future__ import annotations

from abc import ABC

from xdsl.ir import SSAValue
from xdsl.irdl import (
    prop_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import (
    WindowAttr,
)
from tinyml.dialects.layer import (
    LayerOp,
    shape,
    verify_rank,
)


class WindowOp(LayerOp, ABC):
    """A layer whose outputs see their input through a window."""

    window = prop_def(WindowAttr)

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess]:
        return self.window.axes

    def verify_window(self, input: SSAValue, output: SSAValue) -> None:
        verify_rank(4, input, output)
        source, result = shape(input), shape(output)
        if source[0] != result[0]:
            raise VerifyException(f"batch {source[0]} becomes {result[0]}")
        expected = tuple(
            axis.output_size(size)
            for axis, size in zip(self.window.axes, source[1:3], strict=True)
        )
        if expected != result[1:3]:
            raise VerifyException(
                f"window makes {expected[0]}x{expected[1]} of {source[1]}x{source[2]}, "
                f"output is {result[1]}x{result[2]}"
            )
