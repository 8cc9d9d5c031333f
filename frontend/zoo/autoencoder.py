"""
The autoencoder that detects anomalous sounds: the benchmark of MLPerf Tiny
(github.com/mlcommons/tiny, training/anomaly_detection/keras_model.py), which is the
baseline of DCASE 2020 task 2 (Koizumi et al., arXiv:2006.05822).
"""

from __future__ import annotations

from typing import Any

from tinyml.frontend.zoo.modules import Network, nn, sequence

WIDTHS = (128, 128, 128, 128, 8, 128, 128, 128, 128)


def autoencoder() -> Any:
    """
    `[1, 640]`, 5 frames of 128 mel bands, to the same: 264,192 MACs, 267,928
    parameters.
    """
    sizes = zip((640, *WIDTHS), WIDTHS)
    return Network(
        (1, 640),
        layers=nn.Sequential(*(dense(inputs, outputs) for inputs, outputs in sizes)),
        output=nn.Linear(WIDTHS[-1], 640),
    )


def dense(inputs: int, outputs: int) -> Any:
    """`[1, inputs]` to `[1, outputs]`."""
    return sequence(
        linear=nn.Linear(inputs, outputs),
        norm=nn.BatchNorm1d(outputs),
        activation=nn.ReLU(),
    )
