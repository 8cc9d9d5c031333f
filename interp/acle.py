"""
Semantics of the `acle` dialect: what the instructions compute, exact to the bit.

Words are Python ints in the signed range of i32, as those of `arith` are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.utils.exceptions import InterpretationError

from tinyml.dialects.acle import (
    INSTRUCTIONS,
    BytesOp,
    InstructionOp,
    LoadHalfOp,
    LoadWordOp,
    PkhbtOp,
    PkhtbOp,
    StoreWordOp,
    Sxtab16Op,
    Uadd8Op,
)
from tinyml.dialects.acle_lanes import (
    ExtendOp,
    FourBytesOp,
    HalvesOp,
    SaturateHalvesOp,
    SaturateOp,
)
from tinyml.dialects.acle_multiply import MultiplyOp
from tinyml.interp.arith import bits_of, wrapped
from tinyml.interp.memref import check_indices
from tinyml.interp.owners import OwnedArray

Args = tuple[Any, ...]


def halves(word: int) -> dict[str, int]:
    """The signed halves of a word: bottom and top."""
    return {"b": wrapped(word, 16), "t": word >> 16}


def joined(bottom: int, top: int) -> int:
    """The word of two halves, of which the lower 16 bits count."""
    return (bottom & 0xFFFF) | (top << 16)


def two_bytes(word: int, ror: int) -> tuple[int, int]:
    """Bytes 0 and 2, signed, of a word that is rotated right."""
    return wrapped(word >> ror, 8), wrapped(word >> (ror + 16) % 32, 8)


def quarters(word: int) -> bytes:
    """The bytes of a word, the lowest first."""
    return (word & 0xFFFF_FFFF).to_bytes(4, "little")


def multiplied(op: MultiplyOp, a: int, b: int, accumulator: int = 0) -> int:
    if op.HALVES:
        x, y = halves(a), halves(b)
        return accumulator + sum(x[first] * y[second] for first, second in op.HALVES)
    product = a * b + (1 << 31 if op.ROUNDS else 0)
    is_long = bits_of(op.results[0].type) == 64
    return accumulator + (product if is_long else product >> 32)


def saturated(op: SaturateOp | SaturateHalvesOp, number: int) -> int:
    low, high = op.range
    return min(max(number, low), high)


def computed(op: InstructionOp, args: Args) -> int:
    """The result of an instruction, before it wraps."""
    match op:
        case MultiplyOp():
            return multiplied(op, *args)
        case ExtendOp():
            bottom, top = two_bytes(args[0], op.ror.value.data)
            return joined(bottom, top) if op.SIGNED else joined(bottom & 255, top & 255)
        case Sxtab16Op():
            sums, added = halves(args[0]), two_bytes(args[1], op.ror.value.data)
            return joined(sums["b"] + added[0], sums["t"] + added[1])
        case HalvesOp():
            x, y = (halves(word) for word in args)
            return joined(x["b"] + op.SIGN * y["b"], x["t"] + op.SIGN * y["t"])
        case FourBytesOp():
            pairs = zip(quarters(args[0]), quarters(args[1]), strict=True)
            is_sum = isinstance(op, Uadd8Op)
            found = [(x + y) % 256 if is_sum else max(x - y, 0) for x, y in pairs]
            return int.from_bytes(bytes(found), "little")
        case PkhbtOp():
            return joined(args[0], (args[1] << op.lsl.value.data) >> 16)
        case PkhtbOp():
            return joined(args[1] >> op.asr.value.data, args[0] >> 16)
        case SaturateOp():
            shifts = op.immediates
            word = wrapped(args[0] << shifts.get("lsl", 0), 32) >> shifts.get("asr", 0)
            return saturated(op, word)
        case SaturateHalvesOp():
            bottom, top = (saturated(op, half) for half in halves(args[0]).values())
            return joined(bottom, top)
        case _:
            raise InterpretationError(f"{op.name} has no semantics")


def run_instruction(
    functions: AcleFunctions, interpreter: Interpreter, op: InstructionOp, args: Args
) -> PythonValues:
    return (wrapped(computed(op, args), bits_of(op.results[0].type)),)


def accessed(op: BytesOp, buffer: np.ndarray | OwnedArray, byte: int) -> np.ndarray:
    """The bytes of an access; in an arena with owners, checks or becomes theirs."""
    array = buffer.values if isinstance(buffer, OwnedArray) else buffer
    check_indices(array, [byte])
    check_indices(array, [byte + op.SIZE - 1])
    if op.aligned is not None and (array.ctypes.data + byte) % op.SIZE:
        raise InterpretationError(f"{op.name} at byte {byte} is not aligned")
    if isinstance(buffer, OwnedArray):
        start = buffer.place([byte]).start
        place = slice(start, start + op.SIZE)
        if op.WRITES:
            buffer.arena.owners[place] = buffer.buffer
        else:
            buffer.arena.check(place, buffer.buffer, f"%{op.memref.name_hint}")
    return array[byte : byte + op.SIZE]


class AcleFunctions(InterpreterFunctions):
    @impl(LoadWordOp)
    def run_load_word(
        self, interpreter: Interpreter, op: LoadWordOp, args: Args
    ) -> PythonValues:
        found = accessed(op, *args)
        return (int.from_bytes(found.tobytes(), "little", signed=True),)

    @impl(LoadHalfOp)
    def run_load_half(
        self, interpreter: Interpreter, op: LoadHalfOp, args: Args
    ) -> PythonValues:
        found = accessed(op, *args)
        return (int.from_bytes(found.tobytes(), "little", signed=True),)

    @impl(StoreWordOp)
    def run_store_word(
        self, interpreter: Interpreter, op: StoreWordOp, args: Args
    ) -> PythonValues:
        value, *place = args
        target = accessed(op, *place)
        target[...] = np.frombuffer(value.to_bytes(4, "little", signed=True), np.int8)
        return ()


for instruction in INSTRUCTIONS:
    setattr(
        AcleFunctions, f"run_{instruction.name}", impl(instruction)(run_instruction)
    )
register_impls(AcleFunctions)
