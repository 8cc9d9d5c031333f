"""
Judges damaged models by the thousand, or one of them again.

    .venv/bin/python test/fuzz --count 2000
    .venv/bin/python test/fuzz onnx --seed 17       # what became of one, and why
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import campaign
from campaign import FORMATS, Tally


def main() -> int:
    parser = argparse.ArgumentParser(description="Feeds the importers damaged models.")
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=" ".join(FORMATS))
    parser.add_argument("--count", type=int, default=2000, help="mutants per format")
    parser.add_argument("--seed", type=int, help="only this mutant")
    parser.add_argument("--models", type=Path, help="a folder of sound models")
    parser.add_argument("--messages", action="store_true", help="show all refusals")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    if args.models is not None and not args.models.is_dir():
        print(f"skipped: there are no models in {args.models}")
        return 0
    failed = False
    for format in args.formats or FORMATS:
        if reason := campaign.missing(format):
            print(f"{format}: skipped, {reason}")
            continue
        first = 0 if args.seed is None else args.seed
        count = args.count if args.seed is None else 1
        began = time.monotonic()
        tally = spread(format, range(first, first + count), args.models, args.jobs)
        print(f"{format}: {tally}; {time.monotonic() - began:.0f} s in all")
        for message, number in sorted(tally.messages.items()):
            if args.messages or args.seed is not None:
                print(f"  {number} x {message}")
        for failure in tally.failures:
            print(failure)
        failed = failed or bool(tally.failures)
    return 1 if failed else 0


def spread(format: str, seeds: range, folder: Path | None, jobs: int) -> Tally:
    """Some hundreds of mutants for each worker, and a few workers at a time."""
    chunks = [seeds[i : i + 500] for i in range(0, len(seeds), 500)]
    total = Tally()
    with ThreadPoolExecutor(jobs) as pool:
        for task in [pool.submit(campaign.run, format, c, folder) for c in chunks]:
            total.add(task.result())
    return total


if __name__ == "__main__":
    sys.exit(main())
