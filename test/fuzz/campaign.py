"""Has workers judge many mutants and collects what failed, and how to see it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
FORMATS = ("tflite", "onnx", "pt2")


@dataclass
class Tally:
    """What came of some mutants of a format."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    messages: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    slowest: float = 0
    grown: int = 0
    """Most memory in use at any time, above that before the first mutant. Bytes."""

    def add(self, other: Tally) -> None:
        self.outcomes += other.outcomes
        self.messages += other.messages
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)
        self.grown = max(self.grown, other.grown)

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {what}" for what, n in sorted(self.outcomes.items()))
        return (
            f"{counts}; slowest {self.slowest:.1f} s, memory +{self.grown >> 20} MiB, "
            f"{len(self.messages)} messages"
        )


def missing(format: str) -> str | None:
    """Why mutants of this format cannot be made here."""
    if format != "pt2" or all(find_spec(name) for name in ("torch", "torchao")):
        return None
    return "PyTorch is not here: pip install -e '.[torch]'"


def command(format: str, seed: int, folder: Path | None) -> str:
    """The command that judges one mutant again and shows it."""
    models = f" --models {folder}" if folder else ""
    return f".venv/bin/python test/fuzz {format} --seed {seed}{models}"


def run(format: str, seeds: range, folder: Path | None = None) -> Tally:
    """Judges the mutants of these seeds, with a new worker where one is lost."""
    tally, seed = Tally(), seeds.start
    while seed < seeds.stop:
        for seed, line in enumerate(worker(format, seed, seeds.stop, folder), seed):
            if "lost" in line:
                line |= {"outcome": "failed", "message": line["lost"]}
            count(tally, line, command(format, seed, folder))
        seed += 1
    return tally


def count(tally: Tally, line: dict[str, object], command: str) -> None:
    outcome, message = str(line["outcome"]), str(line["message"])
    tally.outcomes[outcome] += 1
    if outcome == "refused":
        tally.messages[message] += 1
    if outcome == "failed":
        tally.failures.append(f"{line.get('base', '?')}: {message}\nagain: {command}")
    tally.slowest = max(tally.slowest, float(str(line.get("seconds", 0))))
    tally.grown = max(tally.grown, int(str(line.get("grown", 0))))


def python_path() -> str:
    """Where workers find the builders of models, before what was there already."""
    return os.pathsep.join(
        [str(HERE.parent / "unit"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )


def worker(
    format: str, first: int, end: int, folder: Path | None
) -> Iterator[dict[str, object]]:
    """The lines of a worker; one that does not get to its end leaves a last one."""
    words = [format, str(first), str(end), str(folder.resolve() if folder else "")]
    with subprocess.Popen(
        [sys.executable, str(HERE / "worker.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        rest = ""
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no worker for {format}: {process.stderr.read()}")
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
            else:
                rest += line
        rest += process.stderr.read()
    if process.returncode:
        yield {"lost": f"the worker ended with {process.returncode}: {rest}"}
