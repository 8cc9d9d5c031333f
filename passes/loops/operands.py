"""The buffers of a layer by the names that the op gives them."""

from xdsl.ir import SSAValue

Operands = dict[str, SSAValue]
"""`input` (or `lhs`, `rhs`), `output`, and the constants that the layer names."""
