"""
What of a network decides how it runs, as something to compare.

Passes that only annotate, rename or drop what nothing uses leave it as it is: then a
network need not be run again. Discardable attributes do not count, nor do names, hooks,
and where on the level of layers a buffer will lie.
"""

from __future__ import annotations

from collections.abc import Hashable

from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.network import network_function
from tinyml.dialects.tinyml import AllocOp
from tinyml.tools.input_sets import arena_function, network_ports
from tinyml.tools.kernel_keys import KernelKeys
from tinyml.tools.network_trace import hint


def network_of(module: ModuleOp) -> func.FuncOp:
    """The function of a module's network, at any level."""
    return arena_function(module) or network_function(module)


def is_hook(op: Operation) -> bool:
    """Whether an op calls what users may define, and does nothing else."""
    if not isinstance(op, func.CallOp):
        return False
    callee = SymbolTable.lookup_symbol(op, op.callee)
    return callee is not None and "tinyml.hook" in callee.attributes


class NetworkSignature:
    """Reads the signature off one module."""

    def __init__(self, module: ModuleOp, kernels: KernelKeys):
        self.module, self.kernels = module, kernels
        self.values: dict[SSAValue, Hashable] = {}

    def read(self) -> Hashable:
        function = network_of(self.module)
        return network_ports(self.module), self.block(function.body.block)

    def block(self, block: Block) -> Hashable:
        for argument in block.args:
            self.values[argument] = len(self.values)
        types = tuple(argument.type for argument in block.args)
        return types, tuple(self.op(op) for op in block.ops if self.counts(op))

    def counts(self, op: Operation) -> bool:
        """Whether an op does something; constants stand where they are used."""
        if isinstance(op, arith.ConstantOp):
            self.values[op.result] = op.value
            return False
        if isinstance(op, memref.GetGlobalOp):
            self.values[op.memref] = self.attribute(op.name_)
            return False
        return not is_hook(op)

    def op(self, op: Operation) -> Hashable:
        if early := [value for value in op.operands if value not in self.values]:
            raise DiagnosticException(f"{hint(early[0])} is used before it is defined")
        operands = tuple(self.values[value] for value in op.operands)
        for result in op.results:
            self.values[result] = len(self.values)
        properties = () if isinstance(op, AllocOp) else op.properties.items()
        return (
            op.name,
            operands,
            tuple((name, self.attribute(attr)) for name, attr in sorted(properties)),
            tuple(result.type for result in op.results),
            tuple(self.block(region.block) for region in op.regions),
        )

    def attribute(self, attr: Attribute) -> Hashable:
        """An attribute, symbols by what they name."""
        if not isinstance(attr, SymbolRefAttr):
            return attr
        found = SymbolTable.lookup_symbol(self.module, attr)
        match found:
            case func.FuncOp():
                return self.kernels.key(found.sym_name.data)
            case memref.GlobalOp():
                return found.type, found.initial_value
            case _:
                return attr
