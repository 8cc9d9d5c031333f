"""
Hooks for Unicorn that run natively, and what takes their place without a compiler.

The C source is compiled once into the user's cache. A Python hook costs about 20 times
the simulated code; a native one 2 %.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, arm_const
from unicorn.unicorn_py3 import unicorn as binding

from tinyml.backend.block_profile import BlockCount, ProfileError
from tinyml.backend.call_tree import CallSite
from tinyml.backend.compiler_process import (
    ToolchainError,
    harness_directory,
    run_compiler,
    zig_command,
)
from tinyml.backend.disassembly import SEVERAL, disassemble_all
from tinyml.backend.elf_image import Program
from tinyml.backend.user_cache import cache_key, cached_file

Engine = Any
"""A `unicorn.Uc`, whose methods have no types."""

UcError: type[Exception] = binding.UcError


def new_engine(architecture: int, mode: int) -> Engine:
    """A core without memory."""
    return binding.Uc(architecture, mode)


MAX_BLOCKS = 1 << 18
MAX_CALLS = 1 << 14

BLOCK_DTYPE = np.dtype(
    [
        ("address", "<u4"),
        ("size", "<u4"),
        ("executions", "<u8"),
        ("falls", "<u8"),
        ("next", "<u4"),
        ("call", "<u4"),
    ]
)
CALL_DTYPE = np.dtype(
    [
        (name, "<u4")
        for name in "parent function site tail first next times unused".split()
    ]
)


class _Counter(ctypes.Structure):
    """`struct counter` of unicorn_hooks.c."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in "blocks heads entries calls read_register".split()
    ] + [
        (name, ctypes.c_uint32)
        for name in (
            "capacity used base halfwords previous next_address lost call_capacity"
            " calls_used call lost_calls link_register".split()
        )
    ]


class _Alignment(ctypes.Structure):
    """`struct alignment` of unicorn_hooks.c."""

    _fields_ = [
        ("bases", ctypes.c_void_p),
        ("found", ctypes.c_void_p),
        ("read_register", ctypes.c_void_p),
        ("base", ctypes.c_uint32),
        ("halfwords", ctypes.c_uint32),
    ]


def _build(out: Path) -> None:
    source = harness_directory() / "unicorn_hooks.c"
    flags = ["-O2", "-shared", "-fPIC", "-nostdlib", "-fno-sanitize=all"]
    run_compiler([*zig_command(), *flags, str(source), "-o", str(out)])


@functools.cache
def native_hooks() -> ctypes.CDLL | None:
    """The hooks as a library; None if there is no compiler or they are switched off."""
    if os.environ.get("TINYML_NATIVE_HOOKS") == "0":
        return None
    key = cache_key([(harness_directory() / "unicorn_hooks.c").read_bytes()])
    try:
        return ctypes.CDLL(str(cached_file(f"unicorn_hooks-{key}.so", _build)))
    except (ToolchainError, OSError):
        return None


def _add_native(
    engine: Engine, kind: int, function: Any, data: ctypes.Structure
) -> None:
    status = binding.uclib.uc_hook_add(
        engine._uch,
        ctypes.byref(ctypes.c_size_t()),
        ctypes.c_int(kind),
        ctypes.cast(function, ctypes.c_void_p),
        ctypes.byref(data),
        ctypes.c_uint64(1),
        ctypes.c_uint64(0),
    )
    if status:
        raise ProfileError(f"uc_hook_add failed with status {status}")


def _code_end(program: Program) -> int:
    return max(segment.end for segment in program.segments)


def _register_reader() -> ctypes.c_void_p:
    return ctypes.cast(binding.uclib.uc_reg_read, ctypes.c_void_p)


