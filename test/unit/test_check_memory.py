"""
`tinyml-check-memory` against runs that watch every byte, and against runs in C.

The interpreter remembers who wrote each byte of an arena (`check_owners`); what it says
of a plan has to be what the pass says without running anything. C says which plans give
other numbers: those have to be refused.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np
import pytest
from host_library import load_c
from networks import (
    LAYER_INPUTS,
    Limits,
    lower,
    random_inputs,
    random_layer,
    random_network,
)
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    f32,
    i8,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import InterpretationError, PassFailedException

from tinyml.backend.c_printer import print_code, print_constants
from tinyml.dialects.attributes import Rounding, TensorAttr, WindowAttr
from tinyml.dialects.constants import numpy_dtype
from tinyml.dialects.kernel import KERNEL, KernelAttr, Traversal
from tinyml.dialects.layer import buffer_bytes, buffer_type
from tinyml.dialects.network import layers, network_function, network_inputs
from tinyml.dialects.tinyml import AllocOp, DepthwiseConv2DOp
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.arena import align_up
from tinyml.passes.check_memory import CheckMemoryPass
from tinyml.passes.convert_layers_to_loops import REVERSIBLE
from tinyml.passes.kernel_scratch import SCRATCH_AT, kernel_scratch
from tinyml.passes.live_ranges import LiveRange, live_ranges
from tinyml.passes.plan_memory import with_offsets
from tinyml.passes.prefix_symbols import PrefixSymbolsPass

LOWERING = "tinyml-convert-layers-to-loops,tinyml-lower-arena,dce"


def complaint(module: ModuleOp) -> str | None:
    """What the pass has against a lowered module."""
    try:
        CheckMemoryPass().apply(Context(), module)
    except PassFailedException as error:
        return str(error)
    return None


def runs(module: ModuleOp, inputs: Sequence[np.ndarray]) -> bool:
    """Whether every byte that is read is the reader's own."""
    try:
        run_network(module, inputs, check_owners=True)
    except InterpretationError:
        return False
    return True


# Plans


@pytest.mark.parametrize("pipeline", ["@default", "@ram", "@reference"])
@pytest.mark.parametrize("seed", range(12))
def test_plans_are_accepted(seed: int, pipeline: str):
    r = random.Random(seed)
    module = random_network(r, r.choice([3, 6, 10]))
    lowered = lower(module, pipeline)
    before = str(lowered)
    assert complaint(lowered) is None
    assert str(lowered) == before
    assert runs(lowered, random_inputs(r, module))


@dataclass(frozen=True)
class Move:
    """A buffer of a planned network that is moved onto another one."""

    module: ModuleOp
    live: int
    """For how many layers both buffers live."""


def move_a_buffer(r: random.Random, module: ModuleOp) -> Move | None:
    """
    Moves one buffer onto bytes of another one that lives at the same time; as far as it
    may go, or by little.
    """
    module = lower(module, "tinyml-plan-memory")
    function = network_function(module)
    ranges = live_ranges(function)
    pairs = [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]
    if not pairs:
        return None
    moved, other = r.choice(pairs)
    at = offset(module, other) + r.choice(
        [0, r.randrange(other.size), -r.randrange(moved.size), other.size - 1]
    )
    at = max(at, 0) // moved.element_size * moved.element_size
    if not offset(module, other) - moved.size < at < offset(module, other) + other.size:
        return None
    old = number(function.attributes["tinyml.arena_bytes"])
    size = max(old, align_up(at + moved.size, 4))
    function.attributes["tinyml.arena_bytes"] = IntegerAttr(size, i64)
    if isinstance(alloc := moved.value.owner, AllocOp):
        alloc.properties["at"] = IntegerAttr(at, i64)
    else:
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({**old.data, "tinyml.at": IntegerAttr(at, i64)})
            if argument is moved.value
            else old
            for argument, old in zip(
                function.body.block.args, function.arg_attrs or (), strict=True
            )
        )
    live = min(moved.last, other.last) - max(moved.first, other.first) + 1
    return Move(lower(module, LOWERING), live)


