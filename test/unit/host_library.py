"""
Lowered networks as C in a shared library of this machine.

One compilation serves any number of networks; each becomes a function of its arena.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from tinyml.backend.c_printer import print_code, print_constants
from tinyml.backend.compiler_process import run_compiler
from tinyml.backend.network_info import NetworkInfo, PortInfo, network_info
from tinyml.backend.toolchain import find_toolchain
from tinyml.passes.loops.kernel import COUNTER
from tinyml.passes.prefix_symbols import PrefixSymbolsPass

GUARD = 64
"""Bytes behind the arena that nobody may write."""


def load_c(text: str, directory: Path) -> ctypes.CDLL:
    """Compiles C for this machine and loads it."""
    source, library = directory / "networks.c", directory / "networks.so"
    source.write_text(text)
    toolchain = find_toolchain(None, "host")
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    run_compiler(
        [*toolchain.command, *toolchain.compile_flags, *flags]
        + ["-nostdlib", str(source), "-o", str(library)],
        directory,
    )
    return ctypes.CDLL(str(library))


def readers(name: str, info: NetworkInfo) -> str:
    """Functions that a network asks for inputs, which are where a pointer says."""
    text = ""
    for number, port in enumerate(info.inputs):
        if port.at is None:
            _, _, columns, channels = port.shape
            text += f"""
const int8_t *{name}_image_{number};
void {name}_read_rows_{number}(int32_t row, int32_t column, int32_t count, void *to) {{
  const int8_t *from = {name}_image_{number};
  from += (row * {columns} + column) * {channels};
  for (int32_t i = 0; i < count * {channels}; ++i)
    ((int8_t *)to)[i] = from[i];
}}
"""
    return text


class HostLibrary:
    """Compiles lowered modules, by name; their symbols get the names before them."""

    def __init__(self, modules: Mapping[str, ModuleOp], directory: Path):
        self.infos: dict[str, NetworkInfo] = {}
        text = StringIO()
        text.write("#include <stdint.h>\nint64_t counted;\n")
        for name, module in modules.items():
            PrefixSymbolsPass(name).apply(Context(), module)
            self.infos[name] = network_info(module)
            text.write(f"#define {name}_{COUNTER}(work) (counted += (work))\n")
            print_constants(text, module)
            print_code(text, module)
            text.write(readers(name, self.infos[name]))
        self.library = load_c(text.getvalue(), directory)

    @property
    def counted(self) -> int:
        """Multiply-accumulates that were counted (`tinyml-count-macs`) until now."""
        return ctypes.c_int64.in_dll(self.library, "counted").value

    def run(self, name: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of a network for these inputs."""
        info = self.infos[name]
        # Of 64-bit words, so that it is aligned.
        words = (info.arena_bytes + GUARD + 7) // 8
        arena = np.full(words, 0x5A5A5A5A5A5A5A5A, np.int64).view(np.int8)

        def port_array(port: PortInfo) -> np.ndarray:
            return np.ndarray(port.shape, port.dtype, buffer=arena, offset=port.offset)

        for number, (port, values) in enumerate(zip(info.inputs, inputs, strict=True)):
            if port.at is None:
                image = np.ascontiguousarray(values, port.dtype)
                pointer = f"{name}_image_{number}"
                ctypes.c_void_p.in_dll(self.library, pointer).value = image.ctypes.data
            else:
                port_array(port)[...] = values
        function = getattr(self.library, info.function.sym_name.data)
        function(ctypes.c_void_p(arena.ctypes.data))
        assert (arena[info.arena_bytes :] == 0x5A).all(), f"{name} leaves its arena"
        return [port_array(port).copy() for port in info.outputs]
