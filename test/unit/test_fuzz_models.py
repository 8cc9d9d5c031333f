"""
Damaged models end in an import or in one line that says why not: some hundreds of each
format. `make fuzz` judges thousands; a failure names the command that shows it again.
"""

from __future__ import annotations

import campaign
import pytest

CHUNKS = 4
COUNTS = {"tflite": 600, "onnx": 600, "pt2": 200}


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("format", campaign.FORMATS)
def test_damaged_models(format: str, chunk: int):
    if reason := campaign.missing(format):
        pytest.skip(reason)
    size = COUNTS[format] // CHUNKS
    tally = campaign.run(format, range(chunk * size, (chunk + 1) * size))
    assert not tally.failures, "\n".join(tally.failures)
    # Damage that is always noticed, or never, would show little.
    assert min(tally.outcomes["imported"], tally.outcomes["refused"]) > size // 20
