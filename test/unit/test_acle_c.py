"""
The instructions in C, as what they are and in portable C, against the interpreter: on
this machine and on simulated cores.
"""

from __future__ import annotations

import shutil
from functools import cache
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from acle_forms import COUNT, SAMPLE, module, numbers, parse
from xdsl.dialects import func

from tinyml.backend.acle_c import acle_functions, c_macro, integer
from tinyml.backend.c_printer import print_code
from tinyml.backend.disassembly import disassemble
from tinyml.backend.elf_image import read_function
from tinyml.backend.simulator import run_program
from tinyml.backend.target_machine import get_target
from tinyml.backend.toolchain import find_toolchain
from tinyml.dialects.acle import InstructionOp
from tinyml.interp.run import make_interpreter, run_function

needs_arm_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not installed",
)
needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="gcc is not installed"
)
ARM = [
    pytest.param("ziglang", "cortex-m4"),
    pytest.param("arm-none-eabi-gcc", "cortex-m4", marks=needs_arm_gcc),
]
HOST = [
    pytest.param("ziglang", "host"),
    pytest.param("gcc", "host", marks=needs_gcc),
]
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
PORTABLE = {"TINYML_INSTRUCTION": "static inline"}
"""Defined by users it keeps the instructions out."""

MODULE = module(SAMPLE)

ROW, RESULT = 64, 640
ACCESSES = f"""
func.func @accesses(%x: memref<{ROW}xi8>, %y: memref<{RESULT}xi8>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c9 = arith.constant 9 : index
  %zero = arith.constant 0 : i8
  %all = arith.constant {RESULT} : index
  %starts = arith.constant {ROW - 3} : index
  %row = arith.constant {ROW} : index
  scf.for %i = %c0 to %all step %c1 {{
    memref.store %zero, %y[%i] : memref<{RESULT}xi8>
  }}
  // From any byte to any byte.
  scf.for %i = %c0 to %starts step %c1 {{
    %w = acle.load_word %x[%i] : memref<{ROW}xi8>
    %h = acle.load_half %x[%i] : memref<{ROW}xi8>
    %to = arith.muli %i, %c9 : index
    %next = arith.addi %to, %c5 : index
    acle.store_word %w, %y[%to] : memref<{RESULT}xi8>
    acle.store_word %h, %y[%next] : memref<{RESULT}xi8>
  }}
  // Each fourth word again, through a view, as sums of what is there.
  %view = memref.subview %y[4][{RESULT - 4}][1] : memref<{RESULT}xi8> to memref<{RESULT - 4}xi8, strided<[1], offset: 4>>
  scf.for %i = %c0 to %row step %c4 {{
    %w = acle.load_word %x[%i] aligned : memref<{ROW}xi8>
    %h = acle.load_half %x[%i] aligned : memref<{ROW}xi8>
    %old = acle.load_word %view[%i] aligned : memref<{RESULT - 4}xi8, strided<[1], offset: 4>>
    %one = arith.addi %w, %h : i32
    %sum = arith.addi %one, %old : i32
    acle.store_word %sum, %view[%i] aligned : memref<{RESULT - 4}xi8, strided<[1], offset: 4>>
  }}
  func.return
}}
"""

GLUE = f"""
static int64_t row[{ROW // 8}], result[{RESULT // 8}], d[{COUNT}];
static int32_t a[{COUNT}], b[{COUNT}], c[{COUNT}];
static int64_t r[{len(SAMPLE)}][{COUNT}];
const uint32_t harness_input_count = 5, harness_output_count = 2;
struct harness_tensor harness_inputs[] = {{
  {{a, {4 * COUNT}}}, {{b, {4 * COUNT}}}, {{c, {4 * COUNT}}}, {{d, {8 * COUNT}}},
  {{row, {ROW}}},
}};
struct harness_tensor harness_outputs[] = {{
  {{r, {8 * COUNT * len(SAMPLE)}}}, {{result, {RESULT}}},
}};
void harness_setup(void) {{
}}
int harness_run(void) {{
{"".join(f"  f{i}(a, b, c, d, r[{i}]);{chr(10)}" for i in range(len(SAMPLE)))}
  accesses((int8_t *)row, (int8_t *)result);
  return 0;
}}
"""


@cache
def program() -> str:
    """C that applies every form to all numbers, and does the accesses."""
    text = StringIO()
    text.write('#include <stdint.h>\n#include "harness.h"\n')
    text.write('#ifdef __cplusplus\nextern "C" {\n#endif\n')
    both = module(SAMPLE)
    (accesses,) = (op for op in parse(ACCESSES).ops if isinstance(op, func.FuncOp))
    accesses.detach()
    both.body.block.add_op(accesses)
    print_code(text, both)
    text.write(GLUE)
    text.write("#ifdef __cplusplus\n}\n#endif\n")
    return text.getvalue()


def row() -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, ROW, np.int8)


