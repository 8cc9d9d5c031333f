"""Buffers are arrays, views share their bytes, and nobody leaves a buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import arith, builtin, func, memref, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects.constants import constant_global
from tinyml.interp.memref import GARBAGE
from tinyml.interp.run import run_function


def parse(text: str) -> ModuleOp:
    context = Context()
    for dialect in (
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


def run(head: str, body: str, *arguments: Any) -> tuple[Any, ...]:
    return run_function(parse(f"func.func @f{head} {{\n{body}\n}}"), "f", arguments)


def bytes_from(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int8)


def test_load_and_store():
    x = np.array([[1, 2, 3], [-4, -128, 127]], np.int8)
    head = "(%x: memref<2x3xi8>, %i: index, %j: index) -> i8"
    body = """
      %v = memref.load %x[%i, %j] : memref<2x3xi8>
      memref.store %v, %x[%j, %i] : memref<2x3xi8>
      func.return %v : i8
    """
    (value,) = run(head, body, x, 1, 0)
    assert type(value) is int
    assert value == -4
    assert x.tolist() == [[1, -4, 3], [-4, -128, 127]]


def test_scalar_buffers():
    x = np.array(0.5, np.float32)
    body = """
      %v = memref.load %x[] : memref<f32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %x[] : memref<f32>
      func.return %w : f32
    """
    assert run("(%x: memref<f32>) -> f32", body, x) == (1.0,)
    assert x == np.float32(1.0)


@pytest.mark.parametrize("i, j", [(2, 0), (0, 3), (-1, 0), (0, -1)])
@pytest.mark.parametrize(
    "access",
    [
        "%v = memref.load %x[%i, %j] : memref<2x3xi8>",
        "%c = arith.constant 0 : i8\nmemref.store %c, %x[%i, %j] : memref<2x3xi8>",
    ],
)
def test_indices_stay_inside(access: str, i: int, j: int):
    head = "(%x: memref<2x3xi8>, %i: index, %j: index)"
    with pytest.raises(InterpretationError, match=r"indices .* of a buffer \(2, 3\)"):
        run(head, f"{access}\nfunc.return", np.zeros((2, 3), np.int8), i, j)


def test_alloc_holds_garbage():
    body = """
      %b = memref.alloc() : memref<2xi32>
      %c = arith.constant 1 : index
      %v = memref.load %b[%c] : memref<2xi32>
      memref.dealloc %b : memref<2xi32>
      func.return %v : i32
    """
    expected = int.from_bytes(bytes([GARBAGE] * 4), "little", signed=True)
    assert run("() -> i32", body) == (expected,)


def test_alloc_of_dynamic_size():
    body = """
      %b = memref.alloc(%n) : memref<2x?xi8>
      func.return %b : memref<2x?xi8>
    """
    (buffer,) = run("(%n: index) -> memref<2x?xi8>", body, 5)
    assert buffer.shape == (2, 5)


def test_views_of_an_arena_share_bytes():
    arena = np.zeros(16, np.int8)
    body = """
      %c4 = arith.constant 4 : index
      %c6 = arith.constant 6 : index
      %c0 = arith.constant 0 : index
      %words = memref.view %arena[%c4][] : memref<16xi8> to memref<2xi32>
      %bytes = memref.view %arena[%c6][] : memref<16xi8> to memref<1x2xi8>
      %w = arith.constant 305419896 : i32
      memref.store %w, %words[%c0] : memref<2xi32>
      %b = memref.load %bytes[%c0, %c0] : memref<1x2xi8>
      func.return %b : i8
    """
    assert run("(%arena: memref<16xi8>) -> i8", body, arena) == (0x34,)
    assert arena.tolist() == [0] * 4 + [0x78, 0x56, 0x34, 0x12] + [0] * 8


@pytest.mark.parametrize(
    "shift, message",
    [
        (2, "at byte 2 is misaligned"),
        (12, "bytes 12 to 20 of 16"),
        (-4, "bytes -4 to 4 of 16"),
    ],
)
def test_views_stay_inside_and_aligned(shift: int, message: str):
    body = """
      %v = memref.view %arena[%s][] : memref<16xi8> to memref<2xi32>
      func.return
    """
    arena = np.zeros(2, np.int64).view(np.int8)
    with pytest.raises(InterpretationError, match=message):
        run("(%arena: memref<16xi8>, %s: index)", body, arena, shift)


def test_subview_of_rows():
    x = bytes_from(12).reshape(4, 3)
    row = "memref<3xi8, strided<[1], offset: ?>>"
    body = f"""
      %r = memref.subview %x[%y, 0][1, 3][1, 1] : memref<4x3xi8> to {row}
      %c = arith.constant -1 : i8
      %i = arith.constant 2 : index
      memref.store %c, %r[%i] : {row}
      func.return %r : {row}
    """
    (view,) = run(f"(%x: memref<4x3xi8>, %y: index) -> {row}", body, x, 2)
    assert view.tolist() == [6, 7, -1]
    assert np.shares_memory(view, x)


def test_subview_with_strides_of_a_subview():
    x = bytes_from(48).reshape(6, 8)
    first = "memref<3x4xi8, strided<[16, 2], offset: 1>>"
    second = "memref<2x2xi8, strided<[16, 4], offset: 19>>"
    body = f"""
      %a = memref.subview %x[0, 1][3, 4][2, 2] : memref<6x8xi8> to {first}
      %b = memref.subview %a[1, 1][2, 2][1, 2] : {first} to {second}
      func.return %b : {second}
    """
    (view,) = run(f"(%x: memref<6x8xi8>) -> {second}", body, x)
    # Rows 2 and 4, columns 3 and 7.
    assert view.tolist() == [[19, 23], [35, 39]]
    assert [stride for stride in view.strides] == [16, 4]


@pytest.mark.parametrize(
    "sizes, result, shape",
    [
        ("[1, 1, 3]", "memref<3xi8, strided<[1], offset: ?>>", (3,)),
        ("[1, 1, 3]", "memref<1x3xi8, strided<[3, 1], offset: ?>>", (1, 3)),
        ("[1, 2, 1]", "memref<2xi8, strided<[3], offset: ?>>", (2,)),
        ("[1, 1, 1]", "memref<1xi8, strided<[1], offset: ?>>", (1,)),
        ("[1, 1, 1]", "memref<i8, strided<[], offset: ?>>", ()),
    ],
)
def test_subviews_drop_dimensions(sizes: str, result: str, shape: tuple[int, ...]):
    body = f"""
      %v = memref.subview %x[%i, 0, 0]{sizes}[1, 1, 1] : memref<2x2x3xi8> to {result}
      func.return %v : {result}
    """
    x = bytes_from(12).reshape(2, 2, 3)
    (view,) = run(f"(%x: memref<2x2x3xi8>, %i: index) -> {result}", body, x, 1)
    assert view.shape == shape
    assert view.reshape(-1)[0] == 6


@pytest.mark.parametrize("y", [-1, 3])
def test_subviews_stay_inside(y: int):
    rows = "memref<2x3xi8, strided<[3, 1], offset: ?>>"
    body = f"""
      %r = memref.subview %x[%y, 0][2, 3][1, 1] : memref<4x3xi8> to {rows}
      func.return
    """
    with pytest.raises(InterpretationError, match="of a buffer"):
        run("(%x: memref<4x3xi8>, %y: index)", body, np.zeros((4, 3), np.int8), y)


def test_reinterpret_cast():
    x = bytes_from(12).reshape(2, 6)
    target = "memref<3x2xi8, strided<[4, 1], offset: 1>>"
    body = f"""
      %r = memref.reinterpret_cast %x to offset: [1], sizes: [3, 2], strides: [4, 1]
        : memref<2x6xi8> to {target}
      func.return %r : {target}
    """
    (view,) = run(f"(%x: memref<2x6xi8>) -> {target}", body, x)
    assert view.tolist() == [[1, 2], [5, 6], [9, 10]]
    assert np.shares_memory(view, x)


@pytest.mark.parametrize(
    "offset, size, stride, message",
    [
        (0, 7, 1, "bytes 0 to 7 of 6"),
        (1, 3, 3, "bytes 1 to 8 of 6"),
        (-1, 3, 1, "bytes -1 to 2 of 6"),
    ],
)
def test_reinterpret_casts_stay_inside(
    offset: int, size: int, stride: int, message: str
):
    target = f"memref<{size}xi8, strided<[{stride}], offset: ?>>"
    body = f"""
      %r = memref.reinterpret_cast %x to offset: [%o], sizes: [{size}],
        strides: [{stride}] : memref<6xi8> to {target}
      func.return
    """
    with pytest.raises(InterpretationError, match=message):
        run("(%x: memref<6xi8>, %o: index)", body, np.zeros(6, np.int8), offset)


def test_copy():
    x, y = bytes_from(6).reshape(2, 3), np.zeros((2, 3), np.int8)
    body = """
      "memref.copy"(%x, %y) : (memref<2x3xi8>, memref<2x3xi8>) -> ()
      func.return
    """
    run("(%x: memref<2x3xi8>, %y: memref<2x3xi8>)", body, x, y)
    assert (y == x).all()
    assert not np.shares_memory(x, y)


def test_constants_are_read_only():
    module = parse("""
      func.func @get() -> memref<2x2xi32> {
        %t = memref.get_global @table : memref<2x2xi32>
        func.return %t : memref<2x2xi32>
      }
      func.func @set() {
        %t = memref.get_global @table : memref<2x2xi32>
        %c = arith.constant 0 : index
        %v = arith.constant 1 : i32
        memref.store %v, %t[%c, %c] : memref<2x2xi32>
        func.return
      }
    """)
    table = np.array([[1, -2], [3, -(1 << 31)]], np.int32)
    module.body.block.add_op(constant_global("table", table))
    (found,) = run_function(module, "get", [])
    assert found.tolist() == table.tolist()
    with pytest.raises(ValueError, match="read-only"):
        run_function(module, "set", [])


def test_loops_carry_views():
    # Two row pointers that change places at each turn.
    row = "memref<2xi8, strided<[1], offset: ?>>"
    body = f"""
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %a = memref.subview %x[%c0, 0][1, 2][1, 1] : memref<2x2xi8> to {row}
      %b = memref.subview %x[%c1, 0][1, 2][1, 1] : memref<2x2xi8> to {row}
      %p, %q = scf.for %i = %c0 to %c3 step %c1 iter_args(%u = %a, %v = %b)
          -> ({row}, {row}) {{
        scf.yield %v, %u : {row}, {row}
      }}
      %first = memref.load %p[%c0] : {row}
      func.return %first : i8
    """
    assert run("(%x: memref<2x2xi8>) -> i8", body, bytes_from(4).reshape(2, 2)) == (2,)


def test_hooks_are_declarations():
    text = """
      func.func private @seen(i32) -> ()
      func.func @f() {
        %c = arith.constant 1 : i32
        func.call @seen(%c) : (i32) -> ()
        func.return
      }
    """
    with pytest.raises(InterpretationError, match="external function"):
        run_function(parse(text), "f", [])
    hook = text.replace("-> ()\n", "-> () attributes {tinyml.hook}\n", 1)
    assert run_function(parse(hook), "f", []) == ()
