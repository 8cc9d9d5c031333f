"""What `tinyml-opt --check-each` is made of, and random networks under it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from networks import Limits, add_conv2d, lower, passes, random_network, seeds
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, InterpretationError

from tinyml.dialects.network import network_function
from tinyml.dialects.thumb_memory import LdrsbOp
from tinyml.frontend.load import parse_mlir
from tinyml.passes.pipelines import instructions
from tinyml.tools.arena_owners import plan_of, plan_problem
from tinyml.tools.check_each import CheckEach
from tinyml.tools.check_interface import interface_of, match_interfaces
from tinyml.tools.input_sets import input_sets, network_ports
from tinyml.tools.instrumentation import run_passes
from tinyml.tools.kernel_keys import KernelKeys, kernel_functions
from tinyml.tools.kernel_steps import KernelSteps
from tinyml.tools.native_kernels import NativeKernels
from tinyml.tools.network_runner import How, NetworkRunner
from tinyml.tools.network_signature import NetworkSignature
from tinyml.tools.network_trace import (
    compare_arrays,
    element_index,
    first_difference,
    trace_network,
)
from tinyml.tools.thumb_core import run_code

KERNELS = """
"memref.global"() <{sym_name = "table", sym_visibility = "private", type = memref<2xi8>, initial_value = dense<[1, 2]> : tensor<2xi8>, constant}> : () -> ()

