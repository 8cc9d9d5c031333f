"""
Puts a network's layers into the order that needs the fewest bytes at once.

A layer runs when its inputs are there; where a network has branches, several orders do.
What counts is what `tinyml-plan-memory` reports as `tinyml.lower_bound`: the bytes of
all buffers alive at a layer and the scratch memory of its kernel, less what its output
may share with inputs that nobody reads later (`tinyml.reuse`, `tinyml-overlap`).

Expects no plan yet. Guarantees that this peak is not higher than before, and that an
order that cannot be bettered stays. Layers keep their attributes and locations;
buffers, views and constants stand before the first layer that uses them. On the
function, `tinyml.schedule` says what is known of the order: `optimal`, or `limited` if
the search was cut short by the option `states`.

Before, with 8 KiB at a and b, and little at c and d:

    %a = f(%x), %b = f(%x), %c = g(%a), %d = g(%b)

After:

    %a = f(%x), %c = g(%a), %b = f(%x), %d = g(%b)

Not handled: which kernels to choose so that another order becomes the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.kernel import reuses_of
from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layers, network_function, network_outputs
from tinyml.dialects.views import root
from tinyml.passes.arena import Allowance
from tinyml.passes.failure import FailedAtOp
from tinyml.passes.kernel_scratch import kernel_scratch
from tinyml.passes.live_ranges import live_ranges
from tinyml.passes.schedule_order import Graph, Layer, best_order


@dataclass(frozen=True)
class SchedulePass(ModulePass):
    """Puts a network's layers into the order that needs the fewest bytes at once."""

    name = "tinyml-schedule"

    states: int = 20_000
    """
    Sets of layers that the search looks at, for each peak that it tries, before it is
    cut short; about a second. The number of peaks is at most that of the bits of the
    given order's.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = network_function(op)
        if self.states < 1:
            raise PassFailedException(f"states is {self.states}, expected 1 or more")
        if "tinyml.arena_bytes" in function.attributes:
            raise FailedAtOp(
                function,
                f"@{function.sym_name.data} has a memory plan, which holds for its "
                "order only; run tinyml-schedule before tinyml-plan-memory",
            )
        order = layers(function)
        found = best_order(graph_of(function), self.states)
        if found.order != list(range(len(order))):
            reorder(function, [order[number] for number in found.order])
        known = "optimal" if found.is_optimal else "limited"
        function.attributes["tinyml.schedule"] = StringAttr(known)


def graph_of(function: func.FuncOp) -> Graph:
    """What an order of the layers has to know."""
    ranges = live_ranges(function)
    sizes = [item.size for item in ranges]
    numbers = {item.value: number for number, item in enumerate(ranges)}
    nodes = [layer_of(layer, numbers, sizes) for layer in layers(function)]
    kept = frozenset(numbers[port.value] for port in network_outputs(function))
    return Graph(sizes, nodes, kept)


def layer_of(
    layer: LayerOp, numbers: dict[SSAValue, int], sizes: Sequence[int]
) -> Layer:
    # Constants are no buffers of the network.
    read = [numbers[r] for v in layer.layer_inputs if (r := root(v)) in numbers]
    output = numbers[root(layer.layer_output)]
    shared: list[tuple[int, int]] = []
    for reuse in reuses_of(layer):
        source = numbers.get(root(layer.operands[reuse.index.data]))
        if source is None or read.count(source) > 1:
            continue
        pair = sizes[source], sizes[output]
        allowed = Allowance(reuse.below, reuse.above, reuse.in_place)
        shared.append((source, sum(pair) - allowed.span(*pair)))
    inputs = tuple(dict.fromkeys(read))
    return Layer(inputs, output, kernel_scratch(layer), tuple(shared))


def reorder(function: func.FuncOp, order: Sequence[LayerOp]) -> None:
    """Moves the layers to the end in an order, and what they use before them."""
    block = function.body.block
    placed = set[Operation]()
    end = block.last_op
    assert end is not None

    def place(op: Operation) -> None:
        for value in op.operands:
            used = value.owner
            if isinstance(used, Operation) and used not in placed:
                place(used)
        placed.add(op)
        op.detach()
        Rewriter.insert_op(op, InsertPoint.before(end))

    # Views that nobody uses come last, behind what they are views of.
    unused = [op for op in block.ops if op is not end and not isinstance(op, LayerOp)]
    for op in (*order, *unused):
        if op not in placed:
            place(op)
