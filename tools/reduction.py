"""
Makes a module smaller while something holds of it, such as that a pass crashes.

Each step removes as much of one kind as it can, by halves, then quarters, down to
single ones: layers, other ops, symbols, attributes, the content of constants. Where
layers go, the buffers that they wrote become inputs of the network, and those that
nobody reads any more its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from xdsl.dialects import memref
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    FixedBitwidthType,
    ModuleOp,
)
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter
from xdsl.traits import IsTerminator, SymbolOpInterface
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function
from tinyml.passes.constant_pool import erase_unused_constants
from tinyml.tools.network_ends import mend_ends

Item = TypeVar("Item")
Holds = Callable[[ModuleOp], bool]
"""Whether a module still shows what is looked for; it may be changed by that."""

Change = Callable[[ModuleOp, set[int]], None]
"""Removes from a module what has one of these numbers."""


def fewest(
    items: Sequence[Item], holds: Callable[[Sequence[Item]], bool]
) -> list[Item]:
    """
    Items such that nothing holds any more without one of them, as far as trying to
    leave out ever smaller runs of them finds; later ones are left out first.
    """
    kept, size = list(items), len(items)
    while size > 0:
        end = len(kept)
        while end > 0:
            start = max(0, end - size)
            rest = kept[:start] + kept[end:]
            if holds(rest):
                kept = rest
            end = start
        size //= 2
    return kept


def reduced(module: ModuleOp, holds: Holds) -> ModuleOp:
    """The smallest module that is found, of which something holds as of the first."""
    sizes: list[int] = []
    while sizes != (sizes := [count(module) for count, _ in STEPS]):
        for count, change in STEPS:
            module = without(module, count(module), change, holds)
    return module


def without(module: ModuleOp, count: int, change: Change, holds: Holds) -> ModuleOp:
    """The module with as many of `count` things removed as can be."""
    best = module

    def tries(kept: Sequence[int]) -> bool:
        nonlocal best
        copy = module.clone()
        change(copy, set(range(count)).difference(kept))
        if not verifies(copy) or not holds(copy.clone()):
            return False
        best = copy
        return True

    fewest(range(count), tries)
    return best


def verifies(module: ModuleOp) -> bool:
    try:
        module.verify()
    except (DiagnosticException, ValueError):
        # The latter of a value that is used though its op is gone.
        return False
    return True


def network_layers(module: ModuleOp) -> list[LayerOp]:
    """The layers of a module's network, if it has one."""
    try:
        return layers(network_function(module))
    except DiagnosticException:
        return []


def remove_layers(module: ModuleOp, numbers: set[int]) -> None:
    network = network_function(module)
    for number, layer in enumerate(layers(network)):
        if number in numbers:
            Rewriter.erase_op(layer)
    mend_ends(network)
    erase_unused_constants(module)


def inner_ops(module: ModuleOp) -> list[Operation]:
    """Ops that may go where nobody uses their results, but for layers."""
    return [
        op
        for op in module.walk()
        if op is not module
        and not isinstance(op, LayerOp)
        and not op.has_trait(IsTerminator)
        and not op.has_trait(SymbolOpInterface)
    ]


def remove_ops(module: ModuleOp, numbers: set[int]) -> None:
    found = inner_ops(module)
    for number in sorted(numbers, reverse=True):
        if not any(result.uses for result in found[number].results):
            Rewriter.erase_op(found[number])


def remove_symbols(module: ModuleOp, numbers: set[int]) -> None:
    for number, op in enumerate(list(module.ops)):
        if number in numbers:
            Rewriter.erase_op(op)


def attributes(module: ModuleOp) -> list[tuple[Operation, str]]:
    """The discardable attributes of all ops."""
    return [(op, key) for op in module.walk() for key in op.attributes]


def remove_attributes(module: ModuleOp, numbers: set[int]) -> None:
    for number, (op, key) in enumerate(attributes(module)):
        if number in numbers:
            del op.attributes[key]


def contents(module: ModuleOp) -> list[memref.GlobalOp]:
    """The constants whose elements differ."""
    return [
        op
        for op in module.ops
        if isinstance(op, memref.GlobalOp)
        and isinstance(op.initial_value, DenseIntOrFPElementsAttr)
        and not is_splat(op)
    ]


def is_splat(op: memref.GlobalOp) -> bool:
    """Whether a constant holds its one element only."""
    value, element = op.initial_value, op.type.element_type
    assert isinstance(value, DenseIntOrFPElementsAttr)
    assert isinstance(element, FixedBitwidthType)
    return len(value.data.data) == element.size


def remove_contents(module: ModuleOp, numbers: set[int]) -> None:
    """Makes the elements of constants equal to their first."""
    for number, op in enumerate(contents(module)):
        if number not in numbers:
            continue
        value, element = op.initial_value, op.type.element_type
        assert isinstance(value, DenseIntOrFPElementsAttr)
        assert isinstance(element, FixedBitwidthType)
        first = BytesAttr(value.data.data[: element.size])
        op.initial_value = DenseIntOrFPElementsAttr(value.type, first)


STEPS: Sequence[tuple[Callable[[ModuleOp], int], Change]] = (
    (lambda module: len(network_layers(module)), remove_layers),
    (lambda module: len(list(module.ops)), remove_symbols),
    (lambda module: len(inner_ops(module)), remove_ops),
    (lambda module: len(attributes(module)), remove_attributes),
    (lambda module: len(contents(module)), remove_contents),
)
"""What there is of each kind, and what removes some of it."""
