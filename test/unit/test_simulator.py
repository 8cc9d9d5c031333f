"""Programs that do a known thing, run in every simulator that is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyml.backend.block_profile import (
    BlockCount,
    FunctionProfile,
    ProfileError,
    profile_blocks,
)
from tinyml.backend.elf_image import read_program
from tinyml.backend.qemu_simulator import find_qemu, parse_counts
from tinyml.backend.raw_run import SimulatorError
from tinyml.backend.simulator import (
    RunResult,
    input_set_bytes,
    run_program,
)
from tinyml.backend.target_machine import TargetMachine, get_target
from tinyml.backend.toolchain import find_toolchain
from tinyml.backend.unicorn_hooks import native_hooks

CORES = ("cortex-m4", "cortex-m7")
N = 64

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed"
)
needs_arm_gcc = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not installed",
)
BUILDS = [
    pytest.param("ziglang", "host"),
    *(pytest.param("ziglang", core) for core in CORES),
    *(pytest.param("arm-none-eabi-gcc", core, marks=needs_arm_gcc) for core in CORES),
]

# A test writes net_run, the header has the rest of a network and its glue.
GLUE = Path(__file__).with_name("toy_network.h").read_text()

DOUBLE = """
int net_run(int8_t *in, int8_t *out) {
  for (int i = 0; i < N; i++) out[i] = (int8_t)(2 * in[i]);
  return 0;
}
"""

SETS = [np.arange(N, dtype=np.int8) - 32, np.full(N, 7, np.int8), -np.ones(N, np.int8)]
INPUTS = b"".join(item.tobytes() for item in SETS)
DOUBLED = b"".join((2 * item).astype(np.int8).tobytes() for item in SETS)

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def make(
        body: str,
        target: TargetMachine | str = "cortex-m4",
        toolchain: str | None = None,
        arena: int = 2 * N,
        stack: int | None = None,
        opt: str = "-O2",
    ) -> Path:
        source = tmp_path / "net.c"
        source.write_text(GLUE + body)
        tools = find_toolchain(toolchain, target)
        objects = tools.compile(
            [source], tmp_path, defines={"ARENA_BYTES": arena}, opt=opt
        )
        return tools.link(objects, tmp_path / "net.elf", stack)

    return make


def run(elf: Path) -> RunResult:
    """One set on an M4, measured."""
    return run_program(elf, get_target("cortex-m4"), INPUTS[:N])


@pytest.mark.parametrize("toolchain, target", BUILDS)
def test_round_trip(build: Build, toolchain: str, target: str):
    elf = build(DOUBLE, target, toolchain)
    result = run_program(elf, get_target(target), INPUTS)
    assert result.faults == ()
    assert result.ok
    assert result.outputs == DOUBLED
    assert result.layers == ()


@pytest.mark.parametrize("toolchain, target", BUILDS[1:])
def test_measurement(build: Build, toolchain: str, target: str):
    elf = build(DOUBLE, target, toolchain, arena=3 * N)
    result = run_program(elf, get_target(target), INPUTS)
    assert result.repeatable
    assert result.program is not None
    assert input_set_bytes(result.program) == N
    (net_run,) = (f for f in result.functions if f.name == "net_run")
    assert net_run.calls == 1  # one set is counted, however many run
    assert 3 * N <= net_run.instructions <= 8 * N
    names = {item.name for item in result.network_functions}
    assert names == {"net_run"}
    assert result.inference_instructions == net_run.instructions < result.instructions
    # The arena: input and output are written, the last third is not.
    assert result.symbol_high_water("arena") == 2 * N
    assert result.symbol_holes("arena") == ()
    assert result.stack_high_water is not None
    assert result.network_stack_bytes is not None
    assert 0 <= result.network_stack_bytes <= result.stack_high_water < 200
    assert result.ram_touched is not None
    assert 2 * N < result.ram_touched < 2 * N + 300


def test_set_size_that_is_not_static(build: Build, tmp_path: Path):
    """Without it every set is measured."""
    source = tmp_path / "late.c"
    late = GLUE.replace("{{0, N}}, harness_outputs[] = {{0, N}}", "{{0}}, B[] = {{0}}")
    late = late.replace("B[]", "harness_outputs[]").replace(
        "harness_setup(void) {",
        "harness_setup(void) { harness_inputs[0].bytes = harness_outputs[0].bytes = N;",
    )
    source.write_text(late + DOUBLE)
    tools = find_toolchain()
    objects = tools.compile([source], tmp_path, defines={"ARENA_BYTES": 2 * N})
    elf = tools.link(objects, tmp_path / "late.elf")
    assert input_set_bytes(read_program(elf)) is None
    result = run_program(elf, get_target("cortex-m4"), INPUTS)
    assert result.outputs == DOUBLED
    assert next(f for f in result.functions if f.name == "net_run").calls == len(SETS)


def test_options(build: Build):
    elf, target = build(DOUBLE), get_target("cortex-m4")
    plain = run_program(elf, target, INPUTS, count=False, memory=False)
    assert (plain.outputs, plain.functions, plain.memory) == (DOUBLED, (), None)
    every = run_program(elf, target, INPUTS, memory=False, measured_sets=None)
    assert every.outputs == DOUBLED
    assert next(f for f in every.functions if f.name == "net_run").calls == len(SETS)
    assert every.repeatable is None


@needs_qemu
@pytest.mark.parametrize("toolchain, target", BUILDS[1:])
@pytest.mark.parametrize("opt", ["-O0", "-O2", "-O3"])
def test_qemu_counts_the_same(build: Build, toolchain: str, target: str, opt: str):
    body = """
    static float table[8];
    struct big { int32_t v[40]; };
    volatile struct big a, b;
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    int net_run(int8_t *in, int8_t *out) {
      float sum = 0;
      for (int i = 0; i < N; i++) {
        table[i & 7] = (float)in[i] * 0.37f;
        sum += table[(i * 5) & 7];
        out[i] = (int8_t)(in[i] / ((i & 3) + 1) + (int)sum + fib(i & 7));
      }
      struct big c = *(struct big *)&a;
      c.v[3] = out[5];
      *(struct big *)&b = c;
      return 0;
    }
    """
    elf = build(body, target, toolchain, opt=opt)
    machine = get_target(target)
    unicorn = run_program(elf, machine, INPUTS, "unicorn", measured_sets=None)
    qemu = run_program(elf, machine, INPUTS, "qemu", measured_sets=None)
    assert unicorn.faults == qemu.faults == ()
    assert unicorn.outputs == qemu.outputs

    def counts(functions: tuple[FunctionProfile, ...]) -> dict[str, tuple[int, int]]:
        return {item.name: (item.calls, item.instructions) for item in functions}

    assert counts(unicorn.functions) == counts(qemu.functions)
    assert unicorn.instructions == qemu.instructions > 0
    assert unicorn.cycles_estimated == pytest.approx(qemu.cycles_estimated, rel=0.02)


def test_python_hooks_count_the_same(build: Build, monkeypatch: pytest.MonkeyPatch):
    elf = build(DOUBLE)
    native = run(elf)
    monkeypatch.setenv("TINYML_NATIVE_HOOKS", "0")
    native_hooks.cache_clear()
    python = run(elf)
    native_hooks.cache_clear()
    assert python.functions == native.functions


def test_high_water_and_holes(build: Build):
    body = """
    int net_run(int8_t *in, int8_t *out) {
      for (int i = 0; i < N; i++) out[i] = in[i];
      *(volatile uint8_t *)&arena[300] = 0xA5; /* the value of the first fill */
      *(volatile uint8_t *)&arena[410] = 0x5A;
      return 0;
    }
    """
    result = run(build(body, arena=1000))
    assert result.symbol_high_water("arena") == 411
    assert result.symbol_holes("arena") == ((128, 300), (301, 410))
    with pytest.raises(SimulatorError, match="no variable 'arenas'"):
        result.symbol_high_water("arenas")


def test_stack_depth_is_exact(build: Build):
    # 10 frames of 8 bytes, pushed whole; harness_run may add a frame of its own.
    body = """
    __attribute__((naked)) int deep(int n) {
      __asm__ volatile("push {r4, lr}\\n subs r0, #1\\n beq 1f\\n bl deep\\n"
                       "1: pop {r4, pc}");
    }
    __attribute__((naked)) int net_run(int8_t *in, int8_t *out) {
      __asm__ volatile("push {r4, lr}\\n mov r4, r1\\n movs r0, #10\\n bl deep\\n"
                       "movs r0, #0\\n add r1, r4, #64\\n"
                       "1: str r0, [r4], #4\\n cmp r4, r1\\n bne 1b\\n"
                       "pop {r4, pc}");
    }
    """
    result = run(build(body))
    assert result.faults == ()
    own = result.network_stack_bytes
    assert own is not None
    assert own - 11 * 8 in (0, 8)
    assert next(f for f in result.functions if f.name == "deep").calls == 10


def test_loop_to_the_entry_is_no_call(build: Build):
    body = """
    __attribute__((naked)) void spin(int n) {
      __asm__ volatile("subs r0, #1\\n bne spin\\n bx lr");
    }
    int net_run(int8_t *in, int8_t *out) { spin(50); spin(3); return 0; }
    """
    result = run(build(body))
    spin = next(f for f in result.functions if f.name == "spin")
    assert (spin.calls, spin.instructions) == (2, 53 * 2 + 2)


CALLS = """
__attribute__((naked)) static void twice(void) {
  __asm__ volatile("nop\\n nop\\n bx lr");
}
__attribute__((naked)) static void jumps(void) {
  __asm__ volatile("nop\\n b.w %c0" : : "i"(twice));
}
__attribute__((naked)) static void outer(int n) {
  __asm__ volatile("push {r4, lr}\\n mov r4, r0\\n"
                   "1: bl %c0\\n subs r4, #1\\n bne 1b\\n pop {r4, pc}"
                   : : "i"(twice));
}
int net_run(int8_t *in, int8_t *out) {
  outer(5);
  outer(2);
  jumps();
  return 0;
}
"""


@pytest.mark.parametrize("native", ["1", "0"])
def test_calls_are_followed(build: Build, native: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TINYML_NATIVE_HOOKS", native)
    native_hooks.cache_clear()
    result = run(build(CALLS))
    native_hooks.cache_clear()
    assert result.calls is not None
    (net_run,) = (call for call in result.calls.walk() if call.name == "net_run")
    first, second, jumps = net_run.calls
    names = [call.name for call in (first, second, jumps)]
    assert names == ["outer", "outer", "jumps"]
    # 2 around the loop, 3 in it, and what is called in it; the last is the return.
    own, each = 2 + 1, 3
    for call, turns in ((first, 5), (second, 2)):
        assert call.times == 1
        (inner,) = call.calls
        assert (inner.name, inner.times, inner.calls) == ("twice", turns, [])
        assert inner.own_instructions == inner.instructions == 3 * turns
        assert call.own_instructions == own + each * turns
        assert call.instructions == own + (each + 3) * turns
    (inner,) = jumps.calls
    assert (inner.name, inner.times) == ("twice", 1)
    assert jumps.instructions == 2 + 3


@pytest.mark.parametrize("core", CORES)
def test_calls_add_up_to_functions(build: Build, core: str):
    result = run_program(build(CALLS, core), get_target(core), INPUTS[:N])
    assert result.calls is not None
    assert result.calls.instructions == result.instructions
    assert result.calls.cycles == result.cycles_estimated
    for item in result.functions:
        cycles = sum(c.own_cycles for c in result.calls.walk() if c.name == item.name)
        assert cycles == item.cycles_estimated


@pytest.mark.parametrize("toolchain, target", BUILDS)
def test_layers(build: Build, toolchain: str, target: str):
    body = """
    int net_run(int8_t *in, int8_t *out) {
      harness_layer(3, in, N);
      for (int i = 0; i < N; i++) out[i] = (int8_t)(in[i] + 1);
      harness_layer(70000, out, 2);
      return 0;
    }
    """
    result = run_program(build(body, target, toolchain), get_target(target), INPUTS)
    assert result.faults == ()
    expected = [
        record
        for item in SETS
        for record in ((3, item.tobytes()), (70000, (item[:2] + 1).tobytes()))
    ]
    assert list(result.layers) == expected


@pytest.mark.parametrize("toolchain, target", BUILDS[1:])
def test_memory_functions(build: Build, toolchain: str, target: str):
    """Every length and alignment, against loops over bytes."""
    body = """
    void *memcpy(void *, const void *, unsigned);
    void *memmove(void *, const void *, unsigned);
    void *memset(void *, int, unsigned);
    static uint8_t want[80], got[80];
    static int check(void) {
      for (int i = 0; i < 80; i++) if (want[i] != got[i]) return 1;
      return 0;
    }
    static void start(void) {
      for (int i = 0; i < 80; i++) want[i] = got[i] = (uint8_t)(3 * i + 1);
    }
    int net_run(int8_t *in, int8_t *out) {
      for (unsigned n = 0; n < 24; n++)
        for (unsigned to = 0; to < 5; to++)
          for (unsigned from = 0; from < 5; from++) {
            volatile uint8_t *w = want;
            start();
            for (unsigned i = 0; i < n; i++) w[to + i] = w[40 + from + i];
            if (memcpy(got + to, got + 40 + from, n) != got + to || check()) return 1;
            start();
            if (to < from)
              for (unsigned i = 0; i < n; i++) w[to + i] = w[from + i];
            else
              for (unsigned i = n; i-- > 0;) w[to + i] = w[from + i];
            if (memmove(got + to, got + from, n) != got + to || check()) return 2;
            start();
            for (unsigned i = 0; i < n; i++) w[to + i] = (uint8_t)(200 + from);
            if (memset(got + to, 200 + (int)from, n) != got + to || check()) return 3;
          }
      for (int i = 0; i < N; i++) out[i] = in[i];
      return 0;
    }
    """
    target_machine = get_target(target)
    result = run_program(build(body, target, toolchain), target_machine, INPUTS[:N])
    assert result.faults == ()
    assert {"memcpy", "memset"} <= {item.name for item in result.network_functions}


def test_larger_memory_than_any_part(build: Build):
    target = get_target("cortex-m4").with_memory(flash=8 << 20, ram=2 << 20)
    body = "const int8_t weights[4 << 20] = {5};\n" + DOUBLE.replace(
        "2 * in[i]", "2 * in[i] + weights[(unsigned)i * 65536 + 1]"
    )
    elf = build(body, target, arena=1 << 20)
    result = run_program(elf, target, INPUTS)
    assert result.outputs == DOUBLED
    if shutil.which("qemu-system-arm"):
        with pytest.raises(SimulatorError, match="has 4194304 bytes of flash"):
            run_program(elf, target, INPUTS, "qemu")


def test_wrong_pairings(build: Build):
    elf = build(DOUBLE)
    with pytest.raises(SimulatorError, match="'host' does not run target cortex-m4"):
        run_program(elf, get_target("cortex-m4"), INPUTS, "host")
    with pytest.raises(SimulatorError, match="'qemu' does not run target host"):
        run_program(elf, get_target("host"), INPUTS, "qemu")


def test_missing_qemu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SimulatorError, match="QEMU is not installed"):
        find_qemu()


def test_counts_of_blocks_translated_twice(build: Build):
    program = read_program(
        build(
            "int net_run(int8_t *in, int8_t *out) {"
            ' __asm__ volatile("nop\\n b.w net_run"); }'
        )
    )
    at = program.symbols["net_run"].address
    text = f"{at} 2 10 3\n{at} 2 5 1\n{at + 2} 1 7 0\n"
    counts = parse_counts(text, program)
    assert counts == (BlockCount(at, 6, 15, 4), BlockCount(at + 2, 4, 7, 0))


def test_profile_of_given_counts(build: Build):
    program = read_program(build(DOUBLE))
    assert profile_blocks(program, [], "cortex-m4") == ()
    start = program.symbols["harness_run_end"].address
    profile = profile_blocks(program, [BlockCount(start, 2, 3, 0)], "cortex-m4")
    # One `bx lr`, taken each time.
    assert profile == (FunctionProfile("harness_run_end", 3, 3, 3 * (1 + 2)),)
    with pytest.raises(ProfileError, match="outside the program at 0x00800000"):
        profile_blocks(program, [BlockCount(8 << 20, 2, 1, 0)], "cortex-m4")
