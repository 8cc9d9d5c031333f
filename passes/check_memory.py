"""
Checks that every byte a network reads still holds what was written there for it.

Expects a network in one arena (`tinyml-lower-arena`). Reads the views and calls of the
network's function and the loads and stores of the kernels, and nothing that planning
has left. Guarantees that nothing changes. Fails, in one line, if

- a byte is overwritten, by another layer or by the kernel itself, before its last read;
- a byte is read that was not written for the buffer that is read;
- an output does not hold all that was written to it when the network ends;
- a view leaves the arena, or a kernel leaves a view.

    @layer_01_add ("sum"): byte 3 of %x (19 of the arena) was overwritten with %y by
    @layer_00_reshape

A read is known by the view it goes through, so two views of the same bytes are two
buffers; a `memref.reinterpret_cast` or a subview of a view is that view's buffer.
Kernels may call others, as stages do; what such a kernel makes of its scratch memory
with `memref.view` are buffers of their own. A function without a body that has the
attribute `tinyml.reads_input` writes all of the buffer it gets. A call is checked as a
whole: the bytes of a ring are written before they are read, and nobody else writes them
in between, but whether they hold the right row is not known.

Not handled, and refused: control flow in the network's function, addresses and bounds
that depend on data of the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import (
    ModuleOp,
)
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.reading import READS_INPUT
from tinyml.passes.byte_owners import (
    NOBODY,
    ByteOwners,
    Operand,
    WrongByte,
    written_first,
)
from tinyml.passes.failure import FailedAtOp
from tinyml.passes.index_arithmetic import UnknownNumber
from tinyml.passes.inlined_kernel import InlinedKernel, callee_of, inlined
from tinyml.passes.loop_dependence import buffers_behind
from tinyml.passes.loop_turns import KernelProblem
from tinyml.passes.loop_values import LoopValues
from tinyml.passes.lowered_network import (
    Buffer,
    constant_content,
    layer,
    memrefs,
    ports,
    span,
)
from tinyml.passes.memory_accesses import (
    VIEWS,
    kernel_times,
)

LARGEST_ARENA = 1 << 26
"""Bytes; a check takes up to some 70 times as many."""


@dataclass(frozen=True)
class CheckMemoryPass(ModulePass):
    """Checks that every byte a network reads still holds what was written for it."""

    name = "tinyml-check-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        networks = [
            function
            for function in op.ops
            if isinstance(function, func.FuncOp)
            and "tinyml.inputs" in function.attributes
        ]
        if not networks:
            raise PassFailedException(
                "there is no network in an arena; run tinyml-lower-arena first"
            )
        for network in networks:
            Checker(network).check()


class Checker:
    """Follows one network from its inputs to its outputs."""

    def __init__(self, network: func.FuncOp):
        self.network = network
        (self.arena,) = network.body.block.args
        self.places = LoopValues({}, {})
        # Gives buffers the names that they have in textual IR.
        self.printer = Printer(StringIO())
        self.views: dict[SSAValue, int] = {}
        self.buffers: list[Buffer] = []
        self.calls: list[tuple[func.CallOp, InlinedKernel]] = []
        if (size := span(self.arena)) > LARGEST_ARENA:
            raise PassFailedException(
                f"the network needs an arena of {size} bytes, at most {LARGEST_ARENA} "
                "can be checked"
            )
        self.owners = ByteOwners(size)

    def check(self) -> None:
        for op in self.network.body.block.ops:
            self.collect(op)
        outputs = self.find_ports()
        for number in range(len(self.calls)):
            self.run(number)
        for label, buffer in outputs:
            _, start, end = self.buffers[buffer]
            if (wrong := self.owners.check(buffer, start, end)) is not None:
                raise PassFailedException(f"output {label}: {self.describe(wrong)}")

    def collect(self, op: Operation) -> None:
        """Notes the op if it is a view of the arena or the call of a kernel."""
        for result in op.results:
            self.printer.print_ssa_value(result)
        match op:
            case memref.ViewOp(source=source) if source is self.arena:
                name = f"%{self.printer.print_ssa_value(op.result)}"
                start, end = self.place(op.result)
                if start < 0 or end > len(self.owners.owner):
                    raise FailedAtOp(
                        op,
                        f"{name} has the bytes {start} to {end - 1} of an arena of "
                        f"{len(self.owners.owner)}",
                    )
                self.views[op.result] = len(self.buffers)
                self.buffers.append(Buffer(name, start, end))
            case func.CallOp():
                self.collect_call(op)
            case _ if not isinstance(op, VIEWS) and any(map(memrefs, op.walk())):
                raise FailedAtOp(
                    op,
                    f"{op.name} in @{self.network.sym_name.data}: expected views of "
                    "the arena and calls of kernels",
                )
            case _:
                pass

    def collect_call(self, call: func.CallOp) -> None:
        callee = callee_of(call, call)
        if callee is not None and (
            not callee.is_declaration or READS_INPUT in callee.attributes
        ):
            try:
                self.calls.append((call, inlined(callee)))
            except KernelProblem as problem:
                raise FailedAtOp(call, f"{layer(call)}: {problem}") from problem
        elif memrefs(call):
            raise FailedAtOp(call, f"{layer(call)} has no body to look into")

    def place(self, value: SSAValue) -> tuple[int, int]:
        """The first byte of a memref in the arena, and the one behind the last."""
        try:
            start = int(self.places.place(value).offset)
        except UnknownNumber as error:
            raise PassFailedException(
                f"%{value.name_hint}: the offset is not constant"
            ) from error
        return start, start + span(value)

    def find_ports(self) -> list[tuple[str, int]]:
        """Notes the inputs as written; returns the outputs with their buffers."""
        written = {
            self.buffer_of(call.operands[argument.index])
            for call, kernel in self.calls
            for argument in kernel.stored_arguments()
        }
        free = dict(enumerate(self.buffers))
        for port in ports(self.network, "tinyml.inputs"):
            # An input that no layer reads has no view any more.
            for number, buffer in free.items():
                if number not in written and buffer[1:] == port[1:]:
                    break
            else:
                number = len(self.buffers)
                self.buffers.append(port)
            free.pop(number, None)
            self.owners.write(number, port.start, port.end, NOBODY)
        outputs: list[tuple[str, int]] = []
        for port in ports(self.network, "tinyml.outputs"):
            for number, buffer in free.items():
                if number in written and buffer[1:] == port[1:]:
                    break
            else:
                raise PassFailedException(f"output {port.name} is never written")
            del free[number]
            outputs.append((port.name, number))
        return outputs

    def buffer_of(self, value: SSAValue) -> int | None:
        """The buffer that a memref is, or is a view of; None for a constant."""
        while value not in self.views and isinstance(op := value.owner, VIEWS):
            value = op.operands[0]
        return self.views.get(value)

    def run(self, number: int) -> None:
        call, kernel = self.calls[number]
        try:
            wrong = self.owners.run_call(self.operands(call, kernel), number)
        except KernelProblem as problem:
            raise FailedAtOp(call, f"{layer(call)}: {problem}") from problem
        if wrong is not None:
            raise FailedAtOp(call, f"{layer(call)}: {self.describe(wrong)}")

    def operands(self, call: func.CallOp, kernel: InlinedKernel) -> list[Operand]:
        """What a call does to each buffer that it gets, and to parts of them."""
        constants = dict(kernel.constants)
        arguments = kernel.function.body.block.args
        for value, argument in zip(call.operands, arguments, strict=False):
            for source in buffers_behind(value):
                if isinstance(source.owner, memref.GetGlobalOp):
                    content = constant_content(source.owner).reshape(-1)
                    start, _ = self.place(value)
                    constants[argument] = content[start // content.itemsize :]
        operands: list[Operand] = []
        for buffer, times in kernel_times(kernel.function, constants).items():
            if not isinstance(buffer, BlockArgument):
                if ((times.last_read > NOBODY) & ~written_first(times)).any():
                    raise KernelProblem(f"reads %{buffer.name_hint} before writing it")
                continue
            part = kernel.parts.get(buffer)
            argument = buffer if part is None else part.argument
            number, start = self.operand(call.operands[argument.index])
            if part is not None:
                number, start = self.part(argument, buffer, start, part.start)
            operands.append(Operand(number, start, times))
        return operands

    def operand(self, value: SSAValue) -> tuple[int, int]:
        """Which buffer a kernel gets, and where in the arena what it gets starts."""
        number = self.buffer_of(value)
        if number is None:
            raise KernelProblem(f"gets %{value.name_hint}, which is not in the arena")
        start, end = self.place(value)
        view = self.buffers[number]
        if start < view.start or end > view.end:
            raise KernelProblem(
                f"gets the bytes {start} to {end - 1} of the arena as {view.name}, "
                f"which has {view.start} to {view.end - 1}"
            )
        return number, start

    def part(
        self, argument: BlockArgument, buffer: BlockArgument, start: int, offset: int
    ) -> tuple[int, int]:
        """Notes the buffer that a kernel makes of a part of what it gets."""
        end = offset + span(buffer)
        if offset < 0 or end > span(argument):
            raise KernelProblem(
                f"makes %{buffer.name_hint} of the bytes {offset} to {end - 1} of "
                f"%{argument.name_hint}, which has {span(argument)}"
            )
        name = f"%{argument.name_hint}.{buffer.name_hint}"
        self.buffers.append(Buffer(name, start + offset, start + end))
        return len(self.buffers) - 1, start + offset

    def describe(self, wrong: WrongByte) -> str:
        name, start, _ = self.buffers[wrong.reader]
        text = f"byte {wrong.byte - start} of {name} ({wrong.byte} of the arena) was "
        if wrong.culprit is None or wrong.call is None:
            text += "never written"
        else:
            by = "the network's user"
            if wrong.call != NOBODY:
                by = layer(self.calls[wrong.call][0])
            culprit = self.buffers[wrong.culprit].name
            text += f"overwritten with {culprit} by {by}"
        others = wrong.count - 1
        return text if not others else f"{text}, and {others} more were"
