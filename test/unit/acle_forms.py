"""
Every form of every instruction of the `acle` dialect, with the Arm manual's answer, and
a module that applies all of them to the same numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import arm_reference as arm
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, memref, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tinyml.dialects.acle import Acle
from tinyml.dialects.tinyml import TinyML


class Form(NamedTuple):
    """An instruction with its immediates."""

    text: str
    """Of the op; its operands are %a, %b, and %c or, of 64 bits, %d."""
    reference: Callable[..., int]
    """Of registers as unsigned numbers."""

    @property
    def mnemonic(self) -> str:
        return self.text.split()[0].removeprefix("acle.")

    @property
    def operands(self) -> str:
        return "".join(name for name in "abcd" if f"%{name}" in self.text)

    @property
    def is_long(self) -> bool:
        return "d" in self.operands

    def expected(self, numbers: Sequence[int]) -> int:
        """The signed result for signed values of %a, %b, %c and %d."""
        words = dict(zip("abcd", numbers, strict=True))
        width = 64 if self.is_long else 32
        found = self.reference(
            *(words[x] % (1 << (64 if x == "d" else 32)) for x in self.operands)
        )
        assert 0 <= found < 1 << width
        return found - (found >> (width - 1) << width)


def saturations(name: str, saturate: Callable[[int, int], int]) -> list[Form]:
    widths = range(1, 33) if name == "ssat" else range(32)
    forms = [
        Form(f"acle.{name} %a bits {n}", partial(saturated, saturate, None, 0, n))
        for n in widths
    ]
    for shift in range(1, 32):
        for kind, n in (("lsl", 24), ("asr", 5)):
            text = f"acle.{name} %a {kind} {shift} bits {n}"
            forms.append(Form(text, partial(saturated, saturate, kind, shift, n)))
    return forms


def saturated(
    saturate: Callable[[int, int], int], kind: str | None, shift: int, n: int, a: int
) -> int:
    operand = a if kind is None else getattr(arm, kind)(a, shift)
    return saturate(operand, n)


def all_forms() -> list[Form]:
    forms = [
        Form("acle.smlad %a, %b, %c", arm.smlad),
        Form("acle.smladx %a, %b, %c", partial(arm.smlad, swap=True)),
        Form("acle.smuad %a, %b", arm.smuad),
        Form("acle.smlald %a, %b, %d", arm.smlald),
        Form("acle.smlal %a, %b, %d", arm.smlal),
        Form("acle.smmla %a, %b, %c", partial(arm.smmla, rounds=False)),
        Form("acle.smmlar %a, %b, %c", partial(arm.smmla, rounds=True)),
        Form("acle.smmul %a, %b", partial(arm.smmla, a=0, rounds=False)),
        Form("acle.smmulr %a, %b", partial(arm.smmla, a=0, rounds=True)),
        Form("acle.sadd16 %a, %b", partial(arm.halves16, sign=1)),
        Form("acle.ssub16 %a, %b", partial(arm.halves16, sign=-1)),
        Form("acle.uadd8 %a, %b", arm.uadd8),
        Form("acle.uqsub8 %a, %b", arm.uqsub8),
    ]
    for which in ("bb", "bt", "tb", "tt"):
        forms += [
            Form(f"acle.smul{which} %a, %b", partial(arm.smul, which=which)),
            Form(f"acle.smla{which} %a, %b, %c", partial(arm.smla, which=which)),
        ]
    for rotation in (0, 8, 16, 24):
        ror = f" ror {rotation}" if rotation else ""
        forms += [
            Form(f"acle.sxtb16 %a{ror}", partial(arm.sxtb16, rotation=rotation)),
            Form(f"acle.uxtb16 %a{ror}", partial(arm.uxtb16, rotation=rotation)),
            Form(f"acle.sxtab16 %a, %b{ror}", partial(arm.sxtab16, rotation=rotation)),
        ]
    for shift in range(32):
        lsl = f" lsl {shift}" if shift else ""
        forms += [
            Form(f"acle.pkhbt %a, %b{lsl}", partial(arm.pkhbt, shift=shift)),
            Form(
                f"acle.pkhtb %a, %b asr {shift + 1}",
                partial(arm.pkhtb, shift=shift + 1),
            ),
        ]
    forms += saturations("ssat", arm.ssat) + saturations("usat", arm.usat)
    for n in range(1, 17):
        forms += [
            Form(f"acle.ssat16 %a bits {n}", partial(arm.ssat16, saturate_to=n)),
            Form(
                f"acle.usat16 %a bits {n - 1}", partial(arm.usat16, saturate_to=n - 1)
            ),
        ]
    return forms


FORMS = all_forms()

SAMPLED = {0, 1, 5, 8, 16, 24, 31, 32}
SAMPLE = [
    form
    for form in FORMS
    if {int(item) for item in form.text.split() if item.isdigit()} <= SAMPLED
]
"""Every instruction, with some of its immediates, the extremes among them."""

EDGES = [
    0,
    1,
    -1,
    -(1 << 31),
    (1 << 31) - 1,
    0x8000_8000 - (1 << 32),
    0x7FFF_7FFF,
    0x7FFF_8000,
    0x8000_7FFF - (1 << 32),
    0x8080_8080 - (1 << 32),
    0x7F80_807F,
    0x0080_00FF,
]
"""Extremes of words, halves and bytes, and of their combinations."""

COUNT = 256
"""Sets of numbers, half of them edges."""


def numbers(seed: int = 0) -> list[np.ndarray]:
    """Values of %a, %b, %c and %d: pairs of edges first, then random ones."""
    source = random.Random(seed)

    def anything(bits: int) -> int:
        return source.randrange(-(1 << (bits - 1)), 1 << (bits - 1))

    pairs = [(a, b) for a in EDGES for b in EDGES]
    pairs += [(anything(32), anything(32)) for _ in range(COUNT - len(pairs))]
    long_edges = [-(1 << 63), (1 << 63) - 1, -1, (1 << 32) - 1, 1 << 31]
    rows = [
        (
            *pair,
            source.choice([*EDGES, anything(32)]),
            source.choice([*long_edges, anything(64)]),
        )
        for pair in pairs
    ]
    return [
        np.array(column, dtype)
        for column, dtype in zip(
            zip(*rows, strict=True),
            (np.int32, np.int32, np.int32, np.int64),
            strict=True,
        )
    ]


def parse(text: str) -> ModuleOp:
    context = Context()
    for dialect in (
        Acle,
        TinyML,
        arith.Arith,
        builtin.Builtin,
        func.Func,
        memref.MemRef,
        scf.Scf,
    ):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def function(name: str, form: Form) -> str:
    """A function that applies a form to COUNT sets of numbers."""
    loads = "".join(
        f"    %{x} = memref.load %m{x}[%i] : memref<{COUNT}xi{bits}>\n"
        for x, bits in (("a", 32), ("b", 32), ("c", 32), ("d", 64))
        if x in form.operands
    )
    if form.is_long:
        result = f"    %r = {form.text}\n"
    else:
        result = f"    %w = {form.text}\n    %r = arith.extsi %w : i32 to i64\n"
    i32, i64 = (f"memref<{COUNT}x{type}>" for type in ("i32", "i64"))
    return (
        f"func.func @{name}(%ma: {i32}, %mb: {i32}, %mc: {i32}, %md: {i64}, "
        f"%y: {i64}) {{\n"
        "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
        f"  %n = arith.constant {COUNT} : index\n"
        "  scf.for %i = %c0 to %n step %c1 {\n"
        f"{loads}{result}    memref.store %r, %y[%i] : {i64}\n  }}\n"
        "  func.return\n}\n"
    )


def module(forms: Sequence[Form]) -> ModuleOp:
    """Functions @f0, @f1, ... of the forms."""
    return parse("".join(function(f"f{i}", form) for i, form in enumerate(forms)))
