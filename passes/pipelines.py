"""
The pipelines that have a name: from a network of layers to what the C printer spells.
"""

from __future__ import annotations

LOWERING = (
    "tinyml-annotate-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops,tinyml-lower-arena,"
    "tinyml-insert-layer-hooks,dce,tinyml-mark-readonly,tinyml-check-memory"
)

FOLDING = (
    "tinyml-fold-constants,tinyml-fold-reshape,tinyml-fold-lookups,"
    "tinyml-fuse-activation,tinyml-fold-pad,tinyml-fold-dead-channels"
)
PLANNING = "tinyml-overlap,tinyml-schedule,tinyml-plan-memory"
IN_PLACE = (
    "tinyml-overlap,tinyml-schedule,tinyml-inplace,tinyml-overlap,"
    "tinyml-plan-memory{strategy=optimal}"
)

PIPELINES = {
    "default": f"{FOLDING},tinyml-select-kernels,{PLANNING},{LOWERING}",
    "ram": f"{FOLDING},tinyml-select-kernels,{IN_PLACE},{LOWERING}",
    "reference": f"tinyml-plan-memory{{strategy=separate}},{LOWERING}",
}
"""
`default` shares bytes between buffers where that costs no time, `ram` also where it
does; `reference` lowers layer by layer with no fusion and no sharing, so that every
layer's output is there when the network has run.
"""

OBJECTIVES = {
    "cycles": ("@default", "@ram"),
    "size": ("@default", "@ram"),
    "ram": ("@ram",),
}
"""For each objective the pipelines to try, until one meets the budgets."""


def expand(spec: str) -> str:
    """A pass string with a leading `@name` replaced; raises ValueError if unknown."""
    if not spec.startswith("@"):
        return spec
    if spec[1:] not in PIPELINES:
        known = ", ".join(f"@{name}" for name in PIPELINES)
        raise ValueError(f"unknown pipeline {spec!r}; there are: {known}")
    return PIPELINES[spec[1:]]
