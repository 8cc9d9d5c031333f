"""
The `tinyml` dialect: layers of convolutional networks on explicit buffers.

Every layer takes its inputs in `ins(...)`, overwrites the buffer in `outs(...)`, and
returns nothing. Activations are NHWC, filters OHWI. Weights, biases and tables of
requantization factors are constant `memref.global`s that the layer names, so that a
network's body stays readable. The arithmetic is spelled on the op: zero points
(one per input, then the output's), clamp, requantization and its rounding contract.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import (
    I8,
    I64,
    ArrayAttr,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    MemRefType,
    SymbolRefAttr,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryAllocEffect
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import (
    RequantAttr,
    Rounding,
    RoundingAttr,
    TensorAttr,
    WindowAttr,
    verify_scale,
)
from tinyml.dialects.constants import UI8, find_global, global_array
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    LayerSymbolUses,
    buffer_type,
    integers,
    shape,
    verify_buffer,
    verify_clamp,
    verify_has_dimensions,
    verify_in_range,
    verify_rank,
    verify_same_elements,
    verify_same_shape,
    verify_zero_points,
)

_INS = "`ins` `(` $input `:` type($input) `)` `outs` `(` $output `:` type($output) `)`"
_INS_2 = (
    "`ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`"
    " `outs` `(` $output `:` type($output) `)`"
)
_ZERO_POINTS = " `zero_points` custom<Integers>($zero_points)"
_CLAMP = " `clamp` custom<Integers>($clamp)"
_ROUNDING = " `rounding` $rounding"
_WEIGHTS = " `weights` $weights (`bias` $bias^)? `requant` $requant"

POINTWISE = (AxisAccess(), AxisAccess())
ONE = RequantAttr(1 << 30, 1)


def _array(numbers: Sequence[int]) -> DenseArrayBase[I64]:
    return DenseArrayBase.from_list(i64, numbers)


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
            for use in self.buffer.uses
            if isinstance(use.operation, LayerOp)
            and use.index == len(use.operation.operands) - 1
        ]
        if len(writers) > 1:
            raise VerifyException(f"the buffer has {len(writers)} writers, expected 1")


class WeightedOp(LayerOp, ABC):
    """
    A layer of multiply-accumulates with constant weights.

    `acc = bias + sum((x - zero_point_in) * w)`, scaled per output channel by the rows
    `(multiplier, shift)` of `requant`, plus the output's zero point, clamped.
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
        found["requant"] = (self.requant, MemRefType(i32, [channels, 2]))
        return found

    def macs(self) -> int:
        per_output = prod(self.weights_shape) // self.output_channels
        return prod(shape(self.output)) * per_output

    def verify_tables(self) -> None:
        table = find_global(self, self.requant)
        assert table is not None
        factors = global_array(table)
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
        if self.rounding.data is Rounding.AWAY:
            raise VerifyException("rounding away is not defined for accumulators")

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
        **more: Attribute,
    ) -> None:
        IRDLOperation.__init__(
            self,
            operands=[input, output],
            properties={
                "weights": SymbolRefAttr(weights),
                "bias": None if bias is None else SymbolRefAttr(bias),
                "requant": SymbolRefAttr(requant),
                "zero_points": _array(zero_points),
                "clamp": _array(clamp),
                "rounding": RoundingAttr(rounding),
                **more,
            },
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


class ConvolutionOp(WeightedOp, WindowOp, ABC):
    """A weighted layer with a window."""

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    assembly_format = (
        f"{_INS}{_WEIGHTS} `window` $window{_ZERO_POINTS}{_CLAMP}{_ROUNDING} attr-dict"
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

    ```mlir
    tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x16xi8>)
      weights @w bias @b requant @rq window <[3, 3]>
      zero_points [-1, -128] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.conv2d"

    @property
    def weights_shape(self) -> tuple[int, ...]:
        kernel = integers(self.window.kernel)
        return (self.output_channels, *kernel, shape(self.input)[-1])


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

    assembly_format = f"{_INS}{_WEIGHTS}{_ZERO_POINTS}{_CLAMP}{_ROUNDING} attr-dict"

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


class PoolOp(WindowOp, ABC):
    """A pool over a window; padding takes no part in it. Scales do not change."""

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    clamp = prop_def(DenseArrayBase[I64])

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)
    assembly_format = f"{_INS} `window` $window{_CLAMP} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        window: WindowAttr,
        clamp: Sequence[int],
    ):
        super().__init__(
            operands=[input, output],
            properties={"window": window, "clamp": _array(clamp)},
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
            for place in range(count):
                first, last = axis.taps(place, size)
                if first == last:
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


class BinaryOp(LayerOp, ABC):
    """An elementwise layer of two inputs of one shape."""

    lhs = operand_def(MemRefType[I8])
    rhs = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    zero_points = prop_def(DenseArrayBase[I64])
    clamp = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess]:
        return POINTWISE

    def verify_layer(self) -> None:
        verify_same_shape(self.lhs, self.output)
        verify_same_shape(self.rhs, self.output)
        verify_zero_points(self.zero_points, self.lhs, self.rhs, self.output)
        verify_clamp(self.clamp, self.output)
        if self.rounding.data is Rounding.AWAY:
            raise VerifyException("rounding away is not defined for sums and products")


@irdl_op_definition
class AddOp(BinaryOp):
    """
    The sum of two tensors of different scales; factors for lhs, rhs and the sum.

    With `rounding double` (TFLite) `a = (lhs - zp) << 20` and `b` likewise are
    requantized one by one, then their sum is. With another contract the two products
    are added exactly and rounded once; both shifts then have to be equal, and the
    third factor has to be `<1073741824, 1>`, which is one.

    ```mlir
    tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>)
      requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>,
               #tinyml.requant<1968490240, -19>]
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.add"

    requant = prop_def(ArrayAttr[RequantAttr])

    assembly_format = (
        f"{_INS_2} `requant` $requant{_ZERO_POINTS}{_CLAMP}{_ROUNDING} attr-dict"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        output: SSAValue,
        requant: Sequence[RequantAttr],
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[lhs, rhs, output],
            properties={
                "requant": ArrayAttr(requant),
                "zero_points": _array(zero_points),
                "clamp": _array(clamp),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        super().verify_layer()
        if len(self.requant) != 3:
            raise VerifyException(
                f"{len(self.requant)} requant factors, expected 3 (lhs, rhs, sum)"
            )
        if self.rounding.data is Rounding.DOUBLE:
            return
        lhs, rhs, total = self.requant
        if lhs.shift != rhs.shift or total != ONE:
            raise VerifyException(
                f"rounding {self.rounding.data} needs equal shifts of lhs and rhs and "
                "the factor one for the sum"
            )


@irdl_op_definition
class MulOp(BinaryOp):
    """
    The product of two tensors, elementwise: `(lhs - zp) * (rhs - zp)`, scaled.

    ```mlir
    tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
      outs(%y : memref<1x4x4x8xi8>) requant <1717986918, -7>
      zero_points [6, -14, -8] clamp [-128, 127] rounding double
    ```
    """

    name = "tinyml.mul"

    requant = prop_def(RequantAttr)

    assembly_format = (
        f"{_INS_2} `requant` $requant{_ZERO_POINTS}{_CLAMP}{_ROUNDING} attr-dict"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        zero_points: Sequence[int],
        clamp: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[lhs, rhs, output],
            properties={
                "requant": requant,
                "zero_points": _array(zero_points),
                "clamp": _array(clamp),
                "rounding": RoundingAttr(rounding),
            },
        )


class MoveOp(LayerOp, ABC):
    """A layer that moves elements and changes none."""

    input = operand_def(MemRefType)
    output = operand_def(MemRefType)

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)


@irdl_op_definition
class PadOp(MoveOp):
    """
    Surrounds a tensor with `value`: `low` elements before, `high` after, per dimension.

    ```mlir
    tinyml.pad ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x10x10x3xi8>)
      low [0, 1, 1, 0] high [0, 1, 1, 0] value -128
    ```
    """

    name = "tinyml.pad"

    low = prop_def(DenseArrayBase[I64])
    high = prop_def(DenseArrayBase[I64])
    value = prop_def(IntegerAttr[I64])

    assembly_format = (
        f"{_INS} `low` custom<Integers>($low) `high` custom<Integers>($high)"
        " `value` $value attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        low: Sequence[int],
        high: Sequence[int],
        value: int,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "low": _array(low),
                "high": _array(high),
                "value": IntegerAttr(value, i64),
            },
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        low, high = integers(self.low), integers(self.high)
        if len(low) != 4:
            return None
        return (
            AxisAccess(pad_before=low[1], pad_after=high[1]),
            AxisAccess(pad_before=low[2], pad_after=high[2]),
        )

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        source, low, high = (
            shape(self.input),
            integers(self.low),
            integers(self.high),
        )
        if not len(source) == len(low) == len(high):
            raise VerifyException(
                f"{len(low)} low and {len(high)} high pads for {len(source)} dimensions"
            )
        if any(count < 0 for count in (*low, *high)):
            raise VerifyException("a pad is negative")
        expected = tuple(a + b + c for a, b, c in zip(source, low, high, strict=True))
        if shape(self.output) != expected:
            raise VerifyException(
                f"padded shape is {expected}, output is {shape(self.output)}"
            )
        element = buffer_type(self.output).element_type
        if not isinstance(element, IntegerType):
            raise VerifyException(f"cannot pad elements of type {element}")
        verify_in_range("value", self.value.value.data, self.output)


@irdl_op_definition
class ReshapeOp(MoveOp):
    """
    The same elements in the same order, in another shape.

    ```mlir
    tinyml.reshape ins(%x : memref<1x1x1x10xi8>) outs(%y : memref<1x10xi8>)
    ```
    """

    name = "tinyml.reshape"

    assembly_format = f"{_INS} attr-dict"

    def __init__(self, input: SSAValue, output: SSAValue):
        super().__init__(operands=[input, output])

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        if prod(shape(self.input)) != prod(shape(self.output)):
            raise VerifyException(
                f"{shape(self.input)} and {shape(self.output)} differ in size"
            )


@irdl_op_definition
class TransposeOp(MoveOp):
    """
    Dimension `i` of the output is dimension `permutation[i]` of the input.

    ```mlir
    tinyml.transpose ins(%x : memref<1x3x3x8xi8>) outs(%y : memref<1x8x3x3xi8>)
      permutation [0, 3, 1, 2]
    ```
    """

    name = "tinyml.transpose"

    permutation = prop_def(DenseArrayBase[I64])

    assembly_format = f"{_INS} `permutation` custom<Integers>($permutation) attr-dict"

    def __init__(self, input: SSAValue, output: SSAValue, permutation: Sequence[int]):
        super().__init__(
            operands=[input, output], properties={"permutation": _array(permutation)}
        )

    def access(self, index: int) -> None:
        return None

    def verify_layer(self) -> None:
        verify_same_elements(self.input, self.output)
        order, source = integers(self.permutation), shape(self.input)
        if sorted(order) != list(range(len(source))):
            raise VerifyException(
                f"{list(order)} does not permute {len(source)} dimensions"
            )
        expected = tuple(source[i] for i in order)
        if shape(self.output) != expected:
            raise VerifyException(
                f"permuted shape is {expected}, output is {shape(self.output)}"
            )


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
        f"{_INS} `axes` custom<Integers>($axes) `requant` $requant"
        f"{_ZERO_POINTS}{_ROUNDING} attr-dict"
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
                "axes": _array(axes),
                "requant": requant,
                "zero_points": _array(zero_points),
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
        if self.rounding.data is Rounding.AWAY:
            raise VerifyException("rounding away is not defined for means")


@irdl_op_definition
class SoftmaxOp(LayerOp):
    """
    Softmax along the last dimension; the output's scale is 1/256, its zero point -128.

    `requant` takes a difference of inputs to Q5.26, the argument of the fixed-point
    exponential of gemmlowp (`rounding double`, TFLite's integer softmax).

    ```mlir
    tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
      requant <1381073408, 24> rounding double
    ```
    """

    name = "tinyml.softmax"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    requant = prop_def(RequantAttr)
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect())
    assembly_format = f"{_INS} `requant` $requant{_ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={"requant": requant, "rounding": RoundingAttr(rounding)},
        )

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        return POINTWISE if len(shape(self.input)) == 4 else None

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_has_dimensions(self.input)
        if self.requant.shift.data < 0:
            raise VerifyException(
                f"requant shift {self.requant.shift.data} is negative, the factor has "
                "to be at least one half"
            )
        if shape(self.input)[-1] >= 1 << 12:
            raise VerifyException(
                f"{shape(self.input)[-1]} classes overflow the sum, at most 4095"
            )
        if self.rounding.data is not Rounding.DOUBLE:
            raise VerifyException("softmax is defined with rounding double only")


