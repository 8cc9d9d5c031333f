"""
Real networks before and after every pass of their pipelines: `tinyml-opt --check-each`.

The networks are not part of this project; where they are absent these tests skip. All
of them with all pipelines are for the night: `make nightly` sets TINYML_NIGHTLY.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.passes import PassPipeline
from xdsl.universe import Universe
from xdsl.utils.exceptions import DiagnosticException

from tinyml.frontend.load import load_model
from tinyml.passes.pipelines import expand
from tinyml.tools.check_each import CheckEach
from tinyml.tools.instrumentation import run_passes

MODELS = Path(__file__).parents[3] / "shared" / "models"

CHECKED = [
    ("mlperf_kws_dscnn", "@default"),
    ("mlperf_resnet8", "@size"),
    ("tflm_person_detect", "@ram"),
    ("wv_k2c3", "@stages"),
    ("mltk_image_example1", "tinyml-quantized-io,tinyml-read-input,@stages"),
]
if "TINYML_NIGHTLY" in os.environ:
    CHECKED += [
        (file.stem, pipeline)
        for file in sorted(MODELS.glob("tflite/*.tflite"))
        for pipeline in ("@default", "@ram", "@size", "@stages")
    ]

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the networks are not beside the project"
)


@pytest.mark.parametrize("name, pipeline", CHECKED)
def test_no_pass_changes_a_number(name: str, pipeline: str):
    try:
        module = load_model(MODELS / "tflite" / f"{name}.tflite")
    except DiagnosticException as error:
        pytest.skip(f"not supported: {error}")
    available = dict(Universe.get_multiverse().all_passes)
    passes = PassPipeline.parse_spec(available, expand(pipeline)).passes
    observer = CheckEach()
    try:
        run_passes(Context(), module, passes, (observer,))
    finally:
        observer.finish()
    assert observer.unchecked == []
    assert "not run" not in observer.counts
