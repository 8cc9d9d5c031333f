"""Scalar semantics: exact at every width, and errors where C has no answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError

from tinyml.interp.run import run_function

STABLE = settings(deadline=None, derandomize=True, max_examples=60)


def parse(text: str) -> ModuleOp:
    context = Context()
    for dialect in (arith.Arith, builtin.Builtin, func.Func):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def evaluate(text: str, *args: tuple[str, Any], result: str) -> Any:
    """`arith.<text>` of `%0, %1, ...`; each argument is its type and its value."""
    names = ", ".join(f"%a{i} : {type}" for i, (type, _) in enumerate(args))
    body = f"%r = arith.{text}\nfunc.return %r : {result}"
    module = parse(f"func.func @f({names}) -> {result} {{\n{body}\n}}")
    (value,) = run_function(module, "f", [value for _, value in args])
    return value


def binary(op: str, type: str, a: Any, b: Any) -> Any:
    return evaluate(f"{op} %a0, %a1 : {type}", (type, a), (type, b), result=type)


def convert(op: str, source: str, target: str, a: Any) -> Any:
    return evaluate(f"{op} %a0 : {source} to {target}", (source, a), result=target)


def assert_is(found: Any, expected: Any):
    """Equal, and a Python number, not NumPy's."""
    assert type(found) in (int, float)
    assert found == expected
    assert math.copysign(1, found) == math.copysign(1, expected)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("op", ["addi", "subi", "muli"])