class ScaleOp(LayerOp, ABC):
    """An elementwise change between numbers and their quantized form."""

    traits = traits_def(LayerMemoryEffect())
    custom_directives = (Integers,)

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess]:
        return POINTWISE


@irdl_op_definition
class QuantizeOp(ScaleOp):
    """
    `round(x / scale) + zero_point`, saturated, in single precision.

    ```mlir
    tinyml.quantize ins(%x : memref<1x8xf32>) outs(%y : memref<1x8xi8>)
      scale 5.000000e-01 zero_points [-1] rounding away
    ```
    """

    name = "tinyml.quantize"

    input = operand_def(MemRefType[Float32Type])
    output = operand_def(MemRefType[IntegerType])
    scale = prop_def(FloatAttr[Float32Type])
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    assembly_format = f"{_INS} `scale` $scale{_ZERO_POINTS}{_ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        scale: float,
        zero_point: int,
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "scale": FloatAttr(scale, f32),
                "zero_points": _array([zero_point]),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_scale(self.scale)
        verify_byte(self.output)
        verify_zero_points(self.zero_points, self.output)
        if self.rounding.data not in (Rounding.AWAY, Rounding.EVEN):
            raise VerifyException(
                f"rounding {self.rounding.data} is not defined for floats, expected "
                "away or even"
            )


