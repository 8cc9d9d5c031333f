"""`tinyml-opt --time-passes`: how long each pass takes, as MLIR prints it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from time import perf_counter

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tinyml.tools.instrumentation import PassInstrumentation

VERIFIER = "(verify)"


@dataclass
class PassTiming(PassInstrumentation):
    """Adds up seconds over all modules and prints them in the order of the passes."""

    seconds: dict[tuple[int, str], float] = field(
        default_factory=dict[tuple[int, str], float]
    )
    """By number and name of the pass; `VERIFIER` is what verifying after it took."""

    started: float = 0.0

    def before_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        self.started = perf_counter()

    def before_verify(self, number: int, pass_: ModulePass) -> None:
        self.note(number, pass_.name)

    def after_pass(self, number: int, pass_: ModulePass, module: ModuleOp) -> None:
        self.note(number, VERIFIER)

    def note(self, number: int, name: str) -> None:
        """Counts the time since the last note."""
        key, now = (number, name), perf_counter()
        self.seconds[key] = self.seconds.get(key, 0.0) + now - self.started
        self.started = now

    def finish(self) -> None:
        if self.seconds:
            print(time_table(self.seconds), file=sys.stderr)


def time_table(seconds: dict[tuple[int, str], float]) -> str:
    """A line for each pass, one for the verifier, one for the total."""
    verifying = sum(t for (_, name), t in seconds.items() if name == VERIFIER)
    rows = [(name, t) for (_, name), t in seconds.items() if name != VERIFIER]
    rows += [(VERIFIER, verifying), ("Total", sum(seconds.values()))]
    whole = rows[-1][1] or 1.0
    lines = [f"{t:10.4f} ({t / whole:6.1%})  {name}" for name, t in rows]
    return "\n".join(["  ----Wall Time----  ----Name----", *lines])
