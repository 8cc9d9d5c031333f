"""
What a kernel's loops say about its accesses, against the accesses of a run.

Every kernel runs in the interpreter, which notes each access; the times that
`memory_accesses` finds without running anything have to order them in the same way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from networks import LAYER_INPUTS, Limits, lower_to_calls, random_layer
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    Builtin,
    IndexType,
    IntegerType,
    ModuleOp,
    f32,
    i1,
    i8,
    i32,
)
from xdsl.interpreter import Interpreter, PythonValues, impl, register_impls
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.parser import Parser
from xdsl.utils.test_value import create_ssa_value

from tinyml.dialects.acle import Acle, BytesOp, LoadHalfOp, LoadWordOp, StoreWordOp
from tinyml.dialects.constants import find_global, global_array, numpy_dtype
from tinyml.dialects.kernel import KERNEL, KernelAttr, Traversal
from tinyml.dialects.layer import buffer_type
from tinyml.dialects.network import layer_calls
from tinyml.interp.acle import AcleFunctions
from tinyml.interp.memref import MemRefFunctions
from tinyml.interp.run import make_interpreter
from tinyml.passes import loop_turns
from tinyml.passes.convert_layers_to_loops import REVERSIBLE
from tinyml.passes.index_arithmetic import SIGNED, UNSIGNED, UnknownNumber, compute
from tinyml.passes.inlined_kernel import inlined
from tinyml.passes.loop_turns import KernelProblem, pieces
from tinyml.passes.memory_accesses import (
    NEVER_FIRST,
    NEVER_LAST,
    AccessTimes,
    kernel_times,
)

# Traces


@register_impls
class TracingFunctions(MemRefFunctions):
    """Notes the address, the size and the kind of each access."""

    def __init__(self) -> None:
        super().__init__()
        self.trace: list[tuple[int, int, bool]] = []

    def note(self, array: np.ndarray, indices: Sequence[int], writes: bool) -> None:
        steps = (i * stride for i, stride in zip(indices, array.strides, strict=True))
        address = array.ctypes.data + sum(steps)
        self.trace.append((address, array.itemsize, writes))

    @impl(memref.LoadOp)
    def run_load(
        self, interpreter: Interpreter, op: memref.LoadOp, args: tuple[Any, ...]
    ) -> PythonValues:
        self.note(args[0], args[1:], False)
        return super().run_load(interpreter, op, args).values

    @impl(memref.StoreOp)
    def run_store(
        self, interpreter: Interpreter, op: memref.StoreOp, args: tuple[Any, ...]
    ) -> PythonValues:
        self.note(args[1], args[2:], True)
        return super().run_store(interpreter, op, args).values


@register_impls
class TracingWords(AcleFunctions):
    """Notes accesses of several bytes at once."""

    def __init__(self, trace: list[tuple[int, int, bool]]) -> None:
        super().__init__()
        self.trace = trace

    def note(self, op: BytesOp, array: np.ndarray, byte: int) -> None:
        self.trace.append((array.ctypes.data + byte, op.SIZE, op.WRITES))

    @impl(LoadWordOp)
    def run_load_word(
        self, interpreter: Interpreter, op: LoadWordOp, args: tuple[Any, ...]
    ) -> PythonValues:
        self.note(op, *args)
        return super().run_load_word(interpreter, op, args).values

    @impl(LoadHalfOp)
    def run_load_half(
        self, interpreter: Interpreter, op: LoadHalfOp, args: tuple[Any, ...]
    ) -> PythonValues:
        self.note(op, *args)
        return super().run_load_half(interpreter, op, args).values

    @impl(StoreWordOp)
    def run_store_word(
        self, interpreter: Interpreter, op: StoreWordOp, args: tuple[Any, ...]
    ) -> PythonValues:
        self.note(op, *args[1:])
        return super().run_store_word(interpreter, op, args).values


def traced_times(
    module: ModuleOp, kernel: func.FuncOp, arrays: Sequence[np.ndarray]
) -> list[AccessTimes]:
    """The times of every argument's bytes in a run."""
    functions = TracingFunctions()
    interpreter = make_interpreter(module, functions)
    words = TracingWords(functions.trace)
    interpreter.register_implementations(words, override=True)
    interpreter.call_op(kernel.sym_name.data, tuple(arrays))
    found = [AccessTimes.untouched(array.nbytes) for array in arrays]
    for time, (address, size, writes) in enumerate(functions.trace):
        for array, times in zip(arrays, found, strict=True):
            start = address - array.ctypes.data
            if not 0 <= start < array.nbytes:
                continue
            first = times.first_write if writes else times.first_read
            last = times.last_write if writes else times.last_read
            for byte in range(start, start + size):
                first[byte] = min(first[byte], time)
                last[byte] = time
    return found


