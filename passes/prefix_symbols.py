"""
Puts a prefix before every symbol, so that two networks link into one program.

Expects any module. Guarantees that every symbol of it has the prefix.

Functions, globals, and all references to them are renamed, in networks of layers as
in lowered ones.

Before: `"memref.global"() <{sym_name = "conv2d_0_weights", ...}>`
After, with `prefix=kws`: `"memref.global"() <{sym_name = "kws_conv2d_0_weights", ...}>`
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp


@dataclass(frozen=True)
class PrefixSymbolsPass(ModulePass):
    """Puts a prefix before every symbol."""

    name = "tinyml-prefix-symbols"

    prefix: str
    """What comes before each name, without the underscore that joins them."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        def renamed(name: str) -> str:
            return f"{self.prefix}_{name}"

        def rename(attributes: dict[str, Attribute]) -> None:
            for key, attr in attributes.items():
                if isinstance(attr, SymbolRefAttr):
                    attributes[key] = SymbolRefAttr(renamed(attr.string_value()))

        for inner in op.walk():
            if isinstance(inner, func.FuncOp | memref.GlobalOp | ThumbFuncOp):
                name = renamed(inner.sym_name.data)
                inner.properties["sym_name"] = StringAttr(name)
            rename(inner.properties)
            rename(inner.attributes)
