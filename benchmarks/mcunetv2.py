"""
The page docs/mcunetv2.md: what MCUNetV2 (Lin et al., NeurIPS 2021, arXiv:2110.15352)
says of MobileNetV2 in patches, computed by our passes.

    .venv/bin/python benchmarks/mcunetv2.py > docs/mcunetv2.md
    .venv/bin/python benchmarks/mcunetv2.py svg > docs/pareto_mobilenetv2.svg
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import SSAValue

from tinyml.backend.pareto import ParetoFront, ParetoOptions, front_of_network
from tinyml.backend.pareto_svg import pareto_svg
from tinyml.dialects.layer import LayerOp, integers, shape
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.dialects.stage import StageOp
from tinyml.dialects.tinyml import DepthwiseConv2DOp
from tinyml.frontend.zoo.layer_ir import network_layers
from tinyml.frontend.zoo.mobilenetv2_config import REDISTRIBUTED, mobilenetv2_config
from tinyml.frontend.zoo.netcfg import NetConfig
from tinyml.passes.annotate_receptive_field import AnnotateReceptiveFieldPass
from tinyml.passes.geometry import StageGraph, largest_tiles
from tinyml.passes.patch import PatchPass
from tinyml.passes.stage_graph import stage_graph


@dataclass(frozen=True)
class LayerRow:
    """
    A layer of the stage: shape of its output, receptive field and step in the image,
    largest tile, multiply-accumulates whole and in all patches, and bytes that MCUNetV2
    counts while a patch runs it, the stage's output not among them.
    """

    name: str
    output: tuple[int, ...]
    field: int
    step: int
    tile: tuple[int, int]
    macs: int
    patch_macs: int
    bytes: int


@dataclass(frozen=True)
class Patched:
    """A network whose first layers run in patches; sizes in bytes."""

    grid: int
    rows: Sequence[LayerRow]
    patch: tuple[int, int]
    """Rows and columns of the image that the largest patch reads."""
    equal_macs: int
    """The stage's multiply-accumulates if every patch were as large as the largest."""
    network_macs: int
    stage_output: int
    rest: int
    """What MCUNetV2 counts for the layers behind the stage."""
    rest_with_shortcuts: int
    whole: int
    """What it counts for the network layer by layer."""

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def patch_macs(self) -> int:
        return sum(row.patch_macs for row in self.rows)

    @property
    def stage(self) -> int:
        return max(row.bytes for row in self.rows) + self.stage_output

    @property
    def peak(self) -> int:
        return max(self.stage, self.rest)


# Computing


def patched(config: NetConfig, blocks: int, grid: int) -> Patched:
    """
    A network with the stem and its first `blocks - 1` blocks in `grid` x `grid`
    patches.
    """
    module = network_layers(config)
    function = network_function(module)
    order = layers(function)
    names = [layer_name(layer) for layer in order]
    ends = [n for n, name in enumerate(names) if f"block {blocks} " in name]
    count = ends[0]
    whole = max(layer_bytes(layer, whole_sizes(order)) for layer in order)
    context = Context()
    AnnotateReceptiveFieldPass(count, grid, grid).apply(context, module)
    PatchPass(count, grid, grid).apply(context, module)
    module.verify()
    (stage,) = (op for op in function.body.block.ops if isinstance(op, StageOp))
    inside = [op for op in stage.body.block.ops if isinstance(op, LayerOp)]
    behind = layers(function)
    graph, numbers = stage_graph(inside)
    largest = largest_tiles(graph, (grid, grid))
    image = inside[0].layer_inputs[0]
    sizes = {value: prod(largest[n]) * shape(value)[3] for value, n in numbers.items()}
    # The image comes as it is decoded; the output is whole and counted once.
    sizes |= {image: 0, inside[-1].layer_output: 0}
    rest = whole_sizes(behind)
    return Patched(
        grid,
        [layer_row(layer, layer_bytes(layer, sizes)) for layer in inside],
        largest[numbers[image]],
        equal_work(graph, largest, grid),
        sum(layer.macs() for layer in order),
        prod(shape(inside[-1].layer_output)),
        max(layer_bytes(layer, rest) for layer in behind),
        max(layer_bytes(layer, rest) + kept(layer, behind, rest) for layer in behind),
        whole,
    )