@irdl_op_definition
class DequantizeOp(ScaleOp):
    """
    `scale * (x - zero_point)` in single precision.

    ```mlir
    tinyml.dequantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xf32>)
      scale 5.000000e-01 zero_points [-1]
    ```
    """

    name = "tinyml.dequantize"

    input = operand_def(MemRefType[IntegerType])
    output = operand_def(MemRefType[Float32Type])
    scale = prop_def(FloatAttr[Float32Type])
    zero_points = prop_def(DenseArrayBase[I64])

    assembly_format = f"{_INS} `scale` $scale{_ZERO_POINTS} attr-dict"

    def __init__(
        self, input: SSAValue, output: SSAValue, scale: float, zero_point: int
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "scale": FloatAttr(scale, f32),
                "zero_points": _array([zero_point]),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_scale(self.scale)
        verify_byte(self.input)
        verify_zero_points(self.zero_points, self.input)


@irdl_op_definition
class RequantizeOp(ScaleOp):
    """
    From one scale and zero point to another; also between signed and unsigned bytes.

    ```mlir
    tinyml.requantize ins(%x : memref<1x8xui8>) outs(%y : memref<1x8xi8>)
      requant <1073741824, 1> zero_points [127, -1] rounding double
    ```
    """

    name = "tinyml.requantize"

    input = operand_def(MemRefType[IntegerType])
    output = operand_def(MemRefType[IntegerType])
    requant = prop_def(RequantAttr)
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    assembly_format = f"{_INS} `requant` $requant{_ZERO_POINTS}{_ROUNDING} attr-dict"

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        requant: RequantAttr,
        zero_points: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "requant": requant,
                "zero_points": _array(zero_points),
                "rounding": RoundingAttr(rounding),
            },
        )

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        verify_byte(self.input)
        verify_byte(self.output)
        verify_zero_points(self.zero_points, self.input, self.output)
        if self.rounding.data is Rounding.AWAY:
            raise VerifyException("rounding away is not defined for integers")


def verify_byte(value: SSAValue) -> None:
    element = buffer_type(value).element_type
    if element not in (i8, UI8):
        raise VerifyException(f"elements are {element}, expected i8 or ui8")


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
        MulOp,
        PadOp,
        ReshapeOp,
        TransposeOp,
        MeanOp,
        SoftmaxOp,
        QuantizeOp,
        DequantizeOp,
        RequantizeOp,
    ],
    [RequantAttr, RoundingAttr, TensorAttr, WindowAttr],
)
