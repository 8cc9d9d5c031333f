"""
The zoo's networks have the sizes that were published for them.

Sizes are taken on PyTorch's meta device, where nothing is computed; a few small networks
run. `Meter` counts memory as the literature does: input, output and what a shortcut
keeps; depthwise layers and additions in place, padding and activations for free.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.layer import LayerOp
from tinyml.dialects.network import layer_name, layers, network_function
from tinyml.frontend.zoo import ZOO, build
from tinyml.frontend.zoo.layer_ir import network_layers
from tinyml.frontend.zoo.mobilenetv2_config import (
    REDISTRIBUTED,
    STAGES,
    Stages,
    mobilenetv2_config,
    scaled,
)
from tinyml.frontend.zoo.netcfg import Block, NetConfig, parse_netcfg, read_netcfg
from tinyml.frontend.zoo.weights import draw

NETCFG = Path(__file__).parents[3] / "shared" / "models" / "netcfg"
KIB = 1024
MBV2_035_144: dict[str, Any] = {"width": 0.35, "resolution": 144, "narrow_head": True}

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="torch is not installed (tinyml-xdsl[torch])"
)
needs_netcfg = pytest.mark.skipif(
    not NETCFG.is_dir(), reason="../shared/models/netcfg is not there"
)


# A meter


class Meter:
    """MACs, and the most bytes that live at one time if every element is one byte."""

    def __init__(self, module: Any):
        self.macs = 0
        self.peak = 0
        self.peak_not_in_place = 0
        self.kept: list[Any] = []
        for part in module.modules():
            self.attach(part)
        self.output = tuple(module(empty(module.input_shape)).shape)

    def attach(self, part: Any) -> None:
        hooks: dict[str, Callable[..., None]] = {
            "Conv2d": self.multiply,
            "Linear": self.multiply,
            "MaxPool2d": self.live,
            "AdaptiveAvgPool2d": self.live,
        }
        kind = type(part).__name__
        if kind == "Residual":
            part.register_forward_pre_hook(self.keep)
            part.body.register_forward_hook(self.keep_sum)
            part.register_forward_hook(self.release)
        elif kind in hooks:
            part.register_forward_hook(hooks[kind])

    def multiply(self, part: Any, inputs: Any, output: Any) -> None:
        self.macs += output.numel() * prod(part.weight.shape[1:])
        self.live(part, inputs, output)

    def live(self, part: Any, inputs: Any, output: Any) -> None:
        """A depthwise layer may write where it reads, channel by channel."""
        tensors = {id(tensor): tensor.numel() for tensor in (*self.kept, *inputs)}
        before, written = sum(tensors.values()), output.numel()
        self.peak_not_in_place = max(self.peak_not_in_place, before + written)
        if is_depthwise(part) and all(inputs[0] is not kept for kept in self.kept):
            written = max(0, written - inputs[0].numel())
        self.peak = max(self.peak, before + written)

    def keep(self, part: Any, inputs: Any) -> None:
        self.kept.append(inputs[0])

    def keep_sum(self, part: Any, inputs: Any, output: Any) -> None:
        self.kept.append(output)

    def release(self, part: Any, inputs: Any, output: Any) -> None:
        del self.kept[-2:]


def is_depthwise(part: Any) -> bool:
    return getattr(part, "groups", 1) > 1


def empty(shape: tuple[int, ...]) -> Any:
    return import_module("torch").empty(shape, device="meta")


def measure(name: str, **options: Any) -> tuple[Meter, int]:
    """A meter that has seen a run, and the number of parameters."""
    module = build(name, seed=None, **options)
    return Meter(module), sum(p.numel() for p in module.parameters())


# Published sizes


@needs_torch
@pytest.mark.parametrize(
    "name, options, output, macs, parameters",
    [
        ("mobilenetv2", {}, (1, 1000), 300_774_272, 3_504_872),
        ("mobilenetv2", {"width": 0.35}, (1, 1000), 59_285_808, 1_677_128),
        ("mobilenetv2", MBV2_035_144, (1, 1000), 23_499_152, 750_280),
        ("mobilenetv2_rd", {}, (1, 1000), 292_721_024, 3_564_808),
        ("resnet8", {}, (1, 10), 12_501_632, 78_186),
        ("resnet18", {}, (1, 1000), 1_814_073_344, 11_689_512),
        ("dscnn", {}, (1, 12), 2_656_768, 23_756),
        ("autoencoder", {}, (1, 640), 264_192, 267_928),
    ],
)
def test_published_sizes(
    name: str,
    options: dict[str, Any],
    output: tuple[int, ...],
    macs: int,
    parameters: int,
):
    meter, count = measure(name, **options)
    assert (meter.output, meter.macs, count) == (output, macs, parameters)


@needs_torch
@pytest.mark.parametrize(
    "name, options, peak",
    [
        # MCUNetV2 (arXiv:2110.15352): 1372 kB layer by layer.
        ("mobilenetv2", {}, 1372 * KIB),
        ("mobilenetv2_rd", {}, 1372 * KIB),
        ("resnet8", {}, 49_152),
        ("dscnn", {}, 16_000),
        ("autoencoder", {}, 768),
    ],
)
def test_published_memory(name: str, options: dict[str, Any], peak: int):
    """For MLPerf Tiny's, the live bytes of the benchmark's own TFLite files."""
    meter, _ = measure(name, **options)
    assert meter.peak == peak


@needs_torch
@pytest.mark.parametrize("options, peak", [({}, 1470 * KIB), (MBV2_035_144, 311_040)])
def test_memory_out_of_place(options: dict[str, Any], peak: int):
    """What MobileNetV2 needs layer by layer if no layer overwrites its input."""
    meter, _ = measure("mobilenetv2", **options)
    assert meter.peak_not_in_place == peak


@needs_torch
@needs_netcfg
@pytest.mark.parametrize(
    "file, macs, parameters",
    [
        ("mcunet-10fps", 6_364_224, 749_840),
        ("mcunet-5fps", 12_790_096, 636_232),
        ("mcunet-256kb-1mb", 67_287_200, 729_392),
        ("mcunet-320kb-1mb", 81_785_520, 737_408),
        ("mcunet-512kb-2mb", 125_874_400, 1_732_640),
        ("mbv2-w0.35-r144", 23_499_152, 750_280),
        ("proxyless-w0.3-r176", 38_282_216, 754_280),
    ],
)
def test_netcfg_sizes(file: str, macs: int, parameters: int):
    """In millions as the README of mcunet's model zoo and TinyEngine's print them."""
    meter, count = measure("mcunet", netcfg=NETCFG / f"{file}_imagenet.json")
    assert (meter.output, meter.macs, count) == ((1, 1000), macs, parameters)


@needs_torch
@needs_netcfg
def test_netcfg_memory():
    """TinyEngine's 247.8 kB in vMCU (arXiv:2406.06542)."""
    netcfg = NETCFG / "mcunet-320kb-1mb_imagenet.json"
    assert measure("mcunet", netcfg=netcfg)[0].peak == 247_808


