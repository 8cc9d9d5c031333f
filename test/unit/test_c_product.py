"""
The generated C as its users meet it: with their compilers and flags, in C++, several
networks in one program, with arenas of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from tflite_models import RELU, SAME, Model, random_int8, small_network

from tinyml.backend.compiler import CompileOptions, compile_model
from tinyml.backend.compiler_process import run_compiler, zig_command
from tinyml.backend.elf_image import read_object
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"

WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wpedantic",
    "-Wundef",
    "-Wcast-qual",
    "-Werror",
]
C99 = ["-std=c99", "-Wstrict-prototypes", "-Wmissing-prototypes", *WARNINGS]
CORE = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
THUMB = [
    "-target",
    "thumb-freestanding-eabihf",
    "-mcpu=cortex_m4+vfp4d16sp",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
]


COMPILERS: dict[str, list[str]] = {
    "zig, host": ["zig", *C99, "-O2"],
    "zig, thumb": ["zig", *THUMB, "-ffreestanding", *C99, "-O2"],
    "zig, thumb, no optimization": ["zig", *THUMB, "-ffreestanding", *C99, "-O0"],
    "zig, C++": ["zig", "-xc++", "-std=c++17", "-fno-exceptions", *WARNINGS],
    "gcc": ["gcc", *C99, "-O3"],
    "g++": ["g++", "-xc++", "-std=c++11", *WARNINGS],
    "arm-none-eabi-gcc": ["arm-none-eabi-gcc", *CORE, "-ffreestanding", *C99, "-Os"],
    "arm-none-eabi-g++": ["arm-none-eabi-g++", *CORE, "-xc++", "-std=c++11", *WARNINGS],
}


def compiler(name: str) -> list[str]:
    """The command of one of the compilers, or a skip."""
    program, *flags = COMPILERS[name]
    if program == "zig":
        return [*zig_command(), "-fno-sanitize=all", *flags]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return [program, *flags]


def wide_network() -> Model:
    """The operators that the small network has not; two inputs, two outputs."""
    model = Model()
    a = model.input((1, 4, 4, 2), 0.1, 128, "uint8", name="camera")
    b = model.input((1, 4, 4, 2), None, 0, "float32", name="mask")
    x = model.op("QUANTIZE", [a], (1, 4, 4, 2), 0.1, 0)
    y = model.op("QUANTIZE", [b], (1, 4, 4, 2), 0.05, 3)
    y = model.op("ADD", [x, y], (1, 4, 4, 2), 0.12, 1, FusedActivationFunction=RELU)
    y = model.op("MUL", [x, y], (1, 4, 4, 2), 0.3, -2)
    pads = model.constant(np.array([[0, 0], [1, 0], [0, 1], [0, 0]], np.int32))
    y = model.op("PAD", [y, pads], (1, 5, 5, 2), 0.3, -2)
    y = model.op(
        "AVERAGE_POOL_2D",
        [y],
        (1, 5, 5, 2),
        0.3,
        -2,
        Padding=SAME,
        FilterHeight=2,
        FilterWidth=2,
    )
    order = model.constant(np.array([0, 3, 1, 2], np.int32))
    y = model.op("TRANSPOSE", [y, order], (1, 2, 5, 5), 0.3, -2, name="planes")
    flat = model.op("RESHAPE", [y], (1, 50), 0.3, -2)
    shares = model.op("SOFTMAX", [flat], (1, 50), 1 / 256, -128)
    real = model.op("DEQUANTIZE", [shares], (1, 50), None, type="float32", name="p")
    return model.output(real, y)


def build(path: Path, name: str) -> Mapping[str, str]:
    return compile_model(path, CompileOptions(target="host", name=name)).files


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with four networks, one of them under two names."""
    folder = tmp_path_factory.mktemp("products")
    (folder / "small.tflite").write_bytes(small_network().bytes)
    (folder / "wide.tflite").write_bytes(wide_network().bytes)
    for model, name in (
        (folder / "small.tflite", "small"),
        (folder / "small.tflite", "again"),
        (folder / "wide.tflite", "wide"),
        (DIGITS, "digits"),
    ):
        for file, text in build(model, name).items():
            if file != "CMakeLists.txt":
                (folder / file).write_text(text)
    return folder


