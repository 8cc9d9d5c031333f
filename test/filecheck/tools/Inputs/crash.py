"""Passes that fail, for tests of what `tinyml-opt` makes of it."""

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.layer_format import integer_array
from tinyml.dialects.moving import TransposeOp
from tinyml.dialects.network import layers, network_function


@dataclass(frozen=True)
class TestCrashPass(ModulePass):
    """Crashes, fails, or breaks the IR or the network where there is a transposition."""

    name = "test-crash"

    how: Literal["crash", "fail", "break", "miscompile"] = "crash"
    """What it does."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for layer in layers(network_function(op)):
            if not isinstance(layer, TransposeOp):
                continue
            if self.how == "fail":
                raise PassFailedException(f"{layer.name} is too much")
            if self.how == "break":
                del layer.properties["permutation"]
                return
            if self.how == "miscompile":
                layer.properties["permutation"] = integer_array([0, 1])
                return
            _ = layer.operands[5]
