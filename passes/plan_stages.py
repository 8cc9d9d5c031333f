"""
Chooses which layers run together in stages, in how many strips, by searching all plans.

Expects layers with their kernels (`tinyml-select-kernels`). Guarantees stages as
`tinyml-stream` makes them, and on the function `tinyml.stage_plan`, the passes that
make the same ones; a remark on it says what was found. A network that needs no fewer
bytes with stages stays as it is.

With `objective=ram`, the plan that needs the fewest bytes; of those the one with the
least work, then with the fewest layers in stages. With `ram`, the plan with the least
work that fits into so many bytes, whatever the objective. `max-extra-macs` bounds the
work that is done more than once, in percent of the network's.

The search (`stage_search.py`) compares what segments need; the plans it finds are then
planned with `tinyml-plan-memory`, and that decides: buffers that cannot lie side by
side may need more.

Before: layers
After: `tinyml.stage ... grid [1, 1] halo cache, cache block 2 { ... }` and layers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from tinyml.dialects.network import layers, network_function
from tinyml.passes.arena import arena_size
from tinyml.passes.inplace import InplacePass
from tinyml.passes.memory_demand import memory_demand
from tinyml.passes.network_stages import NetworkStages
from tinyml.passes.optimal_plan import place_optimally
from tinyml.passes.overlap import OverlapPass
from tinyml.passes.remarks import remark
from tinyml.passes.stage_search import STRIPS, StagePlan, all_plans
from tinyml.passes.stream import make_stream

STAGE_PLAN = "tinyml.stage_plan"
"""The attribute of a network's function that says how its stages were made."""

BLOCKS = (1, 2, 4)
"""Columns at a time that a stage may make."""

ATTEMPTS = 4
"""Plans that are planned in full."""


@dataclass(frozen=True)
class PlanStagesPass(ModulePass):
    """Chooses which layers run together in stages, in how many strips."""

    name = "tinyml-plan-stages"

    ram: int = 0
    """Bytes of the arena that are enough; 0 for as few as can be."""

    objective: Literal["ram", "cycles", "size"] = "ram"
    """Without `ram`, only `ram` makes stages: they cost time and code."""

    max_extra_macs: int | float = 0
    """Work that may be done more than once, in percent."""

    block: int = 0
    """Columns at a time; 0 for as many of 1, 2 and 4 as cost no bytes."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.ram < 0 or self.max_extra_macs < 0 or self.block < 0:
            raise PassFailedException("ram, max-extra-macs and block are not negative")
        told = self.plan(op)
        remark(network_function(op), self.name, told)

    def plan(self, op: ModuleOp) -> str:
        """Makes the stages of the best plan, if any. Returns what was found."""
        if self.objective != "ram" and not self.ram:
            return f"no stages: objective={self.objective} has none without ram"
        plain = planned_bytes(op)
        alone = f"layer by layer the arena takes {plain} bytes"
        if self.ram and plain <= self.ram:
            return f"no stages: {alone}, and ram={self.ram}"
        best: tuple[int, StagePlan] | None = None
        for plan in self.candidates(op):
            staged = op.clone()
            make_stages(network_function(staged), plan)
            size = planned_bytes(staged)
            if best is None or size < best[0]:
                best = size, plan
            if size <= max(plan.bytes, self.ram):
                break
        if best is None:
            return f"no stages: {alone}, and no plan of stages takes less"
        size, plan = best
        if size >= plain:
            return f"no stages: {alone}, the best plan of stages {size}"
        make_stages(network_function(op), plan)
        missed = f", more than ram={self.ram}" if size > self.ram > 0 else ""
        made = "1 stage" if len(plan.stages) == 1 else f"{len(plan.stages)} stages"
        return (
            f"with {made} {size} bytes{missed}, and {plan.extra} "
            f"multiply-accumulates made again; {alone}"
        )

    def candidates(self, module: ModuleOp) -> Iterator[StagePlan]:
        """The plans to try, best first."""
        function = network_function(module)
        work = sum(layer.macs() for layer in layers(function))
        front = front_of(function, self.block, int(work * self.max_extra_macs / 100))
        if self.ram:
            # The least work first, of those that may fit.
            fitting = [plan for plan in front if plan.bytes <= self.ram]
            yield from [*reversed(fitting), *front][:ATTEMPTS]
        else:
            yield from front[:ATTEMPTS]


def front_of(function: func.FuncOp, block: int, most_extra: int) -> list[StagePlan]:
    """
    The plans of a network that no other beats in bytes and extra work, least bytes
    first; with block 0, as many columns at a time as cost no bytes.
    """
    network = NetworkStages(function)
    front = all_plans(network.options(STRIPS, block or min(BLOCKS)), most_extra)
    if not block:
        front = [network.widened(plan, BLOCKS) for plan in front]
    return [plan for plan in front if plan.stages]


def make_stages(function: func.FuncOp, plan: StagePlan) -> None:
    """Puts a network's layers into the stages of a plan."""
    order = layers(function)
    for stage in plan.stages:
        make_stream(order[stage.first : stage.end], stage.strips, stage.block)
    function.attributes[STAGE_PLAN] = StringAttr(plan_text(plan))


def plan_text(plan: StagePlan) -> str:
    """The passes that make a plan's stages; the last one first, as numbers change."""
    return ",".join(
        f"tinyml-stream{{first={stage.first} layers={stage.end - stage.first} "
        f"columns={stage.strips} block={stage.block}}}"
        for stage in reversed(plan.stages)
    )


def planned_bytes(module: ModuleOp) -> int:
    """Bytes of the arena of a network as the pipelines for the least memory plan it."""
    copy = module.clone()
    for each in (OverlapPass(), InplacePass(), OverlapPass()):
        each.apply(Context(), copy)
    demand = memory_demand(network_function(copy))
    plan = place_optimally(demand.ranges, 4, demand.allowances, 2_000)
    return arena_size(demand.ranges, plan.offsets)