@cache
def expected() -> bytes:
    """What the interpreter computes."""
    interpreter = make_interpreter(MODULE)
    ops = [op for op in MODULE.walk() if isinstance(op, InstructionOp)]
    columns = dict(zip("abcd", (column.tolist() for column in numbers()), strict=True))
    results = [
        [
            interpreter.run_op(op, arguments)[0]
            for arguments in zip(*(columns[x] for x in form.operands), strict=True)
        ]
        for op, form in zip(ops, SAMPLE, strict=True)
    ]
    # Of words, so that it is aligned.
    source = np.zeros(ROW // 4, np.int32).view(np.int8)
    target = np.zeros(RESULT // 4, np.int32).view(np.int8)
    source[...] = row()
    run_function(parse(ACCESSES), "accesses", [source, target])
    return np.array(results, np.int64).tobytes() + target.tobytes()


INPUTS = b"".join(column.tobytes() for column in (*numbers(), row()))


def check_run(
    directory: Path,
    toolchain: str,
    target: str,
    opt: str,
    defines: dict[str, str],
    extra_flags: tuple[str, ...] = (),
) -> None:
    source = directory / "net.c"
    source.write_text(program())
    machine = get_target(target).with_memory(ram=2 << 20)
    tools = find_toolchain(toolchain, machine)
    objects = tools.compile(
        [source],
        directory,
        defines=defines,
        opt=opt,
        extra_flags=("-std=c99", *STRICT, *extra_flags),
    )
    result = run_program(
        tools.link(objects, directory / "net.elf"),
        machine,
        INPUTS,
        check_alignment=not machine.is_host,
    )
    assert result.faults == ()
    found = result.outputs
    assert len(found) == len(expected())
    if found != expected():
        size = 8 * COUNT
        wrong = [
            form.text
            for i, form in enumerate(SAMPLE)
            if found[i * size : (i + 1) * size] != expected()[i * size : (i + 1) * size]
        ]
        pytest.fail(f"{wrong or 'accesses'} differ")


@pytest.mark.parametrize("opt", ["-O0", "-O2"])
@pytest.mark.parametrize("toolchain, target", ARM)
def test_on_a_core(tmp_path: Path, toolchain: str, target: str, opt: str):
    """The instructions themselves."""
    check_run(tmp_path, toolchain, target, opt, {})


@pytest.mark.parametrize("toolchain, target", [*ARM, *HOST])
def test_portable(tmp_path: Path, toolchain: str, target: str):
    check_run(tmp_path, toolchain, target, "-O2", PORTABLE)


@pytest.mark.parametrize("toolchain, target", HOST)
def test_on_the_host(tmp_path: Path, toolchain: str, target: str):
    check_run(tmp_path, toolchain, target, "-O2", {})


def test_nothing_is_undefined(tmp_path: Path):
    flags = ("-fsanitize=undefined", "-fsanitize-trap=undefined")
    check_run(tmp_path, "ziglang", "host", "-O1", PORTABLE, flags)


@pytest.mark.parametrize("toolchain, target", [*ARM, *HOST])
def test_compiles_as_cxx(tmp_path: Path, toolchain: str, target: str):
    source = tmp_path / "net.c"
    source.write_text(program())
    find_toolchain(toolchain, target).compile(
        [source],
        tmp_path,
        defines=PORTABLE if target == "host" else {},
        opt="-O0",
        extra_flags=("-x", "c++", "-std=c++11", *STRICT),
    )


@pytest.mark.parametrize("toolchain, target", ARM)
def test_one_instruction(tmp_path: Path, toolchain: str, target: str):
    """Each form is its instruction, and nothing but a return comes with it."""
    ops = [op for op in MODULE.walk() if isinstance(op, InstructionOp)]
    accesses = {
        "int32_t load_word(const int8_t *p) { return TINYML_LOAD_WORD(p); }": "ldr",
        "int32_t load_half(const int8_t *p) { return TINYML_LOAD_HALF(p); }": "ldrsh",
        "void store_word(int8_t *p, int32_t a) { TINYML_STORE_WORD(p, a); }": "str",
    }
    lines = ["#include <stdint.h>", acle_functions([*ops, *parse(ACCESSES).walk()])]
    wanted: dict[str, str] = {}
    for number, op in enumerate(ops):
        types = [integer(value.type) for value in op.operands]
        parameters = ", ".join(f"{t} {x}" for t, x in zip(types, "abc"))
        call = f"{c_macro(op)}({', '.join('abc'[: len(types)])})"
        result = integer(op.results[0].type)
        lines.append(f"{result} f{number}({parameters}) {{ return {call}; }}")
        wanted[f"f{number}"] = op.mnemonic
    for text, name in accesses.items():
        lines.append(text)
        wanted[text.split("(")[0].split()[1]] = name
    source = tmp_path / "one.c"
    source.write_text("\n".join(lines) + "\n")
    (compiled,) = find_toolchain(toolchain, target).compile([source], tmp_path)
    for function, mnemonic in wanted.items():
        code = [
            item.name for item in disassemble(read_function(compiled.path, function), 0)
        ]
        # Sums of 64 bits come in registers that they are not returned in.
        if mnemonic in ("smlal", "smlald"):
            code = [name for name in code if name != "mov"]
        assert code == [mnemonic, "bx"], function