@STABLE
@given(data=st.data())
def test_sums_and_products_wrap(bits: int, op: str, data: st.DataObject):
    limit = 1 << (bits - 1)
    numbers = st.one_of(
        st.sampled_from([-limit, -1, 0, 1, limit - 1]), st.integers(-limit, limit - 1)
    )
    a, b = data.draw(numbers), data.draw(numbers)
    exact = {"addi": a + b, "subi": a - b, "muli": a * b}[op]
    # What two's complement leaves of it, by way of bytes.
    low = (exact % (1 << bits)).to_bytes(bits // 8, "little")
    expected = int.from_bytes(low, "little", signed=True)
    type = f"i{bits}"
    text = {"addi": arith.AddiOp, "subi": arith.SubiOp, "muli": arith.MuliOp}[op].name
    assert_is(binary(text.removeprefix("arith."), type, a, b), expected)


@pytest.mark.parametrize(
    "op, type, a, b, expected",
    [
        ("divsi", "i32", 7, 2, 3),
        ("divsi", "i32", -7, 2, -3),
        ("divsi", "i32", 7, -2, -3),
        ("divsi", "index", -1, 2, 0),
        ("remsi", "i32", -7, 2, -1),
        ("remsi", "i32", 7, -2, 1),
        ("shli", "i8", 1, 7, -128),
        ("shli", "i32", 3, 31, -(1 << 31)),
        ("shli", "i64", -1, 62, -(1 << 62)),
        ("shrsi", "i32", -1, 31, -1),
        ("shrsi", "i32", -(1 << 31), 30, -2),
        ("shrsi", "i64", 1 << 40, 31, 512),
        ("andi", "i32", -1, 255, 255),
        ("andi", "i1", 1, 1, 1),
        ("ori", "i1", 1, 0, 1),
        ("ori", "i8", -128, 1, -127),
        ("xori", "i32", -1, 1, -2),
        ("maxsi", "i8", -128, 127, 127),
        ("minsi", "i32", -5, 3, -5),
        ("addi", "index", -3, 5, 2),
    ],
)
def test_integers(op: str, type: str, a: int, b: int, expected: int):
    assert_is(binary(op, type, a, b), expected)


@pytest.mark.parametrize(
    "op, source, target, a, expected",
    [
        ("extsi", "i8", "i32", -128, -128),
        ("extsi", "i1", "i32", 1, -1),
        ("extui", "i8", "i32", -1, 255),
        ("extui", "i8", "i16", -128, 128),
        ("extui", "i1", "i32", 1, 1),
        ("extui", "i32", "i64", -1, (1 << 32) - 1),
        ("trunci", "i32", "i8", 200, -56),
        ("trunci", "i64", "i32", 1 << 31, -(1 << 31)),
        ("trunci", "i32", "i1", 3, 1),
        ("index_cast", "i32", "index", -4, -4),
        ("index_cast", "index", "i32", 9, 9),
        ("index_cast", "index", "i8", 200, -56),
        ("sitofp", "i32", "f32", -3, -3.0),
        # 2^24 + 1 is no f32; ties go to the even neighbour.
        ("sitofp", "i32", "f32", (1 << 24) + 1, float(1 << 24)),
        ("sitofp", "i32", "f32", (1 << 24) + 3, float((1 << 24) + 4)),
        # By way of a double the last bit would be lost before it breaks the tie.
        ("sitofp", "i64", "f32", (1 << 60) + (1 << 36) + 1, 2.0**60 + 2.0**37),
        ("fptosi", "f32", "i32", 2.75, 2),
        ("fptosi", "f32", "i32", -2.75, -2),
        ("fptosi", "f32", "i8", -128.5, -128),
        ("fptosi", "f32", "i32", -(2.0**31), -(1 << 31)),
    ],
)
def test_conversions(op: str, source: str, target: str, a: float, expected: float):
    assert_is(convert(op, source, target, a), expected)


@pytest.mark.parametrize(
    "predicate, expected",
    [
        ("eq", [0, 1, 0]),
        ("ne", [1, 0, 1]),
        ("slt", [1, 0, 0]),
        ("sle", [1, 1, 0]),
        ("sgt", [0, 0, 1]),
        ("sge", [0, 1, 1]),
        ("ult", [0, 0, 1]),
        ("ule", [0, 1, 1]),
        ("ugt", [1, 0, 0]),
        ("uge", [1, 1, 0]),
    ],
)
def test_comparisons(predicate: str, expected: list[int]):
    # -1 is the largest of all without a sign.
    for (a, b), result in zip([(-1, 1), (4, 4), (1, -1)], expected, strict=True):
        text = f"cmpi {predicate}, %a0, %a1 : i32"
        assert evaluate(text, ("i32", a), ("i32", b), result="i1") == result


def test_select():
    for condition, expected in ((1, 5), (0, -6)):
        values = ("i1", condition), ("i32", 5), ("i32", -6)
        assert_is(
            evaluate("select %a0, %a1, %a2 : i32", *values, result="i32"), expected
        )


@pytest.mark.parametrize(
    "text, type, expected",
    [
        ("constant -7 : i32", "i32", -7),
        ("constant 200 : i8", "i8", -56),
        ("constant true", "i1", 1),
        ("constant 12 : index", "index", 12),
        ("constant 1.000000e-01 : f32", "f32", float(np.float32(0.1))),
    ],
)
def test_constants(text: str, type: str, expected: float):
    assert_is(evaluate(text, result=type), expected)


FLOATS = st.floats(width=32)


@pytest.mark.parametrize("op", ["addf", "subf", "mulf", "divf"])
@STABLE
@given(a=FLOATS, b=FLOATS)
def test_floats_are_single(op: str, a: float, b: float):
    x, y = np.float32(a), np.float32(b)
    with np.errstate(all="ignore"):
        expected = {
            "addf": x + y,
            "subf": x - y,
            "mulf": x * y,
            "divf": x / y,
        }[op]
    np.testing.assert_equal(binary(op, "f32", a, b), float(expected))


@pytest.mark.parametrize(
    "op, type, a, b, message",
    [
        ("divsi", "i32", 1, 0, "1 by zero"),
        ("remsi", "i32", 1, 0, "1 by zero"),
        ("divsi", "i32", -(1 << 31), -1, "does not fit i32"),
        ("shli", "i32", 1, 32, "shli of 32 bits by 32"),
        ("shrsi", "i32", 1, -1, "shrsi of 32 bits by -1"),
        ("addi", "index", (1 << 31) - 1, 1, "does not fit index"),
        ("muli", "index", 1 << 20, 1 << 12, "does not fit index"),
    ],
)
def test_undefined(op: str, type: str, a: int, b: int, message: str):
    with pytest.raises(InterpretationError, match=message):
        binary(op, type, a, b)


@pytest.mark.parametrize("a", [float("nan"), float("inf"), 2.0**31, -(2.0**31) - 256])
def test_floats_that_fit_no_integer(a: float):
    with pytest.raises(InterpretationError, match="does not fit i32"):
        convert("fptosi", "f32", "i32", a)


@pytest.mark.parametrize("op", ["addi", "subi", "muli"])
def test_nsw_results_have_to_fit(op: str):
    text = f"{op} %a0, %a1 overflow<nsw> : i32"
    one = ("i32", 1 << 30)
    for other in (1 << 30, -(1 << 30) * (2 if op == "subi" else 1)):
        arguments = one, ("i32", other)
        exact = {
            "addi": (1 << 30) + other,
            "subi": (1 << 30) - other,
            "muli": (1 << 30) * other,
        }[op]
        if -(1 << 31) <= exact < 1 << 31:
            assert_is(evaluate(text, *arguments, result="i32"), exact)
            continue
        with pytest.raises(InterpretationError, match="does not fit i32"):
            evaluate(text, *arguments, result="i32")
