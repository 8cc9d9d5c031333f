"""Toolchains: flags, sizes, stack usage, and what they say when something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyml.backend.compiler_process import harness_directory
from tinyml.backend.elf_image import gcc_stack_usage, read_program
from tinyml.backend.target_machine import TargetError, get_target
from tinyml.backend.toolchain import (
    Toolchain,
    ToolchainError,
    find_toolchain,
    linker_script,
)
from tinyml.backend.user_cache import cache_directory, cache_key, cached_file

CORES = ("cortex-m4", "cortex-m7")
MEMORY_FUNCTIONS = {"memcpy", "memset", "memmove"}

Find = Callable[[str], Toolchain]


@pytest.fixture(params=["ziglang", "arm-none-eabi-gcc"])
def find(request: pytest.FixtureRequest) -> Find:
    name: str = request.param
    if name == "arm-none-eabi-gcc" and shutil.which(name) is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    return lambda target: find_toolchain(name, target)


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


EMPTY_NET = """
#include "harness.h"
const uint32_t harness_input_count = 0, harness_output_count = 0;
struct harness_tensor harness_inputs[1], harness_outputs[1];
void harness_setup(void) {}
int harness_run(void) { return 0; }
"""


def test_targets():
    m4 = get_target("cortex-m4")
    assert (m4.flash.length, m4.ram.length, m4.ram.origin) == (
        1 << 20,
        1 << 18,
        1 << 29,
    )
    m7 = get_target("cortex-m7")
    assert (m7.flash.length, m7.ram.length) == (2 << 20, 512 << 10)
    large = m4.with_memory(flash=64 << 20)
    assert (large.flash.length, large.ram) == (64 << 20, m4.ram)
    assert large.name == "cortex-m4"
    host = get_target("host")
    assert host.is_host
    assert host.with_memory(ram=1) == host
    assert m4.ram.contains(m4.ram.end - 4, 4)
    assert not m4.ram.contains(m4.ram.end - 3, 4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: get_target("cortex-m99"), "there are: host, cortex-m4, cortex-m7"),
        (lambda: get_target("cortex-m4").with_memory(ram=0), "0 bytes of ram"),
        (lambda: get_target("cortex-m4").with_memory(flash=1 << 30), "of flash is not"),
        (
            lambda: get_target("cortex-m4").with_memory(ram=5 << 20).check_qemu(),
            "mps2-an386 has 4194304 bytes of ram",
        ),
        (lambda: get_target("host").check_qemu(), "no board for target host"),
    ],
)
def test_target_errors(make: Callable[[], object], message: str):
    with pytest.raises(TargetError, match=message):
        make()


def test_unknown_toolchain_lists_known_ones():
    with pytest.raises(ToolchainError, match="ziglang, arm-none-eabi-gcc"):
        find_toolchain("armcc", "cortex-m4")
    with pytest.raises(ToolchainError, match="ziglang, cc, gcc, clang"):
        find_toolchain("armcc", "host")


def test_missing_toolchain_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError) as error:
        find_toolchain("arm-none-eabi-gcc", "cortex-m4")
    assert "not installed" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("target", CORES)
def test_no_library_calls(find: Find, target: str, tmp_path: Path):
    """Float arithmetic, DSP and 32-bit division are instructions, nothing is pulled in."""
    source = _write(
        tmp_path / "net.c",
        """
        #include <stdint.h>
        #include <arm_acle.h>
        float scale(const float *x, float a, int n) {
          float sum = 0;
          for (int i = 0; i < n; i++) sum += x[i] * a;
          return sum / (float)n;
        }
        int32_t dot(int32_t a, int32_t b, int32_t c) { return __smlad(a, b, c); }
        int32_t quotient(int32_t a, int32_t b) { return a / b; }
        int64_t product(int32_t a, int32_t b) { return (int64_t)a * b; }
        """,
    )
    (built,) = find(target).compile([source], tmp_path / "out")
    assert built.undefined == frozenset()
    assert built.stack_usage.keys() == {"scale", "dot", "quotient", "product"}


@pytest.mark.parametrize("target", CORES)
def test_harness_calls_no_memory_function(find: Find, target: str):
    for item in find(target).harness_objects():
        assert not item.undefined & MEMORY_FUNCTIONS
        assert not any(name.startswith("__aeabi") for name in item.undefined)


@pytest.mark.parametrize("target", CORES)
def test_harness_has_no_warnings(find: Find, target: str, tmp_path: Path):
    toolchain = find(target)
    sources = [harness_directory() / name for name in toolchain.HARNESS_SOURCES]
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    built = toolchain.compile(sources, tmp_path, extra_flags=warnings)
    assert len(built) == len(sources)


def test_header_is_c99_and_cxx(tmp_path: Path):
    toolchain = find_toolchain(None, "cortex-m4")
    source = _write(tmp_path / "net.c", EMPTY_NET)
    strict = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
    toolchain.compile([source], tmp_path, extra_flags=strict)
    header = _write(tmp_path / "use.c", '#include "harness.h"\n')
    toolchain.compile([header], tmp_path, extra_flags=("-x", "c++", "-Werror"))


def test_harness_names(find: Find):
    """What the profile takes for the network must not be the harness's."""
    runtime = MEMORY_FUNCTIONS | {"copy_up", "aligned"}
    for item in find("cortex-m4").harness_objects():
        for symbol in item.symbols:
            if symbol.is_function:
                assert symbol.name.startswith(("harness_", "__aeabi_mem")) or (
                    symbol.name in {"main", "reset"} | runtime
                )


