"""`tinyml` and `tinyml-opt` started within the test's process."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tinyml.tools import tinyml_main, tinyml_opt


class Told(NamedTuple):
    """What a command line answered."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs a program as if from a shell."""

    captured: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, program: str, *arguments: str | Path) -> Told:
        self.monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        main = tinyml_main.main if program == "tinyml" else tinyml_opt.main
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else -1
        out, err = self.captured.readouterr()
        return Told(status, str(out), str(err))


def is_refusal(told: Told, *parts: str) -> None:
    """One line on stderr that contains all the parts, and exit status 1."""
    assert told.status == 1
    assert told.err.count("\n") == 1
    assert told.err.endswith("\n")
    programs = ("tinyml: ", "tinyml compile: ", "tinyml-opt: ")
    assert told.err.startswith(programs) or ": error: " in told.err
    assert "Traceback" not in told.err
    assert "internal error" not in told.err
    for part in parts:
        assert part in told.err
    assert told.out == ""
