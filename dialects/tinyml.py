"""
The `tinyml` dialect: layers of convolutional networks on explicit buffers.

Every layer takes its inputs in `ins(...)`, overwrites the buffer in `outs(...)`, and
returns nothing. Activations are NHWC, filters OHWI. Weights, biases and tables of
requantization factors are constant `memref.global`s that the layer names, so that a
network's body stays readable. The arithmetic is spelled on the op: zero points
(one per input, then the output's), clamp, requantization and its rounding contract.
"""

from __future__ import annotations

from xdsl.dialects.builtin import (
    I64,
    IntegerAttr,
    MemRefType,
    i64,
)
from xdsl.ir import Dialect
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryAllocEffect
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.activation import LookupOp, PReluOp
from tinyml.dialects.attributes import (
    RequantAttr,
    RoundingAttr,
    TensorAttr,
    WindowAttr,
)
from tinyml.dialects.elementwise import (
    AddOp,
    MaximumOp,
    MinimumOp,
    MulOp,
    SubOp,
)
from tinyml.dialects.kernel import KernelAttr, ReuseAttr
from tinyml.dialects.layer import (
    LayerOp,
    verify_buffer,
)
from tinyml.dialects.moving import (
    ConcatOp,
    PadOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from tinyml.dialects.pooling import AvgPool2DOp, MaxPool2DOp, MeanOp
from tinyml.dialects.reading import ReadRowsOp
from tinyml.dialects.resizing import ResizeBilinearOp, ResizeNearestOp
from tinyml.dialects.scaling import DequantizeOp, QuantizeOp, RequantizeOp
from tinyml.dialects.softmax import LogSoftmaxOp, SoftmaxLookupOp, SoftmaxOp
from tinyml.dialects.stage import HaloAttr, StageOp
from tinyml.dialects.views import buffer_uses
from tinyml.dialects.weighted import Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp

__all__ = [
    "AddOp",
    "AllocOp",
    "AvgPool2DOp",
    "ConcatOp",
    "Conv2DOp",
    "DepthwiseConv2DOp",
    "DequantizeOp",
    "FullyConnectedOp",
    "LogSoftmaxOp",
    "LookupOp",
    "MaxPool2DOp",
    "MaximumOp",
    "MeanOp",
    "MinimumOp",
    "MulOp",
    "PReluOp",
    "PadOp",
    "QuantizeOp",
    "ReadRowsOp",
    "RequantizeOp",
    "ReshapeOp",
    "ResizeBilinearOp",
    "ResizeNearestOp",
    "SliceOp",
    "SoftmaxLookupOp",
    "SoftmaxOp",
    "StageOp",
    "SubOp",
    "TinyML",
    "TransposeOp",
]


@irdl_op_definition
class AllocOp(IRDLOperation):
    """
    A buffer of the network. `at` is its offset in the arena, in bytes, once planned.

    ```mlir
    %x = tinyml.alloc at 560 : memref<1x32x32x16xi8>
    ```
    """

    name = "tinyml.alloc"

    buffer = result_def(MemRefType)
    at = opt_prop_def(IntegerAttr[I64])

    traits = traits_def(MemoryAllocEffect())

    assembly_format = "(`at` $at^)? attr-dict `:` type($buffer)"

    def __init__(self, type: MemRefType, at: int | None = None):
        super().__init__(
            result_types=[type],
            properties={"at": None if at is None else IntegerAttr(at, i64)},
        )

    def verify_(self) -> None:
        verify_buffer(self.buffer)
        if self.at is not None and self.at.value.data < 0:
            raise VerifyException(f"offset {self.at.value.data} is negative")
        writers = [
            use
            for use in buffer_uses(self.buffer)
            if isinstance(use.operation, LayerOp)
            and use.index == len(use.operation.operands) - 1
        ]
        if len(writers) > 1:
            raise VerifyException(f"the buffer has {len(writers)} writers, expected 1")


TinyML = Dialect(
    "tinyml",
    [
        AllocOp,
        Conv2DOp,
        DepthwiseConv2DOp,
        FullyConnectedOp,
        AvgPool2DOp,
        MaxPool2DOp,
        AddOp,
        SubOp,
        MulOp,
        MaximumOp,
        MinimumOp,
        LookupOp,
        PReluOp,
        PadOp,
        ConcatOp,
        SliceOp,
        ReshapeOp,
        TransposeOp,
        ResizeNearestOp,
        ResizeBilinearOp,
        MeanOp,
        SoftmaxOp,
        LogSoftmaxOp,
        SoftmaxLookupOp,
        QuantizeOp,
        DequantizeOp,
        RequantizeOp,
        ReadRowsOp,
        StageOp,
    ],
    [
        HaloAttr,
        KernelAttr,
        RequantAttr,
        ReuseAttr,
        RoundingAttr,
        TensorAttr,
        WindowAttr,
    ],
)
