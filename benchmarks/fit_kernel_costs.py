"""
Fits the costs of kernels (passes/kernel_costs_*.json) to runs on a simulated core.

    .venv/bin/python benchmarks/fit_kernel_costs.py cortex-m4 --models DIR
    .venv/bin/python benchmarks/fit_kernel_costs.py cortex-m7 --models DIR

Runs many random layers of each kind, some dozens in one program, and the networks of
DIR that are named below. Each layer is an equation: what its kernel takes is the sum of
its counts, each times an unknown cost that is not negative. They are solved for each
kind, by least squares of relative errors. The page benchmarks/results/kernel_costs_*.md
says how well that fits. `--runs FILE --refit` fits what another call has kept there;
`--only NAME...` runs a part, and writes no costs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from random_layers import FAMILIES, random_network

from tinyml.backend.compiler import CompileOptions, compile_model, run_pipeline
from tinyml.backend.runner import (
    InputSets,
    RunOptions,
    load_report,
    random_inputs,
    run_directory,
)
from tinyml.dialects.kernel import kernel_of
from tinyml.dialects.network import layers, network_function
from tinyml.frontend.load import load_model
from tinyml.passes.kernel_costs import Costs, table, work_cycles
from tinyml.passes.kernel_work import Work, kernel_work
from tinyml.passes.layer_kind import layer_kind
from tinyml.passes.pipelines import FAST, FAST_KERNELS, LOWERING, PLANNING, SMALL

NETWORKS = {
    "mlperf_ad01": "model",
    "mlperf_kws_dscnn": "model",
    "mlperf_resnet8": "model",
    "mlperf_vww_mbv1_96": "model",
    "te_vww": "quantized",
    "te_detection": "quantized",
    "te_mcunetv2_large": "quantized",
    "mcunet_in3": "model",
    "coral_mbv2_10_224_i8": "model",
}
"""What is run besides random layers, and with which inputs and outputs."""

LARGE = ("te_mcunetv2_large", "mcunet_in3", "coral_mbv2_10_224_i8")
"""What takes long, and is run once."""

PORTABLE = " portable"
"""In the names of kinds whose code is C and not instructions."""

SLIGHT = 300.0
"""Cycles by which a layer may be wrong without that mattering much."""


@dataclass(frozen=True)
class Sample:
    """A layer that ran: what it is, what its kernel does, and what that took."""

    source: str
    layer: str
    kind: str
    counts: dict[str, float]
    cycles: int

    @property
    def work(self) -> Work:
        return Work(self.kind, self.counts)


# Runs


def measure(
    path: Path, source: str, chosen: str, options: CompileOptions
) -> Iterator[Sample]:
    """All layers of a network, by the passes that choose kernels and the profile."""
    module = load_model(path)
    if options.quantized_io:
        run_pipeline(module, "tinyml-quantized-io")
    run_pipeline(module, f"{chosen},{PLANNING}", each=False)
    order = layers(network_function(module))
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        compile_model(path, options).write(directory)
        report = load_report(directory)
        sets = InputSets(random_inputs(report), None).first(1)
        result = run_directory(directory, sets, None, RunOptions())
    if result["faults"] or result["profile"] is None:
        raise SystemExit(f"{source}: {result['faults'] or 'no profile'}")
    for op, layer in zip(order, result["profile"]["layers"], strict=True):
        assert layer["kind"] == layer_kind(op)
        work = kernel_work(op, kernel_of(op))
        counts = {name: number for name, number in work.counts.items() if number}
        yield Sample(
            source, layer["kind"], work.kind, counts, layer["cycles_estimated"]
        )


def measure_random(core: str, family: str, seed: int) -> Iterator[Sample]:
    """The layers of a random network."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "random.mlir"
        path.write_text(str(random_network(family, seed)), "utf-8")
        whole = f"{FAST_KERNELS},{PLANNING},{LOWERING}"
        options = CompileOptions(core, pipeline=whole)
        yield from measure(path, f"random {family}", FAST_KERNELS, options)


def run_all(
    core: str, models: Path | None, only: Sequence[str]
) -> Iterator[list[Sample]]:
    """The layers of one program after the other: of random ones, and of networks."""
    for family, (programs, _) in FAMILIES.items():
        for seed in range(programs if not only or family in only else 0):
            yield list(measure_random(core, family, seed))
    for name, io in NETWORKS.items():
        if models is None or (only and name not in only):
            continue
        (path,) = (p for s in ("", "*/") for p in models.glob(f"{s}{name}.tflite"))
        options = CompileOptions(core, quantized_io=io == "quantized")
        yield list(measure(path, name, FAST, options))
    for name, io in NETWORKS.items():
        # Shapes as they are, for the kernels without scratch memory as well.
        if models is None or name in LARGE or (only and f"{name} free" not in only):
            continue
        (path,) = (p for s in ("", "*/") for p in models.glob(f"{s}{name}.tflite"))
        whole = f"{SMALL},{PLANNING},{LOWERING}"
        options = CompileOptions(core, pipeline=whole, quantized_io=io == "quantized")
        yield list(measure(path, f"{name} free", SMALL, options))


# The fit


