"""
The `acle` dialect: the Arm DSP instructions that kernels use, as ops on i32.

They are named after the instructions, as the intrinsics of the Arm C Language
Extensions (ACLE) are, and compute exactly what these do. `acle_multiply.py` has the
multiplications, `acle_lanes.py` what takes words apart and puts them together,
`acle_memory.py` words in buffers of bytes.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from tinyml.dialects.acle_instruction import InstructionOp
from tinyml.dialects.acle_lanes import (
    PkhbtOp,
    PkhtbOp,
    Sadd16Op,
    Ssat16Op,
    SsatOp,
    Ssub16Op,
    Sxtab16Op,
    Sxtb16Op,
    Uadd8Op,
    Uqsub8Op,
    Usat16Op,
    UsatOp,
    Uxtb16Op,
)
from tinyml.dialects.acle_memory import (
    BytesOp,
    LoadHalfOp,
    LoadOp,
    LoadWordOp,
    StoreWordOp,
)
from tinyml.dialects.acle_multiply import (
    SmlabbOp,
    SmlabtOp,
    SmladOp,
    SmladxOp,
    SmlaldOp,
    SmlalOp,
    SmlatbOp,
    SmlattOp,
    SmmlaOp,
    SmmlarOp,
    SmmulOp,
    SmmulrOp,
    SmuadOp,
    SmulbbOp,
    SmulbtOp,
    SmultbOp,
    SmulttOp,
)

__all__ = [
    "Acle",
    "BytesOp",
    "InstructionOp",
    "LoadHalfOp",
    "LoadOp",
    "LoadWordOp",
    "PkhbtOp",
    "PkhtbOp",
    "Sadd16Op",
    "SmlabbOp",
    "SmlabtOp",
    "SmladOp",
    "SmladxOp",
    "SmlalOp",
    "SmlaldOp",
    "SmlatbOp",
    "SmlattOp",
    "SmmlaOp",
    "SmmlarOp",
    "SmmulOp",
    "SmmulrOp",
    "SmuadOp",
    "SmulbbOp",
    "SmulbtOp",
    "SmultbOp",
    "SmulttOp",
    "Ssat16Op",
    "SsatOp",
    "Ssub16Op",
    "StoreWordOp",
    "Sxtab16Op",
    "Sxtb16Op",
    "Uadd8Op",
    "Uqsub8Op",
    "Usat16Op",
    "UsatOp",
    "Uxtb16Op",
]

INSTRUCTIONS: tuple[type[InstructionOp], ...] = (
    SmladOp,
    SmladxOp,
    SmlabbOp,
    SmlabtOp,
    SmlatbOp,
    SmlattOp,
    SmuadOp,
    SmulbbOp,
    SmulbtOp,
    SmultbOp,
    SmulttOp,
    SmlaldOp,
    SmlalOp,
    SmmulOp,
    SmmulrOp,
    SmmlaOp,
    SmmlarOp,
    Sxtb16Op,
    Uxtb16Op,
    Sxtab16Op,
    Sadd16Op,
    Ssub16Op,
    Uadd8Op,
    Uqsub8Op,
    PkhbtOp,
    PkhtbOp,
    SsatOp,
    UsatOp,
    Ssat16Op,
    Usat16Op,
)

Acle = Dialect("acle", [*INSTRUCTIONS, LoadWordOp, LoadHalfOp, StoreWordOp])
