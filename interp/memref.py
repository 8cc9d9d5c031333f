"""NumPy semantics of the `memref` ops that stand beside layers."""

from __future__ import annotations

from xdsl.dialects import memref
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)

from tinyml.dialects.constants import find_global, global_array


@register_impls
class MemRefFunctions(InterpreterFunctions):
    @impl(memref.GetGlobalOp)
    def run_get_global(
        self, interpreter: Interpreter, op: memref.GetGlobalOp, args: PythonValues
    ) -> PythonValues:
        found = find_global(op, op.name_)
        assert found is not None
        return (global_array(found),)