def nonnegative(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """
    `x >= 0` with the least `|a x - b|`: the active set method of Lawson and Hanson,
    *Solving Least Squares Problems*, 23.3.
    """
    count = a.shape[1]
    x, taken = np.zeros(count), np.zeros(count, bool)
    small = 1e-9 * max(1.0, float(np.abs(a.T @ b).max(initial=0.0)))
    for _ in range(10 * count):
        slope = a.T @ (b - a @ x)
        slope[taken] = -np.inf
        if taken.all() or slope.max() <= small:
            break
        taken[int(slope.argmax())] = True
        while True:
            trial = np.zeros(count)
            trial[taken] = np.linalg.lstsq(a[:, taken], b, rcond=None)[0]
            if (trial[taken] > 0).all():
                x = trial
                break
            below = taken & (trial <= 0)
            step = float((x[below] / (x[below] - trial[below])).min(initial=1.0))
            x += step * (trial - x)
            taken &= x > 1e-12
    return x


def fit(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """
    What each count of each kind takes; in portable code what it takes in instructions,
    and something more.
    """
    kinds = {sample.kind for sample in samples}
    found: dict[str, dict[str, float]] = {}
    for kind in sorted(kinds, key=lambda kind: (PORTABLE in kind, kind)):
        least = found.get(kind.replace(PORTABLE, ""), {}) if PORTABLE in kind else {}
        found[kind] = fit_kind([s for s in samples if s.kind == kind], least)
    return {kind: found[kind] for kind in sorted(kinds)}


def fit_kind(samples: Sequence[Sample], least: Mapping[str, float]) -> dict[str, float]:
    """By relative errors; those of small layers count less."""
    names = sorted({name for sample in samples for name in sample.counts} | {*least})
    rows = np.array([[s.counts.get(n, 0.0) for n in names] for s in samples])
    base = np.array([least.get(name, 0.0) for name in names])
    cycles = np.array([s.cycles for s in samples], float)
    weight = 1 / (cycles + SLIGHT)
    scale = np.maximum(np.abs(rows * weight[:, None]).max(axis=0), 1e-12)
    more = nonnegative(rows * weight[:, None] / scale, (cycles - rows @ base) * weight)
    costs = base + more / scale
    return {
        name: float(f"{cost:.4g}")
        for name, cost in zip(names, costs, strict=True)
        if cost > 0
    }


# The page


def error(samples: Sequence[Sample], found: Costs) -> float:
    """Of the sum of all layers, relative to what they took."""
    whole = sum(sample.cycles for sample in samples)
    told = sum(work_cycles(sample.work, found) or 0.0 for sample in samples)
    return told / whole - 1


def typical(samples: Sequence[Sample], found: Costs) -> tuple[float, float]:
    """The median of the layers' relative errors, and one that a tenth exceeds."""
    errors = [abs(error([sample], found)) for sample in samples]
    return float(np.median(errors)), float(np.quantile(errors, 0.9))


def percent(number: float) -> str:
    return f"{100 * number:+.1f} %"


def shares(*numbers: float) -> list[str]:
    return [f"{100 * number:.1f} %" for number in numbers]


def page(core: str, samples: Sequence[Sample], found: Costs) -> str:
    lines = [
        f"# Estimated cycles of kernels on {core}",
        "",
        "Made by `benchmarks/fit_kernel_costs.py`. The simulator's cycles are",
        "estimates, too (zero wait states); errors are those of `kernel_costs.py`.",
        "",
        "| network | simulator | estimate | error | layers: median | 90 % below |",
        "|---|---|---|---|---|---|",
    ]
    for source in [name for name in NETWORKS if any(s.source == name for s in samples)]:
        of = [s for s in samples if s.source == source]
        whole, wrong = sum(s.cycles for s in of), error(of, found)
        told = round(whole * (1 + wrong))
        middle, most = typical(of, found)
        cells = source, f"{whole:,}", f"{told:,}", percent(wrong), *shares(middle, most)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| kind of kernel | layers | error of the sum | median | 90 % below |",
        "|---|---|---|---|---|",
    ]
    for kind in found:
        of = [s for s in samples if s.kind == kind]
        middle, most = typical(of, found)
        cells = kind, str(len(of)), percent(error(of, found)), *shares(middle, most)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(core: str, samples: Sequence[Sample], found: Mapping[str, Any]) -> None:
    command = f"benchmarks/fit_kernel_costs.py {core} --models DIR"
    told = {"made_by": command, "costs": found}
    table(core).write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    results = Path(__file__).parent / "results"
    name = f"kernel_{table(core).stem.removeprefix('kernel_')}.md"
    (results / name).write_text(page(core, samples, found), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("core", choices=["cortex-m4", "cortex-m7"])
    parser.add_argument("--models", type=Path, metavar="DIR")
    parser.add_argument(
        "--runs", type=Path, nargs="+", metavar="FILE", help="keep runs, or read them"
    )
    parser.add_argument("--refit", action="store_true", help="from FILE, without runs")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="families and networks"
    )
    args = parser.parse_args()
    samples: list[Sample] = []
    if args.refit:
        for path in args.runs:
            samples += [Sample(**item) for item in json.loads(path.read_text("utf-8"))]
    else:
        for found in run_all(args.core, args.models, args.only):
            samples += found
            print(f"{found[0].source}: {len(found)} layers", flush=True)
            if args.runs:
                told = json.dumps([asdict(sample) for sample in samples])
                args.runs[0].write_text(told, "utf-8")
    costs = fit(samples)
    if not args.only:
        write(args.core, samples, costs)
    print(page(args.core, samples, costs))


if __name__ == "__main__":
    main()
