"""
Small PyTorch modules for tests, those that compile and those that are refused, and a
quantizer as others write them. Importing this skips a test module where PyTorch is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinyml.frontend import torch_quantizer

WITHOUT = "PyTorch is not here: pip install -e '.[torch]'"
torch: Any = pytest.importorskip("torch", reason=WITHOUT)
base: Any = pytest.importorskip("torchao.quantization.pt2e.quantizer", reason=WITHOUT)
observers: Any = pytest.importorskip("torchao.quantization.pt2e", reason=WITHOUT)
pt2e: Any = pytest.importorskip(
    "torchao.quantization.pt2e.quantize_pt2e", reason=WITHOUT
)
# Several processes run tests.
torch.set_num_threads(1)

nn: Any = torch.nn
functional: Any = nn.functional

Runs = list[np.ndarray]


def seeded(make: Callable[[], Any]) -> Any:
    """A module in eval mode, its normalizations not trivial."""
    torch.manual_seed(1)
    module = make().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias)
    return module


class Joined(nn.Module):
    """A function of an input and of a list of modules."""

    def __init__(self, function: Callable[[Any, Any], Any], *parts: Any):
        nn.Module.__init__(self)
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Any) -> Any:
        return self.function(x, self.parts)


def random_runs(shape: tuple[int, ...], count: int = 12) -> Runs:
    generator = np.random.default_rng(7)
    return [generator.normal(size=shape).astype(np.float32) for _ in range(count)]


def residual(x: Any, parts: Any) -> Any:
    return functional.relu(parts[0](x) + parts[1](x))


def in_place(x: Any, parts: Any) -> Any:
    return parts[0](x).add_(x).relu_()


NETWORKS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "conv bn relu6": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
        ),
        (1, 3, 9, 8),
    ),
    "depthwise": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 8, 3, groups=4, padding="same"),
            nn.Hardtanh(-0.3, 0.5),
            nn.Conv2d(8, 4, 3, dilation=2, padding=(2, 1)),
        ),
        (1, 4, 6, 7),
    ),
    "groups": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU()
        ),
        (1, 4, 6, 7),
    ),
    "numbers": (
        lambda: Joined(
            lambda x, m: (m[0](x) * 0.37 + 1.3 - x) / 3 - 2, nn.Conv2d(4, 4, 1)
        ),
        (1, 4, 5, 6),
    ),
    "difference": (
        lambda: Joined(
            lambda x, m: functional.relu(m[0](x) - m[1](x)),
            *(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)),
        ),
        (1, 4, 5, 6),
    ),
    "gate": (
        lambda: Joined(
            lambda x, m: x * torch.sigmoid(m[0](x.mean([2, 3], keepdim=True))),
            nn.Conv2d(4, 4, 1),
        ),
        (1, 4, 5, 6),
    ),
    "extrema": (
        lambda: Joined(
            lambda x, m: torch.minimum(torch.maximum(m[0](x), x), m[1](x)),
            *(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)),
        ),
        (1, 4, 5, 6),
    ),
    "slices": (
        lambda: Joined(
            lambda x, m: m[0](x)[:, 1:, ::2, -3:] + m[1](x)[:, :3, 1::2, 1:4],
            *(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)),
        ),
        (1, 4, 6, 6),
    ),
    "splits": (
        lambda: Joined(
            lambda x, m: torch.cat([*m[0](x).chunk(2, 1)[::-1], *x.split(3, 1)], 1),
            nn.Conv2d(4, 6, 1),
        ),
        (1, 4, 5, 6),
    ),
    "split of sizes": (
        lambda: Joined(
            lambda x, m: m[1](torch.split(m[0](x), [1, 2, 3], 1)[2])[:, 0],
            *(nn.Conv2d(4, 6, 1), nn.Conv2d(3, 2, 1)),
        ),
        (1, 4, 5, 6),
    ),
    "upsampling": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2), nn.Conv2d(4, 2, 3)
        ),
        (1, 3, 5, 6),
    ),
    "upsampling to a size": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.Upsample((7, 9)), nn.Upsample(scale_factor=(0.6, 1))
        ),
        (1, 3, 5, 6),
    ),
    "slopes": (
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 4, 1), nn.PReLU(4, init=0.2), nn.Conv2d(4, 4, 1)),
            nn.PReLU(init=0.11),
        ),
        (1, 3, 5, 6),
    ),
    "residual": (
        lambda: Joined(residual, nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)),
        (1, 4, 5, 6),
    ),
    "in place": (lambda: Joined(in_place, nn.Conv2d(4, 4, 1)), (1, 4, 5, 6)),
    "product": (
        lambda: Joined(
            lambda x, m: m[0](x) * m[1](x), nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 1)
        ),
        (1, 2, 5, 6),
    ),
    "pools": (
        lambda: nn.Sequential(
            nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 4, 1), nn.AvgPool2d(3, 2, 1)
        ),
        (1, 3, 9, 10),
    ),
    "classifier": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.AdaptiveAvgPool2d(2),
            nn.Dropout(),
            nn.Flatten(),
            nn.Identity(),
            nn.Linear(16, 5),
        ),
        (1, 3, 6, 6),
    ),
    "mean": (
        lambda: Joined(
            lambda x, m: m[1](m[0](x).mean([2, 3])),
            nn.Conv2d(3, 4, 1),
            nn.Linear(4, 5),
        ),
        (1, 3, 4, 5),
    ),
    "view": (
        lambda: Joined(
            lambda x, m: m[1](m[0](x).view(x.size(0), -1)),
            nn.Conv2d(3, 4, 1),
            nn.Linear(80, 5),
        ),
        (1, 3, 4, 5),
    ),
    "autoencoder": (
        lambda: nn.Sequential(
            nn.Linear(9, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 9, bias=False)
        ),
        (1, 9),
    ),
    "normalization first": (
        lambda: nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3)),
        (1, 3, 5, 6),
    ),
    "functions": (
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 4, 1), nn.Hardswish(), nn.Conv2d(4, 4, 1), nn.SiLU()),
            *(nn.Conv2d(4, 4, 1), nn.LeakyReLU(0.1), nn.Conv2d(4, 4, 1), nn.ELU()),
            *(nn.Conv2d(4, 4, 1), nn.Hardsigmoid(), nn.Tanh(), nn.Sigmoid()),
        ),
        (1, 3, 5, 6),
    ),
    "one dimension": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 4, 3, 2, 1), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2)
        ),
        (1, 3, 12),
    ),
    "concatenation": (
        lambda: Joined(
            lambda x, m: torch.cat([m[0](x), x, m[1](x)], 1),
            nn.Conv2d(3, 4, 1),
            nn.Conv2d(3, 2, 1),
        ),
        (1, 3, 4, 5),
    ),
    "padding": (
        lambda: Joined(
            lambda x, m: m[0](functional.pad(x, (0, 1, 2, 0))), nn.Conv2d(3, 4, 3, 2)
        ),
        (1, 3, 6, 6),
    ),
    "order of dimensions": (
        lambda: Joined(
            lambda x, m: m[0](x).permute(0, 2, 3, 1).flatten(1), nn.Conv2d(3, 4, 3)
        ),
        (1, 3, 5, 6),
    ),
}


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "transposed": (
        lambda: nn.ConvTranspose2d(4, 4, 3),
        'aten.conv_transpose2d.input "conv_transpose2d": the operator is not supported',
    ),
    "unknown": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.GELU()),
        'aten.gelu.default "gelu": the operator is not supported; supported are',
    ),
    "alpha": (
        lambda: Joined(lambda x, m: torch.add(m[0](x), x, alpha=2), nn.Conv2d(4, 4, 1)),
        'aten.add.Tensor "add": alpha 2 is not supported, only 1',
    ),
    "product of activations": (
        lambda: Joined(lambda x, m: torch.matmul(m[0](x), x), nn.Conv2d(4, 4, 1)),
        "is not constant",
    ),
    "divisor": (
        lambda: nn.AvgPool2d(2, divisor_override=3),
        "divisor_override is not supported",
    ),
    "uneven windows": (
        lambda: nn.AdaptiveAvgPool2d(3),
        "output_size [3, 3] does not divide the sizes [4, 4]",
    ),
    "second result": (
        lambda: Joined(lambda x, m: x.max(1)[0]),
        'aten.max.dim "max_1": the operator is not supported',
    ),
}


def others_quantizer(per_channel: bool, unsigned: bool) -> Any:
    """A quantizer as others write them: biases stay floats, bytes may be unsigned."""
    grid = (
        dict(dtype=torch.uint8, quant_min=0, quant_max=255)
        if unsigned
        else dict(dtype=torch.int8, quant_min=-127, quant_max=127)
    )
    activation = base.QuantizationSpec(
        observer_or_fake_quant_ctr=observers.MinMaxObserver,
        qscheme=torch.per_tensor_affine,
        **grid,
    )
    weight = base.QuantizationSpec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        observer_or_fake_quant_ctr=observers.PerChannelMinMaxObserver
        if per_channel
        else observers.MinMaxObserver,
        qscheme=torch.per_channel_symmetric
        if per_channel
        else torch.per_tensor_symmetric,
        ch_axis=0 if per_channel else None,
    )

    class Other(base.Quantizer):
        def annotate(self, model: Any) -> Any:
            for node in model.graph.nodes:
                if torch_quantizer.operator(node) not in torch_quantizer.WEIGHTED:
                    continue
                last = torch_quantizer.last_of(node)
                inputs = {node.args[0]: activation, node.args[1]: weight}
                for at, given in {
                    node: inputs,
                    last: inputs if last is node else {},
                }.items():
                    at.meta["quantization_annotation"] = base.QuantizationAnnotation(
                        input_qspec_map=given,
                        output_qspec=activation if at is last else None,
                        _annotated=True,
                    )
            return model

        def validate(self, model: Any) -> None:
            pass

    return Other()


def converted(model: Any, quantizer: Any, runs: Runs, fold: bool = True) -> Any:
    """The program that PT2E makes of a module with a quantizer."""
    arguments = (torch.as_tensor(runs[0]),)
    with torch.no_grad():
        graph = torch.export.export(model, arguments).module()
        prepared = pt2e.prepare_pt2e(graph, quantizer)
        for x in runs:
            prepared(torch.as_tensor(x))
        result = pt2e.convert_pt2e(prepared, fold_quantize=fold)
        return torch.export.export(result, arguments)