NAMES = ("small", "again", "wide", "digits")


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("network", ["wide", "digits"])
def test_no_warnings_and_no_library(
    name: str, network: str, products: Path, tmp_path: Path
):
    """C99 and C++ without a warning; nothing is called but what compilers call."""
    command = compiler(name)
    undefined: set[str] = set()
    defined: set[str] = set()
    for stem in (network, f"{network}_weights"):
        out = tmp_path / f"{stem}.o"
        source = str(products / f"{stem}.c")
        printed = run_compiler([*command, "-c", source, "-o", str(out)])
        assert printed == ""
        read = read_object(out)
        undefined |= read.undefined
        defined |= {symbol.name for symbol in read.symbols}
    outside = undefined - defined
    allowed = re.compile(
        r"mem(cpy|set|move)|__aeabi_mem\w+|__stack_chk_\w+|_GLOBAL_\w+"
    )
    assert [symbol for symbol in outside if not allowed.fullmatch(symbol)] == []


@pytest.mark.parametrize("name", ["zig, host", "zig, C++", "gcc", "g++"])
@pytest.mark.parametrize("network", ["small", "wide"])
def test_header_is_self_contained(name: str, network: str, products: Path):
    """It is the first thing included, twice, and needs nothing before it."""
    source = products / f"only_{network}.c"
    source.write_text(
        f'#include "{network}.h"\n#include "{network}.h"\n'
        + (
            f"int only_{network}(void);\nint only_{network}(void) {{\n"
            f"  static const int shape[] = {network.upper()}_INPUT_0_SHAPE;\n"
            f"  return shape[0] + {network.upper()}_OK + {network.upper()}_INPUT_COUNT;\n}}\n"
        )
    )
    out = source.with_suffix(f".{name.replace(' ', '_')}.o")
    run_compiler([*compiler(name), "-c", str(source), "-o", str(out)])


# Programs


def run_program(
    folder: Path, sources: Sequence[Path], text: str, *flags: str
) -> list[list[str]]:
    """Builds a program of the sources and `text`; the words of each line it prints."""
    main, program = folder / "main.c", folder / "main"
    main.write_text(text)
    command = [*zig_command(), "-std=c99", "-O1", "-fsanitize=undefined"]
    command += ["-fno-sanitize-recover=all", "-ffp-contract=off", *flags]
    run_compiler([*command, str(main), *map(str, sources), "-o", str(program)])
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()]


def sources_of(products: Path, *networks: str) -> list[Path]:
    return [
        products / f"{name}{part}.c" for name in networks for part in ("", "_weights")
    ]


def c_array(name: str, array: np.ndarray) -> str:
    element = "float" if array.dtype == np.float32 else f"{array.dtype.name}_t"
    suffix = "f" if array.dtype == np.float32 else ""
    numbers = ", ".join(f"{number.item()!r}{suffix}" for number in array.flat)
    return f"static const {element} {name}[] = {{{numbers}}};\n"


PRELUDE = """\
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void show(const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) printf("%d ", ((const unsigned char *)data)[i]);
  printf("\\n");
}
"""


def steps(name: str, inputs: Sequence[np.ndarray], ctx: str = "ctx") -> str:
    """Statements that fill the inputs and run; the arrays are `name_number`."""
    copies = "".join(
        f"  memcpy({name}_input_{i}(&{ctx}), {name}_{i}, sizeof {name}_{i});\n"
        for i in range(len(inputs))
    )
    return f"{copies}  if ({name}_run(&{ctx}) != {name.upper()}_OK) return 1;\n"


def printed(name: str, count: int, ctx: str = "ctx") -> str:
    return "".join(
        f"  show({name}_output_{i}(&{ctx}), {name.upper()}_OUTPUT_{i}_BYTES);\n"
        for i in range(count)
    )


def as_bytes(arrays: Sequence[np.ndarray]) -> list[list[str]]:
    return [[str(byte) for byte in array.tobytes()] for array in arrays]