def test_sizes_and_stack(find: Find, tmp_path: Path):
    source = _write(
        tmp_path / "net.c",
        """
        #include <stdint.h>
        int8_t arena[1000] __attribute__((section(".noinit"), aligned(8)));
        const int8_t weights[300] = {1};
        int32_t counter = 3;
        int32_t zeros[10];
        int sink(volatile int8_t *buffer);
        int frame(void) { volatile int8_t b[100]; b[0] = 1; return sink(b); }
        __attribute__((naked)) void kernel(void) {
          __asm__ volatile("push {r4-r11, lr}\\n sub sp, #8\\n add sp, #8\\n"
                           "pop {r4-r11, pc}");
        }
        """,
    )
    (built,) = find("cortex-m4").compile([source], tmp_path)
    assert (built.noinit, built.rodata, built.data, built.bss) == (1000, 300, 4, 40)
    assert 0 < built.text < 100
    assert 104 <= built.stack_usage["frame"] <= 120
    assert built.stack_usage["kernel"] == 36 + 8
    assert built.undefined == {"sink"}
    kinds = {symbol.name: symbol.kind for symbol in built.symbols}
    assert kinds["arena"] == "noinit"
    assert kinds["weights"] == "rodata"


def test_include_dirs_defines_and_flags(find: Find, tmp_path: Path):
    (tmp_path / "inc").mkdir()
    _write(tmp_path / "inc" / "net.h", "extern const char net[BYTES];\n")
    source = _write(
        tmp_path / "net.c",
        '#include "net.h"\n#ifdef FLAG\nconst char net[BYTES] = {EXTRA};\n#endif\n',
    )
    (built,) = find("cortex-m4").compile(
        [source],
        tmp_path / "out",
        include_dirs=[tmp_path / "inc"],
        defines={"FLAG": None, "BYTES": 77},
        opt="-Os",
        extra_flags=["-DEXTRA=1"],
    )
    assert built.rodata == 77


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_compile_error_is_the_first_error_line(target: str, tmp_path: Path):
    source = _write(tmp_path / "net.c", "int f(void) { return x; }\nint g( {\n")
    with pytest.raises(ToolchainError) as error:
        find_toolchain(None, target).compile([source], tmp_path)
    assert "net.c:1:22: error: " in str(error.value)
    assert "\n" not in str(error.value)


def test_two_sources_of_one_name(tmp_path: Path):
    source = _write(tmp_path / "net.c", "")
    with pytest.raises(ToolchainError, match="two sources are called net"):
        find_toolchain().compile([source, source], tmp_path)


