"""
Checks functions of instructions by calls that a network makes.

A function in C may name one of instructions that computes the same on a core. Some of
its calls are taken from a run of the network in C, with the memory before and behind
them, and the instructions run on the same memory: in the interpreter, which knows
nothing of registers, and once they have registers on a simulated core.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import MemRefType, ModuleOp, SymbolRefAttr
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from tinyml.backend.thumb_printer import THUMB
from tinyml.dialects.thumb_control import FuncOp as ThumbFuncOp
from tinyml.frontend.load import first_line
from tinyml.interp.thumb import run_thumb
from tinyml.tools.guarded_memory import Memories
from tinyml.tools.kernel_keys import KernelKey, KernelKeys, kernel_functions
from tinyml.tools.listened_calls import LISTENER, Listener, listened
from tinyml.tools.native_kernels import (
    NativeKernel,
    NativeKernels,
    c_of,
    kernels_of,
)
from tinyml.tools.thumb_core import code_of, run_code

FIRST_ADDRESS, DISTANCE = 0x2000_0000, 0x0400_0000
"""Where the memories of a call lie on the core."""


@dataclass(frozen=True)
class HotCall:
    """
    A call of a function: addresses and numbers; memory before and behind it, guards
    included, as pointers may start in front of what they are used for.
    """

    args: Sequence[int]
    before: Sequence[np.ndarray]
    after: Sequence[np.ndarray]

    def memory(self) -> dict[int, bytearray]:
        """The memory that a function finds, by addresses."""
        return {
            FIRST_ADDRESS + number * DISTANCE: bytearray(data.tobytes())
            for number, data in enumerate(self.before)
        }


class TooLong(Exception):
    """A call takes more steps than it may."""


class Steps(Interpreter.Listener):
    """Ends a run behind so many steps."""

    def __init__(self, most: int):
        self.left = most

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooLong


def alternatives(module: ModuleOp) -> dict[str, str]:
    """The functions that name one of instructions, and its name."""
    return {
        name: symbol.string_value()
        for name, function in kernel_functions(module).items()
        if isinstance(symbol := function.attributes.get(THUMB), SymbolRefAttr)
    }


def thumb_texts(module: ModuleOp) -> dict[str, str]:
    """The text of each function of instructions."""
    return {
        op.sym_name.data: str(op) for op in module.ops if isinstance(op, ThumbFuncOp)
    }


@dataclass
class ThumbSamples:
    """Calls of functions in C, by what they compute."""

    calls: dict[KernelKey, list[HotCall]] = field(
        default_factory=dict[KernelKey, list[HotCall]]
    )
    long: set[KernelKey] = field(default_factory=set[KernelKey])
    """Those whose calls take too many steps to interpret."""

    def wanted(self, module: ModuleOp, keys: KernelKeys) -> dict[str, KernelKey]:
        """The functions that stand for instructions, and of which no call is known."""
        return {
            name: keys.key(name)
            for name in alternatives(module)
            if not self.calls.get(keys.key(name))
        }

    def unsampled(self, module: ModuleOp, keys: KernelKeys) -> list[str]:
        """The functions of instructions that no call is known of."""
        found = alternatives(module)
        return [found[name] for name in self.wanted(module, keys)]

    def too_long(self, module: ModuleOp, keys: KernelKeys) -> list[str]:
        """The functions of instructions whose calls take too many steps."""
        found = alternatives(module)
        return [found[name] for name in found if keys.key(name) in self.long]

    def problem(
        self,
        module: ModuleOp,
        names: Collection[str],
        keys: KernelKeys,
        steps: int,
        folder: Path,
    ) -> str | None:
        """
        What functions of instructions do in another way than what they stand for: on a
        simulated core if they have registers, or else in calls of at most so many steps
        of the interpreter. Files are written to a folder.
        """
        functions = [op for op in module.ops if isinstance(op, ThumbFuncOp)]
        codes = code_of([f for f in functions if f.sym_name.data in names], folder)
        for name, thumb in alternatives(module).items():
            key = keys.key(name)
            if thumb not in names or (key in self.long and thumb not in codes):
                continue
            try:
                for call in self.calls.get(key, []):
                    text = wrong_call(module, thumb, call, codes.get(thumb), steps)
                    if text is not None:
                        earlier = ", perhaps since an earlier pass"
                        return f"@{thumb} {text}{earlier if key in self.long else ''}"
            except TooLong:
                self.long.add(key)
            else:
                self.long.discard(key)
        return None

    def prepare(
        self,
        native: NativeKernels,
        module: ModuleOp,
        names: Sequence[str],
        keys: KernelKeys,
    ) -> dict[str, ListenedKernel]:
        """Kernels that tell of the calls that are wanted."""
        functions = kernel_functions(module)
        hot = [(key, functions[n]) for n, key in self.wanted(module, keys).items()]
        text = listened(c_of(module, names), [function for _, function in hot])
        library = native.load(text)
        kernels = kernels_of(library, [functions[name] for name in names])
        return {
            name: ListenedKernel(kernel.library, kernel.function, self, hot)
            for name, kernel in zip(names, kernels, strict=True)
        }

    @contextmanager
    def listening(
        self,
        library: ctypes.CDLL,
        functions: Sequence[tuple[KernelKey, func.FuncOp]],
        memories: Memories,
    ) -> Generator[None]:
        """Keeps the calls that code of a library makes with addresses in memories."""
        started: list[tuple[Sequence[int], Sequence[np.ndarray]]] = []

        def hear(number: int, has_run: int, words: Any) -> None:
            key, function = functions[number]
            data = [memory.copy.copy() for memory in memories.values()]
            if has_run:
                args, before = started.pop()
                if args:
                    self.calls.setdefault(key, []).append(HotCall(args, before, data))
                return
            started.append((core_words(function, words, memories), data))

        listener = Listener(hear)
        pointer = ctypes.c_void_p.in_dll(library, LISTENER)
        pointer.value = ctypes.cast(listener, ctypes.c_void_p).value
        try:
            yield
        finally:
            pointer.value = None


@dataclass(frozen=True)
class ListenedKernel(NativeKernel):
    """A kernel whose calls of some functions are kept."""

    samples: ThumbSamples
    functions: Sequence[tuple[KernelKey, func.FuncOp]]

    def run(self, passed: Sequence[Any], memories: Memories) -> None:
        with self.samples.listening(self.library, self.functions, memories):
            super().run(passed, memories)


def core_words(function: func.FuncOp, words: Any, memories: Memories) -> Sequence[int]:
    """Arguments as a core gets them; none if one points elsewhere."""
    found: list[int] = []
    for type, word in zip(function.function_type.inputs, words):
        if not isinstance(type, MemRefType):
            found.append(int(word))
            continue
        for number, memory in enumerate(memories.values()):
            start = int(word) - memory.copy.ctypes.data
            if 0 <= start < memory.copy.size:
                found.append(FIRST_ADDRESS + number * DISTANCE + start)
                break
        else:
            return []
    return found


def wrong_call(
    module: ModuleOp, thumb: str, call: HotCall, code: bytes | None, steps: int
) -> str | None:
    """What is wrong with instructions on one call. Raises TooLong."""
    memory = call.memory()
    try:
        if code is None:
            run_thumb(module, thumb, call.args, memory, (Steps(steps),))
        else:
            run_code(code, call.args, memory)
    except InterpretationError as error:
        return first_line(str(error))
    return wrong_memory(call, memory)


def wrong_memory(call: HotCall, memory: Mapping[int, bytearray]) -> str | None:
    """What instructions have left in memory in place of what the C did."""
    for (origin, got), expected in zip(memory.items(), call.after, strict=True):
        wrong = np.flatnonzero(np.frombuffer(got, np.uint8) != expected)
        if not len(wrong):
            continue
        place = int(wrong[0])
        below = [
            (origin + place - word, number)
            for number, word in enumerate(call.args)
            if 0 <= origin + place - word < DISTANCE
        ]
        distance, number = min(below, default=(place, -1))
        text = f"stores {got[place]} at byte {distance} of argument {number}, "
        return f"{text}the C {expected[place]} ({len(wrong)} bytes differ)"
    return None
