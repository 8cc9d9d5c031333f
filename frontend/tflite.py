"""
Imports quantized TensorFlow Lite models.

Each operator becomes one layer, in the file's order, named after its output tensor. The
arithmetic is that of TFLite Micro's reference kernels. What is not supported is refused
in one line that names the operator, its output tensor and what would be accepted.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp

from tinyml.frontend import tflite_elementwise, tflite_moves, tflite_weighted
from tinyml.frontend.tflite_file import ModelFile
from tinyml.frontend.tflite_importer import Handlers, Importer

HANDLERS: Handlers = {
    **tflite_elementwise.HANDLERS,
    **tflite_moves.HANDLERS,
    **tflite_weighted.HANDLERS,
}
"""Every operator that is supported."""


def import_tflite(data: bytes, name: str) -> ModuleOp:
    """
    The module of a model in a `.tflite` file's bytes; its function is called `name`.

    Raises DiagnosticException for a file that is not a model, is damaged, or holds
    something that is not supported.
    """
    return Importer(name).run(ModelFile(data), HANDLERS)