func.func private @beyond(%x: memref<4xi8>, %c: memref<2xi8>, %y: memref<4xi8>) {
  %one = arith.constant 1 : i8
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %far = arith.constant 1000000000 : index
  %step = arith.constant STEP : index
  scf.for %i = %c0 to %c4 step %step {
    %v = memref.load %x[%i] : memref<4xi8>
    %at = arith.addi %i, %PLACE : index
    memref.store %v, %TARGET[%at] : memref<SIZExi8>
  }
  func.return
}
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %c = memref.get_global @table : memref<2xi8>
  func.call @beyond(%x, %c, %y) {tinyml.op = "tinyml.copy"} : (memref<4xi8>, memref<2xi8>, memref<4xi8>) -> ()
  func.return
}
"""

CHAIN = """
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.maximum ins(%a, %b : memref<1x4x4x2xi8>, memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>)
  func.return
}
"""


QUANTIZED = """
func.func @main(%x: memref<1x4xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4xf32> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4xi8>
  %b = tinyml.alloc : memref<1x4xi8>
  tinyml.quantize ins(%x : memref<1x4xf32>) outs(%a : memref<1x4xi8>) scale 5.000000e-01 zero_points [-1] rounding away
  tinyml.minimum ins(%a, %a : memref<1x4xi8>, memref<1x4xi8>) outs(%b : memref<1x4xi8>)
  tinyml.dequantize ins(%b : memref<1x4xi8>) outs(%y : memref<1x4xf32>) scale 5.000000e-01 zero_points [-1]
  func.return
}
"""


def parsed(text: str) -> ModuleOp:
    return parse_mlir(text.encode(), "network.mlir")


def kernels(
    step: int = 1, place: str = "c0", target: str = "y", size: int = 4
) -> ModuleOp:
    text = KERNELS.replace("STEP", str(step)).replace("PLACE", place)
    return parsed(text.replace("TARGET", target).replace("SIZE", str(size)))


def runner(folder: Path, steps: int) -> NetworkRunner:
    return NetworkRunner(NativeKernels(folder), steps)


def signature(module: ModuleOp) -> object:
    return NetworkSignature(module, KernelKeys(module)).read()


def check(module: ModuleOp, pipeline: str, steps: int = 20_000) -> CheckEach:
    """Runs passes under the check, which raises DiagnosticException."""
    observer = CheckEach(1, steps)
    found = passes(pipeline).passes
    try:
        run_passes(Context(), module, found, (observer,))
    finally:
        observer.finish()
    return observer


# Inputs and tensors


def test_inputs_reach_both_ends():
    sets = input_sets(parsed(CHAIN), 2)
    names = ["minimum", "maximum", "alternating", "seed 0", "seed 1"]
    assert [each.name for each in sets] == names
    lowest, highest, both, first, second = (each.arrays[0] for each in sets)
    assert (lowest == -128).all()
    assert (highest == 127).all()
    assert both.reshape(-1)[:3].tolist() == [-128, 127, -128]
    assert not np.array_equal(first, second)
    assert {array.dtype.name for array in (lowest, highest, both, first)} == {"int8"}


@pytest.mark.parametrize("seed", seeds(6))
def test_floats_go_beyond_their_quantization(seed: int):
    module = random_network(random.Random(seed), 1)
    ports = network_ports(module).inputs
    for inputs in input_sets(module, 1)[:2]:
        for port, array in zip(ports, inputs.arrays, strict=True):
            if port.dtype.kind == "f":
                # The scale is 0.25, the zero point -3.
                assert array.reshape(-1)[0] in ((-128 + 3) * 0.3125, (127 + 3) * 0.3125)


def test_the_first_element_that_differs():
    assert element_index(23, (2, 3, 4)) == (1, 2, 3)
    before = np.arange(6, dtype=np.int16).reshape(2, 3)
    after = before.copy()
    after[1, 0] = 9
    found = compare_arrays("x", before, after.reshape(-1))
    assert str(found) == "x at [1, 0] is 9, was 3 (1 of 6 differ)"
    assert compare_arrays("x", before, before.copy()) is None
    # Bits count: NaN equals itself, and 0.0 is not -0.0.
    floats = np.array([np.nan, 0.0], np.float32)
    assert compare_arrays("x", floats, floats.copy()) is None
    assert compare_arrays("x", floats, np.array([np.nan, -0.0], np.float32))


# Kernels


def test_steps_follow_loops():
    steps = KernelSteps(kernel_functions(kernels(step=2)))
    # Five constants, the loop with two turns of four ops, and the return.
    assert steps.of("beyond") == 5 + 1 + 2 * 4 + 1
    assert steps.of("main") == 1 + 1 + steps.of("beyond") + 1


@pytest.mark.parametrize(
    "place, target, size, problem",
    [
        ("c4", "y", 4, "writes outside of its buffers"),
        ("far", "y", 4, "the kernels crash with SIGSEGV"),
        ("c0", "c", 2, "writes to a constant|writes outside of its buffers"),
    ],
)
def test_native_kernels_keep_to_their_buffers(
    place: str, target: str, size: int, problem: str, tmp_path: Path
):
    module = kernels(place=place, target=target, size=size)
    sets = input_sets(module, 1)[3:]
    with pytest.raises(InterpretationError, match=problem):
        runner(tmp_path, 0).run(module, sets, KernelKeys(module))


def test_kernels_are_compiled_once(tmp_path: Path):
    module = kernels()
    sets = input_sets(module, 1)
    found = runner(tmp_path, 0)
    assert found.run(module, sets, KernelKeys(module)).how is How.NATIVELY
    renamed = lower(module, "tinyml-prefix-symbols{prefix=other},tinyml-mark-readonly")
    assert signature(renamed) == signature(module)
    found.run(renamed, sets, KernelKeys(renamed))
    assert found.native.libraries == 1
    other = kernels(step=2)
    assert signature(other) != signature(module)
    found.run(other, sets, KernelKeys(other))
    assert found.native.libraries == 2


LOWERED = (
    "tinyml-plan-memory,tinyml-convert-layers-to-loops",
    "tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena,dce",
)


@pytest.mark.parametrize("pipeline", LOWERED)
@pytest.mark.parametrize("seed", seeds(2))
def test_kernels_run_natively_as_in_the_interpreter(
    seed: int, pipeline: str, tmp_path: Path
):
    module = random_network(random.Random(seed), 3, Limits(size=5, channels=3))
    sets = input_sets(module, 1)
    lowered = lower(module, pipeline)
    keys = KernelKeys(lowered)
    natively = runner(tmp_path, 0).run(lowered, sets, keys)
    interpreted = runner(tmp_path, 10_000_000).run(lowered, sets[3:], keys)
    assert (natively.how, interpreted.how) == (How.NATIVELY, How.INTERPRETED)
    assert (natively.problem, interpreted.problem) == (None, None)
    for inputs, trace in zip(sets, natively.traces, strict=True):
        wanted = trace_network(module, inputs)
        assert first_difference(wanted, trace, lambda n: f"output {n}") is None
    both = natively.traces[3], interpreted.traces[0]
    assert first_difference(*both, lambda n: f"output {n}") is None


# Plans


def test_a_plan_that_frees_early():
    module = lower(parsed(CHAIN), "tinyml-overlap,tinyml-plan-memory")
    trace = trace_network(module, input_sets(module, 1)[3])
    plan = plan_of(module)
    assert plan is not None
    assert plan_problem(module, trace, plan) is None
    buffers = [*network_function(module).body.block.args]
    # The buffers are x, y, a and b, in this order: b goes onto a.
    assert len(buffers) == 2
    wrong = [*plan[:3], plan[2]]
    found = plan_problem(module, trace, wrong)
    assert found is not None
    assert found.startswith("layer %y reads %a at [0, 0, 0, 0], where %b was written")


def test_inputs_are_those_behind_layers_that_are_gone():
    before, after = parsed(QUANTIZED), lower(parsed(QUANTIZED), "tinyml-quantized-io")
    sets = input_sets(before, 1)
    traces = [trace_network(before, inputs) for inputs in sets]
    old, new = interface_of(before), interface_of(after)
    matched = match_interfaces(old, new, sets, traces)
    assert matched.sets is not None
    assert [each.arrays[0].dtype.name for each in matched.sets] == ["int8"] * 4
    assert (matched.sets[0].arrays[0] == -128).all()
    assert matched.outputs == frozenset()
    assert matched.remarks == (
        'input "x" is 1x4xint8 now, was 1x4xfloat32: it gets what the layers before it '
        "made",
        'output "y" is 1x4xint8 now, was 1x4xfloat32: compared as the tensor of its '
        "layer",
    )
    assert match_interfaces(old, old, sets, traces).remarks == ()
    nothing = match_interfaces(new, old, sets, traces)
    assert nothing.sets is None
    assert nothing.remarks[0].endswith("nothing is compared")


# Whole pipelines


@pytest.mark.parametrize("pipeline", ["@default", "@ram", "@size", "@stages"])
@pytest.mark.parametrize("seed", seeds(2))
def test_random_networks_pass(seed: int, pipeline: str):
    module = random_network(random.Random(seed), 4, Limits(size=6, channels=4))
    observer = check(module, pipeline)
    assert observer.unchecked == []
    assert "not run" not in observer.counts


HOT = (
    "tinyml-select-kernels{words=all},tinyml-plan-memory,"
    "tinyml-convert-layers-to-loops,tinyml-lower-arena," + instructions("cortex-m4")
)


def hot_network(seed: int = 0) -> ModuleOp:
    """Convolutions whose loops become instructions."""
    limits = Limits(size=4, channels=8)
    return random_network(random.Random(seed), 1, limits, [add_conv2d])


def test_instructions_are_checked_by_calls(capfd: pytest.CaptureFixture[str]):
    observer = check(hot_network(), HOT)
    # There is nothing to spill.
    assert observer.counts["by their instructions"] == 3
    assert "remark" not in capfd.readouterr().err


@dataclass(frozen=True)
class WrongInstructionPass(ModulePass):
    """Loads bytes in front of those that are meant."""

    name = "test-wrong-instruction"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for each in op.walk():
            if isinstance(each, LdrsbOp) and each.offset.value.data > 0:
                number = each.offset.value.data - 1
                each.properties["offset"] = IntegerAttr(number, each.offset.type)


@pytest.mark.parametrize("before", [6, 9])
def test_a_wrong_instruction_is_named(before: int):
    """In the interpreter, and with registers on a simulated core."""
    module, observer = hot_network(), CheckEach(1)
    found = (*passes(HOT).passes[:before], WrongInstructionPass())
    message = rf"\(pass {before + 1}\): @hot_0_thumb stores \d+ at byte"
    with pytest.raises(DiagnosticException, match=message):
        run_passes(Context(), module, found, (observer,))
    observer.finish()


STORE_FIFTH = "009a 0260 7047"
"""`ldr r2, [sp]`, `str r2, [r0]`, `bx lr`"""


@pytest.mark.parametrize(
    "code, problem",
    [
        ("0124 7047", "does not restore r4"),
        ("08ee101a 7047", "does not restore d8"),
        ("81b0 7047", "returns with another stack pointer"),
        ("0160 ff60 7047", "stops on a core"),
    ],
)
def test_functions_on_a_core_keep_to_the_rules(code: str, problem: str):
    memory = {0x2000_0000: bytearray(8)}
    with pytest.raises(InterpretationError, match=problem):
        run_code(bytes.fromhex(code), [0x2000_0000, 1], memory)


def test_a_function_on_a_core_gets_its_arguments():
    memory = {0x2000_0004: bytearray(8)}
    arguments = [0x2000_0008, 2, 3, 4, -5]
    run_code(bytes.fromhex(STORE_FIFTH), arguments, memory)
    assert memory[0x2000_0004].hex() == "00000000fbffffff"
