"""
Imports int8 ONNX models as onnxruntime's quantizer writes them, in QDQ form or with
QLinear operators (`onnx_qlinear`), which are QDQ form in fewer nodes. What operators
become, and what is not exact, is said in `qdq`.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from tinyml.frontend.onnx_graph import read_graph
from tinyml.frontend.qdq import translate


def import_onnx(data: bytes, name: str) -> ModuleOp:
    """
    The module of a model in an `.onnx` file's bytes; its function is called `name`.

    Raises DiagnosticException for a file that is not a model, or that holds something
    that is not supported.
    """
    return translate(read_graph(data), name)
