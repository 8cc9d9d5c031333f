"""
Differential fuzzing: random networks through random pipelines (`differential.py`).

Some dozens run here, and a thousand by night (`make nightly` sets TINYML_NIGHTLY), of
which the first that fails is shrunk.
"""

from __future__ import annotations

import os
import random

from differential import judge, random_case
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

NIGHTLY = "TINYML_NIGHTLY" in os.environ

SETTINGS = settings(
    deadline=None,
    derandomize=not NIGHTLY,
    max_examples=1000 if NIGHTLY else 24,
    phases=[Phase.generate, Phase.shrink] if NIGHTLY else [Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(SETTINGS)
@given(st.randoms(use_true_random=False))
def test_runs_agree(r: random.Random):
    judge(random_case(r))
