"""
Attributes of the `tinyml` dialect: windows, requantization, rounding contracts.

Each is the whole of one decision or one fact about a layer, prints on one line, and
offers its content as Python numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from xdsl.dialects.builtin import (
    I64,
    AnyFloat,
    DenseArrayBase,
    FloatAttr,
    IntAttr,
    NoneAttr,
    StringAttr,
    f32,
    i64,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import ParametrizedAttribute, SpacedOpaqueSyntaxAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from tinyml.dialects.access import AxisAccess


class Rounding(StrEnum):
    """
    How a scaled accumulator becomes an integer.

    Frameworks differ here and nowhere else, so every op that scales names its contract.
    """

    DOUBLE = "double"
    """
    gemmlowp, the reference kernels of TFLite Micro: a saturating rounding doubling high
    multiply, then a rounding divide by a power of two (ties away from zero).
    """
    SINGLE = "single"
    """One rounding of the 64-bit product, ties upwards (TFLite's single rounding)."""
    EVEN = "even"
    """One rounding of the exact value, ties to even (ONNX QuantizeLinear)."""
    AWAY = "away"
    """One rounding of the exact value, ties away from zero (TFLite QUANTIZE)."""
    F32 = "f32"
    """
    Single precision: the accumulator becomes a float, its product with a float factor
    another one, and that is rounded once, ties to even (onnxruntime's QLinear kernels).
    """


INTEGER_ROUNDINGS = (Rounding.DOUBLE, Rounding.SINGLE, Rounding.EVEN)
"""The contracts of layers that scale integers by integer factors."""

SUM_ROUNDINGS = (*INTEGER_ROUNDINGS, Rounding.F32)
"""The contracts of layers that scale sums: weighted layers, means, additions."""


@irdl_attr_definition
class RoundingAttr(EnumAttribute[Rounding], SpacedOpaqueSyntaxAttribute):
    """The rounding contract of a layer, `#tinyml<rounding double>`."""

    name = "tinyml.rounding"

    def verify_is_one_of(self, contracts: Sequence[Rounding], what: str) -> None:
        if self.data not in contracts:
            raise VerifyException(f"rounding {self.data} is not defined for {what}")


@irdl_attr_definition
class RequantAttr(ParametrizedAttribute):
    """
    A real factor as `multiplier * 2^(shift - 31)`, `#tinyml.requant<1717986918, -8>`.

    `multiplier` is in (-2^31, 2^31), `shift` in [-31, 30], left if positive
    (`QuantizeMultiplier` of TFLite; a mean divides the multiplier by its count).
    """

    name = "tinyml.requant"

    multiplier: IntAttr
    shift: IntAttr

    def __init__(self, multiplier: int | IntAttr, shift: int | IntAttr):
        super().__init__(
            IntAttr(multiplier) if isinstance(multiplier, int) else multiplier,
            IntAttr(shift) if isinstance(shift, int) else shift,
        )

    def verify(self) -> None:
        multiplier, shift = self.multiplier.data, self.shift.data
        if not abs(multiplier) < 1 << 31:
            raise VerifyException(
                f"requant multiplier {multiplier} is not in (-2^31, 2^31)"
            )
        if not -31 <= shift <= 30:
            raise VerifyException(f"requant shift {shift} is not in [-31, 30]")

    def verify_is_float(self) -> None:
        """Whether the factor has 24 bits, as `rounding f32` wants it."""
        if self.multiplier.data % 128:
            raise VerifyException(
                f"requant multiplier {self.multiplier.data} has more than the 24 bits "
                "of a float"
            )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"{self.multiplier.data}, {self.shift.data}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[IntAttr]:
        with parser.in_angle_brackets():
            multiplier = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            shift = parser.parse_integer(allow_boolean=False)
        return (IntAttr(multiplier), IntAttr(shift))


@irdl_attr_definition
class WindowAttr(ParametrizedAttribute):
    """
    The spatial window of a convolution or a pool, height before width.

    `pad` is [top, bottom, left, right], in rows and columns beyond the input's border.
    Strides and dilations of 1 and pads of 0 are not printed:
    `#tinyml.window<[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]>`.
    """

    name = "tinyml.window"

    kernel: DenseArrayBase[I64]
    strides: DenseArrayBase[I64]
    dilations: DenseArrayBase[I64]
    pad: DenseArrayBase[I64]

    @staticmethod
    def get(
        kernel: Sequence[int],
        strides: Sequence[int] = (1, 1),
        dilations: Sequence[int] = (1, 1),
        pad: Sequence[int] = (0, 0, 0, 0),
    ) -> WindowAttr:
        return WindowAttr(
            DenseArrayBase.from_list(i64, kernel),
            DenseArrayBase.from_list(i64, strides),
            DenseArrayBase.from_list(i64, dilations),
            DenseArrayBase.from_list(i64, pad),
        )

    @property
    def axes(self) -> tuple[AxisAccess, AxisAccess]:
        """The access along the height and along the width."""
        (kh, kw), (sh, sw) = self.kernel.get_values(), self.strides.get_values()
        dh, dw = self.dilations.get_values()
        top, bottom, left, right = self.pad.get_values()
        return (
            AxisAccess(kh, sh, dh, top, bottom),
            AxisAccess(kw, sw, dw, left, right),
        )

    def verify(self) -> None:
        for name, values, count, least in (
            ("kernel", self.kernel, 2, 1),
            ("strides", self.strides, 2, 1),
            ("dilations", self.dilations, 2, 1),
            ("pad", self.pad, 4, 0),
        ):
            numbers = values.get_values()
            if len(numbers) != count or any(n < least for n in numbers):
                raise VerifyException(
                    f"window {name} {list(numbers)} is not {count} integers >= {least}"
                )
        for axis, label in zip(self.axes, ("height", "width"), strict=True):
            if max(axis.pad_before, axis.pad_after) >= axis.extent:
                raise VerifyException(
                    f"window pad [{axis.pad_before}, {axis.pad_after}] along the "
                    f"{label} is not smaller than the window's extent {axis.extent}"
                )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(str(list(self.kernel.get_values())))
            for name, values, default in (
                ("strides", self.strides, 1),
                ("dilations", self.dilations, 1),
                ("pad", self.pad, 0),
            ):
                numbers = list(values.get_values())
                if any(n != default for n in numbers):
                    printer.print_string(f", {name} = {numbers}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[DenseArrayBase[I64]]:
        defaults = {
            "strides": [1, 1],
            "dilations": [1, 1],
            "pad": [0, 0, 0, 0],
        }
        given: dict[str, list[int]] = {}

        def integers() -> list[int]:
            return parser.parse_comma_separated_list(
                parser.Delimiter.SQUARE, parser.parse_integer
            )

        with parser.in_angle_brackets():
            kernel = integers()
            while parser.parse_optional_punctuation(","):
                name = parser.parse_identifier(", one of strides, dilations, pad")
                if name not in defaults:
                    parser.raise_error("expected strides, dilations or pad")
                if name in given:
                    parser.raise_error(f"{name} is given twice")
                parser.parse_punctuation("=")
                given[name] = integers()
        rest = (defaults | given).values()
        return tuple(DenseArrayBase.from_list(i64, v) for v in (kernel, *rest))


def verify_scale(scale: FloatAttr[AnyFloat]) -> None:
    number = scale.value.data
    if not (isfinite(number) and number > 0):
        raise VerifyException(f"scale {number} is not a positive number")


@irdl_attr_definition
class TensorAttr(ParametrizedAttribute):
    """
    What a user knows of a model's input or output: its name and its quantization.

    `real = scale * (q - zero_point)`; a tensor that is not quantized has no scale:
    `#tinyml.tensor<"image", 3.921570e-03 : -128>`, `#tinyml.tensor<"logits">`.
    """

    name = "tinyml.tensor"

    label: StringAttr
    scale: FloatAttr | NoneAttr
    zero_point: IntAttr

    @staticmethod
    def get(label: str, scale: float | None = None, zero_point: int = 0) -> TensorAttr:
        scale_attr = NoneAttr() if scale is None else FloatAttr(scale, f32)
        return TensorAttr(StringAttr(label), scale_attr, IntAttr(zero_point))

    def verify(self) -> None:
        if isinstance(self.scale, FloatAttr):
            verify_scale(self.scale)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.label.data)
            if isinstance(self.scale, FloatAttr):
                printer.print_string(", ")
                printer.print_float(self.scale.value.data, f32)
                printer.print_string(f" : {self.zero_point.data}")

    @classmethod
    def parse_parameters(
        cls, parser: AttrParser
    ) -> Sequence[StringAttr | FloatAttr | NoneAttr | IntAttr]:
        scale, zero_point = NoneAttr(), 0
        with parser.in_angle_brackets():
            label = parser.parse_str_literal()
            if parser.parse_optional_punctuation(","):
                scale = FloatAttr(float(parser.parse_number()), f32)
                parser.parse_punctuation(":")
                zero_point = parser.parse_integer(allow_boolean=False)
        return (StringAttr(label), scale, IntAttr(zero_point))
