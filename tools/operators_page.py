"""
The page docs/operators.md, generated from what the frontends support.

    .venv/bin/python -m tinyml.tools.operators_page > docs/operators.md
"""

from __future__ import annotations

from tinyml.frontend import tflite

HEAD = """\
# Operators

What the frontends accept. Anything else is refused in one line. This page is generated
by `.venv/bin/python -m tinyml.tools.operators_page`.

## TensorFlow Lite

Activations are int8; float32 and uint8 at the boundary. Any of them may be constant.
Shapes are static, an open batch size counts as 1. Fused activations: NONE, RELU, RELU6,
RELU_N1_TO_1.

| operator | what works |
|---|---|
"""

ONNX = """
## ONNX

Opset 11 on, QDQ form or QLinear operators, int8 or uint8 activations, int8 weights.
NCHW becomes NHWC at the boundary; no transposition is left inside the network.

| operator | what works |
|---|---|
"""

TORCH = """
## PyTorch

`torch.export.ExportedProgram` and `.pt2` files, quantized with PT2E: int8 or uint8
activations, int8 weights. Programs are those of `torch.export` or in core ATen. Batch
normalization is folded by `tinyml.frontend.torch.quantize`. In-place forms count as the
others.

| operator | what works |
|---|---|
"""


def page() -> str:
    from tinyml.frontend import qdq_table, torch_table
    from tinyml.frontend.onnx_qlinear import FORMS

    rows = [
        f"| {name} | {support.notes} |\n"
        for name, support in sorted(tflite.HANDLERS.items())
    ]
    notes = {name: support.notes for name, support in qdq_table.HANDLERS.items()}
    notes |= {name: f"as {form.op}" for name, form in FORMS.items()}
    names = [f"| {name} | {what} |\n" for name, what in sorted(notes.items())]
    programs = [
        f"| {target} | {operator.notes} |\n"
        for target, operator in sorted(torch_table.OPERATORS.items())
    ]
    onnx, torch = ONNX + "".join(names), TORCH + "".join(programs)
    return HEAD + "".join(rows) + onnx + torch


if __name__ == "__main__":
    print(page(), end="")