def whole_sizes(order: Sequence[LayerOp]) -> dict[SSAValue, int]:
    return {value: prod(shape(value)) for layer in order for value in layer.operands}


def layer_bytes(layer: LayerOp, sizes: Mapping[SSAValue, int]) -> int:
    """
    Inputs and output. A depthwise layer overwrites its input, channel by channel, and
    an addition one of its inputs.
    """
    read = [sizes[value] for value in layer.layer_inputs]
    written = sizes[layer.layer_output]
    if isinstance(layer, DepthwiseConv2DOp) or len(read) > 1:
        return max(sum(read), written)
    return sum(read) + written


def kept(
    layer: LayerOp, order: Sequence[LayerOp], sizes: Mapping[SSAValue, int]
) -> int:
    """What a shortcut holds while a layer runs that does not read it."""
    at = order.index(layer)
    before = {v for other in order[:at] for v in other.operands}
    later = {v for other in order[at + 1 :] for v in other.layer_inputs}
    return sum(sizes[v] for v in before & later - set(layer.operands))


def equal_work(
    graph: StageGraph, largest: Mapping[int, tuple[int, int]], grid: int
) -> int:
    """The work of a grid whose tiles are all as large as the largest."""
    return grid**2 * sum(
        node.work * prod(largest[node.output]) for node in graph.layers
    )


def layer_row(layer: LayerOp, size: int) -> LayerRow:
    """What the passes have written on a layer."""
    found = layer.attributes
    work = found["tinyml.patch_macs"]
    assert isinstance(work, IntegerAttr)
    rows, columns = integers(found["tinyml.tile"])
    return LayerRow(
        layer_name(layer),
        shape(layer.layer_output)[1:],
        integers(found["tinyml.receptive_field"])[0],
        integers(found["tinyml.step"])[0],
        (rows, columns),
        layer.macs(),
        work.value.data,
        size,
    )


@cache
def front(name: str) -> ParetoFront:
    """
    The stage plans of a network. Its weights are all 0, so nothing is folded that looks
    at them.
    """
    options = ParetoOptions(input="callback")
    module = network_layers(CONFIGS[name])
    zoo = "tinyml.frontend.zoo"
    return front_of_network(module, zoo, options, folding="tinyml-fold-reshape")


# Writing


@dataclass(frozen=True)
class Published:
    """A row of MCUNetV2's table 1."""

    patch: int
    stage: str
    network: str


MBV2 = "MobileNetV2"
MBV2_RD = "MbV2-RD"
CONFIGS = {
    MBV2: mobilenetv2_config(),
    MBV2_RD: mobilenetv2_config(stages=REDISTRIBUTED),
}
BLOCKS = {MBV2: 5, MBV2_RD: 4}
"""The stem and the blocks up to the first with 28x28 pixels."""
GRID = 4
PUBLISHED = {
    MBV2: Published(75, "130M, +42 %", "330M, +10 %"),
    MBV2_RD: Published(63, "73M, +18 %", "301M, +3 %"),
}

HEAD = """\
# Patches as MCUNetV2 runs them

What [MCUNetV2](https://arxiv.org/abs/2110.15352) (Lin et al., NeurIPS 2021, table 1 and
figure 8) says of MobileNetV2 1.0 at 224x224 pixels, computed by
`tinyml-annotate-receptive-field`, `tinyml-patch` and the geometry behind them. Nothing
here was measured, and no weights take part. This page is generated by
`.venv/bin/python benchmarks/mcunetv2.py`.

The image is cut into 4x4 patches, which run one after the other through the stem and
the blocks up to the first of 28x28 pixels; a patch computes what it shares with its
neighbours anew. The rest runs layer by layer. MbV2-RD is MobileNetV2 with a smaller
receptive field in the patches: its layers are published in a picture only, and the
zoo's `mobilenetv2_rd` is inferred from the table (`frontend/zoo/mobilenetv2.py` says
how).

## The table

M: millions of multiply-accumulates. kB: 1024 bytes.
"""

