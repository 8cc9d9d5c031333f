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
for variable in ("HOME", "ZIG_GLOBAL_CACHE_DIR"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

# Seconds for one test; lit can only end it with the help of psutil.
if lit.util.killProcessAndChildrenIsSupported()[0]:
    config.maxIndividualTestTime = 60

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
    ("%cc", os.environ.get("CC", "cc")),
]

for feature, tool in {
    "arm-gcc": "arm-none-eabi-gcc",
    "host-cc": os.environ.get("CC", "cc"),
    "mlir-opt": "mlir-opt",
    "qemu-arm": "qemu-system-arm",
}.items():
    if shutil.which(tool):
        config.available_features.add(feature)
