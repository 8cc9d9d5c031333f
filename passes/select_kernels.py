"""
Chooses how each layer is computed, before anything depends on it.

Guarantees `tinyml.kernel` on every layer. Kernels that make one output element after
the other may run in `either` direction; the memory plan decides. A kernel that is there
already stays.

Before: `tinyml.conv2d ins(%x : ...) outs(%y : ...) ...`
After: the same with `{tinyml.kernel = #tinyml.kernel<either>}`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.dialects.kernel import FORWARD, KERNEL, KernelAttr, Traversal
from tinyml.dialects.network import layers, network_function
from tinyml.passes.convert_layers_to_loops import REVERSIBLE


@dataclass(frozen=True)
class SelectKernelsPass(ModulePass):
    """Chooses how each layer is computed, before anything depends on it."""

    name = "tinyml-select-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        either = KernelAttr.get(Traversal.EITHER)
        for layer in layers(network_function(op)):
            chosen = either if type(layer) in REVERSIBLE else FORWARD
            layer.attributes.setdefault(KERNEL, chosen)
