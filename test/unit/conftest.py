"""What all tests share: the helpers that stand beside them, the fuzzer, a command line."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "fuzz"))

from command_lines import Cli


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Cli:
    """The command lines, in the test's own directory."""
    monkeypatch.chdir(tmp_path)
    return Cli(capfd, monkeypatch)
