"""
Exits with 1 unless two files hold the same IR: ops, types, attributes, and names of
layers. Names of values do not count, as mlir-opt keeps none.
"""

import sys
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, NameLoc

from tinyml.frontend.load import parse_mlir


def layer_names(module: ModuleOp) -> list[str | None]:
    places = (op.location for op in module.walk())
    return [at.desc.data if isinstance(at, NameLoc) else None for at in places]


ours, theirs = (parse_mlir(Path(file).read_bytes(), file) for file in sys.argv[1:])
for module in (ours, theirs):
    module.verify()
if not ours.is_structurally_equivalent(theirs):
    sys.exit("the files hold different IR")
if layer_names(ours) != layer_names(theirs):
    sys.exit("the files have different names of layers")