RULES = """
How the numbers are counted:

- **Equal patches**: each of the 16 patches counts as much as the largest. **Clipped**:
  at the border of the image a patch has no halo to compute; so does `tinyml.stage`, and
  so counts `tinyml.patch_macs`. For the patch stage the published numbers are those of
  equal patches. For the network they are not: with equal patches MobileNetV2 would have
  339M, +13 %. Clipped ones give MbV2-RD's row and miss MobileNetV2's by 1.3M.
- **A layer** needs its inputs and its output, one byte each. A depthwise layer
  overwrites its input, an addition one of its inputs. The image is not counted: it may
  come from a decoder in pieces. Nor is what a shortcut holds while other layers run.
- **A patch stage** needs the largest of its layers' tiles, inputs and output, and its
  whole output beside them.
- **The peak** is the larger of the patch stage and the layers behind it. In both
  networks that is the first expansion behind, to 28x28x192, not the patches.

What this leaves out: while a projection runs, its block's shortcut is held. The paper
says that branches count; if they do, the layers behind need {shortcuts}, so its 172 kB
seem to be without. A patch of the image, {image} in MobileNetV2, is needed at the first
layer, where there is room for it. An image that is there as a whole is {whole} more for
all layers of the stage.

## The patch stage, layer by layer

Receptive field and halo in pixels of the image, along one axis: what an output pixel
sees, and how much of it its neighbour sees too. Patches are clipped; `recomputed` is
per patch, the mean over all 16, `share` the layer's part of all that is recomputed.
Bytes as above, of the largest patch, with the stage's whole output of {output:,}.
"""

SEARCH = """
## How many blocks, how many patches

The peak of MobileNetV2 in kB. The paper's figure 8 has its optimum at 5 blocks, the
stem counted, and 4x4 patches: with fewer blocks a layer behind the stage needs more,
with more of them the patches do. More patches than 4x4 recompute more and save nothing.

"""

PLANS = """
## Our own plans

What `tinyml pareto --input callback` finds for the same networks: stages whose rows, or
blocks of a few columns, stream through rings. Nothing is made twice along the height;
in vertical strips, what two strips share is. The other layers run one by one.

![MobileNetV2: arena and extra work](pareto_mobilenetv2.svg)
"""

PLAN_RULES = """
How these are counted:

- **The arena** is the array that the C declares, all buffers in their places: inputs
  and outputs of layers, rings, shortcuts for as long as they are held, scratch memory
  of kernels, and what alignment adds. The numbers above are sums of inputs and outputs
  without shortcuts and places; to count more makes ours larger, not smaller.
- **The image** comes by callback, in both countings: the network asks for its rows. The
  rows that it holds are in our arena. What a strip has in common with the next one is
  asked for twice.
- **Extra work** is in percent of the layers' multiply-accumulates, each layer once.
- **Layer by layer** is with `--stages off --objective ram`: without a stage, but with
  outputs that lie upon inputs and depthwise layers in place. The whole image is then
  there for the first layer.

A point compiles to just these bytes and this work (`test/unit/test_pareto.py`).
"""


def page() -> str:
    found = {name: patched(CONFIGS[name], BLOCKS[name], GRID) for name in CONFIGS}
    plain, image = found[MBV2], CONFIGS[MBV2].first.inputs
    rules = RULES.format(
        shortcuts=kib(plain.rest_with_shortcuts),
        image=kib(prod(plain.patch) * image),
        whole=kib(CONFIGS[MBV2].resolution ** 2 * image),
        output=plain.stage_output,
    )
    tables = [summary(name, it) for name, it in found.items()]
    stages = [stage_table(name, it) for name, it in found.items()]
    plans = [plan_table(name, it) for name, it in found.items()]
    return "".join(
        [HEAD, *tables, rules, *stages, SEARCH, search(), PLANS, *plans, PLAN_RULES]
    )


