"""
Layers of multiply-accumulates: convolutions and fully connected layers.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import (
    I8,
    I64,
    DenseArrayBase,
    IntegerAttr,
    MemRefType,
    SymbolRefAttr,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.attributes import (
    SUM_ROUNDINGS,
    Rounding,
    RoundingAttr,
    WindowAttr,
)
from tinyml.dialects.constants import find_global, global_array
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    LayerSymbolUses,
    integers,
    shape,
    verify_clamp,
    verify_has_dimensions,
    verify_zero_points,
)
from tinyml.dialects.layer_format import (
    CLAMP,
    INS,
    ROUNDING,
    WEIGHTS,
    ZERO_POINTS,
    integer_array,
)
from tinyml.dialects.window import WindowOp


class WeightedOp(LayerOp, ABC):
    """
    A layer of multiply-accumulates with constant weights.

    `acc = bias + sum((x - zero_point_in) * w)`, scaled per output channel by the rows
    `(multiplier, shift)` of `requant`, plus the output's zero point, clamped. With
    `rounding f32` the rows are floats instead.
    """

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    weights = prop_def(SymbolRefAttr)
    bias = opt_prop_def(SymbolRefAttr)
    requant = prop_def(SymbolRefAttr)
    zero_points = prop_def(DenseArrayBase[I64])
    clamp = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    custom_directives = (Integers,)

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """The shape that the filter has to have."""
        raise NotImplementedError

    @property
    def output_channels(self) -> int:
        return shape(self.output)[-1]

    def constants(self) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
        channels = self.output_channels
        found: dict[str, tuple[SymbolRefAttr, MemRefType]] = {
            "weights": (self.weights, MemRefType(i8, self.weights_shape))
        }
        if self.bias is not None:
            found["bias"] = (self.bias, MemRefType(i32, [channels]))
        factors = (
            MemRefType(f32, [channels])
            if self.rounding.data is Rounding.F32
            else MemRefType(i32, [channels, 2])
        )
        found["requant"] = (self.requant, factors)
        return found

    def macs(self) -> int:
        per_output = prod(self.weights_shape) // self.output_channels
        return prod(shape(self.output)) * per_output

    def verify_tables(self) -> None:
        table = find_global(self, self.requant)
        assert table is not None
        factors = global_array(table)
        if self.rounding.data is Rounding.F32:
            if not np.isfinite(factors).all():
                raise VerifyException(f"@{self.requant.string_value()} is not finite")
            return
        multipliers, shifts = factors[:, 0], factors[:, 1]
        if (
            (multipliers == -(1 << 31)).any()
            or (shifts < -31).any()
            or (shifts > 30).any()
        ):
            raise VerifyException(
                f"@{self.requant.string_value()} has a multiplier of -2^31 or a shift "
                "outside [-31, 30]"
            )

    def verify_quantization(self) -> None:
        verify_zero_points(self.zero_points, self.input, self.output)
        verify_clamp(self.clamp, self.output)
        self.rounding.verify_is_one_of(SUM_ROUNDINGS, "accumulators")

    def _build(
        self,
        input: SSAValue,
        output: SSAValue,
        weights: str,
        bias: str | None,
        requant: str,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
        **more: Attribute | None,
    ) -> None:
        IRDLOperation.__init__(
            self,
            operands=[input, output],
            properties={
                "weights": SymbolRefAttr(weights),
                "bias": None if bias is None else SymbolRefAttr(bias),
                "requant": SymbolRefAttr(requant),
                "zero_points": integer_array(zero_points),
                "clamp": integer_array(clamp),
                "rounding": RoundingAttr(rounding),
                **more,
            },
        )


class ConvolutionOp(WeightedOp, WindowOp, ABC):
    """A weighted layer with a window."""

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    assembly_format = (
        f"{INS}{WEIGHTS} `window` $window{ZERO_POINTS}{CLAMP}{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        weights: str,
        bias: str | None,
        requant: str,
        window: WindowAttr,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        self._build(
            input,
            output,
            weights,
            bias,
            requant,
            zero_points,
            clamp,
            rounding,
            window=window,
        )

    def verify_layer(self) -> None:
        self.verify_window(self.input, self.output)
        self.verify_quantization()


@irdl_op_definition
class Conv2DOp(ConvolutionOp):
    """
    2-D convolution: NHWC int8 input and output, OHWI int8 weights, int32 bias.

    `groups` divides the channels of input and output into as many blocks; an output
    channel sees the input channels of its own block only, which the weights have.

    ```mlir
    tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x16xi8>)
      weights @w bias @b requant @rq window <[3, 3]>
      zero_points [-1, -128] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.conv2d"

    groups = opt_prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, i64))

    assembly_format = (
        f"{INS}{WEIGHTS} `window` $window (`groups` $groups^)?{ZERO_POINTS}{CLAMP}"
        f"{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        weights: str,
        bias: str | None,
        requant: str,
        window: WindowAttr,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
        groups: int = 1,
    ):
        self._build(
            input,
            output,
            weights,
            bias,
            requant,
            zero_points,
            clamp,
            rounding,
            window=window,
            groups=None if groups == 1 else IntegerAttr(groups, i64),
        )

    @property
    def group_count(self) -> int:
        return self.groups.value.data

    @property
    def weights_shape(self) -> tuple[int, ...]:
        kernel = integers(self.window.kernel)
        return (
            self.output_channels,
            *kernel,
            shape(self.input)[-1] // self.group_count,
        )

    def verify_layer(self) -> None:
        super().verify_layer()
        inputs, outputs = shape(self.input)[-1], self.output_channels
        if (groups := self.group_count) < 1 or inputs % groups or outputs % groups:
            raise VerifyException(
                f"{inputs} input and {outputs} output channels do not divide into "
                f"{groups} groups"
            )


@irdl_op_definition
class DepthwiseConv2DOp(ConvolutionOp):
    """
    Depthwise 2-D convolution: output channel `c * m + i` sees input channel `c` only,
    for a depth multiplier `m`. NHWC int8, weights HWC with the output's channels.

    ```mlir
    tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x6xi8>)
      weights @w bias @b requant @rq window <[3, 3]>
      zero_points [-1, -128] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.depthwise_conv2d"

    @property
    def weights_shape(self) -> tuple[int, ...]:
        return (*integers(self.window.kernel), self.output_channels)

    @property
    def depth_multiplier(self) -> int:
        return self.output_channels // shape(self.input)[-1]

    def verify_layer(self) -> None:
        super().verify_layer()
        if self.output_channels % shape(self.input)[-1]:
            raise VerifyException(
                f"{self.output_channels} output channels are not a multiple of "
                f"{shape(self.input)[-1]} input channels"
            )


@irdl_op_definition
class FullyConnectedOp(WeightedOp):
    """
    `y[b, o] = sum_i x[b, i] * w[o, i]`; the input is flattened to `[b, i]`.

    ```mlir
    tinyml.fully_connected ins(%x : memref<1x640xi8>) outs(%y : memref<1x128xi8>)
      weights @w bias @b requant @rq
      zero_points [89, -128] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.fully_connected"

    assembly_format = f"{INS}{WEIGHTS}{ZERO_POINTS}{CLAMP}{ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        weights: str,
        bias: str | None,
        requant: str,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        self._build(input, output, weights, bias, requant, zero_points, clamp, rounding)

    @property
    def batch(self) -> int:
        return prod(shape(self.output)[:-1])

    @property
    def weights_shape(self) -> tuple[int, ...]:
        return (self.output_channels, prod(shape(self.input)) // self.batch)

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        verify_has_dimensions(self.output)
        if prod(shape(self.input)) % self.batch:
            raise VerifyException(
                f"input {shape(self.input)} does not divide into {self.batch} rows"
            )
        self.verify_quantization()
