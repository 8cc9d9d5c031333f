"""
Runs `thumb` functions in xDSL's interpreter, before and after registers are allocated.

A value is a word, from 0 to 2^32 - 1, wherever it lies; flags are equal or not. Memory
is bytes at addresses. Which register a value has makes no difference: a wrong
allocation shows on a core only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    OpImpl,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_callable,
    impl_terminator,
    register_impls,
)
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects import thumb_alu as alu
from tinyml.dialects import thumb_dsp as dsp
from tinyml.dialects import thumb_memory as mem
from tinyml.dialects import thumb_shapes as shapes
from tinyml.dialects.thumb import instructions
from tinyml.dialects.thumb_control import FuncOp, LoopOp, PushOp, RepeatNeOp, RetOp
from tinyml.interp.thumb_arithmetic import (
    ACCESSES,
    ACCUMULATE,
    BINARY,
    PRODUCT,
    SATURATE,
    UNARY,
    WORD,
    halves,
    high,
    low,
    shifted,
    signed,
)


class Memory:
    """Buffers at addresses. A bytearray that is given is what stores change."""

    def __init__(self, regions: Mapping[int, bytearray | memoryview]):
        self.regions = dict(regions)

    def place(self, address: int, size: int) -> tuple[bytearray | memoryview, int]:
        address &= WORD
        for origin, data in self.regions.items():
            if origin <= address and address + size <= origin + len(data):
                return data, address - origin
        raise InterpretationError(f"no memory for {size} bytes at {address:#010x}")

    def load(self, address: int, size: int = 4, is_signed: bool = False) -> int:
        data, start = self.place(address, size)
        word = int.from_bytes(data[start : start + size], "little", signed=is_signed)
        return word & WORD

    def store(self, address: int, word: int, size: int = 4) -> None:
        data, start = self.place(address, size)
        data[start : start + size] = (word & (1 << 8 * size) - 1).to_bytes(
            size, "little"
        )


def shift_of(op: shapes.Shifted | dsp.Saturate, word: int) -> int:
    if op.shift is None or op.amount is None:
        return word
    return shifted(op.shift.data, word, op.amount.value.data)


def rotation_of(op: shapes.Rotated | shapes.RotatedAdd, word: int) -> int:
    return word if op.ror is None else shifted("ror", word, op.ror.value.data)


def compute(op: shapes.Instruction, values: Sequence[int]) -> Sequence[Any]:
    """What an instruction that leaves memory alone makes of its operands."""
    if isinstance(op, alu.Constant):
        return (op.imm.value.data,)
    match op, *values:
        case shapes.Unary(), m:
            return (UNARY[op.stem](m),)
        case shapes.Rotated(), m:
            return (UNARY[op.stem](rotation_of(op, m)),)
        case shapes.RotatedAdd(), n, m:
            return (BINARY[op.stem](n, rotation_of(op, m)),)
        case shapes.Shifted(), n, m:
            return (BINARY[op.stem](n, shift_of(op, m)),)
        case shapes.Binary(), n, m:
            return (BINARY[op.stem](n, m),)
        case shapes.Immediate(), n:
            return (BINARY[op.stem](n, op.number),)
        case shapes.Accumulate(), n, m, a:
            return (ACCUMULATE[op.stem](n, m, a),)
        case shapes.Multiply64(), n, m:
            result = PRODUCT[op.stem](n, m)
            return result, result >> 32
        case shapes.Accumulate64(), lo, hi, n, m:
            result = (hi << 32 | lo) + PRODUCT[op.stem](n, m)
            return result, result >> 32
        case alu.CmpOp(), n, m:
            return (n == m,)
        case alu.CmpImmOp(), n:
            return (n == op.imm.value.data & WORD,)
        case alu.SubsImmOp(), n:
            difference = n - op.imm.value.data & WORD
            return difference, difference == 0
        case dsp.Saturate(), m:
            number = signed(shift_of(op, m))
            return (SATURATE[op.stem](number, op.bits.value.data),)
        case dsp.SaturateHalves(), m:
            saturate, bits = SATURATE[op.stem], op.bits.value.data
            return (halves(saturate(low(m), bits), saturate(high(m), bits)),)
        case dsp.BitField(), m:
            width, field = op.width.value.data, m >> op.lsb.value.data
            is_signed = isinstance(op, dsp.SbfxOp)
            return (signed(field, width) if is_signed else field & (1 << width) - 1,)
        case alu.Vmov() | alu.VmovFpuOp(), *_:
            return values
        case _:
            raise InterpretationError(f"{op.name} does not run here")


def access(
    op: shapes.Instruction, values: Sequence[int], memory: Memory
) -> Sequence[Any]:
    """What an instruction loads and stores, and where that leaves its base."""
    match op, *values:
        case shapes.Load(), n:
            return (memory.load(n + op.offset.value.data, *ACCESSES[op.stem]),)
        case shapes.LoadIndexed(), n, m:
            shift = 0 if op.lsl is None else op.lsl.value.data
            return (memory.load(n + (m << shift), *ACCESSES[op.stem]),)
        case shapes.LoadPost(), n:
            word = memory.load(n, *ACCESSES[op.stem])
            return word, n + op.offset.value.data
        case shapes.Store(), t, n:
            memory.store(n + op.offset.value.data, t, ACCESSES[op.stem][0])
            return ()
        case shapes.StorePost(), t, n:
            memory.store(n, t, ACCESSES[op.stem][0])
            return (n + op.offset.value.data,)
        case mem.LdrdOp() | mem.LdrdPostOp(), n:
            place = n if op.post else n + op.offset.value.data
            words = (memory.load(place), memory.load(place + 4))
            return (*words, n + op.offset.value.data) if op.post else words
        case mem.StrdOp() | mem.StrdPostOp(), t, u, n:
            place = n if op.post else n + op.offset.value.data
            memory.store(place, t)
            memory.store(place + 4, u)
            return (n + op.offset.value.data,) if op.post else ()
        case mem.LdmOp(), n:
            count = len(op.words)
            words = [memory.load(n + 4 * index) for index in range(count)]
            return n + 4 * count, *words
        case mem.StmOp(), n, *words:
            for index, word in enumerate(words):
                memory.store(n + 4 * index, word)
            return (n + 4 * len(words),)
        case _:
            return compute(op, values)


def run_instruction(
    functions: ThumbFunctions,
    interpreter: Interpreter,
    op: shapes.Instruction,
    args: PythonValues,
) -> PythonValues:
    if isinstance(op, mem.LdrSpOp):
        return (functions.stack[op.offset.value.data // 4 - functions.pushed],)
    results = access(op, args, functions.memory)
    return tuple(
        result if isinstance(result, bool) else result & WORD for result in results
    )


@register_impls
class ThumbFunctions(InterpreterFunctions):
    """`thumb` ops on a memory; `stack` are the arguments that r0 to r3 have not."""

    def __init__(self, memory: Memory, stack: Sequence[int] = ()):
        self.memory, self.stack = memory, stack
        self.pushed = 0

    @classmethod
    def _impls(
        cls,
    ) -> Iterable[tuple[type[Operation], OpImpl[InterpreterFunctions, Operation]]]:
        yield from super()._impls()
        for op in instructions():
            yield op, impl(op)(run_instruction)  # pyright: ignore[reportReturnType] of this class

    @impl(PushOp)
    def run_push(
        self, interpreter: Interpreter, op: PushOp, args: PythonValues
    ) -> PythonValues:
        self.pushed = len(op.registers)
        return ()

    @impl(LoopOp)
    def run_loop(
        self, interpreter: Interpreter, op: LoopOp, args: PythonValues
    ) -> PythonValues:
        equal = False
        while not equal:
            equal, *carried = interpreter.run_ssacfg_region(op.body, args, "loop")
            args = tuple(carried)
        return args

    @impl_terminator(RepeatNeOp)
    def run_repeat(
        self, interpreter: Interpreter, op: RepeatNeOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()

    @impl_terminator(RetOp)
    def run_ret(
        self, interpreter: Interpreter, op: RetOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()

    @impl_callable(FuncOp)
    def run_func(
        self, interpreter: Interpreter, op: FuncOp, args: PythonValues
    ) -> PythonValues:
        return interpreter.run_ssacfg_region(op.body, args, op.sym_name.data)


def run_thumb(
    module: ModuleOp,
    name: str,
    arguments: Sequence[int],
    memory: Mapping[int, bytearray | memoryview] | None = None,
    listeners: tuple[Interpreter.Listener, ...] = (),
) -> int | None:
    """
    Calls a function with words for arguments, which may change the memory given.
    Returns what it returns, None if nothing. Listeners are told of every instruction.
    """
    functions = ThumbFunctions(Memory(memory or {}), arguments[4:])
    interpreter = Interpreter(module, listeners=listeners)
    interpreter.register_implementations(functions)
    words = tuple(word & WORD for word in arguments[:4])
    results = interpreter.call_op(name, words)
    return results[0] if results else None
