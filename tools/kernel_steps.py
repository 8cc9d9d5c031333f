"""
How many ops the interpreter would run for a kernel: an estimate from its loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xdsl.dialects import arith, func, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Block, Operation, SSAValue

UNKNOWN_TRIPS = 8
"""Turns of a loop whose bounds are not constants, as taps at a border are."""


def constant(value: SSAValue) -> int | None:
    """The number that a value is, if it is a constant."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    return None


def trips(loop: scf.ForOp) -> int:
    low, high, step = (constant(value) for value in (loop.lb, loop.ub, loop.step))
    if low is None or high is None or not step:
        return UNKNOWN_TRIPS
    return max(0, -(-(high - low) // step))


@dataclass
class KernelSteps:
    """Estimates for the functions of one module."""

    functions: Mapping[str, func.FuncOp]
    known: dict[str, int] = field(default_factory=dict[str, int])

    def of(self, name: str) -> int:
        """Ops that one call of a function runs."""
        if name not in self.known:
            # Of several blocks, in which loops are jumps, each counts once.
            blocks = self.functions[name].body.blocks
            self.known[name] = max(1, sum(self.of_block(block) for block in blocks))
        return self.known[name]

    def of_block(self, block: Block) -> int:
        return sum(self.of_op(op) for op in block.ops)

    def of_op(self, op: Operation) -> int:
        match op:
            case scf.ForOp():
                return 1 + trips(op) * self.of_block(op.body.block)
            case scf.IfOp():
                return 1 + max(
                    self.of_block(region.block)
                    for region in op.regions
                    if region.blocks
                )
            case func.CallOp():
                return 1 + self.of(op.callee.string_value())
            case _:
                return 1
