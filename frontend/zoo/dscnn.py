"""
DS-CNN, keyword spotting: Zhang et al., "Hello Edge: Keyword Spotting on
Microcontrollers", arXiv:1711.07128, in the form of the benchmark of MLPerf Tiny
(github.com/mlcommons/tiny, training/keyword_spotting/keras_model.py).
"""

from __future__ import annotations

from typing import Any

from tinyml.frontend.zoo.modules import (
    Network,
    classifier,
    keras_conv,
    nn,
    sequence,
)

FILTERS = 64
BLOCKS = 4


def dscnn() -> Any:
    """
    `[1, 1, 49, 10]`, frames by coefficients, to `[1, 12]`: 2,656,768 MACs, 23,756
    parameters.
    """
    return Network(
        (1, 1, 49, 10),
        stem=normalized(keras_conv(1, FILTERS, (10, 4), (49, 10), stride=2)),
        blocks=nn.Sequential(*(separable() for _ in range(BLOCKS))),
        head=classifier(FILTERS, 12),
    )


def separable() -> Any:
    """Depthwise 3x3, then 1x1, each normalized: `[1, 64, 25, 5]` to the same."""
    size = 25, 5
    depthwise = keras_conv(FILTERS, FILTERS, (3, 3), size, groups=FILTERS)
    pointwise = keras_conv(FILTERS, FILTERS, (1, 1), size)
    return sequence(depthwise=normalized(depthwise), pointwise=normalized(pointwise))


def normalized(conv: Any) -> Any:
    return sequence(conv=conv, norm=nn.BatchNorm2d(FILTERS), activation=nn.ReLU())