def summary(name: str, it: Patched) -> str:
    rows, columns = it.patch
    told = PUBLISHED[name]
    extra = it.equal_macs - it.macs, it.patch_macs - it.macs
    network = [it.network_macs + macs for macs in extra]
    stage = [more(it.macs + macs, it.macs) for macs in extra]
    total = [more(macs, it.network_macs) for macs in network]
    lines = [
        (f"**{name}**", "published", "here"),
        ("input patch", f"{told.patch}x{told.patch}", f"{rows}x{columns}"),
        ("patch stage, layer by layer", "", millions(it.macs)),
        ("patch stage, equal patches", told.stage, stage[0]),
        ("patch stage, clipped", "", stage[1]),
        ("network, layer by layer", "", millions(it.network_macs)),
        ("network, equal patches", "", total[0]),
        ("network, clipped", told.network, total[1]),
        ("peak layer by layer", "1372 kB", kib(it.whole)),
        ("peak of the patch stage", "", kib(it.stage)),
        ("peak of the layers behind", "", kib(it.rest)),
        ("peak", "172 kB", kib(it.peak)),
    ]
    return "\n" + table(lines, right=2)


def plan_table(name: str, it: Patched) -> str:
    """Our points beside the patches, both as they are counted here."""
    ours = front(name)
    patches = 100 * (it.patch_macs - it.macs) / it.network_macs
    lines = [
        (f"**{name}**", "strips", "arena", "of 172 kB", "extra work"),
        (
            "MCUNetV2, layer by layer",
            "",
            kib(it.whole),
            f"{it.whole / it.peak:.2f}",
            "0.0 %",
        ),
        ("MCUNetV2, 4x4 patches", "", kib(it.peak), "1.00", f"+{patches:.1f} %"),
    ]
    for point in (ours.layer_by_layer, *reversed(ours.points)):
        extra = ours.extra(point)
        what = f"{point.stages} stages" if point.stages else "layer by layer"
        lines.append(
            (
                f"ours, {what}",
                str(point.strips) if point.stages else "",
                kib(point.arena),
                f"{point.arena / it.peak:.2f}",
                f"+{extra:.1f} %" if extra else "0.0 %",
            )
        )
    return "\n" + table(lines, right=4)


def stage_table(name: str, it: Patched) -> str:
    recomputed = it.patch_macs - it.macs
    head = f"**{name}**, output, receptive field, halo, largest tile, MACs, in patches"
    lines = [(*head.split(", "), "recomputed", "share", "bytes")]
    for row in it.rows:
        again = row.patch_macs - row.macs
        lines.append(
            (
                row.name,
                "x".join(map(str, row.output)),
                str(row.field),
                str(row.field - row.step),
                "x".join(map(str, row.tile)),
                f"{row.macs:,}",
                f"{row.patch_macs:,}",
                f"{again / it.grid**2:,.0f}",
                f"{100 * again / recomputed:.1f} %",
                f"{row.bytes + it.stage_output:,}",
            )
        )
    return "\n" + table(lines, right=8)


def search() -> str:
    grids = range(2, 6)
    lines = [("blocks", *(f"{grid}x{grid}" for grid in grids))]
    for blocks in range(3, 8):
        found = [patched(CONFIGS[MBV2], blocks, grid) for grid in grids]
        lines.append((str(blocks), *(f"{it.peak / 1024:.1f}" for it in found)))
    return table(lines, right=4)


def more(macs: int, before: int) -> str:
    return f"{millions(macs)}, {100 * (macs / before - 1):+.1f} %"


def millions(macs: int) -> str:
    return f"{macs / 1e6:.2f}M"


def kib(size: int) -> str:
    return f"{size / 1024:.1f} kB"


def table(lines: Sequence[Sequence[str]], right: int) -> str:
    """A table, the first line its head; numbers in the last `right` columns."""
    left = len(lines[0]) - right
    rule = ["---"] * left + ["---:"] * right
    rows = [lines[0], rule, *lines[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def picture() -> str:
    return pareto_svg(front(MBV2))


if __name__ == "__main__":
    print(picture() if sys.argv[1:] == ["svg"] else page(), end="")