def test_networks_in_one_program(products: Path, tmp_path: Path):
    """Also one network under two names; all run before any output is read."""
    generator = np.random.default_rng(1)
    image = generator.uniform(-1, 1, (1, 1, 8, 8)).astype(np.float32)
    camera = generator.integers(0, 256, (1, 4, 4, 2), np.uint8)
    mask = generator.uniform(-5, 5, (1, 4, 4, 2)).astype(np.float32)
    inputs = {
        "small": [random_int8(1, 1, 8, 8, 2)],
        "again": [random_int8(2, 1, 8, 8, 2)],
        "wide": [camera, mask],
        "digits": [image],
    }
    models = {
        "small": products / "small.tflite",
        "again": products / "small.tflite",
        "wide": products / "wide.tflite",
        "digits": DIGITS,
    }
    expected = {
        name: run_network(load_model(models[name]), arrays)
        for name, arrays in inputs.items()
    }
    text = "".join(f'#include "{name}.h"\n' for name in NAMES) + PRELUDE
    for name, arrays in inputs.items():
        text += "".join(c_array(f"{name}_{i}", a) for i, a in enumerate(arrays))
    text += "int main(void) {\n"
    for name in NAMES:
        text += f"  {name}_ctx {name}_state;\n  {name}_init(&{name}_state);\n"
    for name in NAMES:
        text += steps(name, inputs[name], f"{name}_state")
    for name in NAMES:
        text += printed(name, len(expected[name]), f"{name}_state")
    text += "  return 0;\n}\n"
    got = run_program(tmp_path, sources_of(products, *NAMES), text, f"-I{products}")
    assert got == [line for name in NAMES for line in as_bytes(expected[name])]


def test_arenas_of_ones_own(products: Path, tmp_path: Path):
    """
    `NO_ARENA` leaves the arena out; two contexts on two arenas do not disturb one
    another; an arena that is null or not aligned is refused and not touched.
    """
    first, second = random_int8(3, 1, 8, 8, 2), random_int8(4, 1, 8, 8, 2)
    module = load_model(products / "small.tflite")
    expected = [*run_network(module, [first]), *run_network(module, [second])]
    text = (
        '#include "small.h"\n'
        + PRELUDE
        + c_array("a_0", first)
        + c_array("b_0", second)
    )
    text += """
static union { int64_t align; int8_t bytes[SMALL_ARENA_BYTES + 16]; } one, two, bad;

int main(void) {
  small_ctx a, b, none, odd;
  a.arena = one.bytes;
  b.arena = two.bytes;
  none.arena = 0;
  odd.arena = bad.bytes + 4;
  memset(&one, 85, sizeof one);
  memset(&two, 170, sizeof two);
  memset(&bad, 7, sizeof bad);
  memcpy(small_input_0(&a), a_0, sizeof a_0);
  memcpy(small_input_0(&b), b_0, sizeof b_0);
  if (small_run(&a) != SMALL_OK || small_run(&b) != SMALL_OK) return 1;
  if (small_run(&none) != SMALL_BAD_ARENA) return 2;
  if (small_run(&odd) != SMALL_BAD_ARENA) return 3;
  for (size_t i = 0; i < sizeof bad.bytes; i++) if (bad.bytes[i] != 7) return 4;
  for (int i = 0; i < 16; i++) {
    if (one.bytes[SMALL_ARENA_BYTES + i] != 85) return 5;
    if (two.bytes[SMALL_ARENA_BYTES + i] != (int8_t)-86) return 6;
  }
"""
    text += printed("small", 1, "a") + printed("small", 1, "b") + "  return 0;\n}\n"
    flags = [f"-I{products}", "-DSMALL_NO_ARENA"]
    got = run_program(tmp_path, sources_of(products, "small"), text, *flags)
    assert got == as_bytes(expected)
    out = tmp_path / "small.o"
    source = str(products / "small.c")
    run_compiler([*zig_command(), *flags, "-c", source, "-o", str(out)])
    assert not [s for s in read_object(out).symbols if "arena" in s.name]


def test_a_run_leaves_no_state(products: Path, tmp_path: Path):
    """The second of two runs gives what the first would have given."""
    first, second = random_int8(5, 1, 8, 8, 2), random_int8(6, 1, 8, 8, 2)
    (expected,) = run_network(load_model(products / "small.tflite"), [second])
    text = '#include "small.h"\n' + PRELUDE
    text += c_array("small_0", first) + c_array("later", second)
    text += "int main(void) {\n  small_ctx ctx;\n  small_init(&ctx);\n"
    text += steps("small", [first])
    text += "  memcpy(small_input_0(&ctx), later, sizeof later);\n"
    text += "  if (small_run(&ctx)) return 1;\n" + printed("small", 1)
    text += "  return 0;\n}\n"
    flag = f"-I{products}"
    got = run_program(tmp_path, sources_of(products, "small"), text, flag)
    assert got == as_bytes([expected])


