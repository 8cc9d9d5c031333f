"""Programs that go wrong, and what the simulators say of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyml.backend.simulator import RunResult, SimulatorName, run_program
from tinyml.backend.target_machine import get_target
from tinyml.backend.toolchain import find_toolchain

N = 64

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not installed"
)

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
    def make(body: str, target: str = "cortex-m4", arena: int = 2 * N) -> Path:
        source = tmp_path / "net.c"
        source.write_text(GLUE + body)
        tools = find_toolchain(None, target)
        defines = {"ARENA_BYTES": arena}
        return tools.link(
            tools.compile([source], tmp_path, defines=defines), tmp_path / "net.elf"
        )

    return make


def run(
    elf: Path, simulator: SimulatorName | None = None, timeout: float = 20
) -> RunResult:
    """One set on an M4, measured."""
    target = get_target("cortex-m4")
    return run_program(elf, target, INPUTS[:N], simulator, timeout=timeout)


FAULTS = {
    "write_to_flash": (
        "int net_run(int8_t *in, int8_t *out) {"
        " *(volatile int32_t *)&harness_input_count = 3; return 0; }",
        "write to read-only memory of 4 bytes at 0x0000.... in net_run$",
    ),
    "unmapped": (
        "int net_run(int8_t *in, int8_t *out) {"
        " return *(volatile int32_t *)0x30000000; }",
        r"read of 4 bytes at 0x30000000 in net_run\+0x",
    ),
    "undefined": (
        'int net_run(int8_t *in, int8_t *out) { __asm__ volatile("udf #0"); return 0; }',
        r"undefined instruction in net_run\+0x",
    ),
    "stack_overflow": (
        "int net_run(int8_t *in, int8_t *out) {"
        " volatile int x[9]; x[0] = 1; return net_run(in, out) + x[0]; }",
        r"stack overflow: write of \d bytes at 0x1fff.... in net_run$",
    ),
    "double_precision_on_m4": (
        "int net_run(int8_t *in, int8_t *out) {"
        ' __asm__ volatile(".inst.n 0xee31\\n.inst.n 0x0b00"); return 0; }',
        "undefined instruction in net_run",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(build: Build, name: str):
    body, message = FAULTS[name]
    result = run(build(body))
    assert not result.ok
    assert result.exit_status is None
    assert result.fault is not None
    assert re.search(message, result.fault)


@needs_qemu
@pytest.mark.parametrize("name", ["unmapped", "undefined", "double_precision_on_m4"])
def test_faults_in_qemu(build: Build, name: str):
    result = run(build(FAULTS[name][0]), "qemu")
    assert not result.ok
    assert result.fault is not None
    assert "in net_run+0x" in result.fault


@pytest.mark.parametrize(
    "simulator", ["unicorn", pytest.param("qemu", marks=needs_qemu)]
)
def test_endless_loop_times_out(build: Build, simulator: SimulatorName):
    elf = build("int net_run(int8_t *in, int8_t *out) { for (;;) out[0]++; }")
    result = run(elf, simulator, timeout=0.5)
    assert result.timed_out
    assert result.fault is not None
    assert "timed out after 0.5 s" in result.fault
    assert result.exit_status is None


def test_host_faults(build: Build):
    host = get_target("host")
    crash = "int net_run(int8_t *in, int8_t *out) { __builtin_trap(); }"
    result = run_program(build(crash, "host"), host, INPUTS)
    assert result.fault is not None
    assert result.fault.startswith("killed by SIG")
    loop = (
        "int net_run(int8_t *in, int8_t *out) { for (;;) *(volatile char *)out = 1; }"
    )
    result = run_program(build(loop, "host"), host, INPUTS, timeout=0.3)
    assert result.timed_out


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_status_of_the_network(build: Build, target: str):
    body = DOUBLE.replace("return 0", "return in[0] == 7 ? 42 : 0")
    result = run_program(build(body, target), get_target(target), INPUTS)
    assert result.exit_status == 42
    assert len(result.outputs) == N  # the first set went well
    assert result.faults == ("exit status 42: returned by the network",)


@pytest.mark.parametrize("target", ["host", "cortex-m4"])
def test_inputs_that_are_cut_off(build: Build, target: str):
    elf = build(DOUBLE, target)
    result = run_program(elf, get_target(target), INPUTS[:-3])
    assert result.faults == ("exit status 113: inputs.bin ends within a set",)
    assert result.outputs == DOUBLED[: 2 * N]


def test_read_before_write_is_found(build: Build):
    body = """
    int net_run(int8_t *in, int8_t *out) {
      for (int i = 0; i < N; i++) out[i] = in[i];
      out[5] = arena[2 * N + 9];
      return 0;
    }
    """
    result = run(build(body, arena=3 * N))
    assert result.ok
    assert result.repeatable is False
    assert len(result.faults) == 1


def test_read_of_stale_stack_is_found(build: Build):
    body = """
    __attribute__((naked)) int stale(void) {
      __asm__ volatile("ldr r0, [sp, #-64]\\n bx lr");
    }
    int net_run(int8_t *in, int8_t *out) { out[0] = (int8_t)stale(); return 0; }
    """
    assert run(build(body)).repeatable is False


def test_unaligned_transfers_are_found(build: Build):
    body = """
    __attribute__((naked)) int pair(int8_t *p) {
      __asm__ volatile("ldrd r0, r1, [r0]\\n bx lr");
    }
    int net_run(int8_t *in, int8_t *out) {
      for (int i = 0; i < N; i++) out[i] = (int8_t)(pair(in) + i);
      return pair(in + 1) & 0;
    }
    """
    elf = build(body)
    result = run_program(elf, get_target("cortex-m4"), INPUTS[:N], check_alignment=True)
    assert result.unaligned == ("pair+0x0",)
    assert result.faults == ("unaligned access in pair+0x0",)
    if shutil.which("qemu-system-arm"):
        qemu = run(elf, "qemu")
        assert qemu.fault == "unaligned access in pair+0x0"
