"""
PyTorch programs: quantized by us, by others, from files; against the exact evaluation of
the quantized program, which PyTorch is next to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from host_library import HostLibrary
from networks import lower
from torch_exact import differing, evaluate, run_program
from torch_models import (
    NETWORKS,
    REFUSED,
    Joined,
    Runs,
    converted,
    nn,
    others_quantizer,
    random_runs,
    seeded,
    torch,
)
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException

from tinyml.dialects.network import layers, network_function
from tinyml.dialects.tinyml import (
    AddOp,
    Conv2DOp,
    DepthwiseConv2DOp,
    DequantizeOp,
    FullyConnectedOp,
)
from tinyml.frontend.load import load_model
from tinyml.frontend.torch import import_program, import_pt2, quantize
from tinyml.interp.run import run_network

PIPELINES = ("@default", "@reference")

# PyTorch's warnings about itself.
pytestmark = pytest.mark.filterwarnings("ignore")


def outputs_of(program: Any, runs: Runs) -> np.ndarray:
    """What PyTorch computes."""
    run = (
        program.module()
        if isinstance(program, torch.export.ExportedProgram)
        else program
    )
    with torch.no_grad():
        return np.stack([run(torch.as_tensor(x)).numpy() for x in runs])


def exact(program: Any, runs: Runs) -> np.ndarray:
    """What a quantized program means."""
    return np.stack([evaluate(program, x).outputs[0] for x in runs])


def ours(module: ModuleOp, runs: Runs) -> np.ndarray:
    return np.stack([run_network(module, [x])[0] for x in runs])


def imported(program: Any) -> ModuleOp:
    module = import_program(program)
    module.verify()
    return module


def output_scale(module: ModuleOp) -> float:
    (*_, last) = layers(network_function(module))
    assert isinstance(last, DequantizeOp)
    return last.scale.value.data


def names(module: ModuleOp) -> list[str]:
    return [op.name.removeprefix("tinyml.") for op in layers(network_function(module))]


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_quantized_program(name: str):
    """Bit for bit, and PyTorch next to ties; quantization is as good as eight bits are."""
    make, shape = NETWORKS[name]
    model, runs = seeded(make), random_runs(shape)
    program = quantize(model, [[x] for x in runs])
    module = imported(program)
    found = ours(module, runs)
    np.testing.assert_array_equal(found, exact(program, runs), strict=True)
    for x in runs:
        told = run_program(program, x)
        assert differing(evaluate(program, x, told), told)
    error = np.abs(found - outputs_of(model, runs)).max()
    assert error < 8 * output_scale(module)


def test_softmax():
    model = seeded(lambda: nn.Sequential(nn.Linear(9, 6), nn.Softmax(-1)))
    runs = random_runs((1, 9))
    program = quantize(model, [[x] for x in runs])
    np.testing.assert_array_equal(
        ours(imported(program), runs), outputs_of(program, runs)
    )


class Pair(nn.Module):
    """Two images in, a map and scores out."""

    def __init__(self):
        nn.Module.__init__(self)
        how: dict[str, Any] = {"stride": (2, 1), "dilation": (1, 2), "padding": (0, 3)}
        self.narrow = nn.Conv2d(4, 6, (3, 2), groups=2, **how)
        self.wide = nn.Conv2d(3, 6, 1)
        self.head = nn.Linear(6, 3)

    def forward(self, left: Any, right: Any) -> Any:
        joined = torch.relu(self.narrow(left) + self.wide(right))
        return joined, self.head(joined.mean([2, 3]))


def test_several_inputs_and_outputs(tmp_path: Path):
    pairs = list(zip(random_runs((1, 4, 7, 5)), random_runs((1, 3, 3, 9)), strict=True))
    program = quantize(seeded(Pair), [list(pair) for pair in pairs])
    module = imported(program)
    library = HostLibrary({p[1:]: lower(module, p) for p in PIPELINES}, tmp_path)
    for pair in pairs:
        with torch.no_grad():
            results = program.module()(*(torch.as_tensor(x) for x in pair))
        for outputs in (
            run_network(module, pair),
            *(library.run(name, pair) for name in library.infos),
        ):
            for found, expected in zip(outputs, results, strict=True):
                np.testing.assert_array_equal(found, expected.numpy())


def test_no_transposition_is_left_inside():
    """One at the boundary, then integer layers with their activation functions."""

    def block() -> Any:
        wide = nn.Sequential(
            nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True)
        )
        deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU6())
        flat = nn.Conv2d(8, 4, 1)
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        return Joined(
            lambda x, m: m[3](x + m[2](m[1](m[0](x)))), wide, deep, flat, head
        )

    runs = random_runs((1, 4, 5, 6))
    module = imported(quantize(seeded(block), [[x] for x in runs]))
    assert names(module) == [
        *("quantize", "transpose", "conv2d", "depthwise_conv2d", "conv2d", "add"),
        *("mean", "fully_connected", "dequantize"),
    ]
    body = layers(network_function(module))
    for layer in body:
        if isinstance(layer, Conv2DOp | DepthwiseConv2DOp | FullyConnectedOp | AddOp):
            assert layer.rounding.data.value == "even"


def small() -> tuple[Any, Runs]:
    runs = random_runs((1, 3, 6, 7))
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16, 3)),
    )
    return seeded(lambda: model), runs


def test_core_operators():
    """A program in the smaller set of operators that backends of PyTorch see."""
    model, runs = small()
    program = quantize(model, [[x] for x in runs])
    core = program.run_decompositions()
    targets = {str(node.target) for node in core.graph.nodes}
    assert {"aten.convolution.default", "aten.addmm.default"} <= targets
    expected = exact(program, runs)
    np.testing.assert_array_equal(ours(imported(core), runs), expected)


def test_exported_program_is_quantized_too(tmp_path: Path):
    model, runs = small()
    program = torch.export.export(model, (torch.as_tensor(runs[0]),))
    quantized = quantize(program, [[x] for x in runs])
    expected = exact(quantize(model, [[x] for x in runs]), runs)
    np.testing.assert_array_equal(ours(imported(quantized), runs), expected)


def test_file_and_c(tmp_path: Path):
    """From a `.pt2` file to C that runs on this machine."""
    model, runs = small()
    program = quantize(model, [[x] for x in runs])
    path = tmp_path / "small.pt2"
    torch.export.save(program, path)
    module = load_model(path)
    expected = exact(program, runs)
    np.testing.assert_array_equal(ours(module, runs), expected)
    lowered = {f"net_{p[1:]}": lower(module, p) for p in PIPELINES}
    library = HostLibrary(lowered, tmp_path)
    for name in lowered:
        found = np.stack([library.run(name, [x])[0] for x in runs])
        np.testing.assert_array_equal(found, expected, name)


@pytest.mark.parametrize("per_channel, unsigned", [(True, False), (False, True)])
@pytest.mark.parametrize("fold", [True, False])
def test_other_quantizers(per_channel: bool, unsigned: bool, fold: bool):
    """
    A bias of floats is rounded to the accumulator's unit, at most half a unit off: one
    output in some thousand per layer lands on the other side of a tie.
    """
    runs = random_runs((1, 3, 8, 8))
    model = seeded(
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    )
    program = converted(model, others_quantizer(per_channel, unsigned), runs, fold)
    module = imported(program)
    steps = (ours(module, runs) - outputs_of(program, runs)) / output_scale(module)
    assert np.abs(steps).max() < 1.01
    assert np.mean(np.abs(steps) > 0.5) < 0.02


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str):
    make, reason = REFUSED[name]
    model = seeded(make)
    program = quantize(model, [random_runs((1, 4, 4, 4), 1)])
    with pytest.raises(DiagnosticException) as caught:
        imported(program)
    assert reason in str(caught.value)
    assert "node " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_floats_are_refused():
    model, runs = small()
    program = torch.export.export(model, (torch.as_tensor(runs[0]),))
    with pytest.raises(DiagnosticException, match="the program is not quantized"):
        import_program(program)
    with pytest.raises(DiagnosticException, match="at least one run"):
        quantize(model, [])


def test_open_sizes_are_refused():
    model, runs = small()
    program = torch.export.export(
        quantize(model, [[x] for x in runs]).module(), (torch.as_tensor(runs[0]),)
    )
    assert imported(program)
    model = seeded(lambda: nn.Conv2d(3, 4, 1))
    batch = torch.export.Dim("batch", min=1, max=4)
    arguments = (torch.zeros(2, 3, 4, 4),)
    program = torch.export.export(model, arguments, dynamic_shapes=({0: batch},))
    with pytest.raises(DiagnosticException, match="export the model with fixed sizes"):
        import_program(program)


def test_damaged_files_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(DiagnosticException, match="not an exported program: "):
        import_pt2(b"not a network\n", "net")
    model, runs = small()
    path = tmp_path / "small.pt2"
    torch.export.save(quantize(model, [[x] for x in runs]), path)
    data = path.read_bytes()
    for size in (0, 100, len(data) // 2, len(data) - 10):
        path.write_bytes(data[:size])
        with pytest.raises(DiagnosticException, match=r"small\.pt2: not an exported"):
            load_model(path)
    # PyTorch would log the traceback as well.
    assert capfd.readouterr().err == ""