def test_arena_attributes_and_hooks(products: Path, tmp_path: Path):
    """The arena goes where its user says; a hook sees every layer once, in order."""
    (tmp_path / "my_hooks.h").write_text(
        '#include <stdio.h>\n#define small_layer_end(layer) printf("%d\\n", (int)(layer))\n'
    )
    text = (
        '#include "small.h"\nint main(void) {\n  small_ctx ctx;\n  small_init(&ctx);\n'
    )
    text += "  return small_run(&ctx);\n}\n"
    flags = [
        f"-I{products}",
        f"-I{tmp_path}",
        '-DSMALL_HOOKS_HEADER="my_hooks.h"',
        '-DSMALL_ARENA_ATTR=__attribute__((section(".my_arena")))',
    ]
    sources = sources_of(products, "small")
    lines = run_program(tmp_path, sources, text, *flags)
    header = (products / "small.h").read_text()
    assert "#define SMALL_LAYER_COUNT 5\n" in header
    assert lines == [[str(i)] for i in range(5)]
    assert b".my_arena" in (tmp_path / "main").read_bytes()


def test_all_outside_symbols_carry_the_name(products: Path, tmp_path: Path):
    for name in NAMES:
        for stem in (name, f"{name}_weights"):
            out = tmp_path / f"{stem}.o"
            source = str(products / f"{stem}.c")
            run_compiler([*zig_command(), *THUMB, "-c", source, "-o", str(out)])
            done = subprocess.run(
                [sys.executable, "-c", GLOBALS, out], capture_output=True, text=True
            )
            assert done.stderr == ""
            assert done.stdout.split()
            assert all(s.startswith(f"{name}_") for s in done.stdout.split())


GLOBALS = """
import sys
from elftools.elf.elffile import ELFFile

with open(sys.argv[1], "rb") as stream:
    table = ELFFile(stream).get_section_by_name(".symtab")
    for symbol in table.iter_symbols():
        if symbol["st_info"]["bind"] == "STB_GLOBAL" and symbol["st_shndx"] != "SHN_UNDEF":
            print(symbol.name)
"""


# Text


def test_same_bytes_every_time(products: Path, tmp_path: Path):
    """In another process and directory, with another order of hashes and another locale."""
    command = Path(sys.executable).with_name("tinyml")
    found: list[dict[str, bytes]] = []
    for seed, locale in (("1", "C.UTF-8"), ("2", "C")):
        folder = tmp_path / seed
        folder.mkdir()
        shutil.copy(products / "wide.tflite", folder)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale}
        options = ["--target", "host", "-o", "out"]
        subprocess.run(
            [command, "compile", "wide.tflite", *options],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
        found.append({p.name: p.read_bytes() for p in (folder / "out").iterdir()})
    assert found[0] == found[1]
    assert set(found[0]) >= {"wide.c", "wide.h", "wide_weights.c", "wide.mlir"}
    for file in ("wide.c", "wide.h", "wide_weights.c"):
        assert found[0][file] == (products / file).read_bytes()
        assert str(ROOT).encode() not in found[0][file]
        assert str(tmp_path).encode() not in found[0][file]


LABELS = [
    '*/ int x = "',
    "/* // */ /*/ **/",
    "line\nbreak\r\n#error",
    "back\\",
    "??/",
    "%s %n",
    "\u202e\u2066 turned \u2069",
    "\u0000\u0007\u001b[31m",
    "層 слой ñ 🙂",
    "\u2028\u2029\u0085\ufeff",
    b"\xff\xfe\xc0",
    "",
    "x" * 5000,
]


def test_labels_of_models_are_harmless(tmp_path: Path):
    """Whatever a tensor is called, the C has no warning and the IR is read back."""
    from tinyml.backend.compiler import textual_ir
    from tinyml.frontend.load import parse_mlir

    sources: list[Path] = []
    for number, label in enumerate(LABELS):
        model = Model()
        x = model.input((1, 4), name=label)
        y = model.op("ADD", [x, x], (1, 4), 1.0, name=label)
        path = tmp_path / f"label_{number}.tflite"
        path.write_bytes(model.output(y).bytes)
        module = load_model(path)
        text = textual_ir(module)
        assert textual_ir(parse_mlir(text.encode(), "again")) == text
        for file, content in build(path, path.stem).items():
            (tmp_path / file).write_text(content, "utf-8")
        sources += sources_of(tmp_path, path.stem)
    commands = [compiler("zig, host")]
    commands += [[c, *C99] for c in ("gcc",) if shutil.which(c) is not None]
    for command in commands:
        for source in sources:
            out = str(tmp_path / "out.o")
            assert run_compiler([*command, "-c", str(source), "-o", out]) == ""