def ones(buffer: SSAValue) -> np.ndarray:
    type = buffer_type(buffer)
    return np.ones(type.get_shape(), numpy_dtype(type.element_type))


def joined(items: Sequence[AccessTimes]) -> np.ndarray:
    """The times of several buffers, NEVER_LAST where there is no access."""
    parts = [
        part
        for item in items
        for part in (item.first_read, item.last_read, item.first_write, item.last_write)
    ]
    whole = np.concatenate(parts)
    return np.where(whole == NEVER_FIRST, NEVER_LAST, whole)


def check_order(found: Sequence[AccessTimes], traced: Sequence[AccessTimes]) -> None:
    """Both say which bytes are accessed, and in the same order."""
    for item in traced:
        if (item.last_write == NEVER_LAST).all():
            # The first read of what is never written is not looked for.
            item.first_read[:] = NEVER_FIRST
    times, truth = joined(found), joined(traced)
    pairs = sorted(set(zip(times.tolist(), truth.tolist(), strict=True)))
    assert (times != NEVER_LAST).any()
    for (a, b), (next_a, next_b) in pairwise(pairs):
        assert a < next_a
        assert b < next_b
    assert (times == NEVER_LAST).tolist() == (truth == NEVER_LAST).tolist()


TRAVERSALS = [Traversal.FORWARD, Traversal.BACKWARD]
CASES = [
    (kind, traversal, seed)
    for kind in LAYER_INPUTS
    for traversal in TRAVERSALS
    for seed in range(2)
]


@pytest.mark.parametrize("kind, traversal, seed", CASES)
def test_order_of_accesses(
    kind: str, traversal: Traversal, seed: int, monkeypatch: pytest.MonkeyPatch
):
    r = random.Random(f"{kind} {seed}")
    # Several pieces, even of these small kernels.
    monkeypatch.setattr(loop_turns, "PIECE", r.choice([1, 7, 50, 1 << 20]))
    module, layer = random_layer(r, kind, Limits(size=3, channels=3))
    if traversal is Traversal.BACKWARD and type(layer) not in REVERSIBLE:
        pytest.skip("runs forwards only")
    layer.attributes[KERNEL] = KernelAttr.get(traversal)
    lowered = lower_to_calls(module)
    (call,) = layer_calls(lowered)
    kernel = next(
        op
        for op in lowered.ops
        if isinstance(op, func.FuncOp) and op.sym_name == call.callee.root_reference
    )
    arrays: list[np.ndarray] = []
    constants: dict[SSAValue, np.ndarray] = {}
    for value, argument in zip(call.operands, kernel.body.block.args, strict=True):
        if isinstance(op := value.owner, memref.GetGlobalOp):
            found = find_global(op, op.name_)
            assert found is not None
            constants[argument] = global_array(found)
            arrays.append(constants[argument])
        else:
            arrays.append(ones(argument))
    times = kernel_times(kernel, constants)
    traced = traced_times(lowered, kernel, arrays)
    followed = [a for a in kernel.body.block.args if a not in constants]
    check_order(
        [times.get(a, AccessTimes.untouched(0)) for a in followed],
        [traced[a.index] for a in followed],
    )


# Kernels that no layer has


def parsed(text: str) -> tuple[ModuleOp, func.FuncOp]:
    context = Context()
    for dialect in (Acle, Builtin, arith.Arith, func.Func, memref.MemRef, scf.Scf):
        context.load_dialect(dialect)
    module = Parser(context, f"builtin.module {{ {text} }}").parse_module()
    module.verify()
    kernel = module.body.block.last_op
    assert isinstance(kernel, func.FuncOp)
    return module, kernel


