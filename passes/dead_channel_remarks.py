"""Why channels stay that hold the same whatever the input, for `fold-dead-channels`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from xdsl.dialects import func
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layer_name, writer
from tinyml.passes.channel_links import channel_groups
from tinyml.passes.dead_channels import absorbed, summing_readers
from tinyml.passes.known_channels import Known


def refusals(function: func.FuncOp, known: Known) -> Iterator[tuple[LayerOp, str]]:
    """The layers whose outputs have such channels, and what keeps them."""
    group_of = {b: group for group in channel_groups(function) for b in group}
    for buffer, found in known.items():
        count = int(np.count_nonzero(found.mask))
        layer = writer(buffer)
        if layer is None or found.mask.all():
            continue
        reason = refusal(group_of.get(buffer, ()), found.mask, known)
        yield layer, f"constant channels stay ({count}): {reason}"


def refusal(group: Sequence[SSAValue], mask: np.ndarray, known: Known) -> str:
    """What keeps known channels of a group of buffers, which have the same channels."""
    if not group:
        return "the network's user or a layer that mixes channels sees them"
    for op in (op for buffer in group for op in summing_readers(buffer)):
        if not absorbed(op, known)[mask].all():
            return f"what they add to {layer_name(op)} is not the same everywhere"
    return "biases would leave 32 bits, or a multiple of channels is left"
