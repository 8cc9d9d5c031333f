"""
MCUNet, ProxylessNAS and other networks that were found by search: Lin et al., "MCUNet:
Tiny Deep Learning on IoT Devices", NeurIPS 2020, arXiv:2007.10319; Cai et al.,
"ProxylessNAS", ICLR 2019, arXiv:1812.00332. Their layers are listed in the JSON files
of github.com/mit-han-lab/mcunet, which the caller provides.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

from tinyml.frontend.zoo.modules import (
    Network,
    classifier,
    inverted_bottleneck,
    nn,
    normalized_conv,
)
from tinyml.frontend.zoo.netcfg import Block, Convolution, NetConfig, read_netcfg


def mcunet(netcfg: Path | str, resolution: int | None = None) -> Any:
    """
    `[1, 3, resolution, resolution]` to `[1, classes]`, or to the features of the last
    block if the file has no classifier. The resolution is the file's unless given.

    | file | resolution | MACs | parameters |
    |---|---|---|---|
    | mcunet-10fps_imagenet (in0) | 48 | 6,364,224 | 749,840 |
    | mcunet-5fps_imagenet (in1) | 96 | 12,790,096 | 636,232 |
    | mcunet-256kb-1mb_imagenet (in2) | 160 | 67,287,200 | 729,392 |
    | mcunet-320kb-1mb_imagenet (in3) | 176 | 81,785,520 | 737,408 |
    | mcunet-512kb-2mb_imagenet (in4) | 160 | 125,874,400 | 1,732,640 |
    | proxyless-w0.3-r176_imagenet | 176 | 38,282,216 | 754,280 |
    | proxyless_mobile | 224 | 320,427,584 | 4,080,512 |
    """
    config = read_netcfg(netcfg)
    return network(
        config if resolution is None else replace(config, resolution=resolution)
    )


def network(config: NetConfig) -> Any:
    """The module of a description."""
    parts: dict[str, Any] = {
        "stem": convolution(config.first),
        "blocks": nn.Sequential(*map(bottleneck, config.blocks)),
    }
    if config.mix is not None:
        parts["mix"] = convolution(config.mix)
    if config.classes is not None:
        parts["head"] = classifier(config.features, config.classes)
    size = config.resolution, config.resolution
    return Network((1, config.first.inputs, *size), **parts)


def convolution(layer: Convolution) -> Any:
    return normalized_conv(
        layer.inputs,
        layer.outputs,
        layer.kernel,
        stride=layer.stride,
        activation=nn.ReLU6(),
    )


def bottleneck(block: Block) -> Any:
    *sizes, expand, shortcut = astuple(block)
    return inverted_bottleneck(*sizes, expand=expand, shortcut=shortcut)
