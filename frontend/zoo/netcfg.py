"""
Reads the architecture descriptions of the MCUNet family: the JSON files that
github.com/mit-han-lab/mcunet publishes beside its weights. No PyTorch here.

What would change the architecture and is not known is refused, never skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from xdsl.utils.exceptions import DiagnosticException

EXPECTED = {
    "act_func": ("relu6",),
    "dilation": (1,),
    "groups": (1,),
    "has_shuffle": (False,),
    "use_bn": (True,),
    "use_se": (False,),
}
"""What a layer must say, if it says anything."""


@dataclass(frozen=True)
class Convolution:
    inputs: int
    outputs: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class Block:
    """
    An inverted bottleneck. `middle` is `inputs` if it does not expand; with a kernel of
    0, which no file has, there is no depthwise convolution, and no stride.
    """

    inputs: int
    middle: int
    outputs: int
    kernel: int
    stride: int
    expand: bool
    shortcut: bool


@dataclass(frozen=True)
class NetConfig:
    """A network; some descriptions end with the blocks."""

    resolution: int
    first: Convolution
    blocks: tuple[Block, ...]
    mix: Convolution | None
    classes: int | None

    @property
    def features(self) -> int:
        """Channels before the classifier."""
        return self.mix.outputs if self.mix else self.blocks[-1].outputs


class Entry:
    """A JSON object, and where it stands for messages."""

    def __init__(self, value: object, where: str):
        if not isinstance(value, dict):
            raise DiagnosticException(f"{where}: expected a JSON object")
        self.values = cast(Mapping[str, Any], value)
        self.where = where

    def integer(self, key: str, default: int | None = None) -> int:
        """A positive integer; `default` stands for one that is missing or null."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or value < 1:
            raise DiagnosticException(
                f"{self.where}: {key} is {value!r}, expected a positive integer"
            )
        return value

    def odd(self, key: str) -> int:
        """A kernel size, of which half can pad on either side."""
        if (value := self.integer(key)) % 2 == 0:
            raise DiagnosticException(f"{self.where}: {key} is {value}, expected odd")
        return value

    def entry(self, key: str) -> Entry:
        return Entry(self.values.get(key), f"{self.where}, {key}")

    def expect(self, key: str, *allowed: object) -> None:
        value = self.values.get(key)
        if key in self.values and value not in allowed:
            raise DiagnosticException(
                f"{self.where}: {key} {value!r} is not supported, "
                f"expected {' or '.join(map(repr, allowed))}"
            )

    def expect_usual(self) -> None:
        for key, allowed in EXPECTED.items():
            self.expect(key, *allowed)


def read_netcfg(path: Path | str) -> NetConfig:
    """Raises DiagnosticException for what is missing or not supported."""
    path = Path(path)
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DiagnosticException(
            f"{path.name} is no architecture description: {error}"
        ) from error
    return parse_netcfg(value, path.name)


def parse_netcfg(value: object, name: str = "netcfg") -> NetConfig:
    """`value` is parsed JSON; `name` is for messages."""
    top = Entry(value, name)
    top.expect("name", "ProxylessNASNets")
    first = parse_convolution(top.entry("first_conv"), inputs=3)
    blocks = parse_blocks(top, first.outputs)
    mix, features = None, blocks[-1].outputs
    if top.values.get("feature_mix_layer") is not None:
        mix = parse_convolution(top.entry("feature_mix_layer"), features)
        features = mix.outputs
    classes = None
    if top.values.get("classifier") is not None:
        classes = parse_classifier(top.entry("classifier"), features)
    return NetConfig(top.integer("resolution"), first, blocks, mix, classes)


def parse_convolution(entry: Entry, inputs: int) -> Convolution:
    entry.expect("name", "ConvLayer")
    entry.expect("ops_order", "weight_bn_act")
    entry.expect("bias", False)
    entry.expect("in_channels", inputs)
    entry.expect_usual()
    outputs, kernel = entry.integer("out_channels"), entry.odd("kernel_size")
    return Convolution(inputs, outputs, kernel, entry.integer("stride"))


def parse_blocks(top: Entry, inputs: int) -> tuple[Block, ...]:
    """A block whose convolution is a ZeroLayer is its shortcut, which is nothing."""
    listed = top.values.get("blocks")
    if not isinstance(listed, list):
        raise DiagnosticException(f"{top.where}: blocks are missing")
    blocks: list[Block] = []
    for i, value in enumerate(cast(list[object], listed)):
        entry = Entry(value, f"{top.where}, block {i}")
        entry.expect("name", "MobileInvertedResidualBlock")
        layer = entry.entry("mobile_inverted_conv")
        if layer.values.get("name") == "ZeroLayer":
            if not has_shortcut(entry):
                raise DiagnosticException(f"{entry.where}: nothing is computed")
            continue
        blocks.append(parse_block(layer, inputs, has_shortcut(entry)))
        inputs = blocks[-1].outputs
    if not blocks:
        raise DiagnosticException(f"{top.where}: blocks are missing")
    return tuple(blocks)


def parse_block(entry: Entry, inputs: int, shortcut: bool) -> Block:
    entry.expect("name", "MBInvertedConvLayer")
    entry.expect("in_channels", inputs)
    entry.expect_usual()
    outputs, kernel = entry.integer("out_channels"), entry.odd("kernel_size")
    stride, ratio = entry.integer("stride"), entry.integer("expand_ratio")
    middle = entry.integer("mid_channels", inputs * ratio) if ratio > 1 else inputs
    if shortcut and (stride, inputs) != (1, outputs):
        raise DiagnosticException(
            f"{entry.where}: a shortcut needs stride 1 and equal channels, "
            f"but it is {inputs} to {outputs} with stride {stride}"
        )
    return Block(inputs, middle, outputs, kernel, stride, ratio > 1, shortcut)


def has_shortcut(block: Entry) -> bool:
    if block.values.get("shortcut") in (None, False):
        return False
    if block.values["shortcut"] is not True:
        block.entry("shortcut").expect("name", "IdentityLayer")
    return True


def parse_classifier(entry: Entry, features: int) -> int:
    entry.expect("name", "LinearLayer")
    entry.expect("in_features", features)
    entry.expect("bias", True)
    entry.expect("use_bn", False)
    entry.expect("act_func", None)
    return entry.integer("out_features")
