"""
Which channels a network can do without: pure reading of IR.

A channel can go if nobody needs it: each layer that sums over it has only zero weights
for it, or it is known (`passes/known_channels.py`) and adds the same to the sums at all
positions, so that biases hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.views import buffer_uses, root
from tinyml.dialects.weighted import Conv2DOp, FullyConnectedOp, WeightedOp
from tinyml.interp.fixed_point import INT32_MAX, INT32_MIN
from tinyml.interp.tinyml import constant, windows
from tinyml.passes.channel_links import Link, channel_groups, last, link
from tinyml.passes.known_channels import (
    Known,
    is_zero,
    known_channels,
    weights_by_channel,
)


@dataclass(frozen=True)
class Plan:
    """What stays of each buffer that loses channels, and what their sums lose."""

    kept: Mapping[SSAValue, np.ndarray]
    """By root buffer: the channels that stay, ascending, at least one."""
    biases: Mapping[LayerOp, np.ndarray]
    """By layer: its new biases, an int32 for each output channel that it has now."""
    known: Known
    """The channels that hold the same whatever the input."""


def summing_readers(buffer: SSAValue) -> list[WeightedOp]:
    """The layers that sum over the channels of a buffer."""
    return [
        use.operation
        for use in buffer_uses(buffer)
        if isinstance(use.operation, WeightedOp)
        and link(use.operation, use.index) is Link.SUM
    ]


def terms(op: WeightedOp, values: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """What these channels of the input add to the sums, [positions, outputs]."""
    centred = values.astype(np.float64) - integers(op.zero_points)[0]
    centred = np.where(channels, centred, 0)
    weights = constant(op, "weights")
    assert weights is not None
    match op:
        case Conv2DOp():
            size = shape(op.output)
            taps = windows(centred.reshape(shape(op.input)), op, size)
            parts = [
                tap.reshape(-1, len(channels)) @ weights[:, ky, kx].T.astype(np.float64)
                for ky, kx, tap in taps
            ]
            return np.sum(parts, axis=0).astype(np.int64)
        case _:
            assert isinstance(op, FullyConnectedOp)
            rows = centred.reshape(op.batch, -1)
            return (rows @ weights.T.astype(np.float64)).astype(np.int64)


def is_constant(rows: np.ndarray) -> np.ndarray:
    """For each column of an array whether all its numbers are equal."""
    return np.logical_and.reduce(rows == rows[:1])


def absorbed(op: WeightedOp, known: Known) -> np.ndarray:
    """
    The channels of the input that the layer's bias can stand for: those without
    weights, and known ones that add the same everywhere.
    """
    buffer = root(op.input)
    channels = last(shape(buffer))
    unused = is_zero(weights_by_channel(op, channels), 2)
    if (found := known.get(buffer)) is None:
        return unused
    rows = found.values.reshape(-1, channels)
    match op:
        case Conv2DOp():
            everywhere = (rows == integers(op.zero_points)[0]).all(axis=0)
            if np.prod(shape(op.output)[:3]) == 1:
                everywhere |= True
            elif not any(integers(op.window.pad)):
                everywhere |= is_constant(rows)
        case _:
            assert isinstance(op, FullyConnectedOp)
            by_row = found.values.reshape(op.batch, -1, channels)
            everywhere = is_constant(by_row).all(axis=0)
    return unused | (found.mask & everywhere)


def new_biases(op: WeightedOp, known: Known, channels: np.ndarray) -> np.ndarray | None:
    """The biases that stand for some channels of the input, if there are such."""
    old = constant(op, "bias")
    bias = (
        np.zeros(op.output_channels, np.int64) if old is None else old.astype(np.int64)
    )
    if (found := known.get(root(op.input))) is not None:
        sums = terms(op, found.values, channels & found.mask)
        if not is_constant(sums).all():
            return None
        bias = bias + sums[0]
    if bias.min() < INT32_MIN or bias.max() > INT32_MAX:
        return None
    return bias.astype(np.int32)


def spare(dead: np.ndarray, multiple: int) -> np.ndarray:
    """The dead channels, without as many as leave a multiple of some number."""
    first = np.flatnonzero(dead)[: -np.count_nonzero(~dead) % multiple]
    kept = np.zeros_like(dead)
    kept[first] = True
    return dead & ~kept


def plan_channels(function: func.FuncOp, multiple: int = 1) -> Plan:
    """
    The channels that the network can do without, as it stands; as far as there are
    enough, a multiple of some number stays.
    """
    known = known_channels(function)
    kept: dict[SSAValue, np.ndarray] = {}
    biases: dict[LayerOp, np.ndarray] = {}
    for group in channel_groups(function):
        dead = np.ones(shape(group[0])[-1], bool)
        ops = [op for buffer in group for op in summing_readers(buffer)]
        for op in ops:
            dead &= absorbed(op, known)
        if dead.all():
            # A buffer holds something.
            dead[0] = False
        dead = spare(dead, multiple)
        new = [new_biases(op, known, dead) for op in ops]
        if not dead.any() or any(bias is None for bias in new):
            continue
        kept |= {buffer: np.flatnonzero(~dead) for buffer in group}
        biases |= {op: bias for op, bias in zip(ops, new) if bias is not None}
    return Plan(kept, biases, known)
