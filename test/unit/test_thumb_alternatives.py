"""A function in C that is instructions on a core which has them: both compute the same."""

from __future__ import annotations

import ctypes
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from host_library import load_c
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.universe import Universe

from tinyml.backend.c_printer import print_code
from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.runner import RunOptions, load_report, load_sets, run_directory
from tinyml.backend.simulator import run_program
from tinyml.backend.target_machine import get_target
from tinyml.backend.toolchain import find_toolchain
from tinyml.interp.run import run_function
from tinyml.passes.thumb_allocate import ThumbAllocatePass

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
ROWS, WORDS = 5, 4
INPUT_BYTES = 4 * WORDS * ROWS

MODULE = """
!row = memref<16xi8, strided<[1], offset: ?>>
!sum = memref<1xi32, strided<[1], offset: ?>>

// The sum of the products of bytes 0 and 2 of each word with those of the other row.
func.func private @row_hot(%x: !row {llvm.readonly}, %z: !row {llvm.readonly}, %y: !sum,
    %start: i32, %factor: i32) attributes {tinyml.thumb = @row_thumb, no_inline} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %sum = scf.for %i = %c0 to %c16 step %c4 iter_args(%acc = %start) -> (i32) {
    %a = acle.load_word %x[%i] : !row
    %b = acle.load_word %z[%i] : !row
    %c = acle.sxtb16 %a
    %d = acle.sxtb16 %b
    %next = acle.smlad %c, %d, %acc
    scf.yield %next : i32
  }
  %scaled = arith.muli %sum, %factor : i32
  memref.store %scaled, %y[%c0] : !sum
  func.return
}

thumb.func @row_thumb(%x: !thumb.reg<r0>, %z: !thumb.reg<r1>, %y: !thumb.reg<r2>,
    %start: !thumb.reg<r3>) attributes {c_types = [!row, !row, !sum, i32, i32]} {
  %factor = thumb.ldr_sp 0 : !thumb.reg
  %kept = thumb.vmov_to_fpu %factor : (!thumb.reg) -> !thumb.freg
  %end = thumb.add_imm %x, 16 : (!thumb.reg<r0>) -> !thumb.reg
  %p, %q, %sum = thumb.loop (%a = %x, %b = %z, %acc = %start)
      : (!thumb.reg<r0>, !thumb.reg<r1>, !thumb.reg<r3>)
      -> (!thumb.reg, !thumb.reg, !thumb.reg) {
    %v, %an = thumb.ldr_post %a, 4 : (!thumb.reg) -> (!thumb.reg, !thumb.reg)
    %w, %bn = thumb.ldr_post %b, 4 : (!thumb.reg) -> (!thumb.reg, !thumb.reg)
    %c = thumb.sxtb16 %v : (!thumb.reg) -> !thumb.reg
    %d = thumb.sxtb16 %w : (!thumb.reg) -> !thumb.reg
    %e = thumb.smlad %c, %d, %acc : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
    %f = thumb.cmp %an, %end : (!thumb.reg, !thumb.reg) -> !thumb.flags
    thumb.repeat_ne %f, %an, %bn, %e : !thumb.flags, !thumb.reg, !thumb.reg, !thumb.reg
  }
  %again = thumb.vmov_from_fpu %kept : (!thumb.freg) -> !thumb.reg
  %scaled = thumb.mul %sum, %again : (!thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.str %scaled, %y, 0 : !thumb.reg, !thumb.reg<r2>
  thumb.ret
}

func.func @rows(%x: memref<5x16xi8> {llvm.readonly}, %y: memref<5xi32>)
    attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %start = arith.constant 1000 : i32
  %factor = arith.constant -3 : i32
  scf.for %i = %c0 to %c5 step %c1 {
    %at = arith.muli %i, %c16 : index
    %other = arith.subi %c64, %at : index
    %a = memref.reinterpret_cast %x to offset: [%at], sizes: [16], strides: [1]
      : memref<5x16xi8> to !row
    %b = memref.reinterpret_cast %x to offset: [%other], sizes: [16], strides: [1]
      : memref<5x16xi8> to !row
    %s = memref.reinterpret_cast %y to offset: [%i], sizes: [1], strides: [1]
      : memref<5xi32> to !sum
    func.call @row_hot(%a, %b, %s, %start, %factor)
      : (!row, !row, !sum, i32, i32) -> ()
  }
  func.return
}
"""

