"""The instructions in the interpreter against the Arm manual's pseudo-code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from acle_forms import EDGES, FORMS, module, numbers, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects.acle import INSTRUCTIONS, InstructionOp
from tinyml.interp.run import make_interpreter, run_function, run_network

STABLE = settings(deadline=None, derandomize=True, max_examples=100)

MODULE = module(FORMS)
OPS = [op for op in MODULE.walk() if isinstance(op, InstructionOp)]
INTERPRETER = make_interpreter(MODULE)


def word(bits: int) -> st.SearchStrategy[int]:
    limit = 1 << (bits - 1)
    edges = [edge for edge in (*EDGES, -limit, limit - 1) if -limit <= edge < limit]
    return st.one_of(st.sampled_from(edges), st.integers(-limit, limit - 1))


def check(number: int, operands: tuple[int, int, int, int]) -> None:
    op, form = OPS[number], FORMS[number]
    values = dict(zip("abcd", operands, strict=True))
    arguments = tuple(values[x] for x in form.operands)
    (found,) = INTERPRETER.run_op(op, arguments)
    assert type(found) is int
    assert found == form.expected(operands), f"{form.text} of {operands}"


def test_every_instruction_has_forms():
    assert len(OPS) == len(FORMS)
    assert {type(op) for op in OPS} == set(INSTRUCTIONS)
    assert [op.mnemonic for op in OPS] == [form.mnemonic for form in FORMS]


def test_edges():
    """Every form on every pair of extremes of words, halves and bytes."""
    rows = list(zip(*(column.tolist() for column in numbers()), strict=True))
    for number, form in enumerate(FORMS):
        # What has one operand sees each number once for each of the second.
        for row in rows if "b" in form.operands else rows[:: len(EDGES)] + rows[-40:]:
            check(number, row)


@pytest.mark.parametrize("mnemonic", sorted({form.mnemonic for form in FORMS}))
@STABLE
@given(data=st.data())
def test_instructions(mnemonic: str, data: st.DataObject):
    numbers = [i for i, form in enumerate(FORMS) if form.mnemonic == mnemonic]
    number = data.draw(st.sampled_from(numbers))
    a, b, c = (data.draw(word(32)) for _ in range(3))
    check(number, (a, b, c, data.draw(word(64))))


@pytest.mark.parametrize(
    "text, operands, expected",
    [
        # Both products are 2^30; only Q tells that the sum has wrapped.
        ("acle.smuad %a, %b", (-0x7FFF8000, -0x7FFF8000, 0, 0), -(1 << 31)),
        ("acle.smlald %a, %b, %d", (-0x7FFF8000, -0x7FFF8000, 0, 1), (1 << 31) + 1),
        # Halves are rounded up, towards plus infinity.
        ("acle.smmulr %a, %b", (1 << 16, 1 << 15, 0, 0), 1),
        ("acle.smmulr %a, %b", (-(1 << 16), 1 << 15, 0, 0), 0),
        ("acle.smmul %a, %b", (-(1 << 16), 1 << 15, 0, 0), -1),
        ("acle.sxtb16 %a", (0x00800180, 0, 0, 0), -0x007F0080),
        ("acle.sxtb16 %a ror 8", (0x7F008000, 0, 0, 0), 0x007FFF80),
        ("acle.sxtab16 %a, %b", (0x0000FFFF, 0x00010001, 0, 0), 0x00010000),
        ("acle.sadd16 %a, %b", (0x7FFFFFFF, 0x00010001, 0, 0), -(1 << 31)),
        ("acle.ssub16 %a, %b", (0x00000000, 0x00010001, 0, 0), -1),
        ("acle.uadd8 %a, %b", (0x7FFF0180, 0x01FF0280, 0, 0), -0x7F01FD00),
        ("acle.uqsub8 %a, %b", (0x7FFF0180, 0x01FE0281, 0, 0), 0x7E010000),
        ("acle.pkhbt %a, %b lsl 16", (0x11112222, 0x33334444, 0, 0), 0x44442222),
        ("acle.pkhtb %a, %b asr 16", (0x11112222, 0x33334444, 0, 0), 0x11113333),
        ("acle.pkhtb %a, %b asr 32", (0x11112222, -1, 0, 0), 0x1111FFFF),
        ("acle.ssat %a lsl 20 bits 24", (1 << 12, 0, 0, 0), 0),
        ("acle.usat %a bits 8", (-5, 0, 0, 0), 0),
        ("acle.usat16 %a bits 8", (-0x7FFEFF00, 0, 0, 0), 0x00000000 + 0xFF),
    ],
)
def test_by_hand(text: str, operands: tuple[int, int, int, int], expected: int):
    form = next(form for form in FORMS if form.text == text)
    check(FORMS.index(form), operands)
    assert form.expected(operands) == expected


# Memory


def run(head: str, body: str, *arguments: Any) -> tuple[Any, ...]:
    module = parse(f"func.func @f{head} {{\n{body}\n}}")
    return run_function(module, "f", arguments)


def load(name: str, array: np.ndarray, byte: int, aligned: str = "") -> int:
    type = f"memref<{array.size}xi8>"
    body = f"%r = acle.{name} %x[%i]{aligned} : {type}\nfunc.return %r : i32"
    (found,) = run(f"(%x: {type}, %i: index) -> i32", body, array, byte)
    return found


def test_loads():
    x = np.array([1, 2, 3, -128, -1, 127, 0, -2], np.int8)
    for byte in range(5):
        expected = int.from_bytes(x[byte : byte + 4].tobytes(), "little", signed=True)
        assert load("load_word", x, byte) == expected
    assert load("load_word", x, 0) == -0x7FFCFDFF
    assert [load("load_half", x, i) for i in (0, 2, 3, 6)] == [513, -32765, -128, -512]
    assert load("load_word", x, 4, " aligned") == load("load_word", x, 4)


@pytest.mark.parametrize("name, size", [("load_word", 4), ("load_half", 2)])
def test_loads_stay_inside(name: str, size: int):
    x = np.zeros(8, np.int8)
    for byte in (-1, 9 - size):
        with pytest.raises(InterpretationError, match="indices"):
            load(name, x, byte)
    with pytest.raises(InterpretationError, match="byte 1 is not aligned"):
        load(name, x, 1, " aligned")


def test_store_through_a_view():
    x = np.zeros(16, np.int8)
    body = """
      %v = memref.subview %x[%i][8][1] : memref<16xi8> to memref<8xi8, strided<[1], offset: ?>>
      %c3 = arith.constant 3 : index
      acle.store_word %w, %v[%c3] : memref<8xi8, strided<[1], offset: ?>>
      %r = acle.load_word %x[%c3] : memref<16xi8>
      func.return %r : i32
    """
    head = "(%x: memref<16xi8>, %i: index, %w: i32) -> i32"
    (found,) = run(head, body, x, 2, -2)
    assert x.tolist() == [0] * 5 + [-2, -1, -1, -1] + [0] * 7
    assert found == -0x20000  # bytes 3 to 6: 0, 0, -2, -1


def network(at: int) -> ModuleOp:
    """Copies 8 bytes from the arena's start to `at`, word by word."""
    return parse(f"""
    func.func private @words(%input: memref<8xi8>, %output: memref<8xi8>) {{
      %c0 = arith.constant 0 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      scf.for %i = %c0 to %c8 step %c4 {{
        %v = acle.load_word %input[%i] : memref<8xi8>
        acle.store_word %v, %output[%i] : memref<8xi8>
      }}
      func.return
    }}
    func.func @net(%arena: memref<24xi8>) attributes {{
      tinyml.arena_bytes = 24 : i64,
      tinyml.inputs = [{{tensor = #tinyml.tensor<"x">, type = memref<8xi8>, at = 4 : i64}}],
      tinyml.outputs = [{{tensor = #tinyml.tensor<"y">, type = memref<8xi8>, at = {at} : i64}}]
    }} {{
      %c4 = arith.constant 4 : index
      %at = arith.constant {at} : index
      %x = memref.view %arena[%c4][] : memref<24xi8> to memref<8xi8>
      %y = memref.view %arena[%at][] : memref<24xi8> to memref<8xi8>
      func.call @words(%x, %y) {{tinyml.op = "copy", tinyml.index = 0 : i64}} : (memref<8xi8>, memref<8xi8>) -> ()
      func.return
    }}
    """)


def test_owners():
    x = np.arange(8, dtype=np.int8)
    for at in (0, 3, 4, 12, 15):
        (found,) = run_network(network(at), [x], check_owners=True)
        assert found.tolist() == x.tolist()
    for at in (5, 8, 11):
        with pytest.raises(InterpretationError, match="read where %y was written"):
            run_network(network(at), [x], check_owners=True)
