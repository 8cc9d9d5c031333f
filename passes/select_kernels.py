"""
Chooses how each layer is computed, before anything depends on it.

Expects layers. Guarantees `tinyml.kernel` on every layer. Kernels that make one output
element after the other may run in `either` direction; the memory plan decides. A kernel
that is there already stays. Where kernels of words are wanted, a remark says which
faster one a layer of weights does not have, and why.

Before: `tinyml.conv2d ins(%x : ...) outs(%y : ...) ...`
After: the same with `{tinyml.kernel = #tinyml.kernel<either>}`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnitAttr, i64
from xdsl.passes import ModulePass

from tinyml.dialects.kernel import (
    FORWARD,
    KERNEL,
    SHARED,
    UNROLL,
    KernelAttr,
    Method,
    Traversal,
)
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.dialects.weighted import (
    Conv2DOp,
    DepthwiseConv2DOp,
    FullyConnectedOp,
    WeightedOp,
)
from tinyml.passes.convert_layers_to_loops import REVERSIBLE
from tinyml.passes.kernel_costs import CYCLES, cycles
from tinyml.passes.kernel_remarks import needs_flash, needs_scratch, without_words
from tinyml.passes.loops import depthwise_direct
from tinyml.passes.loops.depthwise_plan import PlanarPlan
from tinyml.passes.loops.depthwise_planar import has_planar
from tinyml.passes.loops.dot import has_direct_dot
from tinyml.passes.loops.fully_connected_dot import is_row
from tinyml.passes.loops.shared_dot import has_shared_dot
from tinyml.passes.remarks import remark
from tinyml.passes.winograd_choice import CORE, worth_winograd


def has_direct(layer: LayerOp) -> bool:
    """Whether there is a kernel of words that needs no scratch memory for a layer."""
    if isinstance(layer, WeightedOp) and is_row(layer):
        return True
    if isinstance(layer, DepthwiseConv2DOp):
        return depthwise_direct.has_direct(layer)
    return has_dot(layer) and isinstance(layer, Conv2DOp) and has_direct_dot(layer)


def has_dot(layer: LayerOp) -> bool:
    """Whether there is a kernel of words for a layer."""
    if isinstance(layer, FullyConnectedOp):
        return True
    if isinstance(layer, DepthwiseConv2DOp):
        return layer.depth_multiplier == 1
    return isinstance(layer, Conv2DOp) and layer.group_count == 1


def plain(layer: LayerOp) -> KernelAttr:
    """The kernel that makes one output element after the other."""
    either = KernelAttr.get(Traversal.EITHER)
    return either if type(layer) in REVERSIBLE else FORWARD


SHARED_DOT = KernelAttr.get(Traversal.EITHER, method=Method.DIRECT)


@dataclass(frozen=True)
class SelectKernelsPass(ModulePass):
    """Chooses how each layer is computed, before anything depends on it."""

    name = "tinyml-select-kernels"

    words: Literal["none", "free", "all"] = "none"
    """
    Which layers multiply words (`dot`, `direct`, `planar`), which is fast: none, those
    that need no scratch memory for it, or all that can.
    """

    winograd: int = 0
    """Bytes of flash to spend on kernels with fewer products (`winograd`)."""

    shared: bool = False
    """
    Whether layers share hot loops whose sizes are arguments, where there are such,
    however much work they are. They take less code, and more time.
    """

    unroll: int = 0
    """
    Words that a turn of the innermost loop of a convolution or a fully connected layer
    takes at most; 0 leaves it to the kernel. Fewer take less code, and more time.
    """

    least: int = 0
    """
    Percent of the network's multiply-accumulates that a layer makes at least to get a
    kernel of words, which is fast and takes much code.
    """

    core: Literal["", "cortex-m4", "cortex-m7"] = ""
    """
    Takes what is fastest on a core, by `kernel_costs.py`, and says how many cycles each
    layer takes (`tinyml.cycles`); "" takes what usually is.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        free = [x for x in layers(network_function(op)) if KERNEL not in x.attributes]
        for layer in worth_winograd(free, self.winograd, self.core):
            kernel = KernelAttr.get(Traversal.EITHER, method=Method.WINOGRAD)
            layer.attributes[KERNEL] = kernel
        work = sum(layer.macs() for layer in layers(network_function(op)))
        for layer in layers(network_function(op)):
            if self.shared and has_shared_dot(layer):
                layer.attributes.setdefault(KERNEL, SHARED_DOT)
                if layer.attributes[KERNEL] == SHARED_DOT:
                    layer.attributes[SHARED] = UnitAttr()
            small = 0 < 100 * layer.macs() < self.least * work
            chosen = plain(layer) if small else self.choose(layer)
            layer.attributes.setdefault(KERNEL, chosen)
            if self.unroll and isinstance(layer, Conv2DOp | FullyConnectedOp):
                layer.attributes[UNROLL] = IntegerAttr(self.unroll, i64)
            remark(layer, self.name, self.refusal(layer, small))
            taken = cycles(layer, self.core) if self.core else None
            if taken is not None:
                layer.attributes[CYCLES] = IntegerAttr(round(taken), i64)

    def refusal(self, layer: LayerOp, small: bool) -> str | None:
        """Why a layer has no faster kernel, if kernels of words are wanted."""
        if self.words == "none" or not isinstance(layer, WeightedOp):
            return None
        if small:
            return f"makes less than {self.least} % of the network's work (least)"
        if (reason := without_words(layer)) is not None:
            return reason
        if self.words == "free":
            wider = replace(self, words="all")
            return needs_scratch(layer, wider.by_cycles(layer))
        return needs_flash(layer, self.core or CORE) if not self.shared else None

    def choose(self, layer: LayerOp) -> KernelAttr:
        """The kernel that takes the fewest cycles, or else the first one that is."""
        return self.by_cycles(layer)[0]

    def by_cycles(self, layer: LayerOp) -> list[KernelAttr]:
        """
        The kernels of a layer, on a known core those whose cycles are known, the
        fewest first.
        """
        found = list(self.candidates(layer))
        if not self.core or len(found) == 1:
            return found
        known = [(cycles(layer, self.core, kernel), kernel) for kernel in found]
        told = [(taken, kernel) for taken, kernel in known if taken is not None]
        return [kernel for _, kernel in sorted(told, key=lambda t: t[0])] or found

    def candidates(self, layer: LayerOp) -> Iterator[KernelAttr]:
        """The kernels of a layer, those that are usually fast first."""
        if self.words == "all" and has_planar(layer):
            lanes = PlanarPlan.of(layer).lanes
            yield KernelAttr.get(Traversal.CHANNELS, lanes, Method.PLANAR)
        depthwise = isinstance(layer, DepthwiseConv2DOp)
        direct = KernelAttr.get(Traversal.EITHER, method=Method.DIRECT)
        dot = KernelAttr.get(Traversal.EITHER, method=Method.DOT)
        free = self.words == "free" or depthwise
        if self.words != "none" and free and has_direct(layer):
            yield direct
        if self.words == "all" or (self.words == "free" and depthwise):
            if has_dot(layer):
                yield dot
        if self.words == "all" and not free and has_direct(layer):
            yield direct
        yield plain(layer)
