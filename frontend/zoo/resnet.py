"""
Residual networks: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385. ResNet-8 is the image classification benchmark of MLPerf Tiny
(github.com/mlcommons/tiny, training/image_classification/keras_model.py).
"""

from __future__ import annotations

from typing import Any

from tinyml.frontend.zoo.modules import (
    Network,
    Residual,
    classifier,
    keras_conv,
    nn,
    normalized_conv,
    sequence,
)


def resnet8() -> Any:
    """
    `[1, 3, 32, 32]` to `[1, 10]`: 12,501,632 MACs, 78,186 parameters.

    Convolutions have biases and pad as Keras does; the shortcuts are not normalized.
    """
    return Network(
        (1, 3, 32, 32),
        stem=sequence(
            conv=keras_conv(3, 16, (3, 3), (32, 32)),
            norm=nn.BatchNorm2d(16),
            activation=nn.ReLU(),
        ),
        blocks=nn.Sequential(
            small_block(16, 16, 32, 1),
            small_block(16, 32, 32, 2),
            small_block(32, 64, 16, 2),
        ),
        head=classifier(64, 10),
    )


def small_block(inputs: int, outputs: int, size: int, stride: int) -> Any:
    """`[1, inputs, size, size]` to `[1, outputs, size / stride, size / stride]`."""
    inner = size // stride
    body = sequence(
        conv1=keras_conv(inputs, outputs, (3, 3), (size, size), stride=stride),
        norm1=nn.BatchNorm2d(outputs),
        activation=nn.ReLU(),
        conv2=keras_conv(outputs, outputs, (3, 3), (inner, inner)),
        norm2=nn.BatchNorm2d(outputs),
    )
    shortcut = None
    if inputs != outputs:
        shortcut = keras_conv(inputs, outputs, (1, 1), (size, size), stride=stride)
    return sequence(residual=Residual(body, shortcut), activation=nn.ReLU())


def resnet18(resolution: int = 224, classes: int = 1000) -> Any:
    """
    `[1, 3, resolution, resolution]` to `[1, classes]`: 1,814,073,344 MACs at 224,
    11,689,512 parameters.
    """
    return Network(
        (1, 3, resolution, resolution),
        stem=normalized_conv(3, 64, 7, stride=2, activation=nn.ReLU()),
        pool=nn.MaxPool2d(3, 2, 1),
        blocks=nn.Sequential(
            block(64, 64, 1),
            block(64, 64, 1),
            block(64, 128, 2),
            block(128, 128, 1),
            block(128, 256, 2),
            block(256, 256, 1),
            block(256, 512, 2),
            block(512, 512, 1),
        ),
        head=classifier(512, classes),
    )


def block(inputs: int, outputs: int, stride: int) -> Any:
    """`[1, inputs, H, W]` to `[1, outputs, ceil(H / stride), ceil(W / stride)]`."""
    body = sequence(
        conv1=normalized_conv(inputs, outputs, 3, stride=stride, activation=nn.ReLU()),
        conv2=normalized_conv(outputs, outputs, 3),
    )
    shortcut = None
    if inputs != outputs:
        shortcut = normalized_conv(inputs, outputs, stride=stride)
    return sequence(residual=Residual(body, shortcut), activation=nn.ReLU())
