"""Why a layer has no faster kernel, for `tinyml-select-kernels`."""

from __future__ import annotations

from collections.abc import Iterable

from tinyml.dialects.kernel import KERNEL, KernelAttr, Method, kernel_of
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.weighted import Conv2DOp, DepthwiseConv2DOp
from tinyml.passes.kernel_scratch import kernel_scratch
from tinyml.passes.loops.winograd_plan import has_winograd
from tinyml.passes.winograd_choice import saved_cycles


def without_words(layer: LayerOp) -> str | None:
    """What of a layer's shape has no kernel of words."""
    if isinstance(layer, Conv2DOp) and layer.group_count > 1:
        return f"no kernel of words has {layer.group_count} groups"
    if isinstance(layer, DepthwiseConv2DOp) and layer.depth_multiplier > 1:
        return f"no kernel of words has depth multiplier {layer.depth_multiplier}"
    return None


def needs_scratch(layer: LayerOp, kernels: Iterable[KernelAttr]) -> str | None:
    """What the first of a layer's kernels needs that `words=free` leaves out."""
    chosen = layer.attributes[KERNEL]
    for kernel in kernels:
        if kernel == chosen:
            return None
        layer.attributes[KERNEL] = kernel
        scratch = kernel_scratch(layer)
        layer.attributes[KERNEL] = chosen
        if scratch:
            return (
                f"{kernel.method} needs {scratch} bytes of scratch memory, which "
                "words=free leaves out"
            )
    return None


def needs_flash(layer: LayerOp, core: str) -> str | None:
    """What minimal filtering would save, if there were flash for it."""
    if kernel_of(layer).method is Method.WINOGRAD:
        return None
    if not isinstance(layer, Conv2DOp) or not has_winograd(layer):
        return None
    saved = saved_cycles(layer, core)
    if saved <= 0:
        return None
    return f"winograd takes {saved:.0f} cycles less, if winograd=BYTES has flash for it"
