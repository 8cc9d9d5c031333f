"""
Damaged models end in an import or in one line that says why not: some hundreds of each
format. `make fuzz` judges thousands; a failure names the command that shows it again.
"""

from __future__ import annotations

import campaign
import pytest
from bases import base_models

from tinyml.frontend import qdq, tflite
from tinyml.frontend.onnx_graph import read_graph
from tinyml.frontend.onnx_qlinear import FORMS
from tinyml.frontend.tflite_file import ModelFile

CHUNKS = 2
COUNTS = {"tflite": 400, "onnx": 400, "pt2": 120}


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("format", campaign.FORMATS)
def test_damaged_models(format: str, chunk: int):
    if reason := campaign.missing(format):
        pytest.skip(reason)
    size = COUNTS[format] // CHUNKS
    tally = campaign.run(format, range(chunk * size, (chunk + 1) * size))
    assert not tally.failures, "\n".join(tally.failures)
    # Damage that is always noticed, or never, would show little.
    assert min(tally.outcomes["imported"], tally.outcomes["refused"]) > size // 30


def test_every_operator_is_damaged():
    """A new operator gets a place in `test/fuzz/bases.py`."""
    files = [ModelFile(data) for data in base_models("tflite", None).values()]
    kinds = {operator.kind for file in files for operator in file.operators}
    assert set(tflite.HANDLERS) <= kinds
    graphs = [read_graph(data) for data in base_models("onnx", None).values()]
    # Swish is in a version of ONNX that not every checker knows.
    names = {node.op for graph in graphs for node in graph.nodes} | {"Swish"}
    assert {*qdq.HANDLERS, *FORMS} <= names
