"""A kernel in the `thumb` dialect: equal to NumPy, and as fast as one made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from thumb_dot import CHANNELS, PIXELS, dot_function
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.c_printer import print_code
from tinyml.backend.simulator import run_program
from tinyml.backend.target_machine import Core, get_target
from tinyml.backend.toolchain import find_toolchain
from tinyml.interp.thumb import run_thumb
from tinyml.passes.thumb_allocate import ThumbAllocatePass
from tinyml.passes.thumb_schedule import ThumbSchedulePass

BLOCKS = 4
X, W, Y = 0x2000_0000, 0x2001_0000, 0x2002_0000

GLUE = """
#include "harness.h"
static uint32_t x[{x_words}], w[{w_words}], y[{y_words}];
const uint32_t harness_input_count = 2, harness_output_count = 1;
struct harness_tensor harness_inputs[] = {{{{0, sizeof x}}, {{0, sizeof w}}}};
struct harness_tensor harness_outputs[] = {{{{0, sizeof y}}}};
void harness_setup(void) {{
  harness_inputs[0].data = x;
  harness_inputs[1].data = w;
  harness_outputs[0].data = y;
}}
int harness_run(void) {{
  dot((const int16_t *)x, (const int8_t *)w, (const int32_t *)y, {blocks});
  return 0;
}}
"""


def packed_inputs(x: np.ndarray) -> np.ndarray:
    """Pairs of widened inputs, of both pixels in turn."""
    pixels, inputs = x.shape
    return x.reshape(pixels, inputs // 2, 2).transpose(1, 0, 2).astype(np.int16)


def packed_weights(w: np.ndarray) -> np.ndarray:
    """A word for each pair of inputs and two channels: halves of c0 + 256 c1."""
    even, odd = w[0::2].astype(np.int32), w[1::2].astype(np.int32)
    lanes = (even + 256 * odd).astype(np.int16)
    channels, inputs = lanes.shape
    pairs = lanes.reshape(BLOCKS, channels // BLOCKS, inputs // 2, 2)
    return pairs.transpose(0, 2, 1, 3)


def cases(inputs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random and extreme inputs and weights; sums of odd channels are within 24 bits."""
    rng = np.random.default_rng(inputs)
    channels = BLOCKS * CHANNELS
    found = [
        (
            rng.integers(-128, 128, (PIXELS, inputs)),
            rng.integers(-127, 128, (channels, inputs)),
        ),
        (
            np.full((PIXELS, inputs), -128),
            np.tile(rng.choice([-127, 127], (channels, 1)), inputs),
        ),
        (
            rng.choice([-128, 127], (PIXELS, inputs)),
            rng.choice([-127, 127], (channels, inputs)),
        ),
    ]
    assert all(128 * np.abs(w).sum(axis=1).max() < 1 << 23 for _, w in found)
    return found


def expected(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    sums = w @ x.T
    return sums.reshape(BLOCKS, CHANNELS, PIXELS).transpose(0, 2, 1).reshape(-1)


def kernel(inputs: int, unroll: int | None, core: Core) -> ModuleOp:
    module = ModuleOp([dot_function("dot", inputs, unroll)])
    module.verify()
    for step in (ThumbSchedulePass(core), ThumbAllocatePass()):
        step.apply(Context(), module)
        module.verify()
    return module


@pytest.mark.parametrize("inputs, unroll", [(8, None), (16, 4)])
def test_interpreted(inputs: int, unroll: int | None):
    module = ModuleOp([dot_function("dot", inputs, unroll)])
    for _ in range(2):
        for x, w in cases(inputs):
            y = bytearray(4 * BLOCKS * CHANNELS * PIXELS)
            memory = {
                X: bytearray(packed_inputs(x).tobytes()),
                W: bytearray(packed_weights(w).tobytes()),
                Y: y,
            }
            assert run_thumb(module, "dot", [X, W, Y, BLOCKS], memory) is None
            assert (np.frombuffer(y, np.int32) == expected(x, w)).all()
        ThumbSchedulePass("cortex-m7").apply(Context(), module)
        ThumbAllocatePass().apply(Context(), module)


def cycles_per_mac(
    directory: Path, inputs: int, unroll: int | None, core: Core
) -> float:
    """Runs a kernel on a simulated core, compares, and estimates."""
    data = cases(inputs)
    source = directory / "dot.c"
    glue = GLUE.format(
        x_words=PIXELS * inputs // 2,
        w_words=BLOCKS * CHANNELS * inputs // 4,
        y_words=BLOCKS * CHANNELS * PIXELS,
        blocks=BLOCKS,
    )
    with source.open("w") as file:
        file.write("#include <stdint.h>\n")
        print_code(file, kernel(inputs, unroll, core))
        file.write(glue)
    tools = find_toolchain(None, core)
    elf = tools.link(tools.compile([source], directory), directory / "dot.elf")
    sets = b"".join(
        packed_inputs(x).tobytes() + packed_weights(w).tobytes() for x, w in data
    )
    aligned = run_program(
        elf, get_target(core), sets, memory=False, check_alignment=True
    )
    assert aligned.faults == ()
    result = run_program(elf, get_target(core), sets)
    assert result.faults == ()
    sums = np.frombuffer(result.outputs, np.int32).reshape(len(data), -1)
    for found, (x, w) in zip(sums, data, strict=True):
        assert (found == expected(x, w)).all()
    (function,) = (f for f in result.functions if f.name == "dot")
    assert function.calls == 1
    return function.cycles_estimated / (BLOCKS * CHANNELS * PIXELS * inputs)


@pytest.mark.parametrize(
    "core, inputs, unroll, by_hand, found",
    [
        ("cortex-m4", 32, None, 1.10, 1.092),
        ("cortex-m4", 144, None, 0.973, 0.973),
        ("cortex-m4", 144, 8, 0.973, 1.010),
        ("cortex-m7", 32, None, None, 0.578),
        ("cortex-m7", 144, None, None, 0.517),
        ("cortex-m7", 144, 8, None, 0.557),
    ],
)
def test_speed(
    tmp_path: Path,
    core: Core,
    inputs: int,
    unroll: int | None,
    by_hand: float | None,
    found: float,
):
    """Within 5 % of a kernel that was scheduled and allocated by hand, unrolled."""
    cycles = cycles_per_mac(tmp_path, inputs, unroll, core)
    assert cycles == pytest.approx(found, abs=0.004)
    assert by_hand is None or cycles <= 1.05 * by_hand


def test_order_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Loads where they are used cost a tenth on an M4, a quarter on an M7."""

    def keep(self: ThumbSchedulePass, ctx: Context, op: ModuleOp) -> None:
        """Leaves the order alone."""

    monkeypatch.setattr(ThumbSchedulePass, "apply", keep)
    assert cycles_per_mac(tmp_path, 32, None, "cortex-m4") > 1.2
    assert cycles_per_mac(tmp_path, 32, None, "cortex-m7") > 0.8