def number(attr: object) -> int:
    assert isinstance(attr, IntegerAttr)
    return attr.value.data


def offset(module: ModuleOp, item: LiveRange) -> int:
    if isinstance(alloc := item.value.owner, AllocOp):
        assert alloc.at is not None
        return alloc.at.value.data
    function = network_function(module)
    for argument, attributes in zip(
        function.body.block.args, function.arg_attrs or (), strict=True
    ):
        if argument is item.value:
            return number(attributes.data["tinyml.at"])
    raise AssertionError


def test_moved_buffers_are_found():
    """
    All moves that change what is read, and all onto buffers that live at the same time
    for more than one layer. What is left are inputs and outputs of one layer, near but
    not too near.
    """
    r = random.Random(2)
    moved = longer = 0
    for _ in range(70):
        module = random_network(r, r.choice([2, 4, 7]), Limits(size=3, channels=2))
        move = move_a_buffer(r, module)
        if move is None:
            continue
        moved += 1
        message = complaint(move.module)
        assert (message is None) is runs(move.module, random_inputs(r, module)), message
        if move.live > 1:
            longer += 1
            assert message is not None
    assert moved > 40
    assert longer > 10


# Distances


@dataclass(frozen=True)
class Case:
    """A layer as a call of its kernel, and where its buffers may lie in an arena."""

    name: str
    module: ModuleOp
    inputs: list[list[np.ndarray]]

    @property
    def function(self) -> func.FuncOp:
        return network_function(self.module)

    @property
    def sizes(self) -> list[int]:
        """Of the inputs and the output."""
        return [buffer_bytes(buffer_type(a)) for a in self.function.body.block.args]

    @property
    def base(self) -> int:
        """Where the first input starts: above any output that does not meet it."""
        return align_up(self.sizes[-1], 8)

    @property
    def distances(self) -> range:
        """From all of the output below the first input to all of it above."""
        type = buffer_type(self.function.body.block.args[-1])
        unit = numpy_dtype(type.element_type).itemsize
        return range(-(self.sizes[-1] // unit * unit), self.sizes[0] + unit, unit)

    def offsets(self, distance: int) -> list[int]:
        """Of the first input, the output at a distance, the others above both."""
        at = self.base + self.sizes[0] + self.sizes[-1]
        others: list[int] = []
        for size in self.sizes[1:-1]:
            at = align_up(at, 8)
            others.append(at)
            at += size
        return [self.base, *others, self.base + distance]

    @property
    def arena_bytes(self) -> int:
        apart = self.offsets(self.sizes[0])
        return 8 + max(at + size for at, size in zip(apart, self.sizes, strict=True))

    def lowered(self, distance: int) -> ModuleOp:
        module = self.module.clone()
        function = network_function(module)
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({**old.data, "tinyml.at": IntegerAttr(at, i64)})
            for old, at in zip(
                function.arg_attrs or (), self.offsets(distance), strict=True
            )
        )
        size = IntegerAttr(self.arena_bytes, i64)
        function.attributes["tinyml.arena_bytes"] = size
        return lower(module, "tinyml-lower-arena,dce")

    def outputs(self, library: ctypes.CDLL, distance: int) -> list[bytes]:
        """What the layer computes for each of its inputs, in C."""
        function = getattr(library, self.function.sym_name.data)
        offsets, found = self.offsets(distance), list[bytes]()
        for arrays in self.inputs:
            arena = np.full(self.arena_bytes // 8 + 1, 0x5A5A5A5A5A5A5A5A).view(np.int8)
            for array, at in zip(arrays, offsets[:-1], strict=True):
                arena[at : at + array.nbytes] = array.reshape(-1).view(np.int8)
            function(*(ctypes.c_void_p(arena.ctypes.data + at) for at in offsets))
            found.append(arena[offsets[-1] :][: self.sizes[-1]].tobytes())
        return found


def make_case(kind: str, traversal: Traversal, number: int) -> Case | None:
    r = random.Random(f"{kind} {number}")
    module, layer = random_layer(r, kind, Limits(size=3, channels=2))
    if traversal is Traversal.BACKWARD and type(layer) not in REVERSIBLE:
        return None
    layer.attributes[KERNEL] = KernelAttr.get(traversal)
    inputs = [
        [
            random_array(np.random.default_rng([number, i]), port.value)
            for port in network_inputs(network_function(module))
        ]
        for i in range(40)
    ]
    name = f"{kind}_{traversal}_{number}"
    calls = lower(module, "tinyml-convert-layers-to-loops,tinyml-mark-readonly")
    PrefixSymbolsPass(name).apply(Context(), calls)
    return Case(name, calls, inputs)


def random_array(generator: np.random.Generator, value: SSAValue) -> np.ndarray:
    type = buffer_type(value)
    if type.element_type == f32:
        return generator.uniform(-40, 40, type.get_shape()).astype(np.float32)
    bits = generator.bytes(buffer_bytes(type))
    return np.frombuffer(bits, numpy_dtype(type.element_type))


CASES = [
    case
    for kind in LAYER_INPUTS
    for traversal in (Traversal.FORWARD, Traversal.BACKWARD)
    for number in range(1)
    if (case := make_case(kind, traversal, number)) is not None
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All cases as C functions of pointers to their buffers."""
    text = StringIO("#include <stdint.h>\n")
    text.seek(0, 2)
    for case in CASES:
        print_constants(text, case.module)
        print_code(text, case.module)
    return load_c(text.getvalue(), tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_distances(case: Case, library: ctypes.CDLL):
    """
    What is accepted is what a run accepts that watches every byte, at each distance,
    and no other numbers come out.
    """
    expected = case.outputs(library, case.sizes[0])
    for distance in case.distances:
        lowered = case.lowered(distance)
        accepted = complaint(lowered) is None
        assert accepted is runs(lowered, case.inputs[0]), distance
        equal = case.outputs(library, distance) == expected
        assert equal or not accepted, distance


def in_place_depthwise(channels: int) -> ModuleOp:
    """A depthwise convolution by channels, which has scratch memory."""
    builder = NetworkBuilder("main")
    x = builder.input([1, 4, 3, 4], i8, TensorAttr.get("x"))
    y = builder.buffer([1, 4, 3, 4], i8)
    weights = np.arange(36, dtype=np.int8).reshape(3, 3, 4)
    layer = DepthwiseConv2DOp(
        x,
        y,
        builder.constant("weights", weights),
        None,
        builder.constant("requant", np.full((4, 2), [1 << 30, -3], np.int32)),
        WindowAttr.get((3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
        (0, 0),
        (-128, 127),
        Rounding.SINGLE,
    )
    layer.attributes[KERNEL] = KernelAttr.get(Traversal.CHANNELS, channels)
    builder.layer(layer, "y")
    return builder.finish([(y, TensorAttr.get("y"))])


@pytest.mark.parametrize("channels", [1, 4])
def test_depthwise_in_place(channels: int):
    """The output may take the input's place, the scratch memory any that is free."""
    module = in_place_depthwise(channels)
    (x, y), size = network_function(module).body.block.args, 48
    inputs = [np.arange(size, dtype=np.int8).reshape(1, 4, 3, 4)]
    (layer,) = layers(network_function(module))
    scratch = kernel_scratch(layer)
    for at in (0, 9, size - 4, size, size + 1, 2 * size):
        for scratch_at in (0, size - 1, 2 * size - scratch // 2, 3 * size):
            places: dict[SSAValue, int] = {x: size, y: at}
            function = network_function(module)
            function.arg_attrs = with_offsets(function, places)
            function.attributes["tinyml.arena_bytes"] = IntegerAttr(4 * size, i64)
            layer.attributes[SCRATCH_AT] = IntegerAttr(scratch_at, i64)
            lowered = lower(module, LOWERING)
            message = complaint(lowered)
            assert (message is None) is runs(lowered, inputs), message
            if (at, scratch_at) == (size, 3 * size):
                assert message is None
