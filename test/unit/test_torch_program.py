"""What of the PyTorch importer can be tested without PyTorch: spelling, and its absence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.load import load_model
from tinyml.frontend.qdq import translate
from tinyml.frontend.qdq_graph import TensorInfo
from tinyml.frontend.torch import quantize
from tinyml.frontend.torch_program import Argument, Call, Program, Ref
from tinyml.frontend.torch_table import spell
from tinyml.interp.run import run_network

without_torch = pytest.mark.skipif(
    find_spec("torch") is not None, reason="PyTorch is installed"
)


@without_torch
def test_a_file_without_pytorch(tmp_path: Path):
    path = tmp_path / "model.pt2"
    path.write_bytes(b"")
    with pytest.raises(DiagnosticException) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"{path}: torch is not installed; PyTorch programs need "
        "pip install 'tinyml-xdsl[torch]'"
    )


@without_torch
def test_quantization_without_pytorch():
    with pytest.raises(DiagnosticException, match="torch is not installed"):
        quantize(None, [])


def grid(name: str, dtype: str, low: int, high: int) -> Mapping[str, Argument]:
    return {
        "input": Ref(name),
        "scale": 0.5,
        "zero_point": 3,
        "quant_min": low,
        "quant_max": high,
        "dtype": f"torch.{dtype}",
    }


def program(*calls: Call, output: str = "y") -> Program:
    x = TensorInfo("x", "float32", (1, 6))
    return Program((x,), (output,), calls, {}, {"x": (1, 6)})


QUANTIZE = "quantized_decomposed.quantize_per_tensor.default"
DEQUANTIZE = "quantized_decomposed.dequantize_per_tensor.default"


@pytest.mark.parametrize(
    "dtype, low, high", [("int8", -128, 127), ("int8", -5, 6), ("uint8", 1, 9)]
)
def test_range_of_integers(dtype: str, low: int, high: int):
    """As PyTorch defines it: round half to even, add the zero point, clamp."""
    arguments = grid("x", dtype, low, high)
    call = Call(1, "y", QUANTIZE, arguments, (1, 6))
    module = translate(spell(program(call), "net"), "net")
    module.verify()
    x = np.array([[-99, -0.75, -0.25, 0.25, 1.25, 99]], np.float32)
    expected = np.clip(np.rint(x * 2) + 3, low, high)
    (y,) = run_network(module, [x])
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, expected)


REFUSED: dict[str, tuple[str, dict[str, Argument], str]] = {
    "operator": ("aten.gelu.default", {}, "the operator is not supported; supported "),
    "normalization": (
        "aten.batch_norm.default",
        {},
        "batch normalization is not folded",
    ),
    "dtype": (
        QUANTIZE,
        {"dtype": "torch.float8_e4m3fn"},
        "dtype torch.float8_e4m3fn is",
    ),
    "zero point": (QUANTIZE, {"zero_point": 128}, "a zero point is not in [-128, 127]"),
    "scale": (QUANTIZE, {"scale": float("nan")}, "is not positive float32"),
    "computed scale": (QUANTIZE, {"scale": Ref("x")}, "scale is computed"),
    "argument": (QUANTIZE, {"quant_min": "low"}, "'quant_min' is low, expected an int"),
    "tensor": (QUANTIZE, {"input": None}, "'input' is None, expected a tensor"),
    "type": (DEQUANTIZE, {"out_dtype": "torch.float16"}, "out_dtype torch.float16"),
    "scale of zero": (QUANTIZE, {"scale": 0.0}, "is not positive float32"),
    "scale beyond single precision": (QUANTIZE, {"scale": 1e300}, "is not positive"),
    "range": (QUANTIZE, {"quant_max": 1 << 40}, "-128 and quant_max 1099511627776 are"),
    "range upside down": (QUANTIZE, {"quant_min": 9, "quant_max": 8}, "are no range"),
    "more than 64 bits": (QUANTIZE, {"quant_min": -(1 << 64)}, "has the number -18446"),
    "dimension": (
        "aten.transpose.int",
        {"self": Ref("x"), "dim0": 0, "dim1": 2},
        "dimension 2 of a tensor of 2",
    ),
    "dimensions": (
        "aten.permute.default",
        {"self": Ref("x"), "dims": (-3, 0)},
        "dimension -3 of a tensor of 2",
    ),
    "pads of half a dimension": (
        "aten.pad.default",
        {"self": Ref("x"), "pad": (1, 2, 3), "value": None},
        "pad [1, 2, 3] does not fit 2 dimensions",
    ),
    "pads of a third dimension": (
        "aten.pad.default",
        {"self": Ref("x"), "pad": (0, 0, 0, 0, 1, 1), "value": None},
        "does not fit 2 dimensions",
    ),
    "floats": (DEQUANTIZE, {}, 'input "x" is not int8 or uint8'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str):
    target, changes, reason = REFUSED[name]
    arguments = {**grid("x", "int8", -128, 127), **changes}
    call = Call(4, "y", target, arguments, (1, 6))
    with pytest.raises(DiagnosticException) as caught:
        translate(spell(program(call), "net"), "net")
    assert str(caught.value).startswith(f'node 4 {target} "y": ')
    assert reason in str(caught.value)


CONSTANTS: dict[str, tuple[np.ndarray, dict[str, Argument], str]] = {
    "not finite": (np.full((2, 6), np.inf), {}, "numbers that are not finite"),
    "axis": (np.ones((2, 6)), {"axis": 2}, "2 scales along axis 2 of [2, 6]"),
    "channels": (np.ones((3, 6)), {}, "2 scales along axis 0 of [3, 6]"),
    "zero points": (np.ones((2, 6)), {"zero_points": Ref("x")}, "is computed"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constant_that_is_refused(name: str):
    array, changes, reason = CONSTANTS[name]
    arguments = {
        **{"input": Ref("w"), "scales": Ref("s"), "zero_points": Ref("z"), "axis": 0},
        **{"quant_min": -128, "quant_max": 127, "dtype": "torch.int8"},
        **changes,
    }
    target = "quantized_decomposed.quantize_per_channel.default"
    constants = {"w": array, "s": np.full(2, 0.5), "z": np.zeros(2, np.int64)}
    wrong = replace(program(Call(1, "y", target, arguments, ())), constants=constants)
    with pytest.raises(DiagnosticException) as caught:
        spell(wrong, "net")
    assert reason in str(caught.value)