CONSTANTS = "".join(f"%c{n} = arith.constant {n} : index\n" for n in range(9))

KERNELS = {
    "a pointer that is moved on": """
    func.func @f(%x: memref<12xi8>, %y: memref<12xi8>) { CONSTANTS
      %end = scf.for %i = %c0 to %c3 step %c1 iter_args(%p = %c1) -> (index) {
        %q = scf.for %j = %c0 to %i step %c1 iter_args(%q = %p) -> (index) {
          %v = memref.load %x[%q] : memref<12xi8>
          memref.store %v, %y[%q] : memref<12xi8>
          %next = arith.addi %q, %c2 : index
          scf.yield %next : index
        }
        %next = arith.addi %c1, %q : index
        scf.yield %next : index
      }
      %v = memref.load %x[%end] : memref<12xi8>
      memref.store %v, %y[%end] : memref<12xi8>
      func.return
    }""",
    "a number that doubles": """
    func.func @f(%x: memref<32xi16>, %y: memref<32xi16>) { CONSTANTS
      %end = scf.for %i = %c0 to %c5 step %c1 iter_args(%p = %c1) -> (index) {
        %v = memref.load %x[%p] : memref<32xi16>
        scf.for %j = %c0 to %p step %c3 {
          memref.store %v, %y[%j] : memref<32xi16>
        }
        %next = arith.addi %p, %p : index
        scf.yield %next : index
      }
      func.return
    }""",
    "rows that rotate": """
    func.func @f(%x: memref<6x4xi8>, %y: memref<3x4xi8>) { CONSTANTS
      %r0 = memref.subview %y[0, 0] [1, 4] [1, 1] : memref<3x4xi8> to memref<4xi8, strided<[1], offset: ?>>
      %r1 = memref.subview %y[%c1, 0] [1, 4] [1, 1] : memref<3x4xi8> to memref<4xi8, strided<[1], offset: ?>>
      %r2 = memref.subview %y[%c2, 0] [1, 4] [1, 1] : memref<3x4xi8> to memref<4xi8, strided<[1], offset: ?>>
      %a, %b, %c = scf.for %i = %c0 to %c5 step %c1 iter_args(%p = %r0, %q = %r1, %s = %r2)
          -> (memref<4xi8, strided<[1], offset: ?>>, memref<4xi8, strided<[1], offset: ?>>, memref<4xi8, strided<[1], offset: ?>>) {
        scf.for %j = %c0 to %c4 step %c1 {
          %v = memref.load %x[%i, %j] : memref<6x4xi8>
          memref.store %v, %p[%j] : memref<4xi8, strided<[1], offset: ?>>
          %w = memref.load %q[%j] : memref<4xi8, strided<[1], offset: ?>>
        }
        scf.yield %q, %s, %p : memref<4xi8, strided<[1], offset: ?>>, memref<4xi8, strided<[1], offset: ?>>, memref<4xi8, strided<[1], offset: ?>>
      }
      %v = memref.load %b[%c3] : memref<4xi8, strided<[1], offset: ?>>
      memref.store %v, %a[%c3] : memref<4xi8, strided<[1], offset: ?>>
      func.return
    }""",
    "branches on numbers, and what they give": """
    func.func @f(%x: memref<8xi8>, %y: memref<8xi8>) { CONSTANTS
      scf.for %i = %c0 to %c8 step %c1 {
        %odd = arith.remsi %i, %c2 : index
        %is = arith.cmpi eq, %odd, %c1 : index
        %p = scf.if %is -> (index) {
          %v = memref.load %x[%i] : memref<8xi8>
          memref.store %v, %y[%c0] : memref<8xi8>
          scf.yield %i : index
        } else {
          scf.if %is {
            %v = memref.load %x[%c1] : memref<8xi8>
          }
          %mirrored = arith.subi %c7, %i : index
          scf.yield %mirrored : index
        }
        %v = memref.load %y[%p] : memref<8xi8>
        %next = arith.minsi %p, %c7 : index
        memref.store %v, %y[%next] : memref<8xi8>
      }
      func.return
    }""",
    "bounds that depend on one another, and loops that take no turn": """
    func.func @f(%x: memref<64xi8>, %y: memref<64xi8>) { CONSTANTS
      scf.for %i = %c0 to %c4 step %c1 {
        %low = arith.addi %i, %i : index
        scf.for %j = %low to %c8 step %c2 {
          %top = arith.addi %i, %j : index
          scf.for %k = %j to %top step %c1 {
            scf.for %l = %c2 to %i step %c1 {
              %at = arith.muli %k, %c4 : index
              %v = memref.load %x[%at] : memref<64xi8>
              memref.store %v, %y[%k] : memref<64xi8>
            }
            %w = memref.load %y[%j] : memref<64xi8>
          }
        }
        scf.for %j = %c5 to %i step %c1 {
          %v = memref.load %x[%j] : memref<64xi8>
        }
      }
      func.return
    }""",
    "calls in loops and branches": """
    func.func @copy(%to: index, %count: index, %x: memref<16xi8>, %y: memref<16xi8>) -> index { CONSTANTS
      scf.for %i = %c0 to %count step %c1 {
        %v = memref.load %x[%i] : memref<16xi8>
        %at = arith.addi %to, %i : index
        memref.store %v, %y[%at] : memref<16xi8>
      }
      %end = arith.addi %to, %count : index
      func.return %end : index
    }
    func.func @twice(%n: index, %x: memref<16xi8>, %y: memref<16xi8>) { CONSTANTS
      %end = func.call @copy(%n, %n, %x, %y) : (index, index, memref<16xi8>, memref<16xi8>) -> index
      %one = func.call @copy(%end, %c1, %y, %x) : (index, index, memref<16xi8>, memref<16xi8>) -> index
      func.return
    }
    func.func @f(%x: memref<16xi8>, %y: memref<16xi8>) { CONSTANTS
      scf.for %i = %c0 to %c6 step %c1 {
        %rest = arith.remsi %i, %c3 : index
        %is = arith.cmpi eq, %rest, %c2 : index
        scf.for %j = %i to %c7 step %c2 {
          scf.if %is {
            func.call @twice(%i, %x, %y) : (index, memref<16xi8>, memref<16xi8>) -> ()
          } else {
            %less = arith.cmpi slt, %j, %c5 : index
            scf.if %less {
              %v = memref.load %y[%j] : memref<16xi8>
              func.call @twice(%rest, %y, %x) : (index, memref<16xi8>, memref<16xi8>) -> ()
            }
          }
        }
      }
      func.return
    }""",
    "words in a buffer of bytes": """
    func.func @f(%x: memref<16xi8>, %y: memref<4xi32>) { CONSTANTS
      %words = memref.view %x[%c4][] : memref<16xi8> to memref<3xi32>
      scf.for %i = %c0 to %c3 step %c1 {
        %v = memref.load %words[%i] : memref<3xi32>
        memref.store %v, %y[%i] : memref<4xi32>
        %b = memref.load %x[%i] : memref<16xi8>
        memref.store %b, %x[%c8] : memref<16xi8>
      }
      func.return
    }""",
    "several bytes at once": """
    func.func @f(%x: memref<4x8xi8>, %y: memref<40xi8>) { CONSTANTS
      scf.for %i = %c0 to %c4 step %c1 {
        %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<4x8xi8> to memref<8xi8, strided<[1], offset: ?>>
        scf.for %j = %c0 to %c5 step %c2 {
          %v = acle.load_word %row[%j] : memref<8xi8, strided<[1], offset: ?>>
          %h = acle.load_half %row[%i] : memref<8xi8, strided<[1], offset: ?>>
          %s = acle.smuad %v, %h
          %far = arith.muli %i, %c7 : index
          %at = arith.addi %far, %j : index
          acle.store_word %s, %y[%at] : memref<40xi8>
          %b = memref.load %y[%i] : memref<40xi8>
        }
      }
      func.return
    }""",
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("piece", [1, 5, 1 << 20])
def test_order_of_accesses_by_hand(
    name: str, piece: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop_turns, "PIECE", piece)
    module, kernel = parsed(KERNELS[name].replace("CONSTANTS", CONSTANTS))
    arrays = [ones(argument) for argument in kernel.body.block.args]
    function = inlined(kernel).function
    times = kernel_times(function, {})
    check_order(
        [times[argument] for argument in function.body.block.args],
        traced_times(module, kernel, arrays),
    )


REFUSED = {
    "accesses byte 8 of %x, which has 8 bytes": """
    func.func @f(%x: memref<8xi8>) { CONSTANTS
      scf.for %i = %c0 to %c5 step %c1 {
        %at = arith.muli %i, %c2 : index
        %v = memref.load %x[%at] : memref<8xi8>
      }
      func.return
    }""",
    "accesses byte -2 of %x, which has 16 bytes": """
    func.func @f(%x: memref<8xi16>) { CONSTANTS
      %at = arith.subi %c0, %c1 : index
      %v = memref.load %x[%at] : memref<8xi16>
      func.return
    }""",
    "the number of turns of a loop depends on a memref.load": """
    func.func @f(%x: memref<8xindex>) { CONSTANTS
      %n = memref.load %x[%c0] : memref<8xindex>
      scf.for %i = %c0 to %n step %c1 {
        %v = memref.load %x[%i] : memref<8xindex>
      }
      func.return
    }""",
    "the address of a memref.load depends on a arith.select": """
    func.func @f(%x: memref<8xi8>, %y: memref<8xi8>, %z: i1) { CONSTANTS
      %is = arith.cmpi eq, %c0, %c1 : index
      %either = arith.select %is, %x, %y : memref<8xi8>
      %v = memref.load %either[%c0] : memref<8xi8>
      func.return
    }""",
    "accesses byte 9 of %x, which has 9 bytes": """
    func.func @f(%x: memref<9xi8>) { CONSTANTS
      %v = acle.load_word %x[%c6] : memref<9xi8>
      func.return
    }""",
    "the address of a acle.store_word depends on a acle.load_half": """
    func.func @f(%x: memref<8xi8>) { CONSTANTS
      %v = acle.load_half %x[%c5] : memref<8xi8>
      %at = arith.index_cast %v : i32 to index
      acle.store_word %v, %x[%at] : memref<8xi8>
      func.return
    }""",
    "the number of turns of a loop depends on a acle.smuad": """
    func.func @f(%x: memref<8xi8>, %n: i32) { CONSTANTS
      %one = arith.constant 1 : i32
      %v = acle.smuad %one, %one
      %end = arith.index_cast %v : i32 to index
      scf.for %i = %c0 to %end step %c1 {
        %w = acle.load_word %x[%i] : memref<8xi8>
      }
      func.return
    }""",
    "func.call accesses memory in unknown ways": """
    func.func private @g(%x: memref<8xi8>)
    func.func @f(%x: memref<8xi8>) {
      func.call @g(%x) : (memref<8xi8>) -> ()
      func.return
    }""",
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message: str):
    _, kernel = parsed(REFUSED[message].replace("CONSTANTS", CONSTANTS))
    with pytest.raises(KernelProblem) as caught:
        kernel_times(kernel, {})
    assert message in str(caught.value)


def test_constants_are_not_written():
    _, kernel = parsed("""
    func.func @f(%x: memref<i8>) {
      %v = memref.load %x[] : memref<i8>
      memref.store %v, %x[] : memref<i8>
      func.return
    }""")
    (argument,) = kernel.body.block.args
    assert kernel_times(kernel, {})[argument].last_write.tolist() == [1]
    with pytest.raises(KernelProblem, match="writes to a constant"):
        kernel_times(kernel, {argument: np.zeros((), np.int8)})


@pytest.mark.parametrize("lengths", [[], [5], [3, 4], [2, 3, 4], [4, 1, 7], [3, 0, 2]])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 100])
def test_pieces(lengths: list[int], size: int, monkeypatch: pytest.MonkeyPatch):
    """They are the whole index space, in order."""
    monkeypatch.setattr(loop_turns, "PIECE", size)
    points: list[tuple[int, ...]] = []
    for piece in pieces(lengths):
        inside = [()]
        for part in piece:
            inside = [(*point, i) for point in inside for i in part]
        assert 0 < len(inside) <= size
        points += inside
    assert points == [tuple(p) for p in np.ndindex(*lengths)]


