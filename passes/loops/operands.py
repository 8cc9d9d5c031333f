"""What a lowering gets: the buffers of its layer by the names the op gives them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from tinyml.dialects.layer import LayerOp
from tinyml.passes.loops.kernel import Kernel

Operands = dict[str, SSAValue]
"""`input` (or `lhs`, `rhs`), `output`, and the constants that the layer names."""

Lowerings = Mapping[type[LayerOp], Callable[[Kernel, Any, Operands], None]]
"""The function that builds the loops of each kind of layer."""

Tables = Mapping[type[LayerOp], Callable[[Any], dict[str, np.ndarray]]]
"""Constants that a kernel reads and the layer implies, by operand name."""
