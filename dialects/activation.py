"""
Elementwise functions of one input that are not a change of scale.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    I8,
    I64,
    ArrayAttr,
    DenseArrayBase,
    MemRefType,
    SymbolRefAttr,
    i8,
)
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, traits_def
from xdsl.utils.exceptions import VerifyException

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import (
    INTEGER_ROUNDINGS,
    RequantAttr,
    Rounding,
    RoundingAttr,
)
from tinyml.dialects.layer import (
    Integers,
    LayerMemoryEffect,
    LayerOp,
    LayerSymbolUses,
    integers,
    shape,
    verify_same_shape,
)
from tinyml.dialects.layer_format import (
    INS,
    POINTWISE,
    ROUNDING,
    ZERO_POINTS,
    integer_array,
)


@irdl_op_definition
class LookupOp(LayerOp):
    """
    Any function of one byte: `y = table[x + 128]`, elementwise. Logistic, tanh and the
    like are tables computed at compile time with the reference's own integers.

    ```mlir
    tinyml.lookup ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xi8>) table @logistic
    ```
    """

    name = "tinyml.lookup"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    table = prop_def(SymbolRefAttr)

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    assembly_format = f"{INS} `table` $table attr-dict"

    def __init__(self, input: SSAValue, output: SSAValue, table: str):
        super().__init__(
            operands=[input, output], properties={"table": SymbolRefAttr(table)}
        )

    def constants(self) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
        return {"table": (self.table, MemRefType(i8, [256]))}

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        return POINTWISE if len(shape(self.input)) == 4 else None

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)


@irdl_op_definition
class PReluOp(LayerOp):
    """
    `x` where it is positive, `alpha[channel] * x` where it is negative. `requant` has
    the factors of the two cases; `zero_points` are those of input, alpha and output.

    ```mlir
    tinyml.prelu ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) alpha @a
      requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1265563392, -7>]
      zero_points [6, -14, -8] rounding double
    ```
    """

    name = "tinyml.prelu"

    input = operand_def(MemRefType[I8])
    output = operand_def(MemRefType[I8])
    alpha = prop_def(SymbolRefAttr)
    requant = prop_def(ArrayAttr[RequantAttr])
    zero_points = prop_def(DenseArrayBase[I64])
    rounding = prop_def(RoundingAttr)

    traits = traits_def(LayerMemoryEffect(), LayerSymbolUses())
    custom_directives = (Integers,)
    assembly_format = (
        f"{INS} `alpha` $alpha `requant` $requant{ZERO_POINTS}{ROUNDING} attr-dict"
    )

    def __init__(
        self,
        input: SSAValue,
        output: SSAValue,
        alpha: str,
        requant: Sequence[RequantAttr],
        zero_points: Sequence[int],
        rounding: Rounding,
    ):
        super().__init__(
            operands=[input, output],
            properties={
                "alpha": SymbolRefAttr(alpha),
                "requant": ArrayAttr(requant),
                "zero_points": integer_array(zero_points),
                "rounding": RoundingAttr(rounding),
            },
        )

    def constants(self) -> dict[str, tuple[SymbolRefAttr, MemRefType]]:
        return {"alpha": (self.alpha, MemRefType(i8, [shape(self.output)[-1]]))}

    def access(self, index: int) -> tuple[AxisAccess, AxisAccess] | None:
        return POINTWISE if len(shape(self.input)) == 4 else None

    def verify_layer(self) -> None:
        verify_same_shape(self.input, self.output)
        if len(self.requant) != 2:
            raise VerifyException(
                f"{len(self.requant)} requant factors, expected 2 (positive, negative)"
            )
        points = integers(self.zero_points)
        if len(points) != 3 or any(not -128 <= point <= 127 for point in points):
            raise VerifyException(
                f"zero points {list(points)} are not 3 bytes (input, alpha, output)"
            )
        self.rounding.verify_is_one_of(INTEGER_ROUNDINGS, "products")