@needs_torch
@needs_netcfg
@pytest.mark.parametrize(
    "file, options",
    [
        ("mbv2-w0.35-r144_imagenet.json", MBV2_035_144),
        (
            "mbv2-w0.3-r80_imagenet.json",
            {"width": 0.3, "resolution": 80, "narrow_head": True},
        ),
    ],
)
def test_netcfg_and_mobilenetv2_agree(file: str, options: dict[str, Any]):
    listed = build("mcunet", seed=None, netcfg=NETCFG / file)
    coded = build("mobilenetv2", seed=None, **options)
    assert listed.input_shape == coded.input_shape
    assert shapes(listed) == shapes(coded)


def shapes(module: Any) -> list[tuple[int, ...]]:
    return [tuple(tensor.shape) for tensor in module.state_dict().values()]


@needs_torch
@needs_netcfg
def test_netcfg_without_classifier():
    meter, _ = measure("mcunet", netcfg=NETCFG / "mbv2-w1.0-r224.json", resolution=64)
    assert meter.output == (1, 320, 2, 2)


@needs_netcfg
def test_every_netcfg_is_read():
    files = sorted(NETCFG.glob("*.json"))
    assert len(files) == 14
    for file in files:
        assert len(read_netcfg(file).blocks) >= 14


@needs_torch
@pytest.mark.parametrize(
    "size, kernel, stride, padding",
    [
        (32, 3, 1, (1, 1)),
        (32, 3, 2, (0, 1)),
        (32, 1, 2, (0, 0)),
        (49, 10, 2, (4, 5)),
        (10, 4, 2, (1, 1)),
    ],
)
def test_keras_padding(size: int, kernel: int, stride: int, padding: tuple[int, int]):
    from tinyml.frontend.zoo.modules import same_padding

    assert same_padding(size, kernel, stride) == padding


