"""
Published networks as PyTorch modules: the true architectures, without trained weights.

`build("mobilenetv2", width=0.35, resolution=144)` is a `torch.nn.Module` in evaluation
mode that takes a float32 tensor of shape `module.input_shape` (NCHW, batch of 1). Its
weights are drawn from a seed: what a network needs of memory, time and code depends on
its architecture alone. There is no dropout, and no softmax: outputs are logits.

PyTorch is an extra (`tinyml-xdsl[torch]`); only building needs it. Modules are `Any`
here, since it may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from inspect import signature
from typing import Any

from xdsl.utils.exceptions import DiagnosticException

Architecture = Callable[..., Any]
"""Its options are its parameters; the weights of what it returns are not yet drawn."""


def _autoencoder() -> Architecture:
    from tinyml.frontend.zoo.autoencoder import autoencoder

    return autoencoder


def _dscnn() -> Architecture:
    from tinyml.frontend.zoo.dscnn import dscnn

    return dscnn


def _mcunet() -> Architecture:
    from tinyml.frontend.zoo.mcunet import mcunet

    return mcunet


def _mobilenetv2() -> Architecture:
    from tinyml.frontend.zoo.mobilenetv2 import mobilenetv2

    return mobilenetv2


def _mobilenetv2_rd() -> Architecture:
    from tinyml.frontend.zoo.mobilenetv2 import mobilenetv2_rd

    return mobilenetv2_rd


def _resnet8() -> Architecture:
    from tinyml.frontend.zoo.resnet import resnet8

    return resnet8


def _resnet18() -> Architecture:
    from tinyml.frontend.zoo.resnet import resnet18

    return resnet18


ZOO: dict[str, Callable[[], Architecture]] = {
    "autoencoder": _autoencoder,
    "dscnn": _dscnn,
    "mcunet": _mcunet,
    "mobilenetv2": _mobilenetv2,
    "mobilenetv2_rd": _mobilenetv2_rd,
    "resnet18": _resnet18,
    "resnet8": _resnet8,
}
"""Name of an architecture: what imports it."""


def build(name: str, *, seed: int | None = 0, **options: Any) -> Any:
    """
    The network called `name`. Weights are the same for the same seed, on any machine;
    `seed=None` leaves them on PyTorch's meta device, where only shapes are computed.

    Raises DiagnosticException for what does not exist.
    """
    if (load := ZOO.get(name)) is None:
        raise DiagnosticException(
            f'the zoo has no network "{name}"; it has {", ".join(ZOO)}'
        )
    if find_spec("torch") is None:
        raise DiagnosticException(
            "torch is not installed; the zoo needs pip install 'tinyml-xdsl[torch]'"
        )
    architecture = load()
    parameters = signature(architecture)
    try:
        parameters.bind(**options)
    except TypeError as error:
        known = ", ".join(parameters.parameters) or "none"
        raise DiagnosticException(f"{name}: {error}; its options: {known}") from error

    from tinyml.frontend.zoo.modules import on_meta_device
    from tinyml.frontend.zoo.weights import fill

    with on_meta_device():
        module = architecture(**options)
    if seed is not None:
        fill(module, seed)
    return module.eval()
