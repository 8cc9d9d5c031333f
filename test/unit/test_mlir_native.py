"""
Networks through MLIR's own passes to LLVM, run natively: the bits of the interpreter.

MLIR's tools are not part of this project; where they are absent these tests skip.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from host_library import HostLibrary
from networks import lower
from xdsl.context import Context
from xdsl.printer import Printer
from xdsl.transforms.mlir_opt import MLIROptPass
from xdsl.universe import Universe

from tinyml.backend.compiler_process import run_compiler
from tinyml.backend.network_info import network_info
from tinyml.backend.toolchain import find_toolchain
from tinyml.frontend.load import load_model
from tinyml.interp.run import run_network
from tinyml.passes.pipelines import staged

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.onnx"

VERSIONS = ("", *(f"-{version}" for version in range(30, 18, -1)))
VERSION = next((v for v in VERSIONS if shutil.which(f"mlir-translate{v}")), None)

TO_LLVM = (
    "convert-scf-to-cf expand-strided-metadata lower-affine finalize-memref-to-llvm "
    "convert-func-to-llvm convert-arith-to-llvm convert-cf-to-llvm "
    "reconcile-unrealized-casts"
).split()

PIPELINES = {
    "reference": "@reference",
    "default": "@default",
    "stages": staged("tinyml-stream{first=0 layers=4 columns=2}"),
}

pytestmark = pytest.mark.skipif(
    VERSION is None, reason="mlir-opt and mlir-translate are not installed"
)


def llvm(module_text: str, folder: Path) -> Path:
    """LLVM IR of a module that only has ops of MLIR's dialects."""
    source, lowered, made = (folder / f"network.{end}" for end in ("in", "mlir", "ll"))
    source.write_text(module_text)
    known = "--allow-unregistered-dialect"
    for tool, options, file, to in (
        ("mlir-opt", [f"--{name}" for name in TO_LLVM], source, lowered),
        ("mlir-translate", ["--mlir-to-llvmir"], lowered, made),
    ):
        command = [f"{tool}{VERSION}", known, *options, str(file), "-o", str(to)]
        subprocess.run(command, check=True)
    return made


def native(made: Path, folder: Path) -> ctypes.CDLL:
    """A library of LLVM IR, and of the hook that networks call after each layer."""
    hook, library = folder / "hook.c", folder / "network.so"
    hook.write_text("void layer_end(int layer) { (void)layer; }\n")
    toolchain = find_toolchain(None, "host")
    flags = ["-O1", "-fPIC", "-shared", "-Wno-override-module", "-o", str(library)]
    run_compiler([*toolchain.command, *flags, str(made), str(hook)], folder)
    return ctypes.CDLL(str(library))


def run_native(library: ctypes.CDLL, arena: np.ndarray) -> None:
    """Runs the network on an arena, which it gets as LLVM's memref descriptor."""
    data = arena.ctypes.data_as(ctypes.c_void_p)
    offset, size, stride = (ctypes.c_int64(n) for n in (0, arena.size, 1))
    library.network(data, data, offset, size, stride)


def test_passes_of_mlir(tmp_path: Path):
    """Passes of MLIR between ours and the C, whose bits they leave alone."""
    context = Context()
    for dialect, factory in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(dialect, factory)
    module = load_model(DIGITS)
    image = np.random.default_rng(1).uniform(0, 1, (1, 1, 8, 8)).astype(np.float32)
    (expected,) = run_network(module, [image])
    changed = lower(module, "@default")
    names = ("canonicalize", "cse", "loop-invariant-code-motion", "sccp")
    options = ("allow-unregistered-dialect", "mlir-print-op-generic", *names)
    arguments = tuple(f"--{option}" for option in options)
    MLIROptPass(f"mlir-opt{VERSION}", True, arguments).apply(context, changed)
    changed.verify()
    library = HostLibrary({"changed": changed}, tmp_path)
    (found,) = library.run("changed", [image])
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_digits(pipeline: str, tmp_path: Path):
    module = lower(load_model(DIGITS), "tinyml-quantized-io")
    image = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 1), np.int8)
    (expected,) = run_network(module, [image])
    lowered = lower(module, PIPELINES[pipeline])
    info = network_info(lowered)
    standard = lower(lowered, "tinyml-convert-acle-to-arith")
    text = StringIO()
    Printer(text).print_op(standard)
    library = native(llvm(text.getvalue(), tmp_path), tmp_path)
    arena = np.full(info.arena_bytes, 0x5A, np.int8)
    (source,), (result,) = info.inputs, info.outputs
    arena[source.offset : source.offset + source.size] = image.reshape(-1)
    run_native(library, arena)
    found = arena[result.offset : result.offset + result.size]
    assert found.tolist() == expected.reshape(-1).tolist()
