"""
The pipelines that have a name: from a network of layers to what the C printer spells.
"""

from __future__ import annotations

import re

LOWERING = (
    "tinyml-annotate-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops,"
    "tinyml-lower-arena,tinyml-insert-layer-hooks,dce,tinyml-mark-readonly,"
    "tinyml-check-memory,tinyml-merge-kernels"
)

FOLDING = (
    "tinyml-fold-constants,tinyml-fold-reshape,tinyml-fold-lookups,"
    "tinyml-fuse-activation,tinyml-fold-pad,tinyml-fold-dead-channels"
)
FAST_KERNELS = "tinyml-select-kernels{words=all core=cortex-m4}"
SMALL_KERNELS = "tinyml-select-kernels{words=free}"
SHORT_KERNELS = "tinyml-select-kernels{words=all shared=true unroll=4 least=1}"
FAST = f"{FOLDING}{{multiple=4}},{FAST_KERNELS}"
SMALL = f"{FOLDING},{SMALL_KERNELS}"
SHORT = f"{FOLDING}{{multiple=4}},{SHORT_KERNELS}"
ORDER = "tinyml-overlap,tinyml-schedule"
PLANNING = f"{ORDER},tinyml-plan-memory"
IN_PLACE = (
    f"{ORDER},tinyml-inplace,tinyml-overlap,tinyml-fill-memory,"
    "tinyml-plan-memory{strategy=optimal}"
)


def staged(stages: str, kernels: str = SMALL_KERNELS) -> str:
    """The pipeline with these passes for stages, which find layers in their order."""
    made = f"{stages}," if stages else ""
    chosen = FAST if kernels == FAST_KERNELS else SMALL
    return f"{chosen},{ORDER},{made}{IN_PLACE},{LOWERING}"


PIPELINES = {
    "default": f"{FAST},{PLANNING},{LOWERING}",
    "size": f"{SHORT},{PLANNING},{LOWERING}",
    "ram": f"{SMALL},{IN_PLACE},{LOWERING}",
    "stages": staged("tinyml-plan-stages"),
    "reference": f"tinyml-plan-memory{{strategy=separate}},{LOWERING}",
}
"""The passes of each pipeline."""

SUMMARIES = {
    "default": "Fast kernels; shares bytes between buffers where that costs no time.",
    "size": "Unrolls less, lets layers share loops, and has fast kernels of a layer's "
    "own only where much of the work is.",
    "ram": "Shares bytes also where it costs time.",
    "stages": "Runs layers in stages where that needs fewer bytes and no work is done "
    "twice.",
    "reference": "Layer by layer with no fusion and no sharing, so that every layer's "
    "output is there when the network has run.",
}

OBJECTIVES = {
    "cycles": ("@default", "@ram"),
    "size": ("@size", "@ram"),
    "ram": ("@ram",),
}
"""For each objective the pipelines without stages to try, until one meets budgets."""


def planned_stages(extra: float, ram: int = 0, kernels: str = SMALL_KERNELS) -> str:
    """
    The pipeline that searches stages with so much extra work, in percent: for the least
    memory, or the least work that fits into an arena of `ram` bytes.
    """
    options = f"max-extra-macs={extra}" + (f" ram={ram}" if ram else "")
    if kernels == FAST_KERNELS:
        # Two pixels share what is loaded of the weights.
        options += " block=2"
    return staged(f"tinyml-plan-stages{{{options}}}", kernels)


def fewer_products(flash: int) -> tuple[str, str]:
    """
    How `default` chooses kernels with so many bytes of flash to spend on those that
    take fewer products, and the pipeline with that.
    """
    chosen = f"{FAST.removesuffix('}')} winograd={flash}}}"
    return chosen, f"{chosen},{PLANNING},{LOWERING}"


LOOPS = re.compile("tinyml-lower-stages|tinyml-convert-layers-to-loops")
"""The passes that make loops of layers."""


def estimated(passes: str, core: str) -> str:
    """Passes that also note what layers take on a core, before they become loops."""
    estimate = f"tinyml-annotate-cycles{{core={core}}},"
    return LOOPS.sub(lambda found: estimate + found[0], passes, count=1)


def instructions(core: str) -> str:
    """The passes that make hot loops of a lowered network instructions of a core."""
    return (
        f"tinyml-outline-hot-loops,tinyml-select-thumb,tinyml-thumb-spill{{core={core}}},"
        f"tinyml-thumb-schedule{{core={core}}},tinyml-thumb-allocate"
    )


CORES = ("cortex-m4", "cortex-m7")
"""Cores whose instructions there are."""

PIPELINES.update(
    {
        core: f"tinyml-number-layers,{estimated(PIPELINES['default'], core)},"
        f"{instructions(core)}"
        for core in CORES
    }
)
SUMMARIES.update(
    {core: f"What `tinyml compile --target {core}` runs first." for core in CORES}
)

NAME = re.compile(r'("(?:\\.|[^"\\])*"|\[[^\]]*\])|@([\w-]*)')
"""A text in quotes or in brackets, which is no name, or the name of a pipeline."""


TO_LOOPS = "tinyml-convert-layers-to-loops"
"""Before it a network is layers, whose verifiers say most; behind it, many more ops."""


def is_name(spec: str) -> bool:
    """Whether a pass string is one named pipeline and nothing else."""
    return spec in {f"@{name}" for name in PIPELINES}


def expand(spec: str) -> str:
    """A pass string with each `@name` replaced; raises ValueError if one is unknown."""

    def passes(found: re.Match[str]) -> str:
        text, name = found.groups()
        if text is not None:
            return text
        if name not in PIPELINES:
            known = ", ".join(f"@{name}" for name in PIPELINES)
            raise ValueError(f"unknown pipeline '@{name}'; there are: {known}")
        return PIPELINES[name]

    return NAME.sub(passes, spec)
