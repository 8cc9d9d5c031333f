"""
Pointwise convolutions that share hot loops: in C, in the interpreter, as instructions,
and on a core they equal the interpreter's layers, whatever their sizes.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from core_networks import check_on_core
from networks import lower, random_bytes, random_inputs, seeds
from test_dot_kernels import KERNELS, check
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr, MemRefType, ModuleOp, i8
from xdsl.ir import SSAValue

from tinyml.dialects import tinyml
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.kernel import is_shared
from tinyml.dialects.layer import shape
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_function, run_network
from tinyml.interp.thumb import run_thumb
from tinyml.passes.linear_index import Linear, linear
from tinyml.passes.loops.kernel import Kernel
from tinyml.passes.pipelines import LOWERING
from tinyml.passes.select_thumb import THUMB

PLAN = f"{KERNELS['shared']},tinyml-overlap,tinyml-plan-memory,{LOWERING}"
OUTLINED = f"{PLAN},tinyml-outline-hot-loops"
SELECTED = f"{OUTLINED},tinyml-select-thumb,tinyml-thumb-schedule"
ORIGIN, APART = 0x2000_0000, 0x10000


def add_pointwise(b: NetworkBuilder, r: random.Random, x: SSAValue) -> SSAValue:
    """A layer that has the kernel: multiples of four channels, double rounding."""
    *pixels, depth = shape(x)
    channels = 4 * r.randint(1, 4)
    y = b.buffer((*pixels, channels), i8)
    name = f"c{len(b.globals)}"
    # Wide ones, too.
    least, most = r.choice([(1 << 30, -2), (1 << 28, 0)])
    factors = [
        (r.randint(least, (1 << 31) - 1), r.randint(-9, most)) for _ in range(channels)
    ]
    bias = [r.randint(-(1 << 14), 1 << 14) for _ in range(channels)]
    zero_point = r.randint(-128, 127)
    clamp = r.choice([(-128, 127), (zero_point, 127), (-20, 90)])
    op = tinyml.Conv2DOp(
        x,
        y,
        b.constant(f"{name}_w", random_bytes(r, (channels, 1, 1, depth), i8)),
        b.constant(f"{name}_b", np.array(bias, np.int32)),
        b.constant(f"{name}_r", np.array(factors, np.int32)),
        WindowAttr.get((1, 1)),
        (r.randint(-128, 127), zero_point),
        clamp,
        Rounding.DOUBLE,
    )
    b.layer(op, f"layer {len(list(b.block.ops))}")
    return y


def network(r: random.Random, count: int) -> ModuleOp:
    b = NetworkBuilder("main")
    size = (r.randint(1, 2), r.randint(1, 3), r.randint(2, 4), 4 * r.randint(1, 4))
    y = b.input(size, i8, TensorAttr.get("x", 0.5, 1))
    for _ in range(count):
        y = add_pointwise(b, r, y)
    module = b.finish([(y, TensorAttr.get("y", 0.5, 1))])
    module.verify()
    return module


def networks(count: int) -> list[ModuleOp]:
    return [network(random.Random(seed), 4) for seed in seeds(count)]


def test_all_are_shared():
    for module in networks(8):
        chosen = lower(module, KERNELS["shared"])
        assert all(map(is_shared, layers(network_function(chosen))))


def test_in_c(tmp_path: Path):
    modules = {f"net_{i}": (module, module) for i, module in enumerate(networks(24))}
    check(modules, tmp_path, "shared")


def test_outlined():
    """Functions of any size, whose buffers are no larger than what is reached."""
    for number, module in enumerate(networks(6)):
        inputs = random_inputs(random.Random(number), module)
        (expected,) = run_network(module, inputs)
        (found,) = run_network(lower(module, OUTLINED), inputs)
        np.testing.assert_array_equal(found, expected)


def number(value: SSAValue) -> int:
    """The number that an index is, which has to be computed from constants."""
    match value.owner:
        case arith.ConstantOp(value=IntegerAttr(value=found)):
            return found.data
        case arith.AddiOp() as op:
            return number(op.lhs) + number(op.rhs)
        case arith.MuliOp() as op:
            return number(op.lhs) * number(op.rhs)
        case _:
            raise AssertionError(value)


def argument(value: SSAValue, rng: np.random.Generator) -> np.ndarray | int:
    """What a call gives: random memory as large as a buffer, or a number."""
    if not isinstance(type := value.type, MemRefType):
        return number(value)
    view = value.owner
    assert isinstance(view, memref.ReinterpretCastOp)
    (size,) = map(number, view.sizes)
    dtype = numpy_dtype(type.element_type)
    return rng.integers(0, 256, size * dtype.itemsize, np.uint8).view(dtype)


def test_as_instructions():
    for module in networks(4):
        selected = lower(module, SELECTED)
        functions = {
            f.sym_name.data: f for f in selected.ops if isinstance(f, func.FuncOp)
        }
        for call in selected.walk():
            if not isinstance(
                call, func.CallOp
            ) or not call.callee.string_value().startswith("hot_"):
                continue
            name = call.callee.string_value()
            assert THUMB in functions[name].attributes
            rng = np.random.default_rng(0)
            arguments = [argument(value, rng) for value in call.operands]
            memory: dict[int, bytearray] = {}
            words: list[int] = []
            for value in arguments:
                at = ORIGIN + len(memory) * APART
                if isinstance(value, np.ndarray):
                    memory[at] = bytearray(value.tobytes())
                words.append(at if isinstance(value, np.ndarray) else value)
            run_function(selected, name, arguments)
            run_thumb(selected, f"{name}_thumb", words, memory)
            arrays = [value for value in arguments if isinstance(value, np.ndarray)]
            for array, data in zip(arrays, memory.values(), strict=True):
                np.testing.assert_array_equal(
                    array.view(np.uint8), np.frombuffer(data, np.uint8)
                )


def test_layers_share():
    """Even and odd numbers of pixels; sizes and zero points are arguments."""
    b = NetworkBuilder("main")
    x = b.input((1, 3, 3, 8), i8, TensorAttr.get("x", 0.5, 1))
    for index, channels in enumerate((4, 12, 20, 8)):
        y = b.buffer((1, 3, 3, channels), i8)
        factors = np.tile(np.array([1 << 30, -6], np.int32), (channels, 1))
        weights = np.full((channels, 1, 1, shape(x)[3]), index + 1, np.int8)
        op = tinyml.Conv2DOp(
            x,
            y,
            b.constant(f"w{index}", weights),
            None,
            b.constant(f"r{index}", factors),
            WindowAttr.get((1, 1)),
            (0, index),
            (-128, 127),
            Rounding.DOUBLE,
        )
        b.layer(op, f"layer {index}")
        x = y
    module = b.finish([(x, TensorAttr.get("y", 0.5, 1))])
    selected = lower(module, SELECTED.replace("tinyml-overlap,", ""))
    assert sum(isinstance(op, ThumbFuncOp) for op in selected.ops) == 2


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7"])
def test_on_core(target: str, tmp_path: Path):
    for seed in seeds(3):
        module = network(random.Random(seed), 6)
        directory = tmp_path / str(seed)
        directory.mkdir()
        assert check_on_core(module, directory, target, objective="size")


def test_products_with_parameters():
    """Sums of products are taken apart; equal ones are equal in any order."""
    function = func.FuncOp("f", ([IndexType()] * 2, []))
    n, m = function.body.block.args
    k = Kernel(function.body.block)
    total = k.mul(k.add(n, k.index(2)), k.mul(m, k.index(3)))
    assert linear(total) == Linear(0, {(n, m): 3, (m,): 6})
    assert linear(k.sub(total, k.mul(k.mul(m, n), k.index(3)))) == Linear(0, {(m,): 6})
    assert linear(total) - linear(total) == Linear()
    parameter = k.parameter(7, "p")
    assert k.known(parameter) is None
    assert linear(k.mul(parameter, parameter)).terms == {(parameter, parameter): 1}
