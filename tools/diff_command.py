"""
The command line of `tinyml diff`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from tinyml.tools.input_sets import InputSet, Ports


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", type=Path, metavar="A", help="a model, or .mlir")
    parser.add_argument("b", type=Path, nargs="?", metavar="B", help="the other one")
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE.npz",
        help="input sets; default: extremes and random numbers",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="instead of B: outputs (.npz) or checksums of layers (.json)",
    )
    parser.add_argument(
        "--seeds", type=int, default=2, metavar="N", help="random sets; default 2"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(function=command_diff)


def command_diff(args: argparse.Namespace) -> int:
    from xdsl.utils.exceptions import DiagnosticException

    from tinyml.backend.runner import load_layer_checks
    from tinyml.frontend.load import load_model
    from tinyml.tools.input_sets import input_sets, network_ports
    from tinyml.tools.network_diff import (
        Network,
        check_ports,
        diff_checksums,
        diff_networks,
        diff_outputs,
    )

    if (args.b is None) == (args.reference is None):
        raise DiagnosticException("expected a second model, or --reference FILE")
    module = load_model(args.a)
    ports = network_ports(module)
    if args.reference is None:
        other = load_model(args.b)
        check_ports(module, other)
        sets = input_sets(module, args.seeds)
        if args.inputs is not None:
            sets, _ = stored_sets(ports, args.inputs, None)
        verdict = diff_networks(Network.run(module, sets), Network.run(other, sets))
    elif args.reference.suffix == ".json":
        if args.inputs is None:
            raise DiagnosticException(
                f"{args.reference}: checksums are of certain inputs; expected --inputs "
                "FILE.npz with them"
            )
        checks = load_layer_checks(args.reference)
        sets, _ = stored_sets(ports, args.inputs, None)
        network = Network.run(module, sets[: len(checks.sets)])
        verdict = diff_checksums(network, checks)
    else:
        sets, outputs = stored_sets(ports, args.inputs, args.reference)
        assert outputs is not None
        verdict = diff_outputs(Network.run(module, sets), outputs)
    print("\n".join(verdict.lines))
    return 0 if verdict.is_equal else 1


def stored_sets(
    ports: Ports, inputs: Path | None, reference: Path | None
) -> tuple[list[InputSet], Sequence[np.ndarray] | None]:
    """The input sets of a file, and the reference's outputs of them."""
    from tinyml.backend.runner import load_sets
    from tinyml.tools.input_sets import InputSet

    report: dict[str, list[dict[str, Any]]] = {
        key: [
            {"name": p.label, "type": p.dtype.name, "shape": list(p.shape)}
            for p in found
        ]
        for key, found in (("inputs", ports.inputs), ("outputs", ports.outputs))
    }
    loaded = load_sets(report, inputs, reference)
    sets = [
        InputSet(
            str(number),
            [
                array[number].reshape(port.shape)
                for array, port in zip(loaded.inputs, ports.inputs, strict=True)
            ],
        )
        for number in range(loaded.count)
    ]
    return sets, loaded.outputs