def test_undefined_function(find: Find, tmp_path: Path):
    toolchain = find("cortex-m4")
    text = EMPTY_NET.replace("return 0", "return absent()")
    source = _write(tmp_path / "net.c", "int absent(void);" + text)
    objects = toolchain.compile([source], tmp_path)
    with pytest.raises(ToolchainError, match=r"undefined.*absent") as error:
        toolchain.link(objects, tmp_path / "net.elf")
    assert "\n" not in str(error.value)


def test_link_map(find: Find, tmp_path: Path):
    toolchain = find("cortex-m4")
    source = _write(tmp_path / "net.c", EMPTY_NET)
    objects = toolchain.compile([source], tmp_path)
    program = read_program(toolchain.link(objects, tmp_path / "net.elf", 2048))
    bottom, top = (program.symbols[f"harness_stack_{end}"] for end in ("bottom", "top"))
    assert (bottom.address, top.address) == (0x20000000, 0x20000800)
    assert program.read(0, 4) == (0x20000800).to_bytes(4, "little")
    reset = program.symbols["reset"]
    assert program.read(4, 4) == (reset.address | 1).to_bytes(4, "little")
    assert program.where(reset.address + 2) == "reset+0x2"
    assert 0 < program.flash_bytes < 2000


def test_ram_overflow(find: Find, tmp_path: Path):
    target = get_target("cortex-m4").with_memory(ram=65536)
    toolchain = find_toolchain(find("cortex-m4").name, target)

    def link(arena: int, stack: int | None = None) -> Path:
        use = "volatile char *use(void) { return arena; }\n"
        text = EMPTY_NET.replace("return 0", "return use()[0]")
        source = _write(
            tmp_path / "net.c",
            f'char arena[{arena}] __attribute__((section(".noinit"), aligned(8)));\n'
            + use
            + text,
        )
        objects = toolchain.compile([source], tmp_path)
        return toolchain.link(objects, tmp_path / "net.elf", stack)

    # The stack shrinks before anything fails.
    program = read_program(link(63 << 10))
    stack = program.symbols["harness_stack_top"].address - target.ram.origin
    assert 512 <= stack < 1024
    with pytest.raises(ToolchainError) as error:
        link(64 << 10, 1024)
    message = str(error.value)
    assert message.startswith("ram of cortex-m4 overflows by ")
    assert "it has 65536, the program needs" in message
    missing = int(message.split()[5])
    assert missing == int(message.split("needs ")[1].split()[0].rstrip(",")) - 65536
    assert 1024 <= missing < 1024 + 200


def test_flash_overflow(find: Find, tmp_path: Path):
    target = get_target("cortex-m4").with_memory(flash=65536)
    toolchain = find_toolchain(find("cortex-m4").name, target)
    text = EMPTY_NET.replace("return 0", "return weights[harness_input_count]")
    source = _write(tmp_path / "net.c", f"const char weights[70000] = {{1}};\n{text}")
    objects = toolchain.compile([source], tmp_path, extra_flags=["-O0"])
    with pytest.raises(ToolchainError, match=r"flash of cortex-m4 overflows by \d+ b"):
        toolchain.link(objects, tmp_path / "net.elf")


def test_linker_script_has_the_memories():
    script = linker_script(get_target("cortex-m7").with_memory(ram=100_000), 1001)
    assert "ORIGIN = 0x20000000, LENGTH = 0x186a0" in script
    assert f". + {1008:#x};" in script
    assert "@" not in script.replace("@NAME@", "")


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TINYML_CACHE_DIR", str(tmp_path / "cache"))
    assert cache_directory() == tmp_path / "cache"
    made: list[Path] = []

    def build(out: Path) -> None:
        made.append(out)
        out.write_text("built")

    assert cached_file("a.txt", build).read_text() == "built"
    assert cached_file("a.txt", build) == tmp_path / "cache" / "a.txt"
    assert len(made) == 1
    assert [path.name for path in cache_directory().iterdir()] == ["a.txt"]
    assert cache_key(["ab", "c"]) != cache_key(["a", "bc"])
    monkeypatch.delenv("TINYML_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "tinyml"


def test_gcc_stack_usage_listing():
    text = "net.c:4:5:f\t88\tstatic\nnet.c:9:5:g\t16\tdynamic,bounded\n"
    assert gcc_stack_usage(text) == {"f": 88, "g": 16}