# Arithmetic


def toward_zero(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


SIGNED_ANSWERS: dict[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.andi": lambda a, b: a & b,
    "arith.ceildivsi": lambda a, b: math.ceil(Fraction(a, b)),
    "arith.divsi": toward_zero,
    "arith.floordivsi": lambda a, b: math.floor(Fraction(a, b)),
    "arith.maxsi": max,
    "arith.minsi": min,
    "arith.muli": lambda a, b: a * b,
    "arith.ori": lambda a, b: a | b,
    "arith.remsi": lambda a, b: a - b * toward_zero(a, b),
    "arith.shli": lambda a, b: a << b,
    "arith.shrsi": lambda a, b: a >> b,
    "arith.subi": lambda a, b: a - b,
    "arith.xori": lambda a, b: a ^ b,
}
UNSIGNED_ANSWERS: dict[str, Callable[[int, int], int]] = {
    "arith.divui": lambda a, b: a // b,
    "arith.maxui": max,
    "arith.minui": min,
    "arith.remui": lambda a, b: a % b,
    "arith.shrui": lambda a, b: a >> b,
}
NUMBERS = [-128, -100, -7, -2, -1, 0, 1, 2, 3, 5, 7, 64, 100, 127]


@pytest.mark.parametrize("op_type", [*SIGNED, *UNSIGNED], ids=lambda t: t.name)
@pytest.mark.parametrize("type", [i8, i32])
def test_arithmetic(op_type: Any, type: IntegerType):
    name, width = op_type.name, type.width.data
    op = op_type(create_ssa_value(type), create_ssa_value(type))
    answer = (SIGNED_ANSWERS | UNSIGNED_ANSWERS)[name]
    for a, b in product(NUMBERS, NUMBERS):
        x, y = (n % (1 << width) if op_type in UNSIGNED else n for n in (a, b))
        if (b == 0 and ("div" in name or "rem" in name)) or (
            not 0 <= b < width and "sh" in name
        ):
            # There is no answer, and no exception either.
            compute(op, [np.array(a), np.array(b)])
            continue
        half = 1 << (width - 1)
        expected = (answer(x, y) + half) % (2 * half) - half
        assert compute(op, [np.array(a), np.array(b)]).tolist() == expected


@pytest.mark.parametrize("type", [i8, i32, IndexType()])
@pytest.mark.parametrize("predicate", arith.CMPI_COMPARISON_OPERATIONS)
def test_comparisons_are_the_interpreters(predicate: str, type: Attribute):
    op = arith.CmpiOp(create_ssa_value(type), create_ssa_value(type), predicate)
    interpreter = make_interpreter(ModuleOp([]))
    for a, b in product(NUMBERS, NUMBERS):
        (expected,) = interpreter.run_op(op, (a, b))
        assert compute(op, [np.array(a), np.array(b)]).tolist() == expected


def test_conversions():
    wide, byte, bit = (create_ssa_value(type) for type in (i32, i8, i1))
    cases: list[tuple[Operation, int, int]] = [
        (arith.ExtSIOp(byte, i32), -3, -3),
        (arith.ExtUIOp(byte, i32), -3, 253),
        (arith.ExtSIOp(bit, i32), 1, -1),
        (arith.ExtUIOp(bit, i32), 1, 1),
        (arith.TruncIOp(wide, i8), 130, -126),
        (arith.TruncIOp(wide, i1), 3, 1),
        (arith.IndexCastOp(wide, IndexType()), -5, -5),
    ]
    for op, number, expected in cases:
        assert compute(op, [np.array(number)]).tolist() == expected


def test_floats_are_not_known():
    real = create_ssa_value(f32)
    for op in (arith.AddfOp(real, real), arith.FPToSIOp(real, i32)):
        with pytest.raises(UnknownNumber):
            compute(op, [np.array(1)] * len(op.operands))
