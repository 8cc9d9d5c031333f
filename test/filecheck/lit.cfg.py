import importlib.util
import os
import shutil
import sys

import lit.formats
import lit.util

config.name = "tinyml"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)

# Use the tools of the interpreter that runs lit, not whatever is first on PATH.
bin_folder = os.path.dirname(sys.executable)
config.environment["PATH"] = bin_folder + os.pathsep + os.environ["PATH"]

# lit passes nothing of the environment on by itself.
for variable in ("HOME", "PYTHONPATH", "ZIG_GLOBAL_CACHE_DIR"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

# Seconds for one test; lit can only end it with the help of psutil.
if lit.util.killProcessAndChildrenIsSupported()[0]:
    config.maxIndividualTestTime = 60

# The C compiler that comes with the compiler's own requirements, unless CC says more.
# `zig cc` checks no syntax of stdin, the clang in it does.
zig = os.path.dirname(importlib.util.find_spec("ziglang").origin)
zig_headers = os.path.join(zig, "lib", "include")
zig_clang = f"{sys.executable} -m ziglang clang -ffreestanding -isystem {zig_headers}"
cc = os.environ.get("CC", zig_clang)
check = f"{cc} -Wall -Wextra -Wconversion -Wshadow -Werror -fsyntax-only"

opt = "tinyml-opt %s --split-input-file"
config.substitutions += [
    (
        "TINYML_ROUNDTRIP",
        f"{opt} --print-op-generic | tinyml-opt --split-input-file | filecheck %s",
    ),
    (
        "TINYML_GENERIC_ROUNDTRIP",
        f"{opt} --print-op-generic | filecheck %s --check-prefix=CHECK-GENERIC",
    ),
    # Stock xDSL, which finds our dialects and passes by itself.
    (r"\bxdsl-opt\b", os.path.join(bin_folder, "xdsl-opt")),
    # Read C from stdin and accept it without a warning, or fail.
    ("%check_cxx", f"{check} -std=c++11 -x c++ -"),
    ("%check_c", f"{check} -std=c99 -x c -"),
]

# MLIR's own tool, under the names that it has in Debian too, the newest first.
versions = range(30, 18, -1)
names = ["mlir-opt", *(f"mlir-opt-{version}" for version in versions)]
names += [f"/usr/lib/llvm-{version}/bin/mlir-opt" for version in versions]
config.mlir_opt = next(filter(None, map(shutil.which, names)), None)

for feature, tool in {
    "arm-gcc": "arm-none-eabi-gcc",
    "mlir-opt": config.mlir_opt or "mlir-opt",
    "qemu-arm": "qemu-system-arm",
}.items():
    if shutil.which(tool):
        config.available_features.add(feature)
