"""
What the kernels of a lowered network compute, as something to compare.

A kernel is its C, whatever it and what it names are called: passes that rename, merge
or annotate functions leave the keys of what a network calls as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from operator import is_not

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.c_printer import FunctionPrinter
from tinyml.dialects.constants import find_global, global_array


@dataclass(frozen=True)
class KernelKey:
    """What a kernel computes, whatever it is called: its C, and that of its callees."""

    text: str
    callees: tuple[KernelKey, ...]


def kernel_functions(module: ModuleOp) -> dict[str, func.FuncOp]:
    """The functions of a module by their names, those that are only declared too."""
    return {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}


def callees(function: func.FuncOp) -> list[str]:
    """The functions that a function calls itself, each once."""
    calls = (op for op in function.walk() if isinstance(op, func.CallOp))
    return list(dict.fromkeys(call.callee.string_value() for call in calls))


def with_callees(names: Sequence[str], module: ModuleOp) -> list[str]:
    """These functions and all that they call, callees first."""
    functions, found = kernel_functions(module), dict[str, None]()

    def add(name: str) -> None:
        if name not in found:
            for callee in callees(functions[name]):
                add(callee)
            found[name] = None

    for name in names:
        add(name)
    return list(found)


@dataclass
class KernelTexts:
    """The C of functions that were printed before, and still have the same ops."""

    known: dict[func.FuncOp, tuple[list[object], str]] = field(
        default_factory=dict[func.FuncOp, tuple[list[object], str]]
    )

    def text(self, function: func.FuncOp) -> str:
        parts = list(parts_of(function))
        old, text = self.known.get(function, ([], ""))
        if len(old) != len(parts) or any(map(is_not, old, parts)):
            try:
                text = c_text(function)
            except DiagnosticException:
                # Lowered further than C, or not as far.
                text = str(function)
            self.known[function] = parts, text
        return text


def parts_of(function: func.FuncOp) -> Iterator[object]:
    """The objects that a function consists of, which are not changed but exchanged."""
    for op in function.walk():
        yield op
        yield from op.operands
        yield from op.properties.values()
        if isinstance(op, memref.GetGlobalOp):
            found = find_global(op, op.name_)
            yield None if found is None else found.initial_value


class KernelKeys:
    """The keys of the kernels of one module."""

    def __init__(self, module: ModuleOp, texts: KernelTexts | None = None):
        self.functions = kernel_functions(module)
        self.texts = texts or KernelTexts()
        self.keys: dict[str, KernelKey] = {}

    def key(self, name: str) -> KernelKey:
        if name not in self.keys:
            function = self.functions[name]
            inner = tuple(self.key(callee) for callee in callees(function))
            self.keys[name] = KernelKey(self.texts.text(function), inner)
        return self.keys[name]


def c_text(function: func.FuncOp) -> str:
    """
    The C of a function but for the names of symbols, comments and `const`, and what
    constants hold.
    """
    if function.is_declaration:
        return f"{function.function_type} {function.attributes}"
    if len(function.body.blocks) != 1:
        raise DiagnosticException("tinyml-c: several blocks have no C form")
    output = StringIO()
    # The function itself: one of instructions in its place is for other cores.
    FunctionPrinter(output, function).print()
    text = re.sub(r"/\*.*?\*/\s*|\bconst ", "", output.getvalue(), flags=re.DOTALL)
    constants = {
        op.name_.string_value(): digest(op)
        for op in function.walk()
        if isinstance(op, memref.GetGlobalOp)
    }
    names = [function.sym_name.data, *callees(function), *constants]
    for number, name in enumerate(names):
        text = re.sub(rf"\b{name}\b", f"symbol_{number}", text)
    # Long names break lines.
    text = re.sub(r"\s+", " ", text).replace("( ", "(")
    return text + " ".join(constants.values())


def digest(op: memref.GetGlobalOp) -> str:
    """Of the content of a constant."""
    found = find_global(op, op.name_)
    assert found is not None
    return hashlib.sha256(global_array(found).tobytes()).hexdigest()