@pytest.mark.parametrize(
    "channels, width, expected",
    [
        (32, 1.0, 32),
        (32, 0.35, 16),
        (16, 0.35, 8),
        (24, 0.35, 8),
        (64, 0.35, 24),
        (96, 0.35, 32),
        (32, 0.3, 16),
        (1280, 1.4, 1792),
        (16, 0.1, 8),
    ],
)
def test_channels_are_divisible(channels: int, width: float, expected: int):
    assert scaled(channels, width) == expected


def test_widths_of_mobilenetv2():
    """Published networks of this width have 5 and 11 channels nowhere."""
    config = mobilenetv2_config(**MBV2_035_144)
    widths = [block.outputs for block in config.blocks]
    assert list(dict.fromkeys(widths)) == [8, 16, 24, 32, 56, 112]
    assert (config.first.outputs, config.features) == (16, 448)


# Layers


@pytest.mark.parametrize(
    "config, macs",
    [
        (mobilenetv2_config(), 300_774_272),
        (mobilenetv2_config(stages=REDISTRIBUTED), 292_721_024),
        (mobilenetv2_config(**MBV2_035_144), 23_499_152),
    ],
)
def test_layers_of_mobilenetv2(config: NetConfig, macs: int):
    module = network_layers(config)
    module.verify()
    assert sum(layer.macs() for layer in network(module)) == macs


@needs_torch
@pytest.mark.parametrize(
    "name, stages", [("mobilenetv2", STAGES), ("mobilenetv2_rd", REDISTRIBUTED)]
)
def test_layers_and_modules_agree(name: str, stages: Stages):
    """Each layer has as many weights as its module, in the same order."""
    listed = network(network_layers(mobilenetv2_config(resolution=32, stages=stages)))
    weights = [
        prod(type.get_shape())
        for layer in listed
        for kind, (_, type) in layer.constants().items()
        if kind == "weights"
    ]
    module = build(name, seed=None, resolution=32)
    assert weights == [p.numel() for p in module.parameters() if p.dim() > 1]


def test_names_of_layers():
    """What a description does not have is not there."""
    module = network_layers(parse_netcfg(description()))
    assert [layer_name(layer) for layer in network(module)] == [
        "stem",
        "block 1 depthwise",
        "block 1 project",
        "block 2 expand",
        "block 2 depthwise",
        "block 2 project",
        "block 2 add",
        "mean",
        "linear",
    ]


def network(module: ModuleOp) -> list[LayerOp]:
    return layers(network_function(module))


# Weights


@needs_torch
@pytest.mark.parametrize("name", ["autoencoder", "dscnn", "resnet8"])
def test_seeded_weights(name: str):
    """The same seed gives the same bytes, another seed others; no seed is disturbed."""
    torch = import_module("torch")
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, second, other = (tensor_bytes(build(name, seed=seed)) for seed in (3, 3, 4))
    assert first == second
    assert first != other
    assert torch.equal(torch.get_rng_state(), state)


def tensor_bytes(module: Any) -> dict[str, bytes]:
    items = module.state_dict().items()
    return {name: tensor.numpy().tobytes() for name, tensor in items}


def test_draws_do_not_change():
    """Numbers that others measured stay comparable: the bytes are the same anywhere."""
    generator = np.random.default_rng(0)
    names = {"conv.weight": (8, 4, 3, 3), "norm.weight": (8,), "norm.running_var": (8,)}
    drawn = [draw(generator, name, shape) for name, shape in names.items()]
    assert {array.dtype for array in drawn} == {np.dtype(np.float32)}
    assert crc32(b"".join(array.tobytes() for array in drawn)) == 0x24116F9F


@needs_torch
@pytest.mark.parametrize(
    "name, options",
    [
        ("autoencoder", {}),
        ("dscnn", {}),
        ("mobilenetv2", {"width": 0.35, "resolution": 48}),
        ("resnet8", {}),
    ],
)
def test_networks_run(name: str, options: dict[str, Any]):
    """Activations neither vanish nor explode, and outputs depend on the input."""
    torch = import_module("torch")
    module = build(name, **options)
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (2, *module.input_shape)).astype(np.float32)
    with torch.no_grad():
        a, b = (module(torch.from_numpy(x)).numpy() for x in inputs)
    assert 0.05 < np.std(a) < 50
    assert np.std(a - b) > 0.01 * np.std(a)


# Errors


