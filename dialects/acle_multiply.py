"""
Multiplications of the `acle` dialect: of halves of words, and of words.
"""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import i32, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def

from tinyml.dialects.acle_instruction import InstructionOp


class MultiplyOp(InstructionOp, ABC):
    """Multiplies halves of two words, or the words."""

    HALVES: ClassVar[tuple[str, ...]] = ()
    """
    Which halves are multiplied, `b`ottom or `t`op, first that of `a`; the products are
    added. Of whole words none is.
    """
    ROUNDS: ClassVar[bool] = False
    """Whether 2^31 is added before lower bits go, so that halves are rounded up."""


class ProductOp(MultiplyOp, ABC):
    """A product of words, or a sum of products of halves modulo 2^32."""

    a = operand_def(i32)
    b = operand_def(i32)
    result = result_def(i32)

    assembly_format = "$a `,` $b attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue):
        super().__init__(operands=[a, b], result_types=[i32])


class ProductSumOp(MultiplyOp, ABC):
    """Products that are added to an accumulator modulo 2^32."""

    a = operand_def(i32)
    b = operand_def(i32)
    accumulator = operand_def(i32)
    result = result_def(i32)

    assembly_format = "$a `,` $b `,` $accumulator attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue, accumulator: SSAValue):
        super().__init__(operands=[a, b, accumulator], result_types=[i32])


class LongProductSumOp(MultiplyOp, ABC):
    """Products that are added to an accumulator of 64 bits, modulo 2^64."""

    a = operand_def(i32)
    b = operand_def(i32)
    accumulator = operand_def(i64)
    result = result_def(i64)

    assembly_format = "$a `,` $b `,` $accumulator attr-dict"

    def __init__(self, a: SSAValue, b: SSAValue, accumulator: SSAValue):
        super().__init__(operands=[a, b, accumulator], result_types=[i64])


@irdl_op_definition
class SmladOp(ProductSumOp):
    """
    `accumulator + a.bottom * b.bottom + a.top * b.top`.

    ```mlir
    %r = acle.smlad %a, %b, %accumulator
    ```
    """

    name = "acle.smlad"
    HALVES: ClassVar = ("bb", "tt")


@irdl_op_definition
class SmladxOp(ProductSumOp):
    """
    `accumulator + a.bottom * b.top + a.top * b.bottom`.

    ```mlir
    %r = acle.smladx %a, %b, %accumulator
    ```
    """

    name = "acle.smladx"
    HALVES: ClassVar = ("bt", "tb")


@irdl_op_definition
class SmlabbOp(ProductSumOp):
    """
    `accumulator + a.bottom * b.bottom`.

    ```mlir
    %r = acle.smlabb %a, %b, %accumulator
    ```
    """

    name = "acle.smlabb"
    HALVES: ClassVar = ("bb",)


@irdl_op_definition
class SmlabtOp(ProductSumOp):
    """
    `accumulator + a.bottom * b.top`.

    ```mlir
    %r = acle.smlabt %a, %b, %accumulator
    ```
    """

    name = "acle.smlabt"
    HALVES: ClassVar = ("bt",)


@irdl_op_definition
class SmlatbOp(ProductSumOp):
    """
    `accumulator + a.top * b.bottom`.

    ```mlir
    %r = acle.smlatb %a, %b, %accumulator
    ```
    """

    name = "acle.smlatb"
    HALVES: ClassVar = ("tb",)


@irdl_op_definition
class SmlattOp(ProductSumOp):
    """
    `accumulator + a.top * b.top`.

    ```mlir
    %r = acle.smlatt %a, %b, %accumulator
    ```
    """

    name = "acle.smlatt"
    HALVES: ClassVar = ("tt",)


@irdl_op_definition
class SmuadOp(ProductOp):
    """
    `a.bottom * b.bottom + a.top * b.top`, modulo 2^32.

    ```mlir
    %r = acle.smuad %a, %b
    ```
    """

    name = "acle.smuad"
    HALVES: ClassVar = ("bb", "tt")


@irdl_op_definition
class SmulbbOp(ProductOp):
    """
    `a.bottom * b.bottom`.

    ```mlir
    %r = acle.smulbb %a, %b
    ```
    """

    name = "acle.smulbb"
    HALVES: ClassVar = ("bb",)


@irdl_op_definition
class SmulbtOp(ProductOp):
    """
    `a.bottom * b.top`.

    ```mlir
    %r = acle.smulbt %a, %b
    ```
    """

    name = "acle.smulbt"
    HALVES: ClassVar = ("bt",)


@irdl_op_definition
class SmultbOp(ProductOp):
    """
    `a.top * b.bottom`.

    ```mlir
    %r = acle.smultb %a, %b
    ```
    """

    name = "acle.smultb"
    HALVES: ClassVar = ("tb",)


@irdl_op_definition
class SmulttOp(ProductOp):
    """
    `a.top * b.top`.

    ```mlir
    %r = acle.smultt %a, %b
    ```
    """

    name = "acle.smultt"
    HALVES: ClassVar = ("tt",)


@irdl_op_definition
class SmlaldOp(LongProductSumOp):
    """
    `accumulator + a.bottom * b.bottom + a.top * b.top`, in 64 bits.

    ```mlir
    %r = acle.smlald %a, %b, %accumulator
    ```
    """

    name = "acle.smlald"
    HALVES: ClassVar = ("bb", "tt")


@irdl_op_definition
class SmlalOp(LongProductSumOp):
    """
    `accumulator + a * b`, in 64 bits.

    ```mlir
    %r = acle.smlal %a, %b, %accumulator
    ```
    """

    name = "acle.smlal"


@irdl_op_definition
class SmmulOp(ProductOp):
    """
    `(a * b) >> 32`.

    ```mlir
    %r = acle.smmul %a, %b
    ```
    """

    name = "acle.smmul"


@irdl_op_definition
class SmmulrOp(ProductOp):
    """
    `(a * b + 2^31) >> 32`.

    ```mlir
    %r = acle.smmulr %a, %b
    ```
    """

    name = "acle.smmulr"
    ROUNDS: ClassVar = True


@irdl_op_definition
class SmmlaOp(ProductSumOp):
    """
    `accumulator + ((a * b) >> 32)`.

    ```mlir
    %r = acle.smmla %a, %b, %accumulator
    ```
    """

    name = "acle.smmla"


@irdl_op_definition
class SmmlarOp(ProductSumOp):
    """
    `accumulator + ((a * b + 2^31) >> 32)`.

    ```mlir
    %r = acle.smmlar %a, %b, %accumulator
    ```
    """

    name = "acle.smmlar"
    ROUNDS: ClassVar = True
