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
from tinyml.dialects.network import (
    layers,
    network_function,
    network_inputs,
    network_outputs,
)
from tinyml.dialects.tinyml import AllocOp, DepthwiseConv2DOp
from tinyml.dialects.views import root
from tinyml.frontend.builder import NetworkBuilder
from tinyml.interp.run import run_network
from tinyml.passes.arena import align_up, arena_size, rivals
from tinyml.passes.check_memory import CheckMemoryPass
from tinyml.passes.convert_layers_to_loops import REVERSIBLE
from tinyml.passes.kernel_scratch import SCRATCH_AT, kernel_scratch
from tinyml.passes.memory_demand import MemoryDemand, memory_demand, planned_offsets
from tinyml.passes.pipelines import IN_PLACE, PLANNING
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


PLANS = (
    "tinyml-plan-memory",
    f"tinyml-select-kernels,{PLANNING}",
    f"tinyml-select-kernels,{IN_PLACE}",
)
"""Plans that share nothing within a layer, what is free, and what costs time."""


def planned(module: ModuleOp, plan: str) -> ModuleOp:
    """A plan, and what `tinyml.reuse` says of the kernels that it has chosen."""
    return lower(module, f"{plan},tinyml-overlap")


def layer_pairs(demand: MemoryDemand, function: func.FuncOp) -> set[tuple[int, int]]:
    """The inputs that nobody reads after a layer, each with the layer's output."""
    kept = {demand.buffers[port.value] for port in network_outputs(function)}
    found: set[tuple[int, int]] = set()
    for position, layer in enumerate(layers(function)):
        output = demand.buffers[root(layer.layer_output)]
        inputs = {demand.buffers.get(root(value)) for value in layer.layer_inputs}
        for number in inputs - {None} - kept:
            assert number is not None
            if demand.ranges[number].last == position:
                found |= {(number, output), (output, number)}
    return found


@dataclass(frozen=True)
class Move:
    """A buffer or scratch memory of a plan, and where it must not be moved."""

    moved: int
    places: Sequence[int]
    """Where it meets another one that is alive with it, ascending; not empty."""
    is_shared: bool
    """Whether the two are input and output of a layer, and too near."""


def illegal_moves(module: ModuleOp) -> list[Move]:
    """
    Onto what is alive at the same time. The output of a layer and an input that nobody
    reads later may meet, if `tinyml.reuse` says where: such moves are to any of the
    other places; if it says nothing, there are no such moves.
    """
    function = network_function(module)
    demand = memory_demand(function)
    offsets, allowed = planned_offsets(function, demand), demand.allowances
    assert offsets is not None
    pairs, found = layer_pairs(demand, function), list[Move]()
    for moved, others in enumerate(rivals(demand.ranges, allowed)):
        for rival in others:
            pair = moved, rival.other
            is_shared = pair in allowed or pair[::-1] in allowed
            if pair in pairs and not is_shared:
                continue
            place, unit = offsets[rival.other], demand.ranges[moved].element_size
            places = [
                at
                for at in range(max(0, place + rival.low + 1), place + rival.high)
                if at % unit == 0 and not (rival.in_place and at == place)
            ]
            if places:
                found.append(Move(moved, places, is_shared))
    return found


def with_offset(module: ModuleOp, moved: int, at: int) -> ModuleOp:
    """A copy of a planned network in which one buffer or scratch memory is moved."""
    module = module.clone()
    function = network_function(module)
    demand = memory_demand(function)
    offsets = planned_offsets(function, demand)
    assert offsets is not None
    offsets[moved] = at
    places = {value: offsets[number] for value, number in demand.buffers.items()}
    for value, place in places.items():
        if isinstance(alloc := value.owner, AllocOp):
            alloc.properties["at"] = IntegerAttr(place, i64)
    for layer, number in demand.scratch.items():
        layer.attributes[SCRATCH_AT] = IntegerAttr(offsets[number], i64)
    function.arg_attrs = with_offsets(function, places)
    size = arena_size(demand.ranges, offsets)
    function.attributes["tinyml.arena_bytes"] = IntegerAttr(size, i64)
    return module


def test_moved_buffers_are_found():
    """
    All moves onto what is alive, to the first, the last or any place, that a run which
    watches every byte finds wrong. What both let pass is legal: such moves meet bytes
    that no layer reads, as are some of scratch memory in words, or `tinyml.reuse` is
    too cautious, which has one interval for all distances in between. Of all moves that
    is a tenth at most.
    """
    r = random.Random(2)
    shared = apart = accepted = 0
    for _ in range(80):
        module = random_network(r, r.choice([2, 4, 7]), Limits(size=3, channels=2))
        plan = planned(module, r.choice(PLANS))
        moves = illegal_moves(plan)
        for move in r.choices(moves, k=4) if moves else []:
            places = move.places
            at = r.choice([places[0], places[-1], r.choice(places), r.choice(places)])
            lowered = lower(with_offset(plan, move.moved, at), LOWERING)
            message = complaint(lowered)
            legal = runs(lowered, random_inputs(r, module))
            assert (message is None) is legal, message
            shared, apart = shared + move.is_shared, apart + (not move.is_shared)
            accepted += legal
    assert shared > 100
    assert apart > 100
    assert shared + apart >= 300
    assert accepted <= 0.1 * (shared + apart)


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
