"""Stages as what they compute: their layers, one after the other, on whole tensors."""

from __future__ import annotations

from typing import Any

from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import SSAValue

from tinyml.dialects.stage import StageOp


@register_impls
class StageFunctions(InterpreterFunctions):
    @impl(StageOp)
    def run_stage(
        self, interpreter: Interpreter, op: StageOp, args: tuple[Any, ...]
    ) -> PythonValues:
        values: dict[SSAValue, Any] = dict(zip(op.block.args, args, strict=True))
        for inner in op.block.ops:
            operands = tuple(values[value] for value in inner.operands)
            results = interpreter.run_op(inner, operands)
            values.update(zip(inner.results, results, strict=True))
        return ()