class NativeBlockCounter:
    """Counts blocks and follows calls in C."""

    def __init__(self, engine: Engine, program: Program, library: ctypes.CDLL):
        base = min(segment.address for segment in program.segments)
        halfwords = (_code_end(program) - base + 1) // 2
        self._functions: list[int] = [s.address for s in program.functions]
        self._blocks = np.zeros(MAX_BLOCKS, BLOCK_DTYPE)
        self._heads = np.zeros(halfwords, np.uint32)
        self._entries = np.zeros(halfwords, np.uint32)
        for number, address in enumerate(self._functions, 1):
            if 0 <= address - base < 2 * halfwords:
                self._entries[(address - base) // 2] = number
        self._calls = np.zeros(MAX_CALLS, CALL_DTYPE)
        self._state = _Counter(
            self._blocks.ctypes.data,
            self._heads.ctypes.data,
            self._entries.ctypes.data,
            self._calls.ctypes.data,
            _register_reader(),
            *(MAX_BLOCKS, 0, base, halfwords, 0, 1, 0),
            *(MAX_CALLS, 1, 0, 0, arm_const.UC_ARM_REG_LR),
        )
        _add_native(engine, UC_HOOK_BLOCK, library.on_block, self._state)

    def blocks(self) -> list[BlockCount]:
        if self._state.lost:
            raise ProfileError(f"{self._state.lost} blocks ran outside flash")
        used = self._blocks[: self._state.used]
        names = ("address", "size", "executions", "falls", "call")
        columns = [used[name].tolist() for name in names]
        return [BlockCount(*row) for row in zip(*columns, strict=True)]

    def calls(self) -> list[CallSite] | None:
        """The calls that were followed; None if there were too many."""
        if self._state.lost_calls:
            return None
        used = self._calls[: self._state.calls_used]
        addresses = np.array([0, *self._functions])[used["function"]]
        columns = (used["parent"].tolist(), addresses.tolist(), used["times"].tolist())
        return [CallSite(*row) for row in zip(*columns, strict=True)]


class PythonBlockCounter:
    """Counts blocks and follows calls in Python: slow, needs no compiler."""

    def __init__(self, engine: Engine, program: Program):
        self._executions: Counter[tuple[int, int, int]] = Counter()
        self._falls: Counter[tuple[int, int, int]] = Counter()
        self._previous = (0, 0, 0)
        self._entries = {symbol.address for symbol in program.functions}
        self._call = 0
        self._keys = [(0, 0, 0, False)]
        """Of each call what made it, what was called, where it returns, if jumped."""
        self._numbers = {self._keys[0]: 0}
        self._times: Counter[int] = Counter()
        engine.hook_add(UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, engine: Engine, address: int, size: int, data: Any) -> None:
        behind = self._previous[0] + self._previous[1]
        self._follow(engine, address, behind)
        key = (address, size, self._call)
        self._executions[key] += 1
        if address == behind:
            self._falls[self._previous] += 1
        self._previous = key

    def _follow(self, engine: Engine, address: int, behind: int) -> None:
        parent, function, site, tail = self._keys[self._call]
        if self._call and site == address:
            while tail:
                parent, _, _, tail = self._keys[parent]
            self._call = parent
        elif address in self._entries:
            back = engine.reg_read(arm_const.UC_ARM_REG_LR) & ~1
            if back == behind:
                self._enter(address, back, False)
            elif address != function:
                self._enter(address, site, True)

    def _enter(self, function: int, site: int, tail: bool) -> None:
        key = (self._call, function, site, tail)
        if key not in self._numbers:
            self._numbers[key] = len(self._keys)
            self._keys.append(key)
        self._call = self._numbers[key]
        self._times[self._call] += 1

    def blocks(self) -> list[BlockCount]:
        return [
            BlockCount(address, size, count, self._falls[address, size, call], call)
            for (address, size, call), count in self._executions.items()
        ]

    def calls(self) -> list[CallSite]:
        return [
            CallSite(parent, function, self._times[number])
            for number, (parent, function, _, _) in enumerate(self._keys)
        ]


def count_blocks(
    engine: Engine, program: Program
) -> NativeBlockCounter | PythonBlockCounter:
    """Count the blocks that `engine` runs from now on."""
    library = native_hooks()
    if library is None:
        return PythonBlockCounter(engine, program)
    return NativeBlockCounter(engine, program, library)


def _aligned_accesses(program: Program) -> Mapping[int, str]:
    """Address and base register of each instruction that needs a word-aligned base."""
    found: dict[int, str] = {}
    for function in program.functions:
        code = program.read(function.address, function.size)
        for item in disassemble_all(code or b"", function.address):
            if item.name in SEVERAL | {"vldr", "vstr"} and item.base not in (
                None,
                "sp",
                "pc",
            ):
                found[item.address] = item.base
    return found


class AlignmentCheck:
    """
    Finds LDRD, LDM, VLDR and the like at addresses that are no multiple of 4, which
    fault on a core and which Unicorn carries out. Slows a run by a half. An instruction
    that a condition skips counts as carried out.
    """

    def __init__(self, engine: Engine, program: Program):
        self._program = program
        library = native_hooks()
        if library is None:
            raise ToolchainError(
                "the alignment check needs ziglang to compile its hook"
            )
        end = _code_end(program) // 2 + 1
        self._bases = np.zeros(end, np.uint16)
        self._found = np.zeros(end, np.uint8)
        for address, register in _aligned_accesses(program).items():
            number: int = getattr(arm_const, f"UC_ARM_REG_{register.upper()}")
            self._bases[address // 2] = number
        self._state = _Alignment(
            self._bases.ctypes.data,
            self._found.ctypes.data,
            _register_reader(),
            0,
            end,
        )
        _add_native(engine, UC_HOOK_CODE, library.on_instruction, self._state)

    def unaligned(self) -> tuple[str, ...]:
        """Where unaligned accesses happened, in order of address."""
        places = np.flatnonzero(self._found).tolist()
        return tuple(self._program.where(2 * place) for place in places)
