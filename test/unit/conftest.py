"""Lets test modules import the helpers that stand beside them, and the fuzzer."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "fuzz"))
