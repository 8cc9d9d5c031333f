"""
Pieces of assembly format that layers share, and the small values around them.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, DenseArrayBase, i64

from tinyml.dialects.access import AxisAccess
from tinyml.dialects.attributes import RequantAttr

INS = "`ins` `(` $input `:` type($input) `)` `outs` `(` $output `:` type($output) `)`"
INS_2 = (
    "`ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`"
    " `outs` `(` $output `:` type($output) `)`"
)
ZERO_POINTS = " `zero_points` custom<Integers>($zero_points)"
CLAMP = " `clamp` custom<Integers>($clamp)"
ROUNDING = " `rounding` $rounding"
WEIGHTS = " `weights` $weights (`bias` $bias^)? `requant` $requant"

POINTWISE = (AxisAccess(), AxisAccess())
"""The access of a layer whose output element needs the input element at its place."""

ONE = RequantAttr(1 << 30, 1)
"""The factor one."""


def integer_array(numbers: Sequence[int]) -> DenseArrayBase[I64]:
    return DenseArrayBase.from_list(i64, numbers)
