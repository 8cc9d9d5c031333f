"""
Judges mutants in a process of its own, with limits of time and memory, and prints one
line of JSON for each. A process that ends early has failed at the next seed.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TextIO

from bases import SUFFIXES, base_models
from judge import Verdict, judge
from mutate_bytes import mutate_bytes
from mutate_onnx import mutate_onnx
from mutate_pt2 import mutate_pt2
from mutate_tflite import mutate_tflite

STRUCTURAL = {"tflite": mutate_tflite, "onnx": mutate_onnx, "pt2": mutate_pt2}
SECONDS = 10
SECONDS_OF_FILES = 60
"""For mutants of files, which may be large."""
MEMORY = 2 << 30
COMPILED = 8
"""One of so many mutants is compiled too, if it can be imported."""


def mutant(format: str, seed: int, folder: Path | None) -> tuple[str, bytes]:
    """A damaged model, and the name of the sound one."""
    random = Random(f"{format} {seed}")
    models = base_models(format, folder)
    # Large ones of our own have more in them to be changed.
    weights = None if folder else [len(data) for data in models.values()]
    (name,) = random.choices(list(models), weights)
    mutate = mutate_bytes if random.random() < 0.2 else STRUCTURAL[format]
    return name, mutate(models[name], random)


def limit_memory() -> None:
    """No more address space than there is in use, and a bit."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def judged(path: Path, compile: bool, seconds: int, said: TextIO) -> Verdict:
    """A verdict in limited time; what is written to stderr counts as a failure."""
    said.seek(0)
    said.truncate()
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.stdout)
    verdict = judge(path, compile)
    faulthandler.cancel_dump_traceback_later()
    said.seek(0)
    if verdict.outcome != "failed" and (text := said.read()):
        return Verdict("failed", f"written to stderr: {text}")
    return verdict


def work(format: str, seeds: range, folder: Path | None) -> None:
    path = Path(f"mutant{SUFFIXES[format]}")
    models = base_models(format, folder)
    sound = [min(models.values(), key=len)] if folder else models.values()
    for data in sound:
        # Everything is imported and used once before memory is counted.
        path.write_bytes(data)
        verdict = judge(path, True)
        if folder is None and verdict.outcome != "imported":
            raise SystemExit(f"a sound model is not imported: {verdict.message}")
    with tempfile.TemporaryFile("w+") as said:
        os.dup2(said.fileno(), 2)
        limit_memory()
        start = memory()
        print("ready", flush=True)
        for seed in seeds:
            base, data = mutant(format, seed, folder)
            path.write_bytes(data)
            began = time.monotonic()
            limit = SECONDS_OF_FILES if folder else SECONDS
            verdict = judged(path, seed % COMPILED == 0, limit, said)
            line = {
                "seed": seed,
                "base": base,
                "seconds": time.monotonic() - began,
                "grown": memory() - start,
                **asdict(verdict),
            }
            print(json.dumps(line), flush=True)


def memory() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(format: str, first: str, end: str, folder: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        work(format, range(int(first), int(end)), Path(folder) if folder else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