def test_unknown_name():
    with pytest.raises(DiagnosticException) as info:
        build("mobilenetv9")
    assert str(info.value) == (
        'the zoo has no network "mobilenetv9"; it has ' + ", ".join(ZOO)
    )


def test_torch_is_missing(monkeypatch: pytest.MonkeyPatch):
    def nothing(name: str) -> None:
        return None

    monkeypatch.setattr("tinyml.frontend.zoo.find_spec", nothing)
    with pytest.raises(DiagnosticException, match="torch is not installed"):
        build("resnet8")


def test_import_without_torch():
    code = "import sys, tinyml.frontend.zoo; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_torch
@pytest.mark.parametrize(
    "name, options, message",
    [
        ("resnet8", {"width": 2}, "unexpected keyword argument 'width'.*: none"),
        ("mcunet", {}, "missing .* 'netcfg'; its options: netcfg, resolution"),
        ("mcunet", {"netcfg": "no/such.json"}, "such.json is no architecture"),
        ("mobilenetv2", {"width": 0}, "width is 0, expected above 0"),
        ("mobilenetv2", {"resolution": 0}, "no elements"),
    ],
)
def test_wrong_options(name: str, options: dict[str, Any], message: str):
    with pytest.raises(DiagnosticException, match=message):
        build(name, seed=None, **options)


# Descriptions


def description() -> dict[str, Any]:
    """A small network in the form of mcunet's files."""
    bottleneck = {"name": "MBInvertedConvLayer", "kernel_size": 3, "stride": 1}
    return {
        "resolution": 16,
        "first_conv": {"kernel_size": 3, "stride": 2, "out_channels": 16},
        "blocks": [
            {
                "mobile_inverted_conv": {
                    **bottleneck,
                    "in_channels": 16,
                    "out_channels": 8,
                    "expand_ratio": 1,
                },
                "shortcut": None,
            },
            {
                "mobile_inverted_conv": {"name": "ZeroLayer", "stride": 1},
                "shortcut": {"name": "IdentityLayer"},
            },
            {
                "mobile_inverted_conv": {
                    **bottleneck,
                    "in_channels": 8,
                    "out_channels": 8,
                    "expand_ratio": 3,
                },
                "shortcut": {"name": "IdentityLayer"},
            },
        ],
        "classifier": {"in_features": 8, "out_features": 5},
    }


def test_description():
    """ZeroLayers leave nothing; a middle that is not given is the ratio's."""
    config = parse_netcfg(description())
    assert config.blocks == (
        Block(16, 16, 8, 3, 1, False, False),
        Block(8, 24, 8, 3, 1, True, True),
    )
    assert (config.mix, config.classes, config.features) == (None, 5, 8)


@needs_torch
def test_network_of_a_description(tmp_path: Path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(description()))
    meter, _ = measure("mcunet", netcfg=path, resolution=32)
    assert meter.output == (1, 5)


@pytest.mark.parametrize(
    "path, value, message",
    [
        (("resolution",), "16", "resolution is '16', expected a positive integer"),
        (("first_conv",), None, "netcfg, first_conv: expected a JSON object"),
        (("first_conv", "kernel_size"), 4, "kernel_size is 4, expected odd"),
        (("first_conv", "stride"), -1, "stride is -1, expected a positive"),
        (("first_conv", "groups"), 2, "groups 2 is not supported, expected 1"),
        (("blocks",), [], "blocks are missing"),
        (("blocks",), None, "blocks are missing"),
        (("blocks", 1, "shortcut"), None, "block 1: nothing is computed"),
        (
            ("blocks", 0, "shortcut"),
            {"name": "IdentityLayer"},
            "needs stride 1 and equal channels, but it is 16 to 8 with stride 1",
        ),
        (
            ("blocks", 2, "mobile_inverted_conv", "use_se"),
            True,
            "block 2, mobile_inverted_conv: use_se True is not supported",
        ),
        (
            ("blocks", 2, "mobile_inverted_conv", "in_channels"),
            9,
            "in_channels 9 is not supported, expected 8",
        ),
        (("classifier", "in_features"), 9, "in_features 9 is not supported"),
    ],
)
def test_refused_descriptions(path: tuple[str | int, ...], value: Any, message: str):
    top = description()
    inner: Any = top
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(DiagnosticException, match=message):
        parse_netcfg(top)


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_no_descriptions(tmp_path: Path, text: bytes):
    path = tmp_path / "net.json"
    path.write_bytes(text)
    with pytest.raises(DiagnosticException, match=r"net\.json"):
        read_netcfg(path)
