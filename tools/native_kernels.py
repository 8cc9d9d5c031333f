"""
Runs the kernels of a lowered network as C on this machine, on the interpreter's arrays.

Each state of a module between two passes has its kernels; those whose C was compiled
before, under whatever name, are not compiled again. A kernel works on a copy of the
memory of its buffers, with guards before and behind it: one that writes outside of them
is found out, as it is where the interpreter runs it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    Float32Type,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import DiagnosticException

from tinyml.backend.c_printer import print_code, print_constants
from tinyml.backend.compiler_process import run_compiler
from tinyml.backend.toolchain import find_toolchain
from tinyml.dialects.reading import READS_INPUT
from tinyml.tools.guarded_memory import Memories, memory_of
from tinyml.tools.kernel_keys import (
    KernelKey,
    KernelKeys,
    kernel_functions,
    with_callees,
)

ENTRIES = "tinyml_check_entries"
IMAGES = "tinyml_check_images"
INPUTS = 64
"""Images that networks may ask for, at most."""

FLAGS = ("-std=c99", "-O1", "-w", "-fPIC", "-shared", "-nostdlib")


@dataclass(frozen=True)
class NativeKernel:
    """A compiled kernel, and the library that it is in."""

    library: ctypes.CDLL
    function: Any

    def __call__(self, args: Sequence[Any], images: Mapping[int, np.ndarray]) -> None:
        """
        Runs the kernel on arrays and numbers; images are what it may ask for, by the
        number of the input. Raises InterpretationError if it writes where it must not.
        """
        table = (Image * INPUTS).in_dll(self.library, IMAGES)
        kept = {n: np.ascontiguousarray(image) for n, image in images.items()}
        for number, image in kept.items():
            *_, width, channels = image.shape
            table[number] = Image(image.ctypes.data, width, channels)
        memories: Memories = {}
        passed = [
            memory_of(arg, memories).address(arg)
            if isinstance(arg, np.ndarray)
            else arg
            for arg in args
        ]
        self.run(passed, memories)
        for memory in memories.values():
            memory.finish()

    def run(self, passed: Sequence[Any], memories: Memories) -> None:
        """Calls the function with addresses in memories, and with numbers."""
        self.function(*passed)


class Image(ctypes.Structure):
    """Where an input is, and how many columns and channels it has."""

    _fields_ = [
        ("pixels", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("channels", ctypes.c_int32),
    ]


@dataclass
class NativeKernels:
    """The kernels that were compiled until now; libraries are written to a folder."""

    folder: Path
    compiled: dict[KernelKey, NativeKernel] = field(
        default_factory=dict[KernelKey, NativeKernel]
    )
    libraries: int = 0

    def prepare(
        self, module: ModuleOp, names: Sequence[str], keys: KernelKeys
    ) -> dict[str, NativeKernel]:
        """
        The kernels of these names. Raises ToolchainError if there is no C compiler, or
        if it finds fault with the C, and DiagnosticException if an op has no C form.
        """
        missing: dict[KernelKey, str] = {}
        for name in names:
            if keys.key(name) not in self.compiled:
                missing.setdefault(keys.key(name), name)
        if missing:
            library = self.load(c_of(module, list(missing.values())))
            functions = [keys.functions[name] for name in missing.values()]
            self.compiled |= zip(missing, kernels_of(library, functions), strict=True)
        return {name: self.compiled[keys.key(name)] for name in names}

    def load(self, text: str) -> ctypes.CDLL:
        """Compiles C for this machine."""
        stem = f"kernels_{self.libraries}"
        self.libraries += 1
        source, library = self.folder / f"{stem}.c", self.folder / f"{stem}.so"
        source.write_text(text, "utf-8")
        toolchain = find_toolchain(None, "host")
        command = [*toolchain.command, *toolchain.compile_flags, *FLAGS]
        run_compiler([*command, str(source), "-o", str(library)], self.folder)
        return ctypes.CDLL(str(library))


def kernels_of(
    library: ctypes.CDLL, functions: Sequence[func.FuncOp]
) -> list[NativeKernel]:
    """The kernels in the table of a library."""
    found: list[NativeKernel] = []
    table = (ctypes.c_void_p * len(functions)).in_dll(library, ENTRIES)
    for address, function in zip(table, functions, strict=True):
        types = [c_argument(type) for type in function.function_type.inputs]
        prototype = ctypes.CFUNCTYPE(None, *types)
        found.append(NativeKernel(library, prototype(address)))
    return found


def c_of(module: ModuleOp, names: Sequence[str]) -> str:
    """C of these functions and of all that they call, with a table of them."""
    part = part_of(module, with_callees(names, module))
    for op in part.ops:
        if isinstance(op, func.FuncOp) and len(op.body.blocks) > 1:
            raise DiagnosticException("tinyml-c: several blocks have no C form")
    text = StringIO()
    text.write("#include <stdint.h>\n")
    print_constants(text, part)
    print_code(text, part)
    text.write(readers(part))
    entries = ", ".join(f"(void *){name}" for name in names)
    text.write(f"void *const {ENTRIES}[] = {{{entries}}};\n")
    return text.getvalue()


def part_of(module: ModuleOp, names: Sequence[str]) -> ModuleOp:
    """Copies of some functions, in C alone, and of the constants that they name."""
    functions = kernel_functions(module)
    symbols = {
        op.name_.string_value()
        for name in names
        for op in functions[name].walk()
        if isinstance(op, memref.GetGlobalOp)
    }
    parts = [
        op.clone()
        for op in module.ops
        if isinstance(op, memref.GlobalOp) and op.sym_name.data in symbols
    ]
    copies = [functions[name].clone() for name in names]
    for copy in copies:
        copy.attributes.pop("tinyml.thumb", None)
    return ModuleOp([*parts, *copies])


def readers(module: ModuleOp) -> str:
    """Definitions of what kernels ask for rows: they copy from an image in memory."""
    text = f"""\
struct tinyml_check_image {{ const int8_t *pixels; int32_t width, channels; }};
struct tinyml_check_image {IMAGES}[{INPUTS}];
"""
    for op in module.ops:
        number = op.attributes.get(READS_INPUT)
        if isinstance(op, func.FuncOp) and isinstance(number, IntegerAttr):
            text += f"""
void {op.sym_name.data}(int32_t row, int32_t column, int32_t columns, void *pixels) {{
  const struct tinyml_check_image *image = &{IMAGES}[{number.value.data}];
  int32_t first = (row * image->width + column) * image->channels;
  for (int32_t i = 0; i < columns * image->channels; ++i)
    ((int8_t *)pixels)[i] = image->pixels[first + i];
}}
"""
    return text


def c_argument(type: Attribute) -> Any:
    """How an argument of a kernel is passed."""
    match type:
        case MemRefType():
            return ctypes.c_void_p
        case Float32Type():
            return ctypes.c_float
        case IntegerType(width=width) if width.data == 64:
            return ctypes.c_int64
        case IntegerType(width=width) if width.data < 32:
            return {8: ctypes.c_int8, 16: ctypes.c_int16}.get(
                width.data, ctypes.c_int32
            )
        case _:
            return ctypes.c_int32
