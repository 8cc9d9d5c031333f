"""Instructions spelled out in `arith` and `memref`, against the Arm manual."""

from __future__ import annotations

import ctypes
import random
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from acle_forms import COUNT, FORMS, module, numbers, parse
from host_library import load_c
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.c_printer import print_code
from tinyml.interp.run import run_function
from tinyml.passes.convert_acle_to_arith import ConvertAcleToArithPass

ACCESSES = """
func.func @f(%x: memref<11xi8>, %y: memref<11xi8>, %i: index) -> (i32, i32) {
  %v = memref.subview %y[%i][8][1] : memref<11xi8> to memref<8xi8, strided<[1], offset: ?>>
  %c3 = arith.constant 3 : index
  %w = acle.load_word %x[%i] : memref<11xi8>
  %h = acle.load_half %x[%i] aligned : memref<11xi8>
  acle.store_word %w, %v[%c3] : memref<8xi8, strided<[1], offset: ?>>
  func.return %w, %h : i32, i32
}
"""


def spelled_out(found: ModuleOp) -> ModuleOp:
    ConvertAcleToArithPass().apply(Context(), found)
    found.verify()
    assert not [op for op in found.walk() if op.name.startswith("acle.")]
    return found


def test_instructions(tmp_path: Path):
    """Every form of every instruction, on extremes and at random."""
    text = StringIO("#include <stdint.h>\n")
    text.seek(0, 2)
    print_code(text, spelled_out(module(FORMS)))
    library = load_c(text.getvalue(), tmp_path)
    columns = numbers()
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    pointers = [column.ctypes.data_as(ctypes.c_void_p) for column in columns]
    for number, form in enumerate(FORMS):
        found = np.zeros(COUNT, np.int64)
        getattr(library, f"f{number}")(*pointers, found.ctypes.data_as(ctypes.c_void_p))
        assert found.tolist() == [form.expected(row) for row in rows], form.text


@pytest.mark.parametrize("seed", range(20))
def test_memory(seed: int):
    source = random.Random(seed)
    x = np.array([source.randrange(-128, 128) for _ in range(11)], np.int8)
    place = source.choice([0, 2])
    found: list[object] = []
    for is_spelled in (False, True):
        code, y = parse(ACCESSES), np.zeros(11, np.int8)
        if is_spelled:
            spelled_out(code)
        found.append((run_function(code, "f", (x, y, place)), y.tolist()))
    assert found[0] == found[1]