GLUE = """
#include "harness.h"
static int8_t x[80];
static int32_t y[5];
const uint32_t harness_input_count = 1, harness_output_count = 1;
struct harness_tensor harness_inputs[] = {{x, sizeof x}};
struct harness_tensor harness_outputs[] = {{y, sizeof y}};
void harness_setup(void) {}
int harness_run(void) {
  rows(x, y);
  return 0;
}
"""


def parsed() -> ModuleOp:
    context = Context()
    for name, dialect in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(name, dialect)
    module = Parser(context, MODULE).parse_module()
    module.verify()
    ThumbAllocatePass().apply(Context(), module)
    return module


def text() -> str:
    output = StringIO("#include <stdint.h>\n")
    output.seek(0, 2)
    print_code(output, parsed())
    return output.getvalue()


X = np.random.default_rng(3).integers(-128, 128, (ROWS, 4 * WORDS)).astype(np.int8)
HALVES = X[:, 0::2].astype(np.int64)
EXPECTED = (-3 * (1000 + (HALVES * HALVES[::-1]).sum(axis=1))).astype(np.int32)


def test_in_the_interpreter():
    y = np.zeros(ROWS, np.int32)
    run_function(parsed(), "rows", [X, y])
    assert (y == EXPECTED).all()


def test_on_the_host(tmp_path: Path):
    library, y = load_c(text(), tmp_path), np.zeros(ROWS, np.int32)
    library.rows(*(array.ctypes.data_as(ctypes.c_void_p) for array in (X, y)))
    assert (y == EXPECTED).all()


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("opt", ["-O0", "-O2"])
@pytest.mark.parametrize("toolchain", ["ziglang", "arm-none-eabi-gcc"])
def test_on_a_core(tmp_path: Path, toolchain: str, opt: str, portable: bool):
    """The instructions, and the C where they are switched off; stack is as predicted."""
    if toolchain != "ziglang" and shutil.which(toolchain) is None:
        pytest.skip(f"{toolchain} is not installed")
    source = tmp_path / "net.c"
    source.write_text(text() + GLUE)
    tools = find_toolchain(toolchain, "cortex-m4")
    (built,) = tools.compile(
        [source],
        tmp_path,
        defines={"TINYML_NAKED": ""} if portable else {},
        opt=opt,
        extra_flags=["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"],
    )
    result = run_program(
        tools.link([built], tmp_path / "net.elf"), get_target("cortex-m4"), X.tobytes()
    )
    assert result.faults == ()
    assert (np.frombuffer(result.outputs, np.int32) == EXPECTED).all()
    if not portable:
        (hot,) = (f for f in result.functions if f.name == "row_hot")
        assert hot.calls == ROWS
        assert hot.instructions == ROWS * (4 + 7 * WORDS + 4)
        usage = built.stack_usage
        predicted = sum(usage[name] for name in ("harness_run", "rows", "row_hot"))
        assert result.network_stack_bytes == predicted


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7"])
def test_network(tmp_path: Path, target: str):
    """Hot loops are instructions on a core; the same file runs on the host."""
    network = compile_model(DIGITS / "digits_int8.onnx", CompileOptions(target))
    network.write(tmp_path)
    assert (
        "TINYML_NAKED static void digits_int8_hot_0(" in network.files["digits_int8.c"]
    )
    sets = load_sets(load_report(tmp_path), None, DIGITS / "digits_test.npz").first(3)
    for simulator in ("unicorn", "host"):
        result = run_directory(tmp_path, sets, None, RunOptions(simulator))
        assert result["outputs_equal"], simulator
        assert result["faults"] == []


def test_no_instructions_for_the_host():
    network = compile_model(DIGITS / "digits_int8.onnx", CompileOptions("host"))
    assert "TINYML_NAKED" not in network.files["digits_int8.c"]
