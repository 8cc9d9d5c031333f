"""
MCUNetV2's patches of MobileNetV2 (arXiv:2110.15352, table 1), and that its table tells
what MbV2-RD is.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest

from tinyml.dialects.network import layers, network_function
from tinyml.frontend.zoo.layer_ir import network_layers
from tinyml.frontend.zoo.mobilenetv2_config import (
    REDISTRIBUTED,
    STAGES,
    bottlenecks,
    mobilenetv2_config,
)
from tinyml.frontend.zoo.netcfg import Block, NetConfig
from tinyml.passes.geometry import grid_work, largest_tiles, whole_work
from tinyml.passes.stage_graph import stage_graph

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "mcunetv2.py"))
MBV2 = mobilenetv2_config()
MBV2_RD = mobilenetv2_config(stages=REDISTRIBUTED)
GRID = 4, 4


def percent(macs: int, before: int) -> int:
    return round(100 * (macs / before - 1))


def millions(macs: int) -> int:
    return round(macs / 1e6)


@pytest.mark.parametrize(
    "config, blocks, patch, stage, network",
    [
        # The paper has 330M, +10 % for MobileNetV2.
        (MBV2, 5, 75, (130, 42), (329, 9)),
        (MBV2_RD, 4, 63, (73, 18), (301, 3)),
    ],
)
def test_published_patches(
    config: NetConfig,
    blocks: int,
    patch: int,
    stage: tuple[int, int],
    network: tuple[int, int],
):
    found: Any = SCRIPT["patched"](config, blocks, 4)
    assert found.patch == (patch, patch)
    equal, clipped = (
        found.equal_macs,
        found.network_macs + found.patch_macs - found.macs,
    )
    assert (millions(equal), percent(equal, found.macs)) == stage
    assert (millions(clipped), percent(clipped, found.network_macs)) == network
    assert found.whole == 1372 * 1024
    assert found.peak == 28 * 28 * (32 + 192)
    assert round(found.peak / 1024) == 172


def test_bytes_of_a_patch():
    """The first expansion: 35x35 pixels of 16 and 96 channels, 28x28x32 beside them."""
    found: Any = SCRIPT["patched"](MBV2, 5, 4)
    assert found.stage == 35 * 35 * (16 + 96) + 28 * 28 * 32
    last = found.rows[-1]
    assert (last.field, last.step, last.tile) == (27, 8, (7, 7))
    assert last.bytes == 7 * 7 * 144
    # The projection of a block with a shortcut, and the shortcut.
    assert found.rest_with_shortcuts == 28 * 28 * (192 + 32 + 32)


# What MbV2-RD can be


def fronts() -> Iterator[NetConfig]:
    """
    The stem and MobileNetV2's blocks up to 28x28 pixels, with kernels of 3 or 1 and,
    where the stride is 1, without depthwise layers or without blocks.
    """
    kernels, fewer = (3, 1), (3, 1, 0, None)
    for stem, *chosen in product(kernels, fewer, kernels, fewer, kernels):
        first, *rest = bottlenecks(32, 1.0, STAGES)[:4]
        blocks: list[Block] = []
        for block, kernel in zip((first, *rest), chosen, strict=True):
            if kernel is None:
                continue
            inputs = blocks[-1].outputs if blocks else 32
            middle = inputs * 6 if block.expand else inputs
            sizes = replace(block, inputs=inputs, middle=middle, kernel=kernel)
            blocks.append(sizes)
        stem = replace(MBV2.first, kernel=stem)
        yield NetConfig(224, stem, tuple(blocks), None, None)


def additions() -> Iterator[tuple[int, ...]]:
    """Up to 4 blocks more of 32, 64, 96, 160 and 320 channels."""
    return product(range(5), repeat=5)


def work_of_a_block(channels: int, size: int) -> int:
    return size**2 * channels * 6 * (2 * channels + 9)


def test_nothing_else_has_the_numbers_of_mbv2_rd():
    """Counted with equal patches or clipped ones, for the stage and for the network."""
    behind = sum(layer.macs() for layer in network(MBV2)[13:])
    stages = ((32, 28), (64, 14), (96, 14), (160, 7), (320, 7))
    more = [work_of_a_block(*stage) for stage in stages]
    patches, found = 0, list[tuple[NetConfig, tuple[int, ...]]]()
    for front in fronts():
        graph, _ = stage_graph(network(front))
        largest = largest_tiles(graph, GRID)
        if largest[0] != (63, 63):
            continue
        patches += 1
        whole = whole_work(graph)
        equal = 16 * sum(n.work * prod(largest[n.output]) for n in graph.layers)
        works = equal, grid_work(graph, GRID)
        if not any(millions(w) == 73 and percent(w, whole) == 18 for w in works):
            continue
        for added in additions():
            total = (
                behind + whole + sum(n * m for n, m in zip(added, more, strict=True))
            )
            counted = [total + work - whole for work in works]
            if any(millions(n) == 301 and percent(n, total) == 3 for n in counted):
                found.append((front, added))
    assert patches == 16
    ((front, added),) = found
    assert (front.blocks, added) == (MBV2_RD.blocks[:3], (1, 1, 0, 0, 0))


def network(config: NetConfig) -> list[Any]:
    return layers(network_function(network_layers(config)))
