"""
Gives layers faster kernels where the network needs no more memory with them.

A network needs as much memory as its largest layers; others leave room for the scratch
memory of fast kernels, or for an output beside its input. Expects kernels that need
little memory, in place where that helps (`tinyml-inplace`), and `tinyml.reuse`. Of
layers whose faster kernel needs less than the whole plan does, as many get it as a plan
of the same size still finds room for, those that need least first. Guarantees that the
plan does not grow, and `tinyml.reuse` for the new kernels.

Before: `tinyml.depthwise_conv2d ... {tinyml.kernel = #tinyml.kernel<either, direct>}`
After: the same with `tinyml.kernel = #tinyml.kernel<channels, 4, planar>`

Layers in stages are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from tinyml.dialects.kernel import KERNEL, REUSE, KernelAttr, Method, kernel_of
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.stage import StageOp
from tinyml.passes.arena import arena_size
from tinyml.passes.inplace import least_bytes
from tinyml.passes.live_ranges import live_ranges
from tinyml.passes.memory_demand import memory_demand
from tinyml.passes.optimal_plan import place_optimally
from tinyml.passes.overlap import reuses
from tinyml.passes.select_kernels import SelectKernelsPass

FASTEST = SelectKernelsPass("all")

Attributes = dict[str, Attribute]


@dataclass(frozen=True)
class Choice:
    """A layer, what it says of its kernel now, and with a faster one."""

    layer: LayerOp
    before: Attributes
    after: Attributes
    bytes: int
    """What is alive at the layer with the faster kernel."""


def faster(layer: LayerOp) -> Iterator[KernelAttr]:
    """Kernels that usually take less time than the layer's, the fastest first."""
    if isinstance(layer, StageOp) or kernel_of(layer).method is Method.WINOGRAD:
        return
    for kernel in FASTEST.candidates(layer):
        if kernel.method is kernel_of(layer).method:
            return
        yield kernel


def said(layer: LayerOp) -> Attributes:
    names = [name for name in (KERNEL, REUSE) if name in layer.attributes]
    return {name: layer.attributes[name] for name in names}


def say(layer: LayerOp, attributes: Attributes) -> None:
    for name in (KERNEL, REUSE):
        layer.attributes.pop(name, None)
    layer.attributes |= attributes


def choices(function: func.FuncOp, most: int) -> list[Choice]:
    """The fastest kernel of each layer that `most` bytes are enough for."""
    ranges = {r.value: r for r in live_ranges(function)}
    found: list[Choice] = []
    for position, layer in enumerate(layers(function)):
        before = said(layer)
        for kernel in faster(layer):
            layer.attributes[KERNEL] = kernel
            size = least_bytes(layer, position, ranges)
            if size <= most:
                after: Attributes = {KERNEL: kernel}
                if shared := reuses(layer):
                    after[REUSE] = ArrayAttr(shared)
                found.append(Choice(layer, before, after, size))
                break
        say(layer, before)
    return found


@dataclass(frozen=True)
class FillMemoryPass(ModulePass):
    """Gives layers faster kernels where the network needs no more memory with them."""

    name = "tinyml-fill-memory"

    alignment: int = 4
    """As of `tinyml-plan-memory`, for the plans that are compared."""

    nodes: int = 2_000
    """Decisions for each arena that is tried, as of `tinyml-plan-memory`."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        most = self.planned_bytes(function)
        found = sorted(choices(function, most), key=lambda choice: choice.bytes)

        def fits(count: int) -> bool:
            self.take(found, count)
            return self.planned_bytes(function) <= most

        if fits(len(found)):
            return
        low, high = 0, len(found)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        self.take(found, low)

    @staticmethod
    def take(found: Sequence[Choice], count: int) -> None:
        """The first choices as they are faster, and the others as they were."""
        for number, choice in enumerate(found):
            say(choice.layer, choice.after if number < count else choice.before)

    def planned_bytes(self, function: func.FuncOp) -> int:
        demand = memory_demand(function)
        plan = place_optimally(
            demand.ranges, self.alignment, demand.allowances, self.nodes
        )
        return arena_size(demand.ranges, plan.offsets)
